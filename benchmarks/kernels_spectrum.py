"""Spectral measures and average cosine of one layer, against the full SVD and against all pairs."""

import argparse
from functools import partial

import numpy as np

from backend.metrics.anisotropy.cosine import average_cosine
from backend.metrics.anisotropy.kernel import anisotropy, measures
from backend.metrics.anisotropy.metric import ANISOTROPY
from backend.values.activations import Activations, LayerStack, no_report
from benchmarks.timing import header, line, taking_turns, timed


def layer(n_rows: int, n_dims: int) -> np.ndarray:
    """A few strong directions, many weak ones, one dimension at +200."""
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


def by_pairs(x: np.ndarray) -> float:
    """All cosines in one n x n matrix."""
    units = x.astype(np.float64) / np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True)
    cosines = units @ units.T
    n = len(x)
    return float((cosines.sum() - np.trace(cosines)) / (n * (n - 1)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    repeat = parser.parse_args().repeat
    x = layer(4096, 768)
    anisotropy(x)
    header()
    for case, naive in (("full SVD", by_full_svd), ("singular values only", by_singular_values)):
        mine, other, ours, theirs = taking_turns(lambda: anisotropy(x), partial(naive, x), repeat)
        line(f"anisotropy, 4096 x 768, {case}", mine, other, abs(ours - theirs))
    mine, other, ours, theirs = taking_turns(lambda: measures(x)[0], lambda: by_full_svd(x), repeat)
    line("all five measures, 4096 x 768, full SVD", mine, other, abs(ours - theirs))
    mine, other, ours, theirs = taking_turns(lambda: average_cosine(x), lambda: by_pairs(x), repeat)
    line("average cosine, 4096 x 768, all pairs", mine, other, abs(ours - theirs))
    for n_layers, n_rows, n_dims in ((7, 440, 384), (13, 872, 768)):
        matrices = tuple(Activations(layer(n_rows, n_dims)) for _ in range(n_layers))
        names = tuple(map(str, range(n_layers)))
        stack = LayerStack("model", "mean", tuple(range(n_layers)), names, matrices)
        for bands in ("none", "jackknife"):
            params = ANISOTROPY.params(bands=bands)
            seconds, _ = timed(partial(ANISOTROPY.run, [stack], None, params, 0, no_report))
            print(f"anisotropy profile with bands={bands}, {n_layers} layers, {n_rows} x {n_dims}: {seconds:.2f} s")


if __name__ == "__main__":
    main()
