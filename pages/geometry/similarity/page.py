"""Similarity: CKA of layer against layer, within one model, between two, the difference of two, or many."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from backend import (
    AnalysisSpec,
    CkaResult,
    InvalidRequest,
    ModelInfo,
    Ordered,
    Result,
    cka_difference,
    cka_difference_document,
)
from pages._kit.charts.base import Floats, short_model
from pages._kit.charts.layer_pairs import (
    CAPTION,
    DIFFERENCE_CAPTION,
    Reasons,
    cka_diagonal,
    cka_heatmap,
    difference_heatmap,
)
from pages._kit.flow.controls import params_form
from pages._kit.flow.paper import paper_choice
from pages._kit.flow.progress import run_panel
from pages._kit.show import lessons as lessons
from pages._kit.show.beside import two_columns
from pages._kit.show.columns import by_first, folded_table
from pages._kit.show.finding import Finding, said_once, show
from pages._kit.show.findings import heading
from pages._kit.show.kept import drawn_once
from pages._kit.show.plot import ChartSelection
from pages._kit.state import ask
from pages._kit.state.labelled import ALL_MODELS
from pages._kit.state.pair import in_order, ordered, say_order
from pages._kit.state.rows import pairing_warning
from pages._kit.state.selection import Selection, ready
from pages._kit.state.session import workbench
from pages.geometry.similarity.cell import HINT, Cell, cell_of, cell_reasons, describe, side_by_side
from pages.geometry.similarity.each import each_panel
from pages.geometry.similarity.grid import grid_panel
from pages.geometry.similarity.shared import shared_panel, shared_settings
from pages.geometry.similarity.views import (
    BETWEEN,
    DIAGONAL,
    DIFFERENCE,
    EACH,
    GRID,
    MATRIX,
    NEIGHBOURS,
    WITHIN,
    choose_measure,
    choose_view,
    undrawn,
)

WHAT = "Which layers arrange the texts in the same way? CKA compares two layers, whatever their widths."
HOW = (
    "Bright cells are layers with the same geometry, dark cells are unrelated layers; click a cell to see its two layers side "
    "by side. Shared neighbours looks only at what is near: which share of its nearest texts a text has in both layers "
    "(of one model or two; a difference and a grid of models are of CKA)."
)
FILES = {WITHIN: "similarity-cka", BETWEEN: "similarity-cka", DIFFERENCE: "similarity-cka-difference"}


def settings(info: ModelInfo, here: Selection) -> dict[str, Any]:
    """The metric's own parameters; the bandwidth only where it counts."""
    params = workbench().metrics()["cka"].params
    paper = paper_choice(["cka"], here, info, "similarity")
    form = paper.form("cka", "similarity")
    with paper.box:
        chosen = params_form(params, only=("kernel", "debiased"), **form)
        if chosen["kernel"] == "rbf":
            chosen |= params_form(params, only=("bandwidth",), **form)
    paper.say(here, {"cka": chosen})
    return chosen


def choose_models(models: Sequence[ModelInfo]) -> tuple[str, list[ModelInfo]]:
    """What to compare, and with which of the sidebar's models."""
    if len(models) == 1:
        return WITHIN, [models[0]]
    modes = [WITHIN, BETWEEN, DIFFERENCE, *([GRID] if len(models) > 2 else [])]
    mode = ask.segmented_control("Compare", modes, default=BETWEEN, key="similarity_mode", label_visibility="collapsed")
    if mode == GRID:
        return GRID, list(models)
    if len(models) == 2 and mode != WITHIN:
        return str(mode), list(ordered(models).models) if mode == DIFFERENCE else list(models)
    names = [info.spec.name for info in models]
    shared: dict[str, Any] = {"format_func": short_model, "width": 260}
    with st.container(horizontal=True):
        every = [ALL_MODELS] if mode == WITHIN else []
        first = ask.selectbox("Model", [*names, *every], key="similarity_first", **shared)
        if first == ALL_MODELS:
            return EACH, list(models)
        if mode == WITHIN:
            return WITHIN, [models[names.index(first)]]
        second = ask.selectbox("with" if mode == BETWEEN else "and", names, index=1, key="similarity_second", **shared)
        pair = [models[names.index(first)], models[names.index(second)]]
        if mode == DIFFERENCE and first != second:
            pair = list(ordered(pair).models)
    return str(mode), pair


