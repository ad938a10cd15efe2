"""Rogue dimensions of every layer of a stack."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.metrics.base import Metric, Outcome, param
from backend.metrics.effort import Effort
from backend.metrics.rogue.kernel import (
    RANKINGS,
    beyond,
    cosine_contribution,
    dimension_mean,
    dimension_variance,
    highest,
    standard_scores,
)
from backend.metrics.shared.degenerate import named, undefined_entries, why_undefined
from backend.metrics.shared.linalg import Floats, Ints, as_matrix
from backend.values.activations import Labels, LayerStack, Report

_STAGE = "Rogue dimensions"
BY_HELP = "Ranking: variance, cosine (contribution to the average cosine) or mean (of |mean|)."


@dataclass(frozen=True, slots=True)
class RogueParams:
    """Which dimensions are singled out, and how many texts the spike plot draws."""

    top: int = param(10, "Number of dimensions in each ranking.", low=1, high=1000)
    by: str = param("variance", BY_HELP, choices=RANKINGS)
    n_std: float = param(3.0, "Standard deviations beyond which a dimension is an outlier.", low=0.5, high=20.0)
    n_lines: int = param(10, "Number of texts in the spike plot, spread evenly over the set.", low=1, high=200)


@dataclass(frozen=True, slots=True, eq=False)
class RogueResult:
    """Rogue dimensions for each layer.

    Arrays of all dimensions (n_layers, n_dims): ``variance``, ``mean``, ``cosine`` (contributions, summing to
    ``average_cosine``) and ``cosine_share``, its share of that sum, ``outlier`` (mean activation beyond n_std) and ``rogue`` (ranked quantity more than n_std above
    its mean over dimensions); ``score``, how far above that mean it lies, in standard deviations over the dimensions.
    Rankings (n_layers, top): ``top_variance``, ``top_cosine``, ``top_mean``, with the value beside each index; -1 where the
    layer is degenerate. ``principal`` (n_layers,) is the highest-variance dimension, -1 where there is none, and
    ``principal_share`` its share of the layer's variance. ``lines`` (n_layers, n_lines, n_dims) are the activations of the
    rows ``line_rows``, which belong to the texts ``line_texts``. ``appearing`` (m,) are the dimensions that are rogue in some layer, with the
    index of their first such layer in ``first_layer`` and their number of such layers in ``n_layers_rogue``.
    """

    variance: Floats
    mean: Floats
    cosine: Floats
    cosine_share: Floats
    average_cosine: Floats
    outlier: npt.NDArray[np.bool_]
    rogue: npt.NDArray[np.bool_]
    score: Floats
    principal: Ints
    principal_share: Floats
    top_variance: Ints
    top_variance_value: Floats
    top_cosine: Ints
    top_cosine_value: Floats
    top_mean: Ints
    top_mean_value: Floats
    lines: npt.NDArray[np.float32]
    line_rows: Ints
    line_texts: Ints
    appearing: Ints
    first_layer: Ints
    n_layers_rogue: Ints
    by: str
    n_std: float
    n_rows: int
    n_dims: int

    @property
    def n_rogue(self) -> Ints:
        """How many dimensions of each layer are rogue, (n_layers,)."""
        return np.array([np.count_nonzero(row) for row in self.rogue], np.int64)

    @property
    def drawn_range(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """The lowest and the highest value of ``lines`` on each dimension, (n_layers, n_dims) each."""
        return self.lines.min(axis=1), self.lines.max(axis=1)


def run(
    stacks: Sequence[LayerStack], _labels: Labels | None, params: RogueParams, seed: int, report: Report
) -> Outcome[RogueResult]:
    stack = stacks[0]
    n_rows, n_dims = stack.rows[0].shape
    variance, mean, cosine = (np.full((len(stack), n_dims), np.nan) for _ in range(3))
    reasons = []
    for index, x in enumerate(map(as_matrix, stack.rows)):
        report(index, len(stack), _STAGE)
        reasons.append(why_undefined(x, step=stack.step))
        variance[index], mean[index], cosine[index] = dimension_variance(x), dimension_mean(x), cosine_contribution(x)
        if reasons[-1] == "all rows are identical":
            variance[index] = 0.0  # to rounding
    scores = {"variance": variance, "cosine": cosine, "mean": np.abs(mean)}
    tops = {name: _top(scores[name], min(params.top, n_dims)) for name in RANKINGS}
    ranked = scores[params.by]
    rogue = np.array([beyond(row, params.n_std, above_only=True) for row in ranked])
    principal = np.array([_principal(row) for row in variance], dtype=np.int64)
    appearing, first, count = _appearing(rogue)
    whole = cosine.sum(axis=1)
    rows = _line_rows(n_rows, params.n_lines, seed)
    texts = stack.matrices[0].text_index
    result = RogueResult(
        variance=variance,
        mean=mean,
        cosine=cosine,
        cosine_share=cosine / np.where(whole == 0, np.nan, whole)[:, None],
        average_cosine=whole,
        outlier=np.array([beyond(row, params.n_std) for row in mean]),
        rogue=rogue,
        score=standard_scores(ranked),
        principal=principal,
        principal_share=np.array([_share(row, dim) for row, dim in zip(variance, principal.tolist(), strict=True)]),
        top_variance=tops["variance"][0],
        top_variance_value=tops["variance"][1],
        top_cosine=tops["cosine"][0],
        top_cosine_value=tops["cosine"][1],
        top_mean=tops["mean"][0],
        top_mean_value=tops["mean"][1],
        lines=np.array([np.asarray(x)[rows] for x in stack.rows], dtype=np.float32),
        line_rows=rows,
        line_texts=rows if texts is None else texts[rows].astype(np.int64),
        appearing=appearing,
        first_layer=first,
        n_layers_rogue=count,
        by=params.by,
        n_std=params.n_std,
        n_rows=n_rows,
        n_dims=n_dims,
    )

    def why(field: str, index: tuple[int, ...]) -> str:
        reason = reasons[index[0]]
        if field == "score" and not np.isnan(ranked[index[0]]).any():
            reason = reason or "all dimensions have the same value, so that no standard deviation tells them apart"
        if field == "cosine_share" and whole[index[0]] == 0:
            reason = reason or "the average cosine is 0"
        return named(stack, index[0], reason or "fewer than 2 rows have a direction")

    return Outcome(result, undefined_entries(result, why), _notes(params, rows, n_rows))


def _top(scores: Floats, top: int) -> tuple[Ints, Floats]:
    """Indices and values of the highest scores of each layer, (n_layers, top): -1 and NaN where undefined."""
    indices, values = np.full((len(scores), top), -1, dtype=np.int64), np.full((len(scores), top), np.nan)
    for layer, row in enumerate(scores):
        if not np.isnan(row).any() and row.max(initial=0.0) > 0:
            indices[layer] = highest(row, top)
            values[layer] = row[indices[layer]]
    return indices, values


def _principal(variance: Floats) -> int:
    return int(np.argmax(variance)) if variance.size and np.nanmax(variance, initial=0.0) > 0 else -1


def _share(variance: Floats, dim: int) -> float:
    """The share of the layer's variance that is along dimension ``dim``; NaN where there is none."""
    return float(variance[dim] / variance.sum()) if dim >= 0 else float("nan")


