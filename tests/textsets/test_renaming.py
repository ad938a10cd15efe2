"""Classes with other names, and texts made of several columns."""

import pytest

from backend import EmbedscopeError, ReadOptions, TextColumns, TextSetError
from backend.bench.workbench import Workbench
from backend.textsets.limits import Limits
from backend.textsets.reading import read
from backend.textsets.renaming import renamed
from backend.values.texts import TextTable

TABLE = TextTable(
    "marks",
    ("a", "b", "c", "d"),
    columns={"label": ("0", "1", None, "2"), "split": ("train", "test", "test", "train")},
    label="label",
    split="split",
)
CSV = b"title,body,label\nOne,first text,a\n,second text,b\nThree,,a\n , ,b\n"


def test_classes_get_their_names_and_missing_labels_stay_missing() -> None:
    found = renamed(TABLE, "label", {"0": "bad", "1": " good "}, "named")
    assert found.columns["label"] == ("bad", "good", None, "2") and found.name == "named"
    assert found.texts == TABLE.texts and found.label == "label"
    assert found.notices[-1] == 'Classes of "label" were renamed: 0 is now bad, 1 is now good.'


def test_two_classes_of_one_name_are_one_and_that_is_said() -> None:
    found = renamed(TABLE, "label", {"0": "2"})
    assert found.columns["label"] == ("2", "1", None, "2")
    assert "The 3 classes" in found.notices[-1] and "became 2" in found.notices[-1]


def test_two_classes_can_swap_their_names() -> None:
    assert renamed(TABLE, "label", {"0": "1", "1": "0"}).columns["label"] == ("1", "0", None, "2")


@pytest.mark.parametrize(
    ("column", "names", "said"),
    [
        ("mark", {"0": "x"}, "no column"),
        ("split", {"train": "x"}, "for training"),
        ("label", {"7": "x"}, 'No row of column "label" is "7"'),
        ("label", {"0": "  "}, "cannot be the name"),
        ("label", {"0": "x" * 201}, "cannot be the name"),
    ],
)
def test_what_cannot_be_renamed_is_refused(column: str, names: dict[str, str], said: str) -> None:
    with pytest.raises(TextSetError, match=said):
        renamed(TABLE, column, names)


def test_the_texts_stay_the_same_so_that_activations_are_used_again(bench: Workbench) -> None:
    info = bench.text_set_info("sentiment")
    found = bench.rename_classes(info, {"positive": "good"}, name="sentiment, renamed")
    assert found.spec.digest == info.spec.digest and found.spec.table != info.spec.table
    assert "good" in found.classes and "positive" not in found.classes
    assert "positive" in bench.text_set_info("sentiment").classes
    bench.delete_text_set(found.spec.table)
    again = bench.rename_classes(info, {"positive": "good"}, name="sentiment, renamed")
    assert again.spec.table in {one.spec.table for one in bench.text_sets()}, "a set that was deleted is made again"
    with pytest.raises(EmbedscopeError, match="No row"):
        bench.rename_classes(info, {"nobody": "x"})


def joined(*columns: str | int, text: str = "title") -> TextTable:
    return read(CSV, "x.csv", "x", ReadOptions(TextColumns(text, label="label", joined=columns)), limits=Limits())


def test_columns_are_joined_in_their_order_and_blank_cells_are_passed_over() -> None:
    found = joined("body")
    assert found.texts == ("One\nfirst text", "second text", "Three")
    assert found.columns["label"] == ("a", "b", "a")
    assert any('"title", "body"' in notice for notice in found.notices)
    assert any("Dropped 1 row with an empty text" in notice for notice in found.notices)
    assert joined("title", text="body").texts[0] == "first text\nOne"
    ahead = ReadOptions(TextColumns("body", label="label", ahead=("title",)))
    assert read(CSV, "x.csv", "x", ahead, limits=Limits()).texts == found.texts


def test_joined_columns_can_be_kept_beside_the_texts_too() -> None:
    found = read(
        CSV,
        "x.csv",
        "x",
        ReadOptions(TextColumns("title", label="label", metadata=None, joined=("body",))),
        limits=Limits(),
    )
    assert found.columns["body"] == ("first text", "second text", None)


@pytest.mark.parametrize("columns", [("title",), ("body", "body"), ("other",), (7,)])
def test_a_column_that_is_twice_in_a_text_or_not_there_is_refused(columns: tuple[str | int, ...]) -> None:
    with pytest.raises(TextSetError, match=r"twice|no column"):
        joined(*columns)


def test_a_column_beyond_the_limit_is_refused_by_what_the_text_would_be() -> None:
    with pytest.raises(TextSetError, match="14 characters"):
        read(CSV, "x.csv", "x", ReadOptions(TextColumns("title", joined=("body",))), limits=Limits(max_text_chars=13))
