"""The metric ``probing``: how well classifiers trained on each layer tell the classes, and how much of it is the layer's."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backend.errors import InvalidRequest
from backend.metrics.base import Metric, Outcome
from backend.metrics.direct_probe.kernel import sample_rows
from backend.metrics.effort import Effort, Size
from backend.metrics.probing.kernel import (
    Search,
    Setting,
    all_settings,
    fit_probe,
    hold_out,
    right_share,
    round_sizes,
    search_setting,
    spread,
    standardised,
)
from backend.metrics.probing.result import ProbingParams, ProbingResult, probing_notes
from backend.metrics.shared.degenerate import named, undefined_entries
from backend.metrics.shared.heads import accuracy, fit_linear, predictions
from backend.metrics.shared.linalg import Floats, Ints, Matrix
from backend.metrics.shared.splits import Split, mean_and_spread, sampling_error, split_rows, why_no_control
from backend.metrics.threshold.metric import why_no_classifier
from backend.values.activations import Labels, LayerStack, Report

_ONE_SEED = "one run has no standard deviation"


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """The rows that take part: numbers of the training and test rows, their classes, and the shuffled ones."""

    train: Ints
    test: Ints
    y_train: Ints
    y_test: Ints
    shuffled: list[tuple[Ints, Ints]]
    n_classes: int


@dataclass(slots=True, eq=False)
class _Layer:
    """What one layer gives; numbers that do not exist stay NaN."""

    runs: Floats
    train_runs: Floats
    setting: Setting | None = None
    held: float = np.nan
    linear: float = np.nan
    linear_train: float = np.nan
    right: Floats | None = None
    linear_right: Floats | None = None
    control: list[float] = field(default_factory=list)
    linear_control: list[float] = field(default_factory=list)
    n_fits: int = 0
    n_unconverged: int = 0
    reason: str | None = None


def run(
    stacks: Sequence[LayerStack], labels: Labels | None, params: ProbingParams, seed: int, report: Report
) -> Outcome[ProbingResult]:
    stack = stacks[0]
    assert labels is not None
    settings = _settings(params, stack.rows[0].shape[1], len(labels.classes))
    split = split_rows(labels, params, seed)
    rows = _rows(split, params, seed)
    n_search = _search_fits(params, settings, rows, seed)
    n_steps = n_search + params.n_seeds + 1 + 2 * len(rows.shuffled)
    layers = []
    for index, x in enumerate(stack.rows):
        name = stack.layer_names[index]

        def step(done: int, stage: str, *, before: int = index * n_steps, name: str = name) -> None:
            report(before + done, len(stack) * n_steps, f"{name}: {stage}")

        step(0, "looking at the rows")
        layers.append(_probe(x, rows, split, settings, params, seed, n_search, stack.step, step))
    report(len(stack) * n_steps, len(stack) * n_steps, "done")
    result = _result(layers, rows, split, params, stack, len(settings))

    def why(field: str, index: tuple[int, ...]) -> str:
        reason = layers[index[0]].reason
        if reason:
            return named(stack, index[0], reason)
        if field in ("accuracy_std", "train_std"):
            return _ONE_SEED
        return "no search was asked for" if field == "held_accuracy" else why_no_control(field, params)

    notes = (*split.notes, *probing_notes(params, result, settings, stack.layer_names, seed))
    return Outcome(result, undefined_entries(result, why), notes)


def _settings(params: ProbingParams, n_dims: int, n_classes: int) -> tuple[Setting, ...]:
    """The grid, or the one setting that was named."""
    if params.grid != "fixed":
        return all_settings(params.sizes, params.exponents, n_dims, n_classes)
    if len(params.hidden) != 2 or not all(1 <= size <= 1_024 for size in params.hidden):
        raise InvalidRequest(
            f"The hidden layers are given as {', '.join(map(str, params.hidden)) or 'nothing'}.",
            "Give two sizes from 1 to 1,024, such as 64,64.",
        )
    return (Setting((int(params.hidden[0]), int(params.hidden[1])), 10.0**params.exponent),)


def _rows(split: Split, params: ProbingParams, seed: int) -> _Rows:
    used, used_test = (sample_rows(y, params.max_rows, seed) for y in (split.y_train, split.y_test))
    return _Rows(
        split.train[used],
        split.test[used_test],
        split.y_train[used],
        split.y_test[used_test],
        [(one.y_train[used], one.y_test[used_test]) for one in split.shuffles(params, seed)],
        split.n_classes,
    )


def _search_fits(params: ProbingParams, settings: Sequence[Setting], rows: _Rows, seed: int) -> int:
    """Networks that the search of one layer trains."""
    if params.grid == "fixed":
        return 0
    n_fit, n_classes = len(hold_out(rows.y_train, seed)[0]), len(np.unique(rows.y_train))
    return sum(count for count, _ in round_sizes(len(settings), n_fit, n_classes, halving=params.grid == "halving"))


def _probe(
    x: Matrix,
    rows: _Rows,
    split: Split,
    settings: Sequence[Setting],
    params: ProbingParams,
    seed: int,
    n_search: int,
    number_step: float,
    step: Any,
) -> _Layer:
    """One layer: the search, the trainings of the best, the linear probe, and both again with shuffled labels."""
    found = _Layer(np.full(params.n_seeds, np.nan), np.full(params.n_seeds, np.nan))
    found.reason = why_no_classifier(x, split, number_step)
    if found.reason is None and not np.ptp(x[rows.train], axis=0).any():
        found.reason = "all training rows that were drawn are identical"
    if found.reason:
        return found
    train, test = standardised(x[rows.train], x[rows.test], number_step)
    if n_search:
        search = search_setting(
            train,
            rows.y_train,
            settings,
            halving=params.grid == "halving",
            seed=seed,
            report=lambda done, _, stage: step(done, stage),
        )
        _keep(found, search)
    else:
        found.setting = settings[0]
    assert found.setting is not None
    for place in range(params.n_seeds):
        step(n_search + place, f"training {place + 1} of {params.n_seeds}")
        model, converged = fit_probe(train, rows.y_train, found.setting, _start(seed, place))
        right = np.asarray(model.predict(test) == rows.y_test, dtype=np.float64)
        found.right = right if found.right is None else found.right + right
        found.runs[place] = right.mean()
        found.train_runs[place] = right_share(model, train, rows.y_train)
        _count(found, converged)
    step(n_search + params.n_seeds, "linear probe")
    parts = x[rows.train], x[rows.test]
    head = fit_linear(parts[0], rows.y_train, rows.n_classes, step=number_step)
    found.linear_right = np.asarray(predictions(head, parts[1]) == rows.y_test, dtype=np.float64)
    found.linear = float(found.linear_right.mean())
    found.linear_train = accuracy(head, parts[0], rows.y_train)
    for place, (y_train, y_test) in enumerate(rows.shuffled):
        step(n_search + params.n_seeds + 1 + 2 * place, f"shuffled labels, {place + 1} of {len(rows.shuffled)}")
        model, converged = fit_probe(train, y_train, found.setting, _start(seed, place))
        found.control.append(right_share(model, test, y_test))
        _count(found, converged)
        step(n_search + params.n_seeds + 2 + 2 * place, "shuffled labels, linear probe")
        head = fit_linear(parts[0], y_train, rows.n_classes, step=number_step)
        found.linear_control.append(accuracy(head, parts[1], y_test))
    return found


def _keep(found: _Layer, search: Search) -> None:
    found.setting, found.held = search.best, search.held_accuracy
    found.n_fits, found.n_unconverged = search.n_fits, search.n_unconverged


def _count(found: _Layer, converged: bool) -> None:
    found.n_fits += 1
    found.n_unconverged += not converged


def _start(seed: int, place: int) -> int:
    """The seed of a network's start: another for each training, the same in every layer."""
    return int(np.random.default_rng([seed, 5, place]).integers(2**31))


