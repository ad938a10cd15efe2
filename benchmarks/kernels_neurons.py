"""Greedy forward selection with all candidates at once, against a loop of scikit-learn fits.

Both sides get the same standardised rows and the same folds and count the same held-out rows; the loop fits scikit-learn's
LogisticRegression (lbfgs, C = 1) for every candidate and every fold. The first step of two classes is timed whole, in turns;
later steps on some candidates of the loop, scaled to all that are left, given the dimensions that ours chose. Of a step of ours the time
between two of its reports is taken.
"""

import time
from functools import partial
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from backend.metrics.neurons.kernel import fold_numbers, greedy_dimensions, standardised
from benchmarks import made
from benchmarks.race import one_thread, race, taken
from benchmarks.record import Ratio, Row, Side, keep

N_FOLDS = 5
NAME = "kernels_neurons"
_LOOP = "scikit-learn, candidate by candidate"


def rows_of_classes(n_rows: int, n_dims: int, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of which a third of the dimensions know a little of the class, and one knows more."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, n_classes, n_rows)
    means = rng.normal(size=(n_classes, n_dims)) * (rng.random(n_dims) < 0.3)
    x = rng.normal(size=(n_rows, n_dims)) + 0.3 * means[y]
    x[:, 5] += 1.2 * y / (n_classes - 1)
    return x.astype(np.float32), y


def loop(x: np.ndarray, y: np.ndarray, chosen: list[int], candidates: list[int]) -> np.ndarray:
    """Cross-validated accuracy of each candidate beside the chosen, one fit after the other."""
    fold = fold_numbers(y, N_FOLDS, np.random.default_rng([0, 2]))
    z = standardised(x)[0].T
    right = np.zeros(len(candidates))
    for place, dim in enumerate(candidates):
        columns = np.ascontiguousarray(z[:, [*chosen, dim]])
        for number in range(N_FOLDS):
            held = fold == number
            model = LogisticRegression(C=1.0, max_iter=1_000).fit(columns[~held], y[~held])
            right[place] += np.count_nonzero(model.predict(columns[held]) == y[held])
    return right / len(y)


def first_step(x: np.ndarray, y: np.ndarray, what: str) -> Row:
    """The whole first step of both sides."""

    def same(mine: Any, other: Any) -> str:
        choice = "same choice" if mine.dimensions[0] == other.argmax() else "another choice"
        return f"{choice}, largest difference {abs(mine.accuracies[0] - other.max()) * len(y):.0f} rows of {len(y):,}"

    ours, theirs = partial(greedy_dimensions, x, y, n_select=1), partial(loop, x, y, [], list(range(x.shape[1])))
    return race(f"{what}, step 1", _LOOP, ours, theirs, quality=same, target=50.0, turns=3, warm=False)


def later_steps(
    x: np.ndarray, y: np.ndarray, what: str, n_steps: int, n_timed: int, wanted: dict[int, float | None]
) -> None:
    """The ``wanted`` steps, by their targets: ours as it reports them, and some candidates of the loop's, scaled to all."""
    begun: dict[int, tuple[float, float]] = {}

    def report(done: int, total: int, _stage: str) -> None:
        begun.setdefault(n_steps * done // total, (time.process_time(), time.perf_counter()))

    whole = taken(lambda: greedy_dimensions(x, y, n_select=n_steps, report=report))
    begun[n_steps] = time.process_time(), time.perf_counter()
    found = whole.result
    chosen = found.dimensions.tolist()
    for step, target in wanted.items():
        left = sorted(set(range(x.shape[1])) - set(chosen[: step - 1]))
        best = chosen[step - 1]
        some = [best, *[dim for dim in left if dim != best][:: max(1, len(left) // n_timed)][: n_timed - 1]]
        theirs = taken(partial(loop, x, y, chosen[: step - 1], some))
        times = len(left) / len(some)
        (worked, clock), (worked_before, clock_before) = begun[step], begun[step - 1]
        mine = Side(worked - worked_before, clock - clock_before, whole.peak_mb)
        other = Side(theirs.processor * times, theirs.clock * times, theirs.peak_mb)
        accuracies, ratio = theirs.result, other.processor / mine.processor
        gap = round(abs(found.accuracies[step - 1] - accuracies[0]) * len(y))
        choice = (
            "none timed is better"
            if accuracies[0] >= accuracies.max() - 0.5 / len(y)
            else "another timed is better by the loop"
        )
        screened = "; 16 of ours cross-validated" if found.screened[step - 1] else ""
        quality = f"{choice}, difference {gap} rows of {len(y):,}{screened}"
        scaled = f"{len(some)} of {len(left)} candidates timed"
        keep(
            NAME,
            [Row(f"{what}, step {step}", _LOOP, mine, other, Ratio(ratio, ratio, ratio), 1, quality, target, scaled)],
        )


def main() -> None:
    one_thread()
    x, y = made.of_classes(2000, 768, 2)
    what = "greedy salient dimensions, 2 classes, 2,000 x 768"
    keep(NAME, [first_step(x, y, what)])
    later_steps(x, y, what, 5, 24, {2: None, 5: 50.0})
    x, y = made.of_classes(2000, 768, 6)
    later_steps(x, y, "greedy salient dimensions, 6 classes, 2,000 x 768", 3, 8, {1: None, 3: None})
    x, y = made.of_classes(4000, 384, 50)
    later_steps(x, y, "greedy salient dimensions, 50 classes, 4,000 x 384", 2, 2, {1: 10.0, 2: 10.0})


if __name__ == "__main__":
    main()
