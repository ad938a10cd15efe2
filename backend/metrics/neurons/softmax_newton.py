"""Many small softmax regressions at once: shared features, and one feature more that differs from problem to problem.

The objective is that of scikit-learn's ``LogisticRegression(C=1.0)``: summed cross-entropy plus half the squared
weights, the intercept free; two classes have one logit, more have one each. Newton's steps for all problems together
(gradients in float64). A problem too large for its Hessian, or one that Newton does not solve, goes to L-BFGS.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt

from backend.metrics.neurons.softmax_large import Shape, minimised
from backend.metrics.neurons.softmax_parts import PENALTY, Part, exponentials_of, features_of, probabilities, scores_of
from backend.metrics.shared.linalg import Floats, Ints

_MOST_STEPS, _MOST_WITH_ONE = 12, 20
_NEAR = 0.1  # last step with the Hessian of the classes' frequencies, before others


def fit_each(part: Part, x: Floats, *, tolerance: float = 1e-6) -> Floats:
    """Coefficients (n_problems, m + 1, n_logits), problem j having the shared features and row j of ``x``.

    ``x`` is (n_problems, n_rows). Newton's steps end when none changes a coefficient by more than ``tolerance`` (times
    1 + its size), which leaves an error of about its square.
    """
    return fit_near(part, x, tolerance=tolerance)[0]


def fit_near(
    part: Part,
    x: Floats,
    *,
    start: Floats | None = None,
    derivatives: tuple[Floats, Floats] | None = None,
    tolerance: float = 1e-6,
) -> tuple[Floats, Floats]:
    """The same, and how far each may be from the solution, of the same shape: no further than the last step went.

    With ``derivatives``, gradient and Hessian at ``start`` as ``moments`` and ``add_penalty`` give them, all steps use that Hessian
    as long as each is at most half of the one before: cheaper ones, which together are no longer than the last one before them.
    """
    n_problems, n_shared = len(x), part.base.shape[1]
    first = start is None and part.exact and n_shared == 1
    if start is None:
        start = np.zeros((n_problems, n_shared + 1, part.n_logits))
        start[:, :-1] = part.start
    if not part.exact:
        shape = Shape(part)
        return np.array([minimised(part, x[j], start[j], shape) for j in range(n_problems)]), np.zeros(start.shape)
    out, left = start.copy(), np.zeros(start.shape)
    ends = tolerance
    if first:
        derivatives, ends = _at_frequencies(part, x), max(tolerance, _NEAR)
    for block in part.blocks(n_problems):
        if derivatives is not None:
            gradient, hessian = (one[block] for one in derivatives)
            solve = partial(_solved, hessian)
            near = with_one_hessian(_slope(part, x[block]), solve, gradient, out[block], left[block], ends)
            if near and ends <= tolerance:
                continue
        solved = _newton(part, x[block], out[block], left[block], tolerance)
        for j in np.flatnonzero(~solved):
            at = block.start + j
            out[at] = minimised(part, x[at], start[at], Shape(part), n_steps=1_000, gain=1e-14)
            left[at] = 0.0
    return out, np.abs(left)


def newton_step(gradient: Floats, hessian: Floats) -> Floats:
    """The change (n_problems, m, n_logits) to be subtracted; NaN where a Hessian is singular."""
    size = gradient.shape[1] * gradient.shape[2]
    try:
        step = np.linalg.solve(hessian, gradient.reshape(-1, size, 1))
    except np.linalg.LinAlgError:
        return np.full(gradient.shape, np.nan)
    return np.asarray(step.reshape(gradient.shape), dtype=np.float64)


def _solved(hessian: Floats, gradient: Floats) -> Floats:
    return newton_step(gradient, hessian)


def moments(part: Part, x: Floats, coefficients: Floats, rows: slice = slice(None)) -> tuple[Floats, Floats]:
    """Gradient (n_problems, m, n_logits) and Hessian (n_problems, m n_logits, m n_logits) of the loss on some rows.

    Without the penalty, which ``add_penalty`` adds: the loss of several parts is then the sum of theirs.
    """
    base, y, x = part.base[rows], part.y[rows], x[:, rows]
    if coefficients.shape[2] > 1:
        return _Many(base, y, x, coefficients.shape[2]).moments(coefficients)
    p = probabilities(scores_of(base, x, coefficients))
    hessian = _curvature_of_two(base, x, p[:, 0])
    return _gradient_of_two(base, y, x, p), hessian


def add_penalty(gradient: Floats, hessian: Floats, coefficients: Floats) -> None:
    """Add the penalty on all but the intercept, in place, and fix the common offset of more than two intercepts."""
    n_features, n_logits = coefficients.shape[1:]
    gradient[:, 1:] += PENALTY * coefficients[:, 1:]
    diagonal = np.arange(n_logits, n_features * n_logits)
    hessian[:, diagonal, diagonal] += PENALTY
    if n_logits > 1:
        hessian[:, :n_logits, :n_logits] += 1.0  # the gradient is orthogonal to this direction: no step changes


def _newton(part: Part, x: Floats, coefficients: Floats, left: Floats, tolerance: float) -> npt.NDArray[np.bool_]:
    """Newton's steps in place, the last of which is put into ``left``; which problems (n_problems,) converged."""
    solved: npt.NDArray[np.bool_] = np.zeros(len(x), dtype=bool)
    many = _Many(part.base, part.y, x, part.n_logits) if part.n_logits > 1 else None
    with np.errstate(invalid="ignore", over="ignore"):
        for _ in range(_MOST_STEPS):
            gradient, hessian = many.moments(coefficients) if many else moments(part, x, coefficients)
            add_penalty(gradient, hessian, coefficients)
            step = newton_step(gradient, hessian)
            if not np.isfinite(step).all():
                return np.zeros(len(x), dtype=bool)
            coefficients -= step
            left[:] = step
            solved = np.asarray((np.abs(step) <= tolerance * (1.0 + np.abs(coefficients))).all(axis=(1, 2)))
            if solved.all():
                break
    return solved


