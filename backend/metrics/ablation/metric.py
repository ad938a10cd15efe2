"""The metric ``ablation``: what a head still gets right while dimensions of its layer are removed, one after the other."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.metrics.ablation.geometry import MEASURES, GeometryCurves, geometry_curves, step_grid
from backend.metrics.ablation.kernel import ablated_predictions
from backend.metrics.ablation.result import AblationParams, AblationResult
from backend.metrics.base import Metric, Outcome
from backend.metrics.effort import Effort, Size
from backend.metrics.neighbors.kernel import sampled_rows
from backend.metrics.rogue.kernel import dimension_variance, highest
from backend.metrics.shared.degenerate import named, undefined_entries
from backend.metrics.shared.heads import ChosenHead, choose_head, fit_linear, head_notes
from backend.metrics.shared.linalg import Floats, Ints, Matrix, as_matrix, row_mean
from backend.metrics.shared.progress import part_of
from backend.metrics.shared.splits import (
    Split,
    control_note,
    mean_and_spread,
    sampling_error,
    split_rows,
    why_no_control,
)
from backend.metrics.threshold.metric import why_no_classifier
from backend.values.activations import Head, Labels, LayerStack, Report

ORDERS = ("highest", "lowest", "random")
_MOST_PREDICTIONS = 8_000_000  # kept in a result; beyond, only the accuracies are


def run(
    stacks: Sequence[LayerStack], labels: Labels | None, params: AblationParams, seed: int, report: Report
) -> Outcome[AblationResult]:
    stack = stacks[0]
    assert labels is not None
    _check_dims(params.dims, stack.rows[0].shape[1])
    split = split_rows(labels, params, seed)
    shuffled = split.shuffles(params, seed)
    places = sampled_rows(len(split.test), params.max_rows, seed)
    work = _Work(split, shuffled, places, params, seed, stack.step)
    values = _empty(stack, work)
    said: list[tuple[str, str]] = []
    reasons: list[str | None] = []
    modes = [""] * len(stack)
    gaps: dict[tuple[str, tuple[int, ...]], str] = {}
    for index, x in enumerate(map(as_matrix, stack.rows)):
        inner = part_of(report, index, len(stack), stack.layer_names[index])
        inner(0, 1, "Ablation")
        reasons.append(why_no_classifier(x, split, stack.step))
        if reasons[-1]:
            continue
        chosen = choose_head(stack, index, split, wanted=params.head, classes=params.classes)
        said.append((stack.layer_names[index], chosen.note))
        modes[index] = _mode(params.mode, chosen)
        gaps |= _ablate(values, index, x, chosen, modes[index], work, inner)
    report(len(stack), len(stack), "")
    values = replace(values, modes=tuple(modes))

    def why(field: str, at: tuple[int, ...]) -> str:
        layer = at[0]
        if reasons[layer]:
            return named(stack, layer, str(reasons[layer]))
        if "control" in field:
            return why_no_control(field, params)
        return named(stack, layer, gaps.get((field, at), "every value along the curve is undefined"))

    notes = (*split.notes, *head_notes(said), *_notes(values, work))
    return Outcome(values, undefined_entries(values, why), notes)


def _mode(wanted: str, chosen: ChosenHead) -> str:
    """What removed dimensions are set to. At 0 a fitted head, standardised as it is, would hear little but their offset."""
    if wanted != "auto":
        return wanted
    return "zero" if chosen.own else "mean"


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """What stays the same from layer to layer; ``places`` (n_sample,) are positions among the test rows."""

    split: Split
    shuffled: list[Split]
    places: Ints
    params: AblationParams
    seed: int
    step: float


def _empty(stack: LayerStack, work: _Work) -> AblationResult:
    (n_rows, n_dims), n_layers, n_dims_chosen = stack.rows[0].shape, len(stack), len(work.params.dims)
    chosen_layers = n_layers if n_dims_chosen else 0
    grid, chosen_grid = step_grid(n_dims), step_grid(n_dims_chosen)
    n_sample = len(work.places)
    fits = n_layers * n_sample * (3 * (n_dims + 1) + n_dims_chosen + 1) <= _MOST_PREDICTIONS

    def curve(*shape: int) -> Floats:
        return np.full(shape, np.nan)

    def classes(layers: int, *shape: int) -> npt.NDArray[np.int16]:
        return np.full((layers if fits else 0, *shape, n_sample), -1, dtype=np.int16)

    geometry = {name: curve(n_layers, 3, len(grid)) for name in MEASURES}
    chosen = {f"chosen_{name}": curve(chosen_layers, len(chosen_grid)) for name in MEASURES}
    return AblationResult(
        accuracy=curve(n_layers, 3, n_dims + 1),
        random_low=curve(n_layers, n_dims + 1),
        random_high=curve(n_layers, n_dims + 1),
        control=curve(n_layers, 3, n_dims + 1),
        control_std=curve(n_layers, 3, n_dims + 1),
        order=np.full((n_layers, 3, n_dims), -1, dtype=np.int64),
        variance=curve(n_layers, n_dims),
        **geometry,
        predictions=classes(n_layers, 3, n_dims + 1),
        chosen_accuracy=curve(chosen_layers, n_dims_chosen + 1),
        chosen_control=curve(chosen_layers, n_dims_chosen + 1),
        chosen_control_std=curve(chosen_layers, n_dims_chosen + 1),
        **chosen,
        chosen_predictions=classes(chosen_layers, n_dims_chosen + 1),
        grid=grid,
        chosen_grid=chosen_grid,
        sample=work.split.test[work.places],
        sample_classes=work.split.y_test[work.places],
        own_head=np.zeros(n_layers, dtype=bool),
        orders=ORDERS,
        dims=work.params.dims,
        split=work.split.info,
        sampling_error=sampling_error(work.split.info.n_test),
        modes=("",) * n_layers,
        n_draws=work.params.n_draws,
        n_shuffles=len(work.shuffled),
        k=max(1, min(work.params.k, n_sample - 2)),
        n_rows=n_rows,
        n_dims=n_dims,
    )


def _ablate(
    values: AblationResult, layer: int, x: Matrix, chosen: ChosenHead, mode: str, work: _Work, report: Report
) -> dict[tuple[str, tuple[int, ...]], str]:
    """Fill one layer of ``values``; returns the reasons of what stays undefined in it."""
    split, n_dims = work.split, x.shape[1]
    train, test = x[split.train], x[split.test]
    values.own_head[layer] = chosen.own
    values.variance[layer] = variance = dimension_variance(train)
    draws = [np.random.default_rng([work.seed, 2, draw]).permutation(n_dims) for draw in range(work.params.n_draws)]
    values.order[layer] = highest(variance, n_dims), highest(-variance, n_dims), draws[0]
    fill = row_mean(train) if mode == "mean" else np.zeros(n_dims)
    scores = _Scores(test, chosen, _control_heads(train, chosen, work), mode, fill, work)
    count = 2 + len(draws) + bool(work.params.dims)
    found: list[_Along] = []
    every = range(len(work.shuffled))
    for place, order in enumerate((*values.order[layer, :2], *draws), -2):
        part_of(report, len(found), 2 * count, "Accuracy")(0, 1, "")
        found.append(scores.along(order, every if place < 0 or not every else [place % len(every)]))
    random = np.array([one.accuracy for one in found[2:]])
    controls = [found[0].control, found[1].control, [line for one in found[2:] for line in one.control]]
    low, high = random.min(axis=0), random.max(axis=0)
    values.random_low[layer], values.random_high[layer] = low, high
    mean = np.clip(random.mean(axis=0), low, high)  # the mean of equal numbers is that number, whatever the rounding
    values.accuracy[layer] = found[0].accuracy, found[1].accuracy, mean
    for place, lines in enumerate(controls):
        values.control[layer, place], values.control_std[layer, place] = mean_and_spread(lines, (n_dims + 1,))
    if len(values.predictions):
        values.predictions[layer] = [one.sampled for one in found[:3]]
    if work.params.dims:
        picked = scores.along(np.array(work.params.dims, dtype=np.int64), every)
        values.chosen_accuracy[layer] = picked.accuracy
        spread = mean_and_spread(picked.control, picked.accuracy.shape)
        values.chosen_control[layer], values.chosen_control_std[layer] = spread
        if len(values.chosen_predictions):
            values.chosen_predictions[layer] = picked.sampled
    return _measure(values, layer, test[work.places].astype(np.float64), fill, work, part_of(report, 1, 2, ""))


@dataclass(frozen=True, slots=True, eq=False)
class _Along:
    """Accuracies (n + 1,) along one order, those of each shuffle, and the predicted classes (n + 1, n_sample) of the sample."""

    accuracy: Floats
    control: list[Floats]
    sampled: npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True, eq=False)
class _Scores:
    """The heads of one layer and the rows they are judged by."""

    test: Matrix
    chosen: ChosenHead
    controls: list[Head]
    mode: str
    fill: Floats
    work: _Work

    def along(self, order: Ints, shuffles: Sequence[int]) -> _Along:
        """Accuracy while ``order`` is removed, and with the labels of each of ``shuffles`` (their numbers).

        A control with the same head needs no second pass: only its labels differ.
        """
        split = self.work.split
        classes = ablated_predictions(self.test, self.chosen.head, order=order, mode=self.mode, mean=self.fill)
        control = []
        for number in shuffles:
            others = classes
            if self.controls:
                head = self.controls[number]
                others = ablated_predictions(self.test, head, order=order, mode=self.mode, mean=self.fill)
            control.append((others == self.work.shuffled[number].y_test).mean(axis=1))
        return _Along((classes == split.y_test).mean(axis=1), control, classes[:, self.work.places])


def _control_heads(train: Matrix, chosen: ChosenHead, work: _Work) -> list[Head]:
    """A head fitted on each shuffle of the labels; none for the model's own, which nothing is fitted of."""
    if chosen.own:
        return []
    return [fit_linear(train, one.y_train, work.split.n_classes, step=work.step) for one in work.shuffled]


