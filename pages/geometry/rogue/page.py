"""Rogue: dimensions whose values stand out from all others, layer by layer."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from backend import ModelInfo, Result, RogueResult
from pages._kit.show.columns import folded_table
from pages._kit.show.finding import Finding, elsewhere, said_once, show
from pages._kit.show.findings import heading
from pages._kit.show.kept import drawn_once
from pages._kit.state import ask
from pages._kit.state.labelled import choose_model, choose_some
from pages._kit.state.selection import Selection, ready
from pages._kit.state.session import plain, workbench
from pages.geometry.rogue.by_class import class_panel
from pages.geometry.rogue.charts import CAPTION, GRID_CAPTION, grid_height, spike_grid, spike_plot
from pages.geometry.rogue.chosen import CAPTION as CHOSEN_CAPTION
from pages.geometry.rogue.chosen import GRID_CAPTION as CHOSEN_GRID_CAPTION
from pages.geometry.rogue.chosen import (
    Sizes,
    chosen_sizes,
    chosen_sizes_of_all,
    sizes_of_all_table,
    sizes_table,
    with_sizes,
    with_sizes_of_all,
)
from pages.geometry.rogue.lesson import ROGUE_LESSON
from pages.geometry.rogue.marks import named
from pages.geometry.rogue.model_charts import ONE_FOR_ALL, SCALES
from pages.geometry.rogue.models import choose_scale, show_models
from pages.geometry.rogue.norms import norm_panel
from pages.geometry.rogue.outlier_charts import DEPTH_CAPTION, MOST_DIMS, appearing_chart, appearing_height
from pages.geometry.rogue.overlap import show_overlap
from pages.geometry.rogue.rankings import RANKINGS, SHORT, choose_ranking, ranked, ranked_each
from pages.geometry.rogue.tables import appearing_table, dimensions_table, lines_table, ranking_table

WHAT = "Do a few dimensions dominate the vectors?"
HOW = (
    "A dimension is rogue in a layer where its score lies far above the scores of all others. You choose the score: the "
    "variance over the texts, the share of the average cosine, or |mean|; the three can disagree."
)
ONE, ALL, CLASSES, OVERLAP, NORMS = "One layer", "All layers", "By class", "Overlap", "Norm weights"
FIELDS = ("top_variance_value", "top_cosine_value", "cosine", "variance", "score")


def choose_layer(result: Result[RogueResult]) -> int:
    """The position of the layer on show: by a slider, the last block at first."""
    names = result.sources[0].layer_names
    if len(names) == 1:
        return 0
    blocks = [place for place, name in enumerate(names) if name.startswith("block")]
    first = blocks[-1] if blocks else len(names) - 1
    key = f"rogue_layer_{len(names)}"
    place = ask.select_slider("Layer", range(len(names)), first, format_func=names.__getitem__, key=key)
    return int(place)


def say_none(result: Result[RogueResult], layer: int) -> None:
    """Where a layer has no rogue dimension, say so, and which one comes nearest."""
    values = result.values
    leading = int(getattr(values, f"top_{values.by}")[layer][0])
    if leading < 0 or values.principal[layer] < 0 or values.rogue[layer].any():
        return
    st.info(
        f"No dimension of this layer is rogue by {RANKINGS[values.by]}: none stands more than {values.n_std:g} standard "
        f"deviations above the others. The highest is dimension {leading}."
    )


def say_flat(result: Result[RogueResult]) -> None:
    """Name the layers in which all texts have the same vector: nothing varies there, so nothing leads by variance."""
    names = result.sources[0].layer_names
    flat = [name for name, principal in zip(names, result.values.principal, strict=True) if principal < 0]
    if flat:
        st.info(
            f"No dimension varies in {plain(', '.join(flat))}: all rows are identical there, or cannot be compared."
        )


def show_layer(result: Result[RogueResult], layer: int, texts: Sequence[str], sizes: Sizes | None) -> None:
    """The spike plot of one layer; with the mean |value| of the selected texts, where there are any."""
    values, source = result.values, result.sources[0]
    lines = values.lines[layer]
    name = source.layer_names[layer]
    figure = None
    if np.isfinite(lines).all():
        shown = [texts[i] for i in values.line_texts]
        figure = drawn_once(spike_plot, lines, texts=shown, marks=named(result, layer), ranking=SHORT[values.by])
        figure = figure if sizes is None else with_sizes(go.Figure(figure), sizes, "text")
        say_none(result, layer)
    show(
        Finding(
            key="rogue_layer",
            title=f"Dimensions of {name} of {source.model}",
            figure=figure,
            caption=CAPTION if sizes is None else f"{CAPTION} {CHOSEN_CAPTION}",
            table=lambda: pd.concat(
                [dimensions_table(result, [layer]), lines_table(result, layer), *sizes_table(sizes)], axis=1
            ),
            results=[result],
            fields=FIELDS,
            expected=elsewhere(layer),
            empty="This layer holds values that are not finite numbers: nothing can be drawn.",
            layer=name,
            alt=f"Activations of {len(lines)} texts on {lines.shape[1]} dimensions in {name} of {source.model}",
            height=420,
            view=f"{source.model} {lines.shape[1]}",
        )
    )


def show_layers(result: Result[RogueResult], sizes: Mapping[int, Sizes], scale: str) -> None:
    """Every layer in one figure; with the mean |value| of the selected texts in the layers where it is known."""
    values, source = result.values, result.sources[0]
    marks = [named(result, layer, count=1) for layer in range(len(source.layers))]

    def table() -> pd.DataFrame:
        lowest, highest = values.drawn_range
        dimensions = dimensions_table(result, range(len(source.layers)))
        drawn = dimensions.assign(**{"lowest drawn": lowest.ravel(), "highest drawn": highest.ravel()})
        return pd.concat([drawn, sizes_of_all_table(sizes, *lowest.shape)], axis=1)

    one_scale = scale == ONE_FOR_ALL
    grid = drawn_once(
        spike_grid, list(values.lines), source.layer_names, marks=marks, ranking=SHORT[values.by], one_scale=one_scale
    )
    caption = f"{GRID_CAPTION} {SCALES[scale]}"
    show(
        Finding(
            key="rogue_all",
            title=f"Dimensions of all layers of {source.model}",
            figure=with_sizes_of_all(go.Figure(grid), sizes, "text") if sizes else grid,
            caption=f"{caption} {CHOSEN_GRID_CAPTION}" if sizes else caption,
            table=table,
            results=[result],
            fields=FIELDS,
            name="rogue-layers",
            alt=f"Activations of {values.lines.shape[1]:,} texts in {len(source.layers)} layers of {source.model}",
            height=grid_height(len(source.layers)),
            view=f"{source.model} {scale}",
        )
    )


def show_tables(result: Result[RogueResult], layer: int) -> None:
    """The rankings of one layer."""
    values, names = result.values, result.sources[0].layer_names
    st.subheader(f"Leading dimensions of {plain(names[layer])}")
    st.caption(
        f"Click a heading to sort. Score: how far a dimension's {RANKINGS[values.by]} lies above the mean over all "
        f"dimensions, in standard deviations; a dimension is rogue above {values.n_std:g}. Outlier: a mean activation that "
        "far from the mean of all dimensions, on either side, whatever the score. None as a rank: "
        f"not among the {values.top_variance.shape[1]:,} leading ones."
    )
    folded_table("Table", lambda: ranking_table(result, layer), key="rogue_ranking")


def show_appearing(result: Result[RogueResult]) -> None:
    """At which depth dimensions become rogue, and for how long they stay so."""
    values, names = result.values, result.sources[0].layer_names
    st.subheader(f"Where dimensions are rogue by {RANKINGS[values.by]}")
    if not len(values.appearing):
        st.caption("No dimension of any layer on show stands out that far.")
        return
    height = appearing_height(len(values.appearing))
    more = len(values.appearing) - MOST_DIMS
    rest = f" The first {MOST_DIMS} are drawn; the table has {more} more."
    filled = (
        f"Filled: the dimension's {RANKINGS[values.by]} lies more than {values.n_std:g} standard deviations above the mean "
        "over all dimensions of the layer. "
    )
    show(
        Finding(
            key="rogue_appearing",
            title=f"Where dimensions of {result.sources[0].model} are rogue by {RANKINGS[values.by]}",
            figure=drawn_once(appearing_chart, values.appearing.tolist(), values.rogue, values.score, names),
            caption=filled + DEPTH_CAPTION + (rest if more > 0 else ""),
            table=lambda: dimensions_table(result, range(len(names)), values.appearing),
            results=[result],
            fields=["score"],
            name="rogue-depth",
            alt=f"Layers of {result.sources[0].model} in which each of {len(values.appearing)} dimensions is rogue",
            height=height,
            view=f"{names} {height}",
        )
    )
    folded_table("Table", lambda: appearing_table(result), key="rogue_appearing_table")


def show_spikes(result: Result[RogueResult], here: Selection, model: ModelInfo, scale: str) -> None:
    """Spike plot, tables and notes; of all layers at once with a ``scale`` of their values, else of one."""
    assert here.texts is not None
    layer = None if scale else choose_layer(result)
    with said_once(beside="" if layer is None else "rogue"):  # all layers are too high to have anything at their side
        if layer is None:
            show_layers(result, chosen_sizes_of_all(here, model, result.sources[0].layers), scale)
            say_flat(result)
        else:
            sizes = chosen_sizes(here, model, result.sources[0].layers[layer])
            show_layer(result, layer, workbench().text_set(here.texts).shown, sizes)
            say_flat(result)
            show_tables(result, layer)
        show_appearing(result)


heading("Rogue dimensions", WHAT, HOW, ROGUE_LESSON)
here = ready()
with st.container(horizontal=True, vertical_alignment="bottom"):
    view = ask.segmented_control("View", [ONE, ALL, CLASSES, OVERLAP, NORMS], default=ONE, key="rogue_view")
    if view == ALL:
        shown, by = choose_some(here.models, "rogue_model"), choose_ranking()
        scale = choose_scale(len(shown))
    elif view != CLASSES:
        shown, by, scale = [choose_model(here.models, "rogue_model")], choose_ranking() if view != NORMS else "", ""
if view == CLASSES:
    class_panel(here)
elif view == OVERLAP:
    show_overlap(here, shown[0], by)
elif view == NORMS:
    norm_panel(shown[0])
elif len(shown) > 1:
    several = ranked_each("rogue", RogueResult, shown, here, by)
    if several is not None:
        show_models(several, scale)
else:
    found = ranked("rogue", RogueResult, shown, here, by)
    if found is not None:
        show_spikes(found, here, shown[0], scale)
