"""Each label's distance to its nearest over the checkpoints: in one layer, or in all of them as panels of one figure."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from backend import DirectProbeResult, Result, SeriesInfo, results_of
from pages._kit.charts.base import Floats, short_model
from pages._kit.charts.clusters import TWO_CAPTION, named_extremes
from pages._kit.charts.panels import in_panels, panels_height
from pages._kit.charts.paths import MOST_NAMED
from pages._kit.show.finding import Finding, elsewhere
from pages._kit.show.kept import drawn_once
from pages._kit.show.shared_axes import on_shared_axes
from pages._kit.state import ask
from pages._kit.state.selection import Selection
from pages.training.dynamics.charts import LABELS_CAPTION, label_lines
from pages.training.dynamics.grids import (
    SeriesMeasure,
    Wanted,
    documents_of,
    found_series,
    settings,
    show_measures,
)
from pages.training.dynamics.tasks import TaskDistances, by_label, choose_tasks, found_tasks, tasks_finding

EXTREMES, ALONE, BY_HAND = "Most and least growing", "Those alone", "By hand"
FEW = 3  # so many labels need no choice
GREY = "The others are grey."
ONE_CAPTION = "Each label's distance to the label nearest to it."
PANELS_CAPTION = {
    EXTREMES: "In colour are the labels whose distance grows most and least in the last layer on show, up to three each; the others are grey.",
    ALONE: "Drawn are the labels alone whose distance grows most and least in the last layer on show, up to three each.",
    BY_HAND: "In colour are the chosen labels; the others are grey.",
}


def distances(series: SeriesInfo, here: Selection, logarithmic: bool) -> None:
    """Zhou and Srikumar: least distances (figure 2), spatial similarity to the original (figure 4), clusters."""
    params = settings(["direct_probe"], here)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        every = ask.toggle("Similarity of every second layer only", value=True, key="dynamics_every")
        beside = choose_tasks(series)
    wanted = Wanted("direct_probe", "first")
    step = series.steps[0]
    alike = SeriesMeasure(
        wanted,
        "across",
        f"Spatial similarity to step {step:,}",
        "Spatial similarity",
        "Correlation of the distances between labels in a layer with those in the same layer at the first checkpoint, which "
        "has 1 by construction. It needs three labels.",
        ("steps", "heatmap"),
        (-1.0, 1.0),
        mean=False,
        every=2 if every else 1,
    )
    clusters = SeriesMeasure(
        wanted,
        "n_clusters",
        "Clusters",
        "Clusters",
        "As many clusters as labels: a linear classifier can tell all labels apart.",
        ("heatmap", "steps"),
    )
    found = found_series(series, here, [wanted], params, "dynamics_direct_probe")
    if found is None:
        return
    results = results_of(found[wanted], DirectProbeResult)
    st.subheader("Distance of each label to its nearest")
    others = found_tasks(beside, series, here, wanted, params)
    if others:
        mine = TaskDistances(series, here.texts.spec.name if here.texts is not None else "", results)
        least = tasks_finding([mine, *others], logarithmic)
    else:
        least = _least(series, results, logarithmic)
    key = "dynamics_direct_probe"
    show_measures([alike, clusters], series, found, logarithmic=logarithmic, key=key, first=[least])


def _least(series: SeriesInfo, results: Sequence[Result[DirectProbeResult]], logarithmic: bool) -> Finding:
    """The choices of layer and labels, and the figure that they ask for."""
    names, classes = results[0].sources[0].layer_names, results[0].values.split.classes
    minimum = np.array([result.values.minimum for result in results])  # (n_steps, n_layers, n_labels)
    layer, panels = len(names) - 1, False
    with st.container(horizontal=True, vertical_alignment="bottom"):
        which = _choose_which(len(classes))
        if len(names) > 1:
            panels = ask.toggle("A panel a layer", key="dynamics_distance_panels")
        if len(names) > 1 and not panels:
            key = f"dynamics_layer_{len(names)}"
            layer = int(ask.select_slider("Layer", range(len(names)), layer, format_func=names.__getitem__, key=key))
    named = _choose_labels(minimum[:, layer], classes) if which == BY_HAND else None
    if panels:
        return _panels(series, results, minimum, which, named, logarithmic)
    others = which != ALONE
    caption = LABELS_CAPTION if others else LABELS_CAPTION.replace(GREY, "The others are not drawn.")
    if named is not None:
        caption = f"{ONE_CAPTION} {PANELS_CAPTION[BY_HAND]}"
    return Finding(
        key="dynamics_least",
        title=f"Minimum distances in {names[layer]} of {short_model(series.name)}",
        figure=drawn_once(
            label_lines, series.steps, minimum[:, layer], classes, logarithmic=logarithmic, named=named, others=others
        ),
        caption=caption if len(classes) > 2 else TWO_CAPTION,
        table=lambda: by_label(series, classes, {"minimum": minimum[:, layer]}, logarithmic=logarithmic),
        results=results,
        fields=["minimum"],
        expected=elsewhere(layer),
        name="least-distance",
        layer=names[layer],
        series=series,
        documents=lambda: documents_of(series, results),
        alt=f"Minimum distance of each of {len(classes)} labels in {names[layer]} over the training step",
        height=420,
        view=f"{series.name} {series.steps} {classes} {logarithmic}",
    )


def _panels(
    series: SeriesInfo,
    results: Sequence[Result[DirectProbeResult]],
    minimum: Floats,
    which: str,
    named: Sequence[int] | None,
    logarithmic: bool,
) -> Finding:
    """The distances in every layer, a panel for each, a label in one look in all of them."""
    names, classes = results[0].sources[0].layer_names, results[0].values.split.classes
    shown = list(named_extremes(minimum[:, -1])) if named is None else list(named)
    charts = [
        drawn_once(
            label_lines,
            series.steps,
            minimum[:, place],
            classes,
            logarithmic=logarithmic,
            named=shown,
            others=which != ALONE,
        )
        for place in range(len(names))
    ]
    figures, words = on_shared_axes(charts)
    return Finding(
        key="dynamics_least_panels",
        title=f"Minimum distances in all layers of {short_model(series.name)}",
        figure=in_panels(figures, names),
        caption=f"{ONE_CAPTION} One panel per layer. {PANELS_CAPTION[which]} {words}",
        table=lambda: pd.concat(
            [
                by_label(series, classes, {"minimum": minimum[:, place]}, logarithmic=logarithmic).assign(layer=name)
                for place, name in enumerate(names)
            ],
            ignore_index=True,
        ),
        results=results,
        fields=["minimum"],
        name="least-distance-layers",
        series=series,
        documents=lambda: documents_of(series, results),
        alt=f"Minimum distance of each of {len(classes)} labels in {len(names)} layers over the training step",
        height=panels_height(len(names)),
        view=f"{series.name} {series.steps} {classes} {logarithmic} panels",
    )


def _choose_which(n_labels: int) -> str:
    """Which labels are in colour, and whether there are others."""
    if n_labels <= FEW:
        return EXTREMES
    return str(
        ask.selectbox(
            "Labels",
            [EXTREMES, ALONE, BY_HAND],
            key="dynamics_distance_labels",
            width=210,
            help="Those whose distance grows most and least, up to three each, with all others in grey or alone as in the paper; or those that "
            "you choose.",
        )
    )


def _choose_labels(minimum: Floats, classes: Sequence[str]) -> list[int]:
    """The labels of ``minimum`` (n_steps, n_labels) that are drawn in colour, by hand: of those that have a distance."""
    known = [label for label in range(len(classes)) if np.isfinite(minimum[:, label]).any()]
    return ask.multiselect(
        f"Labels in colour (of {len(known)})",
        known,
        default=[label for label in named_extremes(minimum) if label in known],
        format_func=classes.__getitem__,
        max_selections=MOST_NAMED,
        key=f"dynamics_distance_named_{len(classes)}",
    )