def _measure(
    values: AblationResult, layer: int, rows: Floats, fill: Floats, work: _Work, report: Report
) -> dict[tuple[str, tuple[int, ...]], str]:
    """Fill the geometry of one layer; returns the reasons of what is undefined."""
    gaps: dict[tuple[str, tuple[int, ...]], str] = {}
    count = 4 if work.params.dims else 3

    def along(number: int, order: Ints, grid: Ints) -> GeometryCurves:
        return geometry_curves(
            rows, order, grid, fill, k=values.k, step=work.step, report=part_of(report, number, count, "Geometry")
        )

    for number in range(3):
        found = along(number, values.order[layer, number], values.grid)
        for i, name in enumerate(MEASURES):
            getattr(values, name)[layer, number] = found.values[i]
        gaps |= {(MEASURES[i], (layer, number, place)): why for (i, place), why in found.reasons.items()}
    if work.params.dims:
        found = along(3, np.array(work.params.dims, dtype=np.int64), values.chosen_grid)
        for i, name in enumerate(MEASURES):
            getattr(values, f"chosen_{name}")[layer] = found.values[i]
        gaps |= {(f"chosen_{MEASURES[i]}", (layer, place)): why for (i, place), why in found.reasons.items()}
    return gaps


def _check_dims(dims: tuple[int, ...], n_dims: int) -> None:
    wrong = [dim for dim in dims if not 0 <= dim < n_dims]
    if wrong:
        raise InvalidRequest(f"There is no dimension {wrong[0]} of {n_dims}.", f"They go from 0 to {n_dims - 1}.")
    if len(set(dims)) < len(dims):
        raise InvalidRequest("A dimension was picked twice.", "Name each hand-picked dimension once.")


