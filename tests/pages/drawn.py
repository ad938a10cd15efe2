"""The numbers that a figure draws, read back from its traces, and whether a table holds them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pages._kit.show.finding import Finding

CROSSES = ("x", "x-thin")  # they stand where a number is undefined


def drawn_numbers(figure: go.Figure) -> Iterator[tuple[str, Any]]:
    """What is drawn and its finite numbers (n,): heights, cells, points, ends of bars; places on an axis are none."""
    for place, trace in enumerate(figure.data):
        name, parts = f"trace {place} ({trace.name})", trace.to_plotly_json()
        if trace.type == "heatmap":
            if len({shade for _, shade in trace.colorscale or ((0, ""), (1, " "))}) > 1:  # else grey, below a ×
                yield f"{name} z", finite(trace.z)
            continue
        looks = parts.get("marker", {}).get("symbol")
        if isinstance(looks, str) and looks in CROSSES:
            continue
        for axis in (axis for axis in "xyz" if axis in parts):
            numbers = finite(trace[axis])
            if axis == "y" or not np.array_equal(numbers, np.round(numbers)):
                yield f"{name} {axis}", numbers
        if "error_y" in parts:
            errors = finite(trace.error_y.array)
            yield f"{name} error", errors[errors > 0]  # a bar of no length is none


def finite(values: Any) -> Any:
    """The finite numbers of an array of a figure; none of words."""
    if values is None:
        return np.zeros(0)
    array = np.asarray(values)
    if array.dtype == object:
        array = np.array([np.nan if value is None else value for value in array.ravel()])
    if array.dtype.kind not in "fiub":
        return np.zeros(0)
    numbers = array.astype(float).ravel()
    return numbers[np.isfinite(numbers)]


def table_numbers(table: pd.DataFrame) -> Any:
    """All finite numbers of a table, sorted."""
    numeric = table.select_dtypes(["number", "bool"])
    return np.unique(finite(numeric.astype("Float64").to_numpy(float, na_value=np.nan)))


def missing(numbers: Any, known: Any) -> Any:
    """Those of ``numbers`` that are not in the sorted ``known``, as near as single precision tells."""
    if not len(known):
        return numbers
    at = np.clip(np.searchsorted(known, numbers), 1, max(len(known) - 1, 1))
    near = np.minimum(np.abs(known[at - 1] - numbers), np.abs(known[np.minimum(at, len(known) - 1)] - numbers))
    return numbers[near > 2e-6 * np.abs(numbers) + 1e-7]


def check(finding: Finding) -> int:
    """Assert that the table of a finding has every number that its figure draws, at every frame; returns how many."""
    assert finding.figure is not None
    known = table_numbers(finding.numbers())
    parts = dict(drawn_numbers(finding.figure))
    frames = finding.frames.coordinates if finding.frames is not None else ()
    parts |= {f"frame {frame}": finite(np.concatenate(traces)) for frame, traces in enumerate(frames) if len(traces)}
    for name, numbers in parts.items():
        lost = missing(numbers, known)
        assert not len(lost), f"{finding.key}, {name}: not in the table are {lost[:5]}"
    return sum(map(len, parts.values()))
