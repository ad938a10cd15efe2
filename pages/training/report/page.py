"""Report: a model before and after fine-tuning, on one text set or across the tasks of several."""

from collections.abc import Sequence

import streamlit as st

from backend import InvalidRequest, ModelInfo, check_pair
from pages._kit.charts.base import short_model
from pages._kit.show.findings import heading
from pages._kit.state import ask
from pages._kit.state.pair import in_order, say_order
from pages._kit.state.selection import ready
from pages._kit.state.session import plain, workbench
from pages._kit.state.view import set_value
from pages.training.report.cross import cross_view
from pages.training.report.everything import everything_view
from pages.training.report.pair import pair_view

WHAT = "What did fine-tuning do to the geometry of a model?"
HOW = (
    "Two models of the sidebar, the one before and the one after, over the same texts: a table of the headline numbers, each "
    "with an explanation, and the figures behind them."
)
PAIR, CROSS, EVERYTHING = "Before and after", "Across tasks", "Everything computed"


def swap(base: str, tuned: str) -> None:
    """Let the two models change places."""
    set_value("report_base", tuned)
    set_value("report_tuned", base)


def choose_pair(models: Sequence[ModelInfo]) -> tuple[ModelInfo, ModelInfo] | None:
    """Base and tuned model, of which the layers and dimensions correspond; None where there are none, with the reason."""
    if len(models) < 2:
        st.info(
            "A report needs two models: choose the one before fine-tuning and the one after it under Models in the sidebar.",
            icon=":material/compare:",
        )
        return None
    models = in_order(models).models
    names = [info.spec.name for info in models]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        base, tuned = (
            ask.selectbox(label, names, index=place, format_func=short_model, key=key, width=280)
            for place, label, key in ((0, "Before", "report_base"), (-1 % len(names), "After", "report_tuned"))
        )
        st.button("Swap", key="report_swap", icon=":material/swap_horiz:", on_click=swap, args=(base, tuned))
    pair = models[names.index(base)], models[names.index(tuned)]
    if base == tuned:
        st.info("Before and after are the same model. Choose two.", icon=":material/compare:")
        return None
    try:
        check_pair(*pair)
    except InvalidRequest as error:
        st.info(f"{plain(error.message)} {plain(error.hint)}", icon=":material/compare:")
        return None
    found = workbench().in_order(pair)
    if found.known and found.before is not pair[0]:
        st.warning(
            f"The other way round: {plain(short_model(found.before.spec.name))} is before, "
            f"{plain(short_model(found.after.spec.name))} after. {plain(found.reason)} Press Swap.",
            icon=":material/swap_horiz:",
        )
    else:
        say_order(found)
    return pair


heading("Report", WHAT, HOW)
here = ready()
view = ask.segmented_control(
    "View",
    [PAIR, CROSS, EVERYTHING],
    default=PAIR,
    key="report_view",
    label_visibility="collapsed",
)
if view == EVERYTHING:
    everything_view(here)
elif view == CROSS:
    cross_view(here)
elif (pair := choose_pair(here.models)) is not None:
    pair_view(here, *pair)
