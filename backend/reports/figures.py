"""What a figure says of a result beside the result's own numbers: ends of bands, depths, middles of bins, classes put together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.values.results import Source

Floats = npt.NDArray[np.float64]
FEWEST_PAIRS = 3  # of which a rank correlation says anything
_ROWS_AT_A_TIME = 4096


def band_ends(middle: npt.ArrayLike, spread: npt.ArrayLike) -> tuple[Floats, Floats]:
    """The lower and the upper end of a band of ``spread`` to both sides of ``middle``, of its shape; NaN where one is."""
    middle, spread = np.asarray(middle, np.float64), np.asarray(spread, np.float64)
    return middle - spread, middle + spread


def error_bars(errors: npt.ArrayLike) -> Floats:
    """How far a bar reaches to both sides of a number with these standard errors: two of them, about a 95 % interval."""
    return 2 * np.asarray(errors, np.float64)


def relative_depths(n_layers: int) -> Floats:
    """How deep each of ``n_layers`` layers lies, (n_layers,): 0 is the first, 1 the last; a single layer is at 0."""
    return np.arange(n_layers) / max(n_layers - 1, 1)


def bin_middles(edges: Floats) -> Floats:
    """The middle of each bin, (n_bins,), of the ``edges`` (n_bins + 1,)."""
    return (edges[:-1] + edges[1:]) / 2


def common_components(sources: Sequence[Source]) -> int:
    """How many principal components all of these stacks have: as many as the smallest has rows, or dimensions."""
    return min(min(source.n_rows, source.n_dims) for source in sources)


@dataclass(frozen=True, slots=True, eq=False)
class ClassCounts:
    """Rows by class and bin, the smaller classes together.

    ``classes`` are the numbers of those with a line of their own, ascending; ``counts`` (n_lines, n_bins) has a line for each, then
    one for all ``n_others`` others, where there are some; ``totals`` (n_lines,) are the rows of each line.
    """

    classes: tuple[int, ...]
    counts: npt.NDArray[np.int64]
    totals: npt.NDArray[np.int64]
    n_others: int

    def filled(self) -> "ClassCounts":
        """The same without the lines that have no rows."""
        there = np.flatnonzero(self.totals)
        classes = tuple(number for line, number in enumerate(self.classes) if self.totals[line])
        others = self.n_others if len(there) > len(classes) else 0
        return ClassCounts(classes, self.counts[there], self.totals[there], others)


def merge_classes(counts: npt.NDArray[np.integer], most: int, by: npt.NDArray[np.integer] | None = None) -> ClassCounts:
    """``counts`` (n_classes, n_bins) with a line for each of the ``most`` largest classes, and one for the others together.

    The largest have most rows in ``by`` (n_classes, any number of bins), in ``counts`` itself where it is not given.
    """
    totals = (counts if by is None else by).sum(axis=1)
    order = np.argsort(-totals, kind="stable")
    named, rest = np.sort(order[:most]), order[most:]
    lines = counts[named]
    if len(rest):
        lines = np.concatenate([lines, counts[rest].sum(axis=0, keepdims=True)])
    return ClassCounts(tuple(map(int, named)), lines.astype(np.int64), lines.sum(axis=1).astype(np.int64), len(rest))


@dataclass(frozen=True, slots=True)
class RankCorrelation:
    """Spearman's rank correlation of ``n`` pairs, in [-1, 1]; ``rho`` is NaN where ``why`` says so."""

    rho: float
    n: int
    why: str = ""


def rank_correlation(x: npt.ArrayLike, y: npt.ArrayLike) -> RankCorrelation:
    """Spearman's rank correlation of the pairs of ``x`` and ``y`` (n,) that are both defined; ties share their mean rank."""
    first, second = np.asarray(x, np.float64), np.asarray(y, np.float64)
    both = np.isfinite(first) & np.isfinite(second)
    first, second, n = first[both], second[both], int(both.sum())
    if n < FEWEST_PAIRS:
        return RankCorrelation(np.nan, n, f"a rank correlation needs {FEWEST_PAIRS} points, there are {n}")
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return RankCorrelation(np.nan, n, "all points are equal along one axis")
    from scipy.stats import rankdata  # not at the start of every process

    return RankCorrelation(float(np.corrcoef(rankdata(first), rankdata(second))[0, 1]), n)


def mean_sizes(vectors: npt.NDArray[Any]) -> Floats:
    """The mean |value| of each dimension (n_dims,) over ``vectors`` (n, n_dims), in float64; NaN where a value is not finite, or for none."""
    sizes = np.full(vectors.shape[1], np.nan if not len(vectors) else 0.0)
    for start in range(0, len(vectors), _ROWS_AT_A_TIME):
        sizes += np.abs(np.asarray(vectors[start : start + _ROWS_AT_A_TIME], np.float64)).sum(axis=0)
    return np.where(np.isfinite(sizes), sizes / max(len(vectors), 1), np.nan)
