"""The neighbours of every row of a layer, exact or not, or why there are none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backend.metrics.base import param
from backend.metrics.neighbors.approximate import approximate_neighbours
from backend.metrics.neighbors.kernel import AnyRows, Indices, nearest_neighbours, unit_rows
from backend.metrics.shared.degenerate import why_undefined
from backend.values.activations import Report
from backend.values.numbers import number_text

MOST_ROWS, EXACT_ROWS = 1_000_000, 50_000
_NO_CHOICE = "every other row is a neighbour: there are only {n} rows"
_AS_LONG_AS = 30_000  # rows with which an exact search would compare each row in the time that NN-descent takes for it


@dataclass(frozen=True, slots=True)
class Search:
    """How neighbours are searched: ``k`` of them by ``metric``; exactly among at most ``exact_rows`` rows, else by NN-descent with ``seed``."""

    k: int
    metric: str
    exact_rows: int = EXACT_ROWS
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class NeighbourGraph:
    """Row numbers (n_rows, k) of the nearest rows of each row, or None and the ``reason``.

    ``recall`` was measured on ``n_checked`` rows; 1 and 0 where they are exact.
    """

    indices: Indices | None
    reason: str | None = None
    recall: float = 1.0
    n_checked: int = 0


def exact_rows_param() -> Any:  # a dataclasses.field, as ``param`` gives it
    """The parameter that says up to how many rows neighbours are exact."""
    return param(
        EXACT_ROWS,
        "Up to so many rows neighbours are exact. Among more they are approximate, and the share that was found is measured.",
        low=10,
        high=MOST_ROWS,
        label="Exact up to",
        later=True,
    )


def neighbour_graph(x: AnyRows, search: Search, step: float | None, report: Report) -> NeighbourGraph:
    """The nearest rows of each row of ``x``.

    Undefined are rows that are all one point to the rounding of ``step``, that are not finite, and fewer than three.
    """
    reason = why_undefined(x, min_rows=2, step=step)
    if reason is None and len(x) < 3:
        reason = _NO_CHOICE.format(n=len(x))
    if reason is None and search.metric == "cosine":
        x = unit_rows(x)
        reason = "all rows point the same way" if why_undefined(x, step=step) else None
    if reason is not None:
        return NeighbourGraph(None, reason)
    if len(x) <= search.exact_rows:
        return NeighbourGraph(nearest_neighbours(x, search.k, report=report)[1])
    found = approximate_neighbours(x, search.k, seed=search.seed, report=report)
    return NeighbourGraph(found.indices, None, found.recall, found.n_checked)


def least_found(graphs: Sequence[NeighbourGraph]) -> tuple[float, int]:
    """The least recall of several graphs, and on how many rows it was measured; 1 and 0 where none is approximate."""
    found = [(graph.recall, graph.n_checked) for graph in graphs if graph.n_checked]
    return min(found, default=(1.0, 0))


def recall_words(recall: float, n_checked: int) -> str:
    """What a figure says of neighbours that are approximate; "" where they are exact."""
    return f"approximate, {number_text(recall, 'share')} of them found" if n_checked else ""


def recall_notes(n_rows: int, k: int, recall: float, n_checked: int) -> list[str]:
    """What must be said of neighbours that are approximate; nothing where they are exact."""
    if not n_checked:
        return []
    return [
        f"Among {n_rows:,} rows neighbours are approximate (NN-descent): in each layer at least {number_text(recall, 'share')} of the {k} "
        f"nearest were found, as an exact search for {n_checked:,} of the rows says. 'Exact up to' sets from how many rows on."
    ]


def rows_compared(n_rows: int, exact_rows: int) -> float:
    """With how many rows each row is compared, for estimates of time."""
    return float(n_rows if n_rows <= exact_rows else _AS_LONG_AS)
