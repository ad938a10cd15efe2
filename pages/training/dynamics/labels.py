"""The view Labels of the page Dynamics: distances, movement, thresholds and heads, probes over the checkpoints."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from backend import (
    FITTED,
    MovementResult,
    ProbingResult,
    Result,
    SeriesInfo,
    ThresholdResult,
    chance_text,
    compared,
    compared_networks,
    points_text,
    result_of,
    results_of,
    values_of,
)
from pages._kit.charts.base import short_model
from pages._kit.charts.path_panels import PANELS_CAPTION, PathPanel, panels_height, path_panels
from pages._kit.charts.paths import FRAME_HELP, FRAMES, PATHS_CAPTION, paths_chart
from pages._kit.show.columns import show_table
from pages._kit.show.finding import Finding, elsewhere, said_once, show
from pages._kit.show.findings import PAIRED, holders, sampling_error_words
from pages._kit.show.kept import drawn_once
from pages._kit.show.label_choice import FEW, choose_named
from pages._kit.state import ask
from pages._kit.state.labelled import label_ready
from pages._kit.state.selection import Selection
from pages._kit.state.session import plain
from pages.training.dynamics.distances import distances
from pages.training.dynamics.grids import (
    UNIT,
    SeriesMeasure,
    Wanted,
    documents_of,
    found_series,
    settings,
    show_measures,
)
from pages.training.dynamics.tasks import by_label

CLOSEST_HELP = (
    "In place of a choice by hand: the three labels that lie closest together at the first checkpoint, in the full space of the last layer on "
    "show. Labels of fewer than ten rows are taken only where there are no three others."
)
ENDS_HELP = "The first block and the last layer on show, as in the paper, in place of all layers."
IN_COLOUR = " In colour are the three labels that lie closest together at the first checkpoint, in the full space of the last layer on show."
CLOSEST = (
    " Drawn are the three labels that lie closest together at the first checkpoint, in the full space of the last layer on show; each plane is that of "
    "all labels."
)


def labels(series: SeriesInfo, here: Selection, logarithmic: bool) -> None:
    """What the label pages say, over the checkpoints."""
    label = label_ready(here)
    st.caption(f"Classes: the column '{plain(label)}'.")
    shown = ask.segmented_control(
        "Shown",
        list(SHOWN),
        default="Distances",
        key="dynamics_labels",
    )
    SHOWN.get(str(shown), distances)(series, here, logarithmic)


def _thresholds(series: SeriesInfo, here: Selection, logarithmic: bool) -> None:
    params = settings(["threshold"], here)
    wanted = Wanted("threshold")
    of_test = "on the test rows"
    measures = [
        SeriesMeasure(wanted, "accuracy", "One dimension", "Accuracy", f"Accuracy {of_test} of a cut through the layer's dimension of highest variance.", ("heatmap", "steps"), UNIT),
        SeriesMeasure(wanted, "fitted_accuracy", "All dimensions", "Accuracy", f"Accuracy {of_test} of a head fitted on all dimensions of the layer, at every step alike.", ("heatmap", "steps"), UNIT),
        SeriesMeasure(wanted, "control_accuracy", "One dimension, labels shuffled", "Accuracy", f"The same cut with shuffled labels, {of_test}, the mean over shuffles: what chance gives.", ("steps",), UNIT),
    ]  # fmt: skip
    if not params["threshold"]["control"]:
        measures.pop()
    found = found_series(series, here, [wanted], params, "dynamics_threshold")
    if found is not None:
        of = values_of(found[wanted][0], ThresholdResult)
        st.caption(sampling_error_words(of.sampling_error, of.split.n_test, here.row_name, holders(of.split)))
        st.caption(plain(_first_and_last(series, found[wanted])))
        show_measures(measures, series, found, logarithmic=logarithmic, key="dynamics_threshold")


def _first_and_last(series: SeriesInfo, results: Sequence[Result]) -> str:
    """All dimensions of the last layer at the first and at the last step, row by row."""
    layer = len(results[0].sources[0].layer_names) - 1
    which = f"All dimensions of {results[0].sources[0].layer_names[layer]}, step {series.steps[0]:,} to {series.steps[-1]:,}"
    first, last = results_of([results[0], results[-1]], ThresholdResult)
    found = compared(first, last, FITTED, layer)
    if isinstance(found, str):
        return f"{which}: {found}."
    return (
        f"{which}: {points_text(found.difference)}; of {found.n_rows:,} test rows {found.n_gained:,} became right and "
        f"{found.n_lost:,} wrong, p {chance_text(found.p)}. {PAIRED}"
    )


def _networks_first_and_last(series: SeriesInfo, results: Sequence[Result]) -> str:
    """The probes of the last layer at the first and at the last step, row by row."""
    layer = len(results[0].sources[0].layer_names) - 1
    first, last = results_of([results[0], results[-1]], ProbingResult)
    found = compared_networks(first, last, layer)
    if found is None or found[0] != found[0]:
        return ""
    which = f"Networks on {results[0].sources[0].layer_names[layer]}, step {series.steps[0]:,} to {series.steps[-1]:,}"
    return f"{which}: {points_text(*found)} (95 %, row by row on the same test rows)."


def _movement(series: SeriesInfo, here: Selection, logarithmic: bool) -> None:
    """Zhou and Srikumar, figure 3: the way of each label's centroid over the checkpoints, in one plane."""
    params = settings(["movement"], here)
    wanted = Wanted("movement")
    found = found_series(series, here, [wanted], params, "dynamics_movement")
    if found is None:
        return
    result = result_of(found[wanted][0], MovementResult)
    values, layers = result.values, result.sources[0].layer_names
    with st.container(horizontal=True, vertical_alignment="bottom"):
        frame = ask.segmented_control(
            "Show the labels",
            list(FRAMES),
            format_func=FRAMES.__getitem__,
            default="centred",
            key="dynamics_frame",
            help=FRAME_HELP,
        )
        at = ("raw", "centred", "scaled").index(str(frame))
        closest = len(values.classes) > FEW and ask.toggle(
            "The three closest", key="dynamics_movement_closest", help=CLOSEST_HELP
        )
        named = values.closest.tolist() if closest else choose_named(values, "dynamics_movement_labels")
        panels = len(layers) > 1 and ask.toggle("A panel a layer", key="dynamics_movement_panels")
        ends = (
            panels
            and len(layers) > 2
            and ask.toggle("First and last alone", key="dynamics_movement_ends", help=ENDS_HELP)
        )
    layer = len(layers) - 1
    if panels:
        first = 1 if layers[0] == "embedding" else 0
        _show_panels(series, result, at, named, [first, layer] if ends else range(len(layers)), alone=closest)
        return
    if len(layers) > 1:
        key = f"dynamics_movement_layer_{len(layers)}"
        layer = int(ask.select_slider("Layer", range(len(layers)), layer, format_func=layers.__getitem__, key=key))
    steps = [f"step {step:,}" for step in series.steps]
    coords, shares = values.layer_coords[at, :, layer], values.layer_explained[at, layer]
    name = short_model(series.name)
    lengths = ("model_path", "difference", "difference_error")
    finding = Finding(
        key="dynamics_paths",
        title=f"Paths of the labels in {layers[layer]} of {name}",
        figure=drawn_once(paths_chart, coords, steps, values.classes, named, shares),
        caption=f"{layers[layer]}, from {steps[0]} to {steps[-1]}; each marker is a checkpoint. {PATHS_CAPTION}{IN_COLOUR if closest else ''}",
        table=lambda: by_label(series, values.classes, {"axis_1": coords[..., 0], "axis_2": coords[..., 1]}),
        results=[result],
        fields=["layer_coords", *lengths],
        expected=lambda gap: elsewhere(*((layer,) if gap.field in lengths else (at, None, layer)))(gap),
        name="label-paths-steps",
        layer=layers[layer],
        series=series,
        documents=lambda: documents_of(series, [result]),
        alt=f"Paths of {len(values.classes)} label centroids in {layers[layer]} over {len(steps)} checkpoints of {name}",
        height=520,
        view=f"{series.name} {series.steps} {at} {layer} {values.classes}",
    )
    with said_once(beside="dynamics_paths"):
        show(finding)
        show_table(_lengths(result, layer), key="dynamics_lengths")


