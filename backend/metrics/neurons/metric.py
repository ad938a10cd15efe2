"""Salient neurons of each layer: the metric, with the table, the single dimensions and the texts on the wrong side."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.metrics.base import Metric, Outcome
from backend.metrics.effort import Effort, Size
from backend.metrics.neurons.kernel import (
    N_SCREENED,
    Greedy,
    SingleFits,
    greedy_dimensions,
    single_dimension_fits,
)
from backend.metrics.neurons.result import MOST_SELECTED, NeuronsParams, NeuronsResult
from backend.metrics.neurons.softmax_parts import MOST_EXACT
from backend.metrics.shared.degenerate import count_non_finite, named, undefined_entries, why_undefined
from backend.metrics.shared.heads import fit_linear, predictions
from backend.metrics.shared.linalg import Floats, Ints
from backend.metrics.shared.paired import mcnemar
from backend.metrics.shared.progress import part_of
from backend.metrics.shared.splits import (
    Split,
    control_note,
    mean_and_spread,
    sampling_error,
    split_rows,
    why_no_control,
)
from backend.metrics.threshold.metric import MOST_RIGHT
from backend.values.activations import Labels, LayerStack, Report

_MIDDLE = 5  # the size between one dimension and one for each class in the paper's table


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """What one layer gives with one set of labels."""

    greedy: Greedy
    fits: SingleFits
    table: Floats
    right: npt.NDArray[np.bool_]
    single_train: Floats
    single_test: Floats


class _Columns:
    """The layers' findings as arrays of layers: NaN, -1 and False where a layer has none."""

    def __init__(self, found: Sequence[_Found | None], size: int, n_dims: int) -> None:
        n = len(found)
        self.dimensions = np.full((n, size), -1, dtype=np.int64)
        self.screened = np.zeros((n, size), dtype=bool)
        self.cross_validated, self.table = np.full((n, size), np.nan), np.full((n, 4), np.nan)
        self.single_train, self.single_test = np.full((n, n_dims), np.nan), np.full((n, n_dims), np.nan)
        self.n_chosen_on = 0
        for index, one in enumerate(found):
            if one is not None:
                self.dimensions[index], self.screened[index] = one.greedy.dimensions, one.greedy.screened
                self.cross_validated[index], self.table[index] = one.greedy.accuracies, one.table
                self.single_train[index], self.single_test[index] = one.single_train, one.single_test
                self.n_chosen_on = one.greedy.n_rows


def run(
    stacks: Sequence[LayerStack], labels: Labels | None, params: NeuronsParams, seed: int, report: Report
) -> Outcome[NeuronsResult]:
    assert labels is not None
    stack = stacks[0]
    report(0, max(1, len(stack)), "Splitting the rows")
    split = split_rows(labels, params, seed)
    n_rows, n_dims = stack.rows[0].shape
    size = min(params.n_select or max(_MIDDLE, split.info.n_used), MOST_SELECTED, max(n_dims, 1))
    turns = [split, *split.shuffles(params, seed)]
    found: list[list[_Found | None]] = []
    looks, why = [], []
    for index, rows in enumerate(stack.rows):
        x = np.asarray(rows)
        why.append(_degenerate(x, split, stack.step))
        steps = [
            part_of(report, index * len(turns) + turn, len(stack) * len(turns), stack.layer_names[index])
            for turn in range(len(turns))
        ]
        found.append(
            [
                None if why[-1] else _layer(x, y, size, params, stack.step, seed, at)
                for y, at in zip(turns, steps, strict=True)
            ]
        )
        looks.append(_best_dimension(x, split, found[-1][0], params, stack.matrices[index].text_index))
    own = _Columns([layer[0] for layer in found], size, n_dims)
    shuffled = [_Columns([layer[turn] for layer in found], size, n_dims) for turn in range(1, len(turns))]
    chosen, chosen_std = _over([one.cross_validated for one in shuffled], (len(stack), size))
    tables, tables_std = _over([one.table for one in shuffled], (len(stack), 4))
    right, against = _compared([layer[0] for layer in found], len(split.test))
    result = NeuronsResult(
        dimensions=own.dimensions,
        cross_validated=own.cross_validated,
        screened=own.screened,
        test_accuracy=own.table,
        single_train=own.single_train,
        single_test=own.single_test,
        against_all=against,
        right=right if right.size <= MOST_RIGHT else right[:0],
        test_rows=split.test.astype(np.int64),
        control_cross_validated=chosen,
        control_cross_validated_std=chosen_std,
        control_accuracy=tables,
        control_accuracy_std=tables_std,
        control_single_test=np.stack([one.single_test for one in shuffled], axis=1)
        if shuffled
        else np.zeros((0, 0, n_dims)),
        **_joined(looks),
        split=split.info,
        sampling_error=sampling_error(split.info.n_test),
        n_chosen_on=own.n_chosen_on,
        n_folds=params.n_folds,
        n_shuffles=len(shuffled),
        n_rows=n_rows,
        n_dims=n_dims,
    )

    def reason(field: str, index: tuple[int, ...]) -> str:
        if field.endswith("_std") and why[index[0]] is None and len(shuffled) == 1:
            return why_no_control(field, params)
        if field in ("test_accuracy", "against_all", "control_accuracy", "control_accuracy_std") and not why[index[0]]:
            wanted = (0, 1, _MIDDLE, split.info.n_used)[index[1]]
            return named(stack, index[0], f"{wanted} dimensions were asked for, {size:,} chosen")
        return named(stack, index[0], why[index[0]] or "undefined")

    return Outcome(result, undefined_entries(result, reason), _notes(result, split, params, size))


