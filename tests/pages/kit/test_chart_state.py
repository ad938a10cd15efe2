"""What charts add to the View: rows and frames in the words of an address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages._kit.state.chart_state import MOST_IDS, _cell, spell_rows, spelled_rows


@given(st.sets(st.integers(0, 10**6), max_size=200))
def test_rows_are_spelled_and_read_back(rows: set[int]) -> None:
    assert spelled_rows(spell_rows(sorted(rows))) == tuple(sorted(rows))


def test_neighbouring_rows_take_little_room() -> None:
    assert spell_rows([3, 4, 5, 6, 7, 12]) == "3-7.12"
    assert spell_rows([]) == "" and spelled_rows("") == ()


@pytest.mark.parametrize("word", ["x", "1-", "-4", "9" * 30, "٣", "7-3", "1,2", "<b>"])
def test_what_is_no_row_is_passed_over(word: str) -> None:
    assert spelled_rows(word) == ()


def test_an_address_cannot_ask_for_more_rows_than_there_can_be() -> None:
    assert len(spelled_rows("0-999999999")) == MOST_IDS
    assert len(spelled_rows(".".join(["0-999999999"] * 50))) == MOST_IDS


@pytest.mark.parametrize("word", ["", "1.2", "1.2.3.4", "a.b.c", "-1.2.3", "1.2.99999999"])
def test_what_is_no_cell_is_none(word: str) -> None:
    assert _cell(word) is None
    assert _cell("0.3.4") == (0, 3, 4)
