"""Salient neurons: which few dimensions tell the classes apart, found greedily by cross-validation (Matton & de Oliveira)."""

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from backend.errors import InvalidRequest
from backend.metrics.neurons.softmax_bordered import MOST_BORDERED, Bordered
from backend.metrics.neurons.softmax_large import Shape
from backend.metrics.neurons.softmax_newton import add_penalty, fit_each, fit_near, moments
from backend.metrics.neurons.softmax_parts import Part, extended, intercept_part, margins, scores_of, winners
from backend.metrics.shared.linalg import Floats, Ints, as_matrix, centred, row_mean
from backend.metrics.shared.rounding import inverse_spread, step_of
from backend.values.activations import Report, no_report

N_SCREENED = 16  # candidates that are cross-validated where not all can be
POOLED, FOLD_MEAN = "all held-out rows", "mean over folds"
SCORES = (POOLED, FOLD_MEAN)  # what the cross-validated accuracy is
_ROUGH = 0.1  # last step of a start,
_LOOSE, _SOON, _FINE = 0.05, 2e-4, 1e-6  # of a first look at a candidate of many logits, of one logit, and of a fit
_LOOSE_LARGE, _FINE_LARGE = (
    0.003,
    1e-5,
)  # of a first look and of a fit of many coefficients, which end when the way left is no longer
_REFITTED = 2  # of those at a time that are fitted to the end
_TIE = 1e-7  # logits that differ by less are compared by a fit to its end
_GREEDY, _SINGLE = "Choosing dimensions", "Dimensions one by one"


@dataclass(frozen=True, slots=True, eq=False)
class Greedy:
    """Dimensions in the order in which they were chosen.

    ``dimensions`` (n_select,), the cross-validated accuracy with all those chosen so far ``accuracies`` (n_select,) in
    [0, 1], and whether all remaining dimensions were cross-validated for it, or only the 16 most promising:
    ``screened`` (n_select,). ``n_rows`` were used.
    """

    dimensions: Ints
    accuracies: Floats
    screened: npt.NDArray[np.bool_]
    n_rows: int


@dataclass(frozen=True, slots=True, eq=False)
class SingleFits:
    """A classifier on each dimension alone, in the units of the rows: the logit of class k is slope x + offset.

    ``slopes`` and ``offsets`` are (n_classes, n_dims), for the classes ``classes`` that occur in training.
    """

    slopes: Floats
    offsets: Floats
    classes: Ints

    def accuracy(self, x: npt.ArrayLike, y: Ints) -> Floats:
        """Share of rows (n_rows, n_dims) that each dimension alone gives its class, (n_dims,) in [0, 1]."""
        rows = as_matrix(x)
        out = np.empty(rows.shape[1])
        for dim in range(rows.shape[1]):
            out[dim] = np.mean(self.guesses(rows[:, dim], dim) == y)
        return out

    def scores(self, values: npt.ArrayLike, dim: int) -> Floats:
        """Logits (n_rows, n_classes) of the values (n_rows,) of one dimension."""
        column = np.asarray(values, dtype=np.float64)
        return np.asarray(column[:, None] * self.slopes[:, dim] + self.offsets[:, dim])

    def guesses(self, values: npt.ArrayLike, dim: int) -> Ints:
        """Classes (n_rows,) of the values (n_rows,) of one dimension; ties go to the lower class."""
        return np.asarray(self.classes[self.scores(values, dim).argmax(axis=1)])


def greedy_dimensions(
    x: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    n_select: int,
    n_folds: int = 5,
    seed: int = 0,
    max_rows: int | None = None,
    score: str = POOLED,
    step: float | None = None,
    report: Report = no_report,
) -> Greedy:
    """Greedy forward selection: at each step the dimension with which the cross-validated accuracy is highest.

    ``x`` (n_rows, n_dims) are training rows, ``labels`` (n_rows,) integers. The folds are stratified, drawn once with
    ``seed``; dimensions are standardised once over all rows; the classifier is softmax regression with C = 1. The
    accuracy is that over all held-out rows together, or, with ``score`` FOLD_MEAN, the mean of the folds' accuracies, which
    weighs the rows of a smaller fold more; ties go to the lower index. A class absent from a fold's training
    part is never guessed there. More than ``max_rows`` rows are sampled class by class. Where one fit has more than
    100 coefficients, the 16 dimensions with the largest score statistic are cross-validated, not all. Raises
    InvalidRequest unless two classes have two rows each. Matton & de Oliveira, section 3.2.
    """
    rows, y = _checked(x, labels)
    if not 1 <= n_select <= rows.shape[1] or n_folds < 2:
        raise InvalidRequest(
            f"{n_select} dimensions of {rows.shape[1]} and {n_folds} folds were asked for.",
            "Ask for at least one dimension, at most as many as there are, and two folds.",
        )
    _check_folds(y)
    rng = np.random.default_rng([seed, 2])
    order, ends = _folds(y, sample_rows(y, max_rows or len(y), rng), n_folds, rng)
    y, columns = y[order], standardised(rows[order], step)[0]
    with threadpool_limits(1):  # many small products: threads wait for each other more than they work
        chosen, points, screened = _forward(columns, y, ends, n_select, _points(ends, score), report)
    most = sum(one * (fold.stop - fold.start) for one, fold in zip(_points(ends, score), ends, strict=True))
    return Greedy(np.array(chosen), np.array(points) / most, np.array(screened), len(y))


