"""The ablation curve of a head, against blanking dimensions one more at a time, in place, and asking the head again."""

from functools import partial
from typing import Any

import numpy as np

from backend.metrics.ablation.kernel import ablation_curve, head_ablation_curve
from backend.metrics.threshold.kernel import threshold_accuracy
from backend.values.activations import Head, HeadStage
from benchmarks import made
from benchmarks.race import one_thread, race
from benchmarks.record import keep

NAME = "kernels_ablation"
N_ROWS, N_DIMS = 872, 768


def by_blanking(x: np.ndarray, y: np.ndarray, head: Head, order: np.ndarray) -> np.ndarray:
    """As one writes it: for every k, set k dimensions to 0 and compute the logits of all rows."""
    found = np.empty(len(order) + 1)
    for k in range(len(order) + 1):
        rows = x.astype(np.float64)
        rows[:, order[:k]] = 0
        found[k] = (head.logits(rows).argmax(axis=1) == y).mean()
    return found


def in_place(x: np.ndarray, y: np.ndarray, head: Head, order: np.ndarray) -> np.ndarray:
    """The same without a copy of the rows for every k: the fastest plain loop, in float64 as the head computes."""
    rows = x.astype(np.float64)
    found = np.empty(len(order) + 1)
    for k in range(len(order) + 1):
        if k:
            rows[:, order[k - 1]] = 0
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


def linear_head(n_classes: int) -> tuple[np.ndarray, np.ndarray, Head]:
    """Rows, classes and a head of one linear stage that knows something of them."""
    x, y = made.of_classes(N_ROWS, N_DIMS, n_classes)
    centre, inverse = x.mean(axis=0), 1.0 / x.std(axis=0)
    weight = (np.eye(n_classes)[y].T @ ((x - centre) * inverse)) * inverse / N_ROWS
    return x, y, Head(-1, "", (HeadStage(weight, -weight @ centre),), ())


def behind_pooler() -> tuple[np.ndarray, np.ndarray, Head]:
    """Rows, two classes and a head behind a dense stage with tanh, as BERT's."""
    x, y = made.of_classes(N_ROWS, N_DIMS, 2)
    rng = np.random.default_rng(0)
    scale = 1.0 / np.sqrt((x.astype(np.float64) ** 2).sum(axis=1).mean())
    pooler = HeadStage(rng.standard_normal((N_DIMS, N_DIMS)) * scale, np.zeros(N_DIMS), "tanh")
    return x, y, Head(-1, "", (pooler, HeadStage(rng.standard_normal((2, N_DIMS)), np.zeros(2))), ())


def _alike(mine: Any, other: Any) -> str:
    gap = np.abs(np.asarray(mine) - np.asarray(other))
    return (
        f"identical, {gap.size} points"
        if not gap.any()
        else f"largest difference {gap.max() * N_ROWS:.0f} rows of {N_ROWS}"
    )


def main() -> None:
    one_thread()
    order = np.random.default_rng(0).permutation(N_DIMS)
    size = f"{N_ROWS} x {N_DIMS}"
    for n_classes, target in ((2, 60.0), (6, 40.0)):
        x, y, head = linear_head(n_classes)
        stage = head.stages[0]
        run = partial(ablation_curve, x, y, stage.weight, stage.bias, order=order)
        what = f"ablation curve, linear head, {n_classes} classes, {size}"
        keep(NAME, [race(what, "blanking in place", run, partial(in_place, x, y, head, order), quality=_alike, target=target, turns=5)])  # fmt: skip
    x, y, head = behind_pooler()
    run = partial(head_ablation_curve, x, y, head, order=order)
    what = f"ablation curve behind a tanh pooler, 2 classes, {size}"
    keep(NAME, [race(what, "blanking in place", run, partial(in_place, x, y, head, order), quality=_alike, target=20.0, turns=3, warm=False)])  # fmt: skip
    labels = np.random.default_rng(0).integers(0, 2, 5000)
    values = made.layer(5000, 64)[:, 3].astype(np.float64)
    values = (values - values.mean()) / values.std() + labels
    mine = lambda: threshold_accuracy(values, labels, values, labels).train_accuracy  # noqa: E731
    keep(NAME, [race("threshold on one dimension, 5,000 rows", "every cut", mine, partial(by_every_cut, values, labels), quality=_alike)])  # fmt: skip


if __name__ == "__main__":
    main()
