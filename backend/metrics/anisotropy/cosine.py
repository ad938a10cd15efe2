"""Average cosine between the rows of a layer, in closed form: no pair is sampled and none is formed.

Ethayarajh (2019); Razzhigaev et al. (2024), who also centre.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.metrics.shared.degenerate import count_non_finite
from backend.metrics.shared.linalg import Floats, Matrix, as_matrix, centred, row_blocks, row_mean


def average_cosine(x: npt.ArrayLike, *, centred: bool = False) -> float:
    """Mean cosine over all pairs of rows: (||sum u_i||^2 - n) / (n (n - 1)), u the unit rows.

    ``x`` (n_rows, n_dims); in [-1 / (n - 1), 1]. Rows of norm 0 are left out. NaN for fewer than 2 other rows or for
    activations that are not finite. Ethayarajh (2019).
    """
    matrix = as_matrix(x)
    if why_no_cosine(matrix):
        return float("nan")
    return directions(matrix, centre=centred).average


@dataclass(frozen=True, slots=True, eq=False)
class Directions:
    """Sums over the unit rows of one layer: ``total`` (n_dims,), ``squares`` (n_dims,), and how many rows have one."""

    total: Floats
    squares: Floats
    n_rows: int
    mean: Floats
    smallest: float

    @property
    def contribution(self) -> Floats:
        """Share of each dimension in the average cosine, (n_dims,), summing to it; NaN for fewer than 2 rows."""
        if self.n_rows < 2:
            return np.full(self.total.shape, np.nan)
        out: Floats = (self.total**2 - self.squares) / (self.n_rows * (self.n_rows - 1))
        return out

    @property
    def average(self) -> float:
        """The average cosine."""
        return float(self.contribution.sum())


def directions(x: Matrix, *, centre: bool = False) -> Directions:
    """Sums over the unit rows of ``x`` (n_rows, n_dims), which must be finite, as they are or centred first.

    A row whose norm is 0 (to rounding, once centred) has no direction.
    """
    mean = row_mean(x) if centre else np.zeros(x.shape[1])
    smallest = float(np.finfo(x.dtype).eps * np.linalg.norm(mean))
    total, squares, n_rows = np.zeros(x.shape[1]), np.zeros(x.shape[1]), 0
    for block in row_blocks(x):
        units, kept, _ = _units(x, mean, smallest, block)
        total += units.sum(axis=0)
        squares += np.einsum("ij,ij->j", units, units)
        n_rows += int(kept.sum())
    return Directions(total, squares, n_rows, mean, smallest)


def _units(x: Matrix, mean: Floats, smallest: float, block: slice) -> tuple[Floats, npt.NDArray[np.bool_], Floats]:
    """Unit rows of a block (zeros where there is no direction), which rows have one, and the norms (1 where not)."""
    rows = centred(x, mean, block)
    norms = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    kept = norms > smallest
    norms = np.where(kept, norms, 1.0)
    rows[~kept] = 0.0
    rows /= norms[:, None]
    return rows, kept, norms


def why_no_cosine(x: Matrix) -> str | None:
    """Why a layer has no average cosine, or None where it has."""
    bad = count_non_finite(x)
    if bad:
        return f"non-finite activations ({bad:,} {'row' if bad == 1 else 'rows'})"
    return None


def averages(x: Matrix) -> Floats:
    """Average cosine as it is and centred, (2,)."""
    return np.array([directions(x, centre=False).average, directions(x, centre=True).average])


def averages_with_errors(x: Matrix) -> tuple[Floats, Floats]:
    """Both averages and their standard errors, from the response of each to one row's weight."""
    values, errors = np.empty(2), np.empty(2)
    for column, centre in enumerate((False, True)):
        sums = directions(x, centre=centre)
        values[column], errors[column] = sums.average, _standard_error(x, sums, centre=centre)
    return values, errors


def _standard_error(x: Matrix, sums: Directions, *, centre: bool) -> float:
    """Standard error by the infinitesimal jackknife: twice the spread of a row's mean cosine with the others.

    Once centred, a row also moves the mean, and with it the direction of every other row.
    """
    n = sums.n_rows
    if n < 2:
        return float("nan")
    pull, mean_unit = np.zeros(x.shape[1]), sums.total / n
    if centre:
        for block in row_blocks(x):
            units, kept, norms = _units(x, sums.mean, sums.smallest, block)
            weight = kept / norms
            pull -= (weight.sum() * mean_unit - (weight * (units @ mean_unit)) @ units) / n
    squares = 0.0
    for block in row_blocks(x):
        units, kept, norms = _units(x, sums.mean, sums.smallest, block)
        response = (units @ sums.total - 1.0) / (n - 1) - sums.average + norms * (units @ pull)
        squares += 4.0 * float((response[kept] ** 2).sum())
    return float(np.sqrt(squares)) / n
