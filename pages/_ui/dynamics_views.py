"""The views of the page Dynamics: which measures each shows, and the two that draw something of their own."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from backend import SeriesInfo
from pages._ui import measures as profile_measures
from pages._ui.charts_dynamics import LABELS_CAPTION, label_lines
from pages._ui.controls import params_form
from pages._ui.dynamics import (
    FORMS,
    Measure,
    Wanted,
    found_series,
    need_label,
    plottable,
    show_measures,
)
from pages._ui.labelled import label_ready
from pages._ui.plot import plot
from pages._ui.selection import Selection
from pages._ui.series_map import show_map
from pages._ui.session import plain, workbench

__all__ = ["anisotropy", "any_metric", "cka", "dimension", "labels", "moving_map", "rogue"]

_UNIT = (0.0, 1.02)
_NOT_HERE = ("projection", "projection_series", "movement")  # these have no number a layer


def settings(metrics: Sequence[str], *, only: dict[str, Sequence[str]] | None = None) -> dict[str, dict[str, Any]]:
    """The parameters of each metric, folded away."""
    known = workbench().metrics()
    chosen = {}
    with st.expander("Settings", icon=":material/tune:"):
        for name, side in zip(metrics, st.columns(len(metrics)), strict=True):
            with side:
                st.markdown(f"**{plain(known[name].title)}**")
                chosen[name] = params_form(known[name].params, f"dynamics_{name}", only=(only or {}).get(name))
    return chosen


def profile_view(series: SeriesInfo, here: Selection, logarithmic: bool, metrics: Sequence[str], forms: Any) -> None:
    """One of the page Profiles' measures over the checkpoints."""
    of_these = {measure.name: measure for measure in profile_measures.MEASURES if measure.metric in metrics}
    picked = st.selectbox(
        "Measure", list(of_these), key=f"dynamics_measure_{metrics[0]}", persist_state="session", width=320
    )
    one = of_these.get(picked, next(iter(of_these.values())))
    params = settings([one.metric])
    measure = Measure(Wanted(one.metric), one.field, one.name, one.axis, one.meaning, forms)
    found = found_series(series, here, [measure.wanted], params, f"dynamics_{one.metric}")
    if found is not None:
        show_measures([measure], series, here, found, logarithmic=logarithmic, key=f"dynamics_{one.metric}")


def anisotropy(series: SeriesInfo, here: Selection, logarithmic: bool) -> None:
    """Razzhigaev et al., figures 2 and 3: one profile a checkpoint, and step by layer."""
    profile_view(series, here, logarithmic, ("anisotropy", "average_cosine"), ("profiles", "heatmap", "steps"))


def dimension(series: SeriesInfo, here: Selection, logarithmic: bool) -> None:
    """Razzhigaev et al., figure 4: the estimate averaged over layers, against the step."""
    profile_view(series, here, logarithmic, ("intrinsic_dimension",), ("steps", "profiles", "heatmap"))


def cka(series: SeriesInfo, here: Selection, logarithmic: bool) -> None:
    """Each checkpoint's layers against the same layers of the first and of the last checkpoint."""
    params = settings(["cka"])
    first, last = series.steps[0], series.steps[-1]
    meaning = (
        "CKA of each layer with the same layer at step {step:,}: 1 is the same geometry up to rotation and scale. {own}"
    )
    own = "Step {step:,} itself has 1 by construction."
    measures = [
        Measure(
            Wanted("cka", against),
            "matrix",
            f"CKA with the {against} checkpoint",
            "CKA",
            meaning.format(step=step, own=own.format(step=step)),
            ("heatmap", "steps"),
            (-0.05, 1.02),
            mean=False,
        )
        for against, step in (("first", first), ("last", last))
    ]
    found = found_series(series, here, [one.wanted for one in measures], params, "dynamics_cka")
    if found is not None:
        show_measures(measures, series, here, found, logarithmic=logarithmic, key="dynamics_cka")


def principal_share(values: Any) -> Any:
    """Share of a layer's variance that its principal rogue dimension has, (n_layers,)."""
    return values.top_variance_value[:, 0] / np.where(
        values.variance.sum(axis=1) > 0, values.variance.sum(axis=1), np.nan
    )


def rogue(series: SeriesInfo, here: Selection, logarithmic: bool) -> None:
    """How large the principal rogue dimension is, and whether the same dimensions stay on top."""
    params = settings(["rogue_overlap"])
    top = params["rogue_overlap"]["top"]
    share = Measure(
        Wanted("rogue"),
        "top_variance_value",
        "Principal rogue dimension",
        "Share of the variance",
        "The share of a layer's variance along its dimension of highest variance; which dimension that is may change from "
        "step to step, and stands below.",
        ("heatmap", "steps"),
        take=principal_share,
    )
    overlaps = [
        Measure(
            Wanted("rogue_overlap", against),
            "matrix",
            f"Top {top} shared with the {against} checkpoint",
            "Share of dimensions",
            f"How many of a layer's top {top} dimensions are among the top {top} of the same layer at step {step:,}; that "
            "step itself has 1 by construction.",
            ("heatmap", "steps"),
            _UNIT,
        )
        for against, step in (("first", series.steps[0]), ("last", series.steps[-1]))
    ]
    measures = [share, *overlaps]
    found = found_series(series, here, [one.wanted for one in measures], params, "dynamics_rogue")
    if found is None:
        return
    show_measures(measures, series, here, found, logarithmic=logarithmic, key="dynamics_rogue")
    st.subheader("Which dimension it is")
    principal = [result.values.principal for result in found[share.wanted]]
    names = found[share.wanted][0].sources[0].layer_names
    table: dict[str, Any] = {"layer": list(names)}
    for step, dims in zip(series.steps, principal, strict=True):
        table[f"step {step:,}"] = [str(dim) if dim >= 0 else "undefined" for dim in dims.tolist()]
    st.dataframe(table, hide_index=True, key="dynamics_principal")


