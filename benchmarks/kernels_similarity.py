"""CKA of all pairs of layers, against the usual way (two Gram matrices for every pair) and against the formula of torch_cka.

Pair by pair is computed once for each unordered pair, in float32 with numpy, as published code does. torch_cka computes the same
debiased HSIC by products of whole Gram matrices, three for each ordered pair; its formula is written out here in torch, with
gradients off. Where not all pairs are timed, the seconds of some are scaled to all, and the difference is over those.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from backend.metrics.similarity.kernel import cka_matrix
from benchmarks import made
from benchmarks.race import one_thread, race
from benchmarks.record import keep, largest

N_LAYERS, N_DIMS = 13, 768
NAME = "kernels_similarity"
Pairs = Sequence[tuple[int, int]]


def layers(n_rows: int, seed: int = 0) -> list[np.ndarray]:
    """A residual stream: each layer the one before plus something new (what the check of the ratios in CI compares)."""
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


def biased(x: np.ndarray, y: np.ndarray) -> float:
    """Biased linear CKA of one pair from its two centred Gram matrices."""
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    k, other = x @ x.T, y @ y.T
    return float(np.sum(k * other) / np.sqrt(np.sum(k * k) * np.sum(other * other)))


def all_pairs(xs: list[np.ndarray]) -> np.ndarray:
    """The whole matrix, one pair after the other."""
    out = np.eye(len(xs))
    for i, j in itertools.combinations_with_replacement(range(len(xs)), 2):
        out[i, j] = out[j, i] = naive(xs[i], xs[j])
    return out


def torch_cka(x: np.ndarray, y: np.ndarray) -> float:
    """The formula of torch_cka for one ordered pair; rows are centred first, which the package leaves to its user.

    It computes K and HSIC(K, K) once a layer of the first side and L, HSIC(K, L) and HSIC(L, L) for every pair: the part of
    the first is a thirteenth of a pair and is left out of the seconds.
    """
    import torch

    def gram(rows: np.ndarray) -> Any:
        flat = torch.from_numpy(rows - rows.mean(axis=0))
        out = flat @ flat.t()
        out.fill_diagonal_(0.0)
        return out

    def hsic(k: Any, other: Any) -> float:
        n = k.shape[0]
        ones = torch.ones(n, 1)
        result = torch.trace(k @ other)
        result += ((ones.t() @ k @ ones @ ones.t() @ other @ ones) / ((n - 1) * (n - 2))).item()
        result -= ((ones.t() @ k @ other @ ones) * 2 / (n - 2)).item()
        return float((1 / (n * (n - 3)) * result).item())

    with torch.inference_mode():
        k, other = gram(x), gram(y)
        if id(x) not in _own_hsic:
            _own_hsic[id(x)] = hsic(k, k)
        own = _own_hsic[id(x)]
        return float(hsic(k, other) / (np.sqrt(own) * np.sqrt(hsic(other, other))))


_own_hsic: dict[int, float] = {}  # of a layer of the first side, computed once


def _some(xs: list[np.ndarray], pairs: Pairs, one: Callable[[np.ndarray, np.ndarray], float]) -> dict[Any, float]:
    return {(i, j): one(xs[i], xs[j]) for i, j in pairs}


def _gap(matrix: np.ndarray, values: dict[Any, float]) -> str:
    return largest([abs(float(matrix[pair]) - value) for pair, value in values.items()])


def main() -> None:
    one_thread()
    for n_rows, n_pairs, target in ((872, 91, 15.0), (5000, 4, 35.0)):
        xs: list[np.ndarray] = list(made.layers(N_LAYERS, n_rows, N_DIMS))
        unordered = list(itertools.combinations_with_replacement(range(N_LAYERS), 2))
        chosen = unordered[:: len(unordered) // n_pairs][:n_pairs]
        what = f"CKA of {N_LAYERS} layers, {n_rows:,} x {N_DIMS}"
        for debiased, one in ((False, biased), (True, naive)):
            keep(NAME, [_by_pairs(what, xs, chosen, len(unordered), one, debiased=debiased, target=target)])
        ordered = [(i, j) for i in range(N_LAYERS) for j in range(N_LAYERS)]
        some = ordered[:: len(ordered) // (13 if n_rows < 1000 else 2)][: 13 if n_rows < 1000 else 2]
        keep(NAME, [_by_torch(what, xs, some, len(ordered))])


def _by_pairs(
    what: str,
    xs: list[np.ndarray],
    chosen: Pairs,
    n_pairs: int,
    one: Callable[[np.ndarray, np.ndarray], float],
    *,
    debiased: bool,
    target: float,
) -> Any:
    return race(
        f"{what}, {'debiased' if debiased else 'biased'}",
        "pair by pair",
        lambda: cka_matrix(xs, debiased=debiased),
        lambda: _some(xs, chosen, one),
        quality=_gap,
        target=target,
        times=n_pairs / len(chosen),
        scaled="" if len(chosen) == n_pairs else f"{len(chosen)} of {n_pairs} pairs timed",
    )


def _by_torch(what: str, xs: list[np.ndarray], chosen: Pairs, n_pairs: int) -> Any:
    _own_hsic.clear()
    _some(xs, [(i, i) for i, _ in chosen], torch_cka)  # what it computes once a layer
    return race(
        f"{what}, debiased",
        "formula of torch_cka",
        lambda: cka_matrix(xs),
        lambda: _some(xs, chosen, torch_cka),
        quality=_gap,
        target=50.0,
        turns=3 if len(xs[0]) < 1000 else 1,
        warm=len(xs[0]) < 1000,
        times=n_pairs / len(chosen),
        scaled=f"{len(chosen)} of {n_pairs} ordered pairs timed",
    )


if __name__ == "__main__":
    main()
