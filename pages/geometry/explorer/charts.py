"""Charts of numbers of which only the shape is known: a line over places, a heat map of two axes."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from pages._kit.charts.base import COLOUR_SCALE, base_figure, colour, layer_ticks, safe
from pages._kit.charts.layer_pairs import undefined_marks, undefined_words

Floats = npt.NDArray[np.float64]
_FEW = 60  # places of a line that are marked one by one


def place_line(values: Floats, *, title: str) -> go.Figure:
    """One number a place, (n,), in the order of the result; places count from 1."""
    figure = base_figure(x_title="Place in the list", y_title=title)
    figure.add_scattergl(
        x=np.arange(1, len(values) + 1),
        y=np.asarray(values, np.float64),
        mode="lines+markers" if len(values) <= _FEW else "lines",
        line={"color": colour(0), "width": 1.5},
        hovertemplate=f"place %{{x:,}}<br><b>{safe(title)} %{{y:.6g}}</b><extra></extra>",
    )
    return figure


def field_heatmap(
    values: Floats,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    title: str,
    row_title: str,
    column_title: str,
    undefined: Mapping[tuple[int, ...], str],
) -> go.Figure:
    """``values`` (n_rows, n_columns) as colours from the least to the largest, symmetric around 0 where both signs occur."""
    figure = base_figure(x_title=column_title, y_title=row_title)
    low, high = (float(limit(values, initial=start)) for limit, start in ((np.nanmin, np.inf), (np.nanmax, -np.inf)))
    signed = low < 0 < high
    span = {"zmin": -max(-low, high), "zmax": max(-low, high)} if signed else {}
    figure.add_heatmap(
        z=np.asarray(values, np.float64),
        colorscale="RdBu_r" if signed else COLOUR_SCALE,
        colorbar={"thickness": 14},
        customdata=[[f"{safe(row)}, {safe(column)}" for column in columns] for row in rows] if _small(values) else None,
        hovertemplate=("%{customdata}" if _small(values) else "%{y}, %{x}")
        + f"<br><b>{safe(title)} %{{z:.6g}}</b><extra></extra>",
        hoverongaps=False,
        **span,
    )
    why = (
        [
            [
                f"{safe(row)}, {safe(column)}<br>{undefined_words(undefined.get((place, at), ''))}"
                for at, column in enumerate(columns)
            ]
            for place, row in enumerate(rows)
        ]
        if _small(values)
        else None
    )
    figure.add_traces(undefined_marks(values, why))
    figure.update_xaxes(range=[-0.5, len(columns) - 0.5], showgrid=False, **layer_ticks(columns))
    return figure.update_yaxes(range=[-0.5, len(rows) - 0.5], showgrid=False, **layer_ticks(rows))


def _small(values: Floats) -> bool:
    return values.size <= 20_000  # more words than that are dear to send
