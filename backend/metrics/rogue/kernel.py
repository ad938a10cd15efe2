"""Rogue dimensions: the few that dominate a layer, by variance, by share of the average cosine, or by |mean|.

GPTology for the variance and the spike plot; Timkey & van Schijndel (2021) for the share of the cosine; Kovaleva et al.
(2021) for outliers. The three rankings differ: a figure names which it shows. Ties go to the lower index.
"""

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.metrics.anisotropy.cosine import directions
from backend.metrics.shared.degenerate import count_non_finite, why_undefined
from backend.metrics.shared.linalg import Floats, Ints, as_matrix, centred, row_blocks, row_mean

RANKINGS = ("variance", "cosine", "mean")


def dimension_variance(x: npt.ArrayLike) -> Floats:
    """Variance of each dimension of ``x`` (n_rows, n_dims), (n_dims,), divided by n; identical rows have variance 0.

    All NaN for fewer than 2 rows or activations that are not finite.
    """
    matrix = as_matrix(x)
    total = np.zeros(matrix.shape[1])
    if matrix.shape[0] < 2 or count_non_finite(matrix):
        return np.full_like(total, np.nan)
    mean = row_mean(matrix)
    for block in row_blocks(matrix):
        rows = centred(matrix, mean, block)
        total += np.einsum("ij,ij->j", rows, rows)
    out: Floats = total / matrix.shape[0]
    return out


def dimension_mean(x: npt.ArrayLike) -> Floats:
    """Mean of each dimension of ``x`` (n_rows, n_dims), (n_dims,); all NaN without rows or where any is not finite."""
    matrix = as_matrix(x)
    if matrix.shape[0] == 0 or count_non_finite(matrix):
        return np.full(matrix.shape[1], np.nan)
    return row_mean(matrix)


def cosine_contribution(x: npt.ArrayLike) -> Floats:
    """Contribution of each dimension to the average cosine, (n_dims,): ((sum u_id)^2 - sum u_id^2) / (n (n - 1)).

    u are the unit rows of ``x`` (n_rows, n_dims); the contributions sum to the average cosine. Rows of norm 0 are left
    out. All NaN for fewer than 2 other rows or activations that are not finite. Timkey & van Schijndel (2021).
    """
    matrix = as_matrix(x)
    if count_non_finite(matrix):
        return np.full(matrix.shape[1], np.nan)
    return directions(matrix).contribution


def principal_rogue_dimension(x: npt.ArrayLike) -> int:
    """The dimension of ``x`` (n_rows, n_dims) with the highest variance (GPTology).

    Raises InvalidRequest where every variance is 0 or undefined.
    """
    reason = why_undefined(x)
    if reason:
        raise InvalidRequest(f"There is no principal rogue dimension: {reason}.", "Choose another layer or more texts.")
    return int(np.argmax(dimension_variance(x)))


def rogue_dimensions(x: npt.ArrayLike, *, top: int = 10, by: str = "variance") -> Ints:
    """The ``top`` dimensions of ``x`` (n_rows, n_dims) by "variance", "cosine" or "mean" (of |mean|), highest first.

    Returns (min(top, n_dims),). Raises InvalidRequest for an unknown ranking or where it is undefined.
    """
    scores = ranking_scores(x, by)
    if np.isnan(scores).any():
        reason = why_undefined(x) or "fewer than 2 rows have a direction"
        raise InvalidRequest(
            f"The dimensions cannot be ranked by {by}: {reason}.", "Choose another layer or more texts."
        )
    return highest(scores, top)


def ranking_scores(x: npt.ArrayLike, by: str) -> Floats:
    """What the dimensions of ``x`` are ranked by, (n_dims,); raises InvalidRequest for an unknown ranking."""
    if by == "variance":
        return dimension_variance(x)
    if by == "cosine":
        return cosine_contribution(x)
    if by == "mean":
        return np.abs(dimension_mean(x))
    raise InvalidRequest(f"Dimensions cannot be ranked by '{by}'.", f"Choose one of: {', '.join(RANKINGS)}.")


