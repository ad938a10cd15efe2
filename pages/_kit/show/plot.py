"""A Plotly chart that keeps zoom, camera and selection when its data changes, follows the theme and can be scrubbed.

``st.plotly_chart`` draws from scratch at every change. Here a component calls ``Plotly.react`` on the figure in place,
with the plotly.min.js of the installed plotly package, served by Streamlit's static serving: nothing is fetched from
elsewhere. Where static serving is off, and under AppTest, ``st.plotly_chart`` takes over with the same return value.
"""

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import plotly.graph_objects as go
import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages._kit.charts.base import ON_DARK
from pages._kit.library import SCRIPT, provide_script
from pages._kit.show.frames import Frames, encoded, frame_slug, set_frame
from pages._kit.show.kept import kept_bytes, kept_chart, word_of
from pages._kit.show.sharing import Shared, chosen_points, mark_chosen, tell_class, tell_picked, tell_plain
from pages._kit.state.chart_state import (
    Start,
    asked_start,
    followed,
    note_cell,
    note_frame,
    note_points,
    note_zoom,
    remember_frame,
    remembered_frame,
)
from pages._kit.state.zoom import Zoom, stated_zoom, zoomed

FALLBACK_VARIABLE = "EMBEDSCOPE_PLAIN_CHARTS"
_HERE = Path(__file__).parent
CSS = (_HERE / "plot.css").read_text(encoding="utf-8")
JAVASCRIPT = "\n".join(
    (_HERE / name).read_text(encoding="utf-8")
    for name in ("plot.js", "plot_frames.js", "plot_theme.js", "plot_save.js", "plot_zoom.js")
)
_COMPONENT = st.components.v2.component("embedscope_plot", css=CSS, js=JAVASCRIPT, isolate_styles=False)

PLAIN_CONFIG = {"displaylogo": False, "showSendToCloud": False}  # plotly.js 4 would offer to upload the figure

Select = Literal["none", "points", "cells"]

__all__ = ["ChartSelection", "Frames", "Select", "chart_document", "frame_slug", "plot"]


@dataclass(frozen=True, slots=True)
class ChartSelection:
    """What is chosen in a chart: the ids (``customdata``) of points, or one cell (row, column), the frame shown, and the zoom."""

    ids: tuple[Any, ...] = ()
    cell: tuple[int, int] | None = None
    trace: int | None = None
    frame: int | None = None
    zoom: Zoom = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.ids) or self.cell is not None


@dataclass(frozen=True, slots=True)
class _Options:
    key: str
    height: int
    alt: str
    view: str
    select: Select
    file_name: str
    title: Sequence[str] = ()
    script: str = SCRIPT
    aspect: float | None = None
    on_dark: dict[str, str] = field(default_factory=lambda: dict(ON_DARK))
    start: dict[str, Any] = field(default_factory=dict)
    shared: bool = False
    around: bool = False
    classes: bool = False
    passing: bool = False


