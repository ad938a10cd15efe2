"""Charts of projections: one point a text, coloured by class or number, the coordinates of every layer at hand."""

import html
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from backend import Density
from pages._kit.charts.base import (
    MUTED,
    SCALE,
    Floats,
    base_figure,
    legend_beside,
    safe,
    shortened,
    titled,
    with_legend,
)
from pages._kit.charts.classes import Group, class_groups, measured_groups, shade, symbol
from pages._kit.charts.density import add_cells, cells_of, fullest_cell

CAPTION = (
    "Each point is a text (or, with pooling tokens, a token); near points had similar vectors in the full space. With t-SNE and UMAP only "
    "neighbourhoods mean something: the size of a cluster, the gap between two, and the axes do not."
)
METHODS = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}
OPACITY = 0.85  # of a point
_MOST_BELOW = 8  # classes whose legend has room below the plot
_MOST_CHARS = 24  # of a class in the legend
_HEADLINE = 44  # characters of a line above the points


def headlined(figure: go.Figure, text: str) -> go.Figure:
    """``figure`` with lines above the points that say what is drawn, short enough to stand beside the tool bar."""
    lines = textwrap.wrap(text, _HEADLINE)
    further = 16 * (len(lines) - 1)  # without the padding the first line would lie above the figure
    titled(figure, "").update_layout(title={"text": "<br>".join(map(safe, lines)), "pad": {"t": further}})
    above = max(figure.layout.margin.t or 0, 40) + further
    return figure.update_layout(margin={"t": above})


def headline_of(figure: go.Figure) -> str:
    """The text that ``headlined`` has put above the points of ``figure``, or nothing."""
    return html.unescape((figure.layout.title.text or "").replace("<br>", " "))


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """A drawn projection: the figure, and for each of its traces the rows that it shows; ``measured`` is the trace of numbers."""

    figure: go.Figure
    rows: tuple[npt.NDArray[np.int64], ...]
    measured: int | None = None

    def coordinates(self, layers: Floats) -> list[list[Floats]]:
        """``layers`` (n_layers, n_rows, 2 or 3) divided among the traces: [layer][trace] -> (n, 2 or 3) float32."""
        return [[np.asarray(layer[rows], np.float32) for rows in self.rows] for layer in layers]

    def before(self, grids: Sequence[Density], place: int, noun: str) -> "Projection":
        """The same points before the density of the ``place``, which is the first trace."""
        figure = add_cells(self.figure, cells_of(grids[place]), fullest_cell(grids), noun)
        measured = None if self.measured is None else self.measured + 1
        return Projection(figure, (np.zeros(0, np.int64), *self.rows), measured)


def projection_scatter(
    coordinates: Floats,
    *,
    hovers: Sequence[str],
    labels: Sequence[str | None] | None = None,
    chosen: Sequence[str] = (),
    order: Sequence[str] | None = None,
    numbers: Floats | None = None,
    ends: tuple[float, float] | None = None,
    name: str = "",
    ids: npt.NDArray[np.int64] | None = None,
    axis_titles: Sequence[str] = ("", ""),
) -> Projection:
    """``coordinates`` (n_rows, 2 or 3) as points, one trace a class with a legend entry; ``hovers`` are made safe already.

    ``labels`` has one entry a row (None where missing); classes are drawn by size, the smallest on top; beyond 24 the rarest
    share one grey entry behind all others, and with ``chosen`` classes all others do; ``order`` says otherwise which class is the first, the second. ``numbers`` (n_rows,), NaN where missing,
    are colours of one scale in their place, from the first of ``ends`` to the second (all numbers, if None); ``name`` is what
    classes or numbers are of. ``ids`` (n_rows,) are the points' ids (``customdata``), their own numbers if None.
    All axes have one unit. Empty ``axis_titles`` hide them: their numbers mean nothing.
    """
    n_rows = len(coordinates)
    ids = np.arange(n_rows) if ids is None else np.asarray(ids)
    said = np.array(hovers, dtype=object)  # which Plotly takes as it is, where it would look at each entry of a list
    flat = coordinates.shape[1] == 2
    figure = base_figure(x_title=axis_titles[0], y_title=axis_titles[1])
    groups = class_groups(labels, n_rows, chosen, order) if numbers is None else measured_groups(numbers)
    size = float(np.clip(120 / np.sqrt(max(n_rows, 1)), 3.5, 9)) * (1 if flat else 0.6)
    for group in groups:
        trace = _points(coordinates, group, ids, said, labels)
        trace["marker"]["size"] = size
        if numbers is not None and group.place >= 0:
            trace["showlegend"] = False
            trace["marker"] |= _scale(numbers[group.rows], ends, name)
            trace["hovertemplate"] = (
                f"%{{text}}<br><b>{safe(shortened(name, 60))}: %{{marker.color:.6g}}</b><extra></extra>"
            )
        if flat:
            trace["marker"]["symbol"] = symbol(group.place)
            faded = {"selected": {"marker": {"opacity": 1}}, "unselected": {"marker": {"opacity": 0.15}}}
            figure.add_scattergl(**trace, **faded)
        else:
            figure.add_scatter3d(**trace)
    figure.update_layout(legend={"itemsizing": "constant"}, dragmode="pan" if flat else "turntable")
    if labels or numbers is not None:
        _with_classes(figure, len(groups))
    if flat:
        _axes(figure, axis_titles)
    else:
        _axes_in_space(figure, axis_titles)
    measured = None if numbers is None else next((i for i, group in enumerate(groups) if group.place >= 0), None)
    return Projection(figure, tuple(group.rows for group in groups), measured)