def _over(values: list[Floats], shape: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Mean and standard deviation over shuffles; no layer where there are none."""
    mean, std = mean_and_spread(values, shape)
    return (mean, std) if values else (mean[:0], std[:0])


def _compared(found: Sequence[_Found | None], n_test: int) -> tuple[npt.NDArray[np.bool_], Floats]:
    """Which test rows the four readers of each layer get right, and McNemar's p of each against all dimensions."""
    right, against = np.zeros((len(found), 4, n_test), dtype=bool), np.full((len(found), 4), np.nan)
    for layer, one in enumerate(found):
        if one is not None:
            right[layer] = one.right
            known = np.isfinite(one.table)
            against[layer, known] = [mcnemar(one.right[0], few).p for few in one.right[known]]
    return right, against


def _degenerate(x: npt.NDArray[np.floating], split: Split, step: float) -> str | None:
    """Why nothing can be learnt from a layer, or None."""
    reason = why_undefined(x[split.train], step=step)
    if reason is None and (n_bad := count_non_finite(x[split.test])):
        return f"non-finite activations ({n_bad:,} test row{'s' if n_bad > 1 else ''})"
    return reason


def _layer(
    x: npt.NDArray[np.floating], split: Split, size: int, params: NeuronsParams, step: float, seed: int, report: Report
) -> _Found:
    report(0, 10, "Every dimension alone")
    train, test = x[split.train], x[split.test]
    fits = single_dimension_fits(train, split.y_train, step=step, report=part_of(report, 0, 10, ""))
    single_train, single_test = fits.accuracy(train, split.y_train), fits.accuracy(test, split.y_test)
    greedy = greedy_dimensions(
        train,
        split.y_train,
        n_select=size,
        n_folds=params.n_folds,
        seed=seed,
        max_rows=params.max_rows,
        score=params.score,
        step=step,
        report=lambda done, total, stage: report(total + 7 * done, 10 * total, stage),
    )
    table, right = np.full(4, np.nan), np.zeros((4, len(test)), dtype=bool)
    for place, wanted in enumerate((x.shape[1], 1, _MIDDLE, split.info.n_used)):
        report(8 if place < 2 else 9, 10, "Test accuracy with the chosen dimensions")
        if place == 1:
            best = int(greedy.dimensions[0])
            right[1] = fits.guesses(test[:, best].astype(np.float64), best) == split.y_test
            table[1] = single_test[best]
        elif place == 0 or wanted <= size:
            dims = np.arange(wanted) if place == 0 else greedy.dimensions[:wanted]
            head = fit_linear(train[:, dims], split.y_train, split.n_classes, step=step)
            right[place] = predictions(head, test[:, dims]) == split.y_test
            table[place] = right[place].mean()
    return _Found(greedy, fits, table, right, single_train, single_test)


def _best_dimension(
    x: npt.NDArray[np.floating], split: Split, found: _Found | None, params: NeuronsParams, texts: Ints | None
) -> dict[str, Any]:
    """Values of the first chosen dimension by class, the borders between the classes, and the test rows beyond them."""
    n_classes, n_bins = split.n_classes, params.n_bins
    none = np.zeros(0, dtype=np.int64)
    counts = np.zeros((n_classes, n_bins), dtype=np.int64)
    if found is None:
        blank = dict.fromkeys(("cut_below", "cut_above", "wrong_text", "wrong_class", "wrong_guess"), none)
        floats = dict.fromkeys(("cut_value", "wrong_value", "wrong_margin"), np.zeros(0))
        edges = np.full(n_bins + 1, np.nan)
        return {"edges": edges, "train_counts": counts, "test_counts": counts, "n_wrong": 0, **blank, **floats}
    dim, fits = int(found.greedy.dimensions[0]), found.fits
    values = x[:, dim].astype(np.float64)
    used = values[np.concatenate([split.train, split.test])]
    edges = np.linspace(used.min(), used.max() if used.max() > used.min() else used.min() + 1.0, n_bins + 1)

    def by_class(rows: Ints, y: Ints) -> Ints:
        return np.array([np.histogram(values[rows[y == k]], edges)[0] for k in range(n_classes)], dtype=np.int64)

    cuts = borders(fits.slopes[:, dim], fits.offsets[:, dim])
    scores = fits.scores(values[split.test], dim)
    guess = fits.guesses(values[split.test], dim)
    known = np.isin(split.y_test, fits.classes)
    place = np.searchsorted(fits.classes, np.where(known, split.y_test, fits.classes[0]))
    rows = np.arange(len(scores))
    right = scores[rows, place].copy()
    scores[rows, place] = -np.inf
    margin = right - scores.max(axis=1)
    wrong = np.flatnonzero((guess != split.y_test) & known)
    listed = wrong[np.argsort(margin[wrong], kind="stable")[: params.n_listed]]
    at = split.test[listed]
    return {
        "edges": edges,
        "train_counts": by_class(split.train, split.y_train),
        "test_counts": by_class(split.test, split.y_test),
        "n_wrong": len(wrong),
        "cut_value": np.array([cut for cut, _, _ in cuts], dtype=np.float64),
        "cut_below": fits.classes[[low for _, low, _ in cuts]] if cuts else none,
        "cut_above": fits.classes[[high for _, _, high in cuts]] if cuts else none,
        "wrong_text": at if texts is None else texts[at].astype(np.int64),
        "wrong_value": values[at],
        "wrong_margin": margin[listed],
        "wrong_class": split.y_test[listed],
        "wrong_guess": guess[listed],
    }


def borders(slopes: Floats, offsets: Floats) -> list[tuple[float, int, int]]:
    """Where the highest of the lines slope x + offset changes, from left to right: (x, line before, line after)."""
    here = min(range(len(slopes)), key=lambda k: (slopes[k], -offsets[k], k))
    cuts: list[tuple[float, int, int]] = []
    while True:
        steeper = np.flatnonzero(slopes > slopes[here])
        if not len(steeper):
            return cuts
        crossings = (offsets[here] - offsets[steeper]) / (slopes[steeper] - slopes[here])
        first = crossings.min()
        after = max(steeper[crossings == first], key=lambda k: slopes[k])
        cuts.append((float(first), here, int(after)))
        here = int(after)


def _joined(looks: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The parts of all layers together: arrays of layers, or one entry after the other with the layer's number."""
    stacked = {name: np.array([look[name] for look in looks]) for name in ("edges", "train_counts", "test_counts")}
    stacked["n_wrong"] = np.array([look["n_wrong"] for look in looks], dtype=np.int64)
    flat = [name for name in looks[0] if name not in stacked]
    stacked |= {name: np.concatenate([look[name] for look in looks]) for name in flat}
    for kind, name in (("cut", "cut_value"), ("wrong", "wrong_text")):
        lengths = [len(look[name]) for look in looks]
        stacked[f"{kind}_layer"] = np.repeat(np.arange(len(looks), dtype=np.int64), lengths)
    return stacked


def _notes(result: NeuronsResult, split: Split, params: NeuronsParams, size: int) -> tuple[str, ...]:
    notes = [*split.notes]
    used, there = result.n_chosen_on, split.info.n_train
    sampled = f"a sample of {used:,} of {there:,} training rows" if used < there else f"all {there:,} training rows"
    if used:
        notes.append(
            f"{size:,} dimensions, chosen one after the other by {params.n_folds}-fold cross-validation (accuracy: {params.score}) on {sampled}; "
            "fitted heads: softmax regression (C = 1) on dimensions standardised over the training rows."
        )
    if result.screened.any():
        first = int(result.screened.any(axis=0).argmax()) + 1
        notes.append(
            f"From dimension {first} on, only the {N_SCREENED} most promising candidates (score statistic) were "
            f"cross-validated: one fit has more than {MOST_EXACT} coefficients there."
        )
    if split.info.n_used > MOST_SELECTED and not params.n_select:
        notes.append(f"{MOST_SELECTED} dimensions were chosen, fewer than the {split.info.n_used:,} classes.")
    if (result.n_wrong > params.n_listed).any():
        notes.append(
            f"Of the texts on the wrong side the {params.n_listed:,} furthest on it are listed for each layer."
        )
    notes += control_note(params)
    if not len(result.right):
        notes.append(
            "Which test rows are right was not kept, because it would take too much space, so two models are not compared row by row."
        )
    return tuple(notes)


def _work(size: Size, params: NeuronsParams) -> float:
    """Choices of one dimension from many small ones, in all folds, again for each shuffle of the labels."""
    chosen = min(params.n_select or max(_MIDDLE, size.n_classes), MOST_SELECTED, max(size.n_dims, 1))
    turns = (1 + params.n_controls) * params.n_folds / 5
    numbers = float(min(size.n_rows, params.max_rows)) * size.n_dims * max(size.n_classes, 2)
    choice = 1.0 + math.pow(numbers / 5e4, 0.85)
    return size.n_matrices * turns * chosen * choice


NEURONS = Metric(
    name="neurons",
    version=4,
    title="Salient neurons",
    scope="stack",
    params=NeuronsParams,
    result=NeuronsResult,
    run=run,
    labels="required",
    aliases=("salient",),
    effort=Effort(_work, rate=0.04, start=0.05),
)