def highest(scores: Floats, top: int) -> Ints:
    """Indices of the ``top`` highest scores, highest first, ties to the lower index."""
    return np.argsort(-scores, kind="stable")[:top].astype(np.int64)


def leading_dimensions(x: npt.ArrayLike, by: str, top: int, step: float) -> Ints | None:
    """The ``top`` dimensions of a layer (n_rows, n_dims) by one of RANKINGS, highest first; None where they are undefined.

    ``step`` is that of the model's number format: rows that are identical to its rounding have no ranking by variance.
    """
    scores = ranking_scores(x, by)
    flat = by == "variance" and why_undefined(x, step=step) is not None
    return None if flat or np.isnan(scores).any() else highest(scores, top)


def outlier_dimensions(x: npt.ArrayLike, *, n_std: float = 3.0) -> Ints:
    """Dimensions whose mean activation lies beyond mean +/- ``n_std`` standard deviations over the n_dims means.

    ``x`` (n_rows, n_dims); returns the indices, ascending; none where the means are undefined or all equal.
    """
    return np.flatnonzero(beyond(dimension_mean(x), n_std)).astype(np.int64)


def beyond(values: Floats, n_std: float, *, above_only: bool = False) -> npt.NDArray[np.bool_]:
    """Which entries lie more than ``n_std`` standard deviations from the mean of all (two-sided, or above only).

    None where all are equal: their standard deviation is 0, to rounding, and nothing can be measured in it.
    """
    if not values.size or np.isnan(values).any() or np.ptp(values) == 0:
        return np.zeros(values.shape, dtype=bool)
    away = values - values.mean()
    out: npt.NDArray[np.bool_] = (away if above_only else np.abs(away)) > n_std * values.std()
    return out


def standard_scores(values: npt.ArrayLike) -> Floats:
    """How far each entry of ``values`` (n_layers, n_dims) lies above the mean of its layer, in standard deviations.

    Standard deviations of all entries of the layer, divided by n_dims. NaN throughout a layer whose entries are all
    equal, to the last bit, or of which one is NaN.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if not numbers.size:
        return np.full(numbers.shape, np.nan)
    flat = np.ptp(numbers, axis=1, keepdims=True) == 0
    spread = np.where(flat, np.nan, numbers.std(axis=1, keepdims=True))
    out: Floats = (numbers - numbers.mean(axis=1, keepdims=True)) / spread
    return out


def layer_norm_outliers(
    weights: npt.ArrayLike, biases: npt.ArrayLike, *, n_std: float = 3.0, more_than: int = 3
) -> Ints:
    """The published rule: dimensions that are outliers of the output LayerNorm in more than ``more_than`` layers.

    ``weights`` and ``biases`` (n_layers, n_dims) of each block's output LayerNorm. A dimension is an outlier of a layer
    where its weight and its bias both lie beyond ``n_std`` standard deviations (two-sided) over the dimensions; a layer
    whose weights are all equal, or its biases, has none (``NormOutliers.flat`` names it). Returns the indices, ascending.
    Kovaleva et al. (2021).
    """
    scale, shift = np.asarray(weights, dtype=np.float64), np.asarray(biases, dtype=np.float64)
    if scale.ndim != 2 or scale.shape != shift.shape:
        raise InvalidRequest(
            f"LayerNorm weights have shape {scale.shape}, biases {shift.shape}.",
            "Give two (layers, dimensions) arrays.",
        )
    return np.flatnonzero(beyond_in_both(scale, shift, n_std).sum(axis=0) > more_than).astype(np.int64)


def beyond_in_both(weights: Floats, biases: Floats, n_std: float) -> npt.NDArray[np.bool_]:
    """Where weight and bias both lie beyond ``n_std`` standard deviations of their layer, (n_layers, n_dims) like them."""
    both = [beyond(one, n_std) & beyond(other, n_std) for one, other in zip(weights, biases, strict=True)]
    return np.array(both, dtype=bool).reshape(weights.shape)
