"""A text that is typed, placed on the map of every layer: on principal components alone, which have a place for what is new."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from backend import AnalysisSpec, ModelInfo, Projection, Result, TextOnMap
from pages._kit.charts.base import PALETTE, hover_text
from pages._kit.flow.progress import run_panel
from pages._kit.show.finding import Finding
from pages._kit.state import ask
from pages._kit.state.selection import Selection
from pages._kit.state.session import workbench

NAME = "typed text"
MOST_CHARS = 1000  # of a typed text: an address holds it
_ONLY_PCA = "t-SNE and UMAP are laid out for the texts of the set alone and have no place for another; PCA has."


def typed_text(here: Selection, model: ModelInfo, method: str) -> str:
    """The text to place; empty where none is typed, or none can be: rows must be whole texts, read by a model, unchanged."""
    whole = here.texts is not None and here.texts.spec.unit == "text" and here.tokens is None
    if not whole or here.postprocess or model.is_given:
        return ""
    if method != "pca":
        st.caption(f":material/keyboard: A typed text: {_ONLY_PCA}")
        return ""
    return ask.text_input(
        "Place a text on the map",
        key="projection_text",
        max_chars=MOST_CHARS,
        placeholder="Type any text and press Enter",
        help="The model reads it, and it is projected on the components of each layer. The page Neighbours lists what is near it in "
        "the full space. Like a search it stands in the page's address, and in the title of the job.",
    ).strip()


def placed(here: Selection, model: ModelInfo, map_spec: AnalysisSpec, text: str) -> Result[TextOnMap] | None:
    """Where the text lies on the map that ``map_spec`` asks for; None while that is not known."""
    if not text:
        return None
    params = {name: getattr(map_spec.params, name) for name in ("n_components", "metric", "max_rows")}
    layers = [item.layer for item in map_spec.inputs]
    asked: dict[str, Any] = {"models": [model], "layers": layers, **here.rows}
    spec = workbench().analysis("text_on_map", params={"text": text, **params}, **asked)
    found = run_panel([spec], "projection_text", TextOnMap)
    return None if found is None else found[0]


def with_text(finding: Finding, on_map: Result[Projection], found: Result[TextOnMap] | None, text: str) -> Finding:
    """The map with a star where the text is, in each of its frames, and its coordinates in the table."""
    if found is None or finding.figure is None or finding.frames is None:
        return finding
    coords = np.asarray(found.values.coords, np.float32)
    n_axes, frames, names = coords.shape[1], finding.frames, on_map.sources[0].layer_names
    star: dict[str, Any] = {
        axis: coords[frames.initial, place : place + 1] for place, axis in enumerate("xyz"[:n_axes])
    }
    star |= {
        "mode": "markers",
        "name": NAME,
        "showlegend": True,
        "legendrank": 3000,
        "hovertemplate": f"{hover_text(text)}<br><b>{NAME}</b><extra></extra>",
    }
    look = {"color": PALETTE[3], "line": {"width": 1, "color": "white"}}
    figure = go.Figure(finding.figure)  # the one given is kept for others
    if n_axes == 2:
        figure.add_scattergl(marker={"symbol": "star", "size": 17, **look}, **star)
    else:
        figure.add_scatter3d(marker={"symbol": "diamond", "size": 9, **look}, **star)
    moved = [[*traces, coords[place : place + 1]] for place, traces in enumerate(frames.coordinates)]
    typed = pd.DataFrame({"layer": list(names), "text": text, **{f"axis_{i + 1}": coords[:, i] for i in range(n_axes)}})

    def table() -> pd.DataFrame:
        points = finding.table() if callable(finding.table) else finding.table
        return pd.concat([points.astype({"row": "Int64"}), typed], ignore_index=True)

    return replace(
        finding,
        figure=figure,
        made_of="",
        frames=replace(frames, coordinates=moved),
        table=table,
        results=[*finding.results, found],
        caption=f"{finding.caption} The star is the typed text.",
    )
