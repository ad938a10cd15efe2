"""Charts of rogue dimensions: every dimension's value as a spike, for one layer or for all layers in one figure."""

from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from backend import hover_form
from pages._kit.charts.base import MUTED, PALETTE, Floats, base_figure, faint, hover_text, safe, with_legend

CAPTION = (
    "Each line is one text: its value on every dimension, in the order of the model's own dimensions. A spike that all "
    "lines share is a large mean, one from which the lines fan out a large variance."
)
GRID_CAPTION = (
    "One panel per layer. The band runs from the lowest to the highest value of the texts drawn on each dimension; the "
    "leading rogue dimension and the leading outlier are named."
)
ROGUE, OUTLIER, BOTH = "rogue", "outlier", "both"
_SIGNS = {ROGUE: "●", OUTLIER: "○", BOTH: "★"}
_SYMBOLS = {ROGUE: "circle", OUTLIER: "circle-open", BOTH: "star"}
MOST_TRACES = 40
_LINE = {"color": PALETTE[0], "width": 1}

Marks = Mapping[int, str]
"""Dimensions that are named in a figure, most important first: each ROGUE, OUTLIER or BOTH."""


def spike_plot(
    values: Floats,
    *,
    texts: Sequence[str],
    marks: Marks | None = None,
    ranking: str = "",
    title: str = "",
) -> go.Figure:
    """``values`` (n_texts, n_dims) of one layer, a line a text over the dimension's index.

    Each dimension of ``marks`` is named at its highest spike, with a sign that the legend explains; ``ranking`` says
    there what the rogue ones are rogue by.
    """
    figure = base_figure(x_title="Dimension (index)", y_title="Value (activation)")
    if title:
        figure.update_layout(title={"text": safe(title), "x": 0, "font": {"size": 14}})
    n_texts, n_dims = values.shape
    dims = np.arange(n_dims, dtype=np.int32)
    if n_texts <= MOST_TRACES:
        for row, text in zip(values, texts, strict=True):
            hover = f"dimension %{{x}}<br><b>%{{y:{hover_form()}}}</b><br>{hover_text(text)}<extra></extra>"
            figure.add_scatter(
                x=dims,
                y=np.asarray(row, np.float32),
                mode="lines",
                line=_LINE,
                opacity=0.4,
                hovertemplate=hover,
                showlegend=False,
            )
    else:
        x, y = joined(values)
        figure.add_scatter(x=x, y=y, mode="lines", line=_LINE, opacity=0.25, hovertemplate=_HOVER, showlegend=False)
    for order, named in enumerate((marks or {}).items()):
        figure.add_annotation(note(values, named, order))
    if marks:
        figure.add_traces(sign_legend(set(marks.values()), ranking))
        with_legend(figure)
    return figure.update_xaxes(range=[-0.01 * n_dims, 1.01 * n_dims])


