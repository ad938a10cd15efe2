"""Many points as a density: how many lie in each cell of a grid, and which of them are drawn as points over it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

N_CELLS = 128  # along each side of a map of many points
_FEWEST_CELLS, _PER_CELL = 12, 4  # of few points: cells with hardly more than one each would show nothing
N_DRAWN = 5000  # points over it


@dataclass(frozen=True, slots=True, eq=False)
class Density:
    """Points by cell: ``counts`` (n_cells, n_cells), rows from the lowest y; the middles of the cells are ``x0 + dx * column``, ``y0 + dy * row``."""

    counts: npt.NDArray[np.int32]
    x0: float
    dx: float
    y0: float
    dy: float


def density(coords: npt.NDArray[np.floating], n_cells: int | None = None) -> Density:
    """The points of one map (n_points, 2) by cell, over the extent of those that have a place.

    There are ``n_cells`` along each side; as many as leave a few points for each cell, up to 128, where it is None.
    """
    known = np.asarray(coords, np.float64)
    known = known[np.isfinite(known).all(axis=1)]
    if n_cells is None:
        n_cells = int(np.clip(np.sqrt(len(known) / _PER_CELL), _FEWEST_CELLS, N_CELLS))
    if not len(known):
        return Density(np.zeros((n_cells, n_cells), np.int32), 0.0, 1.0, 0.0, 1.0)
    low, high = known.min(axis=0), known.max(axis=0)
    size = np.where(high > low, high - low, 1.0) / n_cells
    cells = np.minimum(((known - low) / size).astype(np.int64), n_cells - 1)
    counts = np.bincount(cells[:, 1] * n_cells + cells[:, 0], minlength=n_cells**2).reshape(n_cells, n_cells)
    first = low + size / 2
    return Density(counts.astype(np.int32), float(first[0]), float(size[0]), float(first[1]), float(size[1]))


def points_inside(coords: npt.NDArray[np.floating], corners: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which points (n_points,) of a map ``coords`` (n_points, 2) lie within an outline with these ``corners`` (n, 2).

    Where the outline crosses itself the even-odd rule decides, as in a lasso; a point without a place is outside.
    """
    places, corners = np.asarray(coords, np.float64), np.asarray(corners, np.float64)
    inside = np.zeros(len(places), bool)
    if len(corners) < 3:
        return inside
    with np.errstate(invalid="ignore"):
        near = np.flatnonzero(((places >= corners.min(axis=0)) & (places <= corners.max(axis=0))).all(axis=1))
    x, y = places[near].T
    odd = np.zeros(len(near), bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y0 != y1:
            odd ^= ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    inside[near] = odd
    return inside


def drawn_points(
    classes: Sequence[str | None] | None,
    n_points: int,
    *,
    n_drawn: int = N_DRAWN,
    seed: int = 0,
    among: npt.NDArray[np.bool_] | None = None,
) -> npt.NDArray[np.int64]:
    """Which of ``n_points`` points are drawn, ascending: at most ``n_drawn``, of each class in proportion to its points.

    Largest remainders, and at least one of each class while there are no more classes than points to draw. ``among`` (n_points,) says
    which points can be drawn (all, if None). The same for the same ``seed``.
    """
    rows = np.arange(n_points) if among is None else np.flatnonzero(among)
    if len(rows) <= n_drawn:
        return rows.astype(np.int64)
    rng = np.random.default_rng(seed)
    if classes is None:
        return np.sort(rng.choice(rows, n_drawn, replace=False)).astype(np.int64)
    names = np.array(["" if one is None else f"={one}" for one in classes])[rows]
    _, numbers, sizes = np.unique(names, return_inverse=True, return_counts=True)
    order = np.argsort(numbers + rng.random(len(rows)))  # each class in turn, its points shuffled
    rank = np.empty(len(rows), np.int64)
    rank[order] = np.arange(len(rows))
    rank -= (np.cumsum(sizes) - sizes)[numbers]
    return np.sort(rows[rank < _quotas(sizes, n_drawn)[numbers]]).astype(np.int64)


def _quotas(sizes: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.int64]:
    """``n`` divided in proportion to ``sizes`` by largest remainders, each at least 1 where ``n`` allows it."""
    exact = n * sizes / sizes.sum()
    quotas = np.floor(exact).astype(np.int64)
    if len(sizes) <= n:
        quotas = np.maximum(quotas, 1)
    while (over := int(quotas.sum()) - n) > 0:
        largest = np.argsort(exact - quotas, kind="stable")
        largest = largest[quotas[largest] > 1][:over]
        quotas[largest] -= 1
    most = np.argsort(quotas - exact, kind="stable")[: n - int(quotas.sum())]
    quotas[most] += 1
    return np.asarray(np.minimum(quotas, sizes))
