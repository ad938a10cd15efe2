"""CSV and TSV. In CSV quotation marks quote; in TSV they are characters like any other, unless only quoting fits."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from backend.errors import TextSetError
from backend.textsets.decoding import Decoded
from backend.textsets.headers import ROW_NAME, guess_header, is_row_name
from backend.textsets.limits import Limits, check_cells
from backend.textsets.records import QUOTED_CSV, Dialect, mark_name, mark_of, marks_name, records
from backend.textsets.separators import Tally, find_dialect, looks_like_table, table_start
from backend.textsets.tables import RawTable, listed, shortened, unique_names
from backend.textsets.tidying import tidy
from backend.values.numbers import plural
from backend.values.reading import ReadOptions
from backend.values.texts import Guess

_RAGGED_TSV = (
    "In TSV a text holds neither a tab nor a line break. If cells are quoted as in CSV, choose the format CSV;"
    " for one text per line, TXT."
)


_RULE = re.compile(r"(?::?[-=+]{3,}:?)?")


@dataclass(slots=True)
class _Rows:
    """The records of a file below its start, and what was seen while they were read."""

    cells: list[list[str]]
    lines: list[int]
    n_blank: int = 0
    n_trimmed: int = 0


def read_delimited(decoded: Decoded, format_name: str, options: ReadOptions, *, limits: Limits) -> RawTable:
    """Table of a file whose cells are parted by a separator; ``format_name`` is csv or tsv.

    The separator is ``options.separator``, that of a first line "sep=", a tab in TSV where there are tabs, or the one
    that cuts all lines alike. A header that is one cell short leaves the names of the rows unnamed, as R writes them.
    Empty cells at the end of rows are no columns, a repeated header no row. Raises TextSetError with the row and the
    line for broken quoting and for a row of another width.
    """
    start = table_start(decoded.text)
    best, others = _dialect(start.text, format_name, options.separator, start.mark)
    rows = _rows(start.text, best, start.n_lines, limits, format_name, options)
    header, short, guessed = _header(rows.cells, best, options)
    notices = [*decoded.notices, *start.notices, *_said(best.dialect, format_name)]
    names: Sequence[str] | None = [tidy(cell) for cell in rows.cells[0]] if header else None
    if header:
        rows.cells.pop(0)
        if not options.header and not guessed:
            notices.append(_doubt(names or []))
        notices += _without_rule(rows)
        if options.header or guessed:
            notices += _without_repeats(rows, names or [])
    elif options.header is None:
        notices.append("The first row holds no column names: it was read as a row, and columns go by number from 0.")
    limits.check_rows(len(rows.cells))
    width = best.width if rows.cells else len(names or [])
    check_cells(len(rows.cells), width)
    cells = [tuple(cell or None for cell in column) for column in zip(*rows.cells, strict=True)] or [()] * width
    names, cells, more = _named(list(names) if names is not None else None, cells, short)
    columns, renamed = unique_names(names)
    notices += [*more, *renamed]
    if options.header and header:
        notices += _doubtful(columns)
    if rows.n_trimmed:
        notices.append(f"Left out empty cells at the end of {plural(rows.n_trimmed, 'row')}: they belong to no column.")
    if rows.n_blank:
        notices.append(f"Skipped {plural(rows.n_blank, 'blank line')}.")
    guesses = (*_guesses(best, others, options, start.mark, format_name), *_header_guess(header, options, columns))
    return RawTable(
        format_name,
        decoded.encoding,
        columns,
        tuple(cells),
        len(rows.cells),
        notices=tuple(notices),
        guesses=guesses,
        header=header,
    )


def _dialect(text: str, format_name: str, given: str | None, named: str | None) -> tuple[Tally, list[Tally]]:
    literal = format_name == "tsv"
    if given is not None or named is not None:
        mark = mark_of(given) if given is not None else named or ","
        return find_dialect(text, (mark,), literal=literal)
    if literal:
        best, _ = find_dialect(text, ("\t",), literal=True)
        if best.first > 1 or best.width > 1:
            return best, []
        if not looks_like_table(text, named=True):
            return find_dialect(text, ("",))
    return find_dialect(text)


def _rows(text: str, best: Tally, n_before: int, limits: Limits, format_name: str, options: ReadOptions) -> _Rows:
    """All records; their width is the first's, or the others' where they agree on one that a header is short of."""
    found = _Rows([], [])
    width = 0
    for line, cells in records(text, best.dialect):
        if not cells:
            found.n_blank += 1
            limits.check_blank(found.n_blank)
            continue
        if best.dialect.spaced:
            cells = [cell.strip(" ") for cell in cells]
        if not width:
            check_cells(1, len(cells))
            width = best.width if best.consistent and options.header is not False else len(cells)
            check_cells(1, width)
        elif len(cells) > width and not any(cell.strip() for cell in cells[width:]):
            found.n_trimmed += 1
            del cells[width:]
        if len(cells) != width and (found.cells or len(cells) != width - 1):
            raise _ragged(best, format_name, found.cells, line + n_before, len(cells), width, options)
        found.cells.append(cells)
        limits.check_rows(len(found.cells) - (options.header is not False))
        check_cells(len(found.cells) - 1, width)
    return found


def _header(cells: list[list[str]], best: Tally, options: ReadOptions) -> tuple[bool, bool, bool]:
    """Whether there is a header, whether it is a cell short, and whether anything says that there is one."""
    if not cells or options.header is False:
        return False, False, True
    short = len(cells[0]) < best.width and best.consistent
    if short or options.header:
        return True, short, True
    chosen = options.columns
    named = [tidy(item) for item in (chosen.text, chosen.pair, chosen.label, chosen.split) if isinstance(item, str)]
    header, sure = guess_header(cells, named)
    return header, False, sure


def _named(
    names: list[str] | None, cells: list[tuple[str | None, ...]], short: bool
) -> tuple[list[str], list[tuple[str | None, ...]], list[str]]:
    """Names for all columns: for the names of rows too, and without columns that have neither a name nor a cell."""
    if names is None:
        return [str(number) for number in range(len(cells))], cells, []
    notices = []
    if short:
        names = [ROW_NAME, *names]
        notices.append(
            f"The header has one cell fewer than the rows, as R writes it: the first cell of each row is its name (column"
            f' "{ROW_NAME}").'
        )
    elif len(names) > 1 and not names[0] and cells and cells[0] and is_row_name(cells[0]):
        names = [ROW_NAME, *names[1:]]
        notices.append(f'The first column has no name and holds the names of the rows: it is called "{ROW_NAME}".')
    empty = [place for place, name in enumerate(names) if not name and not any(cells[place])]
    if empty and len(empty) < len(names):
        names = [name for place, name in enumerate(names) if place not in empty]
        cells = [column for place, column in enumerate(cells) if place not in empty]
        notices.append(f"Left out {plural(len(empty), 'column')} without a name and without a single cell.")
    return names, cells, notices


def _without_rule(rows: _Rows) -> list[str]:
    """Drop the line of dashes that Markdown and databases draw below a header."""
    if not rows.cells or not all(_RULE.fullmatch(cell.strip()) for cell in rows.cells[0]) or not any(rows.cells[0]):
        return []
    rows.cells.pop(0)
    return ["Dropped the line of dashes below the header."]


def _without_repeats(rows: _Rows, names: Sequence[str]) -> list[str]:
    """Drop rows that are the header again, as joining files leaves them."""
    if len(names) < 2 or len(set(names)) < len(names):
        return []
    again = [number for number, cells in enumerate(rows.cells) if cells[0].endswith(names[0]) and _is(cells, names)]
    if not again or len(again) == len(rows.cells):
        return []
    gone = set(again)
    rows.cells = [cells for number, cells in enumerate(rows.cells) if number not in gone]
    return [f"Dropped {plural(len(again), 'repetition')} of the header among the rows, left over from joining files."]


def _is(cells: Sequence[str], names: Sequence[str]) -> bool:
    return [tidy(cell) for cell in cells] == list(names)


def _said(dialect: Dialect, format_name: str) -> list[str]:
    notices = []
    if format_name == "csv" and dialect.mark not in (",", ""):
        notices.append(f"Cells are separated by {mark_name(dialect.mark)}s.")
    if format_name == "tsv" and dialect.mark != "\t":
        notices.append(f"There are no tabs: cells are separated by {mark_name(dialect.mark)}s.")
    if format_name == "tsv" and dialect.mark == "\t" and dialect.quotes:
        notices.append("Quotation marks around cells were taken off, as in CSV.")
    if not dialect.mark:
        notices.append("There is one column: no separator splits all lines alike.")
    if dialect.spaced:
        notices.append(f"Spaces beside a {mark_name(dialect.mark)} are not part of a cell.")
    if dialect.backslash:
        notices.append("Quotation marks within quoted cells are escaped with a backslash.")
    return notices


def _guesses(
    best: Tally, others: list[Tally], options: ReadOptions, named: str | None, format_name: str
) -> list[Guess]:
    if options.separator is not None or named is not None or (format_name == "tsv" and best.dialect.mark == "\t"):
        return []
    found = [
        f"{mark_name(other.dialect.mark)} ({plural(max(other.first, other.width), 'column')})"
        if other.consistent
        else f"{mark_name(other.dialect.mark)} (rows of different widths)"
        for other in others[:2]
    ] or (["none (one column)"] if best.dialect.mark else [])
    columns = plural(best.width, "column")
    took = f"{mark_name(best.dialect.mark)} ({columns})"
    return [Guess("separator", took, " or ".join(found), _separated(best, others[:2]))]


def _separated(best: Tally, others: list[Tally]) -> str:
    """The same in sentences."""
    if not best.dialect.mark:
        said = ["Nothing separates the cells of a row, so there is one column."]
    else:
        said = [f"The cells of a row are separated by {marks_name(best.dialect.mark)}: {plural(best.width, 'column')}."]
    for other in others:
        by = marks_name(other.dialect.mark) if other.dialect.mark else "nothing"
        width = plural(max(other.first, other.width), "column")
        then = f"there would be {width}" if other.consistent else "rows would be of different widths"
        said.append(f"Separated by {by}, {then}.")
    if best.dialect.mark and not others:
        said.append("Unseparated, each row would be one cell.")
    return " ".join(said)


def _header_guess(header: bool, options: ReadOptions, columns: Sequence[str]) -> list[Guess]:
    if options.header is not None:
        return []
    took = "the first row holds them" if header else "none (columns go by number)"
    other = "none: the first row is a row like the others" if header else "the first row holds them"
    said = (
        "The first row holds the names of the columns. It could also be a row like the others."
        if header
        else "The columns have no names and are numbered. The first row could also hold their names."
    )
    return [Guess("column names", took, other, said)]


def _ragged(
    best: Tally, format_name: str, before: list[list[str]], line: int, n_cells: int, width: int, options: ReadOptions
) -> TextSetError:
    header = options.header is not False and (len(before) == 1 or _header(before, best, options)[0])
    where = "the header" if header else "the first row"
    number = len(before) + (not header)
    hint = _RAGGED_TSV if format_name == "tsv" else QUOTED_CSV
    if width == 1 and best.width > 1 and best.share > 0.9:
        hint = "Remove the lines above the column names, if there are any. " + hint
    hint += f" Cells were separated by {mark_name(best.dialect.mark)}s: choose another separator if that is wrong."
    return TextSetError(
        f"Row {number:,} (line {line:,} of the file) has {plural(n_cells, 'cell')}, {where} has {width:,}.", hint
    )


def _doubt(names: Sequence[str]) -> str:
    return (
        f"The first row was taken as the header, though nothing says that it is one:"
        f" {listed(shortened(name, 30) for name in names[:5])}. If it is a row like the others, read the file without a"
        " header."
    )


def _doubtful(names: Sequence[str]) -> list[str]:
    if not any(len(name) > 50 or name.replace(".", "", 1).isdecimal() for name in names):
        return []
    return [
        f"The first row was taken as the header: {listed(shortened(name, 30) for name in names[:5])}."
        " If it is a row like the others, read the file without a header."
    ]


def note_quotes(table: RawTable) -> RawTable:
    """``table`` of a TSV file with a notice where cells stand in quotation marks, which are kept."""
    n_quoted = sum(
        cell is not None and len(cell) > 1 and cell[0] == '"' == cell[-1] for cells in table.cells for cell in cells
    )
    if not n_quoted:
        return table
    return table.noting(
        f"{plural(n_quoted, 'cell')} in quotation marks: TSV keeps them. To take them off, choose the format CSV"
        " (tabs are recognised there)."
    )
