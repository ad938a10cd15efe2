"""CKA of all pairs of layers, against the usual way: two Gram matrices for every pair.

The naive side computes each unordered pair once, in float32 with numpy, as published code does. At 5,000 rows it is timed
on a few pairs and scaled to all of them; the difference is over the pairs that were computed.
"""

import argparse
import itertools
import statistics
from functools import partial
from typing import Any

import numpy as np

from backend.metrics.similarity.kernel import cka_matrix
from benchmarks.timing import header, line, taking_turns, timed

N_LAYERS, N_DIMS = 13, 768


def layers(n_rows: int, seed: int = 0) -> list[np.ndarray]:
    """A residual stream: each layer the one before plus something new."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n_rows, N_DIMS)).astype(np.float32)
    found = [rows]
    for _ in range(N_LAYERS - 1):
        rows = rows + 0.5 * rng.standard_normal((n_rows, N_DIMS)).astype(np.float32)
        found.append(rows)
    return found


def u_centred_gram(x: np.ndarray) -> np.ndarray:
    """The Gram matrix of ``x`` with its diagonal and its row and column means taken out, for the debiased HSIC."""
    x = x - x.mean(axis=0)
    gram = x @ x.T
    np.fill_diagonal(gram, 0.0)
    n = len(gram)
    means = gram.sum(axis=0, dtype=np.float64) / (n - 2)
    means -= means.sum() / (2 * (n - 1))
    out: np.ndarray = gram - means[:, None] - means[None, :]
    np.fill_diagonal(out, 0.0)
    return out


def naive(x: np.ndarray, y: np.ndarray) -> float:
    """Debiased linear CKA of one pair from its two Gram matrices."""
    k, other = u_centred_gram(x), u_centred_gram(y)
    return float(np.sum(k * other) / np.sqrt(np.sum(k * k) * np.sum(other * other)))


def all_pairs(xs: list[np.ndarray]) -> np.ndarray:
    """The whole matrix, one pair after the other."""
    out = np.eye(len(xs))
    for i, j in itertools.combinations_with_replacement(range(len(xs)), 2):
        out[i, j] = out[j, i] = naive(xs[i], xs[j])
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--pairs", type=int, default=6, help="pairs timed at 5,000 rows")
    given = parser.parse_args()
    header()
    xs = layers(872)
    cka_matrix(xs)
    mine, other, ours, theirs = taking_turns(lambda: cka_matrix(xs), lambda: all_pairs(xs), given.repeat)
    line("CKA, 13 layers, 872 x 768", mine, other, float(np.abs(ours - theirs).max()))

    xs = layers(5000)
    pairs = list(itertools.combinations_with_replacement(range(N_LAYERS), 2))
    chosen = pairs[:: max(1, len(pairs) // given.pairs)][: given.pairs]
    runs: list[tuple[float, Any]] = []
    singles: list[tuple[float, Any]] = []
    for i, j in chosen:
        singles.append(timed(partial(naive, xs[i], xs[j])))
        if len(runs) < given.repeat:
            runs.append(timed(lambda: cka_matrix(xs)))
    gap = max(abs(runs[0][1][pair] - value) for pair, (_, value) in zip(chosen, singles, strict=True))
    other = statistics.median(seconds for seconds, _ in singles) * len(pairs)
    case = f"CKA, 13 layers, 5000 x 768 ({len(chosen)} of {len(pairs)} pairs)"
    line(case, statistics.median(seconds for seconds, _ in runs), other, float(gap))


if __name__ == "__main__":
    main()
