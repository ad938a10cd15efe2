"""Charts of what is left of a network when dimensions are overwritten inside it: accuracy, and loss per token."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from backend import (
    InnerAblation,
    band_ends,
    hover_form,
)
from pages._kit.charts.base import MUTED, Floats, add_band, base_figure, colour, safe, with_legend

ORDER_NAMES = {
    "highest": "highest variance first",
    "lowest": "lowest variance first",
    "random": "random (mean ± std)",
    "given": "the named ones",
}
_PLACES = {"highest": 0, "lowest": 1, "given": 3}
_GREY = "#8C8C8C"
CAPTION = (
    "From left to right more and more dimensions are overwritten, in growing steps; the dashed line is the model as it is, "
    "the faint ones are the same with shuffled labels. A line that falls early belongs to dimensions that later blocks need. Read it against the "
    "random ones: where it lies in their band, any dimensions would do the same."
)
LOSS_CAPTION = (
    "Cross-entropy of the next token, in nats; higher is worse. The dashed line is the model as it is. A uniform guess "
    "would cost the logarithm of the vocabulary size."
)


def inner_accuracy_chart(values: InnerAblation) -> go.Figure:
    """Accuracy of an InnerAblation for each order, with the control faint, and the model as it is dashed."""
    figure = _empty(values, "Test accuracy (share of texts)")
    for row, order in enumerate(values.orders):
        _line(
            figure, values.control[row], f"shuffled labels, {ORDER_NAMES[order]}", _shade(order), "accuracy", faint=True
        )
    _curves(figure, values, values.accuracy, values.accuracy_std, "accuracy")
    if values.split is not None:
        _level(figure, float(values.split.majority), "largest class", MUTED, "dot", left=True)
    _level(figure, float(values.baseline), "nothing overwritten", colour(2), "dash")
    figure.update_yaxes(range=[0, 1.03])
    return with_legend(figure)


def inner_loss_chart(values: InnerAblation) -> go.Figure:
    """Loss per token of an InnerAblation for each order, and the model as it is dashed."""
    figure = _empty(values, "Loss (nats per token)")
    _curves(figure, values, values.loss, values.loss_std, "nats")
    none = values.loss[:, 0]
    if np.isfinite(none).any():
        _level(figure, float(none[np.isfinite(none)][0]), "nothing overwritten", colour(2), "dash")
    return with_legend(figure)


def _empty(values: InnerAblation, y_title: str) -> go.Figure:
    figure = base_figure(x_title=f"Dimensions overwritten after {safe(values.layer_name)}", y_title=y_title)
    steps = [f"{int(k):,}" for k in values.n_overwritten]
    return figure.update_xaxes(tickmode="array", tickvals=list(range(len(steps))), ticktext=steps)


def _curves(figure: go.Figure, values: InnerAblation, lines: Floats, spread: Floats, unit: str) -> None:
    for row, order in enumerate(values.orders):
        if order == "random" and np.isfinite(lines[row]).all():
            add_band(figure, np.arange(lines.shape[1]), *band_ends(lines[row], spread[row]))
        _line(figure, lines[row], ORDER_NAMES[order], _shade(order), unit, steps=values.n_overwritten)


def _shade(order: str) -> str:
    return colour(_PLACES[order]) if order in _PLACES else _GREY


def _line(
    figure: go.Figure, y: Floats, name: str, shade: str, unit: str, *, faint: bool = False, steps: Any = None
) -> None:
    if not np.isfinite(y).any():
        return
    figure.add_scatter(
        x=np.arange(len(y), dtype=np.int32),
        y=np.asarray(y, np.float32),
        mode="lines" if faint else "lines+markers",
        name=name,
        showlegend=not faint,
        opacity=0.45 if faint else 1,
        line={"color": shade, "width": 1.2 if faint else 2.2, "dash": "dot" if faint else "solid"},
        marker={"size": 6},
        text=None if steps is None else [f"{int(k):,}" for k in steps],
        hovertemplate=f"{name}<br>{'' if steps is None else '%{text} overwritten: '}<b>%{{y:{hover_form(unit)}}}</b><extra></extra>",
    )


def _level(figure: go.Figure, y: float, text: str, shade: str, dash: str, *, left: bool = False) -> None:
    if not np.isfinite(y):
        return
    figure.add_hline(y=y, line={"color": shade, "dash": dash, "width": 1.4})
    figure.add_annotation(
        x=0 if left else 1,
        xref="paper",
        xanchor="left" if left else "right",
        y=y,
        yanchor="bottom",
        showarrow=False,
        text=text,
        font={"color": shade, "size": 11},
    )
