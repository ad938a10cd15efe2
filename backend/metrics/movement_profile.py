"""Movement of the labels' centroids over the layers of a model, and from model to model: the metric ``movement``."""

from collections.abc import Sequence

import numpy as np

from backend.activations import Labels, LayerStack, Report
from backend.errors import InvalidRequest
from backend.metrics.base import Metric, Outcome
from backend.metrics.degenerate import all_identical, count_non_finite, same_rows, undefined_entries
from backend.metrics.linalg import Floats, Ints, as_matrix
from backend.metrics.movement import common_share, label_centroids, lengths, paired_error, plane, spread
from backend.metrics.movement_result import (
    RAW,
    SCALED,
    Facts,
    MovementParams,
    MovementResult,
    movement_notes,
    why_missing,
)
from backend.metrics.splits import check_repeats

_MOST_BYTES = 1 << 30  # of all centroids together


def run_movement(
    stacks: Sequence[LayerStack], labels: Labels | None, params: MovementParams, _seed: int, report: Report
) -> Outcome:
    """Centroids of every label in every layer of every stack; the stacks are in the order of the training."""
    assert labels is not None
    same_rows(stacks)
    classes = _classes_in_use(labels, params.split)
    n_models, n_layers, n_labels = len(stacks), len(stacks[0]), len(labels.classes)
    _check_stacks(stacks, n_labels)
    centroids = np.full((n_models, n_layers, n_labels, stacks[0].rows[0].shape[1]), np.nan)
    error = np.full(centroids.shape[:3], np.nan)
    paired = np.full((n_layers if n_models > 1 else 0, n_labels), np.nan)
    reasons: dict[tuple[int, int], str] = {}
    flat: set[tuple[int, int]] = set()
    for layer, matrices in enumerate(zip(*(stack.rows for stack in stacks), strict=True)):
        for model, rows in enumerate(matrices):
            name = f"{stacks[model].model}, {stacks[model].layer_names[layer]}"
            report(layer * n_models + model, n_layers * n_models, name)
            x = as_matrix(rows)
            n_bad = count_non_finite(x)
            if n_bad:
                reasons[model, layer] = f"non-finite activations ({n_bad} rows)"
                continue
            if len(x) > 1 and all_identical(x):
                flat.add((model, layer))
            centroids[model, layer], error[model, layer] = label_centroids(x, classes, n_labels)
        if len(paired) and not {(0, layer), (n_models - 1, layer)} & reasons.keys():
            paired[layer] = paired_error(matrices[0], matrices[-1], classes, n_labels)
    report(n_layers * n_models, n_layers * n_models, "")
    values = _values(centroids, error, paired, flat, params, labels, classes)
    facts = Facts(tuple(stacks), reasons, frozenset(flat))
    entries = undefined_entries(values, lambda field, index: why_missing(field, index, values, facts))
    return Outcome(values, entries, movement_notes(values, stacks))


def _classes_in_use(labels: Labels, split: str) -> Ints:
    """Class number of each row, -1 where it takes no part; raises InvalidRequest where no row is left."""
    classes = np.array(labels.values, dtype=np.int64)
    if split:
        names = np.array(labels.split if labels.split is not None else (), dtype=object)
        if split not in names:
            listed = ", ".join(f"'{name}'" for name in dict.fromkeys(names.tolist()) if name)
            raise InvalidRequest(
                f"There is no split '{split}': "
                + (f"the splits are {listed}." if listed else "the texts have no split column."),
                "Choose one of them, or leave the split empty for all labelled rows.",
            )
        classes[names != split] = -1
    n_used = int((classes >= 0).sum())
    if not n_used:
        whose = f"No row of the split '{split}'" if split else "No row"
        raise InvalidRequest(f"{whose} has a label.", "Choose another label column, or another text set.")
    check_repeats(len(np.unique(classes[classes >= 0])), n_used)
    return classes


