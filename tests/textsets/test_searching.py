"""Searching the rows of a text set, whatever their number."""

import pytest

from backend import InvalidRequest
from backend.textsets.searching import search_rows
from backend.values.texts import TextTable

TABLE = TextTable(
    "animals",
    ("A black cat sat here", "The BLACK dog", "a cat, black as night", "Éclair au chocolat", "100% (sure)?"),
    columns={"label": ("cat", "dog", None, "food", "odd"), "source": ("b1", "b2", "b1", "b3", None)},
)


def found(query: str, table: TextTable = TABLE, **how: bool) -> list[int]:
    return search_rows(table, query, **how).tolist()


def test_a_row_that_only_the_far_end_has_is_found() -> None:
    texts = tuple("a needle" if row == 9_000 else f"hay number {row}" for row in range(10_001))
    assert found("needle", TextTable("hay", texts)) == [9_000]


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("black", [0, 1, 2]),
        ("black cat", [0, 2]),  # both words, anywhere
        ('"black cat"', [0]),
        ('"black cat', [0]),  # while it is still being typed
        ('b1 "as night"', [2]),  # a phrase in the text, a word in a column
        ("éclair", [3]),
        ("(sure)?", [4]),  # no expression: signs stand for themselves
        ("100%", [4]),
        ("nothing of the kind", []),
        ("", [0, 1, 2, 3, 4]),
        ('  "" ', [0, 1, 2, 3, 4]),
    ],
)
def test_words_and_phrases(query: str, rows: list[int]) -> None:
    assert found(query) == rows


def test_the_second_text_and_a_word_in_its_sentence_are_searched() -> None:
    pairs = TextTable("pairs", ("one", "two"), ("first answer", "second answer"))
    assert found("second", pairs) == [1]
    words = TextTable("words", ("A big dog",) * 2, spans=((2, 5), (6, 9)), unit="word")
    assert found("dog |", words) == [0, 1] and found('"dog |"', words) == [1]


def test_a_regular_expression_is_searched_in_linear_time() -> None:
    assert found(r"^(a|the)\b.*dog$", expression=True) == [1]
    assert found("b[13]", expression=True) == [0, 2, 3]
    long = TextTable("long", ("a" * 50_000 + "!",))
    assert found("(a+)+$", long, expression=True) == []  # would never end where the search goes back


@pytest.mark.parametrize("query", ["(", "[a", "(?=ahead)", r"(a)\1"])
def test_an_expression_that_cannot_be_read_is_refused(query: str) -> None:
    with pytest.raises(InvalidRequest, match="regular expression"):
        found(query, expression=True)


def test_half_a_surrogate_pair_is_no_obstacle() -> None:
    odd = TextTable("odd", ("half \ud800 a pair", "whole"))
    assert found("pair", odd) == [0] and found("whole", odd) == [1]
