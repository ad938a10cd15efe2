"""Two results of one metric compared row by row: which test rows each reader gets right."""

import numpy as np
import numpy.typing as npt

from backend.metrics.ablation.result import AblationResult
from backend.metrics.neurons.result import NeuronsResult
from backend.metrics.probing.result import ProbingResult
from backend.metrics.shared.paired import Paired, mcnemar, paired_error
from backend.metrics.threshold.metric import READERS, ThresholdResult
from backend.values.results import Result

Read = Result[ThresholdResult | NeuronsResult]  # both keep which test rows each of their readers gets right
CUT, SINGLE, FITTED, OWN = range(len(READERS))  # readers of ``threshold``; those of ``neurons`` are its four sizes
OTHER_ROWS = "the two were evaluated on different test rows, so they are not compared"
NOT_KEPT = "which rows were right was not kept, so significance cannot be tested"


def compared(first: Read, second: Read, reader: int, at: int = 0) -> Paired | str:
    """McNemar's test of one reader of ``threshold`` or ``neurons`` in layer ``at`` of two results, or why there is none."""
    a, b = first.values, second.values
    if not same_rows(first, second, "test_rows"):
        return OTHER_ROWS
    if not len(a.right) or not len(b.right):
        return NOT_KEPT
    return mcnemar(a.right[at, reader], b.right[at, reader])


def compared_ablations(
    first: Result[AblationResult], second: Result[AblationResult], order: int, k: int
) -> Paired | str:
    """The same with ``k`` dimensions removed in that order of ``ablation``, over the test rows whose predictions are kept."""
    if not same_rows(first, second, "sample"):
        return OTHER_ROWS
    sides = [one.values for one in (first, second)]
    if not all(len(side.predictions) for side in sides):
        return NOT_KEPT
    right = [side.predictions[0, order, k] == side.sample_classes for side in sides]
    return mcnemar(*right)


def compared_networks(
    first: Result[ProbingResult], second: Result[ProbingResult], at: int = 0
) -> tuple[float, float] | None:
    """Change of ``probing``'s accuracy in layer ``at`` and half its 95 % interval, row by row; None on different rows."""
    if not same_rows(first, second, "test_rows"):
        return None
    return mean_change(first.values.right[at], second.values.right[at])


def mean_change(first: npt.ArrayLike, second: npt.ArrayLike, *, n_looks: int = 1) -> tuple[float, float]:
    """Mean of ``second`` minus ``first`` (n_rows,), how right two readers are row by row, and half its 95 % interval.

    ``n_looks``: of how many such differences this one is the widest.
    """
    change = np.asarray(second, np.float64) - np.asarray(first, np.float64)
    return float(change.mean()), paired_error(change, n_looks=n_looks)


def same_rows(first: Result, second: Result, field: str) -> bool:
    """Whether two results are about the same rows of the same texts."""
    a, b = getattr(first.values, field), getattr(second.values, field)
    return first.sources[0].texts == second.sources[0].texts and np.array_equal(a, b)
