"""Labels as class numbers."""

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from backend.errors import TextSetError
from backend.textsets.tables import listed
from backend.values.activations import Labels
from backend.values.texts import Cell, TextTable

_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,4})?")
_MOST_WHOLE = 24  # values of whole numbers that may be the names of classes
_DIGITS = re.compile(r"([0-9]+)")


def encode_labels(table: TextTable, column: str) -> Labels:
    """Class number of every row (n_rows,) for one column of labels; -1 where the cell is missing.

    Classes are in natural order: numbers by value where all are numbers, else text with "class2" before "class10".
    Raises TextSetError for a column that is not there and for one without a single label.
    """
    if column not in table.columns:
        raise TextSetError(
            f'Text set "{table.name}" has no column "{column}".',
            f"Its columns are {listed(table.columns)}." if table.columns else "It has no columns beside its texts.",
        )
    cells = table.columns[column]
    classes = natural_order({cell for cell in cells if cell is not None})
    if not classes:
        raise TextSetError(f'Column "{column}" of text set "{table.name}" has no label in any row.', "Choose another.")
    numbers = {name: number for number, name in enumerate(classes)}
    values = np.array([-1 if cell is None else numbers[cell] for cell in cells], dtype=np.int64)
    split = None if table.split is None else tuple(cell or "" for cell in table.columns[table.split])
    return Labels(values, classes, split)


def column_numbers(cells: Sequence[Cell]) -> npt.NDArray[np.float64] | None:
    """The numbers (n_rows,) of a column that measures something, NaN where the cell is missing; None where it names classes.

    A column measures where all cells are numbers and these are no whole ones, or whole ones of more than 24 values. The array
    cannot be written: it is kept, for pages ask for it at each run.
    """
    return _numbers(tuple(cells))


@lru_cache(maxsize=16)
def _numbers(cells: tuple[Cell, ...]) -> npt.NDArray[np.float64] | None:
    known = {cell for cell in cells if cell is not None}
    if not known or not all(_NUMBER.fullmatch(cell) for cell in known):
        return None
    numbers = np.array([np.nan if cell is None else float(cell) for cell in cells])
    values = np.unique(numbers[np.isfinite(numbers)])
    whole = bool((values == np.round(values)).all())
    numbers.setflags(write=False)
    return None if not len(values) or (whole and len(values) <= _MOST_WHOLE) else numbers


def natural_order(names: Iterable[str]) -> tuple[str, ...]:
    """``names`` in natural order: by value where all are numbers, else with runs of digits compared as numbers."""
    names = list(names)
    if all(_NUMBER.fullmatch(name) for name in names):
        return tuple(sorted(names, key=lambda name: (Decimal(name), name)))
    return tuple(sorted(names, key=lambda name: (_chunks(name.casefold()), name)))


def _chunks(name: str) -> list[tuple[int, int, str]]:
    """Digits sort before letters, and by their length without leading zeros: no conversion of endless numbers."""
    chunks = []
    for position, chunk in enumerate(_DIGITS.split(name)):
        if position % 2:
            digits = chunk.lstrip("0")
            chunks.append((0, len(digits), digits))
        elif chunk:
            chunks.append((1, 0, chunk))
    return chunks
