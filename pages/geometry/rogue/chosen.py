"""The spikes of the selected texts beside those of all: the mean |value| of every dimension."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from backend import ModelInfo, PostProcess, TextSetInfo, hover_form, mean_sizes
from pages._kit.charts.base import MUTED, PALETTE, Floats, with_legend
from pages._kit.show.wording import count
from pages._kit.state.chosen import chosen_rows
from pages._kit.state.selection import Selection
from pages._kit.state.session import workbench

CAPTION = "The two thick lines are the mean |value| of every dimension, over the selected texts and over all."
GRID_CAPTION = "The two lines in the colours of the legend are the mean |value| of every dimension, over the selected texts and over all."
NOT_STORED = "The spikes of the selected texts are not drawn: the vectors of this layer are not stored here."
NONE_STORED = "The spikes of the selected texts are not drawn: the vectors are not stored here."
SOME_STORED = "The spikes of the selected texts are drawn where the vectors are stored: in {} of {} layers."
TOO_MANY = (
    "The spikes of the selected texts are drawn in the view of one layer alone: the vectors of all {} layers are too many to be read "
    "each time."
)
MOST_NUMBERS = 300_000_000  # in the vectors of all layers
Sizes = tuple[Floats, Floats, int, int]


@st.cache_resource(show_spinner=False, max_entries=256)
def _sizes(
    _model: ModelInfo, commit: str, _texts: TextSetInfo, table: str, layer: int, pooling: str, steps: tuple[PostProcess, ...],
    rows: tuple[int, ...],
) -> tuple[Floats, int]:  # fmt: skip
    """The mean |value| of each dimension over these rows (all, if none), and how many have a vector."""
    asked: dict[str, Any] = {"layer": layer, "pooling": pooling, "postprocess": steps, "rows": rows}
    found = workbench().stored_vectors(_model, _texts, **asked)
    if found is None:
        raise LookupError
    return mean_sizes(found[1]), len(found[1])


def chosen_sizes(here: Selection, model: ModelInfo, layer: int) -> Sizes | None:
    """The mean |value| of the selected texts and of all, and how many they are; None where nothing is selected.

    Where the vectors are not stored, or a row is a token, that is said.
    """
    if not _wanted(here):
        return None
    found = _stored_sizes(here, model, layer)
    if found is None:
        st.caption(f":material/info: {NOT_STORED}")
    return found


def chosen_sizes_of_all(here: Selection, model: ModelInfo, layers: Sequence[int]) -> dict[int, Sizes]:
    """The same of several layers, by their places in ``layers``: of those whose vectors are stored. What is left out is said."""
    if not _wanted(here) or here.texts is None:
        return {}
    if here.texts.spec.n_rows * model.n_dims * len(layers) > MOST_NUMBERS:
        st.caption(f":material/info: {TOO_MANY.format(len(layers))}")
        return {}
    sizes = {place: _stored_sizes(here, model, layer) for place, layer in enumerate(layers)}
    found = {place: one for place, one in sizes.items() if one is not None}
    if len(found) < len(layers):
        said = SOME_STORED.format(len(found), len(layers)) if found else NONE_STORED
        st.caption(f":material/info: {said}")
    return found


def _wanted(here: Selection) -> bool:
    return bool(chosen_rows()) and here.texts is not None and here.tokens is None


def _stored_sizes(here: Selection, model: ModelInfo, layer: int) -> Sizes | None:
    assert here.texts is not None
    key = model.spec.commit, here.texts, here.texts.spec.table, layer, here.pooling, here.postprocess
    try:
        (few, n_few), (every, n_every) = (_sizes(model, *key, some) for some in (chosen_rows(), ()))
    except LookupError:
        return None
    return few, every, n_few, n_every


def with_sizes(figure: go.Figure, sizes: Sizes, row_name: str) -> go.Figure:
    """The spike plot with both lines."""
    return with_legend(figure.add_traces(_lines(sizes, row_name)))


def with_sizes_of_all(figure: go.Figure, sizes: Mapping[int, Sizes], row_name: str) -> go.Figure:
    """The grid of all layers with both lines in each panel whose vectors are known."""
    lines: list[dict[str, Any]] = []
    for place, known in sizes.items():
        number = str(place + 1) if place else ""
        shown = {"xaxis": f"x{number}", "yaxis": f"y{number}", "showlegend": not lines}
        lines += [{**line, **shown} for line in _lines(known, row_name, width=1)]
    return figure.add_traces(lines).update_layout(showlegend=True) if lines else figure


def _lines(sizes: Sizes, row_name: str, *, width: float = 2) -> list[dict[str, Any]]:
    few, every, n_few, n_every = sizes
    dims = np.arange(len(few), dtype=np.int32)
    return [
        {
            "type": "scatter",
            "x": dims,
            "y": values.astype(np.float32),
            "mode": "lines",
            "name": f"mean |value|, {name}",
            "line": {"color": shade, "width": width},
            "hovertemplate": f"dimension %{{x}}<br><b>{name}: %{{y:{hover_form()}}}</b><extra></extra>",
        }
        for values, name, shade in (
            (every, f"all {count(n_every, row_name)}", MUTED),
            (few, f"{n_few:,} selected", PALETTE[1]),
        )
    ]


def sizes_table(sizes: Sizes | None) -> Sequence[pd.DataFrame]:
    """Both as columns, a row for each dimension; nothing where there is nothing."""
    return [] if sizes is None else [sizes_of_all_table({0: sizes}, 1, len(sizes[0]))]


def sizes_of_all_table(sizes: Mapping[int, Sizes], n_layers: int, n_dims: int) -> pd.DataFrame:
    """Both as columns, a row for each layer and dimension, NaN where they are not known; no column where none is."""
    columns: dict[str, Floats] = {}
    for place, (few, every, n_few, n_every) in sizes.items():
        for name, values in ((f"{n_few:,} selected", few), (f"all {n_every:,}", every)):
            column = columns.setdefault(f"mean |value|, {name}", np.full(n_layers * n_dims, np.nan))
            column[place * n_dims : (place + 1) * n_dims] = values
    return pd.DataFrame(columns)
