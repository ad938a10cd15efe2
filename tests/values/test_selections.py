"""Selections of rows: how two go together is what sets do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend import HOWS, InvalidRequest, combine_rows, other_rows

ROWS = st.sets(st.integers(0, 50))
SETS = {"replace": lambda a, b: b, "add": set.union, "keep only": set.intersection, "take away": set.difference}


@given(ROWS, ROWS, st.sampled_from(HOWS))
def test_rows_go_together_as_sets_do(before: set[int], found: set[int], how: str) -> None:
    assert combine_rows(sorted(before), list(found), how) == tuple(sorted(SETS[how](before, found)))


@given(ROWS)
def test_the_others_are_all_that_are_not_selected(rows: set[int]) -> None:
    assert other_rows(sorted(rows), 51) == tuple(row for row in range(51) if row not in rows)


def test_another_way_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="xor"):
        combine_rows([1], [2], "xor")
