"""The selection: the same rows on every page, in the address, and as long as their text set is chosen."""

import csv
import io
import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from backend import GIVEN, PostProcess
from pages._kit.show import map_view, sharing
from pages._kit.show.files import html_file
from pages._kit.show.row_files import rows_csv, rows_parquet, vectors_npz, vectors_parquet
from pages._kit.show.sharing import Outline, Shared, tell_picked
from pages._kit.state.chosen import KEY
from tests.pages.figures import figure, numbers, said

STRIP = "5 of 60 texts selected"


def strip_of(at) -> str:
    """What the strip below the head says; empty where there is none."""
    return next((str(one.value) for one in at.markdown if " selected**" in str(one.value) and " of " in one.value), "")


def bright(at) -> list[int]:
    """The points of the map that are not faint; none where none is."""
    traces = [trace for trace in figure(at)["data"] if "selectedpoints" in trace]
    return sorted(
        int(row)
        for trace in traces
        for row in numbers(trace["customdata"])[numbers(trace["selectedpoints"]).astype(int)]
    )


def words(at) -> list[str]:
    assert not at.exception
    return at.session_state["_view"].drawn[KEY]


def test_a_selection_of_a_link_is_on_the_map_in_its_list_and_in_the_strip(open_page, run_page, shown) -> None:
    at = run_page(open_page("projection", 0, chosen="0-3.59"), "projection")
    assert words(at) == ["0-3.59"]
    assert strip_of(at) == f"**{STRIP}** · animals 2, films 2, houses 1"
    finding = shown["projection_map"]
    assert sorted(finding.chosen.ids.tolist()) == [0, 1, 2, 3, 59]
    assert bright(at) == [0, 1, 2, 3, 59]
    (listed,) = [one.value for one in at.dataframe if list(one.value.columns) == ["row", "label", "text"]]
    assert listed["row"].tolist() == [1, 2, 3, 4, 60]
    at.button(key="chosen_clear").click().run()
    assert words(at) == [""] and not strip_of(at)
    assert bright(at) == []


def test_it_goes_along_to_other_pages_and_waits_for_its_text_set(open_page) -> None:
    at = open_page("rogue", 0, chosen="0-3.59")
    assert strip_of(at).startswith(f"**{STRIP}**")
    mine = at.session_state["texts"]
    at.selectbox(key="texts").set_value("sentiment").run()
    assert words(at) == [""] and not strip_of(at)
    at.selectbox(key="texts").set_value(mine).run()
    assert words(at) == ["0-3.59"] and strip_of(at).startswith(f"**{STRIP}**")


def test_a_map_that_draws_a_part_says_which_of_the_selected_it_leaves_out(open_page, run_page, shown) -> None:
    at = run_page(open_page("projection", 0, chosen="0-39", projection_max_rows="20"), "projection")
    n_drawn = len(shown["projection_map"].chosen.ids)
    assert 0 < n_drawn < 20
    assert any(f"{40 - n_drawn} of them are not on the map." in one.value for one in at.caption)


@pytest.mark.parametrize("word", ["0-3.99", "58-1000"])
def test_rows_that_the_text_set_does_not_have_are_left_out_and_said(word: str, open_page) -> None:
    at = open_page("overview", 0, chosen=word)
    assert words(at) == [{"0-3.99": "0-3", "58-1000": "58-59"}[word]]
    assert any("does not have. They are left out." in one.value.replace("\\", "") for one in at.warning)


def test_a_link_of_before_selects_the_texts_of_its_points(open_page, run_page) -> None:
    at = run_page(open_page("projection", 0, projection_map_points="2-4"), "projection")
    assert words(at) == ["2-4"] and strip_of(at).startswith("**3 of 60 texts selected**")


def test_points_that_are_tokens_stay_with_their_map(open_page, run_page, shown) -> None:
    at = run_page(open_page("projection", 0, pooling="tokens", chosen="1", projection_map_points="2-4"), "projection")
    assert shown["projection_map"].chosen is None and words(at) == ["1"]
    assert at.session_state["_start_of_projection_map"].ids == (2, 3, 4)
    assert "on this map alone: on the other pages a row is a text" in said(at)


def test_the_texts_of_selected_tokens_can_be_selected_on_all_pages(open_page, run_page, shown, monkeypatch) -> None:
    show = map_view.show
    monkeypatch.setattr(map_view, "show", lambda finding: replace(show(finding), ids=(2, 3, 40)))
    at = run_page(open_page("projection", 0, pooling="tokens"), "projection")
    values = shown["projection_map"].results[0].values
    texts = sorted(
        {int(text) for row, text in zip(values.row_index, values.text_index, strict=True) if row in (2, 3, 40)}
    )
    assert "on this map alone: on the other pages a row is a text" in said(at)
    button = at.button(key="map_texts_of_tokens")
    assert button.label == f"Select the {len(texts)} texts of 3 selected tokens"
    button.click().run()
    assert at.session_state["_view"].kept[KEY] == texts and not at.exception


