"""Softmax regression with a quadratic penalty: the one minimum that scikit-learn's ``LogisticRegression(C=1.0)`` looks for.

L-BFGS takes steps in units in which every column curves about as much as any other. Where columns differ much in size, as principal
components do, it needs 7 to 50 passes over the rows in place of hundreds, and comes nearer to the minimum.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from backend.metrics.shared.arrays import Arrays, arrays_for
from backend.metrics.shared.linalg import Floats, Ints

_GRADIENT = 1e-9  # largest entry, of the mean over the rows, in the units of a step
_GAIN = 64 * float(np.finfo(np.float64).eps)  # relative gain of a step below which the sums are rounding
_MOST_STEPS = 10_000
_PASSES = 50  # over the rows, as an estimate of the work

_Objective = Callable[[Floats], tuple[float, Floats]]


def softmax_arrays(n_entries: int, n_classes: int) -> Arrays:
    """Where ``fit_softmax`` passes over so many entries."""
    return arrays_for(2.0 * _PASSES * n_entries * (1 if n_classes == 2 else n_classes))


def fit_softmax(x: Floats, y: Ints, n_classes: int) -> tuple[Floats, Floats]:
    """Weights (n_logits, n_columns) and intercepts (n_logits,) for ``x`` (n_rows, n_columns), which is overwritten, and classes ``y``.

    ``y`` (n_rows,) are numbers below ``n_classes``, each of which some row has. Two classes have one logit, that of the second. The sum of
    the cross-entropies plus half the squared weights is least; the intercepts are free. Deterministic.
    """
    from scipy.optimize import minimize

    n_rows, n_columns = x.shape
    n_logits = 1 if n_classes == 2 else n_classes
    curvature = (n_classes - 1) / n_classes**2  # of a cross-entropy, where all classes are as likely
    size = np.sqrt(curvature * np.einsum("ij,ij->j", x, x) + 1.0)
    bias_size = float(np.sqrt(curvature * n_rows))
    x /= size
    penalty = 1.0 / size**2
    arrays = softmax_arrays(x.size, n_classes)
    if n_logits == 1:
        objective = _of_two(arrays, x, y, bias_size, penalty)
    else:
        objective = _of_many(arrays, x, y, n_logits, bias_size, penalty)
    options = {"maxiter": _MOST_STEPS, "maxls": 50, "gtol": _GRADIENT, "ftol": _GAIN}
    start = np.zeros(n_logits * (n_columns + 1))
    found = minimize(objective, start, jac=True, method="L-BFGS-B", options=options).x.reshape(n_logits, -1)
    return found[:, :-1] / size, found[:, -1] / bias_size


def _of_two(arrays: Arrays, x: Floats, y: Ints, bias_size: float, penalty: Floats) -> _Objective:
    """Mean loss and gradient of one logit, by its weights and its intercept, each in its own units."""
    n_rows, rows, sign = len(x), arrays.given(x), arrays.given(np.where(y == 1, 1.0, -1.0))

    def objective(at: Floats) -> tuple[float, Floats]:
        weights, pull = at[:-1], penalty * at[:-1]
        margin = sign * (rows @ arrays.given(weights) + at[-1] / bias_size)
        loss = float(0.5 * (pull @ weights)) - float(arrays.log_sigmoid(margin).sum())
        off = sign * arrays.sigmoid(-margin)
        gradient = np.append(pull - arrays.taken(off @ rows), -float(off.sum()) / bias_size)
        return loss / n_rows, gradient / n_rows

    return objective


def _of_many(arrays: Arrays, x: Floats, y: Ints, n_logits: int, bias_size: float, penalty: Floats) -> _Objective:
    """The same of several logits, one row of weights and intercept after the other."""
    xp, n_rows, rows = arrays.xp, len(x), arrays.given(x)
    own = (arrays.given(np.arange(n_rows)), arrays.given(y))

    def objective(at: Floats) -> tuple[float, Floats]:
        table: npt.NDArray[np.float64] = at.reshape(n_logits, -1)
        weights, pull = table[:, :-1], penalty * table[:, :-1]
        scores = rows @ arrays.given(weights).T + arrays.given(table[:, -1] / bias_size)
        scores -= xp.max(scores, axis=1, keepdims=True)
        off = xp.exp(scores)
        total = xp.sum(off, axis=1)
        loss = float(xp.log(total).sum() - scores[own].sum()) + 0.5 * float(np.vdot(pull, weights))
        off /= total[:, None]
        off[own] -= 1.0
        gradient = np.column_stack([arrays.taken(off.T @ rows) + pull, arrays.taken(xp.sum(off, axis=0)) / bias_size])
        return loss / n_rows, gradient.ravel() / n_rows

    return objective