def single_dimension_fits(
    x: npt.ArrayLike, labels: npt.ArrayLike, *, step: float | None = None, report: Report = no_report
) -> SingleFits:
    """Softmax regression (C = 1, standardised) of the classes on each dimension of ``x`` (n_rows, n_dims) alone.

    A dimension that is constant, but for the rounding of the format of ``step``, has slope 0. Raises InvalidRequest where
    there are fewer than two classes.
    """
    rows, y = _checked(x, labels)
    columns, mean, inverse = standardised(rows, step)
    part = intercept_part(y)
    found = np.empty((len(columns), 2, part.n_logits))
    with threadpool_limits(1):
        for block in part.blocks(len(columns)):
            report(block.start, len(columns), _SINGLE)
            found[block] = fit_each(part, columns[block], tolerance=1e-4)
    slopes = found[:, 1] * inverse[:, None]
    offsets = found[:, 0] - slopes * mean[:, None]
    if part.n_logits == 1:
        slopes, offsets = (np.column_stack([np.zeros(len(columns)), side[:, 0]]) for side in (slopes, offsets))
    return SingleFits(slopes.T.copy(), offsets.T.copy(), part.classes)


def single_dimension_accuracy(
    x_train: npt.ArrayLike, y_train: npt.ArrayLike, x_test: npt.ArrayLike, y_test: npt.ArrayLike
) -> Floats:
    """Test accuracy (n_dims,) of a classifier on each dimension alone, fitted on the training rows; in [0, 1]."""
    return single_dimension_fits(x_train, y_train).accuracy(x_test, np.asarray(y_test))


def standardised(rows: npt.NDArray[np.floating], step: float | None = None) -> tuple[Floats, Floats, Floats]:
    """Dimensions as rows (n_dims, n_rows) of mean 0 and standard deviation 1, with the means and 1 / deviation.

    A dimension that is constant, but for rounding, becomes 0, and so does its 1 / deviation.
    """
    mean = row_mean(rows)
    columns = np.ascontiguousarray(centred(rows, mean).T)
    inverse = inverse_spread(columns.std(axis=1), mean, step_of(rows, step))
    columns *= inverse[:, None]
    return columns, mean, inverse


def sample_rows(y: Ints, n: int, rng: np.random.Generator) -> Ints:
    """Row numbers, sorted: all, or ``n`` of them in the proportions of the classes (two of each class at least)."""
    if len(y) <= n:
        return np.arange(len(y))
    key = np.empty(len(y))
    for number in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == number))
        rank = np.arange(len(members))
        key[members] = np.where(rank < 2, -1.0, (rank + 0.5) / len(members))
    return np.sort(np.argsort(key, kind="stable")[:n])


def fold_numbers(y: Ints, n_folds: int, rng: np.random.Generator) -> Ints:
    """The fold (n_rows,) of each row: each class is shuffled and dealt out in turn."""
    out = np.empty(len(y), dtype=np.int64)
    dealt = np.concatenate([rng.permutation(np.flatnonzero(y == number)) for number in np.unique(y)])
    out[dealt] = np.arange(len(y)) % n_folds
    return out


