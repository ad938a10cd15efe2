"""Many points as cells: a grey behind the points that are drawn, the darker the more points lie in a cell."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from backend import Density
from pages._kit.charts.base import MUTED, faint

_STEPS = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)  # of the fullest cell
_FAINTEST, _STRONGEST = 0.15, 0.95


def add_cells(figure: go.Figure, cells: dict[str, Any], fullest: float, noun: str) -> go.Figure:
    """``figure`` with the heatmap of ``cells`` (its attributes in Plotly) as its first trace; ``fullest`` has the strongest grey."""
    shades = [_FAINTEST + (_STRONGEST - _FAINTEST) * place / (len(_STEPS) - 1) for place in range(len(_STEPS))]
    figure.add_heatmap(
        **cells,
        zmin=0,
        zmax=fullest,
        colorscale=[[step, faint(MUTED, round(shade, 2))] for step, shade in zip(_STEPS, shades, strict=True)],
        showscale=False,
        hoverongaps=False,
        hovertemplate=f"<b>%{{z:,}}</b> {noun} in this cell<extra></extra>",
    )
    figure.data = (figure.data[-1], *figure.data[:-1])
    return figure


def cells_of(grid: Density) -> dict[str, Any]:
    """A density as a heatmap has it: empty cells are gaps."""
    z = np.where(grid.counts > 0, grid.counts, np.nan).astype(np.float32)
    return {"z": z, "x0": grid.x0, "dx": grid.dx, "y0": grid.y0, "dy": grid.dy}


def fullest_cell(grids: Sequence[Density]) -> float:
    """The points of the fullest cell of all places; at least 1."""
    return float(max([1, *(int(grid.counts.max()) for grid in grids)]))
