"""Components: how variance is shared out among principal components, and what fine-tuning does to that."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from backend import ModelInfo, Result, SpectrumResult, VarianceRatioResult, common_components
from pages._kit.charts.base import short_model
from pages._kit.charts.spectrum import (
    CAPTION,
    SUMMED_CAPTION,
    gained,
    log_caption,
    ratio_caption,
    spectrum_chart,
    variance_ratio_chart,
)
from pages._kit.flow.controls import params_form
from pages._kit.flow.paper import paper_choice
from pages._kit.flow.progress import run_panel
from pages._kit.show import lessons as lessons
from pages._kit.show.columns import folded_table
from pages._kit.show.finding import NOTHING, Finding, said_once, show
from pages._kit.show.findings import heading
from pages._kit.show.kept import drawn_once
from pages._kit.state import ask
from pages._kit.state.labelled import choose_model
from pages._kit.state.pair import choose_pair, say_order
from pages._kit.state.selection import Selection, ready
from pages._kit.state.session import plain, workbench

WHAT = "Along how many directions do the rows vary?"
HOW = (
    "Principal components are ordered by the share of the variance that they hold: a line that falls steeply means that "
    "a few directions hold nearly all of it."
)
SPECTRUM, RATIO = "Each layer", "Tuned against base"
MARKS = (1, 2, 5, 10, 20, 50, 100)


def settings(metric: str, here: Selection, info: ModelInfo) -> dict[str, Any]:
    """The metric's own parameters."""
    paper = paper_choice([metric], here, info, f"components_{metric}")
    with paper.box:
        chosen = params_form(workbench().metrics()[metric].params, **paper.form(metric, f"components_{metric}"))
    paper.say(here, {metric: chosen})
    return chosen


def show_spectrum(here: Selection) -> None:
    """Explained variance by component, one line a layer."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        model = choose_model(here.models, "components_model")
        summed = ask.toggle(
            "Cumulative",
            key="components_summed",
            help="The share of the first components together instead of each one's own.",
        )
    params = settings("spectrum", here, model)
    spec = workbench().analysis("spectrum", models=[model], layers=here.layers, params=params, **here.rows)
    found = run_panel([spec], "components", SpectrumResult)
    if found is None:
        return
    values, source = found[0].values, found[0].sources[0]
    with said_once(beside="spectrum"):
        draw_spectrum(found[0], summed=bool(summed))
        marks = [mark for mark in MARKS if mark <= values.ratios.shape[1]]
        st.subheader("Share of the variance that the first components hold")
        folded_table("Table", lambda: shares_table(values, source.layer_names, marks), key="components_shares")


def draw_spectrum(result: Result[SpectrumResult], *, summed: bool) -> None:
    """The share of the variance by component, each one's own or summed up."""
    ratios, source = result.values.ratios, result.sources[0]
    drawn = result.values.summed if summed else ratios
    table = pd.DataFrame(drawn, columns=[f"component {i}" for i in range(1, ratios.shape[1] + 1)])
    table.insert(0, "layer", list(source.layer_names))
    known = bool(np.isfinite(ratios).any())
    show(
        Finding(
            key="components_spectrum",
            title=f"Spectrum of {source.model}{', summed up' if summed else ''}",
            figure=drawn_once(spectrum_chart, drawn, source.layer_names, summed=summed) if known else None,
            caption=SUMMED_CAPTION if summed else " ".join(filter(None, (CAPTION, log_caption(result.values)))),
            table=table,
            results=[result],
            fields=["ratios"],
            empty="There is nothing to draw: no layer has any variance.",
            name="components-summed" if summed else "components-spectrum",
            alt=f"Explained variance of {ratios.shape[1]} principal components in {len(ratios)} layers of {source.model}",
            view=f"{source.model} {summed} {ratios.shape[1]}",
        )
    )


def shares_table(values: SpectrumResult, layers: Sequence[str], marks: Sequence[int]) -> pd.DataFrame:
    """For each layer the share that its first 1, 2, 5 ... components hold together, and how many hold 90 %."""
    columns: dict[str, Any] = {"layer": list(layers)}
    columns |= {f"first {mark}": values.summed[:, mark - 1] for mark in marks}
    columns["components for 90 %"] = [number if number > 0 else None for number in values.n_for_90.tolist()]
    return pd.DataFrame(columns).astype({"components for 90 %": "Int64"})


def n_classes_of(here: Selection) -> int | None:
    """The number of different labels in the chosen column, or None."""
    if here.label is None or here.texts is None:
        return None
    return len(workbench().text_set(here.texts).class_counts(here.label))


