"""Which rows of a text set have certain cells in a column: some of its values, or a number within a range."""

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.textsets.classes import column_numbers
from backend.values.texts import Cell, TextTable


def filter_rows(
    table: TextTable,
    column: str,
    *,
    values: Collection[Cell] | None = None,
    low: float | None = None,
    high: float | None = None,
) -> npt.NDArray[np.int64]:
    """Numbers (from 0, ascending) of the rows whose cell in ``column`` is one of ``values``, or a number from ``low`` to ``high``.

    A value of None stands for a missing cell. Both ends of a range count, and an end of None is open; a cell that is missing
    lies in no range. Raises InvalidRequest for a column that is not there, for a range of a column that names classes, and
    where both values and a range are given, or neither.
    """
    if column not in table.columns:
        raise InvalidRequest(
            f"The text set '{table.name}' has no column '{column}'.",
            f"Its columns: {', '.join(table.columns) or 'none'}.",
        )
    ranged = low is not None or high is not None
    if ranged == (values is not None):
        raise InvalidRequest("Rows are chosen by values or by a range of numbers.", "Give one of the two.")
    if values is not None:
        wanted = set(values)
        return np.flatnonzero(np.fromiter((cell in wanted for cell in table.columns[column]), bool, len(table)))
    numbers = column_numbers(table.columns[column])
    if numbers is None:
        raise InvalidRequest(f"The column '{column}' holds no numbers.", "Choose some of its values instead.")
    low, high = -np.inf if low is None else low, np.inf if high is None else high
    with np.errstate(invalid="ignore"):
        return np.flatnonzero((numbers >= low) & (numbers <= high))
