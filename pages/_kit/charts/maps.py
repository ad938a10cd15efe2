"""Charts of projections: one point a text, coloured by label, the coordinates of every layer at hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from pages._kit.charts.base import MUTED, Floats, base_figure, colour, hover_text, safe, symbol, with_legend

CAPTION = (
    "Each point is a text (or, with pooling tokens, a token); near points had similar vectors in the full space. With t-SNE and UMAP only "
    "neighbourhoods mean something: the size of a cluster, the gap between two, and the axes do not."
)
METHODS = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}
NO_LABEL = "no label"
MOST_CLASSES = 24
_OTHER = "other ("


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
    text_index: npt.NDArray[np.int64] | None = None,
    token_index: npt.NDArray[np.int64] | None = None,
    axis_titles: Sequence[str] = ("", ""),
) -> Projection:
    """``coordinates`` (n_rows, 2 or 3) as points, one trace a class with a legend entry, the text in the hover.

    ``labels`` has one entry a row (None where missing); classes are drawn by size, the smallest on top; beyond 24
    the rarest share one grey entry. ``text_index`` (n_rows,) says which text each row is, its own number if None; it
    is the id (``customdata``) of the point. ``token_index`` (n_rows,) is the position of the row's token in its text, and
    is written below the text; -1 is a whole text. All axes have one unit. Empty ``axis_titles`` hide them: their numbers mean nothing.
    """
    n_rows = len(coordinates)
    ids = np.arange(n_rows) if text_index is None else np.asarray(text_index)
    flat = coordinates.shape[1] == 2
    figure = base_figure(x_title=axis_titles[0], y_title=axis_titles[1])
    groups = _groups(labels, n_rows)
    size = float(np.clip(120 / np.sqrt(max(n_rows, 1)), 3.5, 9)) * (1 if flat else 0.6)
    for place, (name, rows) in enumerate(groups):
        grey = name == NO_LABEL or name.startswith(_OTHER)
        trace: dict[str, Any] = {
            "mode": "markers",
            "name": f"{safe(name)} ({len(rows):,})" if name else "",
            "customdata": ids[rows].astype(np.int32),
            "text": _hovers(texts, ids[rows], None if token_index is None else token_index[rows]),
            "hovertemplate": "%{text}" + (f"<br><b>{safe(name)}</b>" if name else "") + "<extra></extra>",
            "marker": {"color": MUTED if grey else colour(place), "size": size, "opacity": 0.85},
        }
        points = {
            axis: np.asarray(column, np.float32) for axis, column in zip("xyz", coordinates[rows].T, strict=False)
        }
        if flat:
            trace["marker"]["symbol"] = symbol(place)
            chosen = {"selected": {"marker": {"opacity": 1}}, "unselected": {"marker": {"opacity": 0.15}}}
            figure.add_scattergl(**points, **trace, **chosen)
        else:
            figure.add_scatter3d(**points, **trace)
    figure.update_layout(legend={"itemsizing": "constant"}, dragmode="pan" if flat else "turntable")
    if labels:
        with_legend(figure)
    if flat:
        _axes(figure, axis_titles)
    else:
        _axes_in_space(figure, axis_titles)
    return Projection(figure, tuple(rows for _, rows in groups))


def _hovers(texts: Sequence[str], ids: Any, tokens: Any | None) -> list[str]:
    if tokens is None:
        return [hover_text(texts[i]) for i in ids]
    known: dict[int, str] = {}  # many tokens share a text
    words = [known.get(i) or known.setdefault(i, hover_text(texts[i])) for i in map(int, ids)]
    return [f"{word}<br>token {at}" if at >= 0 else word for word, at in zip(words, map(int, tokens), strict=True)]


def _groups(labels: Sequence[str | None] | None, n_rows: int) -> list[tuple[str, npt.NDArray[np.int64]]]:
    if not labels:
        return [("", np.arange(n_rows))]
    found: dict[str, list[int]] = {}
    for row, label in enumerate(labels):
        found.setdefault(NO_LABEL if label is None else label, []).append(row)
    ordered = sorted(found.items(), key=lambda item: (item[0] == NO_LABEL, -len(item[1]), item[0]))
    if len(ordered) > MOST_CLASSES:
        rest = sorted(row for _, rows in ordered[MOST_CLASSES - 1 :] for row in rows)
        ordered = [*ordered[: MOST_CLASSES - 1], (f"{_OTHER}{len(found) - MOST_CLASSES + 1} classes)", rest)]
    return [(name, np.array(rows, np.int64)) for name, rows in ordered]


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