def _points(
    coordinates: Floats,
    group: Group,
    ids: npt.NDArray[np.int64],
    hovers: npt.NDArray[np.object_],
    labels: Sequence[str | None] | None,
) -> dict[str, Any]:
    """The points of one class; those that share a grey name their own class each."""
    rows = group.rows
    words, label = hovers[rows], group.name
    if group.place < 0 and labels is not None:
        own = [labels[row] for row in rows]
        named = [
            text if one is None else f"{text}<br><b>{safe(shortened(one, 60))}</b>"
            for text, one in zip(words, own, strict=True)
        ]
        words = np.array(named, dtype=object)
        label = "" if any(one is not None for one in own) else label
    columns = zip("xyz", coordinates[rows].T, strict=False)
    return {
        **{axis: np.asarray(column, np.float32) for axis, column in columns},
        "mode": "markers",
        "name": f"{safe(shortened(group.name, _MOST_CHARS))} ({len(rows):,})" if group.name else "",
        "meta": {"class": group.name if group.place >= 0 else ""} if labels is not None else None,
        "legendrank": 1000 + (group.place if group.place >= 0 else 999),
        "customdata": ids[rows].astype(np.int32),
        "text": words,
        "hovertemplate": "%{text}" + (f"<br><b>{safe(shortened(label, 60))}</b>" if label else "") + "<extra></extra>",
        "marker": {"color": MUTED if group.place < 0 else shade(group.place), "opacity": OPACITY},
    }


def _scale(numbers: Floats, ends: tuple[float, float] | None, name: str) -> dict[str, Any]:
    """Colours for numbers, with the bar that says what they mean."""
    scale = [[place / (len(SCALE) - 1), shade] for place, shade in enumerate(SCALE)]
    bar = {"title": {"text": safe(shortened(name, 2 * _MOST_CHARS)), "side": "right"}, "thickness": 14}
    limits = {} if ends is None else {"cmin": ends[0], "cmax": ends[1]}
    return {"color": np.asarray(numbers, np.float64), "colorscale": scale, "colorbar": bar, **limits}


def _with_classes(figure: go.Figure, n_groups: int) -> None:
    """A legend below the plot for a few classes; beside it, where it scrolls, for many."""
    with_legend(figure)
    if n_groups > _MOST_BELOW:
        legend_beside(figure).update_layout(margin={"b": 55})


def _axes(figure: go.Figure, titles: Sequence[str]) -> None:
    if not any(titles):
        hidden = {"showticklabels": False, "ticks": "", "showgrid": False, "showline": False}
        figure.update_xaxes(**hidden)
        figure.update_yaxes(**hidden)
        figure.update_layout(margin={"l": 10, "b": 10})
    figure.update_yaxes(scaleanchor="x", scaleratio=1)


def _axes_in_space(figure: go.Figure, titles: Sequence[str]) -> None:
    names = ("xaxis", "yaxis", "zaxis")
    scene = {name: {"title": {"text": title}} for name, title in zip(names, titles, strict=False)}
    figure.update_layout(scene={**scene, "aspectmode": "data"}, margin={"l": 0, "r": 0, "b": 0})
