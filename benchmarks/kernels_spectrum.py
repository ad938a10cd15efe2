"""The spectral measures and the average cosine of one layer, against the full SVD, the IsoScore package and all pairs."""

from functools import partial
from typing import Any

import numpy as np

from backend.metrics.anisotropy.cosine import average_cosine
from backend.metrics.anisotropy.kernel import MEASURES, anisotropy, isoscore, measures
from benchmarks import made
from benchmarks.peers import beside
from benchmarks.race import one_thread, race
from benchmarks.record import keep, largest, missing

NAME = "kernels_spectrum"
_FIVE = "anisotropy (centred and not), IsoScore, participation ratio, effective rank"


def layer(n_rows: int, n_dims: int) -> np.ndarray:
    """A few strong directions, many weak ones, one dimension at +200 (what the check of the ratios in CI compares)."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((n_rows, n_dims)) / np.sqrt(1 + np.arange(n_dims))
    rows = rows @ np.linalg.qr(rng.standard_normal((n_dims, n_dims)))[0]
    rows[:, 7] += 200
    return np.asarray(rows, dtype=np.float32)


def by_full_svd(x: np.ndarray) -> float:
    """As the paper writes it: centre, decompose, divide."""
    sigma = np.linalg.svd(x - x.mean(axis=0, dtype=np.float64), full_matrices=False)[1]
    return float(sigma[0] ** 2 / (sigma**2).sum())


def by_singular_values(x: np.ndarray) -> float:
    """The same without the singular vectors."""
    sigma = np.linalg.svd(x - x.mean(axis=0, dtype=np.float64), compute_uv=False)
    return float(sigma[0] ** 2 / (sigma**2).sum())


def all_by_full_svd(x: np.ndarray) -> np.ndarray:
    """Every number of MEASURES from the full SVD of the centred rows, and one more of the rows as they are."""
    wide = x.astype(np.float64)
    sigma = np.linalg.svd(wide - wide.mean(axis=0), full_matrices=False)[1]
    raw = np.linalg.svd(wide, full_matrices=False)[1]
    variances, part = sigma**2, sigma / sigma.sum()
    ratio = variances.sum() ** 2 / (variances**2).sum()
    entropy = -float((part * np.log(part)).sum())
    share, uncentred = variances[0] / variances.sum(), raw[0] ** 2 / (raw**2).sum()
    return np.array([share, uncentred, (ratio - 1) / (x.shape[1] - 1), ratio, np.exp(entropy)])


def by_pairs(x: np.ndarray) -> float:
    """All cosines in one n x n matrix."""
    units = x.astype(np.float64) / np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True)
    cosines = units @ units.T
    n = len(x)
    return float((cosines.sum() - np.trace(cosines)) / (n * (n - 1)))


def _relative(mine: Any, other: Any) -> str:
    gap = np.abs(np.asarray(mine) - np.asarray(other)) / np.maximum(np.abs(np.asarray(other)), 1e-12)
    return largest([float(gap.max())]) + ", relative"


def main() -> None:
    one_thread()
    for n_rows, target, turns in ((4096, 7.0, 5), (50_000, 5.0, 1)):
        x = made.layer(n_rows, 768)
        size = f"{n_rows:,} x 768"
        if n_rows < 10_000:
            keep(NAME, [race(f"anisotropy, {size}", "full SVD", partial(anisotropy, x), partial(by_full_svd, x), quality=_relative, target=target, turns=turns)])  # fmt: skip
            keep(NAME, [race(f"anisotropy, {size}", "singular values only", partial(anisotropy, x), partial(by_singular_values, x), quality=_relative, turns=turns)])  # fmt: skip
        keep(NAME, [race(f"{len(MEASURES)} measures ({_FIVE}), {size}", "two full SVDs, of the centred rows and of the rows", partial(measures, x), partial(all_by_full_svd, x), quality=_relative, target=target, turns=turns, warm=turns > 1)])  # fmt: skip
        keep(NAME, [_by_package(x, size)])
    x = made.layer(4096, 768)
    keep(NAME, [race("average cosine, 4,096 x 768", "all pairs", partial(average_cosine, x), partial(by_pairs, x), quality=_relative, turns=5)])  # fmt: skip


def _by_package(x: np.ndarray, size: str) -> Any:
    why = beside("IsoScore")
    if why:
        return missing(f"IsoScore, {size}", "IsoScore package 2.0.1", why, 2.0)
    from IsoScore.IsoScore import IsoScore

    wide = x.astype(np.float64)
    return race(
        f"IsoScore, {size}",
        "IsoScore package 2.0.1",
        partial(isoscore, x),
        lambda: float(IsoScore(wide)),
        quality=_relative,
        target=2.0,
    )


if __name__ == "__main__":
    main()
