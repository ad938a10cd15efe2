"""Numbers of a layer over the checkpoints of a series: asked for as one job, drawn in three forms, taken away as files."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from backend import (
    AnalysisSpec,
    BatchTask,
    InvalidRequest,
    Result,
    SeriesInfo,
    SeriesResult,
    Undefined,
    complete_layers,
    mean_over_layers,
    series_document,
)
from pages._kit.charts.base import Floats, short_model
from pages._kit.flow.controls import params_form
from pages._kit.flow.paper import paper_choice
from pages._kit.flow.progress import batch_panel
from pages._kit.show.columns import folded_table, unit_of
from pages._kit.show.finding import Finding, said_once, show
from pages._kit.show.findings import bare_reason, reasons
from pages._kit.show.kept import drawn_once
from pages._kit.state import ask
from pages._kit.state.selection import Selection
from pages._kit.state.session import plain, workbench
from pages.training.dynamics.charts import (
    HEATMAP_CAPTION,
    LAYERS_CAPTION,
    OVER_STEPS_CAPTION,
    PROFILE_CAPTION,
    Grid,
    mean_name,
    over_steps,
    places_of,
    step_heatmap,
    step_profiles,
)

UNIT = (0.0, 1.0)
FORMS = {"profiles": "Over depth", "heatmap": "Step by layer", "steps": "Over steps"}
CAPTIONS = {"profiles": PROFILE_CAPTION, "heatmap": HEATMAP_CAPTION, "steps": OVER_STEPS_CAPTION}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One metric over the whole series: with ``against`` "first" or "last", compared with that checkpoint."""

    metric: str
    against: str = ""


@dataclass(frozen=True, slots=True)
class SeriesMeasure:
    """One number a layer, and how it is drawn.

    ``field`` is that of the result with the numbers, and with the reasons of those that are undefined. ``forms`` are keys
    of FORMS, in the order in which they are drawn; ``mean`` says whether a mean over layers means anything; ``every`` 2
    draws every second layer.
    """

    wanted: Wanted
    field: str
    name: str
    axis: str
    meaning: str
    forms: tuple[str, ...] = ("profiles", "heatmap", "steps")
    value_range: tuple[float, float] | None = None
    mean: bool = True
    every: int = 1

    @property
    def key(self) -> str:
        """What tells its widgets and columns apart."""
        against = f"_{self.wanted.against}" if self.wanted.against else ""
        return f"{self.wanted.metric}_{self.field}{against}".replace(" ", "_").lower()


Found = dict[Wanted, tuple[Result, ...]]


def settings(
    metrics: Sequence[str], here: Selection, *, only: dict[str, Sequence[str]] | None = None
) -> dict[str, dict[str, Any]]:
    """The parameters of each metric, folded away."""
    known = workbench().metrics()
    paper = paper_choice(metrics, here, here.models[0], f"dynamics_{metrics[0]}")
    chosen = {}
    with paper.box:
        for name, side in zip(metrics, st.columns(len(metrics)), strict=True):
            with side:
                st.markdown(f"**{plain(known[name].title)}**")
                form = paper.form(name, f"dynamics_{name}")
                chosen[name] = params_form(known[name].params, only=(only or {}).get(name), **form)
    paper.say(here, chosen)
    return chosen


def found_series(
    series: SeriesInfo, here: Selection, wanted: Sequence[Wanted], params: dict[str, dict[str, Any]], key: str
) -> Found | None:
    """The results of every wanted metric, one a checkpoint, from one job; None (and the panel) while they are not there."""
    bench = workbench()
    tasks: dict[Wanted, BatchTask] = {}
    for one in dict.fromkeys(wanted):
        labelled = bench.metrics()[one.metric].labels != "no" and here.label is not None
        tasks[one] = bench.series_analyses(
            one.metric,
            series=series,
            against=one.against or None,
            layers=here.layers,
            label=here.label if labelled else None,
            params=params.get(one.metric, {}),
            **here.rows,
        )
    specs: list[AnalysisSpec] = list(dict.fromkeys(spec for task in tasks.values() for spec in task.analyses))
    names = ", ".join(dict.fromkeys(one.metric for one in tasks))
    found = batch_panel(
        BatchTask(tuple(specs), f"{names} over {len(series.members)} checkpoints of {short_model(series.name)}"), key
    )
    if found is None:
        return None
    by_spec = dict(zip(specs, found, strict=True))
    return {one: tuple(by_spec[spec] for spec in task.analyses) for one, task in tasks.items()}


