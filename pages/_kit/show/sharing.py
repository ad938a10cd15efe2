"""A selection that a chart has in common with others: which of its points are selected, and who is told what a reader selects."""

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
import streamlit as st

MOST_CORNERS = 10_000  # of a lasso


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """A lasso or a box in the coordinates of a chart: its ``corners`` (n, 2), the frame on show, and whether it adds to what there was."""

    corners: npt.NDArray[np.float64]
    frame: int
    adding: bool


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """A selection that several charts and pages have in common, of which a chart draws its points.

    ``ids`` (``customdata``) are those that are selected; ``picked`` is called, before the page runs, with what a reader
    clicks, boxes or lassos: with nothing where the reader takes the selection back. A chart that draws a part of its points
    has ``around``, which is called with a box or lasso instead.
    """

    ids: npt.NDArray[np.int64]
    picked: Callable[[tuple[int, ...]], None]
    around: Callable[[Outline], None] | None = None


def chosen_points(key: str, shared: Shared) -> bytes:
    """What is selected in the chart ``key``, beside its payload: a selection does not send the figure again."""
    ids = np.ascontiguousarray(shared.ids, "<i4")
    stated = {"dtype": "i4", "bdata": b64encode(ids.tobytes()).decode("ascii")}
    return json.dumps({"chosen_of": key, "ids": stated}).encode()


def tell_picked(key: str, shared: Shared | None) -> None:
    """Hand on what a reader has selected; whatever a hostile client sends, the types hold."""
    stated = st.session_state.get(key)
    found = stated.get("picked") if isinstance(stated, dict) else None
    if shared is not None and isinstance(found, list):
        shared.picked(tuple(one for one in found if isinstance(one, int) and not isinstance(one, bool)))
    elif shared is not None and shared.around is not None and (outline := _outline(found)) is not None:
        shared.around(outline)


def _outline(stated: object) -> Outline | None:
    """What a browser says of an outline; None where it is none."""
    x, y, frame = (stated.get(name) for name in ("x", "y", "frame")) if isinstance(stated, dict) else (None,) * 3
    if not isinstance(stated, dict) or not isinstance(x, list) or not isinstance(y, list) or len(x) != len(y):
        return None
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) and abs(one) < 1e300 for one in (*x, *y))
    if not numbers or not 3 <= len(x) <= MOST_CORNERS:
        return None
    corners = np.column_stack([np.array(x, np.float64), np.array(y, np.float64)])
    return Outline(corners, frame if isinstance(frame, int) and frame >= 0 else 0, stated.get("adding") is True)


def tell_class(key: str, picked: Callable[[str], None] | None) -> None:
    """Hand on the class that a reader has clicked in the legend, empty for those that are grey."""
    stated = st.session_state.get(key)
    name = stated.get("legend") if isinstance(stated, dict) else None
    if picked is not None and isinstance(name, str):
        picked(name)


def tell_plain(key: str, shared: Shared) -> None:
    """The same for a chart that no script draws."""
    points = st.session_state[key]["selection"]["points"]
    shared.picked(tuple(int(point["customdata"]) for point in points if "customdata" in point))


def mark_chosen(figure: go.Figure, shared: Shared) -> None:
    """Mark the selected points of a figure that no script draws."""
    for trace in figure.data if len(shared.ids) else ():
        if trace.type == "scattergl" and trace.customdata is not None:
            trace.selectedpoints = np.flatnonzero(np.isin(trace.customdata, shared.ids))
