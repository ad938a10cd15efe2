"""Charts of salient neurons: the accuracy of every dimension alone, the best one's values by class, accuracy over depth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from pages._kit.charts.base import (
    DASHES,
    MUTED,
    Floats,
    base_figure,
    colour,
    hover_text,
    layer_ticks,
    safe,
    with_legend,
)

SINGLES_CAPTION = (
    "Each dimension by itself: how many dimensions reach which test accuracy. Grey: the same with shuffled labels, the mean over the shuffles, whose peak may exceed the chart. The "
    "dotted line is the accuracy of always guessing the largest class. Move the line to count the dimensions above it."
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
_N_BINS, _N_LINES = 60, 100


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """The places of the movable line: its ends (2, 2) for each step, the accuracy in words, and what lies above it."""

    ends: Sequence[Floats]
    names: Sequence[str]
    captions: Sequence[str]
    initial: int


def singles_histogram(
    accuracy: Floats, control: Floats | None, majority: float, *, n_test: int
) -> tuple[go.Figure, Line]:
    """Histogram of the test accuracy (n_dims,) of all single dimensions; its first trace is the movable line.

    ``control`` (n_shuffles, n_dims) is drawn as the mean count over the shuffles.
    A bin holds whole steps of 1 / ``n_test``: accuracies lie on these steps, and other bins would show a comb.
    """
    everything = accuracy if control is None else np.concatenate([accuracy, control.ravel()])
    low, high = float(everything.min()), float(everything.max())
    n_steps = max(1, -(-round((high - low) * n_test) // _N_BINS))
    n_bins = round((high - low) * n_test) // n_steps + 1
    edges = low + (np.arange(n_bins + 1) * n_steps - 0.5) / n_test
    low, high = float(edges[0]), float(edges[-1])
    counts = np.histogram(accuracy, edges)[0]
    shuffled = None if control is None else np.histogram(control, edges)[0] / len(control)
    top = 1.3 * counts.max()
    line = _line(accuracy, low, high, float(top), majority)
    figure = base_figure(x_title="Test accuracy alone", y_title="Dimensions (count)")
    ends = line.ends[line.initial]
    figure.add_scatter(
        x=ends[:, 0],
        y=ends[:, 1],
        mode="lines",
        name="line",
        showlegend=False,
        line={"color": colour(3), "width": 2},
        hovertemplate="<b>%{x:.3f}</b><extra></extra>",
    )
    drawn = [("shuffled labels", shuffled, MUTED, 0.3), ("labels", counts, colour(0), 0.85)]
    for name, heights, shade, opacity in drawn:
        if heights is not None:
            figure.add_bar(
                x=(edges[:-1] + edges[1:]) / 2,
                y=heights,
                width=edges[1] - edges[0],
                name=name,
                marker={"color": shade, "opacity": opacity, "line": {"width": 0}},
                hovertemplate=f"{name}, accuracy %{{x:.3f}}<br><b>%{{y:.4g}} dimensions</b><extra></extra>",
            )
    figure.add_vline(x=majority, line={"color": MUTED, "dash": "dot", "width": 1.5})
    figure.update_layout(barmode="overlay", yaxis={"range": [0, float(top)]})
    return with_legend(figure), line


def _line(accuracy: Floats, low: float, high: float, top: float, majority: float) -> Line:
    steps = np.linspace(low, high, _N_LINES + 1)
    above = [(accuracy > step).sum() for step in steps]
    n_dims = len(accuracy)
    captions = [
        f"{count:,} of {n_dims:,} dimensions ({count / n_dims:.1%}) are above {step:.3f}"
        for count, step in zip(above, steps, strict=True)
    ]
    ends = [np.array([[step, 0.0], [step, top]]) for step in steps]
    middle = (max(majority, low) + float(accuracy.max())) / 2
    return Line(ends, [f"{step:.3f}" for step in steps], captions, int(np.abs(steps - middle).argmin()))


def values_histogram(
    edges: Floats,
    counts: npt.NDArray[np.int64],
    classes: Sequence[str],
    cuts: Sequence[tuple[float, int, int]],
    *,
    dim: int,
) -> go.Figure:
    """Values of one dimension by class: ``counts`` (n_classes, n_bins) within ``edges``, and the borders ``cuts``.

    A border is (value, class below, class above); those beyond all values are left out. Beyond eight classes the smaller ones share one grey line.
    """
    figure = base_figure(x_title=f"Dimension {dim} (activation)", y_title="Texts in a bin, share of the class")
    totals = counts.sum(axis=1)
    order = np.argsort(-totals, kind="stable")
    named, rest = np.sort(order[:MOST_CLASSES]), order[MOST_CLASSES:]
    groups = [(classes[k], counts[k], colour(place)) for place, k in enumerate(named) if totals[k]]
    if totals[rest].sum():
        groups.append((f"{len(rest)} other classes", counts[rest].sum(axis=0), MUTED))
    x = np.repeat(edges, 2)[1:-1]
    for place, (name, heights, shade) in enumerate(groups):
        total = int(heights.sum())
        figure.add_scatter(
            x=x.astype(np.float32),
            y=np.repeat(heights / total, 2).astype(np.float32),
            mode="lines",
            name=f"{safe(name)} ({total:,})",
            line={"color": shade, "width": 1.8, "dash": DASHES[(place // 4) % len(DASHES)]},
            fill="tozeroy" if len(groups) <= 3 else None,
            fillcolor=_faint(shade) if len(groups) <= 3 else None,
            hovertemplate=f"{safe(name)}, %{{x:.3f}}<br><b>%{{y:.1%}}</b><extra></extra>",
        )
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


def _faint(hexadecimal: str) -> str:
    red, green, blue = (int(hexadecimal[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.15)"


def depth_chart(
    table: Floats, control: Floats | None, layers: Sequence[str], n_classes: int, why: Mapping[int, str]
) -> go.Figure:
    """Test accuracy ``table`` (n_layers, 4) over depth, one line for each number of dimensions; ``control`` faintly."""
    figure = base_figure(x_title="Layer", y_title="Test accuracy")
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
                hovertemplate=f"{names[place]}, shuffled labels, %{{text}}<br><b>%{{y:.3f}}</b><extra></extra>",
            )
        figure.add_scatter(
            **shared,
            y=table[:, place].astype(np.float32),
            name=names[place],
            line={"color": colour(place), "width": 2.2, "dash": DASHES[place % len(DASHES)]},
            marker={"size": 6},
            hovertemplate=f"{names[place]}, %{{text}}<br><b>%{{y:.3f}}</b><extra></extra>",
        )
    for place, reason in why.items():
        figure.add_annotation(
            x=place, y=0, yref="paper", text="×", showarrow=False, yanchor="bottom", hovertext=hover_text(reason)
        )
    figure.update_xaxes(**layer_ticks(layers))
    return with_legend(figure)
