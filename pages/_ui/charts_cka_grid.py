"""The chart of several models at once: CKA of all pairs of their layers as blocks of one figure."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from pages._ui.charts import COLOUR_SCALE, Floats, layer_ticks, safe, short_model

CAPTION = (
    "Each panel compares all layers of the model on its left with all layers of the model below it, on the same texts, "
    "on one scale from 0 to 1. On the diagonal a model is compared with itself. Empty cells are undefined; the reasons stand below."
)


def cka_grid(
    blocks: Mapping[tuple[int, int], Floats], models: Sequence[str], layers: Sequence[Sequence[str]]
) -> go.Figure:
    """``blocks[i, j]`` (layers of model i, layers of model j) as panels, the first model at the upper left.

    Only i <= j need be there; the panels below the diagonal are drawn as their transposes, so that every row and every
    column of panels is one model. A block that is missing leaves its panel empty.
    """
    n = len(models)
    figure = make_subplots(n, n, horizontal_spacing=0.05, vertical_spacing=0.05)
    for i in range(n):
        for j in range(n):
            block = blocks.get((i, j))
            if block is None and (j, i) in blocks:
                block = blocks[j, i].T
            if block is not None:
                figure.add_trace(_panel(block, (models[i], models[j]), (layers[i], layers[j])), i + 1, j + 1)
            _axes(figure, (i, j), n, models, layers)
    figure.update_layout(
        template="none",
        margin={"l": 70, "r": 20, "t": 30, "b": 60},
        coloraxis={
            "cmin": 0,
            "cmax": 1,
            "colorscale": COLOUR_SCALE,
            "colorbar": {"title": {"text": "CKA"}, "thickness": 14},
        },
    )
    return figure


def grid_height(n_models: int) -> int:
    """A height in pixels at which the panels of ``cka_grid`` are about square on a wide screen."""
    return 100 + int(780 / max(n_models, 1) ** 0.15)


def _panel(block: Floats, models: tuple[str, str], layers: tuple[Sequence[str], Sequence[str]]) -> go.Heatmap:
    up, across = (
        [safe(f"{short_model(model)}: {name}") for name in names] for model, names in zip(models, layers, strict=True)
    )
    return go.Heatmap(
        z=np.asarray(block, np.float32),
        coloraxis="coloraxis",
        customdata=[[[row, column] for column in across] for row in up],
        hovertemplate="%{customdata[0]}<br>%{customdata[1]}<br><b>CKA %{z:.3f}</b><extra></extra>",
        hoverongaps=False,
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
