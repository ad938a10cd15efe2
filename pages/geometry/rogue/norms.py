"""The panel of the published outlier rule: the norms' weights and biases of one model, and the dimensions it names."""

import dataclasses
from itertools import zip_longest
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from backend import ModelInfo, NormOutliers, NormTask
from pages._kit.flow.progress import obtain
from pages._kit.show.export import csv_text, json_text
from pages._kit.show.plot import plot
from pages._kit.state.session import plain
from pages.geometry.rogue.outlier_charts import NORM_CAPTION, norm_lines


def norm_panel(model: ModelInfo) -> None:
    """Draw the weights and biases and name the outlier dimensions; texts, pooling and layers play no part."""
    st.markdown(
        "The rule of Kovaleva et al. (2021) looks at the weights alone, no text is read: a dimension is an outlier "
        "where the weight and the bias of a block's last norm both lie far from those of the other dimensions, in many "
        "blocks. That norm is the block's output norm in models like BERT, and the norm before the feed-forward layer in "
        "models like GPT-2 or Llama, whose blocks end without one."
    )
    left, right = st.columns(2)
    n_std = left.number_input(
        "Standard deviations",
        min_value=0.5,
        max_value=20.0,
        value=3.0,
        step=0.5,
        key="norms_n_std",
        persist_state="session",
        help="How far from the mean of all dimensions a weight or a bias must lie (3 in the paper).",
    )
    more_than = right.number_input(
        "In more than … blocks",
        min_value=0,
        max_value=1000,
        value=min(3, model.n_blocks - 1),
        step=1,
        key=f"norms_more_than_{model.n_blocks}",
        persist_state="session",
        help="In more blocks than this, weight and bias must both stand out.",
    )
    found = obtain(NormTask(model.spec, float(n_std), int(more_than)), "norms", what="Reading the norms")
    if found is not None:
        _show(found, model)


def _show(found: NormOutliers, model: ModelInfo) -> None:
    weights, biases = np.array(found.weights), np.array(found.biases)
    if found.note:
        st.info(plain(found.note))
    if found.biases:
        named = "undefined" if found.undefined else ", ".join(map(str, found.dims)) or "none"
        counted = "" if found.undefined else f" ({len(found.dims)} of {weights.shape[1]:,})"
        st.metric(f"Outlier dimensions{counted}", named, width="content")
    if len(found.flat) < len(weights):
        _draw(found, weights, biases, model)
    st.caption(
        plain(f"{model.spec.name}: norm '{found.norm}' of {len(weights)} blocks of {weights.shape[1]:,} dimensions")
    )
    table = norm_table(found)
    if len(table):
        st.dataframe(table, hide_index=True)
    _downloads(found, model)


def _draw(found: NormOutliers, weights: Any, biases: Any, model: ModelInfo) -> None:
    figure = norm_lines(weights, biases, found.dims, found.n_std)
    alt = f"Weights and biases of the norm {found.norm} in {len(weights)} blocks of {model.spec.name}"
    height = 300 * (2 if len(biases) else 1) + 40
    plot(figure, key="rogue_norms", alt=alt, height=height, view=model.spec.name, file_name="norms")
    st.caption(NORM_CAPTION)


def _downloads(found: NormOutliers, model: ModelInfo) -> None:
    """The weights and biases as a table; all that was found, with the model and its commit, as JSON."""
    pairs = zip(found.weights, found.biases or [()] * len(found.weights), strict=True)
    rows = [
        [block, dim, weight, bias]
        for block, (weights, biases) in enumerate(pairs, 1)
        for dim, (weight, bias) in enumerate(zip_longest(weights, biases))
    ]
    document = {"model": model.spec.name, "commit": model.spec.commit, **dataclasses.asdict(found)}
    document |= {"flat": found.flat, "undefined": found.undefined}
    with st.container(horizontal=True):
        st.download_button(
            "CSV",
            lambda: csv_text(["block", "dimension", "weight", "bias"], rows).encode("utf-8-sig"),
            "norms.csv",
            "text/csv",
            key="norms_csv",
            icon=":material/table:",
            help="Weight and bias of every dimension in every block.",
        )
        st.download_button(
            "JSON",
            lambda: json_text([document]).encode(),
            "norms.json",
            "application/json",
            key="norms_json",
            icon=":material/data_object:",
            help="The outlier dimensions, the limits they were found with, and all weights and biases.",
        )


def norm_table(found: NormOutliers) -> pd.DataFrame:
    """For each outlier dimension: in how many blocks weight and bias both stand out, and how far they go."""
    if not found.dims:
        return pd.DataFrame()
    columns: dict[str, Any] = {
        "dimension": found.dims,
        "blocks where both stand out": found.n_blocks,
        "largest weight (standard deviations)": found.furthest_weight,
        "largest bias (standard deviations)": found.furthest_bias,
    }
    return pd.DataFrame(columns)
