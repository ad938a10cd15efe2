"""JSON lines with lists of words and labels."""

import json

import pytest

from backend.errors import TextSetError
from backend.textsets.limits import Limits
from backend.textsets.reading import read
from backend.values.reading import ReadOptions, TextColumns
from backend.values.texts import TextTable


def table(*lines: object, name: str = "a.jsonl", limits: Limits = Limits(), **options: object) -> TextTable:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    return read(text.encode(), name, "a", ReadOptions(**options), limits=limits)


def test_each_word_is_a_row_with_its_label():
    rows = table(
        {"words": ["New", "York", "!"], "labels": ["B", "I", None], "text": "New  York!"},
        "",
        '{"words": ["a", "b"], "labels": [1, 2.50]}',
        {"words": [], "labels": []},
        {"words": ["x"], "labels": ["B"], "text": "other"},
    )
    assert (rows.unit, rows.label) == ("word", "labels")
    assert rows.texts == ("New  York!",) * 3 + ("a b",) * 2 + ("x",)
    assert rows.spans == ((0, 3), (5, 9), (9, 10), (0, 1), (2, 3), (0, 1))
    assert rows.columns["labels"] == ("B", "I", None, "1", "2.50", "B")
    assert rows.columns["form"][1] == "York" and rows.columns["line"][3] == "3"
    assert any("Dropped 1 line without words: row 4" in notice for notice in rows.notices)
    assert any("1 word without a label" in notice for notice in rows.notices)


def test_other_keys_can_be_named():
    line = {"tokens": ["a", "b"], "tags": ["X", "Y"], "part": "train", "doc": 3}
    columns = TextColumns("tokens", label="tags", split="part", metadata=("doc",))
    rows = table(line, format="words", columns=columns)
    assert (rows.label, rows.split) == ("tags", "part")
    assert rows.columns["tags"] == ("X", "Y") and rows.columns["part"] == ("train",) * 2
    assert rows.columns["doc"] == ("3", "3")


def test_whole_texts_are_read_where_they_are_asked_for():
    line = {"words": ["a", "b"], "labels": ["X", "Y"], "text": "a b"}
    assert table(line).unit == "word"
    assert table(line, columns=TextColumns("text")).unit == "text"
    assert table(line, format="jsonl").unit == "text"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"words": "a b", "labels": ["X", "Y"]}, 'no list of words under "words"'),
        ({"words": ["a", "b"]}, 'no list of labels under "labels"'),
        ({"words": ["a", "b"], "labels": ["X"]}, "2 words but 1 label"),
        ({"words": ["a", " "], "labels": ["X", "Y"]}, "word 2 is empty"),
        ({"words": ["a", ["b"]], "labels": ["X", "Y"]}, "word 2 is empty or not a text"),
        ({"words": ["a"], "labels": [["X"]]}, "nested"),
        ("{", "not JSON"),
    ],
)
def test_what_is_broken_is_refused_with_its_line(line, message):
    with pytest.raises(TextSetError, match="Line 2") as refused:
        table({"words": ["a"], "labels": ["X"]}, line)
    assert message in refused.value.message and refused.value.hint


def test_numbers_for_columns_tasks_and_too_many_rows_are_refused():
    line = {"words": ["a", "b"], "labels": ["X", "Y"]}
    with pytest.raises(TextSetError, match="keys"):
        table(line, format="words", columns=TextColumns(0))
    with pytest.raises(TextSetError, match="for CoNLL-U files"):
        table(line, task="upos")
    with pytest.raises(TextSetError, match="more than 1 rows"):
        table(line, limits=Limits(max_rows=1))


def test_half_of_a_surrogate_pair_is_replaced():
    rows = table('{"words": ["a\\ud800", "b"], "labels": ["X", "Y"]}')
    assert rows.texts[0] == "a� b" and any("surrogate" in notice for notice in rows.notices)


def test_labels_of_words_that_look_alike_are_one_class():
    rows = table({"words": ["a", "b", "c"], "labels": ["DET ", "DET", "\u200bNOUN"]})
    assert rows.columns["labels"] == ("DET", "DET", "NOUN")
    assert any("Cleaned 2 cells" in notice and "4 different" not in notice for notice in rows.notices)
