"""Projection: the texts of a layer as points in the plane, by PCA, t-SNE or UMAP."""

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Any

import streamlit as st

from backend import AnalysisSpec, ModelInfo, Projection, most_laid_out
from pages._kit.charts.base import short_model
from pages._kit.flow.controls import METHODS_HELP, method_choice, params_form
from pages._kit.flow.early import result_or_early
from pages._kit.flow.paper import paper_choice
from pages._kit.show import lessons as lessons
from pages._kit.show.finding import Finding
from pages._kit.show.findings import heading
from pages._kit.show.map_view import MapView, show_map
from pages._kit.state import ask
from pages._kit.state.selection import Selection, ready
from pages._kit.state.session import workbench
from pages.geometry.projection.colours import computed_colours
from pages.geometry.projection.place import placed, typed_text, with_text
from pages.geometry.projection.side import choose_number, show_side_by_side

WHAT = "Where do the texts lie in a layer, and do your labels separate?"
HOW = (
    "Each point is a text (with pooling tokens, a token); hover over it to read it, drag the slider, or play it, to follow the points "
    "through the layers, select points with box or lasso to list their texts. Beside the map, choose what the colours mean, pick classes "
    "(or click them in the legend), and add the names of regions, a density, or all layers at once."
)
VIEWS = ("One map", "Side by side")
OWN = {
    "pca": ("n_components",),
    "tsne": ("perplexity", "n_iter", "align"),
    "umap": ("n_neighbors", "min_dist", "n_iter", "align"),
}


def settings(method: str, model: ModelInfo, here: Selection, layers: Sequence[int]) -> tuple[dict[str, Any], str]:
    """The parameters that this method uses, and the beginning of the keys of their fields."""
    paper = paper_choice(["projection"], here, model, "projection", extra={"projection_method": "tsne"})
    params = workbench().metrics()["projection"].params
    others = {name for own in OWN.values() for name in own} - set(OWN[method])
    used = [field.name for field in dataclasses.fields(params) if field.name not in {*others, "method"}]
    form = paper.form("projection", "projection")
    with paper.box:
        chosen = {"method": method, **params_form(params, only=used, **form)}
    paper.say(here, {"projection": chosen}, layers=layers)
    return chosen, str(form["key"])


def choose_layers(model: ModelInfo, here: Selection) -> tuple[int, ...]:
    """All layers of the sidebar, for the slider, or one of them."""
    numbers = tuple(range(len(model.layer_names))) if isinstance(here.layers, str) else tuple(here.layers)
    every = ask.toggle(
        "Every layer, with a slider",
        value=True,
        key="projection_every",
        help="Lays out every layer chosen in the sidebar; with t-SNE and UMAP the run time grows with the number of layers.",
    )
    if every:
        return numbers
    last = model.last_block(numbers)
    layer = ask.selectbox(
        "Layer",
        numbers,
        index=numbers.index(last),
        format_func=model.layer_names.__getitem__,
        key=f"projection_layer_{len(model.layer_names)}",
        width=220,
    )
    return (layer,)


def choose(here: Selection) -> tuple[ModelInfo, AnalysisSpec, str]:
    """The controls of one map: its model, what they ask for, and the field that says how many rows are laid out."""
    model = here.models[0]
    if len(here.models) > 1:
        names = [info.spec.name for info in here.models]
        name = ask.selectbox("Model", names, format_func=short_model, key="projection_model", width=220)
        model = here.models[names.index(name)]
    method = method_choice("Method", "projection_method", help=METHODS_HELP)
    layers = choose_layers(model, here)
    shared: dict[str, Any] = here.rows
    params, form = settings(method, model, here, layers)
    spec = workbench().analysis("projection", models=[model], layers=layers, params=params, **shared)
    return model, spec, f"{form}_max_rows"


def finding_of(view: MapView, here: Selection) -> Finding:
    """The map with its slider over the layers."""
    model, n_points = view.result.sources[0].model, len(view.result.values.text_index)
    return view.finding(
        "projection_map",
        f"{view.method} of {model}",
        alt=f"{view.method} of {n_points:,} {here.row_name}s in {model}, one point each",
    )


heading("Projection", WHAT, HOW, lessons.PROJECTION)
here = ready()
assert here.texts is not None
table = workbench().text_set(here.texts)
with st.container(horizontal=True, vertical_alignment="bottom"):
    shown = ask.segmented_control("Show", VIEWS, default=VIEWS[0], key="projection_view")
    if shown == VIEWS[0]:
        model, spec, most = choose(here)
    else:
        method = method_choice("Method", "projection_method", help=METHODS_HELP)
        n_sides, shared = choose_number()
        params, _ = settings(method, here.models[0], here, range(len(here.models[0].layer_names)))
if shown == VIEWS[0]:
    result, early = result_or_early(spec, "projection", Projection)
    if result is not None:
        view = MapView(result, table, here.label)
        colours = computed_colours(here, model, table, tuple(one.layer for one in spec.inputs))
        map_box = st.container()
        if early:
            with map_box:
                show_map(
                    view, "projection", "projection_map", partial(finding_of, here=here), colours=colours, early=True
                )
        else:
            text = typed_text(here, model, result.values.method)
            star = placed(here, model, spec, text)
            whole = result  # the map may draw a part of it
            with map_box:
                show_map(
                    view,
                    "projection",
                    "projection_map",
                    lambda view: with_text(finding_of(view, here), whole, star, text),
                    most=most,
                    most_rows=most_laid_out(result.values.method),
                    colours=colours,
                )
else:
    show_side_by_side(here, table, n_sides, params, shared=shared)