def menu(at):
    """Open the menu "Select"."""
    at.session_state["chosen_menu"] = True
    at.run()
    assert not at.exception
    return at


def press(at, key: str):
    at.button(key=key).click().run()
    assert not at.exception and not at.error
    return at


def test_rows_are_found_by_words_or_a_column_and_combined(open_page) -> None:
    at = menu(open_page("rogue", 0))
    at.text_input(key="chosen_menu_words").set_value("cat").run()
    assert not at.error
    found = at.button(key="chosen_menu_found").label
    press(at, "chosen_menu_found")
    cats = len(at.session_state["_view"].kept[KEY])
    assert cats and found == f"Select the {cats} texts" and strip_of(at).startswith(f"**{cats} of 60 texts")
    at.selectbox(key="chosen_menu_way").set_value("label").run()
    at.multiselect(key="chosen_menu_values_label").set_value(["animals"]).run()
    before = set(at.session_state["_view"].kept[KEY])
    animals = set(range(0, 60, 3))
    press(at, "chosen_menu_found_keep only")
    assert set(at.session_state["_view"].kept[KEY]) == before & animals
    press(at, "chosen_menu_found_add")
    assert set(at.session_state["_view"].kept[KEY]) == animals
    press(at, "chosen_menu_invert")
    assert set(at.session_state["_view"].kept[KEY]) == set(range(60)) - animals
    press(at, "chosen_menu_found_take away")
    assert set(at.session_state["_view"].kept[KEY]) == set(range(60)) - animals
    press(at, "chosen_menu_clear")
    assert words(at) == [""]


def test_a_selection_is_saved_and_chosen_by_its_name(open_page, small_world) -> None:
    at = menu(open_page("rogue", 0, chosen="4-6"))
    press(at, "chosen_menu_save")
    assert any("Write a name" in one.value for one in at.caption) and not small_world.bench.saved_rows(
        small_world.texts
    )
    at.text_input(key="chosen_menu_name").set_value("three of them")  # one press leaves the field and saves
    press(at, "chosen_menu_save")
    assert any("Saved as 'three of them'" in one.value.replace("\\", "") for one in at.caption)
    assert [one.name for one in small_world.bench.saved_rows(small_world.texts)] == ["three of them"]
    press(at, "chosen_menu_clear")
    at.segmented_control(key="chosen_menu_view").set_value("Saved").run()
    press(at, "chosen_menu_choose")
    assert words(at) == ["4-6"]
    press(at, "chosen_menu_delete")
    assert not small_world.bench.saved_rows(small_world.texts)


def test_a_selection_becomes_a_text_set_and_files(open_page, small_world) -> None:
    small_world.computed("anisotropy", 0)
    at = menu(open_page("rogue", 0, chosen="4-6.30", pooling="mean"))
    at.segmented_control(key="chosen_menu_view").set_value("Use").run()
    assert not at.exception and not at.error
    assert [button.label for button in at.get("download_button")] == [
        "CSV",
        "Parquet",
        "Vectors (npz)",
        "Texts and vectors (Parquet)",
    ]
    press(at, "chosen_menu_set")
    assert at.session_state["texts"].startswith("words, 4 selected (") and words(at) == [""]
    part = small_world.bench.text_set(at.session_state["texts"])
    whole = small_world.bench.text_set(small_world.texts)
    assert part.texts == tuple(whole.texts[row] for row in (4, 5, 6, 30))
    small_world.bench.delete_text_set(at.session_state["texts"])


def test_the_files_have_every_cell_and_the_vectors_of_the_rows(small_world) -> None:
    table = small_world.bench.text_set(small_world.texts)
    rows = list(csv.reader(io.StringIO(rows_csv(table, [0, 59]).decode("utf-8-sig"))))
    assert rows[0] == ["row", "text", "label"] and rows[2] == ["60", table.texts[59], table.columns["label"][59]]
    assert pd.read_parquet(io.BytesIO(rows_parquet(table, [0, 59])))["text"].tolist() == [
        table.texts[0],
        table.texts[59],
    ]
    result = small_world.computed("projection", 0, layers=(2,))
    (model,) = small_world.infos(0)
    every = small_world.bench.stored_vectors(model, small_world.texts, layer=2)
    found = small_world.bench.stored_vectors(model, small_world.texts, layer=2, rows=[59, 3])
    assert every[1].shape == (60, result.sources[0].n_dims) and found[0].tolist() == [3, 59]
    np.testing.assert_array_equal(found[1], every[1][[3, 59]])
    file = np.load(io.BytesIO(vectors_npz(*found)), allow_pickle=False)
    assert file["row"].tolist() == [4, 60] and file["vectors"].tolist() == found[1].tolist()
    assert (
        small_world.bench.stored_vectors(
            model, small_world.texts, layer=2, pooling="last", postprocess=[PostProcess("whiten")]
        )
        is None
    )


