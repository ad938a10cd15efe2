"""From all columns of a file to a text set: the chosen columns, without the rows that have no text."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from backend.errors import TextSetError
from backend.textsets.limits import LONGEST_CLASS, Limits
from backend.textsets.roles import guess_roles
from backend.textsets.tables import RawTable, listed, numbered, shortened
from backend.textsets.tidying import tidy, tidy_labels, without_marks
from backend.values.numbers import plural
from backend.values.reading import TextColumns
from backend.values.texts import Cell, TextTable

_LONGEST_LABEL = 200  # characters; a column of longer cells, or of nearly as many as there are rows, is prose
_FEW = 20


def select(table: RawTable, name: str, columns: TextColumns, limits: Limits) -> TextTable:
    """Text set of the chosen ``columns``; without a text column, the one that looks most like it, with a notice.

    Cells of ``columns.joined`` follow the text's and those of ``columns.ahead`` come before it, with line breaks between them; where one is blank it is passed over. Rows whose text (or second text) is missing or blank are dropped and counted in a notice; a label or split that is
    blank is missing. Columns that may be labels are tidied, texts keep their characters but for byte order marks. Raises TextSetError for a column that is not there, for one chosen twice, for nested values, for
    a text over the limit, and where no text is left.
    """
    notices = list(table.notices)
    text, pair, label, split = _roles(table, columns, notices)
    if columns.joined or columns.ahead:
        table = _with_joined(table, text, columns, notices)
    kept = _kept_rows(table, text, pair, notices)
    texts = _checked(table, text, kept, limits, notices)
    pairs = _checked(table, pair, kept, limits, notices) if pair is not None else None
    others: dict[str, tuple[Cell, ...]] = {}
    more: Sequence[str | int] = columns.metadata or ()
    if columns.metadata is None:
        more, left_out = other_columns(table, limits, of=set(table.columns) - {text, pair, label, split})
        notices += left_out
    for chosen, role in [(label, "label"), (split, "split"), *((item, "") for item in more)]:
        if chosen is None:
            continue
        column = find_column(table, chosen) if not role else str(chosen)
        if column in (text, pair) or column in others:
            continue
        cells = _cells(table, column)
        _check_lengths(column, cells, kept, limits)
        if role:
            _check_classes(column, role, cells, kept)
        others[column] = _tidied([cells[row] for row in kept], column, bool(role), notices)
    if label is not None:
        _note_missing(others[label], label, kept, notices)
    return TextTable(name, texts, pairs, others, label, split, notices=tuple(notices))


def find_column(table: RawTable, column: str | int) -> str:
    """Name of a column given by name or by number from 0; raises TextSetError with the columns that there are."""
    if isinstance(column, str) and column in table.columns:
        name = column
    elif isinstance(column, int) and 0 <= column < len(table.columns):
        name = table.columns[column]
    else:
        shown = f'"{shortened(column, 60)}"' if isinstance(column, str) else f"number {column}"
        numbers = f"0 to {len(table.columns) - 1}" if len(table.columns) > 1 else "0"
        raise TextSetError(
            f"There is no column {shown}.",
            f"There are {plural(len(table.columns), 'column')}: {listed(table.columns)} (numbers {numbers}).",
        )
    if name in table.unreadable:
        raise TextSetError(
            f'Column "{shortened(name, 60)}" cannot be chosen: {table.unreadable[name]}.',
            "Choose a column of texts or numbers.",
        )
    return name


def other_columns(
    table: RawTable, limits: Limits, *, of: Collection[str] | None = None
) -> tuple[tuple[str, ...], list[str]]:
    """Names of the columns (those in ``of``) that can be kept beside the texts, and a notice for each that cannot."""
    kept, notices = [], []
    for name, cells in zip(table.columns, table.cells, strict=True):
        if of is not None and name not in of:
            continue
        why = table.unreadable.get(name, "")
        if not why and any(cell is not None and len(cell) > limits.max_text_chars for cell in cells):
            why = f"a cell is over the limit of {limits.max_text_chars:,} characters (EMBEDSCOPE_MAX_TEXT_CHARS)"
        if why:
            notices.append(f'Left out column "{shortened(name, 60)}": {why}.')
        else:
            kept.append(name)
    if len(notices) > _FEW:
        notices = [*notices[:_FEW], f"Left out {len(notices) - _FEW:,} further columns for such reasons."]
    return tuple(kept), notices


def blank_rows(cells: Sequence[Cell]) -> list[int]:
    """Positions (from 0) of the cells that are missing or hold only white space and characters that are not seen."""
    return [row for row, cell in enumerate(cells) if cell is None or not cell.strip() or _is_unseen(cell)]


def _is_unseen(cell: str) -> bool:
    return len(cell) < 50 and not cell.isascii() and not tidy(cell)


def _roles(table: RawTable, columns: TextColumns, notices: list[str]) -> tuple[str, str | None, str | None, str | None]:
    if columns.text is None:
        text = guess_roles(table).text
        if text is None:
            raise TextSetError("No column holds texts.", f"Choose the text column; there are: {listed(table.columns)}.")
        if len(table.columns) > 1:
            notices.append(f'Texts were taken from column "{text}", which looks most like it.')
    else:
        text = find_column(table, columns.text)
    pair, label, split = (
        None if chosen is None else find_column(table, chosen)
        for chosen in (columns.pair, columns.label, columns.split)
    )
    roles = {"text": text, "second text": pair, "label": label, "split": split}
    for role, column in roles.items():
        other = next((name for name, value in roles.items() if value == column and name != role), None)
        if column is not None and other is not None:
            raise TextSetError(
                f'Column "{shortened(column, 60)}" is chosen twice, as {role} and as {other}.',
                "Choose another column for one of them.",
            )
    return text, pair, label, split


def _with_joined(table: RawTable, text: str, columns: TextColumns, notices: list[str]) -> RawTable:
    """The table with the cells of further columns in the text column's own."""
    before, after = ([find_column(table, chosen) for chosen in some] for some in (columns.ahead, columns.joined))
    names = [*before, text, *after]
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise TextSetError(f'Column "{shortened(twice, 60)}" would be in each text twice.', "Name each column once.")
    blank = [set(blank_rows(_cells(table, name))) for name in names]
    cells = [
        "\n".join(cell for cell, none in zip(row, blank, strict=True) if cell is not None and place not in none) or None
        for place, row in enumerate(zip(*(_cells(table, name) for name in names), strict=True))
    ]
    listed_names = ", ".join(f'"{shortened(name, 60)}"' for name in names)
    notices.append(f"Each text is made of the columns {listed_names}, with a line break between them.")
    at = table.columns.index(text)
    return replace(table, cells=(*table.cells[:at], cells, *table.cells[at + 1 :]))


