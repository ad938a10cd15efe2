"""The nearest rows of one row, layer by layer, and their ranks in all layers: the metric ``neighbours``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from backend.errors import InvalidRequest
from backend.metrics.base import Metric, Outcome, param
from backend.metrics.effort import Effort
from backend.metrics.neighbors.kernel import AnyRows, Floats, Indices
from backend.metrics.neighbors.ranks import distances_to, ranks_by
from backend.metrics.shared.degenerate import named, undefined_entries, why_undefined
from backend.metrics.shared.progress import part_of
from backend.values.activations import Labels, LayerStack, Report

DISTANCES = ("euclidean", "cosine")


@dataclass(frozen=True, slots=True)
class NeighboursParams:
    """Parameters of ``neighbours``."""

    row: int = param(1, "Row whose neighbours are looked for; rows count from 1.", low=1, high=10_000_000)
    k: int = param(10, "Neighbours of a row.", low=1, high=500)
    metric: str = param("euclidean", "Distance between rows.", choices=DISTANCES)


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """The ``k`` nearest rows of one row, or of a typed text, in each layer.

    ``nearest`` (n_layers, k) are row numbers from 0, the nearest first, -1 where a layer is undefined; ``distance``
    (n_layers, k) says how far they are. ``listed`` (n_listed,), ascending, are the rows that are among the k nearest in any
    layer; ``ranks`` (n_layers, n_listed) from 1, the nearest of all ``n_others``. ``text_index`` (n_listed,) are the texts of the listed
    rows. ``row`` and ``text`` are the row looked at and its text, from 0, and -1 for a typed text.
    """

    nearest: Indices
    distance: Floats
    listed: Indices
    ranks: Floats
    text_index: Indices
    row: int
    text: int
    k: int
    n_others: int
    n_rows: int
    n_dims: int


def run(
    stacks: Sequence[LayerStack], labels: Labels | None, params: NeighboursParams, seed: int, report: Report
) -> Outcome[Neighbours]:
    """Compare one row with all others in every layer."""
    stack = stacks[0]
    row = _row_of(stack, params.row)
    return neighbours_in(stack, params.k, params.metric, lambda layer: stack.rows[layer][row], row, report)


def neighbours_in(
    stack: LayerStack, k: int, metric: str, point: Callable[[int], AnyRows], row: int, report: Report
) -> Outcome[Neighbours]:
    """The neighbours of the points that ``point`` gives of each layer; ``row`` is which row they are, -1 for none."""
    n_rows, n_dims = stack.rows[0].shape
    n_others = n_rows - (row >= 0)
    if not n_others:
        raise InvalidRequest("There is no other row.", "Choose a text set of two texts at least.")
    wanted, k = k, min(k, n_others)
    nearest, distance = np.full((len(stack), k), -1, dtype=np.int64), np.full((len(stack), k), np.nan)
    ranks, reasons = np.full((len(stack), n_rows), np.nan), {}
    for layer, x in enumerate(stack.rows):
        part_of(report, layer, len(stack), stack.layer_names[layer])(0, 1, "")
        here = np.array(point(layer))
        reason = _why_none(x, here, metric, stack.step, min_rows=2 if row >= 0 else 1)
        if reason is not None:
            reasons[layer] = reason
            continue
        gaps = distances_to(x, here, metric)
        order, ranks[layer] = ranks_by(gaps, row if row >= 0 else None)
        nearest[layer], distance[layer] = order[:k], gaps[order[:k]]
    report(len(stack), len(stack), "")
    listed = np.unique(nearest[nearest >= 0])
    texts = _texts(stack)
    values = Neighbours(
        nearest=nearest,
        distance=distance,
        listed=listed,
        ranks=ranks[:, listed],
        text_index=texts[listed],
        row=row,
        text=int(texts[row]) if row >= 0 else -1,
        k=k,
        n_others=n_others,
        n_rows=n_rows,
        n_dims=n_dims,
    )
    notes = (f"There are only {n_others:,} other rows: {k} neighbours, not {wanted}.",) if k < wanted else ()
    return Outcome(values, undefined_entries(values, lambda _, at: named(stack, at[0], reasons[at[0]])), notes)


def _why_none(x: AnyRows, point: AnyRows, metric: str, step: float, *, min_rows: int) -> str | None:
    reason = why_undefined(x, min_rows=min_rows, step=step)
    if reason is None and metric == "cosine" and not point.any():
        reason = "the norm is 0, so that there is no direction to compare"
    return reason


def _texts(stack: LayerStack) -> Indices:
    """The text of each row."""
    index = stack.matrices[0].text_index
    return np.arange(len(stack.rows[0]), dtype=np.int64) if index is None else np.asarray(index, dtype=np.int64)


def _row_of(stack: LayerStack, number: int) -> int:
    """The row of the activations that row ``number`` (from 1) of the text set is; of tokens, the row of that number."""
    texts, n_rows = _texts(stack), len(stack.rows[0])
    if stack.matrices[0].token_index is not None:
        texts = np.arange(n_rows, dtype=np.int64)
    found = np.flatnonzero(texts == number - 1)
    if len(found):
        return int(found[0])
    if number - 1 < int(texts.max(initial=-1)):
        raise InvalidRequest(f"Row {number:,} was left out: its sentence was cut.", "Choose another row.")
    raise InvalidRequest(f"There is no row {number:,}: there are {n_rows:,}.", f"Give a row from 1 to {n_rows:,}.")


NEIGHBOURS = Metric(
    name="neighbours",
    version=1,
    title="Nearest neighbours of a row",
    scope="stack",
    params=NeighboursParams,
    result=Neighbours,
    run=run,
    effort=Effort(rate=7e-9, start=0.02, each=0.0005),
)
