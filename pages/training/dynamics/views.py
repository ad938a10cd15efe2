"""The views of the page Dynamics: which measures each shows, and the two that draw something of their own."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from backend import RogueResult, SeriesInfo, values_of
from pages._kit.show import measures as profile_measures
from pages._kit.show.links import page_file
from pages._kit.state import ask
from pages._kit.state.selection import Selection
from pages._kit.state.session import plain, workbench
from pages.training.dynamics.grids import (
    FORMS,
    UNIT,
    SeriesMeasure,
    Wanted,
    found_series,
    need_label,
    plottable,
    settings,
    show_measures,
)

__all__ = ["anisotropy", "any_metric", "cka", "dimension", "rogue"]

_NOT_HERE = ("projection", "projection_series", "movement")  # these have no number a layer


def profile_view(
    series: SeriesInfo, here: Selection, logarithmic: bool, metrics: Sequence[str], forms: tuple[str, ...]
) -> None:
    """One of the page Profiles' measures over the checkpoints."""
    of_these = {measure.name: measure for measure in profile_measures.MEASURES if measure.metric in metrics}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        picked = ask.selectbox(
            "Measure", list(of_these), key=f"dynamics_measure_{metrics[0]}", label_visibility="collapsed", width=320
        )
        one = of_these.get(picked, next(iter(of_these.values())))
        params = settings([one.metric], here)
    measure = SeriesMeasure(
        Wanted(one.metric), one.field, one.name, one.axis, f"{one.meant(here.row_name)} {one.bias}".strip(), forms
    )
    found = found_series(series, here, [measure.wanted], params, f"dynamics_{one.metric}")
    if found is not None:
        show_measures([measure], series, found, logarithmic=logarithmic, key=f"dynamics_{one.metric}")


def anisotropy(series: SeriesInfo, here: Selection, logarithmic: bool) -> None:
    """Razzhigaev et al., figures 2 and 3: one profile a checkpoint, and step by layer."""
    profile_view(series, here, logarithmic, ("anisotropy", "average_cosine"), ("profiles", "heatmap", "steps"))


def dimension(series: SeriesInfo, here: Selection, logarithmic: bool) -> None:
    """Razzhigaev et al., figure 4: the estimate averaged over layers, against the step."""
    profile_view(series, here, logarithmic, ("intrinsic_dimension",), ("steps", "profiles", "heatmap"))


def cka(series: SeriesInfo, here: Selection, logarithmic: bool) -> None:
    """Each checkpoint's layers against the same layers of the first and of the last checkpoint."""
    params = settings(["cka"], here)
    first, last = series.steps[0], series.steps[-1]
    meaning = (
        "CKA of each layer with the same layer at step {step:,}: 1 is the same geometry up to rotation and scale. {own}"
    )
    own = "Step {step:,} itself has 1 by construction."
    measures = [
        SeriesMeasure(
            Wanted("cka", against),
            "matrix",
            f"CKA with the {against} checkpoint",
            "CKA",
            meaning.format(step=step, own=own.format(step=step)),
            ("heatmap", "steps"),
            (0.0, 1.0),
            mean=False,
        )
        for against, step in (("first", first), ("last", last))
    ]
    found = found_series(series, here, [one.wanted for one in measures], params, "dynamics_cka")
    if found is not None:
        show_measures(measures, series, found, logarithmic=logarithmic, key="dynamics_cka")


def rogue(series: SeriesInfo, here: Selection, logarithmic: bool) -> None:
    """How large the principal rogue dimension is, and whether the same dimensions stay on top."""
    params = settings(["rogue_overlap"], here)
    top = params["rogue_overlap"]["top"]
    share = SeriesMeasure(
        Wanted("rogue"),
        "principal_share",
        "Principal rogue dimension",
        "Share of the variance",
        "The share of a layer's variance along its dimension of highest variance; which dimension that is may change from "
        "step to step, and stands below.",
        ("heatmap", "steps"),
    )
    overlaps = [
        SeriesMeasure(
            Wanted("rogue_overlap", against),
            "matrix",
            f"Top {top} shared with the {against} checkpoint",
            "Share of dimensions",
            f"How many of a layer's top {top} dimensions are among the top {top} of the same layer at step {step:,}; that "
            "step itself has 1 by construction.",
            ("heatmap", "steps"),
            UNIT,
        )
        for against, step in (("first", series.steps[0]), ("last", series.steps[-1]))
    ]
    measures = [share, *overlaps]
    found = found_series(series, here, [one.wanted for one in measures], params, "dynamics_rogue")
    if found is None:
        return
    show_measures(measures, series, found, logarithmic=logarithmic, key="dynamics_rogue")
    st.subheader("Which dimension it is")
    principal = [values_of(result, RogueResult).principal for result in found[share.wanted]]
    names = found[share.wanted][0].sources[0].layer_names
    table: dict[str, Any] = {"layer": list(names)}
    for step, dims in zip(series.steps, principal, strict=True):
        table[f"step {step:,}"] = [str(dim) if dim >= 0 else "undefined" for dim in dims.tolist()]
    st.dataframe(table, hide_index=True, key="dynamics_principal")


def any_metric(series: SeriesInfo, here: Selection, logarithmic: bool) -> None:
    """Every metric that has one number a layer."""
    known = {
        name: row
        for name, row in workbench().metrics().items()
        if row.scope in ("stack", "pair") and name not in _NOT_HERE
    }
    with st.container(horizontal=True, vertical_alignment="bottom"):
        picked = ask.selectbox(
            "Metric",
            list(known),
            format_func=lambda name: known[name].title if name in known else str(name),
            key="dynamics_metric",
            width=360,
        )
        metric = picked if picked in known else next(iter(known))
        against = ""
        if known[metric].scope == "pair":
            against = str(
                ask.segmented_control(
                    "Compared with the checkpoint",
                    ["first", "last"],
                    default="first",
                    key="dynamics_against",
                )
            )
    need_label(here, metric)
    params = settings([metric], here)
    wanted = Wanted(metric, against)
    found = found_series(series, here, [wanted], params, "dynamics_any")
    if found is None:
        return
    fields = plottable(found[wanted], against=bool(against))
    if not fields:
        st.info(f"{plain(known[metric].title)} has no number for each layer.", icon=":material/info:")
        label = f"{plain(known[metric].title)} on the page Explorer"
        st.page_link(
            page_file("geometry/explorer"),
            label=label,
            query_params={"metric": metric},
            icon=":material/arrow_forward:",
        )
        return
    field = ask.selectbox("Number", fields, format_func=_words, key=f"dynamics_field_{metric}", width=360)
    field = field if field in fields else fields[0]
    axis = _words(field)
    compared = f", compared with the {against} checkpoint, layer by layer" if against else ""
    measure = SeriesMeasure(
        wanted,
        field,
        f"{known[metric].title}: {axis}",
        axis,
        f"The field {field} of the metric {metric}{compared}.",
        tuple(FORMS),
    )
    show_measures([measure], series, found, logarithmic=logarithmic, key="dynamics_any")


def _words(field: str) -> str:
    return str(field).replace("_", " ")