def _notes(values: AblationResult, work: _Work) -> list[str]:
    n_draws, n_test = values.n_draws, values.split.n_test
    drawn = (
        "one draw"
        if n_draws == 1
        else f"the mean over {n_draws} draws, its band from the lowest to the highest of them"
    )
    notes = [f"Variance is that of the training rows. The random curve is {drawn}; its geometry is that of the first."]
    notes += control_note(work.params, "the same curves")
    if "mean" in values.modes:
        asked = work.params.mode == "mean"
        why = (
            "" if asked else " (a head fitted here has learnt with their offsets; setting them to 0 removes those too)"
        )
        notes.append(f"Removed dimensions are set to their mean over the training rows{why}.")
    if "zero" in values.modes:
        notes.append(
            "Removed dimensions are set to 0: one whose mean is far from 0 then shifts the logits of all texts alike; "
            "setting it to its mean does not."
        )
    if len(values.sample) < n_test:
        notes.append(f"Geometry is measured on {len(values.sample):,} of {n_test:,} test rows, drawn by the seed.")
    if len(values.grid) <= values.n_dims:
        notes.append(f"Accuracy is computed at every k, geometry at {len(values.grid)} of {values.n_dims + 1}.")
    if not len(values.predictions):
        notes.append(
            "The predictions for each text were left out, as they would be too many: ask for one layer alone, or for fewer rows at most."
        )
    return notes


def _work(size: Size, params: AblationParams) -> float:
    """Predictions of test rows with ever fewer dimensions, along each order, and neighbours at the steps of the geometry."""
    turns = 2 + params.n_draws + 2 * params.n_controls
    tested = max(1.0, params.test_share * size.n_rows)
    near = 3 * len(step_grid(size.n_dims)) * min(tested, params.max_rows) ** 2
    return size.n_matrices * (turns * tested * size.n_dims * max(size.n_classes, 2) + near)


ABLATION = Metric(
    name="ablation",
    version=5,
    title="Ablation at the head",
    scope="stack",
    params=AblationParams,
    result=AblationResult,
    run=run,
    labels="required",
    head=True,
    effort=Effort(_work, rate=5e-7, start=0.05, each=0.42),
)
