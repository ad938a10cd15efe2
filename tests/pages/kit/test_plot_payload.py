"""The chart component on the server's side: what is sent, and what is believed of what comes back."""

import json
import re
from base64 import b64decode
from pathlib import Path
from typing import Any

import numpy as np
import plotly
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from pages._kit import library
from pages._kit.show import plot as module
from pages._kit.show.plot import ChartSelection, Frames

FRAMES = Frames("Layer", ["a", "b"], [[np.zeros((2, 2))], [np.array([[1.0, 2.0], [3.0, 4.0]])]], ["", "x"], 1)


def payload(frames: Frames | None = None) -> dict[str, Any]:
    figure = go.Figure(go.Scattergl(x=np.zeros(3, np.float32)))
    return json.loads(module._payload(figure, module._Options("k", 400, 'a "chart"', "v", "none", "f"), frames))


def test_the_payload_holds_figure_options_and_no_frames() -> None:
    sent = payload()
    assert sent["figure"]["data"][0]["x"]["dtype"] == "f4"
    assert sent["options"]["alt"] == 'a "chart"'
    assert sent["options"]["script"].startswith("app/static/plotly-")
    assert sent["frames"] is None


def test_frames_are_sent_as_float32_by_axis() -> None:
    frames = payload(FRAMES)["frames"]
    x, y = frames["coordinates"][1][0]
    assert np.frombuffer(b64decode(x["bdata"]), "<f4").tolist() == [1, 3]
    assert np.frombuffer(b64decode(y["bdata"]), "<f4").tolist() == [2, 4]
    assert (frames["names"], frames["initial"]) == (["a", "b"], 1)


def test_which_points_a_frame_shows_is_sent_as_bits() -> None:
    shown = np.arange(11)[None, :] < np.array([[0], [3], [11]])
    sent = payload(Frames("", ["a", "b", "c"], [], shown={2: shown}, cursor=(0, 5, 9), link="k", follows=True))[
        "frames"
    ]
    bits = np.frombuffer(b64decode(sent["shown"]["2"]["bdata"]), "u1").reshape(3, 2)
    np.testing.assert_array_equal(np.unpackbits(bits, axis=1, bitorder="little")[:, :11], shown)
    assert (sent["cursor"], sent["link"], sent["follows"]) == ([0, 5, 9], "k", True)


def test_nothing_selected_is_false_and_something_is_true() -> None:
    assert not module._selection(None, None, None)
    assert module._selection({"ids": [3, "a"], "cell": None}, None, None) == ChartSelection((3, "a"))
    assert module._selection({"ids": [], "cell": [1, 2, 3]}, None, None) == ChartSelection((), (2, 3), 1)


@pytest.mark.parametrize(
    "hostile",
    [
        "text",
        7,
        [],
        {"ids": "abc"},
        {"ids": [{"a": 1}, [2], None]},
        {"cell": [1, 2]},
        {"cell": [0, -1, 2]},
        {"cell": ["0", 1, 2]},
        {"cell": {"a": 1}},
    ],
)
def test_a_client_may_send_anything(hostile: Any) -> None:
    assert not module._selection(hostile, hostile, None)


@pytest.mark.parametrize(("stated", "shown"), [(0, 0), (1, 1), (2, 1), (-1, 1), ("0", 1), (None, 1), (True, 1)])
def test_a_frame_that_does_not_exist_is_the_initial_one(stated: Any, shown: int) -> None:
    assert module._selection(None, stated, FRAMES).frame == shown


def test_the_library_is_taken_from_the_installed_plotly(tmp_path: Path) -> None:
    assert library.provide_script(tmp_path / "static")
    (script,) = (tmp_path / "static").iterdir()
    assert script.name == f"plotly-{plotly.__version__}.top.min.js"
    said = script.read_text("utf-8")
    assert "plotly.js v" in said[:200], "whose it is, and its licence"
    assert re.match(r'/\*\*.*?\*/\s*"use strict";var Plotly=\(\(\)=>\{', said, re.DOTALL), "in no function of a loader"
    assert said.endswith("\nwindow.Plotly = Plotly;\n")
    source = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    assert source.stat().st_size - len(said.encode()) < 400, "nothing else is missing"
    assert script.stat().st_mtime == library.LONG_AGO, "a browser keeps it for a tenth of its age"


@pytest.mark.parametrize(
    "script", ["", "var Plotly=1;", library._BEFORE + "var Plotly=1;", "var Plotly=1;" + library._AFTER]
)
def test_a_library_that_is_made_otherwise_stays_as_it_is(script: str) -> None:
    assert library.at_the_top(script) == script


def test_a_library_of_before_is_aged_too_and_stays_where_that_is_forbidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert library.provide_script(tmp_path)
    (script,) = tmp_path.iterdir()
    script.touch()
    with monkeypatch.context() as patched:
        patched.setattr(library.os, "utime", _refused)
        assert library.provide_script(tmp_path), "it is there, whatever its age"
    assert script.stat().st_mtime > library.LONG_AGO
    assert library.provide_script(tmp_path)
    assert script.stat().st_mtime == library.LONG_AGO


def _refused(*_: object) -> None:
    raise PermissionError


def test_a_folder_that_cannot_be_written_is_said_and_not_raised(tmp_path: Path) -> None:
    (tmp_path / "static").write_text("a file, where the folder should be")
    assert not library.provide_script(tmp_path / "static")


def script() -> None:
    import numpy as np
    import plotly.graph_objects as go
    import streamlit as st

    from pages._kit.show.plot import Frames, plot

    figure = go.Figure(go.Scattergl(mode="markers"))
    frames = Frames("Layer", ["first", "second"], [[np.zeros((2, 2))], [np.full((2, 2), 5.0)]], ["one", "two"])
    st.text(f"frame {plot(figure, key='chart', alt='A chart', frames=frames).frame}")


def test_without_the_component_the_slider_moves_the_points_on_the_server() -> None:
    at = AppTest.from_function(script).run()
    assert at.text[0].value == "frame 0"
    at.select_slider(key="chart_frame").set_value(1).run()
    assert not at.exception
    assert at.text[0].value == "frame 1"
    (chart,) = at.get("plotly_chart")
    x = json.loads(chart.proto.spec)["data"][0]["x"]
    assert np.frombuffer(b64decode(x["bdata"]), f"<{x['dtype']}").tolist() == [5, 5]
    assert chart.proto.alt == "A chart"
