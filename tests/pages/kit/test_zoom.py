"""Where a chart is zoomed: in the words of an address, on a figure that is saved, and by a link."""

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages._kit.show.files import html_file
from pages._kit.show.finding import Finding
from pages._kit.state.zoom import read_zoom, spell_zoom, stated_zoom, zoomed
from tests.pages.figures import figure

END = st.floats(-1e9, 1e9)
RANGES = st.tuples(END, END).filter(lambda ends: ends[0] != ends[1])
AXES = st.dictionaries(st.sampled_from(["xaxis", "yaxis", "xaxis2", "yaxis13"]), RANGES, max_size=3)
SCENES = st.dictionaries(
    st.just("scene"), st.tuples(END, END, END).map(lambda eye: (*eye, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0))
)


@given(AXES, SCENES)
def test_a_zoom_is_spelled_read_back_and_taken_from_a_browser(axes: dict, scenes: dict) -> None:
    zoom = axes | scenes
    assert read_zoom(spell_zoom(zoom)) == zoom
    assert stated_zoom({name: list(numbers) for name, numbers in zoom.items()}) == zoom


def test_the_words_can_be_read() -> None:
    assert spell_zoom({"xaxis": (-1.5, 2.0), "yaxis2": (0.0, 1e-12)}) == "x_-1.5_2~y2_0_1e-12"
    assert spell_zoom({}) == "" and read_zoom("") == {}


@pytest.mark.parametrize(
    "word", ["x", "x_1", "x_1_1", "x_0_inf", "x_nan_1", "z_0_1", "x_0_1_2", "scene_1_2", "x_0_1~", "x100_0_1"]
)
def test_what_is_no_zoom_is_refused(word: str) -> None:
    assert read_zoom(word) is None


@pytest.mark.parametrize(
    "stated", [None, 3, [], {"xaxis": 3}, {"xaxis": [1, None]}, {"bgcolor": [0, 1]}, {"xaxis": [True, False]}]
)
def test_whatever_a_browser_says_the_types_hold(stated: object) -> None:
    assert stated_zoom(stated) == {}


def test_a_saved_figure_is_zoomed_and_the_one_on_the_page_is_left_alone() -> None:
    own = go.Figure([go.Scatter(x=[0, 1], y=[0, 1])], layout={"title": "two points"})
    zoom = {"xaxis": (0.25, 0.75), "xaxis7": (1.0, 2.0), "scene": (1.0, 2, 3, 0, 0, 0, 0, 0, 1)}
    found = zoomed(own, zoom)
    assert tuple(found.layout.xaxis.range) == (0.25, 0.75) and own.layout.xaxis.range is None
    assert found.layout.scene.camera.eye.to_plotly_json() == {"x": 1.0, "y": 2, "z": 3}
    assert "xaxis7" not in found.layout.to_plotly_json() and zoomed(own, {}) is own
    finding = Finding("key", "Two points", own, "", np.eye(2))
    assert '"range":[0.25,0.75]' in html_file(finding, None, zoom).decode().replace(" ", "")
    assert "0.25" not in html_file(finding).decode().partition("two points")[2][:200]


def test_a_link_zooms_and_what_cannot_be_read_is_said(open_page, run_page) -> None:
    at = run_page(open_page("projection", 0, projection_map_zoom="x_-0.5_0.5~y_-1_1"), "projection")
    layout = figure(at)["layout"]
    assert (layout["xaxis"]["range"], layout["yaxis"]["range"]) == ([-0.5, 0.5], [-1, 1])
    assert at.session_state["_view"].words["projection_map_zoom"] == ["x_-0.5_0.5~y_-1_1"]
    at = run_page(open_page("projection", 0, projection_map_zoom="x_<b>_1"), "projection")
    assert "cannot be read" in at.session_state["_view"].gone["projection_map_zoom"]
    assert "projection_map_zoom" not in at.session_state["_view"].words
