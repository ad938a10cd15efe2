"""Whether two convex hulls are apart, decided with a proof, and how far apart they are.

Rows are taken as centred, with the longest of norm 1 (``scaled``). Two hulls are apart where the city-block distance
between them exceeds ``TOLERANCE``: it is what the linear programme maximises. A hyperplane with a gap on its two sides
proves that they are (``beyond``), a point of each that nearly coincide proves that they are not. Both are sought by non-negative
least squares, or between large hulls by an active-set method that begins where an earlier one ended (``nearest``); their answers
are only ever used after they were checked. Where they prove neither, HiGHS solves the programme.
"""

from dataclasses import dataclass

import numpy as np

from backend.errors import EmbedscopeError
from backend.metrics.direct_probe.nearest import any_pair, beyond, nearest
from backend.metrics.shared.linalg import Floats, Matrix, centred, row_mean

TOLERANCE = 1e-6  # of the longest centred row: float32 activations of one text in two batches differ by about this
CONVERGED = 1e-6  # relative gap between the bounds of a distance above which it counts as not found
FINE = 1e-10  # of the longest centred row: bounds this close are found, however short the distance
_BALANCE = 1e3  # weight of "both sides' weights sum to the same": large against rows of norm 1
_ROUNDS = 60  # of least squares, in columns: ten are usual


@dataclass(frozen=True, slots=True)
class Meeting:
    """Two hulls compared: ``apart`` or not, the bounds ``low`` and ``high`` of their Euclidean distance.

    ``normal`` (n_dims,) points from the second hull to the first; ``how`` names the proof: "hyperplane", "common point"
    or "linear programme". ``weights`` are those of both sides' rows whose points ``normal`` lies between, if known.
    """

    apart: bool
    low: float
    high: float
    normal: Floats
    how: str
    weights: tuple[Floats, Floats] | None = None


def scaled(x: Matrix) -> tuple[Floats, float]:
    """The rows centred, in float64, the longest of norm 1, in at most n_rows dimensions; and the longest norm.

    Where there are more dimensions than rows the rows are turned into their own span: all distances stay.
    """
    rows = centred(x, row_mean(x))
    longest = float(np.sqrt(np.einsum("ij,ij->i", rows, rows).max(initial=0.0)))
    if longest > 0:
        rows /= longest
    if rows.shape[1] > rows.shape[0] > 0:
        rows = np.ascontiguousarray(np.asarray(np.linalg.qr(rows.T, mode="r")).T)
    return rows, longest


def n_directions(rows: Floats) -> int:
    """Number of directions in which centred rows vary: those of more than 1e-10 of the largest variance."""
    if not rows.size:
        return 0
    moments = rows.T @ rows if rows.shape[0] >= rows.shape[1] else rows @ rows.T
    found = np.linalg.eigvalsh(moments)
    return int(np.count_nonzero(found > 1e-10 * found[-1])) if found[-1] > 0 else 0


def gap(a: Matrix, b: Matrix, normal: Floats) -> float:
    """Width of the slab between ``a`` and ``b`` that is perpendicular to ``normal``; negative where they overlap in it."""
    length = float(np.linalg.norm(normal))
    return float(((a @ normal).min() - (b @ normal).max()) / length) if length > 0 else 0.0


def meet(a: Floats, b: Floats, tolerance: float = TOLERANCE) -> Meeting:
    """Whether the hulls of ``a`` (n_a, n_dims) and ``b`` (n_b, n_dims), in scaled rows, are apart."""
    weights = _weights(a, b)
    if weights is not None:
        between = weights[0] @ a - weights[1] @ b
        high, low = float(np.linalg.norm(between)), gap(a, b, between)
        if beyond(low * high, between, tolerance):
            return Meeting(True, low, high, between, "hyperplane", weights)
        if float(np.abs(between).sum()) <= tolerance:
            return Meeting(False, 0.0, high, between, "common point", weights)
    value, normal = _programme(a, b)
    return Meeting(value > tolerance, max(0.0, gap(a, b, normal)), np.inf, normal, "linear programme")


def meet_from(
    a: Floats, b: Floats, weights: tuple[Floats, Floats] | None, tolerance: float = TOLERANCE
) -> Meeting | None:
    """``meet`` of large hulls, begun at ``weights`` that were the nearest points' when the hulls were smaller, if known.

    It stops as soon as the answer is proven, after a few steps where few rows are new; None where that is no help.
    """
    try:
        found = nearest(a, b, weights or any_pair(a, b), tolerance)
    except np.linalg.LinAlgError:  # rows that depend on each other were in use
        return None
    if found is None:
        return None
    high = float(np.linalg.norm(found.between))
    how = "hyperplane" if found.apart else "common point"
    return Meeting(found.apart, max(found.low, 0.0), high, found.between, how, found.weights)


