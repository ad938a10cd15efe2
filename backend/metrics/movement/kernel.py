"""Where the labels' centroids are, how far they move, and a plane to look at their paths in.

Every length is taken in the full space; the plane is for looking only (Zhou & Srikumar 2022, figures 3 and 5).
"""

from itertools import combinations

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.metrics.maps.kernel import pca_layout
from backend.metrics.shared.linalg import Floats, Ints, Matrix, as_matrix, centred, row_blocks

_NEAREST = 8  # of a label, among which the two others of a close triple are sought
_HINT = "Give one class number for each row, -1 where a row has no label."


def label_centroids(x: npt.ArrayLike, labels: npt.ArrayLike, n_labels: int) -> tuple[Floats, Floats]:
    """Mean row of each label, and the length of its standard error, in float64.

    ``x`` (n_rows, n_dims); ``labels`` (n_rows,) are class numbers below ``n_labels``, -1 where a row has none. Returns
    (n_labels, n_dims) and (n_labels,), in the units of the activations. The error is sqrt(sum of the dimensions'
    variances / n): the root mean square distance from the mean of endlessly many rows. NaN for a label without rows; an
    error needs two. Raises InvalidRequest where rows and labels do not match.
    """
    matrix = as_matrix(x)
    classes = _checked(labels, matrix.shape[0], n_labels)
    counts = np.bincount(classes[classes >= 0], minlength=n_labels)
    means = _sums(matrix, classes, n_labels) / np.where(counts > 0, counts, np.nan)[:, None]
    squares = np.zeros(n_labels)
    for block in row_blocks(matrix):
        here = np.flatnonzero(classes[block] >= 0)
        of = classes[block][here]
        apart = centred(matrix[block][here], means[of])
        squares += np.bincount(of, np.einsum("ij,ij->i", apart, apart), minlength=n_labels)
    return means, _standard_error(squares, counts)


def paired_error(x: npt.ArrayLike, y: npt.ArrayLike, labels: npt.ArrayLike, n_labels: int) -> Floats:
    """Length of the standard error of each label's difference vector, mean(y) - mean(x), over the same rows.

    The rows are paired, so it is that of the mean of y - x: far below the errors of both centroids where they vary
    alike. ``x`` and ``y`` (n_rows, n_dims), labels as in ``label_centroids``; returns (n_labels,), NaN below two rows.
    """
    first, second = as_matrix(x), as_matrix(y)
    if first.shape != second.shape:
        raise InvalidRequest(
            f"The two sides have shapes {first.shape} and {second.shape}.", "Give the same rows in the same dimensions."
        )
    classes = _checked(labels, first.shape[0], n_labels)
    counts = np.bincount(classes[classes >= 0], minlength=n_labels)
    divisor = np.where(counts > 0, counts, np.nan)[:, None]
    means = (_sums(second, classes, n_labels) - _sums(first, classes, n_labels)) / divisor
    squares = np.zeros(n_labels)
    for block in row_blocks(first):
        here = np.flatnonzero(classes[block] >= 0)
        of = classes[block][here]
        apart = centred(second[block][here], means[of]) - first[block][here]
        squares += np.bincount(of, np.einsum("ij,ij->i", apart, apart), minlength=n_labels)
    return _standard_error(squares, counts)


def lengths(steps: Floats) -> Floats:
    """Euclidean lengths of ``steps`` (..., n_dims)."""
    out: Floats = np.linalg.norm(steps, axis=-1)
    return out


def spread(centroids: Floats) -> float:
    """Mean distance of the labels' centroids (n_labels, n_dims) from their mean; NaN below two known ones."""
    known = centroids[np.isfinite(centroids).all(axis=1)]
    return float(lengths(known - known.mean(axis=0)).mean()) if len(known) > 1 else float("nan")


def common_share(steps: Floats) -> float:
    """How much of the labels' ``steps`` (n_labels, n_dims) is one and the same for all, in [0, 1].

    The squared length of the mean step over the mean squared length: 1 where all labels take the same step, about
    1 / n_labels where they go independent ways. NaN below two known steps, or where nothing moves.
    """
    known = steps[np.isfinite(steps).all(axis=1)]
    moved = float((known**2).sum(axis=1).mean()) if len(known) > 1 else 0.0
    if moved == 0:
        return float("nan")
    return min(1.0, float((known.mean(axis=0) ** 2).sum() / moved))


def plane(points: Floats, *, centre: bool = True) -> tuple[Floats, Floats]:
    """Coordinates (..., 2) of ``points`` (..., n_dims) on their first two principal axes, and the share of each axis.

    A point with a NaN has no coordinates and takes no part; the shares (2,) are NaN where all points coincide. Each
    axis' largest loading is positive. Without ``centre`` the axes go through the origin, which stays at (0, 0).
    """
    flat = points.reshape(-1, points.shape[-1])
    known = np.isfinite(flat).all(axis=1)
    coords, shares = np.full((len(flat), 2), np.nan), np.full(2, np.nan)
    if known.any():
        coords[known], found = pca_layout(flat[known], 2, centre=centre)
        shares = found if found.any() else shares
    return coords.reshape(*points.shape[:-1], 2), shares


def closest_three(points: Floats, labels: Ints) -> Ints:
    """The three of ``labels`` whose ``points`` (n_labels, n_dims) lie closest together: the least widest distance, in order.

    Sought among triples of a label and two of the ``_NEAREST`` to it. All labels where there are no more than three.
    """
    if len(labels) <= 3:
        return np.sort(labels)
    known = points[labels]
    apart = np.linalg.norm(known[:, None] - known[None], axis=-1)
    near = np.argsort(apart + np.diag(np.full(len(labels), np.inf)), axis=1, kind="stable")[:, :_NEAREST]
    triples = sorted(
        {
            tuple(sorted((one, *pair)))
            for one, some in enumerate(near.tolist())
            for pair in combinations(some, 2)
            if one not in pair
        }
    )
    best = min(triples, key=lambda three: max(float(apart[a, b]) for a, b in combinations(three, 2)))
    return np.sort(labels[list(best)])


def _checked(labels: npt.ArrayLike, n_rows: int, n_labels: int) -> Ints:
    classes = np.asarray(labels)
    if classes.shape != (n_rows,) or classes.dtype.kind not in "iub":
        raise InvalidRequest(f"Labels of shape {classes.shape} and type {classes.dtype} for {n_rows:,} rows.", _HINT)
    if classes.size and not -1 <= classes.min() <= classes.max() < n_labels:
        raise InvalidRequest(f"Class numbers go from {classes.min()} to {classes.max()} of {n_labels}.", _HINT)
    return classes.astype(np.int64)


def _sums(x: Matrix, classes: Ints, n_labels: int) -> Floats:
    """Sum of the rows of each label (n_labels, n_dims), by a sparse product, in float64."""
    from scipy.sparse import csr_array

    total = np.zeros((n_labels, x.shape[1]))
    for block in row_blocks(x):
        here = np.flatnonzero(classes[block] >= 0)
        ones = csr_array((np.ones(len(here)), (classes[block][here], np.arange(len(here)))), (n_labels, len(here)))
        total += ones @ x[block][here].astype(np.float64)
    return total


def _standard_error(squares: Floats, counts: Ints) -> Floats:
    enough = counts > 1
    divisor = np.where(enough, counts * (counts - 1.0), 1.0)
    out: Floats = np.where(enough, np.sqrt(squares / divisor), np.nan)
    return out
