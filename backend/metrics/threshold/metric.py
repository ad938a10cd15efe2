"""The metric ``threshold``: how well one dimension of each layer tells the classes, beside the full representation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.metrics.base import Metric, Outcome, param
from backend.metrics.effort import Effort, Size
from backend.metrics.rogue.kernel import principal_rogue_dimension
from backend.metrics.shared.degenerate import count_non_finite, named, undefined_entries, why_undefined
from backend.metrics.shared.head_classes import HeadParams
from backend.metrics.shared.heads import ChosenHead, choose_head, fit_linear, head_notes, predictions
from backend.metrics.shared.linalg import Floats, Ints, Matrix, as_matrix
from backend.metrics.shared.paired import mcnemar
from backend.metrics.shared.splits import (
    Split,
    SplitInfo,
    control_note,
    mean_and_spread,
    sampling_error,
    split_rows,
    why_no_control,
)
from backend.metrics.threshold.kernel import METHODS, MOST_INTERVALS, Threshold, threshold_accuracy
from backend.values.activations import Labels, LayerStack, Report

READERS = ("cut", "one dimension", "all dimensions", "own head")
MOST_RIGHT = 8_000_000  # rows times readers that are kept right or wrong
_STAGE = "Threshold"
_NUMBERS = ("accuracy", "train", "control", "control_std", "single", "fitted", "p", "full")


@dataclass(frozen=True, slots=True)
class ThresholdParams(HeadParams):
    """Which dimension is cut, and how."""

    dimension: int = param(-1, "The dimension to cut; -1: the one of highest variance.", low=-1, high=1_000_000)
    method: str = param(
        "exact",
        "The cut with the fewest errors on the training rows, or that of a support vector machine, as in the paper.",
        choices=METHODS,
        label="How the cut is found",
    )
    bins: int = param(40, "Bars in the histogram.", low=2, high=500)


@dataclass(frozen=True, slots=True, eq=False)
class ThresholdResult:
    """One dimension of each layer as a classifier.

    Arrays (n_layers,): ``dimension`` (-1 where undefined), ``accuracy`` of the cut on the test rows and ``train_accuracy``;
    ``control_accuracy`` and ``control_std``, mean and standard deviation of the same over shuffles of the labels.
    ``fitted_accuracy`` is that of a linear head fitted on all dimensions of the training rows, ``single_accuracy`` that of the
    same kind of head fitted on that dimension alone, and ``single_p`` McNemar's exact p of the two: readers of one kind, on the
    same rows. ``full_accuracy`` is of the head that was asked for on all dimensions, and ``own_head`` says that it is the model's
    own, which nothing here was fitted like. Accuracies are on the test rows, in [0, 1]; ``sampling_error`` is the most that one of
    them may be off by chance, half a 95 % interval.
    ``right`` (n_layers, 4, n_test) says which test rows (``test_rows``, row numbers) each of READERS gets right, without
    layers where that would be too many.
    ``thresholds`` has the cuts of each layer, ascending, in the units of the activations, ``interval_classes`` the
    class numbers of the intervals between them. ``bin_edges`` (n_layers, bins + 1), ``train_counts`` and
    ``test_counts`` (n_layers, n_classes, bins) are the histogram of the dimension by class.
    """

    dimension: Ints
    accuracy: Floats
    train_accuracy: Floats
    control_accuracy: Floats
    control_std: Floats
    single_accuracy: Floats
    fitted_accuracy: Floats
    single_p: Floats
    full_accuracy: Floats
    own_head: np.ndarray[Any, np.dtype[np.bool_]]
    thresholds: tuple[tuple[float, ...], ...]
    interval_classes: tuple[tuple[int, ...], ...]
    bin_edges: Floats
    train_counts: Ints
    test_counts: Ints
    split: SplitInfo
    sampling_error: float
    right: npt.NDArray[np.bool_]
    test_rows: Ints
    method: str
    n_shuffles: int
    n_rows: int
    n_dims: int


def run(
    stacks: Sequence[LayerStack], labels: Labels | None, params: ThresholdParams, seed: int, report: Report
) -> Outcome[ThresholdResult]:
    stack = stacks[0]
    assert labels is not None
    n_rows, n_dims = stack.rows[0].shape
    if params.dimension >= n_dims:
        raise InvalidRequest(
            f"There is no dimension {params.dimension} of {n_dims}.", f"They go from 0 to {n_dims - 1}; -1 chooses one."
        )
    split = split_rows(labels, params, seed)
    shuffled = split.shuffles(params, seed)
    numbers = {name: np.full(len(stack), np.nan) for name in _NUMBERS}
    right = np.zeros((len(stack), len(READERS), len(split.test)), dtype=bool)
    dimension = np.full(len(stack), -1, dtype=np.int64)
    edges = np.full((len(stack), params.bins + 1), np.nan)
    counts = np.zeros((2, len(stack), split.n_classes, params.bins), dtype=np.int64)
    lines: list[Threshold | None] = [None] * len(stack)
    own = np.zeros(len(stack), dtype=bool)
    said: list[tuple[str, str]] = []
    reasons: list[str | None] = []
    for index, x in enumerate(map(as_matrix, stack.rows)):
        report(index, len(stack), _STAGE)
        reasons.append(why_no_classifier(x, split, stack.step))
        if reasons[-1]:
            continue
        dim = params.dimension if params.dimension >= 0 else principal_rogue_dimension(x[split.train])
        dimension[index] = dim
        parts = x[split.train, dim], x[split.test, dim]
        line = threshold_accuracy(parts[0], split.y_train, parts[1], split.y_test, method=params.method)
        lines[index] = line
        numbers["accuracy"][index], numbers["train"][index] = line.accuracy, line.train_accuracy
        numbers["control"][index], numbers["control_std"][index] = mean_and_spread(
            [
                threshold_accuracy(parts[0], one.y_train, parts[1], one.y_test, method=params.method).accuracy
                for one in shuffled
            ]
        )
        edges[index], counts[:, index] = _histogram(parts, split, params.bins)
        chosen = choose_head(stack, index, split, wanted=params.head, classes=params.classes)
        own[index] = chosen.own
        said.append((stack.layer_names[index], chosen.note))
        right[index] = _right(x, dim, line, chosen, split, stack.step)
        numbers["single"][index], numbers["fitted"][index] = right[index, 1:3].mean(axis=1)
        numbers["p"][index] = mcnemar(right[index, 1], right[index, 2]).p
        numbers["full"][index] = right[index, 3 if chosen.own else 2].mean()
    report(len(stack), len(stack), _STAGE)
    result = ThresholdResult(
        dimension=dimension,
        accuracy=numbers["accuracy"],
        train_accuracy=numbers["train"],
        control_accuracy=numbers["control"],
        control_std=numbers["control_std"],
        single_accuracy=numbers["single"],
        fitted_accuracy=numbers["fitted"],
        single_p=numbers["p"],
        full_accuracy=numbers["full"],
        own_head=own,
        thresholds=tuple(() if line is None else tuple(map(float, line.thresholds)) for line in lines),
        interval_classes=tuple(() if line is None else tuple(map(int, line.classes)) for line in lines),
        bin_edges=edges,
        train_counts=counts[0],
        test_counts=counts[1],
        split=split.info,
        sampling_error=sampling_error(split.info.n_test),
        right=right if right.size <= MOST_RIGHT else right[:0],
        test_rows=split.test.astype(np.int64),
        method=params.method,
        n_shuffles=params.n_controls,
        n_rows=n_rows,
        n_dims=n_dims,
    )

    def why(field: str, index: tuple[int, ...]) -> str:
        layer = index[0]
        return named(stack, layer, str(reasons[layer])) if reasons[layer] else why_no_control(field, params)

    notes = (*split.notes, *head_notes(said, beside=True), *_notes(params, split, result))
    return Outcome(result, undefined_entries(result, why), notes)


def _right(
    x: Matrix, dim: int, line: Threshold, chosen: ChosenHead, split: Split, step: float
) -> npt.NDArray[np.bool_]:
    """Which test rows each of READERS gets right, (4, n_test); none of the model's own head where it is not read."""
    train, test = x[split.train], x[split.test]
    column = [dim]
    single = fit_linear(train[:, column], split.y_train, split.n_classes, step=step)
    fitted = fit_linear(train, split.y_train, split.n_classes, step=step) if chosen.own else chosen.head
    guesses = [line.predict(test[:, dim]), predictions(single, test[:, column]), predictions(fitted, test)]
    right = [guess == split.y_test for guess in guesses]
    own = predictions(chosen.head, test) == split.y_test if chosen.own else np.zeros(len(test), dtype=bool)
    return np.array([*right, own])


