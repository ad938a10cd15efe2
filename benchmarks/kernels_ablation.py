"""The ablation curve of a head, against blanking dimensions one more at a time and asking the head again."""

import argparse

import numpy as np

from backend.metrics.ablation.kernel import ablation_curve, head_ablation_curve
from backend.metrics.threshold.kernel import threshold_accuracy
from backend.values.activations import Head, HeadStage
from benchmarks.timing import header, line, taking_turns

TARGET = 80.0
N_ROWS, N_DIMS = 872, 768


def by_blanking(x: np.ndarray, y: np.ndarray, head: Head, order: np.ndarray) -> np.ndarray:
    """As one writes it: for every k, set k dimensions to 0 and compute the logits of all rows."""
    found = np.empty(len(order) + 1)
    for k in range(len(order) + 1):
        rows = x.astype(np.float64)
        rows[:, order[:k]] = 0
        found[k] = (head.logits(rows).argmax(axis=1) == y).mean()
    return found


def by_every_cut(x: np.ndarray, y: np.ndarray) -> float:
    """The best threshold by trying the middle between every two neighbouring values, in both directions."""
    values = np.unique(x)
    best = max(y.mean(), 1 - y.mean())
    for cut in (values[:-1] + values[1:]) / 2:
        right = float(np.mean((x > cut) == y))
        best = max(best, right, 1 - right)
    return float(best)


def linear_case(rng: np.random.Generator, n_classes: int, repeat: int) -> None:
    """One line: a linear head over all dimensions."""
    y = rng.integers(0, n_classes, N_ROWS)
    x = rng.standard_normal((N_ROWS, N_DIMS)).astype(np.float32)
    x[:, :n_classes] += np.eye(n_classes)[y]
    weight, bias = np.eye(n_classes)[y].T @ x, rng.standard_normal(n_classes)
    head, order = Head(-1, "", (HeadStage(weight, bias),), ()), rng.permutation(N_DIMS)
    mine, other, ours, theirs = taking_turns(
        lambda: ablation_curve(x, y, weight, bias, order=order), lambda: by_blanking(x, y, head, order), repeat
    )
    line(f"ablation, linear head, {N_ROWS} x {N_DIMS}, {n_classes} classes", mine, other, np.abs(ours - theirs).max())
    if n_classes == 2:
        met = other / mine >= TARGET and np.array_equal(ours, theirs)
        print(f"target: {TARGET:.0f}x, identical accuracies ({'met' if met else 'missed'})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    repeat = parser.parse_args().repeat
    rng = np.random.default_rng(0)
    header()
    for n_classes in (2, 6):
        linear_case(rng, n_classes, repeat)
    x, y, order = rng.standard_normal((N_ROWS, N_DIMS)), rng.integers(0, 2, N_ROWS), rng.permutation(N_DIMS)
    pooler = HeadStage(rng.standard_normal((N_DIMS, N_DIMS)) / np.sqrt(N_DIMS), np.zeros(N_DIMS), "tanh")
    head = Head(-1, "", (pooler, HeadStage(rng.standard_normal((2, N_DIMS)), np.zeros(2))), ())
    mine, other, ours, theirs = taking_turns(
        lambda: head_ablation_curve(x, y, head, order=order), lambda: by_blanking(x, y, head, order), 1
    )
    line(f"ablation behind a tanh pooler, {N_ROWS} x {N_DIMS}", mine, other, np.abs(ours - theirs).max())
    labels = rng.integers(0, 2, 5000)
    values = rng.standard_normal(5000) + labels
    mine, other, found, best = taking_turns(
        lambda: threshold_accuracy(values, labels, values, labels).train_accuracy,
        lambda: by_every_cut(values, labels),
        repeat,
    )
    line("threshold on one dimension, 5000 rows, 2 classes", mine, other, abs(found - best))


if __name__ == "__main__":
    main()
