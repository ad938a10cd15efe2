"""The panel of the published outlier rule: the norms' weights and biases of one model, and the dimensions it names."""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from backend import ModelInfo, NormOutliers, NormTask, standard_scores
from pages._kit.flow.progress import obtain
from pages._kit.show.columns import show_table
from pages._kit.show.finding import Finding, show
from pages._kit.show.kept import drawn_once
from pages._kit.state import ask
from pages._kit.state.labelled import say_no_model
from pages._kit.state.session import plain
from pages.geometry.rogue.outlier_charts import NORM_CAPTION, norm_lines


def norm_panel(model: ModelInfo) -> None:
    """Draw the weights and biases and name the outlier dimensions; texts, pooling and layers play no part."""
    if model.is_given:
        say_no_model(model, "This rule reads the weights of a model")
        return
    st.markdown(
        "The rule of Kovaleva et al. (2021) looks only at the weights, without any texts: a dimension is an outlier "
        "where the weight and the bias of a block's last norm both lie far from those of the other dimensions, in many "
        "blocks. That norm is the block's output norm in models like BERT, and the norm before the feed-forward layer in "
        "models like GPT-2 or Llama, whose blocks end without one."
    )
    left, right = st.columns(2)
    with left:
        n_std = ask.number_input(
            "Standard deviations",
            min_value=0.5,
            max_value=20.0,
            value=3.0,
            step=0.5,
            key="norms_n_std",
            help="How far from the mean of all dimensions a weight or a bias must lie (3 in the paper).",
        )
    with right:
        more_than = ask.number_input(
            "In more than … blocks",
            min_value=0,
            max_value=1000,
            value=min(3, model.n_blocks - 1),
            step=1,
            key=f"norms_more_than_{model.n_blocks}",
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
    show(_finding(found, weights, biases, model))
    st.caption(
        plain(f"{model.spec.name}: norm '{found.norm}' of {len(weights)} blocks of {weights.shape[1]:,} dimensions")
    )
    table = norm_table(found)
    if len(table):
        show_table(table)


def _finding(found: NormOutliers, weights: Any, biases: Any, model: ModelInfo) -> Finding:
    document = {"model": model.spec.name, "commit": model.spec.commit, **dataclasses.asdict(found)}
    document |= {"flat": found.flat, "undefined": found.undefined}
    known = len(found.flat) < len(weights)
    return Finding(
        key="rogue_norms",
        title=f"Weights and biases of the norm {found.norm} in {len(weights)} blocks of {model.spec.name}",
        figure=drawn_once(norm_lines, weights, biases, found.dims, found.n_std) if known else None,
        caption=NORM_CAPTION,
        table=lambda: _weights_table(weights, biases),
        empty="There is nothing to draw: in every block all weights are equal, or all biases.",
        about=(model.spec.name,),
        documents=lambda: [document],
        height=300 * (2 if len(biases) else 1) + 40,
        view=model.spec.name,
    )


def _weights_table(weights: Any, biases: Any) -> pd.DataFrame:
    """Weight and bias of every dimension in every block, as they are and in standard deviations, as they are drawn."""
    n_blocks, n_dims = weights.shape
    columns: dict[str, Any] = {
        "block": np.repeat(np.arange(1, n_blocks + 1), n_dims),
        "dimension": np.tile(np.arange(n_dims), n_blocks),
    }
    for name, values in (("weight", weights), ("bias", biases)):
        missing = np.full(weights.shape, np.nan)
        columns[name] = (values if len(values) else missing).ravel()
        columns[f"{name} (standard deviations)"] = (standard_scores(values) if len(values) else missing).ravel()
    return pd.DataFrame(columns)


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
