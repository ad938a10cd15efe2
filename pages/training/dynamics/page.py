"""Dynamics: every metric over the checkpoints of a training run."""

from collections.abc import Callable

import streamlit as st

from backend import SeriesInfo
from pages._kit.show import lessons as lessons
from pages._kit.show.findings import heading
from pages._kit.state import ask
from pages._kit.state.selection import Selection, ready_for
from pages.training.dynamics import views as views
from pages.training.dynamics.averages import averages
from pages.training.dynamics.labels import labels
from pages.training.dynamics.map import moving_map
from pages.training.dynamics.series import choose_series

WHAT = "How does the geometry change while a model is trained or fine-tuned?"
HOW = (
    "Every metric is computed at each checkpoint of a series. Look for the step at which a profile takes its shape, for layers "
    "that change early or late, and for numbers that rise and fall again."
)
VIEWS: dict[str, Callable[[SeriesInfo, Selection, bool], None]] = {
    "Anisotropy": views.anisotropy,
    "Intrinsic dimension": views.dimension,
    "Averages": averages,
    "CKA": views.cka,
    "Rogue": views.rogue,
    "Labels": labels,
    "Map": moving_map,
    "Any metric": views.any_metric,
}

heading("Dynamics", WHAT, HOW, lessons.DYNAMICS, models=False)  # those of the series
series = choose_series()
here = ready_for(series.models)
with st.container(horizontal=True, vertical_alignment="bottom"):
    view = ask.segmented_control(
        "View", list(VIEWS), default="Anisotropy", key="dynamics_view", label_visibility="collapsed"
    )
    logarithmic = view == "Map" or ask.toggle(
        "Logarithmic steps",
        value=True,
        key="log_steps",
        help="Places a step at log(step + 1): early steps are spread out, and step 0 has a place.",
    )
VIEWS.get(str(view), views.anisotropy)(series, here, bool(logarithmic))
