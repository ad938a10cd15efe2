"""Projection: the texts of a layer as points in the plane, by PCA, t-SNE or UMAP."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from backend import AnalysisSpec, ModelInfo, Projection, Result, TextTable
from pages._kit.charts.base import short_model
from pages._kit.charts.maps import CAPTION, METHODS, projection_scatter
from pages._kit.flow.controls import METHODS_HELP, method_choice, params_form
from pages._kit.flow.paper import paper_choice
from pages._kit.flow.progress import run_panel
from pages._kit.show.finding import Finding, said_once, show
from pages._kit.show.findings import heading, point_labels, points_table, reasons
from pages._kit.show.plot import ChartSelection, Frames
from pages._kit.show.wording import ROWS_COUNT
from pages._kit.state.selection import Selection, ready
from pages._kit.state.session import workbench

WHAT = "Where do the texts lie in a layer, and do your labels separate?"
HOW = (
    "Each point is a text (with pooling tokens, a token), coloured by its label; hover over it to read it, drag the slider to follow the points through the "
    "layers, select points with box or lasso to list their texts."
)
OWN = {
    "pca": ("n_components",),
    "tsne": ("perplexity", "n_iter"),
    "umap": ("n_neighbors", "min_dist", "n_iter"),
}
MOST_LISTED = 500


def settings(method: str, model: ModelInfo, here: Selection, layers: Sequence[int]) -> dict[str, Any]:
    """The parameters that this method uses."""
    paper = paper_choice(["projection"], here, model, "projection", extra={"projection_method": "tsne"})
    params = workbench().metrics()["projection"].params
    others = {name for own in OWN.values() for name in own} - set(OWN[method])
    used = [field.name for field in dataclasses.fields(params) if field.name not in {*others, "method"}]
    with paper.box:
        chosen = {"method": method, **params_form(params, only=used, **paper.form("projection", "projection"))}
    paper.say(here, {"projection": chosen}, layers=layers)
    return chosen


def choose_layers(model: ModelInfo, here: Selection) -> tuple[int, ...]:
    """All layers of the sidebar, for the slider, or one of them."""
    numbers = tuple(range(len(model.layer_names))) if isinstance(here.layers, str) else tuple(here.layers)
    every = st.toggle(
        "Every layer, with a slider",
        value=True,
        key="projection_every",
        persist_state="session",
        help="Lays out every layer chosen in the sidebar; with t-SNE and UMAP the run time grows with the number of layers.",
    )
    if every:
        return numbers
    last = max((number for number in numbers if number <= model.n_blocks), default=numbers[-1])
    layer = st.selectbox(
        "Layer",
        numbers,
        index=numbers.index(last),
        format_func=model.layer_names.__getitem__,
        key=f"projection_layer_{len(model.layer_names)}",
        width=220,
    )
    return (layer,)


def choose(here: Selection) -> tuple[ModelInfo, AnalysisSpec]:
    """The controls of the page, and what they ask for."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        model = here.models[0]
        if len(here.models) > 1:
            names = [info.spec.name for info in here.models]
            name = st.selectbox(
                "Model", names, format_func=short_model, key="projection_model", persist_state="session", width=220
            )
            model = here.models[names.index(name)]
        method = method_choice("Method", "projection_method", persist_state="session", help=METHODS_HELP)
        layers = choose_layers(model, here)
    shared: dict[str, Any] = here.rows
    spec = workbench().analysis(
        "projection", models=[model], layers=layers, params=settings(method, model, here, layers), **shared
    )
    return model, spec


def quality(result: Result[Projection], layer: int) -> str:
    """How far the map of one layer can be trusted, in one line."""
    values = result.values
    why = reasons(result, "trustworthiness").get((layer,))
    if why is not None and not np.isfinite(values.coords[layer]).any():
        return f"undefined: {why}"
    parts = []
    if len(values.explained_variance_ratio):
        shares = values.explained_variance_ratio[layer]
        listed = " + ".join(f"{share:.0%}" for share in shares)
        parts.append(f"shows {listed} of the variance")
    parts.append(f"trustworthiness {_number(values.trustworthiness[layer])}")
    parts.append(f"neighbour overlap {_number(values.neighbour_overlap[layer])}")
    return " · ".join(parts)