def plot(
    figure: go.Figure,
    *,
    key: str,
    alt: str,
    height: int = 480,
    aspect: float | None = None,
    view: str = "",
    select: Select = "none",
    frames: Frames | None = None,
    file_name: str = "embedscope",
    title: Sequence[str] = (),
    on_select: Callable[[], None] | None = None,
    shared: Shared | None = None,
    on_class: Callable[[str], None] | None = None,
    made_of: str = "",
    passing: bool = False,
) -> ChartSelection:
    """Draw ``figure`` in the width of its container and return what is selected in it.

    ``alt`` describes the chart to those who cannot see it. ``height`` is in pixels; with ``aspect`` it is at most that
    share of the width. Zoom, camera and selection are kept while ``view`` stays the same: give it another value when the
    axes mean something else. ``select`` "points" returns the ``customdata`` of clicked, boxed or lassoed points (one value a
    point), "cells" the row and column of a clicked heatmap cell; ``on_select`` is called when that changes. With ``frames`` a
    slider shows one after the other. ``file_name`` names the pictures that are saved, and ``title`` (``alt``, if empty), lines of
    plain text, stands in them; of a frame both name it. With ``shared`` the selection is not the chart's own.
    ``on_class`` is called with the class that is clicked in the legend, in the place of hiding it. ``made_of`` says what figure and
    frames are made of (``kept.made_of``), and with it they are written for the browser once. A ``passing`` figure, which
    another is to replace, has no tools: it is not saved, and the address has nothing of it. What an address asks for waits for the other.
    """
    own = "none" if shared is not None else select
    names = None if frames is None or frames.follows else frames.names
    start = Start() if passing else asked_start(key, names, own)
    if not component_available():
        whole = zoomed(figure, start.zoom or {})
        chosen = _plain(whole, key, alt, height, select, frames, file_name, on_select, start, shared, passing)
        chosen = replace(chosen, zoom=start.zoom or {})
    else:
        options = _Options(
            key,
            height,
            alt,
            view,
            select,
            file_name,
            title or (alt,),
            aspect=aspect,
            start=start.as_sent,
            shared=shared is not None,
            around=shared is not None and shared.around is not None,
            classes=on_class is not None,
            passing=passing,
        )
        with st.container(gap=None):
            result = _COMPONENT(
                key=key,
                data=_payload(figure, options, frames, made_of),
                on_selection_change=on_select or _nothing,
                on_frame_change=_nothing,
                on_zoom_change=_nothing,
                on_begun_change=_nothing,
                on_picked_change=partial(tell_picked, key, shared),
                on_legend_change=partial(tell_class, key, on_class),
            )
            if shared is not None:
                _COMPONENT(key=f"{key}_chosen", data=chosen_points(key, shared), height="content")
        stated, shown = result.get("selection"), result.get("frame")
        zoom: Zoom = stated_zoom(result.get("zoom"))
        if not followed(key, start, result.get("begun")):  # the browser has not drawn what the address asks for
            stated = {"ids": list(start.ids), "cell": None if start.cell is None else list(start.cell)}
            shown, zoom = start.frame, zoom if start.zoom is None else start.zoom
        if shown is None:
            shown = remembered_frame(key, view)
        chosen = replace(_followed(_selection(stated, shown, frames), frames), zoom=zoom)
    if passing:
        return ChartSelection(frame=chosen.frame)
    note_zoom(key, chosen.zoom)
    if frames is not None and not frames.follows and chosen.frame is not None:
        note_frame(key, frames.names, chosen.frame)
        remember_frame(key, view, chosen.frame)
    if shared is not None:
        chosen = replace(chosen, ids=tuple(shared.ids.tolist()))
    elif select == "points":
        note_points(key, chosen.ids)
    elif select == "cells":
        note_cell(key, None if chosen.cell is None else (chosen.trace or 0, *chosen.cell))
    return chosen


def picture_buttons(key: str) -> None:
    """Two buttons that save the chart ``key`` of this page as SVG and PNG; nothing where no component draws it."""
    if component_available():
        _COMPONENT(key=f"{key}_pictures", data=json.dumps({"pictures_of": key}).encode(), width="content")


def chart_document(
    figure: go.Figure,
    *,
    alt: str,
    height: int,
    aspect: float | None,
    frames: Frames | None,
    file_name: str,
    title: Sequence[str],
) -> str:
    """The chart as JSON for a page of its own, which draws it with ``CSS`` and ``JAVASCRIPT`` as the dashboard does."""
    options = _Options(file_name, height, alt, "", "none", file_name, title, script="", aspect=aspect)
    return _payload(figure, options, frames).decode()


def component_available() -> bool:
    """Whether charts are drawn by the component: static serving is on, the script is in place, no test stands in."""
    if os.environ.get(FALLBACK_VARIABLE) or "streamlit.testing.v1" in sys.modules:
        return False
    context = get_script_run_ctx()
    if context is None or not st.get_option("server.enableStaticServing"):
        return False
    return provide_script(Path(context.main_script_path).parent / "static")


