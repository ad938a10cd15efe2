"""Profiles: anisotropy, cosine and intrinsic dimension over depth, several models overlaid."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from backend import AnalysisSpec, ModelInfo, Result
from pages._kit.charts.base import short_model
from pages._kit.charts.depth import (
    BAND_CAPTION,
    CAPTION,
    CORRECTED,
    CORRECTED_CAPTION,
    REFERENCE,
    REFERENCE_CAPTION,
    Series,
    has_reference,
    profile_lines,
)
from pages._kit.flow.controls import params_form
from pages._kit.flow.paper import Paper, paper_choice
from pages._kit.flow.progress import run_panel
from pages._kit.show.export import downloads
from pages._kit.show.findings import heading, provenance, reasons, undefined_note
from pages._kit.show.measures import MEASURES, Measure
from pages._kit.show.plot import plot
from pages._kit.state.pair import in_order
from pages._kit.state.selection import Selection, ready
from pages._kit.state.session import plain, workbench
from pages.geometry.profiles.scale import scale_panel

WHAT = "How do single numbers about the space change from the embedding output to the last layer?"
HOW = "Each line is a model, each point a layer: look where along depth a number rises, falls or jumps."

DEFAULTS = ("Anisotropy", "Average cosine", "Intrinsic dimension (TwoNN)")
Found = Mapping[tuple[str, int], Result]


def settings(metrics: Sequence[str], here: Selection) -> tuple[Paper, dict[str, dict[str, Any]]]:
    """The switch of the papers, whose line is filled once the rows are known, and the parameters of each metric in use."""
    paper = paper_choice(metrics, here, here.models[0], "profiles")
    known = workbench().metrics()
    chosen = {}
    with paper.box:
        for name, side in zip(metrics, st.columns(len(metrics)), strict=True):
            with side:
                st.markdown(f"**{known[name].title}**")
                chosen[name] = params_form(known[name].params, **paper.form(name, f"profiles_{name}"))
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


def series_of(measure: Measure, result: Result, place: int, *, reference: bool, sharing: Sequence[str]) -> Series:
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
    )


def lines_of(measure: Measure, found: Mapping[int, Result]) -> list[Series]:
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


def draw(measure: Measure, found: Mapping[int, Result], *, row_name: str, relative: bool) -> go.Figure | None:
    """One measure of all models as a chart; None (and the reason) where every number is undefined."""
    st.subheader(measure.name)
    lines = lines_of(measure, found)
    banded = measure.bias if has_band(lines) else ""
    mended = CORRECTED_CAPTION if any(line.corrected is not None for line in lines) else ""
    said = (measure.meant(row_name), banded, mended, REFERENCE_CAPTION if has_reference(lines) else "")
    st.caption(" ".join(part for part in said if part))
    if not found:
        st.caption(":material/hourglass_empty: Not computed yet: see above.")
        return None
    if not any(np.isfinite(line.values).any() for line in lines):
        why = next((reason for line in lines for reason in line.undefined.values()), "no reason was given")
        st.info(f"Undefined in every layer: {plain(why)}")
        return None
    figure = profile_lines(lines, y_title=measure.axis, relative=relative)
    names = ", ".join(line.name for line in lines)
    alt = f"{measure.name} over depth of {names}"
    view = f"{relative} {names}"
    plot(figure, key=f"profiles_{measure.field}", alt=alt, height=380, view=view, file_name=measure.field)
    return figure


def table_of(measures: Sequence[Measure], found: Found) -> tuple[list[str], list[list[Any]]]:
    """One row for each model and layer; for each measure its value and the ends of its band."""
    corrected = {"isoscore", "participation_ratio"}
    fields = [
        (measure.metric, measure.field + end)
        for measure in measures
        for end in ("", "_low", "_high", *(["_corrected"] if measure.field in corrected else []))
    ]
    rows = []
    for place in sorted({at for _, at in found}):
        mine = {metric: result for (metric, at), result in found.items() if at == place}
        source = next(iter(mine.values())).sources[0]
        for layer, name in enumerate(source.layer_names):
            stored = [getattr(mine[metric].values, field, None) if metric in mine else None for metric, field in fields]
            rows.append([source.model, name, *(None if value is None else float(value[layer]) for value in stored)])
    return ["model", "layer", *(field for _, field in fields)], rows


def show(measures: Sequence[Measure], found: Found, *, row_name: str, relative: bool) -> None:
    """The charts, two beside each other, then notes, table and downloads."""
    sides = st.columns(2) if len(measures) > 1 else [st.container()]
    figures: list[tuple[Measure, go.Figure]] = []
    bands: dict[str, bool] = {}
    for place, measure in enumerate(measures):
        mine = {at: result for (metric, at), result in found.items() if metric == measure.metric}
        with sides[place % len(sides)]:
            figure = draw(measure, mine, row_name=row_name, relative=relative)
            bands[measure.name] = has_band(lines_of(measure, mine))
        if figure is not None:
            figures.append((measure, figure))
    st.caption(f"{CAPTION} {BAND_CAPTION}" if any(bands.values()) else CAPTION)
    results = list(found.values())
    undefined_note(results, [measure.field for measure in measures])
    provenance(results)
    columns, rows = table_of(measures, found)
    with st.expander("Table", icon=":material/table:"):
        st.dataframe(pd.DataFrame(rows, columns=columns), hide_index=True)
    if not figures or len(found) < len({measure.metric for measure in measures}):
        return  # what is saved is the whole choice, or nothing
    names = [measure.name for measure, _ in figures]
    chosen = names[0]
    if len(names) > 1:
        chosen = st.selectbox("Figure to save", names, key="profiles_saved", width=320)
    figure = dict(zip(names, (figure for _, figure in figures), strict=True))[chosen]
    traces = {trace.name for trace in figure.data}
    mended, dashed = (
        (CORRECTED_CAPTION if CORRECTED in traces else ""),
        (REFERENCE_CAPTION if REFERENCE in traces else ""),
    )
    bias = next(f"{BAND_CAPTION} {one.bias}" for one, _ in figures if one.name == chosen) if bands[chosen] else ""
    caption = " ".join(part for part in (CAPTION, bias.strip(), mended, dashed) if part)
    table = (columns, rows)
    downloads("profiles", "profiles", table=table, results=results, figure=figure, title=chosen, caption=caption)


heading("Profiles", WHAT, HOW)
here = ready()
picked = st.pills(
    "Measures",
    [measure.name for measure in MEASURES],
    selection_mode="multi",
    default=DEFAULTS,
    key="profiles_measures",
    persist_state="session",
)
chosen = [measure for measure in MEASURES if measure.name in picked]
relative = len(here.models) > 1 and st.toggle(
    "Relative depth",
    value=len({len(model.layer_names) for model in here.models}) > 1,
    key="profiles_relative",
    persist_state="session",
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
        show(chosen, there, row_name=here.row_name, relative=bool(relative))
    if "intrinsic_dimension" in metrics:
        scale_panel(here)
