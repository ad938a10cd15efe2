"""Charts of moving label centroids: paths over layers or models, and the difference vectors of two models."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from backend import (
    error_bars,
    hover_form,
    number_text,
)
from pages._kit.charts.base import (
    COLOUR_SCALE,
    DASHES,
    MUTED,
    Floats,
    base_figure,
    layer_ticks,
    safe,
    shortened,
    with_legend,
)
from pages._kit.charts.classes import N_SHADES, shade, symbol

MOST_NAMED = 12
FRAMES = {"centred": "To each other", "raw": "As they are", "scaled": "At one scale"}
FRAME_HELP = (
    "To each other: minus the mean of all labels in each layer, so that a shared drift does not hide how the labels separate. As they are: "
    "with that drift. At one scale: to each other, and divided by how far the labels of the first model lie from their mean in that layer."
)
PATHS_CAPTION = (
    "One line per label, from the small marker to the arrowhead. The plane keeps only two directions, so read lengths in "
    "the table, where they are measured in the full space."
)
DIFFERENCES_CAPTION = (
    "The displacement of each label's centroid from the first model to the last. Labels near each other moved the same "
    "way; at the cross a label "
)
STILL = {
    "raw": "did not move",
    "centred": "moved as the mean of all labels",
    "scaled": "moved as the mean of all labels",
}
LENGTHS_CAPTION = (
    "Length of each label's difference vector in the full space; where labels are shown to each other, less the mean one. Divided "
    "by the spread of the first model's labels (their mean distance from their mean), the layers compare: at 1 a label moved as "
    "far as the labels lie from their middle. Bars: two standard errors."
)
_FAINT = 0.3


@dataclass(frozen=True, slots=True)
class Look:
    """How a label is drawn: the colour, and where the colours come round again another marker and another kind of line."""

    shade: str
    symbol: str
    dash: str


def label_look(order: int) -> Look:
    """The look of the ``order``-th label in colour: no two of the ``MOST_NAMED`` are the same."""
    return Look(shade(order), symbol(order), DASHES[order // N_SHADES % len(DASHES)])


_GREY = Look(MUTED, "circle", "solid")


def turned(path: Floats, known: npt.NDArray[np.intp]) -> float:
    """The angle of an arrowhead at the end of ``path`` (n_steps, 2), of which the steps ``known`` are known: from above, in degrees."""
    way = path[known[-1]] - path[known[-2]]
    return float(np.degrees(np.arctan2(way[0], way[1])))  # as Plotly counts; both axes have one scale


def paths_chart(
    coords: Floats, steps: Sequence[str], classes: Sequence[str], named: Sequence[int], shares: Floats
) -> go.Figure:
    """Paths (n_steps, n_labels, 2) over ``steps``, with an arrowhead at the end; the labels in ``named`` in colour.

    ``shares`` (2,) are what the axes hold of all. A step without coordinates is left out, and the line has a gap there.
    """
    figure = _plane(shares)
    chosen = list(named)[:MOST_NAMED]
    places = _places(coords[:, chosen], [shortened(classes[label]) for label in chosen])
    for label in [*(i for i in range(len(classes)) if i not in chosen), *chosen]:
        path = coords[:, label]
        known = np.flatnonzero(np.isfinite(path).all(axis=1))
        if not len(known):
            continue
        bright = label in chosen
        look = label_look(chosen.index(label)) if bright else _GREY
        sizes, symbols, angles = (
            np.linspace(5, 9, len(path)) * (1 if bright else 0.5),
            [look.symbol] * len(path),
            np.zeros(len(path)),
        )
        if len(known) > 1:
            last = known[-1]
            sizes[last], symbols[last], angles[last] = (15 if bright else 7), "arrow", turned(path, known)
        name, written = safe(classes[label]), [""] * len(path)
        if bright:
            written[known[-1]] = safe(shortened(classes[label]))
        figure.add_scatter(
            x=path[:, 0].astype(np.float32),
            y=path[:, 1].astype(np.float32),
            mode="lines+markers+text",
            name=name,
            opacity=1 if bright else _FAINT,
            line={"color": look.shade, "width": 2 if bright else 1, "dash": look.dash},
            marker={"size": sizes, "symbol": symbols, "angle": angles, "color": look.shade, "opacity": 1},
            text=written,
            textposition=places[chosen.index(label)] if bright else "top center",
            textfont={"color": look.shade, "size": 13},
            cliponaxis=False,
            hovertext=[safe(step) for step in steps],
            hovertemplate=f"{name}<br>%{{hovertext}}<extra></extra>",
        )
    return figure


def difference_arrows(
    coords: Floats, classes: Sequence[str], named: Sequence[int], shares: Floats, frame: str = "raw"
) -> go.Figure:
    """Difference vectors of one layer (n_labels, 2) as arrows from the origin; the labels in ``named`` in colour."""
    start = np.where(np.isfinite(coords), 0.0, np.nan)
    figure = paths_chart(np.stack([start, coords]), [STILL[frame], "moved here"], classes, named, shares)
    _origin(figure, frame)
    return figure


def difference_cloud(
    coords: Floats,
    layers: Sequence[str],
    classes: Sequence[str],
    shares: Floats,
    frame: str = "raw",
    named: Sequence[int] = (),
) -> go.Figure:
    """Difference vectors of all layers (n_layers, n_labels, 2) in one plane, one point a label, coloured by layer.

    Of the labels in ``named`` the points of the last layer bear the name, and a faint line joins those of all layers.
    """
    figure = _plane(shares)
    n_layers, n_labels = coords.shape[:2]
    flat = coords.reshape(-1, 2)
    numbers = np.repeat(np.arange(n_layers), n_labels)
    ticks = layer_ticks(layers, most=13)
    figure.add_scatter(
        x=flat[:, 0].astype(np.float32),
        y=flat[:, 1].astype(np.float32),
        mode="markers",
        marker={
            "color": numbers.astype(np.int32),
            "colorscale": COLOUR_SCALE,
            "cmin": 0,
            "cmax": max(1, n_layers - 1),
            "size": 9,
            "line": {"width": 0.5, "color": MUTED},
            "colorbar": {"title": {"text": "layer"}, "thickness": 14, **ticks},
        },
        text=[f"{safe(name)}<br>{safe(layer)}" for layer in layers for name in classes],
        hovertemplate="%{text}<extra></extra>",
    )
    _name_cloud(figure, coords, classes, list(named)[:MOST_NAMED])
    _origin(figure, frame)
    return figure


def _name_cloud(figure: go.Figure, coords: Floats, classes: Sequence[str], named: Sequence[int]) -> None:
    """The names of labels at their points of the last layer, and the way there through the layers."""
    if not named:
        return
    places = _places(coords[:, named], [shortened(classes[label]) for label in named])
    for label, side in zip(named, places, strict=True):
        path = coords[:, label]
        known = np.flatnonzero(np.isfinite(path).all(axis=1))
        if not len(known):
            continue
        words = [""] * len(path)
        words[known[-1]] = safe(shortened(classes[label]))
        figure.add_scatter(
            x=path[:, 0].astype(np.float32),
            y=path[:, 1].astype(np.float32),
            mode="lines+text",
            line={"color": MUTED, "width": 1},
            opacity=0.8,
            text=words,
            textposition=side,
            textfont={"size": 13},
            cliponaxis=False,
            hoverinfo="skip",
            showlegend=False,
        )


def lengths_chart(
    lengths: Floats,
    errors: Floats | None,
    layers: Sequence[str],
    classes: Sequence[str],
    named: Sequence[int],
    title: str,
) -> go.Figure:
    """Lengths (n_layers, n_labels) over depth, with two standard ``errors`` as bars; the labels in ``named`` in colour."""
    figure = base_figure(x_title="Layer", y_title=title)
    chosen = list(named)[:MOST_NAMED]
    for label in [*(i for i in range(len(classes)) if i not in chosen), *chosen]:
        bright, name = label in chosen, safe(classes[label])
        if not np.isfinite(lengths[:, label]).any():
            continue
        look = label_look(chosen.index(label)) if bright else _GREY
        bars = (
            None
            if errors is None or not bright
            else {"array": error_bars(errors[:, label]), "thickness": 1, "width": 3}
        )
        figure.add_scatter(
            x=np.arange(len(layers), dtype=np.float32),
            y=lengths[:, label].astype(np.float32),
            error_y=bars,
            mode="lines+markers",
            name=name,
            showlegend=bright,
            opacity=1 if bright else _FAINT,
            line={"color": look.shade, "width": 2 if bright else 1, "dash": look.dash},
            marker={"size": 6 if bright else 3, "symbol": look.symbol},
            text=[safe(layer) for layer in layers],
            hovertemplate=f"{name}, %{{text}}<br><b>%{{y:{hover_form('distance')}}}</b><extra></extra>",
        )
    figure.update_xaxes(**layer_ticks(layers))
    return with_legend(figure.update_yaxes(rangemode="tozero"))


def _plane(shares: Floats) -> go.Figure:
    """An empty plane of two principal axes at one scale, with their shares in the titles."""
    titles = [
        f"Component {axis}" + (f" ({number_text(share, 'share')})" if np.isfinite(share) else "")
        for axis, share in enumerate(shares, 1)
    ]
    figure = base_figure(x_title=titles[0], y_title=titles[1])
    figure.update_yaxes(scaleanchor="x", scaleratio=1)
    return figure.update_layout(dragmode="pan")


def _origin(figure: go.Figure, frame: str) -> None:
    figure.add_scatter(
        x=[0.0],
        y=[0.0],
        mode="markers",
        marker={"symbol": "cross-thin", "size": 14, "line": {"width": 2, "color": MUTED}},
        hovertemplate=f"{STILL[frame]}<extra></extra>",
    )


_SIDES = (
    "middle right", "top right", "bottom right", "top center", "bottom center", "middle left", "top left", "bottom left",
)  # fmt: skip
_LETTER, _LINE = 0.011, 0.045  # of the plane's extent: about the width of a letter, the height of a line


def _places(paths: Floats, names: Sequence[str]) -> list[str]:
    """Where to write each name beside the end of its path (n_steps, n_paths, 2): the way it was going, or another side.

    A side whose text would lie on a text before it is passed over, as long as there is another.
    """
    extent = float(np.ptp(paths[np.isfinite(paths).all(axis=-1)], axis=0).max(initial=0.0)) or 1.0
    taken: list[tuple[Floats, Floats]] = []
    found = []
    for path, name in zip(np.moveaxis(paths, 1, 0), names, strict=True):
        known = path[np.isfinite(path).all(axis=1)]
        best = _beyond(known) if len(known) else _SIDES[0]
        size = extent * np.array([_LETTER * len(name), _LINE])
        end = known[-1] if len(known) else np.zeros(2)
        boxes = {side: end + _shift(side) * (size / 2 + extent * 0.03) for side in (best, *_SIDES)}
        free = [side for side, at in boxes.items() if all((np.abs(at - b) > (size + s) / 2).any() for b, s in taken)]
        found.append(free[0] if free else best)
        taken.append((boxes[found[-1]], size))
    return found


def _shift(side: str) -> Floats:
    y, x = side.split()
    return np.array([{"left": -1.0, "center": 0.0, "right": 1.0}[x], {"bottom": -1.0, "middle": 0.0, "top": 1.0}[y]])


def _beyond(path: Floats) -> str:
    """The side of the end of ``path`` (n_steps, 2) that it was going to, so that a name there does not lie on it."""
    way = path[-1] - path[-2] if len(path) > 1 else np.zeros(2)
    if abs(way[1]) > 2 * abs(way[0]):
        return "top center" if way[1] > 0 else "bottom center"
    side = "right" if way[0] >= 0 else "left"
    return f"middle {side}" if abs(way[0]) > 2 * abs(way[1]) else f"{'top' if way[1] > 0 else 'bottom'} {side}"
