"""Maps side by side: the same texts in each, laid on the first or as they are, coloured by what two layers share."""

import numpy as np
import pytest

from backend import alignment_residual, laid_on
from pages._kit.charts.beside import Panel, beside

SIDE = "Side by side"


def test_two_models_stand_side_by_side_with_the_same_ids(open_page, run_page, shown) -> None:
    at = run_page(open_page("projection", 0, 1, projection_view=SIDE), "projection")
    assert not at.exception
    finding = shown["projection_side"]
    maps = [result.values.coords[0] for result in finding.results]
    table = finding.numbers()
    first, second = (table[table["map"] == name][["axis_1", "axis_2"]].to_numpy() for name in table["map"].unique())
    np.testing.assert_allclose(first, maps[0])
    np.testing.assert_allclose(second, laid_on(maps[1], maps[0]))
    traces = finding.figure.data
    sides = {trace.xaxis: set() for trace in traces}
    for trace in traces:
        sides[trace.xaxis] |= set(trace.customdata.tolist())
    assert set(sides) == {"x", "x2"} and sides["x"] == sides["x2"] == set(finding.results[0].values.row_index.tolist())
    assert finding.figure.layout.xaxis2.matches == "x"
    at.toggle(key="side_laid").set_value(False).run()
    finding = shown["projection_side"]
    np.testing.assert_allclose(finding.numbers()[["axis_1", "axis_2"]].to_numpy()[len(first) :], maps[1])
    assert finding.figure.layout.xaxis2.matches is None
    residual = next(table.value for table in at.dataframe if "trustworthiness" in table.value)
    assert float(residual.iloc[1, -1]) == pytest.approx(alignment_residual(maps[1], maps[0]), abs=1e-3)


def test_no_point_lies_under_the_title_of_its_map() -> None:
    coordinates = np.array([[0.0, 0.0], [1.0, 5.0], [2.0, 1.0]])
    panels = [Panel(title, coordinates, {"hovers": ["a", "b", "c"]}) for title in ("left", "right")]
    figure = beside(panels, np.arange(3), together=True)
    for axis, title in zip((figure.layout.yaxis, figure.layout.yaxis2), figure.layout.annotations, strict=True):
        assert axis.domain[1] < title.y and title.yanchor == "top"


def test_three_layers_of_one_model_and_the_neighbours_that_two_share(open_page, run_page, shown) -> None:
    at = open_page("projection", 0, projection_view=SIDE)
    at.segmented_control(key="side_n").set_value(3).run()
    at.toggle(key="side_shared").set_value(True).run()
    at = run_page(at, "projection")
    assert not at.exception
    finding = shown["projection_side"]
    moved = finding.results[-1].values
    table = finding.numbers()
    assert table["map"].nunique() == 3
    np.testing.assert_allclose(table["Neighbours shared"][: len(moved.overlap)], moved.overlap)
    drawn = np.concatenate([trace.marker.color for trace in finding.figure.data if trace.xaxis == "x"])
    np.testing.assert_allclose(np.sort(drawn), np.sort(moved.overlap))
    key = next(box.key for box in at.selectbox if (box.key or "").startswith("side_layer_1"))
    first = next(box.value for box in at.selectbox if (box.key or "").startswith("side_layer_0"))
    at.selectbox(key=key).set_value(first).run()
    assert "Shared neighbours are counted between" in " ".join(one.value for one in at.caption)
