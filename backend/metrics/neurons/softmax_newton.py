"""Many small softmax regressions at once: shared features, and one feature more that differs from problem to problem.

The objective is that of scikit-learn's ``LogisticRegression(C=1.0)``: summed cross-entropy plus half the squared
weights, the intercept free; two classes have one logit, more have one each. Newton's steps for all problems together
(gradients in float64). A problem too large for its Hessian, or one that Newton does not solve, goes to L-BFGS.
"""

import numpy as np
import numpy.typing as npt

from backend.metrics.neurons.softmax_large import Shape, minimised
from backend.metrics.neurons.softmax_parts import PENALTY, Part, logits, probabilities, scores_of
from backend.metrics.shared.linalg import Floats, Ints

_MOST_STEPS = 12


def fit_each(
    part: Part, x: Floats, *, start: Floats | None = None, hessian: Floats | None = None, tolerance: float = 1e-6
) -> Floats:
    """Coefficients (n_problems, m + 1, n_logits), problem j having the shared features and row j of ``x``.

    ``x`` is (n_problems, n_rows). Newton's steps end when none changes a coefficient by more than ``tolerance`` (times
    1 + its size), which leaves an error of about its square. With ``hessian``, as ``moments`` and ``add_penalty`` give
    it near the solution, steps use it as long as they shrink: cheaper ones, and the error left is a part of the last.
    """
    n_problems, n_shared = len(x), part.base.shape[1]
    if start is None:
        start = np.zeros((n_problems, n_shared + 1, part.n_logits))
        start[:, :-1] = part.start
    if not part.exact:
        shape = Shape(part)
        return np.array([minimised(part, x[j], start[j], shape) for j in range(n_problems)])
    out = start.copy()
    for block in part.blocks(n_problems):
        if hessian is not None and _newton(part, x[block], out[block], tolerance, hessian[block]).all():
            continue
        solved = _newton(part, x[block], out[block], tolerance)
        for j in np.flatnonzero(~solved):
            at = block.start + j
            out[at] = minimised(part, x[at], start[at], Shape(part), n_steps=1_000, gain=1e-14)
    return out


def newton_step(gradient: Floats, hessian: Floats) -> Floats:
    """The change (n_problems, m, n_logits) to be subtracted; NaN where a Hessian is singular."""
    size = gradient.shape[1] * gradient.shape[2]
    try:
        step = np.linalg.solve(hessian, gradient.reshape(-1, size, 1))
    except np.linalg.LinAlgError:
        return np.full(gradient.shape, np.nan)
    return np.asarray(step.reshape(gradient.shape), dtype=np.float64)


def moments(part: Part, x: Floats, coefficients: Floats, rows: slice = slice(None)) -> tuple[Floats, Floats]:
    """Gradient (n_problems, m, n_logits) and Hessian (n_problems, m n_logits, m n_logits) of the loss on some rows.

    Without the penalty, which ``add_penalty`` adds: the loss of several parts is then the sum of theirs.
    """
    base, y, x = part.base[rows], part.y[rows], x[:, rows]
    p = probabilities(scores_of(base, x, coefficients))
    hessian = _curvature_of_two(base, x, p[:, 0]) if p.shape[1] == 1 else _curvature_of_many(base, x, p)
    return _gradient(base, y, x, p), hessian


def add_penalty(gradient: Floats, hessian: Floats, coefficients: Floats) -> None:
    """Add the penalty on all but the intercept, in place, and fix the common offset of more than two intercepts."""
    n_features, n_logits = coefficients.shape[1:]
    gradient[:, 1:] += PENALTY * coefficients[:, 1:]
    diagonal = np.arange(n_logits, n_features * n_logits)
    hessian[:, diagonal, diagonal] += PENALTY
    if n_logits > 1:
        hessian[:, :n_logits, :n_logits] += 1.0  # the gradient is orthogonal to this direction: no step changes


def _newton(
    part: Part, x: Floats, coefficients: Floats, tolerance: float, hessian: Floats | None = None
) -> npt.NDArray[np.bool_]:
    """Newton's steps in place, all with ``hessian`` if given; which problems (n_problems,) converged."""
    solved: npt.NDArray[np.bool_] = np.zeros(len(x), dtype=bool)
    before = np.inf
    with np.errstate(invalid="ignore", over="ignore"):
        for _ in range(_MOST_STEPS):
            if hessian is None:
                gradient, curvature = moments(part, x, coefficients)
                add_penalty(gradient, curvature, coefficients)
            else:
                gradient = _gradient(part.base, part.y, x, probabilities(logits(part, x, coefficients)))
                gradient[:, 1:] += PENALTY * coefficients[:, 1:]
                curvature = hessian
            step = newton_step(gradient, curvature)
            size = np.abs(step).max(initial=0.0)
            if not np.isfinite(size) or (hessian is not None and size > 0.5 * before):
                return np.zeros(len(x), dtype=bool)
            coefficients -= step
            before = size
            solved = np.asarray((np.abs(step) <= tolerance * (1.0 + np.abs(coefficients))).all(axis=(1, 2)))
            if solved.all():
                break
    return solved


def _gradient(base: Floats, y: Ints, x: Floats, p: Floats) -> Floats:
    """Gradient (n_problems, m + 1, n_logits) from probabilities, which are overwritten."""
    n_problems, n_logits, n_rows = p.shape
    m = base.shape[1]
    if n_logits == 1:
        p -= y
    else:
        p[:, y, np.arange(n_rows)] -= 1.0
    gradient = np.empty((n_problems, m + 1, n_logits))
    if m == 1:
        gradient[:, 0] = p.sum(axis=2)
    else:
        gradient[:, :m] = (p.reshape(-1, n_rows) @ base).reshape(n_problems, n_logits, m).transpose(0, 2, 1)
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


def _curvature_of_many(base: Floats, x: Floats, p: Floats) -> Floats:
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
