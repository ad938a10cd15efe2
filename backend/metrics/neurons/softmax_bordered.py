"""Many softmax regressions of more coefficients, by steps with one Hessian: that of the shared features, bordered by each candidate's.

The Hessian is taken where the fit on all rows with the shared features is, and each fold's is that of all rows less its own. It is in
float32, as it leads to the solution but is no part of it. So is the gradient of a first look.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from backend.metrics.neurons.softmax_newton import class_sums
from backend.metrics.neurons.softmax_parts import PENALTY, Part, exponentials_of, probabilities
from backend.metrics.shared.linalg import Floats, Ints

Singles = npt.NDArray[np.float32]
MOST_BORDERED = 2_600  # coefficients of the shared features: 27 MB a fold
_SINGLE = 1e-4  # what a gradient in float32 leaves of an error, and the smallest step by it
_NONE = slice(0, 0)
_DEPTH, _MOST_STEPS = 8, 60
_MORE = np.float32(1.5)  # what a candidate's curvature is taken for, as it grows on the way
_LEAST = 1e-3  # an intercept's curvature, of which saturated rows have none
_FURTHER = 4.0  # how much further than by the last step the solution may be


class Bordered:
    """All folds' problems of one step: ``x`` (n_candidates, n_rows) beside the shared features of ``whole``.

    ``parts`` are the folds' training parts, of the same classes, which lack the rows of ``folds``. Raises LinAlgError where float32
    does not hold a Hessian.
    """

    def __init__(self, whole: Part, parts: Sequence[Part], folds: Sequence[slice], x: Floats) -> None:
        self._x, self._parts, self._folds = x, [*parts, whole], [*folds, _NONE]
        pieces = [_hessian_of(whole, x, fold) for fold in folds]
        self._all = tuple(sum(part) for part in zip(*pieces, strict=True))
        self._solvers: list[_Solver] = []
        while pieces:  # the last first, as each is large
            own, crossed, last = (every - part for every, part in zip(self._all, pieces.pop(), strict=True))
            self._solvers.insert(0, _Solver(own, crossed, last))
        self._found: dict[int, Floats] = {}  # the last coefficients of each fold

    def fits(self, number: int, chosen: Ints, tolerance: float) -> tuple[Floats, Floats] | None:
        """Coefficients (n_chosen, m + 1, n_logits) of the candidates ``chosen`` in a fold (-1: on all rows), and how far off they may be.

        None where the steps do not end.
        """
        part, fold = self._parts[number], self._folds[number]
        solver = self._solvers[number] if number >= 0 else _Solver(*(one.copy() for one in self._all))
        x = np.delete(self._x[chosen], np.r_[fold], axis=1)
        single = tolerance > _SINGLE
        slope = _Slope(part, x, np.float32 if single else np.float64)
        known = self._found.get(number)
        if known is None:
            known = np.zeros((len(self._x), part.base.shape[1] + 1, part.n_logits))
            known[:, :-1] = part.start
        out = known[chosen]
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            left = _accelerated(slope, solver, chosen, out, tolerance)
        if left is None:
            return None
        known[chosen] = out
        self._found[number] = known
        return out, _FURTHER * left + (_SINGLE if single else 0.0)


def _accelerated(slope: "_Slope", solver: "_Solver", chosen: Ints, out: Floats, tolerance: float) -> Floats | None:
    """Steps in place from the start until none is longer than ``tolerance`` (times 1 + the coefficient); how long the last ones were.

    All by the solver's Hessian, each corrected by what it has in common with those before (Anderson's acceleration): rare classes, whose
    curvature changes most on the way, would not converge without.
    """
    left, active = np.zeros(out.shape), np.arange(len(out))
    points: list[Floats] = []
    steps: list[Floats] = []
    for _ in range(_MOST_STEPS):
        step = solver.step(slope(out[active], active), chosen[active]).reshape(len(active), -1)
        if not np.isfinite(step).all():
            return None
        points, steps = [*points[-_DEPTH:], out[active].reshape(step.shape)], [*steps[-_DEPTH:], step]
        change = _corrected(points, steps).reshape(len(active), *out.shape[1:])
        out[active] += change
        left[active] = np.maximum(np.abs(step).reshape(change.shape), np.abs(change))
        going = (left[active] > tolerance * (1.0 + np.abs(out[active]))).any(axis=(1, 2))
        if not going.all():
            active, points, steps = active[going], [one[going] for one in points], [one[going] for one in steps]
        if not len(active):
            return left
    return None


def _corrected(points: Sequence[Floats], steps: Sequence[Floats]) -> Floats:
    """The change (n_problems, n) from the last of ``points``, where the steps to be subtracted were ``steps``, by Anderson's acceleration."""
    if len(points) == 1:
        return -steps[-1]
    moved, turned = (np.diff(np.stack(of, axis=1), axis=1) for of in (points, steps))
    squares = turned @ turned.transpose(0, 2, 1)
    places = np.arange(squares.shape[1])
    squares[:, places, places] += 1e-10 * np.trace(squares, axis1=1, axis2=2)[:, None] + np.finfo(np.float64).tiny
    weights = np.linalg.solve(squares, turned @ steps[-1][:, :, None])
    moved -= turned
    return np.asarray(-steps[-1] - (weights.transpose(0, 2, 1) @ moved)[:, 0])


