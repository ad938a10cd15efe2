"""Accuracy against the number of principal components, by where the basis comes from: the metric ``component_accuracy``."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from backend.metrics.base import Metric, Outcome, param
from backend.metrics.components.kernel import common_scale, principal_basis, scores_accuracy, scores_right
from backend.metrics.effort import Effort, Size
from backend.metrics.shared.degenerate import named, undefined_entries, why_undefined
from backend.metrics.shared.head_classes import HeadParams
from backend.metrics.shared.heads import accuracy, choose_head, fit_linear, head_notes, predictions
from backend.metrics.shared.linalg import Floats, Ints, Matrix, centred, row_mean
from backend.metrics.shared.paired import mcnemar
from backend.metrics.shared.progress import part_of
from backend.metrics.shared.splits import (
    Split,
    SplitInfo,
    control_note,
    mean_and_spread,
    sampling_error,
    shuffles,
    split_rows,
    why_no_control,
)
from backend.values.activations import Labels, LayerStack, Report

_LEAST_SAMPLE = 16  # rows of the smallest basis


@dataclass(frozen=True, slots=True)
class ComponentAccuracyParams(HeadParams):
    """Parameters of ``component_accuracy``."""

    n_points: int = param(
        14, "Numbers of components tried, from 1 to all, evenly spaced in their logarithm.", low=2, high=64
    )
    n_shuffles: int = shuffles(5)
    n_draws: int = param(5, "Draws of random dimensions; their mean and standard deviation are shown.", low=2, high=50)
    sample_components: int = param(
        10,
        "Components used to see how many rows a basis needs.",
        low=1,
        high=1_000,
        label="Components for the sample curve",
    )
    sample_all: bool = param(
        False,
        "See how many rows a basis needs for every number of components, not for one: some ten times as long.",
        label="Sample curves of all numbers of components",
        later=True,
    )


@dataclass(frozen=True, slots=True, eq=False)
class ComponentAccuracy:
    """Test accuracy against the number of components, for each layer.

    ``n_components`` (n_k,) ascend. ``in_domain`` and ``general`` (n_layers, n_k): the basis fitted on the training rows, and on
    the second text set; ``control`` and ``control_std``: the first with shuffled labels, mean and standard deviation over
    shuffles. ``random`` and ``random_std``: mean and standard deviation over draws of k dimensions. ``fitted`` (n_layers,) is the
    accuracy of the same kind of classifier on all dimensions, and ``in_domain_p`` (n_layers, n_k) McNemar's exact p of each point
    of ``in_domain`` against it. ``full`` (n_layers,) is that of the head that was asked for, ``own_head`` whether it is the model's
    own. ``sample_in_domain`` and ``sample_general`` (n_layers, n_sizes):
    accuracy with ``sample_components`` components of a basis fitted on so many rows (``sample_sizes``); ``all_in_domain`` and ``all_general``
    (n_layers, n_sizes, n_k) the same with every number of components, with no place at all where that was not asked for. ``sampling_error`` is the
    most that an accuracy may be off by chance, half a 95 % interval.
    """

    n_components: Ints
    in_domain: Floats
    general: Floats
    random: Floats
    random_std: Floats
    control: Floats
    control_std: Floats
    fitted: Floats
    in_domain_p: Floats
    full: Floats
    own_head: tuple[bool, ...]
    sample_sizes: Ints
    sample_in_domain: Floats
    sample_general: Floats
    all_in_domain: Floats
    all_general: Floats
    sample_components: int
    n_basis_rows: int
    n_shuffles: int
    split: SplitInfo
    sampling_error: float
    n_rows: int
    n_dims: int


def run(
    stacks: Sequence[LayerStack], labels: Labels | None, params: ComponentAccuracyParams, seed: int, report: Report
) -> Outcome[ComponentAccuracy]:
    """All curves of every layer; ``stacks`` holds the labelled texts and, if asked for, the general ones."""
    assert labels is not None
    stack, general = stacks[0], stacks[1] if len(stacks) > 1 else None
    split = split_rows(labels, params, seed)
    n_rows, n_dims = stack.rows[0].shape
    values = _empty(len(stack), n_dims, split, general, params, n_rows)
    said: list[tuple[str, str]] = []
    reasons, own = {}, []
    for layer, x in enumerate(stack.rows):
        part_of(report, layer, len(stack), stack.layer_names[layer])(0, 1, "")
        reason = why_undefined(x, step=stack.step) or why_undefined(x[split.train], step=stack.step)
        other = None if general is None else general.matrices[layer].rows
        if reason is None and other is not None:
            reason = why_undefined(other, step=stack.step)
        if reason is not None:
            reasons[layer] = reason
            own.append(False)
            continue
        chosen = choose_head(stack, layer, split, wanted=params.head, classes=params.classes)
        own.append(chosen.own)
        said.append((stack.layer_names[layer], chosen.note))
        values.full[layer] = accuracy(chosen.head, x[split.test], split.y_test)
        _fill(
            values, layer, x, other, split, params, seed, part_of(report, layer, len(stack), stack.layer_names[layer])
        )
    report(len(stack), len(stack), "")
    values = replace(values, own_head=tuple(own))

    def why(name: str, index: tuple[int, ...]) -> str:
        if index[0] in reasons:
            return named(stack, index[0], reasons[index[0]])
        return _why(name, general, params)

    return Outcome(
        values,
        undefined_entries(values, why),
        (*split.notes, *head_notes(said, beside=True), *_notes(values, general, params)),
    )


def _why(name: str, general: LayerStack | None, params: ComponentAccuracyParams) -> str:
    if name.startswith("control") and (not params.control or (name == "control_std" and params.n_shuffles == 1)):
        return why_no_control(name, params)
    if name.startswith("control"):
        return "the basis has fewer components"
    if name in ("general", "sample_general", "all_general") and general is None:
        return "no second text set was chosen"
    return "the basis has fewer components: it cannot have more than its rows less one"


def _empty(
    n_layers: int, n_dims: int, split: Split, general: LayerStack | None, params: ComponentAccuracyParams, n_rows: int
) -> ComponentAccuracy:
    counts = np.unique(np.round(np.geomspace(1, n_dims, params.n_points)).astype(np.int64))
    n_basis = len(general.rows[0]) if general is not None else 0
    most = max(split.info.n_train, n_basis)
    halved = [most >> i for i in range(12)]
    chosen = {size for i, size in enumerate(halved) if i == 0 or size >= _LEAST_SAMPLE} | ({n_basis} - {0})
    sizes = np.array(sorted(chosen), dtype=np.int64)

    def grid(width: int) -> Floats:
        return np.full((n_layers, width), np.nan)

    return ComponentAccuracy(
        n_components=counts,
        in_domain=grid(len(counts)),
        general=grid(len(counts)),
        random=grid(len(counts)),
        random_std=grid(len(counts)),
        control=grid(len(counts)),
        control_std=grid(len(counts)),
        fitted=np.full(n_layers, np.nan),
        in_domain_p=grid(len(counts)),
        full=np.full(n_layers, np.nan),
        own_head=(False,) * n_layers,
        sample_sizes=sizes,
        sample_in_domain=grid(len(sizes)),
        sample_general=grid(len(sizes)),
        all_in_domain=np.full((n_layers, len(sizes), len(counts) * params.sample_all), np.nan),
        all_general=np.full((n_layers, len(sizes), len(counts) * params.sample_all), np.nan),
        sample_components=min(params.sample_components, n_dims),
        n_basis_rows=n_basis,
        n_shuffles=params.n_controls,
        split=split.info,
        sampling_error=sampling_error(split.info.n_test),
        n_rows=n_rows,
        n_dims=n_dims,
    )


def _fill(
    values: ComponentAccuracy,
    layer: int,
    x: Matrix,
    other: Matrix | None,
    split: Split,
    params: ComponentAccuracyParams,
    seed: int,
    report: Report,
) -> None:
    """Every curve of one layer."""
    mean = row_mean(x[split.train])
    train, test = centred(x[split.train], mean), centred(x[split.test], mean)
    scale, shuffled = common_scale(train), split.shuffles(params, seed)
    counts = values.n_components
    n_sizes = len(values.sample_sizes)
    total = 3 + params.n_draws + 2 * n_sizes + len(shuffled)

    def curve(basis: Floats, by: Split, counts: Ints = counts) -> Floats:
        return scores_accuracy(train @ basis, test @ basis, by.y_train, by.y_test, counts, scale=scale)

    report(0, total, "in-domain basis")
    own_basis = _basis(train)
    found = scores_right(train @ own_basis, test @ own_basis, split.y_train, split.y_test, counts, scale=scale)
    values.in_domain[layer] = [np.nan if right is None else right.mean() for right in found]
    whole = predictions(fit_linear(train, split.y_train, split.n_classes, scale=scale), test) == split.y_test
    values.fitted[layer] = whole.mean()
    values.in_domain_p[layer] = [np.nan if right is None else mcnemar(right, whole).p for right in found]
    controls = []
    for place, one in enumerate(shuffled):
        report(1 + place, total, "shuffled labels")
        controls.append(curve(own_basis, one))
    values.control[layer], values.control_std[layer] = mean_and_spread(controls, (len(counts),))
    report(2, total, "general basis")
    if other is not None:
        values.general[layer] = curve(_basis(other), split)
    draws = []
    for draw in range(params.n_draws):
        report(3 + draw, total, "random dimensions")
        dims = np.random.default_rng([seed, draw]).permutation(values.n_dims)
        draws.append(scores_accuracy(train[:, dims], test[:, dims], split.y_train, split.y_test, counts, scale=scale))
    values.random[layer] = np.mean(draws, axis=0)
    values.random_std[layer] = np.std(draws, axis=0, ddof=1)
    rng = np.random.default_rng([seed, 99])
    k = np.array([values.sample_components])
    for source, out, every in (
        (train, values.sample_in_domain, values.all_in_domain),
        (other, values.sample_general, values.all_general),
    ):
        if source is None:
            continue
        order = rng.permutation(len(source))
        for i, size in enumerate(values.sample_sizes):
            report(3 + params.n_draws + i, total, f"basis of {size:,} rows")
            if size <= len(source):
                basis = _basis(source[np.sort(order[:size])])
                out[layer, i] = curve(basis, split, k)[0]
                if params.sample_all:
                    every[layer, i] = curve(basis, split)


def _basis(rows: Matrix) -> Floats:
    """The principal directions, and zeros for those without variance: they add nothing, and say nothing new."""
    found = principal_basis(rows)
    width = min(len(rows) - 1, rows.shape[1])
    return np.pad(found, ((0, 0), (0, max(0, width - found.shape[1]))))


def _notes(values: ComponentAccuracy, general: LayerStack | None, params: ComponentAccuracyParams) -> list[str]:
    notes = ["A basis on this text set is fitted on the training rows; a linear classifier is fitted for every point."]
    notes += control_note(params, "the components of these texts")
    if any(values.own_head):
        notes.append(
            "The curves are compared with the same kind of classifier fitted on all dimensions, not with the model's own head."
        )
    if general is not None and values.n_basis_rows <= values.n_dims:
        notes.append(
            f"The second text set has {values.n_basis_rows:,} rows: its basis has at most {values.n_basis_rows - 1} of "
            f"{values.n_dims:,} components."
        )
    return notes


def _work(size: Size, params: ComponentAccuracyParams) -> float:
    """Fits of a small linear head: for each curve one at each number of components, and two for each halving of the rows."""
    curves = 2 + params.n_draws + params.n_controls
    fit = 1 + size.n_rows * size.n_dims * max(size.n_classes, 2) / 4e5
    sampled = 8 * (1 + params.n_points * params.sample_all)
    return size.n_matrices * (curves * params.n_points + sampled) * fit


COMPONENT_ACCURACY = Metric(
    name="component_accuracy",
    version=6,
    title="Accuracy by principal component",
    scope="stack",
    params=ComponentAccuracyParams,
    result=ComponentAccuracy,
    run=run,
    labels="required",
    head=True,
    basis=True,
    effort=Effort(_work, rate=0.002, start=0.05),
)