def comparable(tuned: ModelInfo, base: ModelInfo, here: Selection) -> bool:
    """Whether the two can be compared layer by layer; says why where they cannot."""
    depths = (len(tuned.layer_names), len(base.layer_names))
    if here.layers == "all" and depths[0] != depths[1]:
        st.info(
            f"These models have {depths[0]} and {depths[1]} layers: a ratio needs the same layers in both. "
            "Choose layers that both have in the sidebar."
        )
        return False
    return True


def show_ratio(here: Selection, row: DeltaGenerator) -> None:
    """The ratio of explained variances, tuned over base, for the leading components; ``row`` is that of the view."""
    with row:
        order = choose_pair(here.models, "components")
        if order is None:
            return
        say_order(order)
    base, tuned = order.models
    if not comparable(tuned, base, here):
        return
    params = settings("variance_ratio", here, tuned)
    spec = workbench().analysis("variance_ratio", models=[tuned, base], layers=here.layers, params=params, **here.rows)
    found = run_panel([spec], "components_ratio", VarianceRatioResult)
    if found is not None:
        draw_ratio(found[0], here)


def draw_ratio(result: Result[VarianceRatioResult], here: Selection) -> None:
    """Chart and table of a variance ratio."""
    values, names = result.values, result.sources[0].layer_names
    n_classes = n_classes_of(here)
    drawable = [place for place in range(len(names)) if np.isfinite(values.ratio[place]).any()]
    last = [place for place in drawable if names[place].startswith("block")][-1:] or drawable[-1:]
    chosen = ask.multiselect(
        "Layers on show",
        drawable,
        default=last,
        format_func=names.__getitem__,
        key=f"components_layers_{len(names)}",
        select_all=True,
    )
    with said_once(beside="ratio"):
        show(ratio_finding(result, chosen, n_classes))
        said = f"; the label '{plain(here.label)}' has {n_classes} classes" if here.label and n_classes else ""
        st.subheader("How many leading components gained")
        st.caption(f"Counted from the first until one falls below 1{said}.")
        n_shown = values.ratio.shape[1]
        gains = [
            gained(int(count), n_shown, common_components(result.sources)) if i in drawable else None
            for i, count in enumerate(values.n_above_one)
        ]
        st.dataframe(pd.DataFrame({"layer": list(names), "components at or above 1": gains}), hide_index=True)


def ratio_finding(result: Result[VarianceRatioResult], chosen: Sequence[int], n_classes: int | None) -> Finding:
    """The variance ratio of the ``chosen`` layers."""
    values, names = result.values, result.sources[0].layer_names
    tuned, base = (source.model for source in result.sources)
    n_shown, layers = values.ratio.shape[1], [names[place] for place in chosen]
    n_components = common_components(result.sources)
    above = [int(values.n_above_one[place]) for place in chosen]
    figure = drawn_once(
        variance_ratio_chart,
        values.ratio[chosen],
        layers,
        above,
        n_classes=n_classes if n_classes is not None and n_classes <= n_shown else None,
        n_components=n_components,
        models=(tuned, base),
    )
    table = pd.DataFrame(values.ratio[chosen], columns=[f"component {i + 1}" for i in range(n_shown)])
    table.insert(0, f"layer ({short_model(tuned)} over {short_model(base)})", layers)
    table.insert(1, "components at or above 1", above)
    return Finding(
        key="components_ratio_chart",
        title=f"Variance ratio, after over before: {short_model(tuned)} over {short_model(base)}",
        figure=figure if chosen else None,
        caption=ratio_caption(n_shown, n_components, n_classes, marked=not chosen or any(above)),
        table=table,
        results=[result],
        fields=["ratio"],
        empty="Choose a layer to draw." if np.isfinite(values.ratio).any() else NOTHING,
        name="components-variance-ratio",
        layer="+".join(layers) if len(layers) < 3 else "",
        alt=f"Explained variance of {tuned} over that of {base}, by component, in {len(chosen)} layers",
        height=460,
        view=f"{tuned} {base} {values.ratio.shape}",
    )


heading("Components", WHAT, HOW, lessons.COMPONENTS)
here = ready()
view = SPECTRUM
row = st.container(horizontal=True, vertical_alignment="bottom")
if len(here.models) > 1:
    with row:
        view = ask.segmented_control(
            "View",
            [SPECTRUM, RATIO],
            default=SPECTRUM,
            key="components_view",
            help="To see what fine-tuning did to the spectrum, choose the fine-tuned model and its base in the sidebar, in any order.",
        )
else:
    st.caption(":material/compare: Choose two models in the sidebar to compare a tuned one with its base.")
if view == RATIO:
    show_ratio(here, row)
else:
    show_spectrum(here)
