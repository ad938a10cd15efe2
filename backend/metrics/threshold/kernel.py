"""What one dimension knows: the line cut into intervals, each standing for a class, as well as the training rows allow.

With two classes that is the best threshold and its direction (GPTology, section 3.2). With more it is the best of all
assignments of at most as many intervals as classes: exact, and a class in the middle of the line is no exception (ADR
5).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.metrics.shared.linalg import Floats, Ints

METHODS = ("exact", "svm")
MOST_INTERVALS = 100  # of one line; the search grows with it, and a hundred cuts are no longer a threshold


@dataclass(frozen=True, slots=True, eq=False)
class Threshold:
    """The line in intervals: ``thresholds`` (m,) ascending, ``classes`` (m + 1,) the class of each interval, left to right.

    A value equal to a threshold belongs to the interval on its left. ``accuracy`` is the share of test rows whose
    interval is of their class, ``train_accuracy`` that of the training rows, both in [0, 1]. ``float()`` is the
    accuracy.
    """

    accuracy: float
    train_accuracy: float
    thresholds: Floats
    classes: npt.NDArray[Any]

    def __float__(self) -> float:
        return self.accuracy

    def predict(self, values: npt.ArrayLike) -> npt.NDArray[Any]:
        """The class of each of ``values`` (n,)."""
        return np.asarray(self.classes[np.searchsorted(self.thresholds, np.asarray(values, np.float64), side="left")])


def threshold_accuracy(
    train_values: npt.ArrayLike,
    train_labels: npt.ArrayLike,
    test_values: npt.ArrayLike,
    test_labels: npt.ArrayLike,
    *,
    method: str = "exact",
) -> Threshold:
    """How often one number per row tells the class: cuts chosen on the training rows, accuracy on the test rows.

    Values (n,) and labels (n,) (numbers or text, any of them). "exact" makes the fewest errors that at most as many
    intervals as classes (and at most 100) can make on the training rows; cuts lie midway between two neighbouring
    values, equal values are never cut apart. Among equally good assignments: the one with the fewest cuts; then, from
    the right, the class that sorts first and the lowest cut. "svm" is the paper's linear SVM on the values,
    standardised by the training rows. Raises InvalidRequest for values that are not finite, missing labels, one class
    only, or a part without rows. GPTology, section 3.2.
    """
    x, y = _checked(train_values, train_labels, "training")
    x_test, y_test = _checked(test_values, test_labels, "test")
    names, numbers = np.unique(y, return_inverse=True)
    if len(names) < 2:
        raise InvalidRequest(
            f"All {len(y):,} training rows are of one class, '{names[0]}'.", "A threshold needs two classes."
        )
    if method not in METHODS:
        raise InvalidRequest(f"There is no method '{method}'.", f"Choose one of: {', '.join(METHODS)}.")
    cut = best_intervals if method == "exact" else svm_intervals
    thresholds, found = cut(x, numbers.ravel().astype(np.int64), len(names))
    classes = names[found]
    line = Threshold(0.0, 0.0, thresholds, classes)
    return Threshold(
        float(np.mean(line.predict(x_test) == y_test)), float(np.mean(line.predict(x) == y)), thresholds, classes
    )


def best_intervals(values: Floats, labels: Ints, n_classes: int) -> tuple[Floats, Ints]:
    """Thresholds (m,) and interval classes (m + 1,), m < n_classes, with the most of ``values`` (n,) in their class's interval.

    Exact, by dynamic programming over the sorted distinct values: with P[g, c] the rows of class c among the first g
    values, f_j(g) = max_c P[g, c] + max_(h <= g) (f_(j-1)(h) - P[h, c]) is the most that j intervals get right.
    """
    distinct, group = np.unique(values, return_inverse=True)
    counts = np.bincount(group.ravel() * n_classes + labels, minlength=len(distinct) * n_classes)
    right = np.zeros((len(distinct) + 1, n_classes), dtype=np.int64)
    np.cumsum(counts.reshape(-1, n_classes), axis=0, out=right[1:])
    best = [right.max(axis=1)]  # f_1, f_2, ...
    for _ in range(1, min(n_classes, len(distinct), MOST_INTERVALS)):
        best.append((np.maximum.accumulate(best[-1][:, None] - right, axis=0) + right).max(axis=1))
    last = int(np.argmax([gained[-1] for gained in best]))  # the fewest intervals among the best
    return _traced(distinct, right, best[: last + 1])


def _traced(distinct: Floats, right: Ints, best: list[Ints]) -> tuple[Floats, Ints]:
    """The cuts and classes behind ``best``, read off from the right."""
    end, cuts, classes = len(distinct), [], []
    for before in reversed(best[:-1]):
        gains = before[: end + 1, None] - right[: end + 1]
        number = int(np.argmax(gains.max(axis=0) + right[end]))
        end = int(np.argmax(gains[:, number]))
        classes.append(number)
        cuts.append(end)
    classes.append(int(np.argmax(right[end])))
    left, next_right = distinct[np.array(cuts[::-1], np.int64) - 1], distinct[np.array(cuts[::-1], np.int64)]
    middle = left / 2 + next_right / 2
    middle = np.where((middle >= next_right) | (middle < left), left, middle)  # neighbouring numbers have none between
    return middle, np.array(classes[::-1], dtype=np.int64)


def svm_intervals(values: Floats, labels: Ints, n_classes: int) -> tuple[Floats, Ints]:
    """The same from scikit-learn's linear SVM (C = 1, squared hinge; one against the rest for more than two classes).

    The values are standardised first: without it the SVM of a dimension far from 0 finds no threshold.
    """
    from sklearn.svm import LinearSVC

    mean, std = float(values.mean()), float(values.std())
    if std <= 1e-12 * max(1.0, abs(mean)):
        return np.zeros(0), np.array([np.bincount(labels, minlength=n_classes).argmax()], dtype=np.int64)
    model = LinearSVC(dual=False, max_iter=10_000).fit(((values - mean) / std)[:, None], labels)
    slope, offset = model.coef_[:, 0], model.intercept_
    if n_classes == 2:
        slope, offset = np.array([0.0, slope[0]]), np.array([0.0, offset[0]])
    thresholds, classes = _envelope(slope, offset)
    return thresholds * std + mean, classes


def _envelope(slope: Floats, offset: Floats) -> tuple[Floats, Ints]:
    """Where each of some lines lies above all others: the borders, ascending, and the line of each interval."""
    here = int(np.lexsort((offset, -slope))[-1])  # the lowest slope is on top at the far left, the higher of two equal
    borders: list[float] = []
    classes, at = [here], -np.inf
    while True:
        steeper = np.flatnonzero(slope > slope[here])
        if not len(steeper):
            return np.array(borders), np.array(classes, dtype=np.int64)
        meets = (offset[here] - offset[steeper]) / (slope[steeper] - slope[here])
        first = np.maximum(meets, at).min()
        among = steeper[np.maximum(meets, at) <= first]
        here, at = int(among[np.argmax(slope[among])]), float(first)
        borders.append(at)
        classes.append(here)


def _checked(values: npt.ArrayLike, labels: npt.ArrayLike, part: str) -> tuple[Floats, npt.NDArray[Any]]:
    """Values in float64 and labels, one for each; raises InvalidRequest where that cannot be."""
    x, y = np.asarray(values), checked_labels(labels, part)
    if x.ndim != 1 or x.dtype.kind not in "fiub" or len(x) != len(y):
        raise InvalidRequest(
            f"The {part} values have shape {x.shape} and type {x.dtype}, the labels {len(y):,} entries.",
            "Give one number and one label for each row.",
        )
    n_bad = int(np.count_nonzero(~np.isfinite(x)))
    if n_bad:
        raise InvalidRequest(f"{n_bad:,} {part} values are not finite numbers.", "Leave those rows out.")
    return x.astype(np.float64), y


def checked_labels(labels: npt.ArrayLike, part: str) -> npt.NDArray[Any]:
    """``labels`` (n,) as they are; raises InvalidRequest where there is none, or one is missing (NaN, None or -1)."""
    y = np.asarray(labels)
    if y.ndim != 1 or not len(y):
        raise InvalidRequest(f"The {part} labels have shape {y.shape}.", "Give one label for each of at least one row.")
    if y.dtype.kind == "O":
        missing = np.array([label is None or label != label for label in y])
        y = y if missing.any() else np.array(y.tolist())
    else:
        missing = np.isnan(y) if y.dtype.kind == "f" else (y < 0 if y.dtype.kind == "i" else np.zeros(len(y), bool))
    if missing.any():
        raise InvalidRequest(
            f"{int(missing.sum()):,} of {len(y):,} {part} rows have no label.", "Leave the rows without one out."
        )
    return y
