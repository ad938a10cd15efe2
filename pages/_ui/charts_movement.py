"""Charts of moving label centroids: paths over layers or models, and the difference vectors of two models."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from pages._ui.charts import COLOUR_SCALE, MUTED, Floats, base_figure, colour, layer_ticks, safe, with_legend

MOST_NAMED = 12
FRAMES = {"centred": "To each other", "raw": "As they are", "scaled": "To each other, layers at one scale"}
FRAME_HELP = (
    "To each other: less the mean of all labels in each layer, so that a drift of all does not hide how they part. As they are: "
    "with that drift. At one scale: also divided by how far the labels of the first model lie from their mean in that layer."
)
PATHS_CAPTION = (
    "One line a label, from the small marker to the arrowhead. The plane keeps two directions only, so lengths are to be read "
    "in the table, not here: those are taken in the full space."
)
DIFFERENCES_CAPTION = (
    "The way of each label's centroid from the first model to the last; the cross is 'did not move'. Labels near each "
    "other went the same way."
)
LENGTHS_CAPTION = (
    "Length of each label's difference vector in the full space. Divided by the mean distance of the first model's "
    "centroids from their mean, the layers compare: at 1 a label moved as far as the labels lie from their middle."
)
_FAINT = 0.3


def paths_chart(
    coords: Floats, steps: Sequence[str], classes: Sequence[str], named: Sequence[int], shares: Floats
) -> go.Figure:
    """Paths (n_steps, n_labels, 2) over ``steps``, with an arrowhead at the end; the labels in ``named`` in colour.

    ``shares`` (2,) are what the axes hold of all. A step without coordinates is left out, and the line has a gap there.
    """
    figure = _plane(shares)
    chosen = list(named)[:MOST_NAMED]
    for label in [*(i for i in range(len(classes)) if i not in chosen), *chosen]:
        path = coords[:, label]
        known = np.flatnonzero(np.isfinite(path).all(axis=1))
        if not len(known):
            continue
        bright = label in chosen
        shade = colour(chosen.index(label)) if bright else MUTED
        sizes, symbols = np.linspace(4, 9, len(path)) * (1 if bright else 0.5), ["circle"] * len(path)
        if len(known) > 1:
            sizes[known[-1]], symbols[known[-1]] = (15 if bright else 7), "arrow"
        name = safe(classes[label])
        figure.add_scatter(
            x=path[:, 0].astype(np.float32),
            y=path[:, 1].astype(np.float32),
            mode="lines+markers",
            name=name,
            opacity=1 if bright else _FAINT,
            line={"color": shade, "width": 2 if bright else 1},
            marker={"size": sizes, "symbol": symbols, "angleref": "previous", "color": shade, "opacity": 1},
            text=[safe(step) for step in steps],
            hovertemplate=f"{name}<br>%{{text}}<extra></extra>",
        )
    ends = [(label, coords[np.isfinite(coords[:, label]).all(axis=1), label]) for label in chosen]
    _name_ends(figure, [(classes[i], colour(place), path[-1]) for place, (i, path) in enumerate(ends) if len(path)])
    return figure


def difference_arrows(coords: Floats, classes: Sequence[str], named: Sequence[int], shares: Floats) -> go.Figure:
    """Difference vectors of one layer (n_labels, 2) as arrows from the origin; the labels in ``named`` in colour."""
    start = np.where(np.isfinite(coords), 0.0, np.nan)
    figure = paths_chart(np.stack([start, coords]), ["did not move", "moved here"], classes, named, shares)
    _origin(figure)
    return figure


def difference_cloud(coords: Floats, layers: Sequence[str], classes: Sequence[str], shares: Floats) -> go.Figure:
    """Difference vectors of all layers (n_layers, n_labels, 2) in one plane, one point a label, coloured by layer."""
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
    _origin(figure)
    return figure


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
        shade = colour(chosen.index(label)) if bright else MUTED
        bars = None if errors is None or not bright else {"array": 2 * errors[:, label], "thickness": 1, "width": 3}
        figure.add_scatter(
            x=np.arange(len(layers), dtype=np.float32),
            y=lengths[:, label].astype(np.float32),
            error_y=bars,
            mode="lines+markers",
            name=name,
            showlegend=bright,
            opacity=1 if bright else _FAINT,
            line={"color": shade, "width": 2 if bright else 1},
            marker={"size": 6 if bright else 3},
            text=[safe(layer) for layer in layers],
            hovertemplate=f"{name}, %{{text}}<br><b>%{{y:.4g}}</b><extra></extra>",
        )
    figure.update_xaxes(**layer_ticks(layers))
    return with_legend(figure.update_yaxes(rangemode="tozero"))


def _plane(shares: Floats) -> go.Figure:
    """An empty plane of two principal axes at one scale, with their shares in the titles."""
    titles = [
        f"Component {axis}" + (f" ({share:.0%})" if np.isfinite(share) else "") for axis, share in enumerate(shares, 1)
    ]
    figure = base_figure(x_title=titles[0], y_title=titles[1])
    figure.update_yaxes(scaleanchor="x", scaleratio=1)
    return figure.update_layout(dragmode="pan")


def _origin(figure: go.Figure) -> None:
    figure.add_scatter(
        x=[0.0],
        y=[0.0],
        mode="markers",
        marker={"symbol": "cross-thin", "size": 14, "line": {"width": 2, "color": MUTED}},
        hovertemplate="did not move<extra></extra>",
    )


def _name_ends(figure: go.Figure, ends: Sequence[tuple[str, str, Floats]]) -> None:
    """Each name beside the end of its path, on the side that points away from the middle of all ends."""
    if not ends:
        return
    middle = np.mean([end for _, _, end in ends], axis=0)
    for name, shade, end in ends:
        right = end[0] >= middle[0]
        figure.add_annotation(
            x=float(end[0]),
            y=float(end[1]),
            text=safe(name if len(name) <= 18 else name[:17] + "…"),
            showarrow=False,
            xanchor="left" if right else "right",
            xshift=9 if right else -9,
            yshift=7 if end[1] >= middle[1] else -7,
            font={"color": shade, "size": 12},
        )
