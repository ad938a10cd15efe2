"""Shared nearest neighbours, layer by layer: the metric ``neighbour_overlap``."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend.metrics.base import Metric, Outcome, param
from backend.metrics.effort import Effort, Size
from backend.metrics.neighbors.graph import (
    MOST_ROWS,
    NeighbourGraph,
    Search,
    exact_rows_param,
    least_found,
    neighbour_graph,
    recall_notes,
    recall_words,
    rows_compared,
)
from backend.metrics.neighbors.kernel import AnyRows, Floats, Indices, sampled_rows, shared_share
from backend.metrics.shared.degenerate import named, same_rows, undefined_entries
from backend.metrics.shared.kept import Kept, key_of
from backend.metrics.shared.progress import part_of
from backend.values.activations import Labels, LayerStack, Report
from backend.values.numbers import number_text


@dataclass(frozen=True, slots=True)
class OverlapParams:
    """Parameters of ``neighbour_overlap``."""

    k: int = param(10, "Neighbours of a row.", low=1, high=500)
    metric: str = param("euclidean", "Distance between rows.", choices=("euclidean", "cosine"))
    max_rows: int = param(5000, "Maximum number of rows compared, drawn by the seed.", low=10, high=MOST_ROWS)
    exact_rows: int = exact_rows_param()


@dataclass(frozen=True, slots=True, eq=False)
class NeighbourOverlap:
    """Shared neighbours, in [0, 1].

    ``overlap`` (n_xs, n_ys) is the mean over rows for each pair of layers, ``by_chance`` what unrelated layers share.
    ``per_row`` (n_pairs, n_points) has each row's own value for ``pairs`` (n_pairs, 2), which hold positions in the two
    stacks: the layers at the same position of two stacks, or the neighbouring layers of one. ``recall`` is the least share of the
    true neighbours that was found in a layer, as measured on ``n_checked`` rows: 1 and 0 where the search was exact. ``row_index`` and
    ``text_index`` (n_points,) say which row of the activations and which text a value belongs to; ``n_dims`` is the width of the first stack.
    """

    overlap: Floats
    by_chance: float
    per_row: Floats
    pairs: Indices
    row_index: Indices
    text_index: Indices
    k: int
    n_rows: int
    n_dims: int
    recall: float = 1.0
    n_checked: int = 0

    @property
    def approximate(self) -> str:
        """What a figure says of neighbours that are approximate; "" where they are exact."""
        return recall_words(self.recall, self.n_checked)


def run(
    stacks: Sequence[LayerStack], labels: Labels | None, params: OverlapParams, seed: int, report: Report
) -> Outcome[NeighbourOverlap]:
    """Compare the neighbours of every row between all layers of one stack, or of two over the same texts."""
    same_rows(stacks)
    xs, ys = stacks[0], stacks[-1]
    n_rows = len(xs.rows[0])
    rows = sampled_rows(n_rows, params.max_rows, seed)
    k = max(1, min(params.k, len(rows) - 2))
    graphs = _graphs(stacks, rows, Search(k, params.metric, params.exact_rows, seed), report)
    first, second = ([graph.indices for graph in side] for side in (graphs[0], graphs[-1]))
    steps = range(min(len(xs), len(ys))) if len(stacks) > 1 else range(len(xs) - 1)
    pairs = np.array([(i, i if len(stacks) > 1 else i + 1) for i in steps], dtype=np.int64).reshape(-1, 2)
    overlap = np.array([[_mean(a, b) for b in second] for a in first])
    per_row = np.array([_shares(first[i], second[j], len(rows)) for i, j in pairs]).reshape(len(pairs), len(rows))
    index = xs.matrices[0].text_index
    recall, n_checked = least_found([graph for side in graphs for graph in side])
    values = NeighbourOverlap(
        overlap=overlap,
        by_chance=min(1.0, k / max(1, len(rows) - 1)),
        per_row=per_row,
        pairs=pairs,
        row_index=rows,
        text_index=rows if index is None else np.asarray(index[rows], dtype=np.int64),
        k=k,
        n_rows=n_rows,
        n_dims=xs.rows[0].shape[1],
        recall=recall,
        n_checked=n_checked,
    )

    def why(name: str, at: tuple[int, ...]) -> str:
        i, j = at[:2] if name == "overlap" and len(at) > 1 else (pairs[at[0]] if name == "per_row" else (at[0], 0))
        left, right = graphs[0][i].reason, graphs[-1][j].reason
        return named(xs, int(i), left) if left is not None else named(ys, int(j), str(right))

    return Outcome(values, undefined_entries(values, why), _notes(values, params, n_rows))


def _graphs(stacks: Sequence[LayerStack], rows: Indices, search: Search, report: Report) -> list[list[NeighbourGraph]]:
    """Neighbours of every layer of every stack."""
    graphs: list[list[NeighbourGraph]] = [[] for _ in stacks]
    total, done = sum(map(len, stacks)), 0
    for side, stack in enumerate(stacks):
        for layer, matrix in enumerate(stack.rows):
            inner = part_of(report, done, total, stack.layer_names[layer])
            inner(0, 1, "")
            graphs[side].append(_graph(np.asarray(matrix[rows]), search, stack.step, inner))
            done += 1
    report(total, total, "")
    return graphs


def _graph(x: AnyRows, search: Search, step: float | None, report: Report) -> NeighbourGraph:
    """``neighbour_graph``, found once of the step that the others of a series are compared with."""
    key = key_of(x, repr(search), -1.0 if step is None else step)
    return _KEPT.get(key, lambda: neighbour_graph(x, search, step, report))


_KEPT = Kept[NeighbourGraph](32 * 2**20, lambda found: 0 if found.indices is None else found.indices.nbytes)


def _shares(a: Indices | None, b: Indices | None, n_points: int) -> Floats:
    return np.full(n_points, np.nan) if a is None or b is None else shared_share(a, b)


def _mean(a: Indices | None, b: Indices | None) -> float:
    return float("nan") if a is None or b is None else float(shared_share(a, b).mean())


def _notes(values: NeighbourOverlap, params: OverlapParams, n_rows: int) -> tuple[str, ...]:
    notes = [
        f"Unrelated layers share {number_text(values.by_chance, 'share')} of their {values.k} neighbours by chance."
    ]
    if len(values.row_index) < n_rows:
        notes.append(f"{len(values.row_index):,} of {n_rows:,} rows were drawn by the seed.")
    if values.k < params.k:
        notes.append(
            f"The number of neighbours was lowered from {params.k} to {values.k}: there are {len(values.row_index):,} rows."
        )
    return (*notes, *recall_notes(len(values.row_index), values.k, values.recall, values.n_checked))


def _work(size: Size, params: OverlapParams) -> float:
    """Multiplications of the distances in each layer, then the lists of neighbours of each two layers."""
    rows = min(size.n_rows, params.max_rows)
    compared = rows_compared(rows, params.exact_rows)
    return rows * (size.n_matrices * compared * (size.n_dims + 100.0) + 2_000.0 * size.n_layers**2 * params.k)


NEIGHBOUR_OVERLAP = Metric(
    name="neighbour_overlap",
    version=1,
    title="Shared nearest neighbours",
    scope="pair",
    params=OverlapParams,
    result=NeighbourOverlap,
    run=run,
    effort=Effort(_work, rate=1.7e-10, start=0.02, each=0.007),
)
