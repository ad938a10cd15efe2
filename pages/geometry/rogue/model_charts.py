"""The chart of spikes of several models: a column of panels for each model, a row for each layer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from pages._kit.charts.base import Floats, base_figure, safe, shortened
from pages.geometry.rogue.charts import Marks, note, sign_legend, silhouette

GRID_CAPTION = (
    "One column per model, one panel per layer. The band runs from the lowest to the highest value of the texts drawn on each "
    "dimension; the leading rogue dimension and the leading outlier are named."
)
ONE_FOR_ALL, ONE_A_LAYER, EACH = "One for all", "One a layer", "Each its own"
SCALES = {
    ONE_FOR_ALL: "All panels have one value scale.",
    ONE_A_LAYER: "The panels of a row have one value scale; compare shapes, not heights, between rows.",
    EACH: "Each panel has its own value scale: compare shapes, not heights.",
}
_ROW, _AROUND = 88, 160  # pixels: the height of a row of panels, and of what is around all of them
_TITLE_CHARS = 34
_ROOM = 0.12  # of a scale, above and below, for the names of dimensions


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One model: its ``title``, the names of its ``layers``, for each the ends of the band (2, n_dims), and what is named in it."""

    title: str
    layers: Sequence[str]
    ends: Sequence[Floats]
    marks: Sequence[Marks]


def models_grid(columns: Sequence[Column], *, scale: str, ranking: str) -> go.Figure:
    """The ``columns`` from left to right, their layers from the top; ``scale`` is one of SCALES, ``ranking`` as in ``spike_grid``."""
    n_rows = max(len(column.layers) for column in columns)
    figure = make_subplots(
        n_rows,
        len(columns),
        specs=[[{} if row < len(column.layers) else None for column in columns] for row in range(n_rows)],
        subplot_titles=[_title(column, row) for row in range(n_rows) for column in columns if row < len(column.layers)],
        horizontal_spacing=0.05,
        vertical_spacing=min(0.3 / n_rows, 0.12),
    )
    notes = [one.to_plotly_json() for one in figure.layout.annotations]
    traces: list[dict[str, Any]] = []
    axes: dict[str, Any] = {}
    ranges = _ranges(columns, scale)
    places = [(row, at) for row in range(n_rows) for at, column in enumerate(columns) if row < len(column.layers)]
    for place, (row, at) in enumerate(places):
        column, number = columns[at], str(place + 1) if place else ""
        ends = column.ends[row]
        on = {"xaxis": f"x{number}", "yaxis": f"y{number}"}
        traces += [trace | on for trace in silhouette(ends, f"{column.title}, {column.layers[row]}")]
        notes += [
            _near(note(ends, item, 0), column.marks[row]) | {"xref": f"x{number}", "yref": f"y{number}"}
            for item in column.marks[row].items()
        ]
        last = row == len(column.layers) - 1
        axes[f"xaxis{number}"] = {
            "range": [0, ends.shape[1]],
            "showticklabels": last,
            "title": {"text": "Dimension" if last else ""},
        }
        axes[f"yaxis{number}"] = {
            "nticks": 4,
            "title": {"text": "Value" if at == 0 and row == n_rows // 2 else ""},
            **({} if ranges is None else {"range": ranges[row]}),
        }
    kinds = {kind for column in columns for marks in column.marks for kind in marks.values()}
    figure.add_traces(traces + sign_legend(kinds, ranking))
    figure.layout.annotations = [one | {"font": {"size": 11}} for one in notes]
    return figure.update_layout(
        template="none",
        showlegend=bool(kinds),
        legend=base_figure(x_title="", y_title="").layout.legend,
        hovermode="closest",
        margin={"l": 60, "r": 20, "t": 50, "b": 95},
        **axes,
    )


def models_height(n_layers: int) -> int:
    """A height in pixels that leaves each panel of ``models_grid`` room, and lets twelve layers fit a page."""
    return _AROUND + _ROW * n_layers


def _near(words: dict[str, Any], named: Marks) -> dict[str, Any]:
    """The name of a dimension beside its spike: above, it would lie on the panel before. Of two, the lower one has it at the left."""
    right = words["ax"] > 0 if len(named) == 1 else words["x"] == max(named)
    side = 1 if right else -1
    return words | {"ax": 10 * side, "ay": 0, "xanchor": "left" if side > 0 else "right", "bgcolor": "rgba(0,0,0,0)"}


def _title(column: Column, row: int) -> str:
    """The layer; above the first one the model too."""
    layer = safe(shortened(column.layers[row], _TITLE_CHARS))
    return f"<b>{safe(shortened(column.title, _TITLE_CHARS))}</b>, {layer}" if row == 0 else layer


def _ranges(columns: Sequence[Column], scale: str) -> list[list[float]] | None:
    """The value axis of each row of panels; None where each panel has its own."""
    if scale == EACH:
        return None
    rows = [
        np.concatenate([column.ends[row].ravel() for column in columns if row < len(column.ends)])
        for row in range(max(len(column.ends) for column in columns))
    ]
    if scale == ONE_FOR_ALL:
        rows = [np.concatenate(rows)] * len(rows)
    return [_range(row) for row in rows]


def _range(values: Floats) -> list[float]:
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    room = _ROOM * ((high - low) or 1.0)
    return [low - room, high + room]