def _show_panels(
    series: SeriesInfo,
    result: Result[MovementResult],
    at: int,
    named: Sequence[int],
    shown: Sequence[int],
    *,
    alone: bool,
) -> None:
    """The paths over the checkpoints, a panel for each layer ``shown``; of all labels, or of those ``named`` ``alone``."""
    values, layers = result.values, result.sources[0].layer_names
    drawn = list(named) if alone else list(range(len(values.classes)))
    classes = [values.classes[label] for label in drawn]
    coords, shares, name = values.layer_coords[at][:, :, drawn], values.layer_explained[at], short_model(series.name)
    steps = [f"step {step:,}" for step in series.steps]
    panels = [PathPanel(layers[place], coords[:, place], shares[place]) for place in shown]
    which = f"{' and '.join(layers[place] for place in shown)}" if len(shown) == 2 else "all layers"
    finding = Finding(
        key="dynamics_path_panels",
        title=f"Paths of the labels in {which} of {name}",
        figure=path_panels(panels, steps, classes, [drawn.index(label) for label in named]),
        caption=f"From {steps[0]} to {steps[-1]}; each marker is a checkpoint. {PANELS_CAPTION}{CLOSEST if alone else ''}",
        table=lambda: pd.concat(
            [
                by_label(series, classes, {"axis_1": coords[:, place, :, 0], "axis_2": coords[:, place, :, 1]}).assign(
                    layer=layers[place]
                )
                for place in shown
            ],
            ignore_index=True,
        ),
        results=[result],
        fields=["layer_coords"],
        expected=elsewhere(at),
        name="label-paths-layers",
        series=series,
        documents=lambda: documents_of(series, [result]),
        alt=f"Paths of {len(classes)} label centroids in {len(shown)} layers over {len(steps)} checkpoints of {name}",
        height=max(panels_height(len(shown)), 380),
        view=f"{series.name} {series.steps} {at} {classes} {len(shown)}",
    )
    with said_once():
        show(finding)


