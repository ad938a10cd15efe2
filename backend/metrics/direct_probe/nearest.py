"""The nearest points of two convex hulls by an active-set method (Wolfe 1976), begun anywhere and ended as soon as it is proven.

The rows in use stand as columns in a QR factorisation that is updated as rows join and leave, below each row a 1 in the place of
its side: least squares on such columns find the nearest points of the two flats without squaring the condition of the rows.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.metrics.shared.linalg import Floats, Ints

_STEPS = 2000
_STILL = 5  # steps in which the distance does not fall: the digits of the machine are used up
_DEPENDENT = 1e-10  # of a row of norm 1: what is left of a new one beside those in use, where it says nothing new


@dataclass(frozen=True, slots=True)
class Nearest:
    """Whether two hulls are ``apart``, and the points that prove it.

    ``between`` (n_dims,) leads from one of the second hull to one of the first; ``low`` and its norm bound the Euclidean distance.
    ``weights`` are those of both sides' rows whose points it lies between.
    """

    apart: bool
    between: Floats
    low: float
    weights: tuple[Floats, Floats]


def beyond(slab: float | Floats, normal: Floats, tolerance: float) -> npt.NDArray[np.bool_]:
    """Whether slabs prove city-block distances beyond ``tolerance``: ``slab`` (...) by ``normal`` (..., n_dims), or all by one normal.

    A slab is as wide as it is along a normal of this length, which need not be 1.
    A normal whose largest entry is 1 gains at most the city-block length of a step: in 384 dimensions several times the
    Euclidean one, which alone leaves hulls undecided that are a few tolerances apart.
    """
    return np.asarray(slab > tolerance * np.abs(normal).max(axis=-1, initial=0.0))


def any_pair(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Weights to begin with: one row of each side, those that lie nearest along the line of the means."""
    line = a.mean(axis=0) - b.mean(axis=0)
    left, right = np.zeros(len(a)), np.zeros(len(b))
    left[int((a @ line).argmin())] = right[int((b @ line).argmax())] = 1.0
    return left, right


def nearest(a: Floats, b: Floats, weights: tuple[Floats, Floats], tolerance: float) -> Nearest | None:
    """Points of the hulls of ``a`` (n_a, n_dims) and ``b`` (n_b, n_dims) that prove whether these are apart.

    Either the city-block distance exceeds ``tolerance``, as ``beyond`` says of the slab across ``between``, or that of the two
    points does not. The row of each side that is furthest on the wrong side joins, rows whose weight would turn negative
    leave. None where neither is proven when the digits of the machine are used up.
    """
    found = _Active(a, b, weights)
    least, still = np.inf, 0
    for _ in range(_STEPS):
        between = found.between
        high, along = float(np.linalg.norm(between)), found.rows @ between
        worst = int(along[: len(a)].argmin()), len(a) + int(along[len(a) :].argmin())
        slab = float(along[worst[0]] + along[worst[1]])
        apart = bool(beyond(slab, between, tolerance))
        if apart or float(np.abs(between).sum()) <= tolerance:
            return Nearest(apart, between, slab / high if high > 0 else 0.0, found.weights(len(a)))
        still = still + 1 if high >= least * (1.0 - 1e-12) else 0
        least = min(least, high)
        if still == _STILL or not found.join(worst):
            return None
        found.settle()
    return None


class _Active:
    """The rows in use, their weights and their factorisation."""

    def __init__(self, a: Floats, b: Floats, weights: tuple[Floats, Floats]) -> None:
        from scipy.linalg import qr  # not at the start of every process

        n_dims = a.shape[1]
        self._columns = np.zeros((len(a) + len(b), n_dims + 2))  # as rows, since they lie together so
        self._columns[: len(a), :n_dims] = a
        np.negative(b, out=self._columns[len(a) :, :n_dims])
        self._columns[: len(a), n_dims] = self._columns[len(a) :, n_dims + 1] = 1.0
        self.rows = self._columns[:, :n_dims]
        self._first = np.arange(len(self.rows)) < len(a)  # of the first side
        start = np.concatenate(weights)
        self._used: Ints = np.flatnonzero(start > 0)
        self._value: Floats = start[self._used]
        n_first = np.count_nonzero(self._first[self._used])
        if not 0 < n_first < len(self._used) <= n_dims + 2:
            raise np.linalg.LinAlgError("no weight on one side, or more rows than can be independent")
        self._q, self._r = qr(self._columns[self._used].T, mode="economic", check_finite=False)

    @property
    def between(self) -> Floats:
        """From the point of the second hull to that of the first."""
        found: Floats = self._value @ self.rows[self._used]
        return found

    def weights(self, n_a: int) -> tuple[Floats, Floats]:
        """The weights of all rows, side by side."""
        full = np.zeros(len(self.rows))
        full[self._used] = self._value
        return full[:n_a], full[n_a:]

    def join(self, rows: tuple[int, int]) -> bool:
        """Use these rows too, without weight yet; False where each is in use or depends on those that are."""
        from scipy.linalg import qr_insert

        before = len(self._used)
        for row in rows:
            place = len(self._used)
            if row in self._used or place == self._columns.shape[1]:
                continue
            q, r = qr_insert(self._q, self._r, self._columns[row], place, which="col", check_finite=False)
            if abs(r[place, place]) > _DEPENDENT:
                self._q, self._r = q, r
                self._used, self._value = np.append(self._used, row), np.append(self._value, 0.0)
        return len(self._used) > before

    def settle(self) -> None:
        """Move to the nearest points of the flats through the rows in use, or as far as no weight turns negative."""
        while True:
            wanted = self._on_the_flats()
            falling = np.flatnonzero(wanted < 0.0)
            if not len(falling):
                self._value = wanted
                break
            reach = self._value[falling] / (self._value[falling] - wanted[falling])
            step = float(reach.min())
            self._value = self._value + step * (wanted - self._value)
            # Those alone that stop the step: one that joined without weight and is wanted stays.
            for place in falling[reach <= step * (1.0 + 1e-12)][::-1].tolist():
                self._leave(place)
        for side in (True, False):
            mine = self._first[self._used] == side
            self._value[mine] /= self._value[mine].sum()

    def _on_the_flats(self) -> Floats:
        """The weights, of sum 1 on each side and of any sign, of the nearest points of the flats."""
        from scipy.linalg.lapack import dtrtrs  # these systems are small: checks would take longer than solving

        mine = self._first[self._used]
        sides: npt.NDArray[np.float64] = np.stack([mine, ~mine], axis=1).astype(np.float64)
        halfway, singular = dtrtrs(self._r, sides, trans=1)
        each, _ = dtrtrs(self._r, halfway)
        if singular:
            raise np.linalg.LinAlgError("rows in use depend on each other")
        found: Floats = each @ np.linalg.solve(sides.T @ each, np.ones(2))
        return found

    def _leave(self, place: int) -> None:
        from scipy.linalg import qr_delete

        mine = self._first[self._used]
        if np.count_nonzero(mine == mine[place]) == 1:
            self._value[place] = 0.0  # never the last of its side
            return
        q, r = qr_delete(self._q, self._r, place, which="col", check_finite=False)
        self._used, self._value = np.delete(self._used, place), np.delete(self._value, place)
        self._q, self._r = q[:, : len(self._used)], r[: len(self._used)]  # of a square one nothing is taken away
