"""What the leading principal components know: accuracy of a linear classifier on the first k of them.

Matton & de Oliveira, section 3.1: the basis is fitted on the texts themselves, on other (general) texts, or is k random
dimensions of the representation.
"""

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.metrics.anisotropy.explained_variance import variance_ratio
from backend.metrics.shared.heads import fit_linear, predictions
from backend.metrics.shared.linalg import (
    Floats,
    Ints,
    Matrix,
    along_axes,
    as_matrix,
    eigenvectors,
    row_mean,
    singular_vectors,
)

__all__ = ["class_numbers", "component_accuracy", "principal_basis", "scores_accuracy", "variance_ratio"]

_TOLERANCE = float(np.finfo(np.float32).eps) / 2  # of a float32 entry: below, a direction is rounding


def principal_basis(x: npt.ArrayLike) -> Floats:
    """Principal directions of ``x`` (n_rows, n_dims), by descending variance: orthonormal columns (n_dims, rank).

    Rank is at most n_rows - 1; directions whose spread float32 cannot resolve beside the largest do not count. An empty
    basis (n_dims, 0) where all rows are identical.
    """
    rows = as_matrix(x)
    n_rows, n_dims = rows.shape
    mean = row_mean(rows)
    if n_rows < n_dims:
        singular, right = singular_vectors(rows, mean)
        values, directions = singular**2, right.T
    else:
        values, directions = eigenvectors(rows, mean)
        values, directions = values[::-1], directions[:, ::-1]
    smallest = max(n_rows, n_dims) * _TOLERANCE**2
    largest = max(float(values.max(initial=0.0)), n_rows * float(mean @ mean) * _TOLERANCE**2)
    rank = min(int((values > largest * smallest).sum()), max(0, n_rows - 1)) if largest > 0 else 0
    return np.asarray(directions[:, :rank])


def component_accuracy(
    x_train: npt.ArrayLike, y_train: Ints, x_test: npt.ArrayLike, y_test: Ints, *, basis: Floats, n_components: Ints
) -> Floats:
    """Test accuracy of a linear classifier on the first k directions of ``basis``, for every k in ``n_components``.

    ``x_train`` (n_train, n_dims), ``x_test`` (n_test, n_dims), classes ``y_train`` and ``y_test`` as numbers from 0,
    ``basis`` (n_dims, n_directions). The classifier is fit_linear's, on scores divided by one number for all (so that the rows' variances have the mean 1): a direction
    without variance stays without weight, and all directions together know what all dimensions know. In [0, 1]; NaN for a k
    beyond the basis. Raises InvalidRequest for shapes that do not fit and for labels that are not numbers of classes.
    """
    train, test = as_matrix(x_train), as_matrix(x_test)
    y_train, y_test = class_numbers(y_train, len(train)), class_numbers(y_test, len(test))
    if train.shape[1] != test.shape[1] or basis.shape[0] != train.shape[1]:
        raise InvalidRequest(
            f"Rows of {train.shape[1]} and {test.shape[1]} dimensions, a basis for {basis.shape[0]}.",
            "Give training rows, test rows and a basis of one width.",
        )
    if len(np.unique(y_train)) < 2:
        raise InvalidRequest("The training rows are all of one class.", "A classifier needs two classes at least.")
    mean = row_mean(train)
    scores = along_axes(train, mean, basis), along_axes(test, mean, basis)
    return scores_accuracy(*scores, y_train, y_test, np.asarray(n_components), scale=common_scale(train))


def class_numbers(labels: npt.ArrayLike, n_rows: int) -> Ints:
    """``labels`` as class numbers (n_rows,); raises InvalidRequest for NaN, fractions, negatives or another length."""
    values = np.asarray(labels)
    numeric = values.ndim == 1 and values.dtype.kind in "iufb" and len(values) == n_rows
    if not numeric or not np.isfinite(values).all() or (values < 0).any() or (values != np.floor(values)).any():
        raise InvalidRequest(
            f"The labels are no class numbers for {n_rows:,} rows (shape {values.shape}, type {values.dtype}).",
            "Give one whole number from 0 for each row, and leave rows without a label out.",
        )
    return values.astype(np.int64)


def common_scale(x: Matrix) -> float:
    """The square root of the mean variance of the dimensions of ``x``; 1 where nothing varies."""
    variance = float(x.var(axis=0, dtype=np.float64).mean())
    return variance**0.5 if variance > 0 else 1.0


def scores_accuracy(train: Floats, test: Floats, y_train: Ints, y_test: Ints, counts: Ints, *, scale: float) -> Floats:
    """Test accuracy on the first k columns for every k in ``counts``; NaN for a k beyond them."""
    found = scores_right(train, test, y_train, y_test, counts, scale=scale)
    return np.array([np.nan if right is None else right.mean() for right in found], dtype=np.float64)


def scores_right(
    train: Floats, test: Floats, y_train: Ints, y_test: Ints, counts: Ints, *, scale: float
) -> list[npt.NDArray[np.bool_] | None]:
    """Which test rows are right on the first k columns, for every k in ``counts``; None for a k beyond them."""
    n_classes = int(max(y_train.max(), y_test.max())) + 1
    found: list[npt.NDArray[np.bool_] | None] = []
    for k in counts:
        if 0 < k <= train.shape[1]:
            head = fit_linear(train[:, :k], y_train, n_classes, scale=scale)
            found.append(np.asarray(predictions(head, test[:, :k]) == y_test))
        else:
            found.append(None)
    return found
