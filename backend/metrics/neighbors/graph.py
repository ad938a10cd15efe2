"""The neighbours of every row of a layer, or why there are none."""

from backend.metrics.neighbors.kernel import AnyRows, Indices, nearest_neighbours, unit_rows
from backend.metrics.shared.degenerate import why_undefined
from backend.values.activations import Report

_NO_CHOICE = "every other row is a neighbour: there are only {n} rows"


def neighbour_graph(
    x: AnyRows, k: int, metric: str, step: float | None, report: Report
) -> tuple[Indices | None, str | None]:
    """Row numbers (n_rows, k) of the ``k`` nearest rows of each row of ``x`` by ``metric``, or None and the reason.

    Undefined are rows that are all one point to the rounding of ``step``, that are not finite, and fewer than three.
    """
    reason = why_undefined(x, min_rows=2, step=step)
    if reason is None and len(x) < 3:
        reason = _NO_CHOICE.format(n=len(x))
    if reason is None and metric == "cosine":
        x = unit_rows(x)
        reason = "all rows point the same way" if why_undefined(x, step=step) else None
    return (None if reason else nearest_neighbours(x, k, report=report)[1]), reason