def layer_values(values: object, field: str) -> Floats:
    """The (n_layers,) numbers of a field: itself, or the diagonal where layers are compared with layers."""
    found = np.asarray(getattr(values, field), np.float64)
    return np.diagonal(found) if found.ndim == 2 else found


def grids_of(measure: SeriesMeasure, series: SeriesInfo, results: Sequence[Result]) -> dict[str, Grid]:
    """The numbers of a measure by checkpoint and layer, and the ends of their band where they have one, by column."""
    names = {f"{measure.key}{end}": f"{measure.field}{end}" for end in ("", "_low", "_high")}
    known = {column: field for column, field in names.items() if hasattr(results[0].values, field)}
    return {column: _grid(field, series, results, unit_of(measure.key)) for column, field in known.items()}


def _grid(field: str, series: SeriesInfo, results: Sequence[Result], unit: str) -> Grid:
    """One field of the results, with the reasons of the undefined numbers."""
    rows: list[Floats] = []
    why: dict[tuple[int, int], str] = {}
    for step, result in enumerate(results):
        rows.append(layer_values(result.values, field))
        for index, reason in reasons(result, field).items():
            if len(index) < 2 or index[0] == index[1]:
                why.setdefault((step, int(index[0])), bare_reason(result, reason))
    return Grid(series.steps, results[0].sources[0].layer_names, np.array(rows), why, unit)


def plottable(results: Sequence[Result], *, against: bool) -> list[str]:
    """The fields of which every result has one number a layer; of comparisons also the layer by layer matrices."""
    n_layers = len(results[0].sources[0].layer_names)
    shapes = [(n_layers,), (n_layers, n_layers)] if against else [(n_layers,)]
    found = []
    for one in dataclasses.fields(results[0].values):
        arrays = [getattr(result.values, one.name) for result in results]
        numeric = all(isinstance(array, np.ndarray) and array.dtype.kind in "fiub" for array in arrays)
        if numeric and not one.name.endswith("_index") and all(array.shape in shapes for array in arrays):
            found.append(one.name)
    return found


def finding_of(
    form: str,
    measure: SeriesMeasure,
    grids: dict[str, Grid],
    series: SeriesInfo,
    results: Sequence[Result],
    *,
    logarithmic: bool,
    key: str,
) -> Finding:
    """One chart of a measure, of the first of ``grids``; the others, of its band, are in the table."""
    name, grid = short_model(series.name), grids[measure.key]
    mean = form == "steps" and measure.mean
    if form == "profiles":
        figure = drawn_once(step_profiles, grid, y_title=measure.axis, y_range=measure.value_range)
        alt = f"{measure.name} over the layers of {name}, one line for each of {len(grid.steps)} checkpoints"
    elif form == "heatmap":
        figure = drawn_once(step_heatmap, grid, value_name=measure.axis, value_range=measure.value_range)
        alt = f"{measure.name} of {name} by checkpoint and layer"
    else:
        figure = drawn_once(
            over_steps,
            grid,
            y_title=measure.axis,
            logarithmic=logarithmic,
            y_range=measure.value_range,
            mean=measure.mean,
        )
        alt = f"{measure.name} of {name} over the training step"
    return Finding(
        key=f"{key}_{measure.key}_{form}",
        title=f"{measure.name} of {name}: {FORMS[form].lower()}",
        figure=figure,
        caption=CAPTIONS[form] if mean or form != "steps" else LAYERS_CAPTION,
        table=lambda: grids_table(grids, mean=measure.key if mean else "", logarithmic=form == "steps" and logarithmic),
        results=results,
        fields=[measure.field],
        expected=between_layers,
        crosses=True,
        shared=measure.meaning,
        name=f"{measure.key}-{form}",
        series=series,
        documents=lambda: documents_of(series, results),
        alt=alt,
        height=360,
        view=f"{form} {series.name} {grid.steps} {len(grid.layers)} {logarithmic if form == 'steps' else ''}",
    )


def between_layers(gap: Undefined) -> bool:
    """Whether a gap is of one layer compared with another, which is not drawn."""
    return len(gap.index) > 1 and gap.index[0] != gap.index[1]


