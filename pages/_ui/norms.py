"""The panel of the published outlier rule: the norms' weights and biases of one model, and the dimensions it names."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from backend import ModelInfo, NormOutliers, NormTask
from pages._ui.charts_outliers import NORM_CAPTION, norm_lines
from pages._ui.export import csv_text
from pages._ui.plot import plot
from pages._ui.progress import obtain
from pages._ui.session import plain


def norm_panel(model: ModelInfo) -> None:
    """Draw the weights and biases and name the outlier dimensions; texts, pooling and layers play no part."""
    st.markdown(
        "The rule of Kovaleva et al. (2021) looks at the weights alone, no text is read: a dimension is an outlier "
        "where the weight and the bias of a block's output norm both lie far from those of the other dimensions, in "
        "many blocks."
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
        named = ", ".join(map(str, found.dims)) or "none"
        st.metric(f"Outlier dimensions ({len(found.dims)} of {weights.shape[1]:,})", named, width="content")
    figure = norm_lines(weights, biases, found.dims)
    alt = f"Weights and biases of the norm {found.norm} in {len(weights)} blocks of {model.spec.name}"
    height = 300 * (2 if len(biases) else 1) + 40
    plot(figure, key="rogue_norms", alt=alt, height=height, view=model.spec.name, file_name="norms")
    st.caption(NORM_CAPTION)
    st.caption(
        plain(f"{model.spec.name}: norm '{found.norm}' of {len(weights)} blocks of {weights.shape[1]:,} dimensions")
    )
    if len(biases):
        table = norm_table(found)
        if len(table):
            st.dataframe(table, hide_index=True)
    rows = [
        [block, dim, float(weight), float(biases[block - 1][dim]) if len(biases) else None]
        for block, line in enumerate(weights, 1)
        for dim, weight in enumerate(line)
    ]
    st.download_button(
        "CSV",
        lambda: csv_text(["block", "dimension", "weight", "bias"], rows).encode("utf-8-sig"),
        "norms.csv",
        "text/csv",
        key="norms_csv",
        icon=":material/table:",
        help="Weight and bias of every dimension in every block.",
    )


def norm_table(found: NormOutliers) -> pd.DataFrame:
    """For each outlier dimension: in how many blocks weight and bias both stand out, and how far they go."""
    weights, biases = np.array(found.weights), np.array(found.biases)
    scores = [_scores(weights), _scores(biases)]
    both = (np.abs(scores[0]) > found.n_std) & (np.abs(scores[1]) > found.n_std)
    columns: dict[str, Any] = {
        "dimension": list(found.dims),
        "blocks where both stand out": [int(both[:, dim].sum()) for dim in found.dims],
        "largest weight (standard deviations)": [float(np.abs(scores[0][:, dim]).max()) for dim in found.dims],
        "largest bias (standard deviations)": [float(np.abs(scores[1][:, dim]).max()) for dim in found.dims],
    }
    return pd.DataFrame(columns)


def _scores(values: Any) -> Any:
    """Distances from the mean over dimensions, in standard deviations, block by block."""
    spread = values.std(axis=1, keepdims=True)
    return np.divide(values - values.mean(axis=1, keepdims=True), spread, out=np.zeros_like(values), where=spread > 0)
