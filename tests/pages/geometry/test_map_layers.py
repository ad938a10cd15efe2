"""What lies over and under a map: names of regions, and the density of many points, whose payload does not grow."""

import re
from typing import Any

import numpy as np
import pytest

from backend import Projection, Result, TextTable
from backend.values.results import Source
from pages._kit.charts.regions import placed_names
from pages._kit.show import plot as plot_module
from pages._kit.show.map_layers import MOST_POINTS, dense, inside
from pages._kit.show.map_view import MapView
from tests.pages.drawn import check

LAYERS = ("embedding", "block 1", "block 2")


def made(n_points: int, column: tuple[str | None, ...] | None = None) -> MapView:
    """A map of so many points in three layers, every text the same."""
    coords = np.random.default_rng(0).normal(size=(3, n_points, 2)).astype(np.float32)
    rows = np.arange(n_points)
    values = Projection(
        coords=coords,
        row_index=rows,
        text_index=rows,
        token_index=np.full(n_points, -1),
        tokens=(),
        token_spans=np.zeros((0, 2), np.int64),
        norms=np.ones((3, n_points)),
        trustworthiness=np.full(3, 0.9),
        neighbour_overlap=np.full(3, 0.5),
        overlap_by_chance=0.01,
        alignment_residual=np.zeros(3),
        explained_variance_ratio=np.full((3, 2), 0.25),
        variance_shown=np.full(3, 0.5),
        k=15,
        n_compared=1000,
        method="pca",
        perplexity=30.0,
        n_rows=n_points,
        n_dims=8,
    )
    source = Source("model", "", "texts", "mean", (0, 1, 2), LAYERS, n_points, 8)
    table = TextTable(
        "texts", ("a text",) * n_points, columns={"label": column or tuple("ab" * (n_points // 2))}, label="label"
    )
    return MapView(Result("f" * 40, "projection", 5, values, sources=(source,), seed=0), table, "label")


def sent(view: MapView) -> bytes:
    """What the browser gets."""
    finding = view.finding("key", "title")
    options = plot_module._Options("key", 420, "alt", "view", "points", "file")
    return plot_module._payload(finding.figure, options, finding.frames)


def test_a_million_points_travel_as_few_bytes_as_a_hundred_thousand() -> None:
    sizes = []
    for n_points in (100_000, 1_000_000):
        view = dense(made(n_points), {}, 2)
        sizes.append(len(sent(view)))
        assert view.part == f"Density of {n_points:,} texts; 5,000 of them drawn, in proportion to label, seed 0"
        grid = view.finding("key", "title").figure.data[0]
        assert grid.type == "heatmap" and np.nansum(grid.z) == n_points
    assert abs(sizes[1] - sizes[0]) < 0.1 * sizes[0], sizes
    assert sizes[1] < 4_000_000


def test_where_the_map_is_zoomed_its_points_are_drawn() -> None:
    view = made(20_000)
    coords = view.result.values.coords[1]
    window = {"xaxis": (0.2, 0.4), "yaxis": (1.0, 0.5)}
    among = inside(coords, window)
    expected = np.flatnonzero(
        (coords[:, 0] >= 0.2) & (coords[:, 0] <= 0.4) & (coords[:, 1] >= 0.5) & (coords[:, 1] <= 1)
    )
    np.testing.assert_array_equal(np.flatnonzero(among), expected)
    drawn = dense(view, window, 1)
    np.testing.assert_array_equal(drawn.result.values.row_index, expected)
    assert drawn.part == f"Density of 20,000 texts; all of the {len(expected)} in this part drawn"
    wide = dense(view, {"xaxis": (0.0, 9.0)}, 1)
    assert (
        wide.part.endswith(" in this part drawn, in proportion to label, seed 0")
        and len(wide.points_shown.classes) == 5000
    )
    assert inside(coords, {"scene": (0.0,) * 9}) is None


def test_a_class_keeps_its_colour_where_the_map_is_zoomed() -> None:
    classes = tuple("a" if row < 15_000 else "b" for row in range(20_000))
    view = made(20_000, classes)
    view.result.values.coords[0, 15_000:] += 50
    far = dense(view, {"xaxis": (20.0, 80.0)}, 0)
    assert set(far.points_shown.classes) == {"b"}
    (only,) = [trace for trace in far.drawn(0).figure.data if trace.type == "scattergl"]
    whole = view.drawn(0).figure.data
    assert only.marker.color == whole[1].marker.color != whole[0].marker.color


def test_the_table_of_a_density_has_its_points_and_its_cells() -> None:
    view = made(6000, ("a",) * 5999 + (None,))
    finding = dense(view, {}, 0).finding("key", "title", initial=1)
    assert check(finding) > 3 * 10_000
    cells = finding.numbers()["texts in the cell"].dropna()
    assert cells.sum() == 3 * 6000
    assert finding.results[0] is view.result, "the files hold the whole result"
    z, frames = finding.figure.data[0].z, finding.frames
    np.testing.assert_array_equal(np.nan_to_num(z), frames.grids[0][1].counts)
    assert frames.coordinates[1][0].shape == (0, 2) and len(frames.coordinates[1]) == len(finding.figure.data)


def test_names_that_would_lie_on_each_other_are_moved_or_left_out() -> None:
    from backend import Region

    coords = np.array([[0.0, 0.0], [10.0, 10.0]])
    same = [Region(5.0, 5.0, 9 - place, (f"<word{place}>",)) for place in range(9)]
    found = placed_names([*same, Region(0.0, 0.0, 1, ("far", "away"))], coords)
    assert len(found) == 6 and len({y for _, y, _ in found}) == 6
    assert found[0] == (5.0, 5.0, "&lt;word0&gt;") and found[-1] == (0.0, 0.0, "far, away")
    assert placed_names([], coords) == []


def test_the_page_names_regions_and_draws_a_density_on_request(open_page, run_page, shown) -> None:
    at = run_page(open_page("projection", 0, projection_over=["Names"]), "projection")
    frames: Any = shown["projection_map"].frames
    assert len(frames.notes) == 4
    words = {word for notes in frames.notes for _, _, text in notes for word in re.split(", ", text)}
    assert words and not words & {"the", "and"}
    at.pills(key="projection_over").set_value(["Density"]).run()
    assert not at.exception and at.session_state["_view"].words["projection_over"] == ["Density"]
    finding = shown["projection_map"]
    assert finding.figure.data[0].type == "heatmap"
    assert finding.figure.layout.title.text == "Density of 60 texts, all of them drawn"


def test_many_points_have_a_density_anyway(monkeypatch: pytest.MonkeyPatch, open_page, run_page, shown) -> None:
    monkeypatch.setattr("pages._kit.show.map_layers.MOST_POINTS", 50)
    run_page(open_page("projection", 0), "projection")
    assert shown["projection_map"].figure.data[0].type == "heatmap"
    assert MOST_POINTS == 100_000


def test_every_layer_at_once_is_one_figure_with_the_same_points_in_the_same_colours(open_page, run_page, shown) -> None:
    choice = {"projection_over": ["All layers"], "projection_classes": ["films", "houses"]}
    at = run_page(open_page("projection", 0, **choice), "projection")
    finding = shown["projection_map"]
    assert finding.frames is None and check(finding) == 4 * 60 * 2
    panels = [trace for trace in finding.figure.data if trace.type == "scattergl"]
    entries = [trace for trace in finding.figure.data if trace.type == "scatter"]
    assert len(panels) == 4 and len({trace.xaxis for trace in panels}) == 4
    assert [entry.name for entry in entries] == ["other (1 class) (20)", "films (20)", "houses (20)"]
    table = finding.numbers()
    for layer, trace in zip(table["layer"].unique(), panels, strict=True):
        rows = table[table["layer"] == layer].set_index("row")
        own = rows.loc[trace.customdata + 1]
        np.testing.assert_allclose(trace.x, own["axis_1"], rtol=1e-6)
        place = [("films", "houses").index(label) + 1 if label in ("films", "houses") else 0 for label in own["label"]]
        np.testing.assert_array_equal(trace.marker.color, place)
        shades = [trace.marker.colorscale[2 * step][1] for step in range(3)]
        assert shades == [entry.marker.color for entry in entries]
    names = [one.text for one in finding.figure.layout.annotations]
    assert names[0] == "embedding" and all(name.endswith("%") for name in names[1:])
    at.selectbox(key="projection_colour").set_value("norm").run()
    assert not at.exception
    for place, trace in enumerate(shown["projection_map"].figure.data):
        norms = shown["projection_map"].results[0].values.norms[place]
        np.testing.assert_array_equal(np.sort(trace.marker.color), np.sort(norms))
        assert bool(trace.marker.showscale) == (place == 3)


def test_a_class_of_the_legend_is_chosen_by_a_click_and_grey_brings_all_colours_back(
    open_page, run_page, shown
) -> None:
    at = run_page(open_page("projection", 0), "projection")
    finding = shown["projection_map"]
    assert [trace.meta["class"] for trace in finding.figure.data] == ["animals", "films", "houses"]
    key = "projection_classes"
    state: dict[str, Any] = {key: []}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pages._kit.show.colouring.value_of", lambda name, default: state.get(name, default))
        patch.setattr("pages._kit.show.colouring.set_value", state.__setitem__)
        for name, chosen in (("films", ["films"]), ("houses", ["films", "houses"]), ("films", ["houses"]), ("", [])):
            finding.on_class(name)
            assert state[key] == chosen
    assert not at.exception


def test_a_map_of_a_part_offers_all_rows(open_page, run_page, shown) -> None:
    at = run_page(open_page("projection", 0, projection_max_rows="40"), "projection")
    assert len(shown["projection_map"].results[0].values.row_index) == 40
    button = at.button(key="projection_max_rows_all")
    assert button.label == "Show all 60" and "40 of 60" in button.help
    button.click().run()
    run_page(at, "projection")
    assert len(shown["projection_map"].results[0].values.row_index) == 60
    assert not [one for one in at.button if one.key == "projection_max_rows_all"]