def labels(series: SeriesInfo, here: Selection, logarithmic: bool) -> None:
    """What the label pages say, over the checkpoints."""
    label = label_ready(here)
    st.caption(f"Classes: the column '{plain(label)}'.")
    shown = st.segmented_control(
        "Shown",
        ["Distances", "Thresholds and heads"],
        default="Distances",
        required=True,
        key="dynamics_labels",
        bind="query-params",
    )
    if shown == "Thresholds and heads":
        _thresholds(series, here, logarithmic)
    else:
        _distances(series, here, logarithmic)


def _thresholds(series: SeriesInfo, here: Selection, logarithmic: bool) -> None:
    params = settings(["threshold"])
    wanted = Wanted("threshold")
    of_test = "on the test rows"
    measures = [
        Measure(wanted, "accuracy", "One dimension", "Accuracy", f"Accuracy {of_test} of a cut through the layer's dimension of highest variance.", ("heatmap", "steps"), _UNIT),
        Measure(wanted, "full_accuracy", "All dimensions", "Accuracy", f"Accuracy {of_test} of a head that reads the whole layer: the model's own where it fits, or one fitted on the training rows.", ("heatmap", "steps"), _UNIT),
        Measure(wanted, "control_accuracy", "One dimension, labels shuffled", "Accuracy", f"The same cut with shuffled labels, {of_test}: what chance gives.", ("steps",), _UNIT),
    ]  # fmt: skip
    if not params["threshold"]["control"]:
        measures.pop()
    found = found_series(series, here, [wanted], params, "dynamics_threshold")
    if found is not None:
        show_measures(measures, series, here, found, logarithmic=logarithmic, key="dynamics_threshold")


def _distances(series: SeriesInfo, here: Selection, logarithmic: bool) -> None:
    """Zhou and Srikumar: least distances (figure 2), spatial similarity to the original (figure 4), clusters."""
    params = settings(["direct_probe"])
    every = st.toggle(
        "Similarity of every second layer only", value=True, key="dynamics_every", persist_state="session"
    )
    wanted = Wanted("direct_probe", "first")
    step = series.steps[0]
    alike = Measure(
        wanted,
        "across",
        f"Spatial similarity to step {step:,}",
        "Spatial similarity",
        "Correlation of the distances between labels in a layer with those in the same layer at the first checkpoint, which "
        "has 1 by construction. It needs three labels.",
        ("steps", "heatmap"),
        (-1.02, 1.02),
        mean=False,
        every=2 if every else 1,
    )
    clusters = Measure(
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
    results = found[wanted]
    names, classes = results[0].sources[0].layer_names, results[0].values.split.classes
    st.subheader("Each label's distance to its nearest")
    layer = len(names) - 1
    if len(names) > 1:
        key = f"dynamics_layer_{len(names)}"
        layer = int(st.select_slider("Layer", range(len(names)), layer, format_func=names.__getitem__, key=key))
    minimum = np.array([result.values.minimum[layer] for result in results])
    figure = label_lines(series.steps, minimum, classes, logarithmic=logarithmic)
    alt = f"Least distance of each of {len(classes)} labels in {names[layer]} over the training step"
    view = f"{series.name} {series.steps} {classes} {logarithmic}"
    plot(figure, key="dynamics_least", alt=alt, height=420, view=view, file_name="least-distance")
    st.caption(LABELS_CAPTION)
    show_measures(
        [alike, clusters],
        series,
        here,
        found,
        logarithmic=logarithmic,
        key="dynamics_direct_probe",
        more={f"Least distances, {names[layer]}": figure},
    )


def moving_map(series: SeriesInfo, here: Selection, logarithmic: bool) -> None:
    """The rows of one layer in the plane, scrubbed over the steps."""
    show_map(series, here)


def any_metric(series: SeriesInfo, here: Selection, logarithmic: bool) -> None:
    """Every metric that has one number a layer."""
    known = {
        name: row
        for name, row in workbench().metrics().items()
        if row.scope in ("stack", "pair") and name not in _NOT_HERE
    }
    with st.container(horizontal=True, vertical_alignment="bottom"):
        picked = st.selectbox(
            "Metric",
            list(known),
            format_func=lambda name: known[name].title if name in known else str(name),
            key="dynamics_metric",
            bind="query-params",
            width=360,
        )
        metric = picked if picked in known else next(iter(known))
        against = ""
        if known[metric].scope == "pair":
            against = str(
                st.segmented_control(
                    "Compared with the checkpoint",
                    ["first", "last"],
                    default="first",
                    required=True,
                    key="dynamics_against",
                )
            )
    need_label(here, metric)
    params = settings([metric])
    wanted = Wanted(metric, against)
    found = found_series(series, here, [wanted], params, "dynamics_any")
    if found is None:
        return
    fields = plottable(found[wanted], against=bool(against))
    if not fields:
        st.info(
            f"{plain(known[metric].title)} has no number that there is once a layer; its own page shows what it has."
        )
        return
    field = st.selectbox("Number", fields, format_func=_words, key=f"dynamics_field_{metric}", width=360)
    field = field if field in fields else fields[0]
    axis = _words(field)
    compared = f", compared with the {against} checkpoint, layer by layer" if against else ""
    measure = Measure(
        wanted,
        field,
        f"{known[metric].title}: {axis}",
        axis,
        f"The field {field} of the metric {metric}{compared}.",
        tuple(FORMS),
    )
    show_measures([measure], series, here, found, logarithmic=logarithmic, key="dynamics_any")


def _words(field: str) -> str:
    return str(field).replace("_", " ")