def _checked(x: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[npt.NDArray[np.floating], Ints]:
    rows, y = as_matrix(x), np.asarray(labels)
    if y.shape != (len(rows),):
        raise InvalidRequest(f"There are {len(rows)} rows and labels of shape {y.shape}.", "Give one label a row.")
    whole = y.dtype.kind in "iub" or (y.dtype.kind == "f" and bool(np.isfinite(y).all()) and bool((y == y // 1).all()))
    if not whole or (y.size and y.min() < 0):
        raise InvalidRequest("Some labels are missing or no class numbers.", "Leave out the rows without a label.")
    if not np.isfinite(rows).all():
        raise InvalidRequest("Some activations are not finite.", "Leave out the rows with NaN or infinity.")
    y = y.astype(np.int64)
    n_classes = len(np.unique(y))
    if n_classes < 2:
        raise InvalidRequest(f"The {len(y)} rows are of {n_classes} class.", "Give rows of two classes at least.")
    return rows, y


def _check_folds(y: Ints) -> None:
    counts = np.unique(y, return_counts=True)[1]
    if (counts > 1).sum() < 2:
        raise InvalidRequest(
            f"{(counts == 1).sum()} of the {len(counts)} classes have one row: held out, none is left to fit on.",
            "Give two rows at least of two classes or more.",
        )


def _folds(y: Ints, rows: Ints, n_folds: int, rng: np.random.Generator) -> tuple[Ints, list[slice]]:
    """The rows in the order of their folds, and where each fold that has rows lies."""
    number = fold_numbers(y[rows], n_folds, rng)
    order = np.argsort(number, kind="stable")
    ends = np.searchsorted(number[order], np.arange(n_folds + 1))
    return rows[order], [slice(a, b) for a, b in pairwise(ends) if b > a]


def _points(ends: Sequence[slice], score: str) -> list[int]:
    """What a right row of each fold counts: 1, or so much that all folds weigh the same, in whole numbers so that ties are ties."""
    sizes = [fold.stop - fold.start for fold in ends]
    return [1] * len(sizes) if score == POOLED else [math.lcm(*sizes) // size for size in sizes]


def _forward(
    columns: Floats, y: Ints, ends: Sequence[slice], n_select: int, points: Sequence[int], report: Report
) -> tuple[list[int], list[int], list[bool]]:
    """The dimensions chosen, what the held-out rows that are right with those up to each count, and whether it was screened.

    ``columns`` (n_dims, n_rows) are in the order of the folds, which lie at ``ends``; a right row of each counts ``points``.
    """
    chosen: list[int] = []
    counts: list[int] = []
    screened: list[bool] = []
    whole, parts = intercept_part(y), [intercept_part(np.delete(y, np.r_[fold])) for fold in ends]
    for step in range(n_select):
        left = np.setdiff1d(np.arange(len(columns)), chosen)
        few = len(left) > N_SCREENED and not whole.exact
        if few:
            left = np.sort(left[np.argsort(-Shape(whole).score(whole, columns[left]), kind="stable")[:N_SCREENED]])
        fits = _Fits(whole, parts, ends, columns[left])
        right, most = np.zeros(len(left), dtype=np.int64), np.zeros(len(left), dtype=np.int64)
        stage = f"{_GREEDY}: {step + 1} of {n_select}"
        for block in whole.blocks(len(left)):
            report(step * len(left) + block.start, n_select * len(left), stage)
            right[block], most[block] = _bounds(fits, np.r_[block], y, points)
        order = np.argsort(-most, kind="stable")
        for block in whole.blocks(len(left), _REFITTED):
            unsure = order[block]
            unsure = np.sort(unsure[(most[unsure] >= right.max()) & (right[unsure] < most[unsure])])
            if len(unsure):
                report((step + 1) * len(left) - 1, n_select * len(left), stage)
                right[unsure] = most[unsure] = _held_out(fits, unsure, y, points)
        best = int(np.where(most >= right.max(), right, -1).argmax())
        chosen.append(int(left[best]))
        counts.append(int(right[best]))
        screened.append(few)
        if step + 1 < n_select:
            whole, parts = fits.grown(best)
    return chosen, counts, screened


class _Fits:
    """The fits of one step: candidates ``x`` (n_candidates, n_rows) beside the shared features, on all rows and without each fold's."""

    def __init__(self, whole: Part, parts: Sequence[Part], folds: Sequence[slice], x: Floats) -> None:
        self.whole, self.parts, self.folds, self.x = whole, parts, folds, x
        alike = all(len(part.classes) == len(whole.classes) for part in parts)
        self._bordered: Bordered | None = None
        if alike and not whole.exact and whole.n_logits > 1 and whole.start.size <= MOST_BORDERED:
            with contextlib.suppress(np.linalg.LinAlgError):
                self._bordered = Bordered(whole, parts, folds, x)

    def each(self, chosen: Ints, tolerance: float) -> Iterator[tuple[Floats, Floats]]:
        """Coefficients of the candidates ``chosen`` for each fold's training part in turn, and how far they may be from the solution."""
        if self._bordered is None:
            yield from _fits(self.whole, self.parts, self.folds, self.x[chosen], tolerance)
            return
        for number, (part, fold) in enumerate(zip(self.parts, self.folds, strict=True)):
            found = self._bordered.fits(number, chosen, max(tolerance, _FINE_LARGE))
            yield fit_near(part, _without(self.x[chosen], fold)) if found is None else found

    def grown(self, best: int) -> tuple[Part, list[Part]]:
        """All parts with the candidate ``best`` among their features."""
        chosen, x = np.array([best]), self.x[best]
        grown = [
            extended(part, np.delete(x, np.r_[fold]), one[0])
            for part, fold, (one, _) in zip(self.parts, self.folds, self.each(chosen, _FINE), strict=True)
        ]
        found = None if self._bordered is None else self._bordered.fits(-1, chosen, _FINE_LARGE)
        return extended(self.whole, x, (fit_each(self.whole, x[None]) if found is None else found[0])[0]), grown


def _held_out(fits: _Fits, chosen: Ints, y: Ints, points: Sequence[int], tolerance: float = _FINE) -> Ints:
    """What the held-out rows of all folds count that are given their class, with each of the candidates ``chosen`` in turn."""
    right = np.zeros(len(chosen), dtype=np.int64)
    for part, fold, (found, _), each in zip(fits.parts, fits.folds, fits.each(chosen, tolerance), points, strict=True):
        scores = scores_of(fits.whole.base[fold], fits.x[chosen, fold], found)
        right += each * (winners(scores, part.classes) == y[fold]).sum(axis=1)
    return right


def _bounds(fits: _Fits, chosen: Ints, y: Ints, points: Sequence[int]) -> tuple[Ints, Ints]:
    """The same at least and at most, (n_chosen,) each, by fits that end early: rows too near to a border count in the second only.

    One logit is fitted to its end, as that is soon reached.
    """
    if fits.whole.n_logits == 1:
        right = _held_out(fits, chosen, y, points, _SOON)
        return right, right.copy()
    least, most = np.zeros(len(chosen), dtype=np.int64), np.zeros(len(chosen), dtype=np.int64)
    for part, fold, (found, left), each in zip(
        fits.parts, fits.folds, fits.each(chosen, _LOOSE if fits.whole.exact else _LOOSE_LARGE), points, strict=True
    ):
        known = np.isin(y[fold], part.classes)  # others are never right
        places = np.searchsorted(part.classes, y[fold][known])
        base, own = fits.whole.base[fold][known], fits.x[chosen, fold][:, known]
        scores = scores_of(base, own, found)
        off = scores_of(np.abs(base), np.abs(own), left) + _TIE
        low, high = margins(scores, off, places)
        least += each * (low > 0).sum(axis=1)
        most += each * (high >= 0).sum(axis=1)
    return least, most


def _fits(
    whole: Part, parts: Sequence[Part], folds: Sequence[slice], x: Floats, tolerance: float
) -> Iterator[tuple[Floats, Floats]]:
    """Coefficients for each fold's training part in turn, and how far they may be from the solution.

    A fold's fit begins with the fit on all rows and the Hessian there without the fold's own rows, as the sums over
    rows are those of its parts.
    """
    start = fit_each(whole, x, tolerance=_ROUGH)
    if not whole.exact:
        change = start - np.concatenate([whole.start, np.zeros((1, whole.n_logits))])
        for part, fold in zip(parts, folds, strict=True):
            own = np.concatenate([part.start, np.zeros((1, part.n_logits))])
            moved = own + change if len(part.classes) == len(whole.classes) else None
            yield fit_near(part, _without(x, fold), start=moved)
        return
    sums = [moments(whole, x, start, fold) for fold in folds]
    gradient, hessian = sum(one[0] for one in sums), sum(one[1] for one in sums)
    for part, fold, (g, h) in zip(parts, folds, sums, strict=True):
        if len(part.classes) < len(whole.classes):
            yield fit_near(part, _without(x, fold), tolerance=tolerance)
            continue
        g, h = gradient - g, hessian - h
        add_penalty(g, h, start)
        yield fit_near(part, _without(x, fold), start=start, derivatives=(g, h), tolerance=tolerance)


def _without(x: Floats, fold: slice) -> Floats:
    return np.concatenate([x[:, : fold.start], x[:, fold.stop :]], axis=1)
