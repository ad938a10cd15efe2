"""Two text sets joined into one with a split column."""

import pytest

from backend.errors import TextSetError
from backend.textsets.joining import join
from backend.values.texts import TextTable

TRAIN = TextTable("train.tsv", ("a", "b"), columns={"1": ("x", "y"), "where": ("p", None)}, label="1")
TEST = TextTable("dev.tsv", ("c",), columns={"label": ("y",), "when": ("q",)}, label="label")


def test_rows_labels_and_other_columns_go_together():
    both = join(TRAIN, TEST, "both")
    assert both.texts == ("a", "b", "c") and both.name == "both"
    assert both.columns == {
        "1": ("x", "y", "y"),
        "where": ("p", None, None),
        "when": (None, None, "q"),
        "split": ("train", "train", "test"),
    }
    assert (both.label, both.split) == ("1", "split")
    assert "2 rows" in both.notices[0] and "(1)" in both.notices[0]


def test_split_columns_that_were_there_are_left_out_and_said():
    own = TextTable("own", ("c",), columns={"1": ("y",), "split": ("dev",)}, label="1", split="split")
    both = join(TRAIN, own, "both")
    assert both.columns["split"] == ("train", "train", "test")
    assert any("left out" in notice for notice in both.notices)


def test_a_column_that_is_called_split_but_is_none_keeps_its_name():
    other = TextTable("other", ("c",), columns={"1": ("y",), "split": ("banana",)}, label="1")
    both = join(TRAIN, other, "both")
    assert both.split == "split (2)" and both.columns["split"] == (None, None, "banana")


@pytest.mark.parametrize(
    ("test", "said"),
    [
        (TextTable("none", ()), "empty"),
        (TextTable("bare", ("c",)), "no label column"),
        (TextTable("pairs", ("c",), ("d",), {"1": ("y",)}, "1"), "different kinds"),
        (TextTable("else", ("c",), columns={"1": ("z",)}, label="1"), "no class in common: 'x', 'y' against 'z'"),
        (TextTable("words", ("c",), None, {"1": ("y",)}, "1", unit="word"), "different kinds"),
    ],
)
def test_what_cannot_be_joined_is_refused(test, said):
    with pytest.raises(TextSetError, match=said) as caught:
        join(TRAIN, test, "both")
    assert caught.value.hint
