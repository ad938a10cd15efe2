"""Profiles: anisotropy, cosine and intrinsic dimension over depth, several models overlaid."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from backend import AnalysisSpec, ModelInfo, Result, relative_depths
from pages._kit.charts.base import short_model
from pages._kit.charts.depth import (
    BAND_CAPTION,
    CAPTION,
    CORRECTED_CAPTION,
    FAMILY_CAPTION,
    REFERENCE_CAPTION,
    Series,
    has_reference,
    profile_lines,
)
from pages._kit.flow.controls import params_form
from pages._kit.flow.paper import Paper, paper_choice
from pages._kit.flow.progress import run_panel
from pages._kit.show import lessons as lessons
from pages._kit.show.columns import folded_table
from pages._kit.show.finding import Finding, said_once, show
from pages._kit.show.findings import heading, reasons
from pages._kit.show.kept import drawn_once
from pages._kit.show.measures import MEASURES, LayerMeasure
from pages._kit.state import ask
from pages._kit.state.pair import in_order
from pages._kit.state.selection import Selection, current, ready
from pages._kit.state.session import workbench
from pages.geometry.profiles.scale import scale_panel

WHAT = "How do single numbers about the space change from the embedding output to the last layer?"
HOW = "Each line is a model, each point a layer: look where along depth a number rises, falls or jumps."

DIMENSION = "intrinsic_dimension"
OPEN = (
    "preset",
    "discard_fraction",
)  # of the dimension: what the paper's text and its notebook differ in, so not among all settings
DEFAULTS = ("Anisotropy", "Average cosine", "Intrinsic dimension (TwoNN)")
ENDS = ("", "_low", "_high", "_corrected", "_isotropic")  # a measure, its band, and the lines beside it
Found = Mapping[tuple[str, int], Result]


def settings(metrics: Sequence[str], here: Selection) -> tuple[Paper, dict[str, dict[str, Any]]]:
    """The switch of the papers, whose line is filled once the rows are known, and the parameters of each metric in use."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        paper = paper_choice(metrics, here, here.models[0], "profiles")
        fit = st.popover("TwoNN fit", icon=":material/straighten:") if DIMENSION in metrics else None
    known = workbench().metrics()
    chosen = {}
    with paper.box:
        for name, side in zip(metrics, st.columns(len(metrics)), strict=True):
            with side:
                st.markdown(f"**{known[name].title}**")
                fields = [field.name for field in dataclasses.fields(known[name].params) if field.name not in OPEN]
                chosen[name] = params_form(known[name].params, only=fields, **paper.form(name, f"profiles_{name}"))
    if fit is not None:
        with fit:
            form = paper.form(DIMENSION, f"profiles_{DIMENSION}")
            chosen[DIMENSION] |= params_form(known[DIMENSION].params, only=OPEN, **form)
    return paper, chosen


def specs_for(
    metrics: Sequence[str], models: Sequence[ModelInfo], here: Selection, params: Mapping[str, dict[str, Any]]
) -> dict[tuple[str, int], AnalysisSpec]:
    """One analysis for each metric and each model."""
    shared: dict[str, Any] = {"layers": here.layers, **here.rows}
    return {
        (metric, place): workbench().analysis(metric, models=[model], params=params[metric], **shared)
        for metric in metrics
        for place, model in enumerate(models)
    }


def series_of(measure: LayerMeasure, result: Result, place: int, *, reference: bool, sharing: Sequence[str]) -> Series:
    """One model's line of one measure; ``sharing`` are the models whose isotropic reference is the same."""
    values, source = result.values, result.sources[0]
    return Series(
        short_model(source.model),
        source.layer_names,
        getattr(values, measure.field),
        low=getattr(values, f"{measure.field}_low", None),
        high=getattr(values, f"{measure.field}_high", None),
        reference=getattr(values, f"{measure.field}_isotropic", None) if reference else None,
        corrected=getattr(values, f"{measure.field}_corrected", None),
        undefined={index[0]: reason for index, reason in reasons(result, measure.field).items()},
        place=place,
        sharing=sharing,
        family=family_of(source.model),
    )


def family_of(model: str) -> str:
    """What kind of model this one of the sidebar's is; empty for imported vectors."""
    found = next((info for info in current().models if info.spec.name == model), None)
    return "" if found is None or found.is_given else found.family


def lines_of(measure: LayerMeasure, found: Mapping[int, Result]) -> list[Series]:
    """The lines of one measure; models of the same size share one isotropic reference."""
    sizes: dict[tuple[int, int, int], list[int]] = {}
    for place, result in found.items():
        source = result.sources[0]
        sizes.setdefault((source.n_rows, source.n_dims, len(source.layers)), []).append(place)
    first = {places[0]: [short_model(found[at].sources[0].model) for at in places[1:]] for places in sizes.values()}
    return [
        series_of(measure, result, place, reference=place in first, sharing=first.get(place, ()))
        for place, result in found.items()
    ]


