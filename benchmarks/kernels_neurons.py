"""Time of greedy forward selection with all candidates at once, against a loop of scikit-learn fits.

Run with ``python -m benchmarks kernels_neurons`` or ``python benchmarks/kernels_neurons.py [--repeat 3]``. Both sides
get the same standardised rows and the same folds and count the same held-out rows. The first step is timed whole;
later steps are timed on some candidates of the loop and scaled, given the dimensions that ours chose. The last column
is the difference of the accuracies; a choice that is not the loop's is said.
"""

import argparse
import time

import numpy as np
from sklearn.linear_model import LogisticRegression

from backend.metrics.neurons.kernel import fold_numbers, greedy_dimensions, standardised
from benchmarks.timing import header, line, taking_turns

N_FOLDS = 5
CASES = (
    (2_000, 768, 2, 11, 24),
    (2_000, 768, 6, 6, 8),
    (4_000, 384, 50, 3, 2),
)  # rows, dimensions, classes, steps, timed


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


def first_step(x: np.ndarray, y: np.ndarray, repeat: int) -> None:
    """The whole first step of both sides."""
    every = list(range(x.shape[1]))
    mine, other, found, accuracies = taking_turns(
        lambda: greedy_dimensions(x, y, n_select=1), lambda: loop(x, y, [], every), repeat
    )
    line(f"step 1, {x.shape[0]} x {x.shape[1]}", mine, other, abs(found.accuracies[0] - accuracies.max()))
    if found.dimensions[0] != accuracies.argmax():
        print(f"  another choice: ours {found.dimensions[0]}, the loop's {accuracies.argmax()}")


def later_steps(x: np.ndarray, y: np.ndarray, n_steps: int, n_timed: int, *, from_step: int) -> None:
    """Each step of ours, and some candidates of the loop's, scaled to all of them."""
    begun: dict[int, float] = {}

    def report(done: int, total: int, _stage: str) -> None:
        begun.setdefault(n_steps * done // total, time.perf_counter())

    found = greedy_dimensions(x, y, n_select=n_steps, report=report)
    begun[n_steps] = time.perf_counter()
    chosen = found.dimensions.tolist()
    for step in range(from_step - 1, n_steps):
        left = sorted(set(range(x.shape[1])) - set(chosen[:step]))
        some = [
            chosen[step],
            *[dim for dim in left if dim != chosen[step]][:: max(1, len(left) // n_timed)][: n_timed - 1],
        ]
        start = time.perf_counter()
        accuracies = loop(x, y, chosen[:step], some)
        seconds = (time.perf_counter() - start) * len(left) / len(some)
        name = f"step {step + 1}, {len(some)} of {len(left)} scaled" + (", screened" if found.screened[step] else "")
        line(name, begun[step + 1] - begun[step], seconds, abs(found.accuracies[step] - accuracies[0]))
        if accuracies[0] < accuracies.max():
            print(f"  the loop prefers dimension {some[int(accuracies.argmax())]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=3)
    repeat = parser.parse_args().repeat
    for n_rows, n_dims, n_classes, n_steps, n_timed in CASES:
        x, y = rows_of_classes(n_rows, n_dims, n_classes)
        print(f"{n_classes} classes, {n_rows:,} rows x {n_dims} dimensions")
        header()
        if n_classes == 2:
            first_step(x, y, repeat)
        later_steps(x, y, n_steps, n_timed, from_step=2 if n_classes == 2 else 1)


if __name__ == "__main__":
    main()