def order_of(mode: str, models: Sequence[ModelInfo]) -> Ordered | None:
    """Of a difference, which of the two models is before and which after."""
    return in_order(models) if mode == DIFFERENCE and models[0] is not models[-1] else None


def specs_for(mode: str, models: Sequence[ModelInfo], here: Selection, params: dict[str, Any]) -> list[AnalysisSpec]:
    """One comparison, or one for each model whose difference is asked for."""
    groups = [[model] for model in models] if mode == DIFFERENCE else [list(models)]
    shared: dict[str, Any] = {"layers": here.layers, **here.rows}
    return [workbench().analysis("cka", models=group, params=params, **shared) for group in groups]


def layer_names(result: Result[CkaResult]) -> tuple[Sequence[str], Sequence[str]]:
    """The names of the matrix's rows and columns."""
    return result.sources[0].layer_names, result.sources[-1].layer_names


def matrix_of(mode: str, found: Sequence[Result[CkaResult]]) -> tuple[Floats, Reasons]:
    """The numbers to draw: one matrix, or the second, of the model after, minus the first, of the one before."""
    if mode != DIFFERENCE:
        return found[0].values.matrix, cell_reasons(found[0])
    return cka_difference(*found).matrix, {**cell_reasons(found[1]), **cell_reasons(found[0])}


def difference_name(found: Sequence[Result[CkaResult]]) -> str:
    """What is subtracted from what, by name."""
    before, after = (short_model(result.sources[0].model) for result in found)
    return f"{after} minus {before}"


def comparable(mode: str, found: Sequence[Result[CkaResult]]) -> bool:
    """Whether the difference of two matrices exists; says why where it does not."""
    if mode != DIFFERENCE:
        return True
    try:
        cka_difference(*found)
    except InvalidRequest as error:
        st.info(f"{error.message} Choose {BETWEEN} instead.")
        return False
    return True


def draw(mode: str, found: Sequence[Result[CkaResult]]) -> ChartSelection:
    """The heatmap; returns the clicked cell."""
    matrix, why = matrix_of(mode, found)
    rows, columns = layer_names(found[0])
    y_name, x_name = found[0].sources[0].model, found[0].sources[-1].model
    if mode == DIFFERENCE:
        figure = drawn_once(difference_heatmap, matrix, columns, rows, why, name=difference_name(found))
        alt = f"CKA of {found[1].sources[0].model} minus that of {y_name}, {len(rows)} layers"
    else:
        figure = drawn_once(cka_heatmap, matrix, columns, rows, why, x_name=x_name, y_name=y_name)
        alt = f"CKA of {len(rows)} layers of {y_name} with {len(columns)} layers of {x_name}, from 0 to 1"
    return show(
        Finding(
            key=f"similarity_{mode}",
            title=title_of(mode, found),
            figure=figure,
            caption=DIFFERENCE_CAPTION if mode == DIFFERENCE else CAPTION,
            table=lambda: table_of(mode, found),
            results=found,
            fields=["matrix"],
            crosses=True,
            documents=documents_of(mode, found),
            name=FILES[mode],
            alt=alt,
            height=450,
            aspect=0.9,
            view=f"{y_name} {x_name} {matrix.shape}",
            select="cells",
        )
    )


def documents_of(mode: str, found: Sequence[Result[CkaResult]]) -> Callable[[], Sequence[dict[str, Any]]] | None:
    """What the JSON file of a difference holds; None where it holds the result alone."""
    return (lambda: [cka_difference_document(*found)]) if mode == DIFFERENCE else None


def title_of(mode: str, found: Sequence[Result[CkaResult]]) -> str:
    """What is compared with what."""
    models = dict.fromkeys(short_model(source.model) for result in found for source in result.sources)
    return f"CKA, {mode.lower()}: {difference_name(found) if mode == DIFFERENCE else ' and '.join(models)}"


