"""Figures that stand side by side, of two models or two layers: their axes have the same ranges, so that they can be compared by eye."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from backend import number_text
from pages._kit.show.finding import Finding

SHARED = "The figures side by side have the same axes."
OWN = "Each of the figures side by side has its own"
_AXES = {"x": "horizontal", "y": "vertical"}
_LEAST = 0.15  # of a shared axis that each figure must fill: less could not be read
_ROOM = 0.04


def with_shared_axes(findings: Sequence[Finding]) -> list[Finding]:
    """The ``findings``, whose figures have one panel each, on the same axes, which their captions say.

    Where one would fill less than 15 % of a shared axis, each keeps its own, which is said too. Those without a figure are
    left as they are, and so is a single one.
    """
    drawn = [finding.figure for finding in findings if finding.figure is not None]
    if len(drawn) < 2:
        return list(findings)
    figures, words = on_shared_axes(drawn)
    rest = iter(figures)
    return [
        finding
        if finding.figure is None
        else replace(finding, figure=next(rest), caption=f"{finding.caption} {words}".strip())
        for finding in findings
    ]


def on_shared_axes(figures: Sequence[go.Figure]) -> tuple[list[go.Figure], str]:
    """The ``figures``, of one plot each, on the same axes as far as all can be read on them, and what a caption says of that."""
    spans = {axis: [_span(figure, axis) for figure in figures] for axis in _AXES}
    whole = {axis: common_span(found) for axis, found in spans.items()}
    own = [_AXES[axis] for axis, found in whole.items() if found is None]
    ranges = {f"{axis}axis": {"range": list(found)} for axis, found in whole.items() if found is not None}
    return [go.Figure(figure).update_layout(ranges) for figure in figures], axes_words(own)


def axes_words(own: Sequence[str]) -> str:
    """What a caption says of the axes, of which the ``own`` are each figure's own."""
    if not own:
        return SHARED
    axes = f"{' and '.join(own)} {'axis' if len(own) == 1 else 'axes'}"
    return f"{OWN} {axes}: on a common one a figure would fill less than {number_text(_LEAST, 'share')}."


def common_span(spans: Sequence[tuple[float, float] | None]) -> tuple[float, float] | None:
    """The axis that all of them fit; None where one is empty or would be too small on it."""
    known = [span for span in spans if span is not None]
    if len(known) < len(spans):
        return None
    low, high = min(span[0] for span in known), max(span[1] for span in known)
    fits = all(not 0 < span[1] - span[0] < _LEAST * (high - low) for span in known)  # a single value fits anywhere
    return (low, high) if fits and high > low else None


def _span(figure: go.Figure, axis: str) -> tuple[float, float] | None:
    """From where to where the axis of a figure goes: as it says, or around all that is drawn."""
    stated = figure.layout[f"{axis}axis"].range
    if stated is not None:
        return float(stated[0]), float(stated[1])
    numbers = np.concatenate([_numbers(trace, axis) for trace in figure.data] or [np.zeros(0)])
    if not len(numbers):
        return None
    low, high = float(numbers.min()), float(numbers.max())
    room = _ROOM * (high - low)
    zero = axis == "y" and low == 0  # what stands on the axis goes on standing on it
    return (low if zero else low - room), high + room


def _numbers(trace: Any, axis: str) -> npt.NDArray[np.float64]:  # a trace of any kind
    values = trace[axis]
    if values is None or not len(values):
        return np.zeros(0)
    numbers = np.array([np.nan if one is None else one for one in values], float)
    if trace.type == "bar" and axis == "x" and trace.width is not None:
        numbers = np.concatenate([numbers - trace.width / 2, numbers + trace.width / 2])
    finite: npt.NDArray[np.float64] = numbers[np.isfinite(numbers)]
    return finite
