"""A page with one figure of two traces and four frames, and how often it ran; driven by test_saving.py in a real browser."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from backend import Result, Source
from pages._kit.charts.base import base_figure
from pages._kit.show.finding import Finding, show
from pages._kit.show.plot import Frames
from pages._kit.show.sharing import Shared
from tests.pages.kit.test_charts_export import Values

LEGEND = base_figure(x_title="", y_title="").update_layout(margin={"b": 90}).layout.to_plotly_json()
LEGEND = {name: LEGEND[name] for name in ("legend", "margin")}
LONG = ", of those that illiterate millimetres of willow fill till all of it will still fit" * 4
st.set_page_config(layout="wide")
st.session_state.runs = st.session_state.get("runs", 0) + 1
values = Values(np.eye(2), np.array([True]), 0.5, "variance")
source = Source(
    "/home/me/models/minilm", "c0ffee", "reviews of films", "mean", (0, 1, 2, 3), ("a", "b", "c", "d"), 10, 4,
    sample=f"50 of 2,000 rows, seed 0{LONG if 'long' in st.query_params else ''}",
)  # fmt: skip
result = Result("fingerprint", "cka", 1, values, sources=(source,), recipe={"type": "AnalysisSpec", "metric": "cka"})
rng = np.random.default_rng(0)
layers = [rng.uniform(0, 10, (50, 2)).astype(np.float32) + 10 * layer for layer in range(4)]
kind = go.Scatter if "svg" in st.query_params else go.Scattergl
traces = [kind(mode="markers", name=name, customdata=np.arange(25)) for name in "ab"]
names = [f"block {layer}" for layer in range(4)]
found = show(
    Finding(
        key="saving_map",
        title="PCA of <b>minilm</b> at $5",
        figure=go.Figure(traces, layout={"template": "none", **LEGEND}),
        caption="Fifty texts.",
        table=pd.DataFrame(np.concatenate(layers), columns=["x", "y"]),
        results=[result],
        name="projection-pca",
        height=400,
        select="points",
        chosen=Shared(np.array([3, 5, 7]), lambda ids: None) if "chosen" in st.query_params else None,
        frames=Frames("Layer", names, [[layer[:25], layer[25:]] for layer in layers], ["", "", "well kept", ""], 3),
    )
)
st.text(f"frame {found.frame}, runs {st.session_state.runs}")
