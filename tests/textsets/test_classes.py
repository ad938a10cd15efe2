"""Labels become class numbers in natural order."""

import numpy as np
import pytest

from backend.errors import TextSetError
from backend.textsets.classes import encode_labels, natural_order
from backend.values.texts import TextTable


def labelled(*cells, **rest):
    return TextTable("mine", tuple("abcdefgh"[: len(cells)]), columns={"label": cells, **rest}, label="label")


def test_numbers_go_by_value_and_missing_is_minus_one():
    labels = encode_labels(labelled("10", None, "2", "-1", "2"), "label")
    assert labels.classes == ("-1", "2", "10")
    assert labels.values.dtype == np.int64
    assert labels.values.tolist() == [2, -1, 1, 0, 1]
    assert labels.split is None


@pytest.mark.parametrize(
    ("names", "ordered"),
    [
        (["b", "a", "C"], ("a", "b", "C")),
        (["class10", "class2", "Class1"], ("Class1", "class2", "class10")),
        (["1.5", "1e1", "+2", "0"], ("0", "1.5", "+2", "1e1")),
        (["1", "1.0", "01"], ("01", "1", "1.0")),
        (["2", "10", "x"], ("2", "10", "x")),
        (["a", "a1", "a01", "a0"], ("a", "a0", "a01", "a1")),
        (["9" * 5_000, "1" + "0" * 5_000, "3"], ("3", "9" * 5_000, "1" + "0" * 5_000)),
        (["x" + "9" * 5_000, "x3"], ("x3", "x" + "9" * 5_000)),
        (["1e99999", "nan", "inf"], ("1e99999", "inf", "nan")),
        (["٣", "2"], ("2", "٣")),
        ([], ()),
    ],
)
def test_natural_order(names, ordered):
    assert natural_order(names) == ordered
    assert natural_order(reversed(names)) == ordered


def test_split_goes_along():
    table = TextTable("mine", ("a", "b"), columns={"label": ("x", "y"), "part": ("train", None)}, split="part")
    assert encode_labels(table, "label").split == ("train", "")


def test_columns_that_give_no_labels():
    with pytest.raises(TextSetError, match='has no column "topic"') as caught:
        encode_labels(labelled("x"), "topic")
    assert caught.value.hint == 'Its columns are "label".'
    with pytest.raises(TextSetError, match="no label in any row"):
        encode_labels(labelled(None, None), "label")
