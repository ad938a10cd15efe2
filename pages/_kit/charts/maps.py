"""Charts of projections: one point a text, coloured by label, the coordinates of every layer at hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from pages._kit.charts.base import (
    MUTED,
    ORDERED,
    PALETTE,
    SYMBOLS,
    Floats,
    base_figure,
    hover_text,
    legend_beside,
    safe,
    shortened,
    with_legend,
)

CAPTION = (
    "Each point is a text (or, with pooling tokens, a token); near points had similar vectors in the full space. With t-SNE and UMAP only "
    "neighbourhoods mean something: the size of a cluster, the gap between two, and the axes do not."
)
METHODS = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}
NO_LABEL = "no label"
MOST_CLASSES = 24
_N_SHADES = 7  # of the palette: its last is a grey, as what has no class is
_MOST_BELOW = 8  # classes whose legend has room below the plot
_MOST_CHARS = 24  # of a class in the legend


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """A drawn projection: the figure, and for each of its traces the rows that it shows."""

    figure: go.Figure
    rows: tuple[npt.NDArray[np.int64], ...]

    def coordinates(self, layers: Floats) -> list[list[Floats]]:
        """``layers`` (n_layers, n_rows, 2 or 3) divided among the traces: [layer][trace] -> (n, 2 or 3) float32."""
        return [[np.asarray(layer[rows], np.float32) for rows in self.rows] for layer in layers]


def projection_scatter(
    coordinates: Floats,
    *,
    texts: Sequence[str],
    labels: Sequence[str | None] | None = None,
    numbers: Floats | None = None,
    label_name: str = "",
    ids: npt.NDArray[np.int64] | None = None,
    text_index: npt.NDArray[np.int64] | None = None,
    token_index: npt.NDArray[np.int64] | None = None,
    tokens: Sequence[str] = (),
    axis_titles: Sequence[str] = ("", ""),
) -> Projection:
    """``coordinates`` (n_rows, 2 or 3) as points, one trace a class with a legend entry, the text in the hover.

    ``labels`` has one entry a row (None where missing); classes are drawn by size, the smallest on top; beyond 24
    the rarest share one grey entry behind all others. ``numbers`` (n_rows,), NaN where missing, take their place where the
    column ``label_name`` measures something: they are colours of one scale. ``text_index`` (n_rows,) says which text each row
    is, its own number if None; ``ids`` (n_rows,) are the points' ids (``customdata``), the texts' if None.
    ``token_index`` (n_rows,) is the position of the row's token in its text and ``tokens`` its text; both are written below
    the text, and -1 is a whole text. All axes have one unit. Empty ``axis_titles`` hide them: their numbers mean nothing.
    """
    n_rows = len(coordinates)
    places = np.arange(n_rows) if text_index is None else np.asarray(text_index)
    ids = places if ids is None else np.asarray(ids)
    flat = coordinates.shape[1] == 2
    figure = base_figure(x_title=axis_titles[0], y_title=axis_titles[1])
    groups = _groups(labels, n_rows) if numbers is None else _measured(numbers)
    hovers = _hovers(texts, places, token_index, tokens)
    size = float(np.clip(120 / np.sqrt(max(n_rows, 1)), 3.5, 9)) * (1 if flat else 0.6)
    for group in groups:
        rows = group.rows
        label = group.name if labels is None or numbers is None else ""
        trace: dict[str, Any] = {
            "mode": "markers",
            "name": f"{safe(shortened(group.name, _MOST_CHARS))} ({len(rows):,})" if group.name else "",
            "legendrank": 1000 + (group.place if group.place >= 0 else 999),
            "customdata": ids[rows].astype(np.int32),
            "text": [hovers[row] for row in rows],
            "hovertemplate": "%{text}" + (f"<br><b>{safe(label)}</b>" if label else "") + "<extra></extra>",
            "marker": {"color": MUTED if group.place < 0 else shade(group.place), "size": size, "opacity": 0.85},
        }
        if numbers is not None and group.place >= 0:
            trace["showlegend"] = False
            trace["marker"] |= _scale(numbers[rows], label_name)
            trace["hovertemplate"] = f"%{{text}}<br><b>{safe(label_name)}: %{{marker.color:.6g}}</b><extra></extra>"
        points = {
            axis: np.asarray(column, np.float32) for axis, column in zip("xyz", coordinates[rows].T, strict=False)
        }
        if flat:
            trace["marker"]["symbol"] = symbol(group.place)
            chosen = {"selected": {"marker": {"opacity": 1}}, "unselected": {"marker": {"opacity": 0.15}}}
            figure.add_scattergl(**points, **trace, **chosen)
        else:
            figure.add_scatter3d(**points, **trace)
    figure.update_layout(legend={"itemsizing": "constant"}, dragmode="pan" if flat else "turntable")
    if labels or numbers is not None:
        _with_classes(figure, len(groups))
    if flat:
        _axes(figure, axis_titles)
    else:
        _axes_in_space(figure, axis_titles)
    return Projection(figure, tuple(group.rows for group in groups))


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Points of one trace; ``place`` says which class it is by size, -1 what is grey."""

    name: str
    rows: npt.NDArray[np.int64]
    place: int = 0


