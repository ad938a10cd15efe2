"""What the rows of a request are: their labels, their copies, and which of them a model has seen."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest

from backend.values import history
from backend.values.activations import Activations, LayerStack
from backend.values.history import History, trained_on
from backend.values.texts import TextTable
from backend.work.planning import known_labels, row_labels

TEXTS = ("a dog", "a cat", "A  dog", "a cow")
TABLES = {
    "text": TextTable("t", TEXTS, columns={"label": ("x", "y", "x", "y")}),
    "pair": TextTable("p", TEXTS, TEXTS[::-1], columns={"label": ("x", "y", "x", "y")}),
    "word": TextTable("w", TEXTS, columns={"label": ("x", "y", "x", "y")}, spans=((0, 1),) * 4),
}


@pytest.mark.parametrize("kind", TABLES)
def test_the_rows_of_a_table_are_hashed_once(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    table, hashed = TABLES[kind], history._hashed
    before = History((trained_on("r", table, ("t", "0" * 40), seen=[0], held=[1], chose=False),))
    asked: list[tuple[str, ...]] = []

    def counting(kind: str, keys: Sequence[str]) -> history.Digests:
        asked.append((kind, *keys))
        return hashed(kind, keys)

    monkeypatch.setattr(history, "_hashed", counting)
    labels = known_labels(table, "label", before)
    assert asked and set(Counter(asked).values()) == {1}
    assert labels.seen is not None and labels.copies is not None
    assert bool(labels.seen.seen[0]) and bool(labels.seen.held[1])
    assert (labels.copies[0] == labels.copies[2]) == (kind != "pair"), "copies are told by their text"
    asked.clear()
    known_labels(table, "label")
    assert len(asked) == 1, "without a history the texts of pairs and words are not looked at"
    np.testing.assert_array_equal(labels.values, [0, 1, 0, 1])


def test_labels_and_splits_go_with_the_rows_that_are_left() -> None:
    cells = {"tag": ("A", "B", None, "B"), "part": ("train", "test", "train", None)}
    table = TextTable("n", ("a b c d",) * 4, None, cells, "tag", "part", "word", (), ((0, 1), (2, 3), (4, 5), (6, 7)))
    rows = np.zeros((3, 2), dtype=np.float32)
    left = Activations(rows, np.array([1, 2, 3]))
    labels = row_labels(table, "tag", LayerStack("m", "words", (0,), ("embedding",), (left,)))
    assert labels.values.tolist() == [1, -1, 1] and labels.classes == ("A", "B")
    assert labels.split == ("test", "train", "")
    whole = row_labels(table, "tag", LayerStack("m", "mean", (0,), ("embedding",), (Activations(rows, np.arange(3)),)))
    assert whole.values.tolist() == [0, 1, -1, 1]
