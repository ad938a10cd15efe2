"""Charts of outlier dimensions: where along depth they stand out, and the norms' weights and biases of each block."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from plotly.colors import sample_colorscale
from plotly.subplots import make_subplots

from backend import (
    hover_form,
    number_text,
    standard_scores,
)
from pages._kit.charts.base import COLOUR_SCALE, MUTED, PALETTE, Floats, base_figure, layer_ticks, safe

DEPTH_CAPTION = (
    "Dimensions are listed by the layer in which they first become rogue. A bar that runs on means that the blocks after it "
    "leave the dimension alone."
)
NORM_CAPTION = (
    "One line per block: how far the weight and the bias that its last norm gives to each dimension lie from the mean over "
    "all dimensions of that block, in standard deviations. Beyond the dashed limits in both panels, in more blocks than "
    "asked for, a dimension is an outlier."
)
MOST_DIMS = 24


def appearing_chart(
    dims: Sequence[int], rogue: npt.NDArray[np.bool_], scores: Floats, layers: Sequence[str]
) -> go.Figure:
    """Where ``dims``, in order of appearance, are rogue; at most 24 of them are drawn.

    ``rogue`` and ``scores`` are (n_layers, n_dims); a score is in standard deviations, and shown on hover.
    """
    shown = list(dims)[:MOST_DIMS]
    cells = rogue[:, shown].T
    figure = base_figure(x_title="Layer", y_title="Dimension")
    words = [
        [
            f"dimension {dim}, {safe(name)}<br><b>{'rogue' if yes else 'not rogue'}</b><br>{_scored(score)}"
            for name, yes, score in zip(layers, row, scores[:, dim], strict=True)
        ]
        for dim, row in zip(shown, cells, strict=True)
    ]
    figure.add_heatmap(
        z=cells.astype(np.float32),
        zmin=0,
        zmax=1,
        colorscale=[[0, "rgba(136,136,136,0.12)"], [1, PALETTE[0]]],
        showscale=False,
        customdata=words,
        hovertemplate="%{customdata}<extra></extra>",
        xgap=2,
        ygap=2,
    )
    figure.update_xaxes(showgrid=False, **layer_ticks(layers))
    ticks = {"tickmode": "array", "tickvals": list(range(len(shown))), "ticktext": [str(dim) for dim in shown]}
    return figure.update_yaxes(showgrid=False, autorange="reversed", **ticks)


def _scored(score: float) -> str:
    return f"score {number_text(score)} standard deviations" if np.isfinite(score) else "no score: nothing varies here"


def appearing_height(n_dims: int) -> int:
    """A height in pixels that leaves each dimension of ``appearing_chart`` a line of its own."""
    return 130 + 24 * min(max(n_dims, 1), MOST_DIMS)


def norm_lines(weights: Floats, biases: Floats, dims: Sequence[int], n_std: float) -> go.Figure:
    """Weights and biases of each block in standard deviations, with the limits at +/- ``n_std`` and ``dims`` named.

    ``weights`` and ``biases`` are (n_blocks, n_dims); ``biases`` has no row where there are none.
    """
    parts = [("weight", weights)] + ([("bias", biases)] if len(biases) else [])
    figure = make_subplots(len(parts), 1, shared_xaxes=True, vertical_spacing=0.07)
    shades = sample_colorscale(COLOUR_SCALE, np.linspace(0.2, 0.92, max(len(weights), 2)))
    across = np.arange(weights.shape[1], dtype=np.int32)
    for row, (word, values) in enumerate(parts, 1):
        scores = standard_scores(values)
        for block, (line, raw, shade) in enumerate(zip(scores, values, shades, strict=False), 1):
            figure.add_scatter(
                x=across,
                y=np.asarray(line, np.float32),
                customdata=np.asarray(raw, np.float32),
                mode="lines",
                line={"color": shade, "width": 1},
                name=f"block {block}",
                hovertemplate=f"block {block}, dimension %{{x}}<br><b>{word} %{{customdata:{hover_form()}}}</b>, "
                f"%{{y:{hover_form()}}} standard deviations<extra></extra>",
                row=row,
                col=1,
            )
        for limit in (-n_std, n_std):
            figure.add_hline(y=limit, line={"color": MUTED, "dash": "dash", "width": 1.2}, row=row, col=1)
        figure.update_yaxes(title={"text": f"{word.capitalize()} (standard deviations)"}, row=row, col=1)
        for place, dim in enumerate(dims):
            far = float(scores[:, dim][np.nanargmax(np.abs(scores[:, dim]))])
            figure.add_annotation(
                x=int(dim), y=far, text=f"<b>{dim}</b>", arrowhead=0, ax=24, ay=-10 - 12 * (place % 3), row=row, col=1
            )
    figure.add_traces(_block_bar(len(weights), shades))
    figure.update_layout(
        template="none", showlegend=False, hovermode="closest", margin={"l": 60, "r": 20, "t": 30, "b": 50}
    )
    return figure.update_xaxes(title={"text": "Dimension (index)"}, row=len(parts), col=1)


def _block_bar(n_blocks: int, shades: Sequence[str]) -> list[go.Scatter]:
    """The colour bar of the blocks, on a trace that draws nothing; none where there is one block."""
    if n_blocks < 2:
        return []
    step = -(-n_blocks // 12)
    scale = [[place / (n_blocks - 1), shade] for place, shade in enumerate(shades)]
    bar = {"title": {"text": "Block"}, "thickness": 12, "tickvals": [1, *range(1 + step, n_blocks + 1, step)]}
    marker = {"color": [1, n_blocks], "cmin": 1, "cmax": n_blocks, "colorscale": scale, "colorbar": bar}
    return [go.Scatter(x=[None, None], y=[None, None], mode="markers", marker={**marker, "showscale": True})]
