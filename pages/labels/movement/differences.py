"""The difference vectors of the labels from a model to the tuned one: of one layer, of all, or a panel for each."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from backend import MovementResult, Result
from pages._kit.charts.base import short_model, titled
from pages._kit.charts.path_panels import PANELS_CAPTION, PathPanel, panels_height, path_panels
from pages._kit.charts.paths import DIFFERENCES_CAPTION, STILL, difference_arrows, difference_cloud
from pages._kit.show.finding import Finding, elsewhere, show
from pages._kit.state import ask
from pages._kit.state.session import plain
from pages.labels.movement.tables import differences_table

ONE_LAYER, ALL_LAYERS, PANELS = "One layer", "All layers", "A panel a layer"
EVERY_SECOND_HELP = "Counted from the last layer on show down, as in the paper; the others are left out."


def show_differences(result: Result[MovementResult], named: Sequence[int], frame: int, layer: int) -> None:
    """The difference vectors of the last model and the first, of one layer or of all."""
    values, sources = result.values, result.sources
    names, layers = [short_model(source.model) for source in sources], sources[0].layer_names
    change, kept = f"{names[-1]} minus {names[0]}", values.frames[frame]
    st.subheader(plain(f"Difference vectors: {change}"))
    kind, shown = _choose(layers)
    caption, height = f"{change}. {DIFFERENCES_CAPTION}{STILL[kept]}.", 480
    field, at, in_table = "difference_layer_coords", elsewhere(frame), None
    if kind == ALL_LAYERS:
        field = "difference_coords"
        shares = values.difference_explained[frame]
        figure = difference_cloud(values.difference_coords[frame], layers, values.classes, shares, kept, named)
        caption += " A name stands at the point of the last layer."
    elif kind == PANELS:
        figure, height = difference_panels(values, frame, layers, named, shown), panels_height(len(shown))
        caption += f" {PANELS_CAPTION}{_left_out(layers, shown)}"
        in_table = shown
    else:
        at, in_table = elsewhere(frame, layer), [layer]
        coords, shares = values.difference_layer_coords[frame, layer], values.difference_layer_explained[frame, layer]
        figure = difference_arrows(coords, values.classes, named, shares, kept)
    show(
        Finding(
            key="movement_differences",
            title=f"Difference vectors of the labels, {change}",
            figure=titled(figure, f"After minus before: {change}"),
            caption=caption,
            table=lambda: differences_table(result, frame, in_table),
            results=[result],
            fields=[field],
            expected=at,
            layer=layers[layer] if kind == ONE_LAYER else "",
            alt=f"Difference vectors of {len(values.classes)} label centroids, {change}",
            height=height,
            view=f"{names} {frame} {layer} {values.classes} {kind} {len(shown)}",
        )
    )


def difference_panels(
    values: MovementResult, frame: int, layers: Sequence[str], named: Sequence[int], shown: Sequence[int]
) -> go.Figure:
    """The difference vectors of each of the layers ``shown`` in a plane of its own, from the middle to their tips."""
    tips, shares = values.difference_layer_coords[frame], values.difference_layer_explained[frame]
    panels = [
        PathPanel(layers[at], np.stack([np.where(np.isfinite(tips[at]), 0.0, np.nan), tips[at]]), shares[at])
        for at in shown
    ]
    return path_panels(panels, [STILL[values.frames[frame]], "moved here"], values.classes, named)


def every_second(n_layers: int) -> list[int]:
    """Every second layer from the last one down, without the first of all where others are left."""
    return list(range(n_layers - 1, 0, -2))[::-1] or [0]


def _choose(layers: Sequence[str]) -> tuple[str, list[int]]:
    """Of what the vectors are shown, and the layers that have a panel."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = ask.segmented_control(
            "Vectors of", [ONE_LAYER, PANELS, ALL_LAYERS], default=ONE_LAYER, key="movement_kind"
        )
        second = (
            kind == PANELS
            and len(layers) > 2
            and ask.toggle("Every second layer", key="movement_every_second", help=EVERY_SECOND_HELP)
        )
    return str(kind), every_second(len(layers)) if second else list(range(len(layers)))


def _left_out(layers: Sequence[str], shown: Sequence[int]) -> str:
    """Which layers have no panel, as a sentence."""
    left = [name for place, name in enumerate(layers) if place not in shown]
    return f" Left out: {', '.join(left)}." if left else ""
