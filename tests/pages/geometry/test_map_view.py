"""A map: the same on every page, with the texts (and tokens) of its points in hover, list and table."""

import numpy as np
import pytest

from backend import TokenSample
from pages._kit.charts.base import safe
from pages._kit.show.colouring import Colouring
from pages._kit.show.files import csv_file
from pages._kit.show.map_list import selected_rows
from pages._kit.show.map_view import MapView
from tests.pages.conftest import SmallWorld


def view_of(
    world: SmallWorld,
    *,
    column: str | None = "label",
    tokens: TokenSample | None = None,
    colouring: Colouring | None = None,
    **params,
) -> MapView:
    bench, pooling = world.bench, "mean" if tokens is None else "tokens"
    task = bench.analysis(
        "projection", models=world.infos(0), texts=world.texts, pooling=pooling, tokens=tokens, params=params
    )
    return MapView(bench.wait(task), bench.text_set(world.texts), column, colouring=colouring)


def test_the_same_layer_looks_the_same_on_overview_and_on_projection(open_page, run_page, shown) -> None:
    run_page(open_page("overview", 0), "overview")
    small = shown["overview_projection"]
    run_page(open_page("projection", 0), "projection")
    large = shown["projection_map"]
    assert large.frames is not None
    for place, trace in enumerate(small.figure.data):
        np.testing.assert_allclose(np.stack([trace.x, trace.y], axis=1), large.frames.coordinates[3][place], rtol=1e-5)
    for finding in (small, large):
        assert finding.figure.layout.yaxis.scaleanchor == "x" and finding.figure.layout.yaxis.scaleratio == 1


def test_the_table_has_row_text_and_label_of_every_point(small_world: SmallWorld) -> None:
    view = view_of(small_world)
    table = view.points()
    texts = view.table
    for record in table.sample(20, random_state=0).to_dict("records"):
        assert record["text"] == texts.texts[record["row"] - 1]
        assert record["label"] == texts.columns["label"][record["row"] - 1]
    assert "token" not in table
    first = csv_file(view.finding("key", "title")).decode("utf-8-sig").splitlines()[1]
    assert texts.texts[0] in first and first.split(",")[1] == "1"


def test_a_token_can_be_read_in_hover_list_and_table(small_world: SmallWorld) -> None:
    view = view_of(small_world, tokens=TokenSample(limit=40, seed=1, special=True))
    values, texts = view.result.values, view.table.texts
    assert len(values.tokens) == len(values.token_index) == 40
    own = [(text, word) for text, word in zip(values.text_index, values.tokens, strict=True) if "<" not in word]
    assert own and all(word.removeprefix("##") in texts[text] for text, word in own)
    assert any(word == "<s>" for word in values.tokens)
    assert view.points()["word"].tolist()[:40] == list(values.tokens)
    ids = values.row_index[[3, 7]].tolist()
    rows = selected_rows(view, ids)
    assert rows["word"].tolist() == [values.tokens[3], values.tokens[7]]
    assert [text.replace("⟦", "").replace("⟧", "") for text in rows["text"]] == [
        texts[values.text_index[3]],
        texts[values.text_index[7]],
    ]
    for point, text in enumerate(values.text_index):
        start, end = values.token_spans[point]
        piece, word = texts[text][max(start, 0) : max(end, 0)], values.tokens[point].removeprefix("##")
        assert piece.lower() == ("" if word.startswith("<") else word)
    hovers = {
        number: hover
        for trace in view.drawn(0).figure.data
        for number, hover in zip(trace.customdata.tolist(), trace.text, strict=True)
    }
    assert hovers[ids[0]].endswith(f"token {values.token_index[3]}: <b>{safe(values.tokens[3])}</b>")


def test_the_norms_colour_each_layer_on_a_scale_of_its_own_and_follow_the_slider(small_world: SmallWorld) -> None:
    view = view_of(small_world, colouring=Colouring("Norm of the vector", of_vectors=True))
    finding, norms = view.finding("key", "title", initial=2), view.result.values.norms
    trace, frames = finding.figure.data[0], finding.frames
    np.testing.assert_array_equal(trace.marker.color, norms[2])
    np.testing.assert_array_equal(frames.colours[0], norms)
    for place, ends in enumerate(frames.colour_ends):
        np.testing.assert_allclose(ends, np.percentile(norms[place], [1, 99]))
    assert (trace.marker.cmin, trace.marker.cmax) == frames.colour_ends[2]
    np.testing.assert_array_equal(finding.numbers()["norm of the vector"], norms.ravel())
    assert view.points()["label"].notna().all(), "the label stays in the table, whatever the colours are of"


def test_colour_and_classes_are_fields_of_the_page_and_words_of_its_address(open_page, run_page, shown) -> None:
    at = run_page(open_page("projection", 0, projection_classes=["films"]), "projection")
    data = shown["projection_map"].figure.data
    assert [trace.name for trace in data] == ["other (2 classes) (40)", "films (20)"]
    at.multiselect(key="projection_classes").set_value(["animals", "films"]).run()
    assert [trace.name for trace in shown["projection_map"].figure.data][1:] == ["animals (20)", "films (20)"]
    assert at.session_state["_view"].words["projection_classes"] == ["animals", "films"]
    at.selectbox(key="projection_colour").set_value("characters").run()
    assert not at.exception and at.session_state["_view"].words["projection_colour"] == ["characters"]
    finding = shown["projection_map"]
    table = finding.numbers()
    np.testing.assert_array_equal(table["Characters"], [len(text) for text in table["text"]])
    np.testing.assert_array_equal(finding.figure.data[0].marker.color, table["Characters"][:60])
    at.selectbox(key="projection_colour").set_value("none").run()
    assert len(shown["projection_map"].figure.data) == 1 and not shown["projection_map"].figure.layout.showlegend


def test_a_map_of_a_part_says_so_above_it(small_world: SmallWorld) -> None:
    assert view_of(small_world).part == ""
    view = view_of(small_world, max_rows=20)
    assert view.part == "20 of 60 texts, drawn (seed 0)"
    assert view.drawn(0).figure.layout.title.text.replace("<br>", " ") == view.part


@pytest.mark.parametrize("bad", [[-1], [10**9], ["0"], [None]])
def test_ids_that_no_point_has_select_nothing(small_world: SmallWorld, bad: list[object]) -> None:
    view = view_of(small_world)
    assert selected_rows(view, bad).empty


def test_points_are_coloured_by_what_they_keep_and_by_right_or_wrong(open_page, run_page, shown) -> None:
    at = run_page(open_page("projection", 0), "projection")
    at.selectbox(key="projection_colour").set_value("Neighbours kept, first to last layer").run()
    at = run_page(at, "projection_moved")
    assert not at.exception
    table = shown["projection_map"].numbers()
    spread = table.groupby("row")["Neighbours kept, first to last layer"].agg(["min", "max"])
    assert (spread["min"] == spread["max"]).all() and spread["max"].between(0, 1).all(), (
        "one number a text, in every layer"
    )
    at.selectbox(key="projection_colour").set_value("Right or wrong, last layer").run()
    at = run_page(at, "projection_right")
    assert not at.exception
    names = {trace.name.split(" (")[0] for trace in shown["projection_map"].figure.data}
    assert names <= {"right", "wrong", "no label"} and "no label" in names and len(names) > 1