def has_band(lines: Sequence[Series]) -> bool:
    """Whether any line has a band to be drawn."""
    return any(line.low is not None and bool(np.isfinite(line.low).any()) for line in lines)


def draw(measure: LayerMeasure, found: Mapping[int, Result], *, row_name: str, relative: bool) -> bool:
    """One measure of all models as a chart; whether it has a band."""
    st.subheader(measure.name)
    if not found:
        st.caption(measure.meant(row_name))
        st.caption(":material/hourglass_empty: Not computed yet: see above.")
        return False
    lines = lines_of(measure, found)
    known, banded = any(np.isfinite(line.values).any() for line in lines), has_band(lines)
    parts = (
        measure.meant(row_name),
        measure.bias if banded else "",
        FAMILY_CAPTION if len({line.family for line in lines if line.family}) > 1 else "",
        CORRECTED_CAPTION if any(line.corrected is not None for line in lines) else "",
        REFERENCE_CAPTION if has_reference(lines) else "",
    )
    names = ", ".join(line.name for line in lines)
    show(
        Finding(
            key=f"profiles_{measure.field}",
            title=f"{measure.name} over depth",
            figure=drawn_once(profile_lines, lines, y_title=measure.axis, relative=relative) if known else None,
            caption=" ".join(filter(None, parts)),
            shared=f"{CAPTION} {BAND_CAPTION}" if banded else CAPTION,
            table=lambda: table_of([measure], {(measure.metric, at): result for at, result in found.items()}),
            results=list(found.values()),
            fields=[measure.field],
            empty="Undefined in every layer.",
            alt=f"{measure.name} over depth of {names}",
            height=380,
            view=f"{relative} {names}",
        )
    )
    return banded


def table_of(measures: Sequence[LayerMeasure], found: Found) -> pd.DataFrame:
    """One row for each model and layer: its depth from 0 to 1, of each measure the value, and what is drawn beside it."""
    rows: list[dict[str, Any]] = []
    for place in sorted({at for _, at in found}):
        mine = {metric: result for (metric, at), result in found.items() if at == place}
        source = next(iter(mine.values())).sources[0]
        depths = relative_depths(len(source.layer_names)).tolist()
        for layer, name in enumerate(source.layer_names):
            row: dict[str, Any] = {"model": source.model, "layer": name, "relative depth": depths[layer]}
            for measure in measures:
                values = mine[measure.metric].values if measure.metric in mine else None
                for field in (measure.field + end for end in ENDS):
                    stored = getattr(values, field, None)
                    row |= {} if stored is None else {field: float(stored[layer])}
            rows.append(row)
    return pd.DataFrame(rows)


def show_all(measures: Sequence[LayerMeasure], found: Found, *, row_name: str, relative: bool) -> None:
    """The charts, two beside each other, then notes and table."""
    sides = st.columns(2) if len(measures) > 1 else [st.container()]
    with said_once():
        bands = []
        for place, measure in enumerate(measures):
            mine = {at: result for (metric, at), result in found.items() if metric == measure.metric}
            with sides[place % len(sides)]:
                bands.append(draw(measure, mine, row_name=row_name, relative=relative))
        st.caption(f"{CAPTION} {BAND_CAPTION}" if any(bands) else CAPTION)
    folded_table("Table", lambda: table_of(measures, found), key="profiles_table")


heading("Profiles", WHAT, HOW, lessons.PROFILES)
here = ready()
picked = ask.pills(
    "Measures",
    [measure.name for measure in MEASURES],
    default=DEFAULTS,
    key="profiles_measures",
)
chosen = [measure for measure in MEASURES if measure.name in picked]
relative = len(here.models) > 1 and ask.toggle(
    "Relative depth",
    value=len({len(model.layer_names) for model in here.models}) > 1,
    key="profiles_relative",
    help="Put the first layer of every model at 0 and its last at 1, so that models of different depth can be compared.",
)
if not chosen:
    st.info("Choose at least one measure.")
else:
    metrics = list(dict.fromkeys(measure.metric for measure in chosen))
    paper, params = settings(metrics, here)
    specs = specs_for(metrics, in_order(here.models).models, here, params)
    results = run_panel(list(specs.values()), "profiles", partial=True)
    n_rows = [result.sources[0].n_rows for result in results or () if result is not None]
    paper.say(here, params, n_rows=min(n_rows, default=None))
    if results is not None:
        there = {key: result for key, result in zip(specs, results, strict=True) if result is not None}
        show_all(chosen, there, row_name=here.row_name, relative=bool(relative))
    if DIMENSION in metrics:
        scale_panel(here)
