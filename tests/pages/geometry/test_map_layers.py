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
    assert drawn.part.startswith("Density of 20,000 texts;")
    assert inside(coords, {"scene": (0.0,) * 9}) is None


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
    at = run_page(open_page("projection", 0, projection_over=["Region names"]), "projection")
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
