"""The chart of spikes by class: the mean of every dimension over each class, a panel for each model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from backend import hover_form
from pages._kit.charts.base import DASHES, Floats, base_figure, safe, shortened
from pages._kit.charts.classes import N_SHADES, shade

CAPTION = (
    "Each line is one class: the mean of its texts on every dimension, in the order of the model's own dimensions. Where the "
    "lines lie on each other, the dimension says nothing of the class; where they part on one spike, that dimension alone tells "
    "much of it. Named is the dimension of highest variance (★), and the three on which the classes differ most (●)."
)
MOST_CLASSES = 12
N_NAMED = 3
_TITLE_CHARS = 54


@dataclass(frozen=True, slots=True, eq=False)
class ClassPanel:
    """One model: its ``title``, the means of the classes (n_classes, n_dims), and what is named: the ``principal`` dimension (-1:
    none) and those of ``apart``, on which the classes differ most."""

    title: str
    mean: Floats
    principal: int
    apart: Sequence[int]


def spikes_by_class(
    panels: Sequence[ClassPanel], classes: Sequence[str], shown: Sequence[int], y_range: tuple[float, float] | None
) -> go.Figure:
    """The ``panels`` side by side, two in a row; of the ``classes`` those ``shown`` (their numbers), each in one look in all panels.

    ``y_range`` is the value axis that all panels share; None: each has its own.
    """
    n_columns = min(len(panels), 2)
    n_rows = -(-len(panels) // n_columns)
    figure = make_subplots(
        n_rows,
        n_columns,
        specs=[
            [{} if row * n_columns + at < len(panels) else None for at in range(n_columns)] for row in range(n_rows)
        ],
        subplot_titles=[safe(shortened(panel.title, _TITLE_CHARS)) for panel in panels],
        horizontal_spacing=0.08,
        vertical_spacing=0.16 / n_rows,
    )
    for place, panel in enumerate(panels):
        at = {"row": place // n_columns + 1, "col": place % n_columns + 1}
        for order, label in enumerate(shown):
            figure.add_scatter(**_line(panel, classes[label], label, order), showlegend=place == 0, **at)
        for note in _notes(panel, shown):
            figure.add_annotation(**note, **at)
        n_dims = panel.mean.shape[1]
        figure.update_xaxes(range=[-0.01 * n_dims, 1.01 * n_dims], zeroline=False, **at)
        figure.update_yaxes(zeroline=True, range=None if y_range is None else list(y_range), **at)
        if place + n_columns >= len(panels):
            figure.update_xaxes(title={"text": "Dimension (index)"}, **at)
        if place % n_columns == 0:
            figure.update_yaxes(title={"text": "Mean value (activation)"}, **at)
    figure.update_annotations(font={"size": 12})
    base = base_figure(x_title="", y_title="").layout
    return figure.update_layout(
        template="none",
        legend=base.legend,
        hovermode="closest",
        showlegend=True,
        margin={"l": 60, "r": 20, "t": 50, "b": 95},
    )


def class_height(n_models: int) -> int:
    """A height in pixels that leaves each panel of ``spikes_by_class`` room to be read."""
    return 150 + 280 * -(-n_models // 2)


def _line(panel: ClassPanel, name: str, label: int, order: int) -> dict[str, Any]:
    return {
        "x": np.arange(panel.mean.shape[1], dtype=np.int32),
        "y": panel.mean[label].astype(np.float32),
        "mode": "lines",
        "name": safe(shortened(name, 40)),
        "legendgroup": f"class {label}",
        "line": {"color": shade(order), "width": 1.3, "dash": DASHES[order // N_SHADES % len(DASHES)]},
        "opacity": 0.8,
        "hovertemplate": f"{safe(name)}, dimension %{{x}}<br><b>%{{y:{hover_form()}}}</b><extra></extra>",
    }


def _notes(panel: ClassPanel, shown: Sequence[int]) -> list[dict[str, Any]]:
    """The number of each named dimension at its highest spike, with a sign."""
    found = []
    dims = dict.fromkeys([panel.principal, *panel.apart] if panel.principal >= 0 else panel.apart)
    for order, dim in enumerate(dims):
        spikes = panel.mean[list(shown), dim]
        if not np.isfinite(spikes).any():
            continue
        top = float(spikes[np.nanargmax(np.abs(spikes))])
        left = dim < 0.8 * panel.mean.shape[1]
        signs = ("★" if dim == panel.principal else "") + ("●" if dim in panel.apart else "")
        found.append(
            {
                "x": dim,
                "y": top,
                "text": f"<b>{dim}</b> {signs}",
                "showarrow": True,
                "arrowhead": 0,
                "ax": 30 if left else -30,
                "ay": (-1 if top >= 0 else 1) * (8 + 13 * (order % 3)),
                "xanchor": "left" if left else "right",
            }
        )
    return found
