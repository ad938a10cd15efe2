"""Error bands for layer profiles: an analytic standard error, a bootstrap over rows, or the spread over batches."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from backend.metrics.shared.linalg import Floats, Matrix
from backend.values.activations import Report

BANDS = ("jackknife", "bootstrap", "batches", "none")
NORMAL_95 = 1.959963984540054
BAND_HELP = (
    "Band: jackknife (95%, analytic), bootstrap (95%, resampled rows), batches (mean and standard deviation over "
    "shuffled batches), or none."
)

Statistic = Callable[[Matrix], Floats]
"""From rows (n_rows, n_dims) to some numbers (n_measures,), NaN where undefined."""


@dataclass(frozen=True, slots=True, eq=False)
class Banded:
    """Numbers with their band, each (n_measures,); ``reason`` says why there is no band."""

    value: Floats
    low: Floats
    high: Floats
    reason: str = ""


def banded(
    x: Matrix,
    statistic: Statistic,
    errors: Callable[[], tuple[Floats, Floats]],
    *,
    kind: str,
    n_bootstrap: int,
    batch_rows: int,
    seed: int,
    step: Callable[[], None],
) -> Banded:
    """``statistic`` of ``x`` with a band of the given kind.

    ``errors`` gives the numbers and their standard errors at once (for the jackknife); ``step`` is called between
    resamples and may raise to cancel. With batches of at least ``batch_rows`` rows the value is their mean.
    """
    rng = np.random.default_rng(seed)
    if kind == "jackknife":
        value, error = errors()
        return Banded(value, value - NORMAL_95 * error, value + NORMAL_95 * error)
    if kind == "batches" and x.shape[0] >= 2 * batch_rows:
        parts = []
        for rows in batches(x.shape[0], batch_rows, rng):
            step()
            parts.append(statistic(x[rows]))
        value, spread = np.mean(parts, axis=0), np.std(parts, axis=0, ddof=1)
        return Banded(value, value - spread, value + spread)
    value = statistic(x)
    if kind == "bootstrap":
        error = _bootstrap_error(x, statistic, n_bootstrap, rng, step)
        return Banded(value, value - NORMAL_95 * error, value + NORMAL_95 * error)
    reason = "no band was asked for"
    if kind == "batches":
        reason = f"{x.shape[0]:,} rows make fewer than two batches of {batch_rows:,}"
    nothing = np.full_like(value, np.nan)
    return Banded(value, nothing, nothing, reason)


def batches(n_rows: int, batch_rows: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Shuffled rows in batches of at least ``batch_rows``, every row once; rows within a batch are in order."""
    shuffled = rng.permutation(n_rows)
    return [np.sort(part) for part in np.array_split(shuffled, max(1, n_rows // batch_rows))]


def batch_size(n_rows: int, kind: str, batch_rows: int) -> int:
    """Rows that one number is computed from."""
    return n_rows // (n_rows // batch_rows) if kind == "batches" and n_rows >= 2 * batch_rows else n_rows


def _bootstrap_error(
    x: Matrix, statistic: Statistic, n_bootstrap: int, rng: np.random.Generator, step: Callable[[], None]
) -> Floats:
    """Standard deviation over resamples; the band is put around the value of all rows, as resamples are biased
    (a resample has about 63% of the rows, which lowers every rank)."""
    values = []
    for _ in range(n_bootstrap):
        step()
        values.append(statistic(x[np.sort(rng.integers(0, x.shape[0], x.shape[0]))]))
    out: Floats = np.std(values, axis=0, ddof=1)
    return out


def layer_step(report: Report, index: int, total: int, stage: str) -> Callable[[], None]:
    """A cancel point that keeps the progress where it is."""

    def step() -> None:
        report(index, total, stage)

    return step