def _check_stacks(stacks: Sequence[LayerStack], n_labels: int) -> None:
    """Raises InvalidRequest unless all stacks have the same layers and width, and their centroids fit into memory."""
    hint = "Movement is from a model to one trained from it: choose models of one architecture, or one model."
    shapes = {(len(stack), matrix.rows.shape[1]) for stack in stacks for matrix in stack.matrices}
    if len(shapes) > 1:
        listed = "; ".join(f"{one.model}: {len(one)} layers of {one.rows[0].shape[1]} dimensions" for one in stacks)
        raise InvalidRequest(f"The models differ in layers or dimensions ({listed}).", hint)
    n_layers, n_dims = shapes.pop()
    n_bytes = 8 * len(stacks) * n_layers * n_labels * n_dims
    if n_bytes > _MOST_BYTES:
        raise InvalidRequest(
            f"The centroids of {n_labels:,} labels in {len(stacks) * n_layers} layers take {n_bytes / 2**30:.1f} GiB.",
            "Choose fewer layers or models, or a label column of fewer classes.",
        )


def _values(
    centroids: Floats,
    error: Floats,
    paired: Floats,
    flat: set[tuple[int, int]],
    params: MovementParams,
    labels: Labels,
    classes: Ints,
) -> MovementResult:
    several = len(centroids) > 1
    spreads = np.array([[spread(layer) for layer in model] for model in centroids])
    for at in flat:
        spreads[at] = 0.0 if np.isfinite(spreads[at]) else np.nan  # rounding is no distance
    coords, explained = plane(_framed(centroids, spreads, params.frame))
    layers = [plane(centroids[:, layer]) for layer in range(centroids.shape[1])]
    steps, model_steps = np.diff(centroids, axis=1), np.diff(centroids, axis=0)
    differences = centroids[-1] - centroids[0] if several else centroids[0, :0]
    difference_coords, difference_explained = plane(differences, centre=False)
    by_layer = [plane(one, centre=False) for one in differences]
    base = np.where(spreads[0] > 0, spreads[0], np.nan)[: len(differences), None]
    model_step = lengths(model_steps)
    return MovementResult(
        classes=labels.classes,
        counts=np.bincount(classes[classes >= 0], minlength=len(labels.classes)),
        coords=coords,
        explained=explained,
        layer_coords=np.stack([one for one, _ in layers], axis=1),
        layer_explained=np.stack([shares for _, shares in layers]),
        error=error,
        spread=spreads,
        step=lengths(steps),
        step_common=np.array([[common_share(one) for one in model] for model in steps]).reshape(steps.shape[:2]),
        path=lengths(steps).sum(axis=1),
        displacement=lengths(centroids[:, -1] - centroids[:, 0]),
        model_step=model_step,
        model_path=model_step.sum(axis=0)[: len(differences)],
        difference=lengths(differences),
        difference_error=paired,
        difference_relative=lengths(differences) / base,
        difference_common=np.array([common_share(one) for one in differences]),
        difference_coords=difference_coords,
        difference_explained=difference_explained[: 2 if several else 0],
        difference_layer_coords=np.array([one for one, _ in by_layer]).reshape(*differences.shape[:2], 2),
        difference_layer_explained=np.array([shares for _, shares in by_layer]).reshape(len(differences), 2),
        frame=params.frame,
        split=params.split,
        n_used=int((classes >= 0).sum()),
        n_unlabelled=int((np.asarray(labels.values) < 0).sum()),
        n_rows=len(classes),
        n_dims=centroids.shape[-1],
    )


def _framed(centroids: Floats, spreads: Floats, frame: str) -> Floats:
    """The centroids for the map over layers; a layer without a scale is NaN where it is to be divided by it."""
    if frame == RAW:
        return centroids
    known = np.isfinite(centroids)
    count = np.maximum(known.sum(axis=2, keepdims=True), 1)
    out = centroids - np.where(known, centroids, 0.0).sum(axis=2, keepdims=True) / count
    if frame == SCALED:
        out = out / np.where(spreads > 0, spreads, np.nan)[:, :, None, None]
    return np.asarray(out)


MOVEMENT = Metric(
    name="movement",
    version=1,
    title="Movement of label centroids",
    scope="models",
    params=MovementParams,
    result=MovementResult,
    run=run_movement,
    labels="required",
    aliases=("centroids",),
)