def _result(
    layers: Sequence[_Layer], rows: _Rows, split: Split, params: ProbingParams, stack: LayerStack, n_settings: int
) -> ProbingResult:
    def of(name: str) -> Floats:
        return np.array([getattr(layer, name) for layer in layers], dtype=np.float64)

    runs, train_runs = of("runs"), of("train_runs")
    mean, linear = runs.mean(axis=1), of("linear")
    spreads = [(mean_and_spread(one.control), mean_and_spread(one.linear_control)) for one in layers]
    (control, control_std), (linear_control, linear_std) = np.array(spreads).transpose(1, 2, 0)
    unknown = np.full(len(rows.test), np.nan)
    right = [unknown if one.right is None else one.right / params.n_seeds for one in layers]
    linear_right = [unknown if one.linear_right is None else one.linear_right for one in layers]
    largest = int(np.bincount(rows.y_train).argmax())
    return ProbingResult(
        accuracy=mean,
        accuracy_std=spread(runs),
        train_accuracy=train_runs.mean(axis=1),
        train_std=spread(train_runs),
        runs=runs,
        train_runs=train_runs,
        linear_accuracy=linear,
        linear_train=of("linear_train"),
        control_accuracy=control,
        control_std=control_std,
        linear_control=linear_control,
        linear_control_std=linear_std,
        selectivity=mean - control,
        linear_selectivity=linear - linear_control,
        hidden=np.array([layer.setting.hidden if layer.setting else (0, 0) for layer in layers], dtype=np.int64),
        weight=np.array([layer.setting.weight if layer.setting else np.nan for layer in layers]),
        held_accuracy=of("held"),
        n_fits=of("n_fits").astype(np.int64),
        n_unconverged=of("n_unconverged").astype(np.int64),
        grid=params.grid,
        n_settings=n_settings,
        n_seeds=params.n_seeds,
        n_shuffles=len(rows.shuffled),
        right=np.array(right, dtype=np.float32),
        linear_right=np.nan_to_num(np.array(linear_right)).astype(bool),
        test_rows=rows.test.astype(np.int64),
        majority=float(np.mean(rows.y_test == largest)),
        sampling_error=sampling_error(len(rows.test)),
        n_used=len(rows.train),
        n_test_used=len(rows.test),
        split=split.info,
        n_rows=len(stack.rows[0]),
        n_dims=stack.rows[0].shape[1],
    )


