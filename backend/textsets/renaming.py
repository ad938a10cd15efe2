"""Other names for the classes of a text set."""

from collections.abc import Mapping
from dataclasses import replace

from backend.errors import TextSetError
from backend.textsets.tables import listed, shortened
from backend.values.texts import TextTable

_MOST_CHARS = 200  # of a class


def renamed(table: TextTable, column: str, names: Mapping[str, str], name: str = "") -> TextTable:
    """``table`` as ``name``, with the cells of ``column`` called as ``names`` says, by what they hold now; others stay.

    Classes that get one name, or the name of one that stays, become one class, which a notice says. Raises TextSetError for a column or a
    class that is not there, for the split column, and for a name that is empty or long.
    """
    if column not in table.columns:
        raise TextSetError(
            f"There is no column \"{shortened(column, 60)}\" in '{table.name}'.",
            f"There are: {listed(tuple(table.columns))}.",
        )
    if column == table.split:
        raise TextSetError(
            f'"{column}" says which rows are for training and which for testing.', "Its values cannot be renamed."
        )
    cells = table.columns[column]
    there = {cell for cell in cells if cell is not None}
    missing = [old for old in names if old not in there]
    if missing:
        raise TextSetError(
            f'No row of column "{column}" is {listed(missing)}.', "Name classes as they are in the column."
        )
    after = {old: new.strip() for old, new in names.items()}
    wrong = [new for new in after.values() if not new or len(new) > _MOST_CHARS]
    if wrong:
        raise TextSetError(
            f"'{shortened(wrong[0], 40)}' cannot be the name of a class.", f"A name has 1 to {_MOST_CHARS} characters."
        )
    new_cells = tuple(None if cell is None else after.get(cell, cell) for cell in cells)
    n_before, n_after = len(there), len({cell for cell in new_cells if cell is not None})
    said = ", ".join(f"{shortened(old, 30)} is now {shortened(new, 30)}" for old, new in list(after.items())[:20])
    notices = [
        f'Classes of "{column}" were renamed: {said}' + (f" and {len(after) - 20} more." if len(after) > 20 else ".")
    ]
    if n_after < n_before:
        notices.append(f'The {n_before:,} classes of "{column}" became {n_after:,}: some have one name now.')
    return replace(
        table,
        name=name or table.name,
        columns={**table.columns, column: new_cells},
        notices=(*table.notices, *notices),
    )
