"""The chart of several models at once: CKA of all pairs of their layers as blocks of one figure."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from backend import number_text
from pages._kit.charts.base import COLOUR_SCALE, Floats, layer_ticks, safe, short_model
from pages._kit.charts.layer_pairs import Reasons, undefined_marks, undefined_words
from pages._kit.charts.panels import columns_of

CAPTION = (
    "Each panel compares all layers of the model on its left with all layers of the model below it, on the same texts, "
    "on one scale from 0 to 1. On the diagonal a model is compared with itself. A grey cell with × is undefined: hover over it to see why."
)

EACH_CAPTION = (
    "Each panel compares all layers of one model with each other, on the same texts, on one scale from 0 to 1. A grey cell with × is "
    "undefined: hover over it to see why."
)
_SCALE = {
    "cmin": 0,
    "cmax": 1,
    "colorscale": COLOUR_SCALE,
    "colorbar": {"title": {"text": "CKA"}, "thickness": 14},
}


def cka_grid(
    blocks: Mapping[tuple[int, int], Floats],
    models: Sequence[str],
    layers: Sequence[Sequence[str]],
    undefined: Mapping[tuple[int, int], Reasons] | None = None,
) -> go.Figure:
    """``blocks[i, j]`` (layers of model i, layers of model j) as panels, the first model at the upper left.

    Only i <= j need be there; the panels below the diagonal are drawn as their transposes, so that every row and every
    column of panels is one model. A block that is missing leaves its panel empty. ``undefined[i, j]`` gives the reasons
    of the NaN cells of a block. The first n * n traces are the panels, row by row, whatever is missing or undefined:
    ``panel_of`` finds the panel of a click by them.
    """
    n = len(models)
    figure = make_subplots(n, n, horizontal_spacing=0.05, vertical_spacing=0.05)
    for place in range(n * n):
        i, j = panel_of(place, n)
        block, why = _block(blocks, undefined or {}, i, j)
        trace = go.Heatmap() if block is None else _panel(block, why, (models[i], models[j]), (layers[i], layers[j]))
        figure.add_trace(trace, i + 1, j + 1)
        _axes(figure, (i, j), n, models, layers)
    for place in range(n * n):
        i, j = panel_of(place, n)
        block, _ = _block(blocks, undefined or {}, i, j)
        for trace in undefined_marks(block, size=5) if block is not None else ():
            figure.add_trace(trace, i + 1, j + 1)
    figure.update_layout(
        template="none",
        showlegend=False,
        margin={"l": 70, "r": 20, "t": 30, "b": 60},
        coloraxis=_SCALE,
    )
    return figure


def cka_each(
    blocks: Sequence[Floats], models: Sequence[str], layers: Sequence[Sequence[str]], undefined: Sequence[Reasons]
) -> go.Figure:
    """The CKA of the layers of each of ``models`` with each other, ``blocks[i]`` (layers, layers), as a panel on one scale.

    ``undefined[i]`` are the reasons of the NaN cells of a block.
    """
    n_columns = columns_of(len(models))
    n_rows = -(-len(models) // n_columns)
    figure = make_subplots(
        n_rows,
        n_columns,
        specs=[
            [{} if row * n_columns + at < len(models) else None for at in range(n_columns)] for row in range(n_rows)
        ],
        subplot_titles=[safe(short_model(model)) for model in models],
        horizontal_spacing=0.06,
        vertical_spacing=0.22 / n_rows,
    )
    figure.update_annotations(font={"size": 12})
    for place, (block, model, names) in enumerate(zip(blocks, models, layers, strict=True)):
        at = {"row": place // n_columns + 1, "col": place % n_columns + 1}
        figure.add_trace(_panel(block, undefined[place], (model, model), (names, names)), **at)
        for mark in undefined_marks(block, size=5):
            figure.add_trace(mark, **at)
        plain = {"showgrid": False, "zeroline": False, "ticks": "", "range": [-0.5, len(names) - 0.5]}
        figure.update_xaxes(**layer_ticks(names, most=7), **plain, tickangle=0, title={"text": "Layer"}, **at)
        figure.update_yaxes(**layer_ticks(names, most=13), **plain, **at)
    return figure.update_layout(
        template="none", showlegend=False, margin={"l": 60, "r": 20, "t": 50, "b": 55}, coloraxis=_SCALE
    )


def grid_height(n_models: int) -> int:
    """A height in pixels at which the panels of ``cka_grid`` are about square on a wide screen."""
    return 100 + int(780 / max(n_models, 1) ** 0.15)


def panel_of(trace: int, n_models: int) -> tuple[int, int]:
    """The models (row, column) whose panel is drawn by this trace of ``cka_grid``."""
    return divmod(trace % (n_models * n_models), n_models)


def _block(
    blocks: Mapping[tuple[int, int], Floats], undefined: Mapping[tuple[int, int], Reasons], i: int, j: int
) -> tuple[Floats | None, Reasons]:
    """The matrix of a panel with its reasons: as it is there, or turned over."""
    if (i, j) in blocks:
        return blocks[i, j], undefined.get((i, j), {})
    if (j, i) in blocks:
        why = undefined.get((j, i), {})
        return blocks[j, i].T, {(column, row): reason for (row, column), reason in why.items()}
    return None, {}


def _panel(
    block: Floats, why: Reasons, models: tuple[str, str], layers: tuple[Sequence[str], Sequence[str]]
) -> go.Heatmap:
    up, across = (
        [safe(f"{short_model(model)}: {name}") for name in names] for model, names in zip(models, layers, strict=True)
    )

    def words(row: int, column: int) -> str:
        value = block[row, column]
        return (
            f"<b>CKA {number_text(value, 'correlation')}</b>"
            if np.isfinite(value)
            else undefined_words(why.get((row, column), ""))
        )

    return go.Heatmap(
        z=np.asarray(block, np.float32),
        coloraxis="coloraxis",
        customdata=[[[a, b, words(row, column)] for column, b in enumerate(across)] for row, a in enumerate(up)],
        hovertemplate="%{customdata[0]}<br>%{customdata[1]}<br>%{customdata[2]}<extra></extra>",
        hoverongaps=True,  # an undefined cell says why, and can be clicked
    )


def _axes(
    figure: go.Figure, at: tuple[int, int], n: int, models: Sequence[str], layers: Sequence[Sequence[str]]
) -> None:
    """Ticks on every panel's outer sides alone; the model's name along the left and the bottom."""
    row, column = at[0] + 1, at[1] + 1
    outer = {"showgrid": False, "zeroline": False, "ticks": ""}
    x = layer_ticks(layers[at[1]], most=7) | outer | {"range": [-0.5, len(layers[at[1]]) - 0.5], "tickangle": 0}
    y = layer_ticks(layers[at[0]], most=13) | outer | {"range": [-0.5, len(layers[at[0]]) - 0.5]}
    figure.update_xaxes(**x, showticklabels=row == n, row=row, col=column)
    figure.update_yaxes(**y, showticklabels=column == 1, row=row, col=column)
    if row == n:
        figure.update_xaxes(title={"text": safe(short_model(models[at[1]])), "font": {"size": 12}}, row=row, col=column)
    if column == 1:
        figure.update_yaxes(title={"text": safe(short_model(models[at[0]])), "font": {"size": 12}}, row=row, col=column)
