"""The panel of the page Similarity that shows three models or more at once, every pair of them."""

import hashlib
from collections.abc import Mapping, Sequence
from itertools import combinations_with_replacement
from typing import Any

import pandas as pd
import streamlit as st

from backend import CkaResult, ModelInfo, Result
from pages._kit.charts.base import short_model
from pages._kit.flow.progress import run_panel
from pages._kit.show.finding import Finding, said_once, show
from pages._kit.show.kept import drawn_once
from pages._kit.show.plot import ChartSelection
from pages._kit.state.rows import pairing_warning
from pages._kit.state.selection import Selection
from pages._kit.state.session import workbench
from pages.geometry.similarity.cell import HINT, Cell, cell_of, cell_reasons, describe, side_by_side
from pages.geometry.similarity.grid_charts import CAPTION, cka_grid, grid_height, panel_of


def grid_panel(models: Sequence[ModelInfo], here: Selection, params: dict[str, Any]) -> None:
    """One analysis for each model and each pair; panels fill as results come."""
    pairs = list(combinations_with_replacement(range(len(models)), 2))
    groups = [[models[i]] if i == j else [models[i], models[j]] for i, j in pairs]
    specs = [
        workbench().analysis("cka", models=group, params=params, layers=here.layers, **here.rows) for group in groups
    ]
    pairing_warning(models, here.tokens)
    results = run_panel(specs, "similarity", CkaResult, partial=True)
    if results is None:
        return
    found = {pair: result for pair, result in zip(pairs, results, strict=True) if result is not None}
    names = [info.spec.name for info in models]
    layers = [_layers(info, here) for info in models]
    gaps = {pair: cell_reasons(result) for pair, result in found.items()}
    shown = hashlib.sha256(repr((names, layers)).encode()).hexdigest()[:8]  # a click counts for what it was made on
    with said_once():
        chosen = show(
            Finding(
                key=f"similarity_grid_{shown}",
                title=f"CKA of {', '.join(map(short_model, names))}",
                figure=drawn_once(
                    cka_grid, {pair: result.values.matrix for pair, result in found.items()}, names, layers, gaps
                ),
                caption=CAPTION,
                table=lambda: _table(found, names, layers),
                results=list(found.values()),
                fields=["matrix"],
                crosses=True,
                name="similarity-cka-grid",
                alt=f"CKA of all layers of {len(models)} models, every pair of them, from 0 to 1",
                height=grid_height(len(models)),
                view=" ".join(names),
                select="cells",
            )
        )
        cell = _clicked(found, models, chosen)
        if cell is None:
            st.caption(HINT)
        else:
            describe(cell)
            side_by_side(cell, here)


def _table(
    found: Mapping[tuple[int, int], Result[CkaResult]], names: Sequence[str], layers: Sequence[Sequence[str]]
) -> pd.DataFrame:
    """One row for each pair of layers of each pair of models, each pair once."""
    rows = [
        [names[i], layers[i][row], names[j], layers[j][column], float(value)]
        for (i, j), result in found.items()
        for row, line in enumerate(result.values.matrix)
        for column, value in enumerate(line)
    ]
    return pd.DataFrame(rows, columns=["model", "layer", "other model", "other layer", "cka"])


def _clicked(
    found: Mapping[tuple[int, int], Result[CkaResult]], models: Sequence[ModelInfo], chosen: ChartSelection
) -> Cell | None:
    """The cell of a click in any panel; None where nothing was clicked, or nothing is there (any more)."""
    if chosen.cell is None or chosen.trace is None:
        return None
    i, j = panel_of(chosen.trace, len(models))
    at = chosen.cell if i <= j else chosen.cell[::-1]
    result = found.get((min(i, j), max(i, j)))
    if result is None or any(place >= size for place, size in zip(at, result.values.matrix.shape, strict=True)):
        return None
    cell = cell_of(result, (models[min(i, j)], models[max(i, j)]), at)
    return cell if i <= j else cell.turned()


def _layers(info: ModelInfo, here: Selection) -> Sequence[str]:
    return info.layer_names if here.layers == "all" else [info.layer_names[int(number)] for number in here.layers]
