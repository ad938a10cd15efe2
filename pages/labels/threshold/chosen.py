"""The values of the selected texts on the line that is cut."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from backend import ModelInfo, Result, ThresholdResult, combine_rows, hover_form
from pages._kit.charts.base import MUTED, Floats, hover_text
from pages._kit.state.chosen import chosen_rows
from pages._kit.state.selection import Selection
from pages._kit.state.session import workbench

CAPTION = "The strokes on the axis are the selected texts."
Values = tuple[tuple[int, ...], Floats]


def chosen_values(
    here: Selection, model: ModelInfo, result: Result[ThresholdResult], layer: int, *, train: bool
) -> Values | None:
    """The selected rows among those on show, and their values on the dimension of a layer (a place in the result).

    None where there are none; where their vectors are not stored, or are fitted to the training rows, that is said.
    """
    values, source = result.values, result.sources[0]
    how = "take away" if train else "keep only"
    rows = combine_rows(chosen_rows(), values.test_rows.tolist(), how)
    if not rows or here.texts is None or values.dimension[layer] < 0:
        return None
    found = None
    if all(step.kind == "remove_dims" for step in here.postprocess):  # the others are fitted on the training rows
        asked: dict[str, Any] = {"pooling": here.pooling, "postprocess": here.postprocess, "rows": rows}
        found = workbench().stored_vectors(model, here.texts, layer=source.layers[layer], **asked)
    if found is None:
        st.caption(
            ":material/info: The selected texts are not drawn: their vectors are not stored here as they are cut."
        )
        return None
    return tuple(found[0].tolist()), found[1][:, values.dimension[layer]].astype(np.float64)


def with_chosen(figure: go.Figure, found: Values, texts: Sequence[str]) -> go.Figure:
    """The histogram with a stroke on its axis for each selected text."""
    rows, values = found
    return figure.add_scatter(
        x=values.astype(np.float32),
        y=np.zeros(len(values), np.float32),
        mode="markers",
        name=f"selected ({len(values):,})",
        marker={"symbol": "line-ns-open", "size": 22, "color": MUTED, "line": {"width": 2}},
        text=[hover_text(texts[row]) for row in rows],
        hovertemplate=f"%{{text}}<br><b>%{{x:{hover_form()}}}</b><extra></extra>",
        cliponaxis=False,
    )


def chosen_table(table: pd.DataFrame, found: Values | None) -> pd.DataFrame:
    """The table of the histogram, with the selected rows (from 1) and their values beside it."""
    if found is None:
        return table
    rows, values = found
    beside = pd.DataFrame({"selected row": [row + 1 for row in rows], "value": values}).astype(
        {"selected row": "Int64"}
    )
    return pd.concat([table, beside], axis=1)