def test_texts_and_vectors_in_one_file_are_read_back_as_vectors_with_their_texts(small_world, tmp_path) -> None:
    bench, table = small_world.bench, small_world.bench.text_set(small_world.texts)
    small_world.computed("projection", 0, layers=(2,))
    (model,) = small_world.infos(0)
    rows, vectors = bench.stored_vectors(model, small_world.texts, layer=2, rows=[59, 3, 30])
    path = tmp_path / "chosen.parquet"
    path.write_bytes(vectors_parquet(table, rows, vectors))
    read = pd.read_parquet(path)
    assert list(read.columns) == ["row", "text", "label", "vector"] and read["row"].tolist() == [4, 31, 60]
    np.testing.assert_array_equal(np.stack(read["vector"].to_list()), vectors)
    info = bench.add_vectors(path, name="read-back", text="text", label="label")
    texts = next(one for one in bench.text_sets() if one.spec.table == bench.vector_sets()[0].texts.table)
    try:
        own = bench.text_set(texts)
        assert own.texts == tuple(table.texts[row] for row in rows)
        assert own.columns["label"] == tuple(table.columns["label"][row] for row in rows)
        bench.compute("anisotropy", model=info, texts=texts)
        found = bench.stored_vectors(info, texts, layer=0, pooling=GIVEN)
        np.testing.assert_array_equal(found[1], vectors)
    finally:
        bench.delete_vectors("read-back")
        bench.delete_text_set(texts.spec.table)


OUTLINE = {"x": [0.0, 1.0, 1.0], "y": [0, 0, 1.5], "frame": 2, "adding": True}


@pytest.mark.parametrize(
    ("stated", "ids", "outline"),
    [
        ([1, 2], (1, 2), False),
        ([], (), False),
        (["1", None, True, 1.5, {}], (), False),
        (OUTLINE, None, True),
        (OUTLINE | {"x": [0.0, 1.0]}, None, False),
        (OUTLINE | {"x": [0.0, 1.0, "1"]}, None, False),
        (OUTLINE | {"x": [0.0, 1.0, float("nan")]}, None, False),
        (OUTLINE | {"x": [0.0] * 10_001, "y": [0.0] * 10_001}, None, False),
        (OUTLINE | {"frame": "2"}, None, True),
        ({}, None, False),
        (None, None, False),
        ("all", None, False),
    ],
)
def test_whatever_a_browser_says_is_selected_the_types_hold(stated, ids, outline, monkeypatch) -> None:
    told: list[object] = []
    monkeypatch.setattr(sharing.st, "session_state", {"chart": {"picked": stated}})
    tell_picked("chart", Shared(np.zeros(0, np.int64), told.append, told.append))
    assert [one for one in told if isinstance(one, tuple)] == ([] if ids is None else [ids])
    found = [one for one in told if isinstance(one, Outline)]
    assert len(found) == outline and all(one.corners.shape == (3, 2) and one.frame in (0, 2) for one in found)
    told.clear()
    tell_picked("chart", Shared(np.zeros(0, np.int64), told.append))
    assert not any(isinstance(one, Outline) for one in told), "a chart that draws all its points needs no outline"


def test_an_outline_selects_every_point_in_it_drawn_or_not(open_page, run_page, shown, monkeypatch) -> None:
    run_page(open_page("projection", 0, projection_over="Density"), "projection")
    around = shown["projection_map"].chosen.around
    view = around.__self__
    coords = view.whole.values.coords[1]
    told: list[list[int]] = []
    monkeypatch.setattr(map_view, "choose_rows", lambda rows, how, story: told.append(rows))
    monkeypatch.setattr(map_view, "how_to_choose", lambda: "replace")
    low, high = coords.min(axis=0) - 1, np.median(coords, axis=0)
    corners = np.array([low, [high[0], low[1]], high, [low[0], high[1]]])
    around(Outline(corners, 1, False))
    assert told == [np.flatnonzero((coords < high).all(axis=1)).tolist()] and told[0]


def test_the_html_file_shows_what_is_selected(open_page, run_page, shown) -> None:
    run_page(open_page("projection", 0, chosen="0-3.59"), "projection")
    finding = shown["projection_map"]
    before = [trace.selectedpoints for trace in finding.figure.data]
    written = html_file(finding).decode()
    assert "What is selected stands out (5); all other points are faint." in written
    document = json.loads(
        re.search(r'<script type="application/json">(.*?)</script>', written, re.DOTALL)[1].encode("utf-8")
    )
    traces = (document.get("figure") or document)["data"]
    marked = {
        int(ids)
        for trace, whole in zip(traces, finding.figure.data, strict=True)
        for ids in np.asarray(whole.customdata)[numbers(trace["selectedpoints"]).astype(int)]
    }
    assert marked == {0, 1, 2, 3, 59}
    assert [trace.selectedpoints for trace in finding.figure.data] == before, "the page's own figure is as it was"
