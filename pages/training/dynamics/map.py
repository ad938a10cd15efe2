"""The rows of one layer in the plane at every checkpoint: one chart whose slider scrubs the steps in the browser."""

import streamlit as st

from backend import ProjectionSeries, Result, SeriesInfo, most_laid_out, result_of
from pages._kit.charts.base import short_model
from pages._kit.charts.maps import CAPTION
from pages._kit.flow.controls import METHODS_HELP, method_choice, params_form
from pages._kit.flow.progress import batch_panel
from pages._kit.show.finding import Finding
from pages._kit.show.map_view import MapView, show_map
from pages._kit.state import ask
from pages._kit.state.selection import Selection
from pages._kit.state.session import workbench
from pages.training.dynamics.grids import documents_of

OWN = {"pca": (), "tsne": ("perplexity", "n_iter", "align"), "umap": ("n_neighbors", "min_dist", "n_iter", "align")}
SHARED = ("metric", "max_rows", "k")
MAP_CAPTION = (
    f"{CAPTION} With t-SNE and UMAP each checkpoint's map starts from the one before it, so that a point keeps its place and "
    "can be followed; how far it moves on the map says little: see CKA for how much the space changed."
)


def moving_map(series: SeriesInfo, here: Selection, logarithmic: bool) -> None:
    """The choice of method and layer, the job, then the map with its slider, its quality and the downloads."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        method = method_choice("Method", "map_method", help=METHODS_HELP)
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
    last = series.models[0].last_block(numbers)
    chosen = ask.selectbox(
        "Layer",
        numbers,
        index=numbers.index(last),
        format_func=lambda number: names[number],
        key=f"map_layer_{len(names)}_{len(numbers)}",
        width=200,
    )
    return chosen if chosen in numbers else last


def _show(result: Result[ProjectionSeries], series: SeriesInfo, here: Selection) -> None:
    assert here.texts is not None
    view = MapView(result, workbench().text_set(here.texts), here.label, "Step", series.steps)
    values, name = result.values, short_model(series.name)
    layer, n_points = values.layer_names[0], len(values.text_index)
    shown_as = f"{values.method} {series.name} {series.steps} {layer} {here.texts.spec.digest}"

    def made(view: MapView) -> Finding:
        return view.finding(
            "dynamics_map_plot",
            f"{view.method} of {layer} of {name}",
            caption=MAP_CAPTION,
            name=f"map-{values.method}",
            layer=layer,
            series=series,
            documents=lambda: documents_of(series, [result]),
            alt=f"{view.method} of {n_points:,} {here.row_name}s in {layer} of {name}, by checkpoint",
            view=shown_as,
        )

    most = most_laid_out(values.method)
    show_map(view, "dynamics_map", "dynamics_map_plot", made, most="map_max_rows", most_rows=most)
