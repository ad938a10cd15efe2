"""The chart of an estimate of intrinsic dimension against the number of rows that it was made from."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from backend import (
    DimensionScale,
    hover_form,
    number_text,
    value_words,
)
from pages._kit.charts.base import COLOUR_SCALE, MUTED, Floats, base_figure, colour, legend_beside, safe


def scale_caption(values: DimensionScale, *, n_sizes: int) -> str:
    """What is drawn and how to read it, true of these numbers; ``n_sizes`` is how many sizes were asked for."""
    sizes, n_draws = values.sizes, values.n_draws
    drawn = f"{value_words('estimator', values.estimator)}, from all {int(sizes[-1]):,} rows (right)"
    if len(sizes) > 1:
        drawn += (
            f", from half of them, and so on. Below the right end a point is the mean of {n_draws} random draws, its bar one "
            "standard deviation up and down; draws share rows, so the bars of the larger sizes read low. All rows make a "
            "single estimate, without a bar"
        )
    drawn += "."
    if len(sizes) < n_sizes:
        drawn += (
            f" {len(sizes)} of the {n_sizes} sizes asked for: no draw has fewer than {DimensionScale.LEAST_ROWS} rows."
        )
    return f"{drawn} {_verdict(values)}"


def _verdict(values: DimensionScale) -> str:
    """How flat lines are to be read, by where these end beside the limit."""
    n_above, n_lines = values.above_limit
    above = (
        f"The dotted line, 2 log10(n), is the largest dimension that n rows can show ({number_text(values.limit[-1])} at the right end). What "
        "lies above it is a lower bound, however flat the line"
    )
    below = "below it, a line that has become flat is a dimension, one that still rises at its right end a lower bound"
    if n_above == n_lines:
        which = "the line ends above it" if n_lines == 1 else f"all {n_above} lines end above it"
        return f"{above}; here {which}."
    if n_above == 0:
        return f"{above}; {below}. Here {'the line ends' if n_lines == 1 else 'all lines end'} below it."
    return f"{above}; {below}. Here {n_above} of {n_lines} lines end above it."


def scale_chart(sizes: npt.NDArray[Any], limit: Floats, mean: Floats, std: Floats, layers: Sequence[str]) -> go.Figure:
    """``mean`` and ``std`` (n_layers, n_sizes) against ``sizes`` (n_sizes,), one line a layer, dark (early) to light.

    ``limit`` (n_sizes,) is the largest dimension that so many rows can show.
    """
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
            hovertemplate=f"{safe(layer)}, %{{x:,}} rows<br><b>%{{y:{hover_form()}}}</b><extra></extra>",
        )
    figure.add_scatter(
        x=np.asarray(sizes, np.int32),
        y=np.asarray(limit, np.float32),
        mode="lines",
        name="2 log10(n)",
        line={"color": MUTED, "dash": "dot", "width": 1.5},
        hovertemplate=f"%{{x:,}} rows can show<br><b>%{{y:{hover_form()}}} dimensions</b><extra></extra>",
    )
    figure.update_xaxes(
        type="log", tickmode="array", tickvals=[int(n) for n in sizes], ticktext=[f"{n:,}" for n in sizes]
    )
    figure.update_yaxes(rangemode="tozero")
    return legend_beside(figure)
