"""Tables that list texts: on every page the selected ones are marked, and can be shown alone."""

import ast
from dataclasses import dataclass

import pandas as pd
import pytest

from pages._kit.show import text_rows
from tests.pages.conftest import settled
from tests.pages.kit.test_walk import calls

CHOSEN = set(range(0, 60, 2))
DIMS = ",".join(map(str, range(2, 32)))  # without them labels are in pieces
WORD = ".".join(map(str, sorted(CHOSEN)))


@dataclass(frozen=True)
class Listing:
    """A page, its models, the tables on it that list texts, and what is pressed and set to see them."""

    page: str
    places: tuple[int, ...]
    keys: tuple[str, ...]
    runs: tuple[str, ...]
    choice: tuple[tuple[str, str], ...] = ()


LISTINGS = (
    Listing(
        "clusters", (0,), ("clusters_split",), ("clusters",), (("post", "remove named dimensions"), ("dims", DIMS))
    ),
    Listing("movement", (0, 1), ("movement_changed",), ("movement", "movement_rows")),
    Listing("neurons", (0,), ("neurons_wrong",), ("neurons",)),
    Listing("neighbours", (0,), ("neighbours_nearest", "neighbours_every"), ("neighbours",)),
    Listing(
        "neighbours",
        (0, 1),
        ("neighbours_moved_rows", "neighbours_moved_before", "neighbours_moved_after"),
        ("neighbours_moved",),
        (("neighbours_view", "moved"),),
    ),
    Listing("report", (0, 1), ("report_moved",), ("report",)),
)


@pytest.mark.parametrize("listing", LISTINGS, ids=lambda one: one.keys[0])
def test_the_selected_texts_are_marked_and_can_be_shown_alone(listing: Listing, open_page, run_page, tables) -> None:
    at = settled(open_page(listing.page, *listing.places, chosen=WORD, **dict(listing.choice)))
    for key in listing.runs:
        run_page(at, key)
    assert set(tables) == set(listing.keys)
    marked = {}
    for key, table in tables.items():
        rows = [row - 1 for row in table["row"]]
        assert table.columns[0] == text_rows.MARK and len(rows) == len(set(rows))
        assert list(table[text_rows.MARK]) == [row in CHOSEN for row in rows]
        marked[key] = [row for row in rows if row in CHOSEN]
        if marked[key]:
            at.toggle(key=f"{key}_only").set_value(True)
    assert any(marked.values())
    at.run()
    assert not at.exception
    for key, rows in marked.items():
        if rows:
            alone = [row - 1 for row in tables[key]["row"]]
            assert alone[: len(rows)] == rows and set(alone) <= CHOSEN and text_rows.MARK not in tables[key]


def test_where_nothing_is_selected_a_table_is_as_it_was(open_page, run_page, tables) -> None:
    at = run_page(settled(open_page("neurons", 0)), "neurons")
    assert text_rows.MARK not in tables["neurons_wrong"]
    assert not [toggle for toggle in at.toggle if toggle.key == "neurons_wrong_only"]


def test_the_first_lines_are_those_of_the_selected_once_these_are_alone(monkeypatch, tables) -> None:
    monkeypatch.setattr(text_rows, "chosen_rows", lambda: (7, 8, 9))
    only = [False]
    monkeypatch.setattr(text_rows.ask, "toggle", lambda label, key: only[0])
    rows, made = [5, 6, 7, 8, 9], []

    def make(places: list[int]) -> pd.DataFrame:
        made.append(places)
        return pd.DataFrame({"row": [rows[place] + 1 for place in places]})

    assert text_rows.list_rows(rows, make, key="k", most=2) == 3 and not tables["k"][text_rows.MARK].any()
    only[0] = True
    assert text_rows.list_rows(rows, make, key="k", most=2) == 1
    assert made == [[0, 1], [2, 3]] and list(tables["k"]["row"]) == [8, 9]


def test_every_table_of_texts_is_walked() -> None:
    known = {key for listing in LISTINGS for key in listing.keys}
    for file, call in calls(("list_rows",)):
        key = next(word.value for word in call.keywords if word.arg == "key")
        start = key.values[0].value if isinstance(key, ast.JoinedStr) else key.value
        assert any(one.startswith(start) for one in known), f"{start} of {file}"
