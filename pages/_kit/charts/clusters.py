"""Charts of DirectProbe: clusters against labels, distances between labels, and how alike they are across layers."""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from backend import (
    DirectProbeResult,
    hover_form,
    least_distance_extremes,
)
from pages._kit.charts.base import (
    COLOUR_SCALE,
    DASHES,
    MUTED,
    Floats,
    base_figure,
    colour,
    layer_ticks,
    safe,
    shortened,
    tick_places,
    titled,
    with_legend,
)

COUNT_CAPTION = (
    "As many clusters as labels: a linear classifier can separate all labels. More: at least one label is in pieces, with other "
    "labels between them."
)
MATRIX_CAPTION = (
    "Distance between the convex hulls of two labels, which is twice the margin of the widest linear separator; for a "
    "label in pieces, the minimum over its pieces. In units of the activations."
)
LEAST_CAPTION = (
    "Each label's distance to the label nearest to it. Named are the three whose distance grows most from the first layer to the "
    "last (or falls least, where all fall) and the three whose distance grows least (or falls most); of fewer than six labels, "
    "half each. Labels that tie with one outside their three bear no rank. The others are grey."
)
CHANGE_CAPTION = (
    "The same distance in one layer, from the model before to the model after: named are the three labels whose distance grows "
    "most (or falls least, where all fall) and the three whose distance grows least (or falls most). Labels that tie with one outside "
    "their three bear no rank."
)
TWO_CAPTION = "With two labels, both have the same distance: that between them."
SIMILARITY_CAPTION = (
    "Correlation of the distances between labels in two layers: 1 means the same arrangement of the labels, "
    "up to scale. The colours go from 0 to 1; values below 0 are drawn as 0. Hover over a cell for its number."
)
N_NAMED = 3
_TICK_CHARS = 24  # of a line of a model's name below the axis


def count_chart(values: DirectProbeResult, layers: Sequence[str], own: str = "", other: str = "") -> go.Figure:
    """Clusters of the training and the test rows over depth, beside the number of labels; with a second model, ``other``, by name."""
    of = f", {safe(own)}" if other else ""
    figure = base_figure(x_title="Layer", y_title="Clusters (count)")
    _over_layers(figure, values.n_clusters, layers, f"training rows{of}", 0, "count")
    _over_layers(figure, values.test_n_clusters, layers, f"test rows{of}", 1, "count")
    if other:
        _over_layers(figure, values.other_n_clusters, layers, f"training rows, {safe(other)}", 2, "count")
    labels = [(values.n_labels, "labels of the training rows", "left")]
    if values.test_n_labels != values.n_labels:
        labels.append((values.test_n_labels, "labels of the test rows", "right"))
    for number, name, side in labels:
        figure.add_hline(y=number, line={"color": MUTED, "dash": "dot", "width": 1})
        figure.add_annotation(
            x=float(side == "right"), xref="paper", xanchor=side, y=number, yanchor="top", showarrow=False,
            text=f"{number} {name}", font={"color": MUTED, "size": 11},
        )  # fmt: skip
    counts = np.concatenate([values.n_clusters, values.test_n_clusters, values.other_n_clusters])
    most = float(np.nanmax(counts, initial=values.n_labels))
    return with_legend(figure.update_yaxes(range=[0, 1.15 * most], dtick=1 if most < 8 else None))  # no half clusters


def distance_matrix(
    pairs: npt.NDArray[np.int64], distances: Floats, classes: Sequence[str], model: str = ""
) -> go.Figure:
    """The distances (n_pairs,) of the label ``pairs`` (n_pairs, 2) as a symmetric heatmap; undefined cells are empty.

    ``model`` is named above where there are two.
    """
    square = np.full((len(classes), len(classes)), np.nan, np.float32)
    square[pairs[:, 0], pairs[:, 1]] = square[pairs[:, 1], pairs[:, 0]] = distances
    names = [safe(shortened(name)) for name in classes]
    figure = base_figure(x_title="", y_title="")
    figure.add_heatmap(
        z=square,
        colorscale=COLOUR_SCALE,
        colorbar={"title": {"text": "distance"}, "thickness": 14},
        customdata=[[[safe(a), safe(b)] for b in classes] for a in classes],
        hovertemplate=f"%{{customdata[0]}} and %{{customdata[1]}}<br><b>%{{z:{hover_form('distance')}}}</b><extra></extra>",
        hoverongaps=False,
        xgap=1,
        ygap=1,
    )
    places = tick_places(len(names))
    shown = [names[place] for place in places]
    ticks = {"tickmode": "array", "tickvals": places, "ticktext": shown, "showgrid": False}
    span = [-0.5, len(names) - 0.5]
    figure.update_xaxes(range=span, tickangle=-45, constrain="domain", constraintoward="left", **ticks)
    figure.update_yaxes(range=span[::-1], scaleanchor="x", constrain="domain", constraintoward="top", **ticks)
    figure.update_layout(margin={"l": 90, "b": 90})
    return titled(figure, model) if model else figure