def spike_grid(
    layers: Sequence[Floats],
    names: Sequence[str],
    *,
    marks: Sequence[Marks] | None = None,
    ranking: str = "",
    n_columns: int = 3,
    one_scale: bool = False,
) -> go.Figure:
    """``layers``, each (n_texts, n_dims), as one panel a layer in a single figure.

    A panel shows the silhouette of all its lines, from the lowest to the highest value on each dimension: a line for
    each text, thirteen times over, would take a browser many seconds. ``marks`` has one mapping a layer, of the
    dimensions to be named in its panel; ``ranking`` says in the legend what the rogue ones are rogue by. With ``one_scale``
    all panels have the same value axis.
    """
    n_columns = min(n_columns, max(len(layers), 1))
    n_rows = -(-len(layers) // n_columns)
    places = [[row * n_columns + column for column in range(n_columns)] for row in range(n_rows)]
    figure = make_subplots(
        n_rows,
        n_columns,
        specs=[[{} if place < len(layers) else None for place in row] for row in places],
        subplot_titles=[safe(name) for name in names],
        horizontal_spacing=0.06,
        vertical_spacing=min(0.3 / max(n_rows, 1), 0.12),
    )
    # Everything at once: a call for each trace and each note would take longer than the browser does.
    notes = [one.to_plotly_json() for one in figure.layout.annotations]
    traces: list[dict[str, Any]] = []
    axes: dict[str, Any] = {}
    for place, values in enumerate(layers):
        number = str(place + 1) if place else ""
        at = {"xaxis": f"x{number}", "yaxis": f"y{number}"}
        traces += [trace | at for trace in silhouette(values, names[place])]
        named = list((marks[place] if marks else {}).items())
        notes += [
            note(values, item, order) | {"xref": f"x{number}", "yref": f"y{number}"} for order, item in enumerate(named)
        ]
        axes[f"xaxis{number}"] = {"range": [0, values.shape[1]]}
        if place + n_columns >= len(layers):
            axes[f"xaxis{number}"]["title"] = {"text": "Dimension"}
        axes[f"yaxis{number}"] = {"title": {"text": "Value" if place % n_columns == 0 else ""}}
        if one_scale and place:
            axes[f"yaxis{number}"]["matches"] = "y"
    kinds = {kind for one in marks or [] for kind in one.values()}
    figure.add_traces(traces + sign_legend(kinds, ranking))
    # Set, not updated: an update would leave the titles as they are
    figure.layout.annotations = [one | {"font": {"size": 12}} for one in notes]
    return figure.update_layout(
        template="none",
        showlegend=bool(kinds),
        legend=base_figure(x_title="", y_title="").layout.legend,
        hovermode="closest",
        margin={"l": 50, "r": 20, "t": 60, "b": 95},
        **axes,
    )


def grid_height(n_layers: int, n_columns: int = 3) -> int:
    """A height in pixels that leaves each panel of ``spike_grid`` room to be read."""
    return 155 + 170 * -(-n_layers // n_columns)


def silhouette(values: Floats, name: str) -> list[dict[str, Any]]:
    """The band between the lowest and the highest of ``values`` (n_texts, n_dims) on each dimension, as two traces."""
    dims = np.arange(values.shape[1], dtype=np.int32)
    line = {"color": PALETTE[0], "width": 0.8}
    sides = {"lowest": values.min(axis=0), "highest": values.max(axis=0)}
    return [
        {
            "type": "scatter",
            "x": dims,
            "y": np.asarray(side, np.float32),
            "mode": "lines",
            "line": line,
            "fill": "tonexty" if word == "highest" else None,
            "fillcolor": faint(PALETTE[0], 0.35),
            "showlegend": False,
            "hovertemplate": f"{safe(name)}, dimension %{{x}}<br><b>{word} %{{y:{hover_form()}}}</b><extra></extra>",
        }
        for word, side in sides.items()
    ]


_HOVER = f"dimension %{{x}}<br><b>%{{y:{hover_form()}}}</b><extra></extra>"


def joined(values: Floats) -> tuple[Floats, Floats]:
    """The lines of ``values`` (n_texts, n_dims) as one, with a gap after each: one trace draws faster than many."""
    n_texts, n_dims = values.shape
    x = np.empty((n_texts, n_dims + 1), np.float32)
    x[:] = np.arange(n_dims + 1)
    y = np.full((n_texts, n_dims + 1), np.nan, np.float32)
    y[:, :-1] = values
    return x.ravel(), y.ravel()


def sign_legend(kinds: Set[str], ranking: str) -> list[dict[str, Any]]:
    """A legend entry for each sign in use; the traces draw nothing."""
    by = f" by {safe(ranking)}" if ranking else ""
    words = {ROGUE: f"rogue{by}", OUTLIER: "outlier (mean value)", BOTH: f"rogue{by}, and an outlier"}
    return [
        {
            "type": "scatter",
            "x": [None],
            "y": [None],
            "mode": "markers",
            "name": word,
            "marker": {"symbol": _SYMBOLS[kind], "color": MUTED, "size": 9},
            "showlegend": True,
        }
        for kind, word in words.items()
        if kind in kinds
    ]


def note(values: Floats, named: tuple[int, str], order: int) -> dict[str, Any]:
    """A dimension's number and sign at its highest spike; neighbours in ``order`` keep out of each other's way."""
    dim, kind = named
    spikes = values[:, dim]
    top = float(spikes[np.argmax(np.abs(spikes))])
    left = dim < 0.85 * values.shape[1]
    return {
        "x": dim,
        "y": top,
        "text": f"<b>{dim}</b> {_SIGNS[kind]}",
        "showarrow": True,
        "arrowhead": 0,
        "ax": 28 if left else -28,
        "ay": (-1 if top >= 0 else 1) * (6 + 14 * (order % 2)),
        "xanchor": "left" if left else "right",
    }
