"""Tables of texts have the columns of the text set: all of them, by the names that they have in it."""

import io
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

from backend import TextTable
from pages._kit.show.export import with_part
from pages._kit.show.files import csv_file, parquet_file
from pages._kit.show.row_files import row_cells, with_cells
from tests.pages.conftest import LABELS, settled
from tests.pages.kit.test_text_rows import LISTINGS

OWN = ["topic", "row", "selected", "year"]  # two of them are names of columns that pages add
TABLE = TextTable(
    "own",
    ("one", "two", "three"),
    pairs=("a", "b", "c"),
    columns={"year": ("1", "2", None), "topic": ("x", "y", "x"), "text": ("t", "u", "v"), "row": ("7", "8", "9")},
    label="topic",
)


@pytest.fixture(scope="module")
def own(small_world) -> Iterator[Any]:
    """The texts of the small world with a label that is not called so, and further columns."""
    table = small_world.bench.text_set(small_world.texts)
    rows = [
        f"{text}\t{LABELS[place * place % 7 % 3]}\t{place}\tno\t{1990 + place % 7}"
        for place, text in enumerate(table.texts)
    ]
    path = small_world.folder / "own.tsv"
    path.write_text("text\t" + "\t".join(OWN) + "\n" + "\n".join(rows) + "\n", encoding="utf-8")
    info = small_world.bench.read_texts(path, text="text", label="topic", name="own")
    yield info
    small_world.bench.delete_text_set(info.spec.table)


def test_columns_keep_their_names_and_order_and_those_that_are_taken_say_so() -> None:
    cells = with_cells({"row": [3, 1]}, TABLE, [2, 0], label="topic", more={"axis_1": [0.5, 1.5]})
    names = ["row", "topic", "text", "second text", "year", "text (column)", "row (column)", "axis_1"]
    assert list(cells) == names
    assert cells["topic"] == ["x", "x"] and cells["year"] == [None, "1"] and cells["row (column)"] == ["9", "7"]
    assert cells["text"] == ["three", "one"] and cells["text (column)"] == ["v", "t"]
    assert list(row_cells(TABLE, [0]))[:3] == ["row", "text", "second text"]


def test_no_column_is_lost_to_another_of_its_new_name() -> None:
    columns = {"row": ("1",), "row (column)": ("2",), "label": ("3",)}
    cells = with_cells({"row": [1], "label": [9]}, TextTable("t", ("one",), columns=columns, label="label"), [0])
    assert list(cells) == ["row", "label", "text", "row (column)", "row (column) (column)", "label (column)"]
    assert [cells[name] for name in list(cells)[3:]] == [["1"], ["2"], ["3"]]


def test_a_column_called_texts_is_kept_beside_the_part_of_a_set(small_world) -> None:
    part = small_world.bench.part(small_world.texts, [0, 1, 2, 30, 31, 32, 33, 34], name="part of words")
    result = small_world.bench.compute("anisotropy", model=small_world.models[0], texts=part)
    assert result.sources[0].sample
    table = with_part(pd.DataFrame({"texts": ["mine"]}), [result])
    assert table["texts"].tolist() == ["mine"] and "words" in table["texts (part)"][0]
    small_world.bench.delete_text_set(part.spec.table)


def rows_of(finding: Any) -> list[pd.DataFrame]:
    """The table of a figure as its two files have it."""
    csv = pd.read_csv(io.BytesIO(csv_file(finding)), dtype=str, keep_default_na=False)
    return [csv, pd.read_parquet(io.BytesIO(parquet_file(finding))).astype(str)]


def check(table: pd.DataFrame, own: Any, small_world: Any) -> None:
    """All columns of the set, each with the cells of its row; none that is called after a role."""
    whole = small_world.bench.text_set(own).columns
    assert "label" not in table and "class" not in table, list(table)
    rows = table["row"].astype(int) - 1
    for name in OWN:
        column = f"{name} (column)" if name == "row" or (name == "selected" and name not in table) else name
        assert table[column].tolist() == [whole[name][row] for row in rows], name


@pytest.mark.parametrize(
    ("page", "key", "models", "more"),
    [
        ("projection", "projection_map", (0,), {"layers": "2"}),
        ("projection", "projection_side", (0, 1), {"layers": "2", "projection_view": "Side by side"}),
        ("neighbours", "neighbours_ranks", (0,), {}),
        ("ablation", "ablation_map", (0,), {"layers": "2"}),
    ],
)
def test_the_files_of_a_figure_have_all_columns(open_page, run_page, shown, small_world, own, page, key, models, more):
    at = run_page(open_page(page, *models, texts="own", label="topic", **more), page)
    if key not in shown:  # a part of the page that is started by itself
        at.run()
    for table in rows_of(shown[key]):
        check(table, own, small_world)


@pytest.mark.parametrize("listing", LISTINGS, ids=lambda one: one.keys[0])
def test_the_lists_of_a_page_have_all_columns(listing, open_page, run_page, small_world, own, tables) -> None:
    at = settled(
        open_page(listing.page, *listing.places, texts="own", label="topic", chosen="0-59", **dict(listing.choice))
    )
    for key in listing.runs:
        run_page(at, key)
    assert set(tables) == set(listing.keys)
    for table in tables.values():
        assert table["selected"].dtype == bool, "whether the row is selected, not the column"
        check(table.drop(columns="selected"), own, small_world)
