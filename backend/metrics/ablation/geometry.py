"""How the geometry of a layer changes while dimensions are taken away: anisotropy, cosine, TwoNN, shared neighbours."""

from dataclasses import dataclass

import numpy as np

from backend.metrics.anisotropy.cosine import average_cosine
from backend.metrics.anisotropy.kernel import anisotropy
from backend.metrics.dimension.kernel import Graph, Settings, estimates
from backend.metrics.neighbors.kernel import shared_share
from backend.metrics.shared.degenerate import why_undefined
from backend.metrics.shared.linalg import Floats, Ints, Matrix
from backend.metrics.shared.rounding import SINGLE, distance_rounding, row_reach, same_points, tied
from backend.values.activations import Report

MEASURES = ("anisotropy", "average_cosine", "two_nn", "neighbour_overlap")
_PER_END = 16  # values of k towards either end of a long grid
_PAIRS = 4096  # of rows, compared at a time
_NO_TWO_NN = "too few rows are distinct, or too many neighbours of a row are equally far"
_ALL = 40  # below, the grid is every k


@dataclass(frozen=True, slots=True, eq=False)
class GeometryCurves:
    """MEASURES (4, n_grid) along an ablation, and why those that are NaN are: (measure, place in the grid) -> reason."""

    values: Floats
    reasons: dict[tuple[int, int], str]


def step_grid(n_steps: int) -> Ints:
    """The k at which geometry is measured: all of 0 ... n_steps where they are few, else closer together at both ends."""
    if n_steps <= _ALL:
        return np.arange(n_steps + 1, dtype=np.int64)
    near = np.unique(np.round(np.geomspace(1, n_steps / 2, _PER_END)).astype(np.int64))
    return np.unique(np.concatenate([[0], near, n_steps - near, [n_steps]]))


def geometry_curves(
    x: Matrix, order: Ints, grid: Ints, fill: Floats, *, k: int, report: Report, step: float | None = None
) -> GeometryCurves:
    """MEASURES of ``x`` (n_rows, n_dims) with the first grid[i] dimensions of ``order`` set to ``fill`` (n_dims,).

    Squared distances are summed from the last step to the first, over the dimensions that come back at each, so that
    nothing is subtracted. ``k`` neighbours are compared with those of ``x`` itself; fewer where there are not that many
    rows.
    """
    from scipy.spatial.distance import pdist, squareform

    n_rows, step = len(x), SINGLE if step is None else step
    k = max(1, min(k, n_rows - 2))
    values = np.full((len(MEASURES), len(grid)), np.nan)
    reasons: dict[tuple[int, int], str] = {}
    near: list[Ints | None] = [None] * len(grid)
    back = np.setdiff1d(np.arange(x.shape[1]), order[: grid[-1]])
    squares = pdist(x[:, back], "sqeuclidean") if len(back) else np.zeros(n_rows * (n_rows - 1) // 2)
    for done, place in enumerate(range(len(grid) - 1, -1, -1)):
        report(done, len(grid), "Geometry")
        if place + 1 < len(grid):
            returning = order[grid[place] : grid[place + 1]]
            squares += pdist(x[:, returning], "sqeuclidean")
            back = np.concatenate([back, returning])
        rows = x[:, np.sort(back)]
        if len(back):
            values[0, place] = anisotropy(rows)
        if fill.any():
            whole = np.tile(fill, (n_rows, 1))
            whole[:, back] = x[:, back]
            values[1, place] = average_cosine(whole)
        elif len(back):
            values[1, place] = average_cosine(rows)
        reason = "every dimension is removed" if not len(back) else why_undefined(rows, step=step)
        if reason is None and n_rows < 3:
            reason = f"only {n_rows:,} rows; needs at least 3"
        if reason is None:
            square = squareform(squares)
            np.fill_diagonal(square, np.inf)
            near[place] = np.argpartition(square, k - 1, axis=1)[:, :k].astype(np.int64)
            values[2, place] = _two_nn(square, rows, step)
        why = (reason, "fewer than 2 rows have a direction", reason or _NO_TWO_NN, reason)
        reasons |= {(i, place): str(said) for i, said in enumerate(why)}
    first = near[0]
    for place, here in enumerate(near):
        if first is not None and here is not None:
            values[3, place] = shared_share(first, here).mean()
    return GeometryCurves(values, {at: reasons[at] for at in reasons if np.isnan(values[at])})


def _two_nn(square: Floats, rows: Matrix, step: float) -> float:
    """TwoNN from squared distances (n_rows, n_rows), infinite on the diagonal; copies of earlier rows are left out."""
    reach = row_reach(rows.shape[1], step) ** 2 * np.einsum("ij,ij->i", rows, rows).max(initial=0.0)
    later, earlier = np.nonzero(np.tril(square <= reach, -1))
    same = np.zeros(len(rows), dtype=bool)
    for start in range(0, len(later), _PAIRS):
        part = slice(start, start + _PAIRS)
        same[later[part][same_points(rows[later[part]], rows[earlier[part]], step)]] = True
    kept = np.flatnonzero(~same)
    if len(kept) < 3:
        return float("nan")
    nearest = np.sqrt(np.partition(square[np.ix_(kept, kept)], 1, axis=1)[:, :2])
    nearest = tied(nearest, distance_rounding(rows[kept], SINGLE))
    graph = Graph(nearest, np.zeros(nearest.shape, dtype=np.int64), kept, int(same.sum()))
    return estimates(graph, Settings())["two_nn"]