def _kept_rows(table: RawTable, text: str, pair: str | None, notices: list[str]) -> list[int]:
    dropped: set[int] = set()
    for column, what in ((text, "text"), (pair, "second text")):
        if column is None:
            continue
        blank = [row for row in blank_rows(_cells(table, column)) if row not in dropped]
        if blank:
            dropped.update(blank)
            notices.append(f"Dropped {plural(len(blank), 'row')} with an empty {what}: {numbered(blank)}.")
    kept = [row for row in range(table.n_rows) if row not in dropped]
    if not kept:
        raise TextSetError(f'No text is left: column "{text}" is empty in every row.', "Choose another text column.")
    return kept


def _checked(table: RawTable, column: str, kept: Sequence[int], limits: Limits, notices: list[str]) -> tuple[str, ...]:
    cells = _cells(table, column)
    _check_lengths(column, cells, kept, limits)
    texts, n_marks = without_marks([cells[row] for row in kept])
    if n_marks:
        notices.append(f'Removed {plural(n_marks, "byte order mark")} from texts in column "{column}".')
    return tuple(cell for cell in texts if cell is not None)


def _tidied(cells: Sequence[Cell], column: str, has_role: bool, notices: list[str]) -> tuple[Cell, ...]:
    """The cells of a label or split; of another column too, unless it holds prose."""
    distinct = {cell for cell in cells if cell is not None}
    prose = len(distinct) > max(_FEW, len(cells) // 2) or any(len(cell) > _LONGEST_LABEL for cell in distinct)
    if prose and not has_role:
        return tuple(cells)
    tidied, said = tidy_labels(cells, column)
    notices += said
    return tidied


def _check_lengths(column: str, cells: Sequence[Cell], kept: Sequence[int], limits: Limits) -> None:
    for row in kept:
        cell = cells[row]
        if cell is not None and len(cell) > limits.max_text_chars:
            raise TextSetError(
                f'Row {row + 1:,} has {len(cell):,} characters in column "{column}"; the limit is'
                f" {limits.max_text_chars:,} (EMBEDSCOPE_MAX_TEXT_CHARS).",
                "Split the text into several rows, or raise the setting. A quotation mark that is not closed can make"
                " one text of many rows.",
            )


def _check_classes(column: str, role: str, cells: Sequence[Cell], kept: Sequence[int]) -> None:
    for row in kept:
        cell = cells[row]
        if cell is not None and len(cell) > LONGEST_CLASS:
            raise TextSetError(
                f'Row {row + 1:,} has {len(cell):,} characters in column "{shortened(column, 60)}", which is to be the {role}; a'
                f" {role} has at most {LONGEST_CLASS:,}.",
                f"Choose another column as {role}: this one holds texts.",
            )


def _note_missing(cells: Sequence[Cell], label: str, kept: Sequence[int], notices: list[str]) -> None:
    missing = [row for row, cell in zip(kept, cells, strict=True) if cell is None]
    if missing:
        notices.append(f'{plural(len(missing), "row")} without a label in column "{label}": {numbered(missing)}.')


def _cells(table: RawTable, column: str) -> Sequence[Cell]:
    return table.cells[table.columns.index(column)]
