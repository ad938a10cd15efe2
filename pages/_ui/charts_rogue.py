"""Charts of rogue dimensions: every dimension's value as a spike, for one layer or for all layers in one figure."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from pages._ui.charts import PALETTE, Floats, base_figure, hover_text, safe

CAPTION = (
    "Each line is one text: its value on every dimension, in the order of the model's own dimensions. A dimension "
    "where lines spike is a rogue dimension: it dominates dot products and cosines. Named are the leading ones of the "
    "chosen ranking, and those whose mean value is an outlier."
)
GRID_CAPTION = (
    "One panel a layer. The band runs from the lowest to the highest value of the texts drawn on each dimension; the "
    "leading rogue dimension and the leading outlier are named. Each panel has its own value scale: compare shapes, not heights."
)
MOST_TRACES = 40
_LINE = {"color": PALETTE[0], "width": 1}


def spike_plot(
    values: Floats,
    *,
    texts: Sequence[str],
    rogue: Mapping[int, str] | None = None,
    title: str = "",
) -> go.Figure:
    """``values`` (n_texts, n_dims) of one layer, a line a text over the dimension's index.

    ``rogue`` names dimensions by index, most important first: each is marked with its name at its highest spike.
    """
    figure = base_figure(x_title="Dimension (index)", y_title="Value (activation)")
    if title:
        figure.update_layout(title={"text": safe(title), "x": 0, "font": {"size": 14}})
    n_texts, n_dims = values.shape
    dims = np.arange(n_dims, dtype=np.int32)
    if n_texts <= MOST_TRACES:
        for row, text in zip(values, texts, strict=True):
            hover = f"dimension %{{x}}<br><b>%{{y:.3f}}</b><br>{hover_text(text)}<extra></extra>"
            figure.add_scatter(
                x=dims, y=np.asarray(row, np.float32), mode="lines", line=_LINE, opacity=0.4, hovertemplate=hover
            )
    else:
        x, y = joined(values)
        figure.add_scatter(x=x, y=y, mode="lines", line=_LINE, opacity=0.25, hovertemplate=_HOVER)
    _name(figure, values, rogue or {})
    return figure.update_xaxes(range=[-0.01 * n_dims, 1.01 * n_dims])


def spike_grid(
    layers: Sequence[Floats],
    names: Sequence[str],
    *,
    rogue: Sequence[Mapping[int, str]] | None = None,
    n_columns: int = 3,
) -> go.Figure:
    """``layers``, each (n_texts, n_dims), as one panel a layer in a single figure.

    A panel shows the silhouette of all its lines, from the lowest to the highest value on each dimension: a line for
    each text, thirteen times over, would take a browser many seconds. ``rogue`` has one mapping a layer
    (index -> name) of dimensions to be named in its panel.
    """
    n_columns = min(n_columns, max(len(layers), 1))
    n_rows = -(-len(layers) // n_columns)
    figure = make_subplots(
        n_rows,
        n_columns,
        subplot_titles=[safe(name) for name in names],
        horizontal_spacing=0.06,
        vertical_spacing=min(0.3 / max(n_rows, 1), 0.12),
    )
    for place, values in enumerate(layers):
        row, column = place // n_columns + 1, place % n_columns + 1
        for trace in _silhouette(values, names[place]):
            figure.add_trace(trace, row, column)
        _name(figure, values, rogue[place] if rogue else {}, row=row, column=column)
        figure.update_xaxes(range=[0, values.shape[1]], row=row, col=column)
    figure.update_layout(
        template="none", showlegend=False, hovermode="closest", margin={"l": 50, "r": 20, "t": 60, "b": 45}
    )
    figure.update_xaxes(title={"text": "Dimension"}, row=n_rows)
    figure.update_yaxes(title={"text": "Value"}, col=1)
    return figure.update_annotations(font={"size": 12})


def grid_height(n_layers: int, n_columns: int = 3) -> int:
    """A height in pixels that leaves each panel of ``spike_grid`` room to be read."""
    return 105 + 170 * -(-n_layers // n_columns)


def _silhouette(values: Floats, name: str) -> list[go.Scatter]:
    dims = np.arange(values.shape[1], dtype=np.int32)
    line = {"color": PALETTE[0], "width": 0.8}
    sides = {"lowest": values.min(axis=0), "highest": values.max(axis=0)}
    return [
        go.Scatter(
            x=dims,
            y=np.asarray(side, np.float32),
            mode="lines",
            line=line,
            fill="tonexty" if word == "highest" else None,
            fillcolor="rgba(0,114,178,0.35)",
            hovertemplate=f"{safe(name)}, dimension %{{x}}<br><b>{word} %{{y:.3f}}</b><extra></extra>",
        )
        for word, side in sides.items()
    ]


_HOVER = "dimension %{x}<br><b>%{y:.3f}</b><extra></extra>"


def joined(values: Floats) -> tuple[Floats, Floats]:
    """The lines of ``values`` (n_texts, n_dims) as one, with a gap after each: one trace draws faster than many."""
    n_texts, n_dims = values.shape
    x = np.empty((n_texts, n_dims + 1), np.float32)
    x[:] = np.arange(n_dims + 1)
    y = np.full((n_texts, n_dims + 1), np.nan, np.float32)
    y[:, :-1] = values
    return x.ravel(), y.ravel()


def _name(
    figure: go.Figure, values: Floats, rogue: Mapping[int, str], *, row: int | None = None, column: int | None = None
) -> None:
    for place, (dim, name) in enumerate(rogue.items()):
        spikes = values[:, dim]
        top = float(spikes[np.argmax(np.abs(spikes))])
        figure.add_annotation(
            x=dim,
            y=top,
            text=f"<b>{safe(name)}</b>",
            showarrow=True,
            arrowhead=0,
            ax=28 if dim < 0.85 * values.shape[1] else -28,
            ay=(-1 if top >= 0 else 1) * (6 + 14 * (place % 2)),
            xanchor="left" if dim < 0.85 * values.shape[1] else "right",
            row=row,
            col=column,
        )