def _hessian_of(whole: Part, x: Floats, rows: slice) -> tuple[Singles, Singles, Singles]:
    """What some rows make of the Hessians, without the penalty: of the shared features, crossed with the candidates', and of these.

    (m n_logits, m n_logits), (m n_logits, n_candidates, n_logits) and (n_candidates, n_logits, n_logits).
    """
    base = whole.base[rows]
    p = probabilities(np.ascontiguousarray((base @ whole.start).T)[None])[0].T.astype(np.float32)
    base32, x32 = base.astype(np.float32), x[:, rows].T.astype(np.float32)
    (n_rows, n_logits), m, n = p.shape, base.shape[1], len(x)
    shared = (base32[:, :, None] * p[:, None]).reshape(n_rows, -1)
    added = (x32[:, :, None] * p[:, None]).reshape(n_rows, -1)
    classes = np.arange(n_logits)
    own = -(shared.T @ shared)
    blocks = own.reshape(m, n_logits, m, n_logits)
    blocks[:, classes, :, classes] += (shared.T @ base32).reshape(m, n_logits, m).transpose(1, 0, 2)
    crossed = -(shared.T @ added).reshape(-1, n, n_logits)
    blocks = crossed.reshape(m, n_logits, n, n_logits)
    blocks[:, classes, :, classes] += (shared.T @ x32).reshape(m, n_logits, n).transpose(1, 0, 2)
    each = added.reshape(n_rows, n, n_logits).transpose(1, 2, 0)
    last = -(each @ each.transpose(0, 2, 1))
    last[:, classes, classes] += (each @ x32.T[:, :, None])[..., 0]
    return own, crossed, last


class _Solver:
    """Steps by one Hessian, from its three parts without the penalty, of which the first and the last are overwritten."""

    def __init__(self, own: Singles, crossed: Singles, last: Singles) -> None:
        from scipy.linalg import cholesky, solve_triangular

        n_logits = last.shape[1]
        diagonal, classes = np.arange(len(own)), np.arange(n_logits)
        own[diagonal, diagonal] += np.where(diagonal < n_logits, _LEAST, PENALTY).astype(np.float32)
        own[:n_logits, :n_logits] += np.float32(1.0)  # the common offset of the intercepts, which has no curvature
        last[:, classes, classes] += np.float32(PENALTY)
        self._root = cholesky(own, lower=True, overwrite_a=True, check_finite=False)
        flat = solve_triangular(self._root, crossed.reshape(len(own), -1), lower=True, check_finite=False)
        self._crossed = np.ascontiguousarray(flat.reshape(crossed.shape).transpose(1, 2, 0))
        self._last = np.linalg.inv(_MORE * (last - self._crossed @ self._crossed.transpose(0, 2, 1)))

    def step(self, gradient: Floats, chosen: Ints) -> Floats:
        """The change (n_chosen, m + 1, n_logits) of the candidates ``chosen`` to be subtracted."""
        from scipy.linalg import solve_triangular

        n, _, n_logits = gradient.shape
        shared, added = gradient[:, :-1].reshape(n, -1).astype(np.float32), gradient[:, -1].astype(np.float32)
        crossed = (
            self._crossed if n == len(self._crossed) else self._crossed[chosen]
        )  # no copy of all, which are in order
        half = solve_triangular(self._root, shared.T, lower=True, check_finite=False).T
        last = self._last[chosen] @ (added[:, :, None] - crossed @ half[:, :, None])
        rest = half - (crossed.transpose(0, 2, 1) @ last)[..., 0]
        out = np.empty(gradient.shape)
        out[:, :-1] = solve_triangular(self._root, rest.T, lower=True, trans=1, check_finite=False).T.reshape(
            n, -1, n_logits
        )
        out[:, -1] = last[..., 0]
        return out


class _Slope:
    """The gradient of each problem's loss with the penalty, one after the other: so their rows stay in the cache."""

    def __init__(self, part: Part, x: Floats, kind: type[np.floating]) -> None:
        n_rows, m = part.base.shape
        self._features = np.empty((n_rows, m + 1), kind)
        self._features[:, :-1] = part.base
        self._x = x.astype(kind)
        self._largest = np.abs(part.base).max(), np.abs(x).max(axis=1)
        shared = np.broadcast_to(class_sums(part.base.T, part.y, part.n_logits), (len(x), m, part.n_logits))
        self._sums = np.concatenate([shared, class_sums(x, part.y, part.n_logits)[:, None]], axis=1)

    def __call__(self, coefficients: Floats, which: Ints) -> Floats:
        """That of the problems ``which`` at their coefficients."""
        out = np.empty(coefficients.shape)
        for place, (number, one, x) in enumerate(zip(which, coefficients, self._x[which], strict=True)):
            self._features[:, -1] = x
            size = np.abs(one).max(axis=1)
            largest = size[:-1].sum() * self._largest[0] + size[-1] * self._largest[1][number]
            scores = one.T.astype(x.dtype) @ self._features.T
            exponentials, inverse = exponentials_of(scores[None], float(largest) * (4.0 if x.itemsize == 4 else 1.0))
            out[place] = (exponentials[0] @ (self._features * inverse[0][:, None])).T
        out -= self._sums[which]
        out[:, 1:] += PENALTY * coefficients[:, 1:]
        return out
