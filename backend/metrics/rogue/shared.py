"""Which rogue dimensions several models have in common: dimension by dimension, and each pair of models against chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from backend.errors import InvalidRequest
from backend.metrics.base import Metric, Outcome, param
from backend.metrics.effort import Effort
from backend.metrics.rogue.kernel import RANKINGS, leading_dimensions
from backend.metrics.rogue.metric import BY_HELP
from backend.metrics.shared.degenerate import named, undefined_entries, why_undefined
from backend.metrics.shared.linalg import Floats, Ints
from backend.values.activations import Labels, LayerStack, Report


@dataclass(frozen=True, slots=True)
class SharedRogueParams:
    """How many dimensions lead, and by what."""

    top: int = param(10, "Number of leading dimensions of each model.", low=1, high=1000)
    by: str = param("variance", BY_HELP, choices=RANKINGS)


@dataclass(frozen=True, slots=True, eq=False)
class SharedRogueResult:
    """The dimensions that lead in the last layer of each model, and how many of them models share.

    ``dims`` (m,) are those that lead in some model, those that lead in most models first. Of each: ``n_models`` (m,), in how many
    models; ``rank`` (n_models, m), its rank in each, from 1, 0 where it does not lead; ``n_in_layers`` (n_models, m), in how
    many of the model's layers it leads, of ``n_layers`` (n_models,). ``pairs`` (n_pairs, 2) are places of models; of each pair
    ``shared`` (n_pairs,) is the number of dimensions that lead in both (-1: undefined), and ``p`` (n_pairs,) the chance that two
    independent choices share as many or more. ``expected`` is how many two independent choices share on average, and
    ``expected_in`` (n_models,) how many dimensions lead in at least 1, 2, ... of the models by chance.
    """

    dims: Ints
    n_models: Ints
    rank: Ints
    n_in_layers: Ints
    n_layers: Ints
    pairs: Ints
    shared: Ints
    p: Floats
    expected: float
    expected_in: Floats
    top: int
    by: str
    n_rows: int
    n_dims: int


def chance_of_sharing(shared: int, top: int, n_dims: int) -> float:
    """The chance in [0, 1] that two independent choices of ``top`` of ``n_dims`` dimensions have ``shared`` or more in common.

    The upper tail of the hypergeometric distribution.
    """
    from scipy.stats import hypergeom  # not at the start of every process

    return float(hypergeom.sf(shared - 1, n_dims, top, top))


def run(
    stacks: Sequence[LayerStack], _labels: Labels | None, params: SharedRogueParams, _seed: int, report: Report
) -> Outcome[SharedRogueResult]:
    from scipy.stats import binom  # not at the start of every process

    n_dims = _one_width(stacks)
    top, total, done = min(params.top, n_dims), sum(map(len, stacks)), 0
    leading: list[list[Ints | None]] = []
    for stack in stacks:
        leading.append([])
        for x in stack.rows:
            report(done, total, "Rogue dimensions that models share")
            done += 1
            leading[-1].append(leading_dimensions(x, params.by, top, stack.step))
    last = [found[-1] for found in leading]
    rank, in_layers = (np.zeros((len(stacks), n_dims), dtype=np.int64) for _ in range(2))
    for model, found in enumerate(leading):
        if (dims := last[model]) is not None:
            rank[model, dims] = np.arange(1, top + 1)
        for one in found:
            if one is not None:
                in_layers[model, one] += 1
    counts = (rank > 0).sum(axis=0)
    dims = _in_order(counts, rank)
    pairs = np.array(list(combinations(range(len(stacks)), 2)), dtype=np.int64).reshape(-1, 2)
    shared = np.array([_shared(last[a], last[b]) for a, b in pairs.tolist()], dtype=np.int64)
    result = SharedRogueResult(
        dims=dims,
        n_models=counts[dims].astype(np.int64),
        rank=rank[:, dims],
        n_in_layers=in_layers[:, dims],
        n_layers=np.array([len(stack) for stack in stacks], dtype=np.int64),
        pairs=pairs,
        shared=shared,
        p=np.array(
            [chance_of_sharing(n, top, n_dims) if n >= 0 else np.nan for n in shared.tolist()], dtype=np.float64
        ),
        expected=top * top / n_dims,
        expected_in=n_dims * binom.sf(np.arange(len(stacks)), len(stacks), top / n_dims),
        top=top,
        by=params.by,
        n_rows=stacks[0].rows[0].shape[0],
        n_dims=n_dims,
    )

    def why(_field: str, index: tuple[int, ...]) -> str:
        model = next(place for place in pairs[index[0]].tolist() if last[place] is None)
        stack = stacks[model]
        reason = why_undefined(stack.rows[-1], step=stack.step) or "fewer than 2 rows have a direction"
        return named(stack, len(stack) - 1, reason)

    places = "; ".join(dict.fromkeys(f"{stack.model}: {stack.layer_names[-1]}" for stack in stacks))
    note = f"The {top} leading dimensions by {params.by} of the last layer on show ({places})."
    return Outcome(result, undefined_entries(result, why), (note,))


def _one_width(stacks: Sequence[LayerStack]) -> int:
    widths = {stack.model: stack.rows[0].shape[1] for stack in stacks}
    if len(set(widths.values())) > 1:
        listed = ", ".join(f"{model} has {width}" for model, width in widths.items())
        raise InvalidRequest(
            f"{listed} dimensions: those of models of different width do not correspond.",
            "Compare models of the same width, such as several that were tuned from one.",
        )
    n_dims: int = next(iter(widths.values()))
    return n_dims


def _in_order(counts: Ints, rank: Ints) -> Ints:
    """The dimensions that lead somewhere: in most models first, then by the sum of their ranks, then by their number."""
    dims = np.flatnonzero(counts)
    order = np.lexsort((dims, rank[:, dims].sum(axis=0), -counts[dims]))
    return dims[order].astype(np.int64)


def _shared(one: Ints | None, other: Ints | None) -> int:
    return -1 if one is None or other is None else len({*one.tolist()} & {*other.tolist()})


SHARED_ROGUE = Metric(
    name="shared_rogue",
    version=1,
    title="Rogue dimensions that models share",
    scope="models",
    params=SharedRogueParams,
    result=SharedRogueResult,
    run=run,
    effort=Effort(rate=6e-9, start=0.02, each=0.0005),
)
