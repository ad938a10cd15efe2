"""A tiny app around the chart component, driven by test_plot.py in a real browser."""

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from pages._kit.show.passing import show_passing
from pages._kit.show.plot import Frames, plot

st.set_page_config(layout="wide")
which = st.query_params.get("chart", "points")
seed = st.number_input("seed", value=0, step=1)
if st.toggle("away"):
    st.text("The chart is off the page.")
    st.stop()
rng = np.random.default_rng(seed)

if which == "points":
    xy = rng.uniform(0, 10, (200, 2)).astype(np.float32)
    traces = [
        go.Scattergl(x=xy[:100, 0], y=xy[:100, 1], mode="markers", name="a", customdata=np.arange(100)),
        go.Scattergl(x=xy[100:, 0], y=xy[100:, 1], mode="markers", name="b", customdata=np.arange(100, 200)),
    ]
    figure = go.Figure(traces, layout={"template": "none"})
    chosen = plot(figure, key="chart", alt="Two hundred points", height=400, select="points")
    st.text(f"selected {len(chosen.ids)}: {sorted(chosen.ids)[:5]}")
elif which == "cells":
    figure = go.Figure(go.Heatmap(z=rng.uniform(0, 1, (4, 4)).astype(np.float32)), layout={"template": "none"})
    chosen = plot(figure, key="chart", alt="Sixteen cells", height=400, select="cells")
    st.text(f"cell {chosen.cell}")
elif which == "frames":
    layers = [rng.uniform(0, 10, (50, 2)).astype(np.float32) + 10 * layer for layer in range(4)]
    figure = go.Figure(go.Scattergl(mode="markers", customdata=np.arange(50)), layout={"template": "none"})
    names = [f"layer {layer}" for layer in range(4)]
    frames = Frames("Layer", names, [[layer] for layer in layers], [f"caption {name}" for name in names])
    chosen = plot(figure, key="chart", alt="Fifty points on four layers", height=400, frames=frames)
    st.text(f"frame {chosen.frame}, runs {st.session_state.setdefault('runs', 0)}")
    st.session_state.runs += 1
elif which == "scrubbed":
    ids = rng.permutation(60) + 1000
    layers = [rng.uniform(0, 10, (60, 2)).astype(np.float32) for _ in range(5)]
    parts = [slice(0, 25), slice(25, 60)]
    kinds = [go.Scattergl, go.Scatter]  # of the second an SVG has each point
    dots = [kind(mode="markers", customdata=ids[part]) for kind, part in zip(kinds, parts, strict=True)]
    frames = Frames("Layer", [f"layer {layer}" for layer in range(5)], [[xy[part] for part in parts] for xy in layers])
    figure = go.Figure(dots, layout={"template": "none", "xaxis": {"range": [0, 10]}, "yaxis": {"range": [0, 10]}})
    chosen = plot(figure, key="chart", alt="Sixty points", height=400, select="points", frames=frames, view=f"{seed}")
    st.text(f"ids {sorted(chosen.ids)}")
elif which == "passing":
    layers = [rng.uniform(0, 10, (60, 2)).astype(np.float32) for _ in range(5)]
    dots = go.Scattergl(x=layers[0][:, 0], y=layers[0][:, 1], mode="markers", customdata=np.arange(60))
    figure = go.Figure(dots, layout={"template": "none"})
    frames = Frames("Layer", [f"layer {layer}" for layer in range(5)], [[xy] for xy in layers])
    if st.toggle("computed"):
        chosen = plot(figure, key="chart", alt="Sixty points", height=400, select="points", frames=frames, view="map")
    else:
        chosen = show_passing(figure, "Not yet", key="chart", alt="Sixty points", height=400, view="map", frames=frames)
    st.text(f"frame {chosen.frame}, {len(chosen.ids)} selected")
elif which == "linked":
    line = go.Figure(go.Scatter(x=np.arange(9), y=np.arange(9)), layout={"template": "none"})
    dots = [go.Scattergl(x=np.arange(9.0), y=np.arange(9.0), mode="markers") for _ in range(2)]
    shown = np.arange(9)[None, :] < np.arange(9)[:, None]
    steps = [str(step) for step in range(9)]
    leader = Frames("Step", steps, [], [f"caption {step}" for step in steps], cursor=range(9), link="both")
    follower = Frames("", steps, [], shown={0: shown, 1: ~shown}, link="both", follows=True)
    chosen = plot(line, key="chart", alt="A line", height=300, frames=leader)
    plot(go.Figure(dots, layout={"template": "none"}), key="other", alt="Dots", height=300, frames=follower)
    st.text(f"frame {chosen.frame}")
elif which == "camera":
    xyz = rng.uniform(0, 1, (30, 3))
    figure = go.Figure(go.Scatter3d(x=xyz[:, 0], y=xyz[:, 1], z=xyz[:, 2], mode="markers"), {"template": "none"})
    plot(figure, key="chart", alt="Thirty points in space", height=400)
