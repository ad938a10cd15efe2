"""Rows by what a column has in them, against a loop over the rows."""

import numpy as np
import pytest

from backend.errors import InvalidRequest
from backend.textsets.classes import column_numbers
from backend.textsets.filtering import filter_rows
from backend.values.texts import TextTable

LENGTHS = ("0.5", None, "-2", "1e2", "0.5", "3.25")
TABLE = TextTable(
    "six", tuple("abcdef"), None, {"kind": ("x", "y", None, "x", "z", "y"), "length": LENGTHS}, label="kind"
)


@pytest.mark.parametrize("values", [{"x"}, {"x", "y"}, {None}, {"nothing"}, set()])
def test_some_values_of_a_column(values: set[str | None]) -> None:
    wanted = [row for row, cell in enumerate(TABLE.columns["kind"]) if cell in values]
    assert filter_rows(TABLE, "kind", values=values).tolist() == wanted


@pytest.mark.parametrize(("low", "high"), [(0.5, None), (None, 0.5), (0.5, 3.25), (200, None), (4, 1)])
def test_a_range_of_numbers_counts_both_ends_and_no_missing_cell(low: float | None, high: float | None) -> None:
    numbers = [np.nan if cell is None else float(cell) for cell in LENGTHS]
    wanted = [
        row
        for row, number in enumerate(numbers)
        if number >= (-np.inf if low is None else low) and number <= (np.inf if high is None else high)
    ]
    assert filter_rows(TABLE, "length", low=low, high=high).tolist() == wanted


@pytest.mark.parametrize(
    ("column", "asked", "said"),
    [
        ("kind", {"low": 1.0}, "no numbers"),
        ("none", {"values": {"x"}}, "no column"),
        ("kind", {}, "one of the two"),
        ("kind", {"values": {"x"}, "low": 0.0}, "one of the two"),
    ],
)
def test_what_cannot_be_asked_is_refused(column: str, asked: dict, said: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        filter_rows(TABLE, column, **asked)
    assert said in f"{caught.value.message} {caught.value.hint}"


def test_the_numbers_of_a_column_are_read_once_and_cannot_be_changed() -> None:
    cells = tuple(f"{row}.5" for row in range(30))
    numbers = column_numbers(cells)
    assert numbers is column_numbers(tuple(cells)) and numbers is not column_numbers((*cells[:-1], None))
    with pytest.raises(ValueError, match="read-only"):
        numbers[0] = 0
