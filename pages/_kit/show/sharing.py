"""A selection that a chart has in common with others: which of its points are selected, and who is told what a reader selects."""

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
import streamlit as st


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """A selection that several charts and pages have in common, of which a chart draws its points.

    ``ids`` (``customdata``) are those that are selected; ``picked`` is called, before the page runs, with what a reader
    clicks, boxes or lassos: with nothing where the reader takes the selection back.
    """

    ids: npt.NDArray[np.int64]
    picked: Callable[[tuple[int, ...]], None]


def chosen_points(key: str, shared: Shared) -> bytes:
    """What is selected in the chart ``key``, beside its payload: a selection does not send the figure again."""
    ids = np.ascontiguousarray(shared.ids, "<i4")
    stated = {"dtype": "i4", "bdata": b64encode(ids.tobytes()).decode("ascii")}
    return json.dumps({"chosen_of": key, "ids": stated}).encode()


def tell_picked(key: str, shared: Shared | None) -> None:
    """Hand on what a reader has selected; whatever a hostile client sends, the types hold."""
    stated = st.session_state.get(key)
    ids = stated.get("picked") if isinstance(stated, dict) else None
    if shared is not None and isinstance(ids, list):
        shared.picked(tuple(one for one in ids if isinstance(one, int) and not isinstance(one, bool)))


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
