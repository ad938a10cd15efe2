"""The view Labels of the page Dynamics: distances, movement, thresholds and heads, probes over the checkpoints."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from backend import (
    FITTED,
    DirectProbeResult,
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
from pages._kit.charts.base import Floats, short_model
from pages._kit.charts.clusters import TWO_CAPTION
from pages._kit.charts.path_panels import PANELS_CAPTION, PathPanel, panels_height, path_panels
from pages._kit.charts.paths import FRAME_HELP, FRAMES, PATHS_CAPTION, paths_chart
from pages._kit.show.columns import show_table
from pages._kit.show.finding import Finding, elsewhere, said_once, show
from pages._kit.show.findings import PAIRED, holders, sampling_error_words
from pages._kit.show.kept import drawn_once
from pages._kit.show.label_choice import choose_named
from pages._kit.state import ask
from pages._kit.state.labelled import label_ready
from pages._kit.state.selection import Selection
from pages._kit.state.session import plain
from pages.training.dynamics.charts import LABELS_CAPTION, label_lines, places_of
from pages.training.dynamics.grids import (
    UNIT,
    SeriesMeasure,
    Wanted,
    documents_of,
    found_series,
    settings,
    show_measures,
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
    SHOWN.get(str(shown), _distances)(series, here, logarithmic)


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


def _distances(series: SeriesInfo, here: Selection, logarithmic: bool) -> None:
    """Zhou and Srikumar: least distances (figure 2), spatial similarity to the original (figure 4), clusters."""
    params = settings(["direct_probe"], here)
    every = ask.toggle("Similarity of every second layer only", value=True, key="dynamics_every")
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
    names, classes = results[0].sources[0].layer_names, results[0].values.split.classes
    st.subheader("Distance of each label to its nearest")
    layer = len(names) - 1
    if len(names) > 1:
        key = f"dynamics_layer_{len(names)}"
        layer = int(ask.select_slider("Layer", range(len(names)), layer, format_func=names.__getitem__, key=key))
    minimum = np.array([result.values.minimum[layer] for result in results])
    least = Finding(
        key="dynamics_least",
        title=f"Minimum distances in {names[layer]} of {short_model(series.name)}",
        figure=drawn_once(label_lines, series.steps, minimum, classes, logarithmic=logarithmic),
        caption=LABELS_CAPTION if len(classes) > 2 else TWO_CAPTION,
        table=lambda: _by_label(series, classes, {"minimum": minimum}, logarithmic=logarithmic),
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
    key = "dynamics_direct_probe"
    show_measures([alike, clusters], series, found, logarithmic=logarithmic, key=key, first=[least])


def _by_label(
    series: SeriesInfo, classes: Sequence[str], numbers: dict[str, Floats], *, logarithmic: bool = False
) -> pd.DataFrame:
    """One row for each step and label; ``numbers`` are (n_steps, n_labels) each."""
    steps = np.repeat(series.steps, len(classes))
    columns: dict[str, Any] = {"step": steps}
    if logarithmic:
        columns["log2(step + 1)"] = places_of(steps.tolist(), logarithmic=True)
    columns["label"] = list(classes) * len(series.steps)
    return pd.DataFrame(columns | {name: array.ravel() for name, array in numbers.items()})


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
        named = choose_named(values, "dynamics_movement_labels")
        panels = len(layers) > 1 and ask.toggle("A panel a layer", key="dynamics_movement_panels")
    at = ("raw", "centred", "scaled").index(str(frame))
    layer = len(layers) - 1
    if panels:
        _show_panels(series, result, at, named)
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
        caption=f"{layers[layer]}, from {steps[0]} to {steps[-1]}; each marker is a checkpoint. {PATHS_CAPTION}",
        table=lambda: _by_label(series, values.classes, {"axis_1": coords[..., 0], "axis_2": coords[..., 1]}),
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


def _show_panels(series: SeriesInfo, result: Result[MovementResult], at: int, named: Sequence[int]) -> None:
    """The paths over the checkpoints in every layer, a panel for each."""
    values, layers = result.values, result.sources[0].layer_names
    coords, shares, name = values.layer_coords[at], values.layer_explained[at], short_model(series.name)
    steps = [f"step {step:,}" for step in series.steps]
    panels = [PathPanel(layer, coords[:, place], shares[place]) for place, layer in enumerate(layers)]
    finding = Finding(
        key="dynamics_path_panels",
        title=f"Paths of the labels in all layers of {name}",
        figure=drawn_once(path_panels, panels, steps, values.classes, named),
        caption=f"From {steps[0]} to {steps[-1]}; each marker is a checkpoint. {PANELS_CAPTION}",
        table=lambda: pd.concat(
            [
                _by_label(series, values.classes, {"axis_1": one[..., 0], "axis_2": one[..., 1]}).assign(layer=layer)
                for layer, one in zip(layers, np.moveaxis(coords, 1, 0), strict=True)
            ],
            ignore_index=True,
        ),
        results=[result],
        fields=["layer_coords"],
        expected=elsewhere(at),
        name="label-paths-layers",
        series=series,
        documents=lambda: documents_of(series, [result]),
        alt=f"Paths of {len(values.classes)} label centroids in {len(layers)} layers over {len(steps)} checkpoints of {name}",
        height=panels_height(len(layers)),
        view=f"{series.name} {series.steps} {at} {values.classes}",
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
    "Distances": _distances,
    "Movement": _movement,
    "Thresholds and heads": _thresholds,
    "Probes": _probes,
}
