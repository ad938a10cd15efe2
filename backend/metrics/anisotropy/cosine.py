"""Average cosine between the rows of a layer, in closed form: no pair is sampled and none is formed.

Ethayarajh (2019); Razzhigaev et al. (2024), who also centre.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.metrics.anisotropy.bands import BAND_HELP, BANDS, Banded, banded, batch_size, layer_step
from backend.metrics.anisotropy.isotropic import isotropic_average_cosine
from backend.metrics.base import Metric, Outcome, param
from backend.metrics.shared.degenerate import count_non_finite, named, undefined_entries
from backend.metrics.shared.linalg import Floats, Matrix, as_matrix, centred, row_blocks, row_mean
from backend.values.activations import Labels, LayerStack, Report

_STAGE = "Average cosine"


def average_cosine(x: npt.ArrayLike, *, centred: bool = False) -> float:
    """Mean cosine over all pairs of rows: (||sum u_i||^2 - n) / (n (n - 1)), u the unit rows.

    ``x`` (n_rows, n_dims); in [-1 / (n - 1), 1]. Rows of norm 0 are left out. NaN for fewer than 2 other rows or for
    activations that are not finite. Ethayarajh (2019).
    """
    matrix = as_matrix(x)
    if _why_no_cosine(matrix):
        return float("nan")
    return _directions(matrix, centre=centred).average


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


def _directions(x: Matrix, *, centre: bool) -> Directions:
    """Sums over the unit rows; a row whose norm is 0 (to rounding, once centred) has no direction."""
    mean = row_mean(x) if centre else np.zeros(x.shape[1])
    smallest = float(np.finfo(x.dtype).eps * np.linalg.norm(mean))
    total, squares, n_rows = np.zeros(x.shape[1]), np.zeros(x.shape[1]), 0
    for block in row_blocks(x):
        units, kept, _ = _units(x, mean, smallest, block)
        total += units.sum(axis=0)
        squares += np.einsum("ij,ij->j", units, units)
        n_rows += int(kept.sum())
    return Directions(total, squares, n_rows, mean, smallest)


def directions(x: npt.ArrayLike) -> Directions:
    """Sums over the unit rows of ``x`` (n_rows, n_dims), not centred; its rows must be finite."""
    return _directions(as_matrix(x), centre=False)


def _units(x: Matrix, mean: Floats, smallest: float, block: slice) -> tuple[Floats, npt.NDArray[np.bool_], Floats]:
    """Unit rows of a block (zeros where there is no direction), which rows have one, and the norms (1 where not)."""
    rows = centred(x, mean, block)
    norms = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    kept = norms > smallest
    norms = np.where(kept, norms, 1.0)
    rows[~kept] = 0.0
    rows /= norms[:, None]
    return rows, kept, norms


def _why_no_cosine(x: Matrix) -> str | None:
    bad = count_non_finite(x)
    if bad:
        return f"non-finite activations ({bad} {'row' if bad == 1 else 'rows'})"
    return None


def _averages(x: Matrix) -> Floats:
    """Average cosine as it is and centred, (2,)."""
    return np.array([_directions(x, centre=False).average, _directions(x, centre=True).average])


def _with_errors(x: Matrix) -> tuple[Floats, Floats]:
    """Both averages and their standard errors, from the response of each to one row's weight."""
    values, errors = np.empty(2), np.empty(2)
    for column, centre in enumerate((False, True)):
        sums = _directions(x, centre=centre)
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


@dataclass(frozen=True, slots=True)
class AverageCosineParams:
    """How the band is made."""

    bands: str = param("jackknife", BAND_HELP, choices=BANDS)
    n_bootstrap: int = param(50, "Resamples of the bootstrap.", low=2, high=1000)
    batch_rows: int = param(4096, "Fewest rows of a batch (Razzhigaev et al. use 4,096).", low=2, high=1_000_000)


