"""The spectrum of one layer and every number read from it, each with its influence function for an error band.

One decomposition a layer gives anisotropy, IsoScore, participation ratio and effective rank; the uncentred anisotropy
follows from it too, as adding n mu mu^T is a change of rank one. Razzhigaev et al. (2024) for anisotropy; Rudman et al.
(2022) for IsoScore; Roy & Vetterli (2007) for effective rank. The average cosine is in ``cosine``.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.metrics.shared.arrays import arrays_for
from backend.metrics.shared.degenerate import why_undefined
from backend.metrics.shared.linalg import (
    BLOCK_ENTRIES,
    Floats,
    Matrix,
    as_matrix,
    centred,
    centred_there,
    eigenvalues,
    eigenvectors,
    row_blocks,
    row_mean,
    weighted_rows,
)

MEASURES = ("anisotropy", "anisotropy_uncentred", "isoscore", "participation_ratio", "effective_rank")
_IDENTICAL = "all rows are identical"


def anisotropy(x: npt.ArrayLike, *, centred: bool = True) -> float:
    """Share of the first singular value's square: sigma_1^2 / sum sigma_i^2 of the rows, centred or as they are.

    ``x`` (n_rows, n_dims); in (0, 1], at least 1 / min(n_rows, n_dims); NaN for a degenerate input. Razzhigaev et al.
    """
    if centred:
        return _from_variances(x, anisotropy_of)
    matrix = as_matrix(x)
    reason = why_undefined(matrix)
    if reason == _IDENTICAL and matrix[0].any():
        return 1.0  # all on one direction
    return float("nan") if reason else share_uncentred(matrix)


def isoscore(x: npt.ArrayLike) -> float:
    """IsoScore of ``x`` (n_rows, n_dims): (PR - 1) / (d - 1), in [0, 1], 1 where all dimensions are used evenly.

    NaN for a degenerate input or a single dimension. Rudman et al. (2022), in closed form.
    """
    return _from_variances(x, lambda variances: isoscore_of(variances, as_matrix(x).shape[1]))


def participation_ratio(x: npt.ArrayLike) -> float:
    """Participation ratio of ``x`` (n_rows, n_dims): tr(C)^2 / ||C||_F^2, in [1, d], in dimensions; NaN if degenerate."""
    return _from_variances(x, participation_ratio_of)


def participation_ratio_corrected(x: npt.ArrayLike) -> float:
    """The participation ratio without the bias of few rows, which lowers it: an estimate of the population's, in dimensions.

    ``x`` is (n_rows, n_dims), of 4 rows at least; NaN for a degenerate input. By chance it may exceed n_dims.
    """
    return _from_variances(x, lambda variances: corrected_participation_ratio(as_matrix(x), variances))


def effective_rank(x: npt.ArrayLike) -> float:
    """Effective rank of the centred ``x`` (n_rows, n_dims): exp of the entropy of sigma / sum sigma, in [1, d].

    NaN for a degenerate input. Roy & Vetterli (2007).
    """
    return _from_variances(x, effective_rank_of)


def spectrum(x: npt.ArrayLike) -> Floats:
    """Explained-variance ratios of ``x`` (n_rows, n_dims), (min(n_rows, n_dims),), descending, summing to 1.

    All NaN for a degenerate input.
    """
    matrix = as_matrix(x)
    if why_undefined(matrix):
        return np.full(min(matrix.shape), np.nan)
    variances = principal_variances(matrix)
    ratios: Floats = variances / variances.sum()
    return ratios


def _from_variances(x: npt.ArrayLike, measure: Callable[[Floats], float]) -> float:
    matrix = as_matrix(x)
    return float("nan") if why_undefined(matrix) else measure(principal_variances(matrix))


@dataclass(frozen=True, slots=True, eq=False)
class Decomposition:
    """Principal components of one layer.

    ``variances`` (m,) descending, sum of squares over n; ``axes`` (n_dims, m) the components; ``mean`` (n_dims,).
    m is min(n_rows, n_dims); variances that are rounding are 0.
    """

    variances: Floats
    axes: Floats
    mean: Floats
    n_rows: int


def principal_variances(x: Matrix) -> Floats:
    """Variances along the principal components, (min(n_rows, n_dims),), descending; rows must be finite."""
    values = eigenvalues(x, row_mean(x))
    return _cleaned(values[::-1], x)


def decompose(x: Matrix) -> Decomposition:
    """Principal components of ``x`` in float64; rows must be finite and not all identical."""
    mean = row_mean(x)
    values, vectors = eigenvectors(x, mean)
    variances, vectors = _cleaned(values[::-1], x), vectors[:, ::-1]
    if x.shape[0] < x.shape[1]:  # eigenvectors of the Gram matrix: turn them into directions
        length = np.sqrt(variances * x.shape[0])
        vectors = weighted_rows(x, mean, vectors / np.where(length > 0, length, np.inf))
    return Decomposition(variances, vectors, mean, x.shape[0])


def share_uncentred(x: Matrix) -> float:
    """Anisotropy of the rows as they are, not centred; rows must be finite and at least one not 0."""
    values = eigenvalues(x, row_mean(x), add_mean=True)
    return anisotropy_of(_cleaned(values[::-1], x))


def _cleaned(values: Floats, x: Matrix) -> Floats:
    largest = max(float(values[0]), 0.0)
    tolerance = np.finfo(np.float64).eps * max(x.shape) * largest
    out: Floats = np.where(values > tolerance, values, 0.0) / x.shape[0]
    return out


def anisotropy_of(variances: Floats) -> float:
    """Share of the first component: sigma_1^2 / sum sigma_i^2."""
    total = float(variances.sum())
    return float(variances[0]) / total if total > 0 else float("nan")


def participation_ratio_of(variances: Floats) -> float:
    """tr(C)^2 / ||C||_F^2."""
    squares = float((variances**2).sum())
    return float(variances.sum()) ** 2 / squares if squares > 0 else float("nan")


def corrected_participation_ratio(x: Matrix, variances: Floats) -> float:
    """Participation ratio of the population that the rows of ``x`` were drawn from, without the bias of few rows.

    ``variances`` are ``principal_variances(x)``. Both its parts are U-statistics over four distinct rows, without
    bias: ||C||_F^2 that of which debiased CKA is made (Song et al. 2007), tr(C)^2 the mean product of two halved squared distances. May exceed n_dims by chance; as a
    ratio it keeps a bias of second order (7% too high at 60 rows with half of the variance in one dimension). NaN below 4
    rows or where nothing is left.
    """
    n, mean = x.shape[0], row_mean(x)
    if n < 4:
        return float("nan")
    norms = np.empty(n)
    for block in row_blocks(x):
        rows = centred(x, mean, block)
        norms[block] = np.einsum("ij,ij->i", rows, rows)
    total, fourth = float(norms.sum()), float(norms @ norms)
    products = float(((n * variances) ** 2).sum())  # of all rows with one another, squared
    pairs = products - fourth
    squares = (pairs + total**2 / ((n - 1) * (n - 2)) - 2 * fourth / (n - 2)) / (n * (n - 3))
    traces = total**2 * (n * n - 3 * n + 1) - fourth * n * (n - 1) + 2 * products
    trace = traces / (n * (n - 1) * (n - 2) * (n - 3))
    return trace / squares if trace > 0 and squares > 1e-12 * trace else float("nan")


def isoscore_of(variances: Floats, n_dims: int) -> float:
    """(PR - 1) / (d - 1)."""
    return (participation_ratio_of(variances) - 1) / (n_dims - 1) if n_dims > 1 else float("nan")


def effective_rank_of(variances: Floats) -> float:
    """exp of the entropy of sigma / sum sigma (Roy & Vetterli 2007)."""
    sigma = np.sqrt(variances[variances > 0])
    if not sigma.size:
        return float("nan")
    share = sigma / sigma.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


def top_uncentred(d: Decomposition) -> tuple[float, float, Floats]:
    """Largest eigenvalue of C + mu mu^T, its trace, and its eigenvector over the components and the rest of mu.

    The eigenvalue is the largest root of 1 = sum z_j^2 / (x - lambda_j), z the mean along each component.
    """
    z = d.mean @ d.axes
    rest = np.sqrt(max(float(d.mean @ d.mean - z @ z), 0.0))
    if d.axes.shape[1] == d.axes.shape[0]:
        rest = 0.0  # the components span everything
    z, values = np.append(z, rest), np.append(d.variances, 0.0)
    total = float(values.sum() + z @ z)
    low, high = float(values[0]), float(values[0] + z @ z)
    weight = z**2
    for _ in range(200):  # bisection: 1 - sum falls to minus infinity at low and is at least 0 at high
        middle = (low + high) / 2
        if not low < middle < high:
            break
        if float((weight / (middle - values)).sum()) > 1:
            low = middle
        else:
            high = middle
    gap = high - values
    if gap[0] <= 4 * np.finfo(np.float64).eps * high:  # the first component itself: the mean does not tilt it
        return high, total, np.eye(len(values))[0]
    vector = z / gap
    return high, total, vector / np.linalg.norm(vector)


def measures(x: Matrix) -> Floats:
    """The numbers named in MEASURES, (5,), without the components; rows must be finite and not all identical."""
    return _listed(principal_variances(x), share_uncentred(x), x.shape[1])


def measures_of(d: Decomposition) -> Floats:
    """The numbers named in MEASURES, (5,)."""
    top, total, _ = top_uncentred(d)
    return _listed(d.variances, top / total, d.axes.shape[0])


def _listed(variances: Floats, uncentred: float, n_dims: int) -> Floats:
    isoscore, ratio = isoscore_of(variances, n_dims), participation_ratio_of(variances)
    return np.array([anisotropy_of(variances), uncentred, isoscore, ratio, effective_rank_of(variances)])


def standard_errors(x: Matrix, d: Decomposition) -> Floats:
    """Standard error of each of MEASURES by the infinitesimal jackknife, (5,).

    A row of weight 1 + e moves lambda_j by e (p_j^2 - lambda_j) / n, p the row along the components; the error is the root
    of the summed squares of the measure's response to each row (Efron 1982; Jaeckel 1972).
    """
    gradients = _gradients(d.variances, x.shape[1])
    top, total, vector = top_uncentred(d)
    towards = d.axes @ vector[:-1] + _rest_direction(d) * vector[-1]
    offset, squared_mean = float(d.mean @ towards), float(d.mean @ d.mean)
    arrays = arrays_for(float(x.size) * d.axes.shape[1])
    axes, slopes, centre = arrays.given(d.axes), arrays.given(gradients), arrays.given(d.variances @ gradients)
    direction, mean = arrays.given(towards), arrays.given(d.mean)
    squares, of_uncentred = arrays.zeros(len(centre)), arrays.zeros(1)
    for block in row_blocks(x, entries=BLOCK_ENTRIES * arrays.larger):
        rows = centred_there(arrays, x, d.mean, block)
        response = (rows @ axes) ** 2 @ slopes - centre
        projected = (rows @ direction + offset) ** 2
        norms = arrays.xp.einsum("ij,ij->i", rows, rows) + 2 * rows @ mean + squared_mean
        uncentred = (projected - top) / total - top * (norms - total) / total**2
        squares += arrays.xp.sum(response**2, axis=0)
        of_uncentred += arrays.xp.sum(uncentred**2)
    out: Floats = np.sqrt(np.insert(arrays.taken(squares), 1, arrays.taken(of_uncentred))) / x.shape[0]
    return out


def _rest_direction(d: Decomposition) -> Floats:
    """Unit vector of the part of the mean outside the components (zeros where there is none)."""
    rest = d.mean - d.axes @ (d.mean @ d.axes)
    norm = float(np.linalg.norm(rest))
    out: Floats = rest / norm if norm > 1e-9 * float(np.linalg.norm(d.mean)) else np.zeros_like(rest)
    return out


def _gradients(variances: Floats, n_dims: int) -> Floats:
    """Derivatives of anisotropy, IsoScore, participation ratio and effective rank by each variance, (m, 4)."""
    total, squares = float(variances.sum()), float((variances**2).sum())
    ratio = total**2 / squares
    share = np.full(variances.shape, -variances[0] / total**2)
    share[0] += 1 / total
    participation = 2 * total / squares - 2 * ratio * variances / squares
    positive = variances > 0
    sigma = np.sqrt(variances[positive])
    part = sigma / sigma.sum()
    entropy = -float((part * np.log(part)).sum())
    rank = np.zeros(variances.shape)
    rank[positive] = np.exp(entropy) * -(np.log(part) + entropy) / sigma.sum() / (2 * sigma)
    isoscore = participation / (n_dims - 1) if n_dims > 1 else np.full(variances.shape, np.nan)
    return np.stack([share, isoscore, participation, rank], axis=1)
