"""Charts of one dimension as a classifier: accuracy over depth, and the dimension's histogram by class with its cuts."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from backend import (
    ClassCounts,
    ThresholdResult,
    band_ends,
    bin_middles,
    hover_form,
    merge_classes,
)
from pages._kit.charts.base import MUTED, add_band, base_figure, colour, safe, with_legend
from pages._kit.charts.depth import Series, profile_lines

CAPTION = (
    "Share of the test texts whose class is found from one dimension alone, by cutting its line into intervals on the "
    "training texts, beside a head fitted on all dimensions of the same texts. The dotted line guesses the largest class; the faint "
    "one is the same cut made for shuffled labels, its band the standard deviation over the shuffles."
)
HISTOGRAM_CAPTION = (
    "How the values of one dimension are spread in each class; the bars of the classes are stacked. The dashed lines are the cuts found on the training texts; "
    "the strip on top shows the class that each interval stands for."
)
MOST_CLASSES = 8
OTHERS = "other classes"


def threshold_profile(
    values: ThresholdResult, names: Sequence[str], undefined: dict[int, str], *, what: str
) -> go.Figure:
    """Accuracy of the cut, of the full representation and of the control by layer; ``what`` names the dimension."""
    series = [
        Series("all dimensions", names, values.fitted_accuracy, undefined=undefined, place=2),
        Series(what, names, values.accuracy, undefined=undefined, place=0),
    ]
    figure = profile_lines(series, y_title="Test accuracy (share of texts)", y_range=(0, 1.03), unit="accuracy")
    if values.own_head.any():
        at = np.flatnonzero(values.own_head)
        figure.add_scatter(
            x=at.astype(np.float32),
            y=np.asarray(values.full_accuracy[at], np.float32),
            mode="markers",
            name="the model's own head",
            marker={"color": colour(3), "size": 9, "symbol": "diamond"},
            hovertemplate=f"the model's own head<br><b>%{{y:{hover_form('accuracy')}}}</b><extra></extra>",
        )
    if np.isfinite(values.control_accuracy).any():
        control_band(figure, values.control_accuracy, values.control_std)
        figure.add_scatter(
            x=np.arange(len(names), dtype=np.float32),
            y=np.asarray(values.control_accuracy, np.float32),
            mode="lines",
            name="shuffled labels",
            opacity=0.5,
            line={"color": MUTED, "width": 1.2},
            hovertemplate=f"shuffled labels<br><b>%{{y:{hover_form('accuracy')}}}</b><extra></extra>",
        )
    majority_line(figure, values.split.majority)
    return with_legend(figure)


def control_band(figure: go.Figure, mean: npt.NDArray[np.float64], std: npt.NDArray[np.float64]) -> None:
    """The standard deviation of a control around its mean, over 0, 1, ..., where there is one."""
    if np.isfinite(std).any():
        add_band(figure, np.arange(len(mean)), *band_ends(mean, std))


def majority_line(figure: go.Figure, majority: float) -> None:
    """A dotted line at the accuracy of always guessing the largest class, named in the right margin."""
    figure.add_hline(y=float(majority), line={"color": MUTED, "dash": "dot", "width": 1})
    margin_name(figure, majority, "largest class", MUTED)


def margin_name(figure: go.Figure, y: float, text: str, shade: str, *, shift: int = 0) -> None:
    """The name of a horizontal line at ``y``, to the right of the plot, where it covers no data; ``shift`` pixels up."""
    figure.add_annotation(
        x=1, xref="paper", xanchor="left", y=float(y), yanchor="middle", yshift=shift, showarrow=False, text=text,
        font={"color": shade, "size": 11},
    )  # fmt: skip
    figure.update_layout(margin={"r": 95})


def class_histogram(values: ThresholdResult, layer: int, *, train: bool = False) -> go.Figure:
    """The dimension of one ``layer`` by class, with its cuts: of the test rows, or of the training rows.

    Beyond eight classes the rarest share one grey entry.
    """
    edges, classes = values.bin_edges[layer], values.split.classes
    figure = base_figure(x_title=f"Value of dimension {values.dimension[layer]}", y_title="Texts (count)")
    lines = ranked_classes(values, layer, train=train)
    names = [safe(classes[number]) for number in lines.classes] + [OTHERS] * bool(lines.n_others)
    for place, (name, bars, total) in enumerate(zip(names, lines.counts, lines.totals.tolist(), strict=True)):
        figure.add_bar(
            x=bin_middles(edges).astype(np.float32),
            y=bars.astype(np.int32),
            width=float(edges[1] - edges[0]),
            name=f"{name} ({total:,})",
            marker={"color": colour(place) if place < len(lines.classes) else MUTED, "line": {"width": 0}},
            opacity=0.9,
            hovertemplate=f"{name}<br>about %{{x:{hover_form()}}}<br><b>%{{y:{hover_form('count')}}} texts</b><extra></extra>",
        )
    for cut in values.thresholds[layer]:
        figure.add_vline(x=float(cut), line={"color": MUTED, "dash": "dash", "width": 1.5})
    _strip(figure, values, layer, lines.classes)
    figure.update_layout(barmode="stack", bargap=0, legend={"traceorder": "normal"})  # else stacks are listed backwards
    figure.update_xaxes(range=[float(edges[0]), float(edges[-1])])
    return with_legend(figure)


def ranked_classes(values: ThresholdResult, layer: int, *, train: bool) -> ClassCounts:
    """The test (or training) rows of the classes with a colour of their own: of all, or of the eight with most rows of both."""
    both = values.train_counts[layer], values.test_counts[layer]
    return merge_classes(both[0 if train else 1], MOST_CLASSES, by=both[0] + both[1])


def _strip(figure: go.Figure, values: ThresholdResult, layer: int, shown: Sequence[int]) -> None:
    """The class of each interval as a strip of its colour above the bars."""
    edges = values.bin_edges[layer]
    cuts = np.clip([edges[0], *values.thresholds[layer], edges[-1]], edges[0], edges[-1])
    for number, left, right in zip(values.interval_classes[layer], cuts[:-1], cuts[1:], strict=True):
        shade = colour(shown.index(number)) if number in shown else MUTED
        box = {"x0": float(left), "x1": float(right), "y0": 1.0, "y1": 1.04}
        figure.add_shape(type="rect", xref="x", yref="paper", **box, fillcolor=shade, line={"width": 0})