def _number(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else "undefined"


def finding_of(result: Result[Projection], table: TextTable, here: Selection) -> Finding:
    """The map with its slider over the layers."""
    values, source = result.values, result.sources[0]
    labels = point_labels(table, here.label, values.text_index)
    n_axes = values.coords.shape[2]
    titles = [f"Component {axis}" for axis in range(1, n_axes + 1)] if values.method == "pca" else [""] * n_axes
    initial = len(source.layers) - 1
    drawn = projection_scatter(
        values.coords[initial],
        texts=table.shown,
        labels=labels,
        text_index=values.text_index,
        token_index=values.token_index,
        axis_titles=titles,
        same_scale=values.method != "pca",
    )
    captions = [quality(result, layer) for layer in range(len(source.layers))]
    return Finding(
        key="projection_map",
        title=f"{METHODS[values.method]} of {source.model}",
        figure=drawn.figure,
        caption=CAPTION,
        table=lambda: points_table(result, labels),
        results=[result],
        fields=["coords", "trustworthiness", "neighbour_overlap"],
        name=f"projection-{values.method}",
        alt=f"{METHODS[values.method]} of {len(values.text_index):,} {here.row_name}s in {source.model}, one point each",
        height=600,
        view=f"{values.method} {n_axes} {source.model} {source.texts}",
        select="points",
        frames=Frames("Layer", source.layer_names, drawn.coordinates(values.coords), captions, initial),
    )


def show_quality(result: Result[Projection], layer: int) -> None:
    """Trustworthiness and neighbour overlap of the layer on show."""
    values, name = result.values, result.sources[0].layer_names[layer]
    with st.container(horizontal=True, key="projection_quality"):
        st.metric("Layer", name, width="content")
        st.metric(
            "Trustworthiness",
            _number(values.trustworthiness[layer]),
            width="content",
            help="1: points that are near on the map are near in the full space. Below about 0.9, do not trust the clusters.",
        )
        st.metric(
            "Neighbour overlap",
            _number(values.neighbour_overlap[layer]),
            width="content",
            help=f"Share of each point's {values.k} nearest neighbours that the map and the full space have in common; "
            f"unrelated maps would share {values.overlap_by_chance:.2f}.",
        )
        if len(values.explained_variance_ratio):
            share = float(values.variance_shown[layer])
            shown = f"{share:.0%}" if np.isfinite(share) else "undefined"
            st.metric("Variance shown", shown, width="content", help="Share of the variance that the axes show.")


def list_selected(chosen: ChartSelection, table: TextTable, here: Selection) -> None:
    """The texts of the selected points (each once); nothing is dropped silently."""
    numbers = sorted({number for number in chosen.ids if isinstance(number, int) and 0 <= number < len(table)})
    if not numbers:
        st.caption(":material/ads_click: Click a point, or use box or lasso in the tool bar, to list texts here.")
        return
    shown_as = table.shown
    columns: dict[str, Sequence[Any]] = {
        "row": [number + 1 for number in numbers],
        "text": [shown_as[number] for number in numbers],
    }
    if here.label:
        columns["label"] = [table.columns[here.label][number] for number in numbers]
    shown = pd.DataFrame(columns).head(MOST_LISTED)
    st.subheader(f"{len(numbers):,} selected" if here.tokens is None else f"{len(numbers):,} texts of selected tokens")
    st.caption((f"The first {MOST_LISTED} of them. " if len(numbers) > MOST_LISTED else "") + ROWS_COUNT)
    st.dataframe(shown, hide_index=True, column_config={"text": st.column_config.TextColumn(width="large")})


def show_map(result: Result[Projection], here: Selection) -> None:
    """Map, quality, selected texts and notes."""
    assert here.texts is not None
    table = workbench().text_set(here.texts)
    with said_once():
        chosen = show(finding_of(result, table, here))
        show_quality(result, chosen.frame if chosen.frame is not None else 0)
        list_selected(chosen, table, here)


heading("Projection", WHAT, HOW)
here = ready()
model, spec = choose(here)
found = run_panel([spec], "projection", Projection)
if found is not None:
    show_map(found[0], here)