@dataclass(frozen=True, slots=True, eq=False)
class AverageCosineResult:
    """Average cosine for each layer, all (n_layers,): as it is and centred, with bands and an isotropic Gaussian's value.

    ``n_zero_rows`` and ``n_zero_rows_centred`` count the rows without a direction, which are left out.
    """

    average_cosine: Floats
    average_cosine_low: Floats
    average_cosine_high: Floats
    average_cosine_isotropic: Floats
    average_cosine_centred: Floats
    average_cosine_centred_low: Floats
    average_cosine_centred_high: Floats
    average_cosine_centred_isotropic: Floats
    n_zero_rows: npt.NDArray[np.int64]
    n_zero_rows_centred: npt.NDArray[np.int64]
    bands: str
    n_batches: int
    n_rows: int
    n_dims: int


def run(
    stacks: Sequence[LayerStack], _labels: Labels | None, params: AverageCosineParams, seed: int, report: Report
) -> Outcome[AverageCosineResult]:
    stack = stacks[0]
    n_rows, n_dims = stack.rows[0].shape
    layers: list[Banded] = []
    bad: list[str | None] = []
    zeros = np.zeros((2, len(stack)), dtype=np.int64)
    for index, x in enumerate(map(as_matrix, stack.rows)):
        report(index, len(stack), _STAGE)
        bad.append(_why_no_cosine(x))
        if bad[-1]:
            nothing = np.full(2, np.nan)
            layers.append(Banded(nothing, nothing, nothing))
            continue
        zeros[:, index] = [n_rows - _directions(x, centre=centre).n_rows for centre in (False, True)]
        layers.append(
            banded(
                x,
                _averages,
                lambda x=x: _with_errors(x),  # type: ignore[misc]
                kind=params.bands,
                n_bootstrap=params.n_bootstrap,
                batch_rows=params.batch_rows,
                seed=seed,
                step=layer_step(report, index, len(stack), _STAGE),
            )
        )
    result = _result(layers, zeros, params, n_rows, n_dims)

    def why(field: str, index: tuple[int, ...]) -> str:
        layer = index[0]
        reason = bad[layer]
        left = n_rows - int(zeros[1 if "centred" in field else 0, layer])
        if reason is None and left < 2:
            reason = f"only {left} {'row has' if left == 1 else 'rows have'} a direction; needs at least 2"
        return named(stack, layer, reason) if reason else layers[layer].reason or "undefined in a batch or resample"

    return Outcome(result, undefined_entries(result, why), _notes(zeros))


def _result(
    layers: list[Banded], zeros: npt.NDArray[np.int64], params: AverageCosineParams, n: int, d: int
) -> AverageCosineResult:
    size = batch_size(n, params.bands, params.batch_rows)
    fields: dict[str, Any] = {}
    for column, name in enumerate(("average_cosine", "average_cosine_centred")):
        fields[name] = np.array([layer.value[column] for layer in layers])
        fields[f"{name}_low"] = np.clip([layer.low[column] for layer in layers], -1.0, 1.0)
        fields[f"{name}_high"] = np.clip([layer.high[column] for layer in layers], -1.0, 1.0)
        fields[f"{name}_isotropic"] = np.full(len(layers), isotropic_average_cosine(size, centred=column == 1))
    return AverageCosineResult(
        **fields,
        n_zero_rows=zeros[0],
        n_zero_rows_centred=zeros[1],
        bands=params.bands,
        n_batches=n // params.batch_rows if size < n else 1,
        n_rows=n,
        n_dims=d,
    )


def _notes(zeros: npt.NDArray[np.int64]) -> tuple[str, ...]:
    if not zeros[0].any():
        return ()
    return (f"Rows of norm 0 have no direction and are left out (up to {int(zeros[0].max())} in a layer).",)


AVERAGE_COSINE = Metric(
    name="average_cosine",
    version=1,
    title="Average cosine",
    scope="stack",
    params=AverageCosineParams,
    result=AverageCosineResult,
    run=run,
    aliases=("cosine",),
)