def why_no_classifier(x: Matrix, split: Split, step: float | None = None) -> str | None:
    """Why nothing can be fitted on this layer's training rows and judged on its test rows, or None where it can."""
    reason = why_undefined(x[split.train], step=step)
    if reason == "all rows are identical":
        return "all training rows are identical"
    n_bad = count_non_finite(x[split.test])
    return reason or (f"non-finite activations ({n_bad:,} test rows)" if n_bad else None)


def _histogram(parts: tuple[Matrix, Matrix], split: Split, bins: int) -> tuple[Floats, Ints]:
    """Bin edges (bins + 1,) over all rows, and counts (2, n_classes, bins): the training rows' and the test rows'."""
    both = np.concatenate(parts).astype(np.float64)
    edges: Floats = np.histogram_bin_edges(both, bins)
    counts = [
        [np.histogram(values[y == number], edges)[0] for number in range(split.n_classes)]
        for values, y in zip(parts, (split.y_train, split.y_test), strict=True)
    ]
    return edges, np.array(counts, dtype=np.int64)


def _notes(params: ThresholdParams, split: Split, result: ThresholdResult) -> list[str]:
    notes = control_note(params, "the same cut")
    if result.own_head.any():
        notes.append(
            "A head fitted on all dimensions is shown next to the model's own: only the fitted one can be compared with "
            "those of one dimension, as it has the same training."
        )
    if not len(result.right):
        notes.append(
            "Which test rows are right was not kept, because it would take too much space, so classifiers are not compared row by row."
        )
    if params.dimension < 0:
        notes.append("The dimension of each layer is the one of highest variance over the training rows.")
    if split.n_classes > 2 and params.method == "exact":
        at_most = f" (at most {MOST_INTERVALS})" if split.n_classes > MOST_INTERVALS else ""
        notes.append(f"The line is cut into at most as many intervals as classes{at_most}, not into two.")
    flat = [cuts for cuts, dim in zip(result.thresholds, result.dimension, strict=True) if dim >= 0 and not cuts]
    if flat:
        notes.append(
            f"In {len(flat)} of {len(result.dimension)} layers no cut does better than always guessing the largest class."
        )
    return notes


def _work(size: Size, params: ThresholdParams) -> float:
    """Fits of a small linear head on all dimensions, one for each shuffle of the labels and one for the labels."""
    turns = 1 + params.n_controls
    return size.n_matrices * turns * (1 + size.n_rows * size.n_dims * max(size.n_classes, 2) / 2e5)


THRESHOLD = Metric(
    name="threshold",
    version=4,
    title="Threshold on one dimension",
    scope="stack",
    params=ThresholdParams,
    result=ThresholdResult,
    run=run,
    labels="required",
    aliases=("rogue_threshold",),
    head=True,
    effort=Effort(_work, rate=0.012, start=0.03),
)
