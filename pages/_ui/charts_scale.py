"""The chart of an estimate of intrinsic dimension against the number of rows that it was made from."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from pages._ui.charts import COLOUR_SCALE, MUTED, Floats, base_figure, colour, safe

CAPTION = (
    "One estimate from all rows (right), from half of them, a quarter and so on, with its spread over random draws. "
    "A line that has become flat is a dimension; one that still rises at its right end is a lower bound. Above the "
    "dotted line, 2 log10(n), so few rows cannot show a dimension at all."
)


def scale_chart(sizes: npt.NDArray[Any], mean: Floats, std: Floats, layers: Sequence[str]) -> go.Figure:
    """``mean`` and ``std`` (n_layers, n_sizes) against ``sizes`` (n_sizes,), one line a layer, dark (early) to light."""
    figure = base_figure(x_title="Rows (logarithmic)", y_title="Intrinsic dimension (dimensions)")
    shades = sample_colorscale(COLOUR_SCALE, np.linspace(0.2, 0.92, max(len(layers), 2)))
    if len(layers) == 1:
        shades = [colour(0)]
    for line, spread, layer, shade in zip(mean, std, layers, shades, strict=False):
        if not np.isfinite(line).any():
            continue
        figure.add_scatter(
            x=np.asarray(sizes, np.int32),
            y=np.asarray(line, np.float32),
            error_y={"type": "data", "array": np.nan_to_num(spread).astype(np.float32), "thickness": 1.2, "width": 3},
            mode="lines+markers",
            name=safe(layer),
            line={"color": shade, "width": 2},
            hovertemplate=f"{safe(layer)}, %{{x:,}} rows<br><b>%{{y:.2f}}</b><extra></extra>",
        )
    figure.add_scatter(
        x=np.asarray(sizes, np.int32),
        y=(2 * np.log10(sizes)).astype(np.float32),
        mode="lines",
        name="2 log10(n)",
        line={"color": MUTED, "dash": "dot", "width": 1.5},
        hovertemplate="%{x:,} rows can show<br><b>%{y:.1f} dimensions</b><extra></extra>",
    )
    figure.update_xaxes(
        type="log", tickmode="array", tickvals=[int(n) for n in sizes], ticktext=[f"{n:,}" for n in sizes]
    )
    figure.update_yaxes(rangemode="tozero")
    return figure.update_layout(
        showlegend=True,
        legend={"orientation": "v", "x": 1.02, "xanchor": "left", "yref": "paper", "y": 1, "yanchor": "top"},
    )
