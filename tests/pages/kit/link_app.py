"""A page with a chart of points in no order, whose address has what is selected; driven by test_chart_state.py in a browser."""

import os
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import streamlit as st

os.environ["EMBEDSCOPE_CACHE"] = str(Path(__file__).with_name("cache"))

import backend
from pages._kit.show.plot import plot
from pages._kit.state import address, chart_state, session, view

session._open = st.cache_resource(backend.open_workbench)
chart_state.MOST_SELECTED_CHARS = 60
view.begin("links")
rng = np.random.default_rng(0)
points = go.Scattergl(x=rng.uniform(0, 1, 400), y=rng.uniform(0, 1, 400), mode="markers", customdata=np.arange(400))
chosen = plot(go.Figure(points, layout={"dragmode": "select"}), key="chart", alt="Points", height=400, select="points")
st.text(f"{len(chosen.ids)} of them: {sum(chosen.ids)}")
address.say_gone()
address.settle()