def draw_depth(mode: str, found: Sequence[Result[CkaResult]]) -> None:
    """The line over depth: layers of the same number where there are two models, else each layer and the next."""
    matrix, _ = matrix_of(mode, found)
    rows, _ = layer_names(found[0])
    if mode == WITHIN:
        values, names = np.diagonal(matrix, 1), [f"{a} and {b}" for a, b in pairwise(rows)]
        how = "CKA of each layer with the next one: a dip is where the model changes the geometry most."
    else:
        values = np.diagonal(matrix)
        names = list(rows[: len(values)])
        how = "The layers with the same number in both models, from the embedding output on." + undrawn(matrix.shape)
    name = difference_name(found) if mode == DIFFERENCE else ""
    known = bool(np.isfinite(values).any())
    show(
        Finding(
            key="similarity_depth",
            title=f"{title_of(mode, found)}, along depth",
            figure=drawn_once(cka_diagonal, values, names, difference=mode == DIFFERENCE, name=name) if known else None,
            caption=how,
            table=pd.DataFrame({"layers" if mode == WITHIN else "layer": names, f"cka {name}".strip(): values}),
            results=found,
            fields=["matrix"],
            empty="There is nothing to draw: fewer than two layers, or every value is undefined.",
            documents=documents_of(mode, found),
            name=f"{FILES[mode]}-depth",
            alt="CKA along depth",
            height=420,
            view=mode,
        )
    )


def clicked(
    mode: str, found: Sequence[Result[CkaResult]], models: Sequence[ModelInfo], at: tuple[int, int] | None
) -> Cell | None:
    """The cell of a click; None where nothing was clicked, or the click was on a larger matrix."""
    matrix, why = matrix_of(mode, found)
    if at is None or at[0] >= matrix.shape[0] or at[1] >= matrix.shape[1]:
        return None
    if mode != DIFFERENCE:
        return cell_of(found[0], (models[0], models[-1]), at)
    cell = cell_of(found[1], (models[-1], models[-1]), at)
    return replace(
        cell, value=float(matrix[at]), reason=why.get(at, ""), baseline=None, value_name="After minus before"
    )


def table_of(mode: str, found: Sequence[Result[CkaResult]]) -> pd.DataFrame:
    """The matrix: a row for each layer, named in the first column, and a column for each layer of the other model."""
    matrix, _ = matrix_of(mode, found)
    rows, columns = layer_names(found[0])
    corner = "layer"
    if mode != WITHIN:
        first, second = (short_model(found[0].sources[place].model) for place in (0, -1))
        corner = f"layer ({difference_name(found) if mode == DIFFERENCE else f'{first} by {second}'})"
    table = pd.DataFrame(matrix, columns=list(columns))
    table.insert(0, corner, list(rows))
    return table


def matrix_and_cell(mode: str, found: Sequence[Result[CkaResult]], models: Sequence[ModelInfo]) -> Cell | None:
    """The heatmap, and at its side what a click chose, which is returned."""
    row = st.container(horizontal=True)
    with row.container(width=640):
        chosen = draw(mode, found)
    cell = clicked(mode, found, models, chosen.cell)
    with row.container(width=240):
        if cell is None:
            st.caption(HINT)
        else:
            describe(cell)
    return cell


def show_pair(
    mode: str, found: Sequence[Result[CkaResult]], models: Sequence[ModelInfo], here: Selection, view: str
) -> None:
    """Figure, cell, table and notes."""
    if (order := order_of(mode, models)) is not None:
        say_order(order)
    with two_columns("similarity") as first, said_once():
        cell = None
        with first.taken():
            if view == DIAGONAL:
                draw_depth(mode, found)
            else:
                cell = matrix_and_cell(mode, found, models)
        if cell is not None:
            side_by_side(cell, here)
        folded_table("Table", lambda: by_first(table_of(mode, found)), key="similarity_table", hide_index=False)


heading("Similarity", WHAT, HOW, lessons.SIMILARITY)
here = ready()
mode, models = choose_models(in_order(here.models).models)
with st.container(horizontal=True, vertical_alignment="center"):
    by_neighbours = choose_measure(mode) == NEIGHBOURS
    view = MATRIX if mode in (GRID, EACH) else choose_view()
    params = shared_settings() if by_neighbours else settings(models[0], here)
if mode == BETWEEN:
    pairing_warning(models, here.tokens)
if mode == GRID:
    grid_panel(models, here, params)
elif mode == EACH:
    each_panel(models, here, params)
elif by_neighbours:
    shared_panel(mode, models, here, params, view)
else:
    found = run_panel(specs_for(mode, models, here, params), "similarity", CkaResult)
    if found is not None and comparable(mode, found):
        show_pair(mode, found, models, here, view)
