"""Chart of the classifier probes: accuracy over depth, of networks and linear classifiers, true labels and shuffled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from backend import (
    ProbingResult,
    hover_form,
)
from pages._kit.charts.base import DASHES, MUTED, base_figure, colour, safe, with_legend
from pages._kit.charts.depth import Series, profile_lines
from pages._kit.charts.threshold import majority_line

CAPTION = (
    "Share of the test texts whose class a classifier finds that was trained on this layer alone: the mean of several "
    "trainings of one network, its band one standard deviation up and down, and a linear classifier, dashed. The faint grey lines are "
    "the same classifiers trained on shuffled labels, the mean over the shuffles and its standard deviation; the dotted line guesses the largest class."
)
MODELS_CAPTION = (
    "Share of the test texts whose class a classifier finds that was trained on the last layer on show of each model alone: the mean of several "
    "trainings of one network with one standard deviation up and down, and a linear classifier. Grey: the network trained on shuffled labels; the "
    "dotted line guesses the largest class."
)
NETWORK, LINEAR = "network (mean ± std)", "linear probe"
SHUFFLED = "shuffled labels (linear: dashed)"
_CONTROLS = (
    ("control_accuracy", "control_std", "network", 0),
    ("linear_control", "linear_control_std", "linear probe", 1),
)


@dataclass(frozen=True, slots=True, eq=False)
class Probed:
    """One model on the chart: its ``name`` ("" where it is the only one), its result, its layers, what is undefined."""

    name: str
    values: ProbingResult
    layers: Sequence[str]
    undefined: Mapping[int, str]


def probe_chart(models: Sequence[Probed]) -> go.Figure:
    """Test accuracy over the layers of one model or two."""
    series = []
    for place, one in enumerate(models):
        values, behind = one.values, f", {one.name}" if one.name else ""
        std = np.nan_to_num(values.accuracy_std)
        known = np.isfinite(values.accuracy_std).any()
        first, second = (2 * place, 2 * place + 1) if len(models) == 1 else (place, place)
        linear = Series(LINEAR + behind, one.layers, values.linear_accuracy, place=second, style=1)
        low, high = (values.accuracy - std, values.accuracy + std) if known else (None, None)
        label = NETWORK if known else "network"
        series += [
            linear,
            Series(
                label + behind, one.layers, values.accuracy, undefined=one.undefined, place=first, low=low, high=high
            ),
        ]
    figure = profile_lines(series, y_title="Test accuracy (share of texts)", y_range=(0, 1.03))
    for place, one in enumerate(models):
        _controls(figure, one, named=place == 0)
    if models:
        majority_line(figure, models[0].values.majority)
    return with_legend(figure)


def _controls(figure: go.Figure, one: Probed, *, named: bool) -> None:
    """The accuracies with shuffled labels, faint, which share one entry of the legend: that of the model ``named``."""
    behind = f", {safe(one.name)}" if one.name else ""
    for field, spread, kind, style in _CONTROLS:
        line = np.asarray(getattr(one.values, field), np.float32)
        std = np.asarray(getattr(one.values, spread), np.float32)
        if np.isfinite(line).any():
            figure.add_scatter(
                x=np.arange(len(line), dtype=np.float32),
                y=line,
                error_y={
                    "type": "data",
                    "array": std,
                    "width": 2,
                    "thickness": 1,
                    "visible": bool(np.isfinite(std).any()),
                },
                mode="lines",
                name=SHUFFLED,
                legendgroup=SHUFFLED,
                showlegend=named and style == 0,
                opacity=0.5,
                line={"color": MUTED, "width": 1.2, "dash": DASHES[style]},
                hovertemplate=f"{kind} on shuffled labels{behind}<br><b>%{{y:{hover_form('accuracy')}}}</b><extra></extra>",
            )


def models_chart(models: Sequence[Probed]) -> go.Figure:
    """Test accuracy in the last layer of several models, one beside the other in the order given."""
    figure = base_figure(x_title="", y_title="Test accuracy (share of texts)")
    names = [safe(f"{one.name}, {one.layers[-1]}") for one in models]
    looks = (
        ("accuracy", "accuracy_std", NETWORK, colour(0), "circle"),
        ("linear_accuracy", "", LINEAR, colour(1), "diamond"),
        ("control_accuracy", "control_std", "network, shuffled labels", MUTED, "circle-open"),
    )
    for field, spread, name, shade, symbol in looks:
        values = np.array([getattr(one.values, field)[-1] for one in models], np.float32)
        std = np.array([getattr(one.values, spread)[-1] for one in models], np.float32) if spread else None
        figure.add_scatter(
            x=names,
            y=values,
            error_y=None
            if std is None or not np.isfinite(std).any()
            else {"type": "data", "array": std, "thickness": 1.5},
            mode="markers",
            name=name,
            marker={"color": shade, "symbol": symbol, "size": 10},
            hovertemplate=f"%{{x}}<br>{name} <b>%{{y:{hover_form('accuracy')}}}</b><extra></extra>",
        )
    figure.update_layout(yaxis={"range": [0, 1.03]}, xaxis={"type": "category"})
    if models:
        majority_line(figure, models[0].values.majority)
    return with_legend(figure)