def _lengths(result: Result[MovementResult], layer: int) -> pd.DataFrame:
    """How far each label went in one layer, in the full space."""
    values = result.values
    columns: dict[str, Any] = {
        "label": list(values.classes),
        "rows": values.counts,
        "path over the checkpoints": values.model_path[layer],
        "first to last checkpoint": values.difference[layer],
        "its standard error": values.difference_error[layer],
        "relative to the labels' spread": values.difference_relative[layer],
    }
    return pd.DataFrame(columns).sort_values("first to last checkpoint", ascending=False, kind="stable")


def _probes(series: SeriesInfo, here: Selection, logarithmic: bool) -> None:
    """Accuracy and selectivity of the classifier probes."""
    st.caption("Probes are trained at every step and layer: minutes for a few hundred texts, hours for thousands.")
    params = settings(["probing"], here)
    wanted = Wanted("probing")
    measures = [
        SeriesMeasure(wanted, "accuracy", "Probe of two hidden layers", "Accuracy", "Mean accuracy on the test rows over the trainings.", ("heatmap", "steps"), UNIT),
        SeriesMeasure(wanted, "linear_accuracy", "Linear probe", "Accuracy", "Accuracy on the test rows of a linear classifier.", ("heatmap", "steps"), UNIT),
        SeriesMeasure(wanted, "selectivity", "Selectivity", "Accuracy above shuffled labels", "Accuracy of the probe minus that of the same probe on shuffled labels.", ("heatmap", "steps"), (-0.5, 1.0)),
    ]  # fmt: skip
    found = found_series(series, here, [wanted], params, "dynamics_probing")
    if found is not None:
        of = values_of(found[wanted][0], ProbingResult)
        st.caption(sampling_error_words(of.sampling_error, of.n_test_used, here.row_name, holders(of.split)))
        st.caption(plain(_networks_first_and_last(series, found[wanted])))
        show_measures(measures, series, found, logarithmic=logarithmic, key="dynamics_probing")


SHOWN: dict[str, Callable[[SeriesInfo, Selection, bool], None]] = {
    "Distances": distances,
    "Movement": _movement,
    "Thresholds and heads": _thresholds,
    "Probes": _probes,
}
