"""CSV and TSV. In CSV quotation marks quote; in TSV they are characters like any other."""

import csv
from collections.abc import Callable, Iterator
from itertools import islice

from backend.errors import TextSetError
from backend.textsets.decoding import Decoded, first_line, iter_lines, line_end, raw_lines
from backend.textsets.limits import Limits, check_cells
from backend.textsets.tables import RawTable, listed, plural, shortened, unique_names

Record = tuple[int, list[str]]  # line of the file it begins on, from 1; its cells
_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
_CSV_ERRORS = (  # the words of the csv module
    ("unexpected end", "a quotation mark is not closed"),
    ("expected after", "text follows a closing quotation mark"),
    ("new-line character", "a carriage return stands outside quotation marks"),
)
_QUOTED_CSV = (
    "A text with a separator, a quotation mark or a line break in it stands in quotation marks, with those inside"
    " doubled. Where quotation marks are ordinary characters, choose the format TSV; for one text a line, TXT."
)
_RAGGED_TSV = (
    "In TSV a text holds neither a tab nor a line break. If cells are quoted as in CSV, choose the format CSV;"
    " for one text a line, TXT."
)


def read_csv(decoded: Decoded, *, header: bool, limits: Limits, tabs: bool = False) -> RawTable:
    """Table of a CSV file (RFC 4180): comma, or semicolon or tab where the first line has no comma.

    ``tabs``: the separator is a tab, whatever the first line holds. Raises TextSetError with the row and the line for
    a quotation mark that is not closed, for text after a closing one, and for a row of another width.
    """
    delimiter = "\t" if tabs else csv_delimiter(decoded.text)
    notices = [] if delimiter == "," else [f"Cells are separated by {_DELIMITERS[delimiter]}s."]
    return _table("csv", decoded, lambda: csv_records(decoded.text, delimiter), header, limits, notices)


def read_tsv(decoded: Decoded, *, header: bool, limits: Limits) -> RawTable:
    """Table of a TSV file: a line is a row, a tab ends a cell, and quotation marks are kept as they are.

    Raises TextSetError with the row number for a row of another width.
    """
    table = _table("tsv", decoded, lambda: tsv_records(decoded.text), header, limits, [])
    n_quoted = sum(
        cell is not None and len(cell) > 1 and cell[0] == '"' == cell[-1] for cells in table.cells for cell in cells
    )
    if not n_quoted:
        return table
    notice = (
        f"{plural(n_quoted, 'cell')} in quotation marks: TSV keeps them. To take them off, choose the format CSV"
        " (tabs are recognised there)."
    )
    return RawTable(
        table.format,
        table.encoding,
        table.columns,
        table.cells,
        table.n_rows,
        notices=(*table.notices, notice),
    )


def csv_delimiter(text: str) -> str:
    """The separator of a CSV file: a comma, or what its first line has instead."""
    first = first_line(text)
    if "," not in first:
        for delimiter in ("\t", ";"):
            if delimiter in first:
                return delimiter
    return ","


def csv_records(text: str, delimiter: str) -> Iterator[Record]:
    """Records of CSV text with the line each begins on; raises TextSetError where the quoting is broken."""
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    end = line_end(text)  # of every line alike, so that a lone CR in a cell is not taken for the end of a row
    reader = csv.reader((line + end for line in raw_lines(text)), delimiter=delimiter, strict=True)
    row = 0
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            what = next((meaning for words, meaning in _CSV_ERRORS if words in str(error)), str(error))
            raise TextSetError(f"Record {row + 1:,} (line {line:,} of the file): {what}.", _QUOTED_CSV) from None
        row += bool(cells)
        yield line, cells


def tsv_records(text: str) -> Iterator[Record]:
    """Records of TSV text with the line of each; a blank line is a record without cells."""
    for number, line in enumerate(iter_lines(text), start=1):
        yield number, line.split("\t") if line else []


def same_width(records: Iterator[Record], n_records: int = 20) -> int:
    """Width of the first records where all have the same one and there are at least two, else 0."""
    try:
        widths = [len(cells) for _, cells in islice(records, n_records) if cells]
    except TextSetError:
        return 0
    return widths[0] if len(widths) > 1 and len(set(widths)) == 1 else 0


def _table(
    format_name: str,
    decoded: Decoded,
    records: Callable[[], Iterator[Record]],
    header: bool,
    limits: Limits,
    notices: list[str],
) -> RawTable:
    rows: list[list[str]] = []
    width, n_blank = 0, 0
    names: list[str] | None = None
    for line, cells in records():
        if not cells:
            n_blank += 1
            limits.check_blank(n_blank)
            continue
        if not width:
            width = len(cells)
            check_cells(1, width)
            if header:
                names = [cell.strip() for cell in cells]
                continue
        if len(cells) != width:
            raise _ragged(format_name, len(rows) + 1, line, len(cells), width, header)
        rows.append(cells)
        limits.check_rows(len(rows))
    check_cells(len(rows), width)
    columns, renamed = unique_names(names if names is not None else [str(number) for number in range(width)])
    notices = [*decoded.notices, *notices, *renamed]
    if names is not None:
        notices += _doubtful_header(names)
    if n_blank:
        notices.append(f"Skipped {plural(n_blank, 'blank line')}.")
    columns_of_cells = [tuple(cell or None for cell in column) for column in zip(*rows, strict=True)]
    return RawTable(
        format_name,
        decoded.encoding,
        columns,
        tuple(columns_of_cells) if rows else tuple(() for _ in columns),
        len(rows),
        notices=tuple(notices),
    )


def _ragged(format_name: str, row: int, line: int, n_cells: int, width: int, header: bool) -> TextSetError:
    where = "the header" if header else "the first row"
    return TextSetError(
        f"Row {row:,} (line {line:,} of the file) has {plural(n_cells, 'cell')}, {where} has {width:,}.",
        _QUOTED_CSV if format_name == "csv" else _RAGGED_TSV,
    )


def _doubtful_header(names: list[str]) -> list[str]:
    if not any(len(name) > 50 or name.replace(".", "", 1).isdecimal() for name in names):
        return []
    return [
        f"The first row was taken as the header: {listed(shortened(name, 30) for name in names[:5])}."
        " If it is a row like the others, read the file without a header."
    ]
