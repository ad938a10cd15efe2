"""Colours of a map that must be computed first: how many neighbours a text keeps over the layers, and whether it is read rightly."""

from collections.abc import Callable

import numpy as np
import streamlit as st

from backend import AnalysisSpec, ModelInfo, MovedTexts, TextTable, ThresholdResult, number_text
from pages._kit.flow.progress import run_panel
from pages._kit.show.colouring import Colouring
from pages._kit.state.selection import Selection
from pages._kit.state.session import workbench

MOVED, RIGHT = "Neighbours kept, first to last layer", "Right or wrong, last layer"
_ALL_DIMENSIONS = 2  # of the readers of the threshold metric


def computed_colours(
    here: Selection, model: ModelInfo, table: TextTable, layers: tuple[int, ...]
) -> dict[str, Callable[[], Colouring]]:
    """The colours on offer beside those of the text set, by what they are called; they run what is missing when they are chosen."""
    found: dict[str, Callable[[], Colouring]] = {}
    if here.tokens is not None:
        return found
    if len(layers) > 1:
        found[MOVED] = lambda: _moved(here, model, table, layers)
    if here.label is not None:
        found[RIGHT] = lambda: _right(here, model, table, layers)
    return found


def _moved(here: Selection, model: ModelInfo, table: TextTable, layers: tuple[int, ...]) -> Colouring:
    params = {"layer": 0, "other_layer": -1}
    spec: AnalysisSpec = workbench().analysis("moved_texts", models=[model], layers=layers, params=params, **here.rows)
    found = run_panel([spec], "projection_moved", MovedTexts)
    if found is None:
        return Colouring()
    values, numbers = found[0].values, np.full(len(table), np.nan)
    numbers[values.text_index] = values.overlap
    names = [model.layer_names[layer] for layer in (layers[0], layers[-1])]
    st.caption(
        f"The share of its {values.k} nearest neighbours in the full space that a text has in {names[0]} and in {names[1]} alike; "
        f"unrelated layers would share {number_text(values.by_chance, 'share')}."
    )
    return Colouring(MOVED, None, numbers)


def _right(here: Selection, model: ModelInfo, table: TextTable, layers: tuple[int, ...]) -> Colouring:
    spec: AnalysisSpec = workbench().analysis(
        "threshold", models=[model], layers=layers[-1:], label=here.label, **here.rows
    )
    found = run_panel([spec], "projection_right", ThresholdResult)
    if found is None:
        return Colouring()
    values = found[0].values
    if not len(values.right):
        st.caption("Which texts are right is not kept for so many rows.")
        return Colouring()
    labels: list[str | None] = [None] * len(table)
    for row, right in zip(values.test_rows.tolist(), values.right[0, _ALL_DIMENSIONS].tolist(), strict=True):
        labels[row] = "right" if right else "wrong"
    st.caption(
        f"Test texts that a logistic regression on all dimensions of {model.layer_names[layers[-1]]} gives the right label '{here.label}', "
        "fitted on the training texts, which are grey. The page Threshold has its accuracy."
    )
    return Colouring(RIGHT, labels)