def with_one_hessian(
    slope: Callable[[Floats], Floats],
    solve: Callable[[Floats], Floats],
    gradient: Floats,
    coefficients: Floats,
    left: Floats,
    tolerance: float,
) -> bool:
    """Steps in place that all ``solve`` with the Hessian at the start, where the gradient is ``gradient``; whether all problems converged.

    ``slope`` is the gradient elsewhere, all of shape (n_problems, m + 1, n_logits); the last step is put into ``left``. Such steps
    shrink by about the same factor in the same direction, so each is corrected by what it and the one before have in common
    (Anderson's acceleration, of depth one).
    """
    before, last, moved = np.inf, np.zeros_like(gradient), np.zeros_like(gradient)
    with np.errstate(invalid="ignore", over="ignore"):
        for number in range(_MOST_WITH_ONE):
            if number:
                gradient = slope(coefficients)
            step = solve(gradient)
            size = float(np.abs(step).max(initial=0.0))
            if not np.isfinite(size) or size > 0.5 * before:
                return False
            change = -step
            if number:
                turned = step - last
                length = np.maximum((turned * turned).sum(axis=(1, 2), keepdims=True), np.finfo(np.float64).tiny)
                change -= (step * turned).sum(axis=(1, 2), keepdims=True) / length * (moved - turned)
            coefficients += change
            left[:] = step
            if number and (np.abs(step) <= tolerance * (1.0 + np.abs(coefficients))).all():
                return True
            before, last, moved = size, step, change
    return False


def _slope(part: Part, x: Floats) -> Callable[[Floats], Floats]:
    """The gradient (n_problems, m + 1, n_logits) with the penalty, by the coefficients."""
    many = _Many(part.base, part.y, x, part.n_logits) if part.n_logits > 1 else None

    def slope(coefficients: Floats) -> Floats:
        gradient = many.gradient(coefficients) if many else _slope_of_two(part, x, coefficients)
        gradient[:, 1:] += PENALTY * coefficients[:, 1:]
        return gradient

    return slope


def _at_frequencies(part: Part, x: Floats) -> tuple[Floats, Floats]:
    """Gradient and Hessian at the classes' frequencies with no feature, where every row has the same probabilities."""
    shares = np.bincount(part.y) / len(part.y)
    if part.n_logits == 1:
        one_hot, spread = (part.y == 1)[:, None].astype(np.float64), np.array([[shares[0] * shares[1]]])
        shares = shares[1:]
    else:
        one_hot, spread = np.eye(len(shares))[part.y], np.diag(shares) - np.outer(shares, shares)
    sums, squares, n_logits = x.sum(axis=1), np.einsum("cn,cn->c", x, x), part.n_logits
    gradient = np.zeros((len(x), 2, n_logits))  # that of the intercepts is 0
    gradient[:, 1] = np.outer(sums, shares) - x @ one_hot
    hessian = np.empty((len(x), 2, n_logits, 2, n_logits))
    for row, column, moment in (
        (0, 0, np.full(len(x), float(len(part.y)))),
        (0, 1, sums),
        (1, 0, sums),
        (1, 1, squares),
    ):
        hessian[:, row, :, column] = moment[:, None, None] * spread
    flat = hessian.reshape(len(x), 2 * n_logits, 2 * n_logits)
    add_penalty(gradient, flat, np.zeros_like(gradient))
    return gradient, flat


