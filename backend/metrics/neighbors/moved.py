"""Which texts moved: the neighbours of every text in two layers, of one model or of two: the metric ``moved_texts``."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from backend.errors import InvalidRequest
from backend.metrics.base import BEFORE_FIRST, Metric, Outcome, param
from backend.metrics.effort import Effort, Size
from backend.metrics.neighbors.chance import at_least, shared_by_chance
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
from backend.metrics.neighbors.kernel import Floats, Indices, sampled_rows, shared_share
from backend.metrics.neighbors.nearest import DISTANCES
from backend.metrics.shared.degenerate import named, same_rows
from backend.metrics.shared.progress import part_of
from backend.values.activations import Labels, LayerStack, Report
from backend.values.numbers import number_text
from backend.values.results import Undefined

_RARE = 0.05  # unrelated neighbours share more than chance in one text of twenty


@dataclass(frozen=True, slots=True)
class MovedParams:
    """Parameters of ``moved_texts``."""

    layer: int = param(
        -1,
        "The first layer, by its position among those chosen; -1 is the last.",
        low=-1,
        high=1000,
        label="First layer",
    )
    other_layer: int = param(
        -1,
        "The layer that it is compared with, of the second model where there are two; -1 is the last.",
        low=-1,
        high=1000,
        label="Second layer",
    )
    k: int = param(10, "Neighbours of a row.", low=1, high=500)
    metric: str = param("euclidean", "Distance between rows.", choices=DISTANCES)
    max_rows: int = param(20_000, "Maximum number of rows compared, drawn by the seed.", low=10, high=MOST_ROWS)
    exact_rows: int = exact_rows_param()


@dataclass(frozen=True, slots=True, eq=False)
class MovedTexts:
    """How many of its nearest neighbours every text has in both of two layers, and which they are.

    ``overlap`` (n_points,), in [0, 1], is the share of the ``k`` neighbours that is kept, ``p`` (n_points,) the probability that unrelated
    neighbours share as many or more. ``before`` and ``after`` (n_points, k) are the neighbours, the nearest first, as row numbers of the
    activations, -1 where undefined; ``before_texts`` and ``after_texts`` their texts. ``counts`` (k + 1,) are the texts that keep 0, 1, ...
    k neighbours, ``expected`` (k + 1,) as many as there would be if the layers were unrelated. ``mean`` is that of ``overlap``, ``by_chance``
    what unrelated layers share. A text that keeps more than the share ``chance_limit`` keeps more than chance would leave it in 19 cases of
    20; ``n_within_chance`` texts do not. Where one layer has no neighbours, both counts are -1. ``recall`` is the
    least share of the true neighbours that was found in a layer, as measured on ``n_checked`` rows: 1 and 0 where the search was exact. ``row_index`` and ``text_index`` (n_points,) say which row and which text each is.
    """

    overlap: Floats
    p: Floats
    before: Indices
    after: Indices
    before_texts: Indices
    after_texts: Indices
    counts: Indices
    expected: Floats
    mean: float
    by_chance: float
    chance_limit: float
    n_within_chance: int
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
    stacks: Sequence[LayerStack], labels: Labels | None, params: MovedParams, seed: int, report: Report
) -> Outcome[MovedTexts]:
    """Compare the neighbours of every row in one layer with those in another, of one model or of a second."""
    same_rows(stacks)
    sides = (stacks[0], stacks[-1])
    places = (_place(sides[0], params.layer), _place(sides[1], params.other_layer))
    if len(stacks) == 1 and places[0] == places[1]:
        raise InvalidRequest(
            f"{sides[0].layer_names[places[0]]} was to be compared with itself.",
            "Give two layers of the model, or a second model.",
        )
    n_rows, n_dims = stacks[0].rows[0].shape
    rows = sampled_rows(n_rows, params.max_rows, seed)
    k = max(1, min(params.k, len(rows) - 2))
    graphs: list[NeighbourGraph] = []
    search = Search(k, params.metric, params.exact_rows, seed)
    reasons: list[str] = []
    for side, (stack, place) in enumerate(zip(sides, places, strict=True)):
        inner = part_of(report, side, 2, stack.layer_names[place])
        inner(0, 1, "")
        graphs.append(neighbour_graph(np.asarray(stack.rows[place][rows]), search, stack.step, inner))
        why = graphs[-1].reason
        reasons += [] if why is None else [named(stack, place, why)]
    report(2, 2, "")
    index = stacks[0].matrices[0].text_index
    texts = np.arange(n_rows, dtype=np.int64) if index is None else np.asarray(index, dtype=np.int64)
    values = _compared([graph.indices for graph in graphs], rows, texts, k, (n_rows, n_dims))
    recall, n_checked = least_found(graphs)
    values = replace(values, recall=recall, n_checked=n_checked)
    said = "; ".join(dict.fromkeys(reasons))
    gaps = tuple(Undefined(name, (), said) for name in ("overlap", "p", "mean") if said)
    return Outcome(values, gaps, _notes(values, params))


def _compared(
    graphs: Sequence[Indices | None], rows: Indices, texts: Indices, k: int, shape: tuple[int, int]
) -> MovedTexts:
    """What two graphs over the same ``rows`` share; NaN where there is one of them alone."""
    n, nothing = len(rows), np.full((len(rows), k), -1, dtype=np.int64)
    n_others = max(k, n - 1)
    chance = shared_by_chance(k, n_others)
    beyond = at_least(chance)
    limit = int(np.argmax(np.append(beyond, 0.0) <= _RARE)) - 1  # so many are no more than chance
    before, after = (nothing if graph is None else rows[graph] for graph in graphs)
    values = MovedTexts(
        overlap=np.full(n, np.nan),
        p=np.full(n, np.nan),
        before=before,
        after=after,
        before_texts=np.where(before >= 0, texts[before], -1),
        after_texts=np.where(after >= 0, texts[after], -1),
        counts=np.full(k + 1, -1, dtype=np.int64),
        expected=n * chance,
        mean=float("nan"),
        by_chance=k / n_others,
        chance_limit=limit / k,
        n_within_chance=-1,
        row_index=rows,
        text_index=texts[rows],
        k=k,
        n_rows=shape[0],
        n_dims=shape[1],
    )
    first, second = graphs
    if first is None or second is None:
        return values
    overlap = shared_share(first, second)
    shared = np.rint(overlap * k).astype(np.int64)
    return replace(
        values,
        overlap=overlap,
        p=beyond[shared],
        counts=np.bincount(shared, minlength=k + 1).astype(np.int64),
        mean=float(overlap.mean()),
        n_within_chance=int((shared <= limit).sum()),
    )


def _place(stack: LayerStack, layer: int) -> int:
    if layer >= len(stack):
        raise InvalidRequest(
            f"{stack.model} has {len(stack)} of the layers asked for, so none at place {layer}.",
            f"Give a place from 0 to {len(stack) - 1}, or -1 for the last.",
        )
    return layer if layer >= 0 else len(stack) - 1


def _notes(values: MovedTexts, params: MovedParams) -> tuple[str, ...]:
    n = len(values.row_index)
    notes = [
        f"Unrelated layers share {number_text(values.by_chance, 'share')} of their {values.k} neighbours on average, and no more than "
        f"{number_text(values.chance_limit, 'share')} in 19 texts of 20."
    ]
    if n < values.n_rows:
        notes.append(f"{n:,} of {values.n_rows:,} rows were drawn by the seed; neighbours are those among them.")
    if values.k < params.k:
        notes.append(f"{params.k} neighbours were lowered to {values.k}: there are {n:,} rows.")
    return (*notes, *recall_notes(n, values.k, values.recall, values.n_checked))


def _work(size: Size, params: MovedParams) -> float:
    """Multiplications of the distances in two layers, and what is looked up for each row."""
    rows = min(size.n_rows, params.max_rows)
    return 2.0 * rows * (rows_compared(rows, params.exact_rows) * (size.n_dims + 100.0) + 3e5)


MOVED_TEXTS = Metric(
    name="moved_texts",
    version=2,
    title="Which texts moved",
    scope="pair",
    params=MovedParams,
    result=MovedTexts,
    run=run,
    direction=BEFORE_FIRST,
    effort=Effort(_work, rate=1.2e-10, start=0.03, each=0.001),
)
