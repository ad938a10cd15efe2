"""Charts of one plot as panels of one figure: nothing of them is lost, and each name is in the legend once."""

import numpy as np
import plotly.graph_objects as go
import pytest

from pages._kit.charts.base import base_figure, with_legend
from pages._kit.charts.panels import in_panels, panels_height
from pages._kit.charts.threshold import majority_line


def one(height: float) -> go.Figure:
    figure = base_figure(x_title="Components", y_title="Accuracy")
    figure.add_scatter(x=[1, 2], y=[height, 1.0], name="these texts")
    figure.add_scatter(x=[1, 2], y=[0.1, 0.2], showlegend=False)
    majority_line(figure, height)
    return with_legend(figure.update_yaxes(range=[0, 1.03]).add_vline(x=1.5))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6])
def test_each_figure_is_a_panel_with_its_lines_and_their_names(count: int) -> None:
    heights = np.linspace(0.2, 0.8, count)
    drawn = in_panels([one(height) for height in heights], [f"model {place}" for place in range(count)])
    assert len(drawn.data) == 2 * count
    assert [trace.showlegend for trace in drawn.data] == [True, False] + [False, False] * (count - 1)
    assert len({trace.legendgroup for trace in drawn.data[::2]}) == 1
    for place, height in enumerate(heights):
        number = str(place + 1) if place else ""
        mine = [trace for trace in drawn.data if trace.yaxis == f"y{number}"]
        assert mine[0].xaxis == f"x{number}" and mine[0].y[0] == height
        lines = {(shape.xref, shape.yref) for shape in drawn.layout.shapes}
        assert {(f"x{number} domain", f"y{number}"), (f"x{number}", f"y{number} domain")} <= lines
        names = [item for item in drawn.layout.annotations if item.yref == f"y{number}"]
        n_columns = 2 if count == 4 else 3
        assert len(names) == (place == count - 1 or place % n_columns == n_columns - 1), "at the end of a row alone"
        for note in names:
            assert note.text == "largest class" and note.y == height and note.xref == f"x{number} domain"
        assert drawn.layout[f"yaxis{number}"].range == (0, 1.03)
    assert {item.font.size for item in drawn.layout.annotations} <= {11, 12}, "small, as the panels are"
    assert drawn.layout.margin.r == 95, "room for the names"
    titles = [item.text for item in drawn.layout.annotations if item.yref == "paper"]
    assert titles == [f"model {place}" for place in range(count)]


def test_the_axes_are_named_at_the_edge_alone_and_all_fits_a_page() -> None:
    drawn = in_panels([one(0.5)] * 6, ["m"] * 6)
    named = [place for place in range(6) if drawn.layout[f"yaxis{place + 1 if place else ''}"].title.text]
    below = [place for place in range(6) if drawn.layout[f"xaxis{place + 1 if place else ''}"].title.text]
    assert named == [0, 3] and below == [3, 4, 5]
    assert [panels_height(count) for count in (1, 3, 4, 6)] == sorted(panels_height(count) for count in (1, 3, 4, 6))
    assert panels_height(6) <= 700


def test_long_words_of_axes_stand_in_two_lines_where_three_panels_share_a_row() -> None:
    long = "Test accuracy of one dimension alone"
    figures = [one(0.5).update_xaxes(title_text=long) for _ in range(3)]
    assert in_panels(figures, ["m"] * 3).layout.xaxis2.title.text == "Test accuracy of<br>one dimension alone"
    assert in_panels(figures[:2], ["m"] * 2).layout.xaxis2.title.text == long
    assert in_panels([one(0.5)] * 3, ["m"] * 3).layout.xaxis.title.text == "Components"


def test_many_panels_are_small_and_their_axes_are_named_once() -> None:
    drawn = in_panels([one(0.5)] * 13, [f"block {place}" for place in range(13)])
    assert not any(drawn.layout[f"{axis}axis{place or ''}"].title.text for axis in "xy" for place in (0, *range(2, 14)))
    edges = [item.text for item in drawn.layout.annotations if item.xref == item.yref == "paper"]
    assert edges[-2:] == ["Components", "Accuracy"] and edges.count("Components") == 1
    assert all(panels_height(count) <= 1250 for count in range(1, 60)), "it fits a page"
