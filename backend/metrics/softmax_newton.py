"""Many small softmax regressions at once: shared features, and one feature more that differs from problem to problem.

The objective is that of scikit-learn's ``LogisticRegression(C=1.0)``: summed cross-entropy plus half the squared
weights, the intercept free; two classes have one logit, more have one each. Newton's steps for all problems together
(gradients in float64). A problem too large for its Hessian, or one that Newton does not solve, goes to L-BFGS.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.metrics.linalg import Floats, Ints

MOST_EXACT = 100  # coefficients of one problem up to which all are solved at once with their Hessians
_PENALTY = 1.0  # 1 / C
_MOST_STEPS = 12
_LARGE_STEPS = 60  # of L-BFGS from a warm start
_ENTRIES = 1 << 15, 1 << 19  # of one block of problems with one logit, with more: they stay in the cache


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The rows that a fit is made of: shared features ``base`` (n_rows, m), the first of them 1, and classes.

    ``y`` (n_rows,) are places in ``classes`` (the classes that occur, at least two); ``start`` (m, n_logits) are the
    coefficients for the shared features alone.
    """

    base: Floats
    y: Ints
    classes: Ints
    start: Floats

    @property
    def n_logits(self) -> int:
        """1 for two classes, whose difference it is; else the number of classes."""
        return logits_of(len(self.classes))

    @property
    def exact(self) -> bool:
        """Whether a problem with one feature more is small enough for its Hessian."""
        return bool(self.n_logits * (self.base.shape[1] + 1) <= MOST_EXACT)

    def blocks(self, n_problems: int) -> Iterator[slice]:
        """Slices over problems, so many at a time that their rows fit into memory that is near."""
        entries = _ENTRIES[0] if self.n_logits == 1 else _ENTRIES[1] // (self.n_logits * (self.base.shape[1] + 1))
        step = max(1, entries // max(1, len(self.y)))
        for first in range(0, n_problems, step):
            yield slice(first, min(first + step, n_problems))


def logits_of(n_classes: int) -> int:
    """Number of logits of a problem."""
    return 1 if n_classes == 2 else n_classes


def intercept_part(y: Ints) -> Part:
    """The part of rows with classes ``y`` (n_rows,) and no feature yet; its start is the classes' frequencies."""
    classes, places = np.unique(y, return_inverse=True)
    shares = np.log(np.bincount(places) / len(y))
    start = shares[1:] - shares[:1] if len(classes) == 2 else shares - shares.mean()
    return Part(np.ones((len(y), 1)), places.astype(np.int64), classes.astype(np.int64), start[None, :])


def extended(part: Part, x: Floats, coefficients: Floats) -> Part:
    """The part with feature ``x`` (n_rows,) among its shared ones, and the coefficients (m + 1, n_logits) as start."""
    return Part(np.column_stack([part.base, x]), part.y, part.classes, coefficients)


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
        return np.array([minimised(part, x[j], start[j]) for j in range(n_problems)])
    out = start.copy()
    for block in part.blocks(n_problems):
        if hessian is not None and _newton(part, x[block], out[block], tolerance, hessian[block]).all():
            continue
        solved = _newton(part, x[block], out[block], tolerance)
        for j in np.flatnonzero(~solved):
            at = block.start + j
            out[at] = minimised(part, x[at], start[at], n_steps=1_000, gain=1e-14)
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
    p = probabilities(_scores(base, x, coefficients))
    hessian = _curvature_of_two(base, x, p[:, 0]) if p.shape[1] == 1 else _curvature_of_many(base, x, p)
    return _gradient(base, y, x, p), hessian


def add_penalty(gradient: Floats, hessian: Floats, coefficients: Floats) -> None:
    """Add the penalty on all but the intercept, in place, and fix the common offset of more than two intercepts."""
    n_features, n_logits = coefficients.shape[1:]
    gradient[:, 1:] += _PENALTY * coefficients[:, 1:]
    diagonal = np.arange(n_logits, n_features * n_logits)
    hessian[:, diagonal, diagonal] += _PENALTY
    if n_logits > 1:
        hessian[:, :n_logits, :n_logits] += 1.0  # the gradient is orthogonal to this direction: no step changes


def logits(part: Part, x: Floats, coefficients: Floats) -> Floats:
    """Logits (n_problems, n_logits, n_rows)."""
    return _scores(part.base, x, coefficients)


def _scores(base: Floats, x: Floats, coefficients: Floats) -> Floats:
    n_problems, n_features, n_logits = coefficients.shape
    out = coefficients[:, -1, :, None] * x[:, None, :]
    if n_features == 2:
        out += coefficients[:, 0, :, None]
    else:
        shared = coefficients[:, :-1].transpose(0, 2, 1).reshape(n_problems * n_logits, -1)
        out += (shared @ base.T).reshape(out.shape)
    return np.asarray(out)


def winners(scores: Floats, classes: Ints) -> Ints:
    """The class of the highest logit (ties: the lower class), from (n_problems, n_logits, n_rows): (n_problems, n_rows)."""
    places = (scores[:, 0] > 0).astype(np.int64) if scores.shape[1] == 1 else scores.argmax(axis=1)
    return np.asarray(classes[places])


def probabilities(scores: Floats) -> Floats:
    """The softmax of (n_problems, n_logits, n_rows), in place; of one logit, the probability of the second class."""
    if scores.shape[1] == 1:
        with np.errstate(over="ignore"):
            np.exp(np.negative(scores, out=scores), out=scores)
        scores += 1.0
        return np.reciprocal(scores, out=scores)
    scores -= scores.max(axis=1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=1, keepdims=True)
    return scores


def minimised(
    part: Part, x: Floats, start: Floats, *, n_steps: int = _LARGE_STEPS, gain: float = 1e-8
) -> npt.NDArray[np.float64]:
    """Coefficients (m + 1, n_logits) of one problem by L-BFGS, each class in coordinates in which it is round.

    It ends when a step lowers the loss by less than the share ``gain``.
    """
    from scipy.optimize import minimize

    features = np.column_stack([part.base, x])
    one_hot = np.eye(len(part.classes))[part.y]
    root = _roots(features, _softmax(features @ start), start.shape[1])
    shape = start.shape

    def loss(flat: Floats) -> tuple[float, Floats]:
        change = np.linalg.solve(root.transpose(0, 2, 1), flat.reshape(shape[1], shape[0], 1))[..., 0]
        return _loss(features, one_hot, start + change.T, root)

    options = {"maxiter": n_steps, "ftol": gain, "gtol": 1e-9, "maxcor": 12}
    found = minimize(loss, np.zeros(start.size), jac=True, method="L-BFGS-B", options=options)
    change = np.linalg.solve(root.transpose(0, 2, 1), found.x.reshape(shape[1], shape[0], 1))[..., 0]
    out = start + change.T
    if shape[1] > 1:
        out[0] -= out[0].mean()
    return np.asarray(out)


def _loss(features: Floats, one_hot: Floats, coefficients: Floats, root: Floats) -> tuple[float, Floats]:
    """Penalised loss, and its gradient in the round coordinates, flat."""
    scores = features @ coefficients
    p = _softmax(scores, keep=True)
    two = scores.shape[1] == 1
    if two:
        scores = np.column_stack([np.zeros(len(scores)), scores])
    top = scores.max(axis=1, keepdims=True)
    lost = np.log(np.exp(scores - top).sum(axis=1)) + top[:, 0] - (scores * one_hot).sum(axis=1)
    value = lost.sum() + 0.5 * _PENALTY * (coefficients[1:] ** 2).sum()
    gradient = features.T @ (p - (one_hot[:, 1:] if two else one_hot))
    gradient[1:] += _PENALTY * coefficients[1:]
    return float(value), np.asarray(np.linalg.solve(root, gradient.T[..., None])).reshape(-1)


def _softmax(scores: Floats, *, keep: bool = False) -> Floats:
    """Probabilities from (n_rows, n_logits)."""
    if scores.shape[1] == 1:
        return np.asarray(0.5 * (1.0 + np.tanh(0.5 * scores)))
    scores = scores - scores.max(axis=1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=1, keepdims=True)
    return scores


def class_curvature(features: Floats, p: Floats) -> Floats:
    """Penalised Hessian of each logit alone, (n_logits, n_features, n_features), at probabilities (n_rows, n_logits)."""
    out = np.empty((p.shape[1], features.shape[1], features.shape[1]))
    for k, weight in enumerate((p * (1.0 - p)).T):
        out[k] = (features * weight[:, None]).T @ features
    diagonal = np.arange(1, features.shape[1])
    out[:, diagonal, diagonal] += _PENALTY
    out[:, 0, 0] += 1e-6 * len(features)  # saturated rows have no curvature
    return out


def _roots(features: Floats, p: Floats, n_logits: int) -> Floats:
    return np.asarray(np.linalg.cholesky(class_curvature(features, p)[:n_logits]), dtype=np.float64)


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
                gradient[:, 1:] += _PENALTY * coefficients[:, 1:]
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