def _payload(figure: go.Figure, options: _Options, frames: Frames | None, made_of: str = "") -> bytes:
    """The chart as UTF-8 JSON: bytes are hashed and sent as they are, where a dict would be encoded twice."""

    def drawn() -> bytes:
        sent = None if frames is None else encoded(frames)
        return b'{"figure":%b,"frames":%b' % (kept_chart(word_of(figure), written), json.dumps(sent).encode())

    def written() -> bytes:
        text: str = figure.to_json(engine="json")
        return text.encode()

    stated = {name: getattr(options, name) for name in _Options.__dataclass_fields__}
    return b"".join((kept_bytes(made_of, drawn), b',"options":', json.dumps(stated).encode(), b"}"))


def _selection(stated: Any, frame: Any, frames: Frames | None) -> ChartSelection:
    """The component's state as a ChartSelection; whatever a hostile client sends, the types hold."""
    stated = stated if isinstance(stated, dict) else {}
    ids = stated.get("ids")
    cell = stated.get("cell")
    shown = frame if isinstance(frame, int) and not isinstance(frame, bool) else None
    if frames is not None:
        known = shown is not None and 0 <= shown < len(frames.names)
        shown = shown if known else frames.initial
    chosen = tuple(value for value in ids if isinstance(value, int | float | str)) if isinstance(ids, list) else ()
    if isinstance(cell, list) and len(cell) == 3 and all(isinstance(part, int) and part >= 0 for part in cell):
        return ChartSelection(chosen, (cell[1], cell[2]), cell[0], shown)
    return ChartSelection(chosen, None, None, shown)


def _followed(chosen: ChartSelection, frames: Frames | None) -> ChartSelection:
    """``chosen`` of a chart that follows another with the frame of that other, which is drawn before it."""
    if frames is None or not frames.link:
        return chosen
    shared = f"_frame_of_{frames.link}"
    if not frames.follows:
        st.session_state[shared] = chosen.frame
        return chosen
    return replace(chosen, frame=min(st.session_state.get(shared, chosen.frame), len(frames.names) - 1))


def _nothing() -> None:
    """Streamlit keeps a component's state only where a callback is given for it."""


def _plain(
    figure: go.Figure,
    key: str,
    alt: str,
    height: int,
    select: Select,
    frames: Frames | None,
    file_name: str,
    on_select: Callable[[], None] | None,
    start: Start,
    shared: Shared | None,
    passing: bool,
) -> ChartSelection:
    """The same chart by ``st.plotly_chart``: without the kept zoom, with the slider outside the chart."""
    figure = go.Figure(figure).update_layout(height=height)
    if start.frame is not None:
        st.session_state.setdefault(f"{key}_frame", start.frame)
    frame = None if frames is None else _plain_frame(figure, frames, key)
    config = {
        **PLAIN_CONFIG,
        "displayModeBar": not passing,
        "toImageButtonOptions": {"filename": file_name, "scale": 3},
    }
    if select == "none":
        st.plotly_chart(figure, key=key, alt=alt, config=config)
        return ChartSelection(frame=frame)
    if shared is not None:
        mark_chosen(figure, shared)
        on_select = partial(tell_plain, key, shared)
    event = st.plotly_chart(figure, key=key, alt=alt, on_select=on_select or "rerun", config=config)
    points = event["selection"]["points"]
    if select == "points":
        return ChartSelection(ids=tuple(point["customdata"] for point in points if "customdata" in point), frame=frame)
    return ChartSelection(frame=frame)


def _plain_frame(figure: go.Figure, frames: Frames, key: str) -> int:
    frame, shared = frames.initial, f"_frame_of_{frames.link}"
    if frames.follows:
        frame = min(st.session_state.get(shared, frame), len(frames.names) - 1)
    elif len(frames.names) > 1:
        steps = range(len(frames.names))
        names = list(frames.names)
        frame = st.select_slider(frames.label, steps, frame, format_func=names.__getitem__, key=f"{key}_frame")
    if frames.link:
        st.session_state[shared] = frame
    set_frame(figure, frames, frame)
    if frames.captions and not frames.follows:
        st.caption(frames.captions[frame].replace("$", "\\$"))
    return frame