class _Many:
    """Problems with several logits on rows ``base`` (n_rows, m), classes ``y`` and ``x`` (n_problems, n_rows): derivatives of their loss."""

    def __init__(self, base: Floats, y: Ints, x: Floats, n_logits: int) -> None:
        self._base, self._x = base, x
        self._features = features_of(base, x)
        self._largest = np.abs(base).max(), np.abs(x).max(axis=1)
        self._sums = np.empty((len(x), base.shape[1] + 1, n_logits))  # of the features over the rows of each class
        self._sums[:, :-1] = class_sums(base.T, y, n_logits)
        self._sums[:, -1] = class_sums(x, y, n_logits)

    def gradient(self, coefficients: Floats) -> Floats:
        """Gradient (n_problems, m + 1, n_logits), without the penalty."""
        return self._gradient(*self._exponentials(coefficients))

    def moments(self, coefficients: Floats) -> tuple[Floats, Floats]:
        """Gradient, and the Hessian (n_problems, (m + 1) n_logits, (m + 1) n_logits), without the penalty."""
        exponentials, inverse = self._exponentials(coefficients)
        p = np.empty(exponentials.shape, np.float32)
        np.multiply(exponentials, inverse[:, None], out=p, casting="same_kind")
        return self._gradient(exponentials, inverse), _curvature_of_many(self._base, self._x, p)

    def _exponentials(self, coefficients: Floats) -> tuple[Floats, Floats]:
        scores = coefficients.transpose(0, 2, 1) @ self._features.transpose(0, 2, 1)
        size = np.abs(coefficients).max(axis=2)
        largest = size[:, :-1].sum(axis=1) * self._largest[0] + size[:, -1] * self._largest[1]
        return exponentials_of(scores, float(largest.max()))

    def _gradient(self, exponentials: Floats, inverse: Floats) -> Floats:
        expected = exponentials @ (self._features * inverse[:, :, None])
        return np.asarray(expected.transpose(0, 2, 1) - self._sums)


def class_sums(rows: Floats, y: Ints, n_classes: int) -> Floats:
    """The sum of each row (n, n_rows) over the places of each class, (n, n_classes)."""
    return np.array([np.bincount(y, row, minlength=n_classes) for row in rows])


def _slope_of_two(part: Part, x: Floats, coefficients: Floats) -> Floats:
    return _gradient_of_two(part.base, part.y, x, probabilities(scores_of(part.base, x, coefficients)))


def _gradient_of_two(base: Floats, y: Ints, x: Floats, p: Floats) -> Floats:
    """Gradient (n_problems, m + 1, 1) from probabilities (n_problems, 1, n_rows), which are overwritten."""
    n_problems, _, n_rows = p.shape
    m = base.shape[1]
    p -= y
    gradient = np.empty((n_problems, m + 1, 1))
    if m == 1:
        gradient[:, 0] = p.sum(axis=2)
    else:
        gradient[:, :m] = (p.reshape(-1, n_rows) @ base)[:, :, None]
    gradient[:, m] = (p @ x[:, :, None])[..., 0]
    return gradient


def _curvature_of_two(base: Floats, x: Floats, p: Floats) -> Floats:
    """Hessian of problems with one logit, from probabilities (n_problems, n_rows)."""
    m = base.shape[1]
    weight = p * p
    np.subtract(p, weight, out=weight)
    hessian = np.empty((len(x), m + 1, m + 1))
    if m > 1:
        hessian[:, :m, :m] = (weight @ (base[:, :, None] * base[:, None, :]).reshape(len(base), -1)).reshape(-1, m, m)
    else:
        hessian[:, 0, 0] = weight.sum(axis=1)
    weight *= x
    hessian[:, m, :m] = hessian[:, :m, m] = weight @ base if m > 1 else weight.sum(axis=1, keepdims=True)
    hessian[:, m, m] = np.einsum("cn,cn->c", weight, x)
    return hessian


def _curvature_of_many(base: Floats, x: Floats, p: npt.NDArray[np.float32]) -> Floats:
    """Hessian of problems with more logits, from probabilities (n_problems, n_logits, n_rows).

    In float32: it leads to the solution, but is no part of it.
    """
    n_problems, n_logits, n_rows = p.shape
    m = base.shape[1]
    shared, own = base.T.astype(np.float32), x.astype(np.float32)
    weighted = np.empty((n_problems, m + 1, n_logits, n_rows), np.float32)
    weighted[:, 0] = p
    first = weighted[:, 0]
    np.multiply(first[:, None], shared[1:, None], out=weighted[:, 1:m])
    np.multiply(first, own[:, None], out=weighted[:, m])
    flat = weighted.reshape(n_problems, -1, n_rows)
    hessian = np.negative(flat @ flat.transpose(0, 2, 1), dtype=np.float64)
    blocks = hessian.reshape(n_problems, m + 1, n_logits, m + 1, n_logits)
    same_class = np.einsum("cakbk->cabk", blocks)  # a view
    sums = first.reshape(-1, n_rows) @ (shared[:, None] * shared).reshape(-1, n_rows).T
    same_class[:, :m, :m] += sums.reshape(n_problems, n_logits, m, m).transpose(0, 2, 3, 1)
    crossed = (weighted[:, m].reshape(-1, n_rows) @ shared.T).reshape(n_problems, n_logits, m).transpose(0, 2, 1)
    same_class[:, m, :m] += crossed
    same_class[:, :m, m] += crossed
    same_class[:, m, m] += (weighted[:, m] @ own[:, :, None])[..., 0]
    return np.asarray(hessian)
