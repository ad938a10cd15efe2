"""A few ratios that CI keeps from regressing: ours against the usual way, in processor seconds of one thread.

Each case is small, both sides take turns, and the median of the ratios has to reach about a third of what a calm machine shows, so
that no noise is taken for a regression. A faster result that is not equal is not faster: both sides have to agree. The process ends
with 1 where a case falls short.
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from backend.metrics.ablation.kernel import ablation_curve
from backend.metrics.anisotropy.cosine import average_cosine
from backend.metrics.anisotropy.kernel import anisotropy
from backend.metrics.neurons.kernel import greedy_dimensions
from backend.metrics.similarity.kernel import cka_matrix
from backend.metrics.threshold.kernel import threshold_accuracy
from backend.values.activations import Head, HeadStage
from benchmarks import kernels_ablation, kernels_dimension, kernels_neurons, kernels_similarity, kernels_spectrum

TURNS = 3


@dataclass(frozen=True, slots=True)
class Case:
    """Two ways to one result: ours, the usual one, how far they may differ, and how many times less work ours has to be."""

    name: str
    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    tolerance: float
    least: float


def cases() -> Iterator[Case]:
    """What is compared, made when it is its turn."""
    layers = [one[:, :384] for one in kernels_similarity.layers(600)[:8]]
    yield Case(
        "CKA, 8 layers, 600 x 384: pair by pair",
        lambda: cka_matrix(layers),
        lambda: kernels_similarity.all_pairs(layers),
        1e-6,
        2.0,
    )
    x = kernels_spectrum.layer(2048, 384)
    yield Case(
        "anisotropy, 2,048 x 384: full SVD", lambda: anisotropy(x), lambda: kernels_spectrum.by_full_svd(x), 1e-9, 2.0
    )
    yield Case(
        "average cosine, 2,048 x 384: all pairs",
        lambda: average_cosine(x),
        lambda: kernels_spectrum.by_pairs(x),
        1e-9,
        6.0,
    )
    rows = kernels_dimension.rows_like_a_layer(2000, 384)
    wide = rows.astype(np.float64)
    yield Case(
        "four dimension estimators, 2,000 x 384: scikit-dimension",
        lambda: _in_order(kernels_dimension.ours(rows)),
        lambda: _in_order(kernels_dimension.theirs(wide)),
        1e-6,
        2.5,
    )
    z, y = kernels_neurons.rows_of_classes(600, 96, 2)
    yield Case(
        "first greedy step, 600 x 96: scikit-learn, one by one",
        lambda: greedy_dimensions(z, y, n_select=1).accuracies[0],
        lambda: kernels_neurons.loop(z, y, [], list(range(96))).max(),
        1e-12,
        8.0,
    )
    yield _ablation()
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 5000)
    values = rng.standard_normal(5000) + labels
    yield Case(
        "threshold on one dimension, 5,000 rows: every cut",
        lambda: threshold_accuracy(values, labels, values, labels).train_accuracy,
        lambda: kernels_ablation.by_every_cut(values, labels),
        1e-12,
        20.0,
    )


def _ablation() -> Case:
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 400)
    x = rng.standard_normal((400, 256)).astype(np.float32)
    x[:, :2] += np.eye(2)[y]
    weight, bias = np.eye(2)[y].T @ x, rng.standard_normal(2)
    head, order = Head(-1, "", (HeadStage(weight, bias),), ()), rng.permutation(256)
    return Case(
        "ablation curve, linear head, 400 x 256: one more at a time",
        lambda: ablation_curve(x, y, weight, bias, order=order),
        lambda: kernels_ablation.by_blanking(x, y, head, order),
        0.0,
        15.0,
    )


def _in_order(found: dict[str, float]) -> np.ndarray:
    return np.array([found[name] for name in kernels_dimension.NAMES])


def measured(case: Case) -> tuple[float, float]:
    """The median ratio of the turns, and the largest relative difference of the two results."""
    gap = _gap(case.ours(), case.theirs())  # the first turn compiles and loads
    return statistics.median(_ratio(case) for _ in range(TURNS)), gap


def _ratio(case: Case) -> float:
    mine = _seconds(case.ours)
    return _seconds(case.theirs) / mine


def _seconds(run: Callable[[], Any]) -> float:
    """Processor seconds of one call, as the mean of as many as take a twentieth of a second."""
    n, start = 0, time.process_time()
    while (spent := time.process_time() - start) < 0.05:
        run()
        n += 1
    return spent / n


def _gap(ours: Any, theirs: Any) -> float:
    mine, other = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    return float(np.max(np.abs(mine - other) / np.maximum(np.abs(other), 1e-12)))


def main() -> None:
    short = []
    print(f"{'case':64s} {'ratio':>7s} {'least':>6s} {'difference':>11s}")
    with threadpool_limits(1):
        for case in cases():
            ratio, gap = measured(case)
            print(f"{case.name:64s} {ratio:7.1f} {case.least:6.1f} {gap:11.1e}", flush=True)
            if ratio < case.least or gap > case.tolerance:
                short.append(case.name)
    if short:
        sys.exit(f"Fallen short of its ratio, or of the same result: {'; '.join(short)}")


if __name__ == "__main__":
    main()