def distance(a: Floats, b: Floats, tolerance: float = TOLERANCE) -> Meeting:
    """The distance of two hulls, which is twice the margin of the widest separator, as close bounds.

    ``low`` and ``high`` are proven, by a hyperplane and by a point of each hull. Where they are further apart than
    CONVERGED, relatively, the distance was not found.
    """
    weights = _weights(a, b)
    if weights is None:
        return meet(a, b, tolerance)
    best = _bounds(a, b, weights)
    if best[1] - best[0] > 1e-9 * best[1]:
        polished = _bounds(a, b, _polished(a, b, weights))
        if polished[1] - polished[0] < best[1] - best[0]:
            best = polished
    low, high, normal = best
    if low > tolerance or float(np.abs(normal).sum()) <= tolerance:
        return Meeting(
            low > tolerance, max(low, 0.0), high, normal, "hyperplane" if low > tolerance else "common point"
        )
    return meet(a, b, tolerance)


def _bounds(a: Floats, b: Floats, weights: tuple[Floats, Floats]) -> tuple[float, float, Floats]:
    between = weights[0] @ a - weights[1] @ b
    return gap(a, b, between), float(np.linalg.norm(between)), between


def _weights(a: Floats, b: Floats) -> tuple[Floats, Floats] | None:
    """Convex weights on both sides' rows whose points are nearest, by non-negative least squares (Lawson & Hanson).

    Minimises ||a' u - b' v||^2 with sum u = sum v = 1, both conditions by weight. None where it does not end.
    """
    from scipy.optimize import nnls  # not at the start of every process

    n_a, n_b, n_dims = len(a), len(b), a.shape[1]
    middle = (a.mean(axis=0) + b.mean(axis=0)) / 2
    system = np.empty((n_dims + 2, n_a + n_b))
    system[:n_dims, :n_a] = (a - middle).T
    system[:n_dims, n_a:] = (middle - b).T
    system[n_dims, :n_a], system[n_dims, n_a:] = _BALANCE, -_BALANCE
    system[n_dims + 1] = 0.5
    target = np.zeros(n_dims + 2)
    target[-1] = 1.0
    try:
        found = nnls(system, target, maxiter=_ROUNDS * (n_a + n_b))[0]
    except RuntimeError:
        return None
    left, right = found[:n_a], found[n_a:]
    if not (left.sum() > 0 and right.sum() > 0):
        return None
    return left / left.sum(), right / right.sum()


def _polished(a: Floats, b: Floats, weights: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """The nearest points of the flats through the rows in use, as weights: exact where the right rows are in use."""
    left, right = weights
    on_a, on_b = np.flatnonzero(left), np.flatnonzero(right)
    base_a, base_b = on_a[int(left[on_a].argmax())], on_b[int(right[on_b].argmax())]
    on_a, on_b = on_a[on_a != base_a], on_b[on_b != base_b]
    spread = np.vstack([a[on_a] - a[base_a], b[base_b] - b[on_b]])
    if not len(spread):
        return weights
    found = np.linalg.lstsq(spread.T, b[base_b] - a[base_a], rcond=None)[0]
    u, v = np.zeros(len(a)), np.zeros(len(b))
    u[on_a], v[on_b] = found[: len(on_a)], found[len(on_a) :]
    u[base_a], v[base_b] = 1.0 - u.sum(), 1.0 - v.sum()
    u, v = np.maximum(u, 0.0), np.maximum(v, 0.0)
    return u / u.sum(), v / v.sum()


def _programme(a: Floats, b: Floats) -> tuple[float, Floats]:
    """The city-block distance between the hulls, and the normal that shows it: a linear programme, solved by HiGHS.

    Maximises the gap of w between the sides under -1 <= w_i <= 1; its optimum is positive exactly where the hulls are
    apart.
    """
    from scipy.optimize import linprog

    n_a, n_b, n_dims = len(a), len(b), a.shape[1]
    rows = np.zeros((n_a + n_b, n_dims + 2))  # unknowns: w, the lowest a w, the highest b w
    rows[:n_a, :n_dims], rows[:n_a, n_dims] = -a, 1.0
    rows[n_a:, :n_dims], rows[n_a:, n_dims + 1] = b, -1.0
    cost = np.zeros(n_dims + 2)
    cost[n_dims:] = (-1.0, 1.0)
    bounds = [(-1.0, 1.0)] * n_dims + [(None, None)] * 2
    options = {"primal_feasibility_tolerance": 1e-9, "dual_feasibility_tolerance": 1e-9}
    for method in ("highs", "highs-ipm"):
        found = linprog(cost, A_ub=rows, b_ub=np.zeros(n_a + n_b), bounds=bounds, method=method, options=options)
        if found.status == 0:
            normal: Floats = found.x[:n_dims]
            return float((a @ normal).min() - (b @ normal).max()), normal
    raise EmbedscopeError(
        f"The linear programme of {n_a} against {n_b} rows has no answer: {found.message}",
        "Take fewer rows, or another seed.",
    )
