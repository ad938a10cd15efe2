"""The rows of one layer in the plane at every checkpoint: one chart whose slider scrubs the steps in the browser."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from backend import ProjectionSeries, Result, SeriesInfo, SeriesResult, result_of, series_document
from pages._kit.charts.base import short_model
from pages._kit.charts.maps import CAPTION, METHODS, projection_scatter
from pages._kit.flow.controls import METHODS_HELP, method_choice, params_form
from pages._kit.flow.progress import batch_panel
from pages._kit.show.export import downloads
from pages._kit.show.findings import point_labels, reasons
from pages._kit.show.plot import ChartSelection, Frames, plot
from pages._kit.show.wording import ROWS_COUNT
from pages._kit.state.selection import Selection
from pages._kit.state.session import workbench
from pages.training.dynamics.series import series_provenance, undefined_over_steps

OWN = {"pca": (), "tsne": ("perplexity", "n_iter"), "umap": ("n_neighbors", "min_dist", "n_iter")}
SHARED = ("metric", "align", "max_rows", "k")
MOST_LISTED = 500
MAP_CAPTION = (
    f"{CAPTION} Each checkpoint's map starts from the one before it, so that a point keeps its place and can be followed; how "
    "far it moves on the map says little: see CKA for how much the space changed."
)


def show_map(series: SeriesInfo, here: Selection) -> None:
    """The choice of method and layer, the job, then the map with its slider, its quality and the downloads."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        method = method_choice("Method", "map_method", bind="query-params", help=METHODS_HELP)
        layer = _layer(series, here)
    params_class = workbench().metrics()["projection_series"].params
    with st.expander("Settings", icon=":material/tune:"):
        params = params_form(params_class, "map", only=(*OWN.get(method, ()), *SHARED))
    task = workbench().series_analyses(
        "projection_series", series=series, layers=[layer], params={"method": method, **params}, **here.rows
    )
    found = batch_panel(task, "dynamics_map")
    if found is not None:
        _show(result_of(found[0], ProjectionSeries), series, here)


def _layer(series: SeriesInfo, here: Selection) -> int:
    names = series.models[0].layer_names
    numbers = list(range(len(names))) if here.layers == "all" else [int(number) for number in here.layers]
    last = max((number for number in numbers if number <= series.models[0].n_blocks), default=numbers[-1])
    chosen = st.selectbox(
        "Layer",
        numbers,
        index=numbers.index(last),
        format_func=lambda number: names[number],
        key=f"map_layer_{len(names)}_{len(numbers)}",
        width=200,
    )
    return chosen if chosen in numbers else last


def _show(result: Result[ProjectionSeries], series: SeriesInfo, here: Selection) -> None:
    values = result.values
    assert here.texts is not None
    table = workbench().text_set(here.texts)
    labels = point_labels(table, here.label, values.text_index)
    initial = len(series.steps) - 1
    pca = values.method == "pca"
    drawn = projection_scatter(
        values.coords[initial],
        texts=table.shown,
        labels=labels,
        text_index=values.text_index,
        token_index=values.token_index,
        axis_titles=["Component 1", "Component 2"] if pca else ["", ""],
        same_scale=not pca,
    )
    names = [f"{step:,}" for step in series.steps]
    captions = [quality(result, step) for step in range(len(names))]
    frames = Frames("Step", names, drawn.coordinates(values.coords), captions, initial)
    name, layer = short_model(series.name), values.layer_names[0]
    chosen = plot(
        drawn.figure,
        key="dynamics_map_plot",
        alt=f"{METHODS[values.method]} of {len(values.text_index):,} {here.row_name}s in {layer} of {name}, by checkpoint",
        height=600,
        view=f"{values.method} {series.name} {series.steps} {layer} {here.texts.spec.digest}",
        select="points",
        frames=frames,
        file_name=f"map-{values.method}",
    )
    st.caption(MAP_CAPTION)
    _list_selected(chosen, table, here)
    rows = quality_table(result, series)
    number = st.column_config.NumberColumn(format="%.3f")
    st.dataframe(
        rows, hide_index=True, key="dynamics_map_quality", column_config=dict.fromkeys(rows.columns[1:], number)
    )
    undefined_over_steps([result], ["coords", "trustworthiness", "neighbour_overlap"])
    series_provenance(series, [result])
    downloads(
        "dynamics_map",
        "dynamics-map",
        table=_points(result, series, labels),
        results=[result],
        figure=drawn.figure,
        title=f"{METHODS[values.method]} of {layer}, {name} at step {names[-1]}",
        caption=MAP_CAPTION,
        documents=[series_document(SeriesResult(series, (result,), joint=True))],
    )


def quality(result: Result[ProjectionSeries], step: int) -> str:
    """How far the map of one checkpoint can be trusted, in one line."""
    values = result.values
    why = reasons(result, "trustworthiness").get((step,))
    if why is not None and not np.isfinite(values.coords[step]).any():
        return f"undefined: {why}"
    parts = []
    if len(values.explained_variance_ratio):
        parts.append(
            f"shows {' + '.join(f'{share:.0%}' for share in values.explained_variance_ratio[step])} of the variance"
        )
    parts.append(f"trustworthiness {_number(values.trustworthiness[step])}")
    parts.append(f"neighbour overlap {_number(values.neighbour_overlap[step])}")
    return " · ".join(parts)


def quality_table(result: Result[ProjectionSeries], series: SeriesInfo) -> pd.DataFrame:
    """Trustworthiness and neighbour overlap of every checkpoint's map."""
    values = result.values
    columns: dict[str, Any] = {
        "step": list(series.steps),
        "trustworthiness": values.trustworthiness,
        f"overlap of {values.k} neighbours": values.neighbour_overlap,
        "overlap by chance": values.overlap_by_chance,
    }
    if len(values.explained_variance_ratio):
        columns["variance shown"] = values.variance_shown
    return pd.DataFrame(columns)


def _number(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else "undefined"


def _list_selected(chosen: ChartSelection, table: Any, here: Selection) -> None:
    numbers = sorted({number for number in chosen.ids if isinstance(number, int) and 0 <= number < len(table)})
    if not numbers:
        st.caption(":material/ads_click: Click a point, or use box or lasso in the tool bar, to list texts here.")
        return
    shown_as = table.shown
    columns: dict[str, Any] = {
        "row": [number + 1 for number in numbers],
        "text": [shown_as[number] for number in numbers],
    }
    if here.label:
        columns["label"] = [table.columns[here.label][number] for number in numbers]
    st.caption(
        f"{len(numbers):,} selected"
        + (f", the first {MOST_LISTED} of them" if len(numbers) > MOST_LISTED else "")
        + f". {ROWS_COUNT}"
    )
    st.dataframe(pd.DataFrame(columns).head(MOST_LISTED), hide_index=True)


def _points(result: Result[ProjectionSeries], series: SeriesInfo, labels: Any) -> tuple[list[str], list[list[Any]]]:
    """One row for each checkpoint and point; the rows of the text set count from 1."""
    values = result.values
    rows = [
        [
            step,
            int(text) + 1,
            int(token),
            None if labels is None else labels[point],
            *map(float, values.coords[place, point]),
        ]
        for place, step in enumerate(series.steps)
        for point, (text, token) in enumerate(zip(values.text_index, values.token_index, strict=True))
    ]
    return ["step", "row", "token", "label", "axis_1", "axis_2"], rows
