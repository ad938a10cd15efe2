"""The spikes of the selected texts beside those of all: the mean |value| of every dimension."""

from collections.abc import Sequence
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
NOT_STORED = "The spikes of the selected texts are not drawn: the vectors of this layer are not stored here."
Sizes = tuple[Floats, Floats, int, int]


@st.cache_resource(show_spinner=False, max_entries=16)
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
    rows = chosen_rows()
    if not rows or here.texts is None or here.tokens is not None:
        return None
    key = model.spec.commit, here.texts, here.texts.spec.table, layer, here.pooling, here.postprocess
    try:
        (few, n_few), (every, n_every) = (_sizes(model, *key, some) for some in (rows, ()))
    except LookupError:
        st.caption(f":material/info: {NOT_STORED}")
        return None
    return few, every, n_few, n_every


def with_sizes(figure: go.Figure, sizes: Sizes, row_name: str) -> go.Figure:
    """The spike plot with both lines."""
    few, every, n_few, n_every = sizes
    dims = np.arange(len(few), dtype=np.int32)
    for values, name, shade in (
        (every, f"all {count(n_every, row_name)}", MUTED),
        (few, f"{n_few:,} selected", PALETTE[1]),
    ):
        figure.add_scatter(
            x=dims,
            y=values.astype(np.float32),
            mode="lines",
            name=f"mean |value|, {name}",
            line={"color": shade, "width": 2},
            hovertemplate=f"dimension %{{x}}<br><b>{name}: %{{y:{hover_form()}}}</b><extra></extra>",
        )
    return with_legend(figure)


def sizes_table(sizes: Sizes | None) -> Sequence[pd.DataFrame]:
    """Both as columns, a row for each dimension; nothing where there is nothing."""
    if sizes is None:
        return []
    few, every, n_few, n_every = sizes
    return [pd.DataFrame({f"mean |value|, {n_few:,} selected": few, f"mean |value|, all {n_every:,}": every})]