def _appearing(rogue: npt.NDArray[np.bool_]) -> tuple[Ints, Ints, Ints]:
    """Dimensions rogue in some layer, by first layer and then index; that layer's index; in how many layers."""
    dims = np.flatnonzero(rogue.any(axis=0))
    first = rogue.argmax(axis=0)[dims]
    order = np.lexsort((dims, first))
    dims, first = dims[order], first[order]
    return dims.astype(np.int64), first.astype(np.int64), rogue[:, dims].sum(axis=0).astype(np.int64)


def _line_rows(n_rows: int, n_lines: int, seed: int) -> Ints:
    """One row from each of ``n_lines`` equal stretches of the rows, drawn with ``seed``; all rows where there are fewer."""
    if n_rows <= n_lines:
        return np.arange(n_rows, dtype=np.int64)
    edges = np.linspace(0, n_rows, n_lines + 1).astype(np.int64)
    rng = np.random.default_rng(seed)
    return rng.integers(edges[:-1], edges[1:]).astype(np.int64)


def _notes(params: RogueParams, rows: Ints, n_rows: int) -> tuple[str, ...]:
    return (f"Ranked by {params.by} over {n_rows:,} rows; the lines are {len(rows):,} of them.",)


ROGUE = Metric(
    name="rogue",
    version=2,
    title="Rogue dimensions",
    scope="stack",
    params=RogueParams,
    result=RogueResult,
    run=run,
    aliases=("rogue_dimensions",),
    effort=Effort(rate=1.4e-8, start=0.02, each=0.001),
)