def grids_table(grids: dict[str, Grid], *, mean: str = "", logarithmic: bool = False) -> pd.DataFrame:
    """One row for each step and layer; then of each step for the ``mean`` of a column over the layers, if it is named.

    ``logarithmic`` adds the place of a step on that axis.
    """
    first = next(iter(grids.values()))
    n_steps, n_layers = len(first.steps), len(first.layers)
    columns: dict[str, Any] = {"step": np.repeat(first.steps, n_layers), "layer": list(first.layers) * n_steps}
    table = pd.DataFrame(columns | {column: grid.values.ravel() for column, grid in grids.items()})
    if mean:
        means = {"step": first.steps, "layer": mean_name(grids[mean]), mean: mean_over_layers(grids[mean].values)}
        table = pd.concat([table, pd.DataFrame(means)], ignore_index=True)
    if logarithmic:
        table.insert(1, "log2(step + 1)", places_of(table["step"].tolist(), logarithmic=True))
    return table


def show_measure(
    measure: SeriesMeasure, series: SeriesInfo, results: Sequence[Result], *, logarithmic: bool, key: str
) -> None:
    """One measure in its forms, two beside each other."""
    head = st.container(horizontal=True, vertical_alignment="center")
    head.markdown(f"**{plain(measure.name)}**", width="content")
    grids = {column: grid.thinned(measure.every) for column, grid in grids_of(measure, series, results).items()}
    grid = grids[measure.key]
    if not np.isfinite(grid.values).any():
        finding = finding_of(measure.forms[0], measure, grids, series, results, logarithmic=logarithmic, key=key)
        show(replace(finding, figure=None, empty="Undefined at every step and layer."))
        return
    over = grids
    if measure.mean and "steps" in measure.forms and results[0].sources[0].layers[0] == 0 and len(grid.layers) > 1:
        with head:
            blocks = ask.toggle(
                "Over steps without the embedding output",
                value=measure.wanted.metric == "intrinsic_dimension",  # as in the paper
                key=f"{key}_{measure.key}_blocks",
                help="Before the first block a vector is of a token and its place alone: its numbers can be far from the others' "
                "and rule the mean.",
            )
        over = {column: one.without_first() for column, one in grids.items()} if blocks else grids
    sides = st.columns(2) if len(measure.forms) > 1 else [st.container()]
    for place, form in enumerate(measure.forms):
        drawn = over if form == "steps" else grids
        with sides[place % len(sides)]:
            show(finding_of(form, measure, drawn, series, results, logarithmic=logarithmic, key=key))
    st.caption(plain(measure.meaning))
    if measure.mean and "steps" in measure.forms:
        used = over[measure.key]
        left = len(used.layers) - len(complete_layers(used.values))
        if left:
            st.caption(f"The mean leaves out {left} of {len(used.layers)} layers, which are undefined at some step.")


def show_measures(
    measures: Sequence[SeriesMeasure],
    series: SeriesInfo,
    found: Found,
    *,
    logarithmic: bool,
    key: str,
    first: Sequence[Finding] = (),
) -> None:
    """All measures of a view below the ``first`` figures, where they came from, then all numbers in one table."""
    with said_once():
        for finding in first:
            show(finding)
        for measure in measures:
            show_measure(measure, series, found[measure.wanted], logarithmic=logarithmic, key=key)
    grids: dict[str, Grid] = {}
    for measure in measures:
        grids |= grids_of(measure, series, found[measure.wanted])
    folded_table("Table", lambda: grids_table(grids), key=f"{key}_table")


def documents_of(series: SeriesInfo, results: Sequence[Result]) -> list[dict[str, Any]]:
    """One metric over the series as JSON."""
    joint = workbench().metrics()[results[0].metric].scope == "models"
    return [series_document(SeriesResult(series, tuple(results), joint))]


def need_label(here: Selection, metric: str) -> None:
    """End the page with what to do where ``metric`` needs labels and there are none."""
    row = workbench().metrics()[metric]
    if row.labels == "required" and here.label is None:
        raise InvalidRequest(
            f"'{row.title}' needs a label for each text, and none is chosen.",
            "Choose one under Label in the sidebar; the built-in sets sentiment and topics have labels.",
        )
