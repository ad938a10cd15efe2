"""Charts of salient neurons: the accuracy of every dimension alone, the best one's values by class, accuracy over depth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from backend import (
    AccuracyCounts,
    ClassCounts,
    bin_middles,
    class_shares,
    hover_form,
    number_text,
)
from pages._kit.charts.base import (
    DASHES,
    MUTED,
    Floats,
    base_figure,
    colour,
    faint,
    hover_text,
    layer_ticks,
    safe,
    with_legend,
)

LINE_CAPTION = "Move the line to count the dimensions above it."
SINGLES_CAPTION = (
    "Each dimension by itself: how many dimensions reach which test accuracy. Grey: the same with shuffled labels, the mean over the shuffles, whose peak may exceed the chart. The "
    "dotted line is the accuracy of always guessing the largest class."
)
VALUES_CAPTION = (
    "The values of one dimension, the first that was chosen, by class. Dashed lines are the borders between the classes "
    "of the classifier on this dimension alone, fitted on the training rows."
)
DEPTH_CAPTION = (
    "Test accuracy of classifiers on all dimensions, on the best one, the best five, and as many as there are classes, "
    "layer by layer. The faint dotted lines are the same with shuffled labels."
)
MOST_CLASSES = 8


@dataclass(frozen=True, slots=True)
class Line:
    """The places (n,) of the line that moves in the histogram, each in words, with what lies above; and where it begins."""

    places: tuple[float, ...]
    names: tuple[str, ...]
    captions: tuple[str, ...]
    initial: int


def singles_histogram(counts: AccuracyCounts, majority: float) -> tuple[go.Figure, Line]:
    """Histogram of the test accuracy of all single dimensions, and the places of the line that moves in it.

    The line stands between two bins; beside it is said how many dimensions lie above. ``majority`` is the accuracy of always guessing the largest
    class.
    """
    edges = counts.edges
    figure = base_figure(x_title="Test accuracy of one dimension alone", y_title="Dimensions (count)")
    drawn = [("shuffled labels", counts.shuffled, MUTED, 0.3), ("labels", counts.counts, colour(0), 0.85)]
    for name, heights, shade, opacity in drawn:
        if heights is not None:
            figure.add_bar(
                x=bin_middles(edges),
                y=heights,
                width=edges[1] - edges[0],
                name=name,
                marker={"color": shade, "opacity": opacity, "line": {"width": 0}},
                hovertemplate=f"{name}, accuracy %{{x:{hover_form('accuracy')}}}<br><b>%{{y:{hover_form('count')}}} dimensions</b><extra></extra>",
            )
    figure.add_vline(x=majority, line={"color": MUTED, "dash": "dot", "width": 1.5})
    figure.update_layout(barmode="overlay", yaxis={"range": [0, 1.3 * float(counts.counts.max())]})
    return with_legend(figure), _line(counts, majority)


def _line(counts: AccuracyCounts, majority: float) -> Line:
    n_dims, edges = int(counts.above[0]), counts.edges
    captions = tuple(
        f"{above:,} of {n_dims:,} dimensions ({number_text(share, 'share')}) are above {number_text(edge, 'accuracy')}"
        for above, share, edge in zip(counts.above, counts.shares_above, edges, strict=True)
    )
    highest = float(edges[np.flatnonzero(counts.counts)[-1] + 1])
    middle = (max(majority, float(edges[0])) + highest) / 2
    initial = int(np.abs(edges - middle).argmin())
    return Line(tuple(edges.tolist()), tuple(number_text(edge, "accuracy") for edge in edges), captions, initial)


def line_names(lines: ClassCounts, classes: Sequence[str]) -> list[str]:
    """The name of each line: its class, or how many others it is of."""
    others = [f"{lines.n_others:,} other classes"] if lines.n_others else []
    return [classes[k] for k in lines.classes] + others


def values_histogram(
    edges: Floats, lines: ClassCounts, classes: Sequence[str], cuts: Sequence[tuple[float, int, int]], *, dim: int
) -> go.Figure:
    """Values of one dimension by class, ``lines`` within ``edges`` (n_bins + 1,), and the borders ``cuts`` between ``classes``.

    A border is (value, class below, class above); those beyond all values are left out.
    """
    figure = base_figure(x_title=f"Value of dimension {dim}", y_title="Share of the class in a bin")
    x = np.repeat(edges, 2)[1:-1]
    names, shares = line_names(lines, classes), class_shares(lines.counts)
    few = len(names) <= 3
    for place, (name, total, line) in enumerate(zip(names, lines.totals.tolist(), shares, strict=True)):
        shade = colour(place) if place < len(lines.classes) else MUTED
        figure.add_scatter(
            x=x.astype(np.float32),
            y=np.repeat(line, 2).astype(np.float32),
            mode="lines",
            name=f"{safe(name)} ({total:,})",
            line={"color": shade, "width": 1.8, "dash": DASHES[(place // 4) % len(DASHES)]},
            fill="tozeroy" if few else None,
            fillcolor=faint(shade, 0.15) if few else None,
            hovertemplate=f"{safe(name)}, %{{x:{hover_form()}}}<br><b>%{{y:{hover_form('share')}}}</b><extra></extra>",
        )
    figure.update_yaxes(tickformat=".0%")
    cuts = [cut for cut in cuts if edges[0] <= cut[0] <= edges[-1]]  # a class may win only far beyond all values
    for place, (value, below, above) in enumerate(cuts):
        figure.add_vline(x=value, line={"color": MUTED, "dash": "dash", "width": 1.5})
        if len(cuts) <= 5:
            words = f"{hover_text(classes[below], n_chars=20)} | {hover_text(classes[above], n_chars=20)}"
            y = 1.0 - 0.07 * (place % 3)
            figure.add_annotation(
                x=value, y=y, yref="paper", text=words, showarrow=False, xanchor="left", xshift=4, yshift=12
            )
    return with_legend(figure)


def depth_chart(
    table: Floats, control: Floats | None, layers: Sequence[str], n_classes: int, why: Mapping[int, str]
) -> go.Figure:
    """Test accuracy ``table`` (n_layers, 4) over depth, one line for each number of dimensions; ``control`` faintly."""
    figure = base_figure(x_title="Layer", y_title="Test accuracy (share of texts)")
    places = np.arange(len(layers), dtype=np.float32)
    names = ["all dimensions", "best dimension", "best 5", f"best {n_classes} (as many as classes)"]
    shown = [0, 1, 2] + ([3] if n_classes != 5 else [])
    for place in shown:
        shared = {"mode": "lines+markers", "legendgroup": str(place), "x": places, "text": [safe(n) for n in layers]}
        if control is not None:
            figure.add_scatter(
                **shared,
                y=control[:, place].astype(np.float32),
                name=f"{names[place]}, shuffled labels",
                showlegend=False,
                opacity=0.35,
                line={"color": colour(place), "width": 1.3, "dash": "dot"},
                marker={"size": 3},
                hovertemplate=f"{names[place]}, shuffled labels, %{{text}}<br><b>%{{y:{hover_form('accuracy')}}}</b><extra></extra>",
            )
        figure.add_scatter(
            **shared,
            y=table[:, place].astype(np.float32),
            name=names[place],
            line={"color": colour(place), "width": 2.2, "dash": DASHES[place % len(DASHES)]},
            marker={"size": 6},
            hovertemplate=f"{names[place]}, %{{text}}<br><b>%{{y:{hover_form('accuracy')}}}</b><extra></extra>",
        )
    for place, reason in why.items():
        figure.add_annotation(
            x=place, y=0, yref="paper", text="×", showarrow=False, yanchor="bottom", hovertext=hover_text(reason)
        )
    figure.update_xaxes(**layer_ticks(layers))
    return with_legend(figure)