def least_chart(minimum: Floats, layers: Sequence[str], classes: Sequence[str], model: str = "") -> go.Figure:
    """Least distance of each label over depth; those that grow most and least are named, in colour; ``model`` above."""
    figure = base_figure(x_title="Layer", y_title="Distance to the nearest label")
    _extreme_lines(figure, minimum, layers, classes)
    figure.update_xaxes(**layer_ticks(layers))
    with_legend(figure.update_yaxes(rangemode="tozero"))
    return titled(figure, model) if model else figure


def change_chart(before: Floats, after: Floats, models: tuple[str, str], classes: Sequence[str]) -> go.Figure:
    """Least distance of each label (n_labels,) in one layer of two ``models``; those that grow most and least are named."""
    figure = base_figure(x_title="", y_title="Distance to the nearest label")
    both = np.where(np.isfinite(before) & np.isfinite(after), np.stack([before, after]), np.nan)
    _extreme_lines(figure, both, models, classes)
    names = [name_lines(name) for name in models]
    # Upright and in short lines, with room beside both ends: a long name in one line is left out by Plotly.
    figure.update_xaxes(
        tickmode="array", tickvals=[0, 1], ticktext=names, range=[-0.25, 1.25], tickangle=0, automargin=True,
        ticklabeloverflow="allow",
    )  # fmt: skip
    return with_legend(figure.update_yaxes(rangemode="tozero"))


def name_lines(name: str, n_chars: int = _TICK_CHARS) -> str:
    """A model's name in lines of at most ``n_chars``, parted after spaces, slashes and hyphens and before '@', made safe."""
    lines = [""]
    for piece in re.split(r"(?<=[\s/_-])(?!\d)|(?=@)", name):
        if lines[-1] and len(lines[-1]) + len(piece.rstrip()) > n_chars:
            lines.append("")
        lines[-1] += piece
        while len(lines[-1].rstrip()) > n_chars:
            lines[-1:] = [lines[-1][:n_chars], lines[-1][n_chars:]]
    return "<br>".join(safe(line) for line in lines)


def change_words(change: float, *, most: bool) -> str:
    """What is said of one of the labels that grow most (or least): a distance that falls is never said to grow."""
    if change == 0:
        return "stays"
    return f"{'grows' if change > 0 else 'falls'} {'most' if most == (change > 0) else 'least'}"


def named_extremes(minimum: Floats) -> dict[int, tuple[str, int, int]]:
    """The labels of ``minimum`` (n_steps, n_labels) to be named: what is said of each, and the places of colour and dash.

    Nothing is said of a label that bears no rank.
    """
    return {
        one.label: (
            change_words(one.change, most=one.most) if one.ranked else "",
            one.place + (0 if one.most else N_NAMED),
            0 if one.most else 1,
        )
        for one in least_distance_extremes(minimum, N_NAMED)
    }


def _extreme_lines(figure: go.Figure, minimum: Floats, steps: Sequence[str], classes: Sequence[str]) -> None:
    named = named_extremes(minimum)
    for label in range(len(classes)):
        if label not in named and np.isfinite(minimum[:, label]).any():
            _line(figure, minimum[:, label], steps, safe(classes[label]), MUTED, width=1, opacity=0.35, legend=False)
    for label, (kind, place, dash) in named.items():
        name = safe(shortened(classes[label])) + (f" ({kind})" if kind else "")
        _line(figure, minimum[:, label], steps, name, colour(place), dash=DASHES[dash])


def similarity_chart(lines: Sequence[tuple[str, Floats]], layers: Sequence[str]) -> go.Figure:
    """Spatial similarity over depth, one line for each (name, values), from 0 (or below) to 1."""
    figure = base_figure(x_title="Layer", y_title="Spatial similarity")
    lowest = 0.0
    for place, (name, values) in enumerate(lines):
        _over_layers(figure, values, layers, safe(name), place)
        lowest = min(lowest, float(np.nanmin(values, initial=0.0)))
    return with_legend(figure.update_yaxes(range=[lowest - 0.03, 1.03]))


def _over_layers(
    figure: go.Figure, values: Floats, layers: Sequence[str], name: str, place: int, unit: str = "correlation"
) -> None:
    _line(figure, values, layers, name, colour(place), dash=DASHES[place % len(DASHES)], unit=unit)
    figure.update_xaxes(**layer_ticks(layers))


def _line(
    figure: go.Figure,
    values: Floats,
    layers: Sequence[str],
    name: str,
    shade: str,
    *,
    dash: str = "solid",
    width: float = 2,
    opacity: float = 1,
    legend: bool = True,
    unit: str = "distance",
) -> None:
    figure.add_scatter(
        x=np.arange(len(values), dtype=np.float32),
        y=np.asarray(values, np.float32),
        mode="lines+markers",
        name=name,
        opacity=opacity,
        showlegend=legend,
        line={"color": shade, "width": width, "dash": dash},
        marker={"size": 6 if legend else 3},
        text=[safe(layer) for layer in layers[: len(values)]],
        hovertemplate=f"{name}, %{{text}}<br><b>%{{y:{hover_form(unit)}}}</b><extra></extra>",
    )