_A_FIT = 150  # rows in whose time a training begins and ends
_ROUGH = 0.15  # of the time of a training that one takes which stops at ten times the tolerance


def _work(size: Size, params: ProbingParams) -> float:
    """Numbers gone through by the networks: of the search, round by round, of the trainings of the best, and of shuffled labels.

    A training takes a while however few its rows are.
    """
    rows = int(min((1 - params.test_share) * size.n_rows, params.max_rows))
    n_settings = len(set(params.sizes)) ** 2 * len(set(params.exponents))
    n_best = params.n_seeds + params.n_controls
    fitted = float(n_best * (rows + _A_FIT))
    if params.grid != "fixed":
        n_fit = rows - rows // 5  # hold_out keeps a fifth
        rounds = round_sizes(n_settings, n_fit, max(size.n_classes, 2), halving=params.grid == "halving")
        *first, (count, n_rows) = rounds
        fitted += count * (n_rows + _A_FIT) + _ROUGH * sum(count * (n_rows + _A_FIT) for count, n_rows in first)
    return float(size.n_matrices * (size.n_dims + 600) * fitted)  # as wide as the layers behind the first


PROBING = Metric(
    name="probing",
    version=3,
    title="Classifier probes",
    scope="stack",
    params=ProbingParams,
    result=ProbingResult,
    run=run,
    worker="layouts",
    labels="required",
    aliases=("probes",),
    effort=Effort(_work, rate=1.5e-6, start=0.5),
)
