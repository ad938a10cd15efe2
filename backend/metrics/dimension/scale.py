"""How an estimate of the intrinsic dimension depends on the number of rows: the metric ``dimension_scale``."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from backend.metrics.base import Metric, Outcome, param
from backend.metrics.dimension.kernel import DISCARD_FRACTIONS, ESTIMATORS, Settings, estimate
from backend.metrics.effort import Effort, Size
from backend.metrics.neighbors.kernel import AnyRows, Floats, Indices, sampled_rows
from backend.metrics.shared.degenerate import undefined_entries, why_undefined
from backend.metrics.shared.progress import part_of
from backend.values.activations import Labels, LayerStack, Report
from backend.values.numbers import number_text


@dataclass(frozen=True, slots=True)
class ScaleParams:
    """Parameters of ``dimension_scale``."""

    estimator: str = param("two_nn", "The estimator to plot against the number of rows.", choices=ESTIMATORS)
    discard_fraction: float = param(
        DISCARD_FRACTIONS["usual"], "Share of the largest ratios that TwoNN drops; 0.1 is usual.", low=0.0, high=0.95
    )
    k: int = param(20, "Neighbours of a row for MLE and MADA.", low=2, high=500, label="Neighbours for MLE and MADA")
    k_moments: int = param(100, "Neighbours of a row for the method of moments.", low=2, high=500)
    n_sizes: int = param(6, "Number of sizes: all rows, half of them, a quarter, and so on.", low=2, high=12)
    n_draws: int = param(5, "Random draws of each size.", low=2, high=100)
    max_rows: int = param(10_000, "Maximum number of rows used, drawn by the seed.", low=10, high=100_000)


@dataclass(frozen=True, slots=True, eq=False)
class DimensionScale:
    """One estimate against the number of rows.

    ``sizes`` (n_sizes,) ascend; ``mean`` and ``std`` over the draws are (n_layers, n_sizes). Draws of half of the rows
    share half of them, so that ``std`` reads low at the larger sizes; at the largest there is one draw and no ``std``.
    ``limit`` (n_sizes,), 2 log10 of the size, is about the largest dimension that so many rows can show. No draw has fewer than
    ``LEAST_ROWS`` rows.
    """

    LEAST_ROWS: ClassVar[int] = 32

    sizes: Indices
    limit: Floats
    mean: Floats
    std: Floats
    estimator: str
    n_draws: int
    n_rows: int
    n_dims: int

    @property
    def above_limit(self) -> tuple[int, int]:
        """Of how many layers the estimate from all rows is above what they can show, and of how many there is one."""
        ends = self.mean[:, -1][np.isfinite(self.mean[:, -1])]
        return int((ends > self.limit[-1]).sum()), len(ends)


def run(
    stacks: Sequence[LayerStack], labels: Labels | None, params: ScaleParams, seed: int, report: Report
) -> Outcome[DimensionScale]:
    """One estimate of every layer, from all of its rows and from ever smaller random draws."""
    stack = stacks[0]
    n_rows = len(stack.rows[0])
    pool = sampled_rows(n_rows, params.max_rows, seed)
    sizes = _sizes(len(pool), params.n_sizes)
    empty = np.full((len(stack), len(sizes)), np.nan)
    limit = 2 * np.log10(np.maximum(1, sizes))
    values = DimensionScale(sizes, limit, empty, empty.copy(), params.estimator, params.n_draws, *stack.rows[0].shape)
    reasons = {}
    for layer, x in enumerate(stack.rows):
        inner = part_of(report, layer, len(stack), stack.layer_names[layer])
        inner(0, 1, "")
        reason = why_undefined(x, min_rows=3, step=stack.step)
        if reason is None:
            _fill(values, layer, x, pool, params, stack.step, seed, inner)
        else:
            reasons[layer] = reason
    report(len(stack), len(stack), "")

    def why(name: str, index: tuple[int, ...]) -> str:
        if index[0] in reasons:
            return reasons[index[0]]
        if name == "std" and not np.isnan(values.mean[index]).any():
            return "a single draw has no spread"
        return "too few distinct rows, or too many neighbours of a row are equally far, as on a grid"

    drawn = [] if len(pool) == n_rows else [f"{len(pool):,} of {n_rows:,} rows were drawn by the seed."]
    return Outcome(values, undefined_entries(values, why), (*drawn, *_small_sizes(values, params)))


def _small_sizes(values: DimensionScale, params: ScaleParams) -> list[str]:
    """Where the neighbours are too large a part of the rows, and what so many rows resolve at all."""
    k = {"mle": params.k, "mada": params.k, "method_of_moments": params.k_moments}.get(params.estimator, 2)
    notes, few = [], [int(size) for size in values.sizes if 5 * k > size]
    if few:
        lowered = ", lowered to one less than the rows where there are fewer" if k >= few[0] else ""
        listed = ", ".join(map(str, few))
        notes.append(
            f"{k} neighbours{lowered} are more than a fifth of the rows at {listed} rows: a rise there comes from the "
            "estimator, not from the data."
        )
    limit = values.limit[-1]
    if np.nanmax(values.mean[:, -1], initial=0.0) > limit:
        notes.append(
            f"{values.sizes[-1]:,} rows resolve about {number_text(limit)} dimensions (2 log10 n): read larger values as lower bounds."
        )
    return notes


def _sizes(n_rows: int, n_sizes: int) -> Indices:
    """All rows, half of them, a quarter ... ascending, none below 32 but for a set that is itself smaller."""
    halved = [n_rows >> i for i in range(n_sizes)]
    return np.array(
        sorted(size for i, size in enumerate(halved) if i == 0 or size >= DimensionScale.LEAST_ROWS), dtype=np.int64
    )


def _fill(
    values: DimensionScale,
    layer: int,
    x: AnyRows,
    pool: Indices,
    params: ScaleParams,
    number_step: float,
    seed: int,
    report: Report,
) -> None:
    settings = Settings(params.discard_fraction, params.k, params.k_moments)
    rng = np.random.default_rng(seed)  # the same draws for every layer
    for i, size in enumerate(values.sizes):
        n_draws = params.n_draws if size < len(pool) else 1
        found = []
        for draw in range(n_draws):
            rows = np.sort(rng.choice(pool, size, replace=False)) if size < len(pool) else pool
            here = x if len(rows) == len(x) else np.asarray(x[rows])
            step = part_of(report, i * n_draws + draw, len(values.sizes) * n_draws, f"{size:,} rows")
            found.append(estimate(here, params.estimator, settings, step=number_step, report=step))
        values.mean[layer, i] = np.mean(found)
        values.std[layer, i] = np.std(found, ddof=1) if n_draws > 1 else np.nan


_ROW = 2.5e5  # multiplications in whose time a row's estimate is made of its distances


def _work(size: Size, params: ScaleParams) -> float:
    """Multiplications of the distances of all rows and of each draw of a half, a quarter and so on; and each row's own."""
    rows = min(size.n_rows, params.max_rows)
    return (
        size.n_matrices * rows * ((1 + params.n_draws / 3) * rows * (size.n_dims + 100.0) + (1 + params.n_draws) * _ROW)
    )


DIMENSION_SCALE = Metric(
    name="dimension_scale",
    version=4,
    title="Intrinsic dimension against the number of rows",
    scope="stack",
    params=ScaleParams,
    result=DimensionScale,
    run=run,
    effort=Effort(_work, rate=1.6e-10, start=0.02, each=0.015),
)
