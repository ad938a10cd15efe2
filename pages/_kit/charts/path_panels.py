"""Paths of labels in several layers: one figure with a small plane for each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from backend import number_text
from pages._kit.charts.base import MUTED, Floats, base_figure, safe, shortened
from pages._kit.charts.paths import MOST_NAMED, label_look, turned

PANELS_CAPTION = "One panel per layer, each in a plane and on a scale of its own: compare directions, and read at the ticks how far the labels move."
_PANEL, _AROUND = 205, 120  # pixels: the height of a row of panels, and of what is around all of them


@dataclass(frozen=True, slots=True, eq=False)
class PathPanel:
    """One layer: its ``title``, the paths of the labels (n_steps, n_labels, 2), and what the two axes hold of all (2,)."""

    title: str
    coords: Floats
    shares: Floats


def path_panels(
    panels: Sequence[PathPanel], steps: Sequence[str], classes: Sequence[str], named: Sequence[int]
) -> go.Figure:
    """The ``panels``, from the first layer on; of the ``classes`` those ``named`` in colour, each in one look in all panels.

    A path ends in an arrowhead. The other labels of a panel are one grey trace.
    """
    n_columns = _columns(len(panels))
    n_rows = -(-len(panels) // n_columns)
    figure = make_subplots(
        n_rows,
        n_columns,
        specs=[
            [{} if row * n_columns + at < len(panels) else None for at in range(n_columns)] for row in range(n_rows)
        ],
        subplot_titles=[_title(panel) for panel in panels],
        horizontal_spacing=0.045,
        vertical_spacing=min(0.3 / n_rows, 0.14),
    )
    notes = [note.to_plotly_json() | {"font": {"size": 11}} for note in figure.layout.annotations]
    traces: list[dict[str, Any]] = []
    axes: dict[str, Any] = {}
    for place, panel in enumerate(panels):
        number = str(place + 1) if place else ""
        at = {"xaxis": f"x{number}", "yaxis": f"y{number}"}
        traces += [trace | at for trace in _traces(panel, steps, classes, list(named)[:MOST_NAMED], first=place == 0)]
        small = {"zeroline": True, "nticks": 7, "tickfont": {"size": 10}}
        axes[f"xaxis{number}"] = dict(small)
        axes[f"yaxis{number}"] = {**small, "scaleanchor": f"x{number}", "scaleratio": 1}
    figure.add_traces(traces)
    base = base_figure(x_title="", y_title="").layout
    return figure.update_layout(
        template="none",
        legend=base.legend,
        showlegend=True,
        hovermode="closest",
        dragmode="pan",
        margin={"l": 45, "r": 20, "t": 60, "b": 60},
        annotations=notes,
        **axes,
    )


def panels_height(n_panels: int) -> int:
    """How high a figure with so many panels is, in pixels."""
    return _PANEL * -(-n_panels // _columns(n_panels)) + _AROUND


def _columns(n_panels: int) -> int:
    return max(1, min(n_panels, 3 if n_panels <= 6 else 4))


def _title(panel: PathPanel) -> str:
    known = [number_text(share, "share") for share in panel.shares if np.isfinite(share)]
    return safe(shortened(panel.title, 24)) + (f"<br>{' + '.join(known)}" if known else "")


def _traces(
    panel: PathPanel, steps: Sequence[str], classes: Sequence[str], named: Sequence[int], *, first: bool
) -> list[dict[str, Any]]:
    rest = [label for label in range(len(classes)) if label not in named]
    found = [_others(panel, classes, rest)] if rest else []
    for order, label in enumerate(named):
        path = panel.coords[:, label]
        look = label_look(order)
        sizes, symbols, angles = np.full(len(path), 4.0), [look.symbol] * len(path), np.zeros(len(path))
        known = np.flatnonzero(np.isfinite(path).all(axis=1))
        if len(known) > 1:
            sizes[known[-1]], symbols[known[-1]], angles[known[-1]] = 11.0, "arrow", turned(path, known)
        name = safe(shortened(classes[label], 24))
        found.append(
            {
                "type": "scatter",
                "x": path[:, 0].astype(np.float32),
                "y": path[:, 1].astype(np.float32),
                "mode": "lines+markers",
                "name": name,
                "legendgroup": f"label {label}",
                "showlegend": first,
                "line": {"color": look.shade, "width": 1.6, "dash": look.dash},
                "marker": {"size": sizes, "symbol": symbols, "angle": angles, "color": look.shade, "opacity": 1},
                "text": [safe(step) for step in steps],
                "hovertemplate": f"{safe(panel.title)}: {safe(classes[label])}<br>%{{text}}<extra></extra>",
            }
        )
    return found


def _others(panel: PathPanel, classes: Sequence[str], rest: Sequence[int]) -> dict[str, Any]:
    """All labels that are not named, as one grey line with gaps."""
    n_steps = len(panel.coords)
    points = np.full((len(rest), n_steps + 1, 2), np.nan, np.float32)
    points[:, :n_steps] = np.moveaxis(panel.coords[:, list(rest)], 1, 0)
    words = [safe(classes[label]) for label in rest for _ in range(n_steps + 1)]
    return {
        "type": "scatter",
        "x": points[..., 0].ravel(),
        "y": points[..., 1].ravel(),
        "mode": "lines",
        "showlegend": False,
        "opacity": 0.4,
        "line": {"color": MUTED, "width": 1},
        "text": words,
        "hovertemplate": f"{safe(panel.title)}: %{{text}}<extra></extra>",
    }