def shade(place: int) -> str:
    """The colour of the ``place``-th class; it comes round again after seven."""
    return PALETTE[place % _N_SHADES]


def symbol(place: int) -> str:
    """The marker of the ``place``-th class: the next one each time that the colours come round."""
    return SYMBOLS[max(place, 0) // _N_SHADES % len(SYMBOLS)]


def _scale(numbers: Floats, name: str) -> dict[str, Any]:
    """Colours for numbers, with the bar that says what they mean."""
    scale = [[place / (len(ORDERED) - 1), shade] for place, shade in enumerate(ORDERED)]
    bar = {"title": {"text": safe(shortened(name, _MOST_CHARS)), "side": "right"}, "thickness": 14}
    return {"color": np.asarray(numbers, np.float64), "colorscale": scale, "colorbar": bar}


def _with_classes(figure: go.Figure, n_groups: int) -> None:
    """A legend below the plot for a few classes; beside it, where it scrolls, for many."""
    with_legend(figure)
    if n_groups > _MOST_BELOW:
        legend_beside(figure).update_layout(margin={"b": 55})


def _hovers(texts: Sequence[str], places: Any, positions: Any | None, tokens: Sequence[str]) -> list[str]:
    known: dict[int, str] = {}  # many tokens share a text
    words = [known.get(i) or known.setdefault(i, hover_text(texts[i])) for i in map(int, places)]
    if positions is None:
        return words
    named = [f": <b>{safe(token)}</b>" for token in tokens] if len(tokens) else [""] * len(words)
    rows = zip(words, map(int, positions), named, strict=True)
    return [f"{word}<br>token {at}{name}" if at >= 0 else word for word, at, name in rows]


def _groups(labels: Sequence[str | None] | None, n_rows: int) -> list[_Group]:
    """The classes, what is grey first and so at the back, then by size."""
    if not labels:
        return [_Group("", np.arange(n_rows))]
    found: dict[str, list[int]] = {}
    none: list[int] = []
    for row, label in enumerate(labels):
        (none if label is None else found.setdefault(label, [])).append(row)
    ordered = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    most = MOST_CLASSES - bool(none)
    rare = ordered[most - 1 :] if len(ordered) > most else []
    rest = sorted(row for _, rows in rare for row in rows)
    grey = [("" if not rare else f"other ({len(rare)} classes)", rest), (NO_LABEL, none)]
    named = ordered[: len(ordered) - len(rare)]
    return [
        *(_Group(name, np.array(rows, np.int64), -1) for name, rows in grey if rows),
        *(_Group(name, np.array(rows, np.int64), place) for place, (name, rows) in enumerate(named)),
    ]


def _measured(numbers: Floats) -> list[_Group]:
    known = np.isfinite(numbers)
    groups = [_Group(NO_LABEL, np.flatnonzero(~known), -1), _Group("", np.flatnonzero(known), 0)]
    return [group for group in groups if len(group.rows)]


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
