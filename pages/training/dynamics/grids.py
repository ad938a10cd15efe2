"""Numbers of a layer over the checkpoints of a series: asked for as one job, drawn in three forms, taken away as files."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from backend import (
    AnalysisSpec,
    BatchTask,
    InvalidRequest,
    Result,
    SeriesInfo,
    SeriesResult,
    complete_layers,
    series_document,
)
from pages._kit.charts.base import Floats, short_model
from pages._kit.flow.controls import params_form
from pages._kit.flow.paper import paper_choice
from pages._kit.flow.progress import batch_panel
from pages._kit.show.export import downloads
from pages._kit.show.findings import reasons
from pages._kit.show.plot import plot
from pages._kit.state.selection import Selection
from pages._kit.state.session import plain, workbench
from pages.training.dynamics.charts import (
    HEATMAP_CAPTION,
    LAYERS_CAPTION,
    OVER_STEPS_CAPTION,
    PROFILE_CAPTION,
    Grid,
    over_steps,
    step_heatmap,
    step_profiles,
)
from pages.training.dynamics.series import bare_reason, series_provenance, undefined_over_steps

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


def grid_of(measure: SeriesMeasure, series: SeriesInfo, results: Sequence[Result]) -> Grid:
    """The numbers of a measure by checkpoint and layer, with the reasons of the undefined ones."""
    rows: list[Floats] = []
    why: dict[tuple[int, int], str] = {}
    for step, result in enumerate(results):
        rows.append(layer_values(result.values, measure.field))
        for index, reason in reasons(result, measure.field).items():
            if len(index) < 2 or index[0] == index[1]:
                why.setdefault((step, int(index[0])), bare_reason(result, reason))
    return Grid(series.steps, results[0].sources[0].layer_names, np.array(rows), why)


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


def draw_form(
    form: str, measure: SeriesMeasure, grid: Grid, series: SeriesInfo, *, logarithmic: bool, key: str
) -> go.Figure:
    """One chart of a measure with its caption."""
    name = short_model(series.name)
    if form == "profiles":
        figure = step_profiles(grid, y_title=measure.axis, y_range=measure.value_range)
        alt = f"{measure.name} over the layers of {name}, one line for each of {len(grid.steps)} checkpoints"
    elif form == "heatmap":
        figure = step_heatmap(grid, value_name=measure.axis, value_range=measure.value_range)
        alt = f"{measure.name} of {name} by checkpoint and layer"
    else:
        figure = over_steps(
            grid, y_title=measure.axis, logarithmic=logarithmic, y_range=measure.value_range, mean=measure.mean
        )
        alt = f"{measure.name} of {name} over the training step"
    view = f"{form} {series.name} {grid.steps} {len(grid.layers)} {logarithmic if form == 'steps' else ''}"
    plot(figure, key=f"{key}_{measure.key}_{form}", alt=alt, height=400, view=view, file_name=f"{measure.key}-{form}")
    return figure


def show_measure(
    measure: SeriesMeasure, series: SeriesInfo, results: Sequence[Result], *, logarithmic: bool, key: str
) -> dict[str, go.Figure]:
    """One measure in its forms, two beside each other; returns the figures by name."""
    st.subheader(measure.name)
    grid = grid_of(measure, series, results).thinned(measure.every)
    st.caption(plain(measure.meaning))
    if not np.isfinite(grid.values).any():
        why = next(iter(grid.undefined.values()), "no reason was given")
        st.info(f"Undefined at every step and layer: {plain(why)}")
        return {}
    over = grid
    if measure.mean and "steps" in measure.forms and results[0].sources[0].layers[0] == 0 and len(grid.layers) > 1:
        blocks = st.toggle(
            "Over steps without the embedding output",
            key=f"{key}_{measure.key}_blocks",
            persist_state="session",
            help="Before the first block a vector is of a token and its place alone: its numbers can be far from the others' "
            "and rule the mean.",
        )
        over = grid.without_first() if blocks else grid
    figures = {}
    sides = st.columns(2) if len(measure.forms) > 1 else [st.container()]
    for place, form in enumerate(measure.forms):
        with sides[place % len(sides)]:
            figures[f"{measure.name}: {FORMS[form].lower()}"] = draw_form(
                form, measure, over if form == "steps" else grid, series, logarithmic=logarithmic, key=key
            )
            st.caption(CAPTIONS[form] if measure.mean or form != "steps" else LAYERS_CAPTION)
    if measure.mean and "steps" in measure.forms:
        left = len(over.layers) - len(complete_layers(over.values))
        if left:
            st.caption(f"The mean leaves out {left} of {len(over.layers)} layers, which are undefined at some step.")
    return figures


def table_of(measures: Sequence[SeriesMeasure], series: SeriesInfo, found: Found) -> tuple[list[str], list[list[Any]]]:
    """One row for each step and layer; for each measure its value, and the ends of its band where it has one."""
    columns: list[str] = []
    parts: list[Floats] = []
    for measure in measures:
        results = found[measure.wanted]
        columns.append(measure.key)
        parts.append(grid_of(measure, series, results).values)
        for end in ("_low", "_high"):
            band = getattr(results[0].values, f"{measure.field}{end}", None)
            if band is not None:
                columns.append(f"{measure.key}{end}")
                parts.append(np.array([layer_values(result.values, measure.field + end) for result in results]))
    layers = found[measures[0].wanted][0].sources[0].layer_names
    rows = [
        [step, name, *(float(part[i, j]) for part in parts)]
        for i, step in enumerate(series.steps)
        for j, name in enumerate(layers)
    ]
    return ["step", "layer", *columns], rows


def show_measures(
    measures: Sequence[SeriesMeasure],
    series: SeriesInfo,
    here: Selection,
    found: Found,
    *,
    logarithmic: bool,
    key: str,
    more: dict[str, go.Figure] | None = None,
) -> None:
    """All measures of a view, then what is undefined, where it came from, the table and the downloads."""
    figures = dict(more or {})
    for measure in measures:
        figures |= show_measure(measure, series, found[measure.wanted], logarithmic=logarithmic, key=key)
    results = [result for group in found.values() for result in group]
    undefined_over_steps(results, [measure.field for measure in measures])
    series_provenance(series, results)
    table = table_of(measures, series, found)
    with st.expander("Table", icon=":material/table:"):
        st.dataframe(pd.DataFrame(table[1], columns=table[0]), hide_index=True)
    if figures:
        save(table, series, found, figures, key=key)


def save(
    table: tuple[list[str], list[list[Any]]],
    series: SeriesInfo,
    found: Found,
    figures: dict[str, go.Figure],
    *,
    key: str,
) -> None:
    """The downloads of a view, with a choice of the figure."""
    names = list(figures)
    chosen = names[0]
    if len(names) > 1:
        picked = st.selectbox("Figure to save", names, key=f"{key}_saved", width=420)
        chosen = picked if picked in figures else chosen
    form = next((form for form, words in FORMS.items() if chosen.endswith(words.lower())), "")
    downloads(
        key,
        key.replace("_", "-"),
        table=table,
        results=[result for group in found.values() for result in group],
        figure=figures[chosen],
        title=f"{chosen} ({short_model(series.name)})",
        caption=CAPTIONS.get(form, ""),
        documents=[series_document(SeriesResult(series, group, joint_of(group, series))) for group in found.values()],
    )


def joint_of(results: Sequence[Result], series: SeriesInfo) -> bool:
    """Whether one result stands for all checkpoints."""
    return bool(workbench().metrics()[results[0].metric].scope == "models")


def need_label(here: Selection, metric: str) -> None:
    """End the page with what to do where ``metric`` needs labels and there are none."""
    row = workbench().metrics()[metric]
    if row.labels == "required" and here.label is None:
        raise InvalidRequest(
            f"'{row.title}' needs a label for each text, and none is chosen.",
            "Choose one under Label in the sidebar; the built-in sets sentiment and topics have labels.",
        )
