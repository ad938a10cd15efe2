"""Movement of the labels' centroids over the layers of a model, and from model to model: the metric ``movement``."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.metrics.base import BEFORE_FIRST, Metric, Outcome
from backend.metrics.effort import Effort
from backend.metrics.movement.kernel import (
    closest_three,
    common_share,
    label_centroids,
    lengths,
    paired_error,
    plane,
    spread,
)
from backend.metrics.movement.result import (
    CENTRED,
    FEW_ROWS,
    FRAMES,
    RAW,
    SCALED,
    Facts,
    MovementParams,
    MovementResult,
    movement_notes,
    why_missing,
)
from backend.metrics.shared.degenerate import all_identical, count_non_finite, same_rows, undefined_entries
from backend.metrics.shared.in_use import classes_in_use
from backend.metrics.shared.linalg import Floats, Ints, as_matrix
from backend.metrics.shared.unseen import mostly_seen
from backend.values.activations import Labels, LayerStack, Report

_MOST_BYTES = 1 << 30  # of all centroids together


def run(
    stacks: Sequence[LayerStack], labels: Labels | None, params: MovementParams, _seed: int, report: Report
) -> Outcome[MovementResult]:
    """Centroids of every label in every layer of every stack; the stacks are in the order of the training."""
    assert labels is not None
    same_rows(stacks)
    classes, rare = _without_rare(classes_in_use(labels, params.split), labels.classes, params.min_rows)
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
                reasons[model, layer] = f"non-finite activations ({n_bad:,} rows)"
                continue
            if len(x) > 1 and all_identical(x, stacks[model].step):
                flat.add((model, layer))
            centroids[model, layer], error[model, layer] = label_centroids(x, classes, n_labels)
        if len(paired) and not {(0, layer), (n_models - 1, layer)} & reasons.keys():
            paired[layer] = paired_error(matrices[0], matrices[-1], classes, n_labels)
    report(n_layers * n_models, n_layers * n_models, "")
    values = _values(centroids, error, paired, flat, params.split, labels, classes)
    facts = Facts(tuple(stacks), reasons, frozenset(flat))
    entries = undefined_entries(values, lambda field, index: why_missing(field, index, values, facts))
    return Outcome(values, entries, movement_notes(values, stacks, rare, params.min_rows))


def _without_rare(classes: Ints, names: Sequence[str], min_rows: int) -> tuple[Ints, list[str]]:
    """The classes without those of fewer than ``min_rows`` rows, and the names of these."""
    counts = np.bincount(classes[classes >= 0], minlength=len(names))
    rare = np.flatnonzero((counts > 0) & (counts < min_rows))
    if not (counts >= min_rows).any():
        raise InvalidRequest(
            f"No label has {min_rows:,} rows; the most are {counts.max():,}.",
            "Lower the minimum of rows per label, or give more texts of each label.",
        )
    return np.where(np.isin(classes, rare), -1, classes), [names[label] for label in rare.tolist()]


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
    split: str,
    labels: Labels,
    classes: Ints,
) -> MovementResult:
    n_compared = centroids.shape[1] if len(centroids) > 1 else 0
    spreads = np.array([[spread(layer) for layer in model] for model in centroids])
    for at in flat:
        spreads[at] = 0.0 if np.isfinite(spreads[at]) else np.nan  # rounding is no distance
    maps = _maps([_framed(centroids, spreads[0], frame) for frame in FRAMES])
    step, model_step = lengths(np.diff(centroids, axis=1)), lengths(np.diff(centroids, axis=0))
    differences = (centroids[-1] - centroids[0])[:n_compared]
    scale = np.where(spreads[0] > 0, spreads[0], np.nan)[:n_compared, None]
    moved, apart = lengths(differences), lengths(_framed(differences[None], spreads[0], CENTRED)[0])
    apart_error = _apart_error(paired, np.isfinite(differences).all(axis=2))
    counts = np.bincount(classes[classes >= 0], minlength=len(labels.classes))
    return MovementResult(
        classes=labels.classes,
        counts=counts,
        **maps,
        error=error,
        spread=spreads,
        step=step,
        step_common=np.array(
            [[common_share(one) for one in np.diff(model, axis=0)] for model in centroids], dtype=np.float64
        ).reshape(step.shape[:2]),
        path=step.sum(axis=1),
        displacement=lengths(centroids[:, -1] - centroids[:, 0]),
        model_step=model_step,
        model_path=model_step.sum(axis=0)[:n_compared],
        difference=moved,
        difference_error=paired,
        difference_relative=moved / scale,
        difference_relative_error=paired / scale,
        difference_apart=apart,
        difference_apart_error=apart_error,
        difference_apart_relative=apart / scale,
        difference_apart_relative_error=apart_error / scale,
        difference_mean=np.array([_mean_of_known(one) for one in moved], dtype=np.float64),
        difference_common=np.array([common_share(one) for one in differences], dtype=np.float64),
        closest=_closest(centroids[0, -1], counts),
        frames=FRAMES,
        split=split,
        n_used=int((classes >= 0).sum()),
        n_unlabelled=int((np.asarray(labels.values) < 0).sum()),
        n_rows=len(classes),
        n_dims=centroids.shape[-1],
        warnings=mostly_seen(labels, np.flatnonzero(classes >= 0), "the centroids"),
    )


def _closest(centroids: Floats, counts: Ints) -> Ints:
    """The three labels closest together among ``centroids`` (n_labels, n_dims); those of few rows only where they must be."""
    known = np.flatnonzero((counts > 0) & np.isfinite(centroids).all(axis=1))
    certain = known[counts[known] >= FEW_ROWS]
    return closest_three(centroids, certain if len(certain) >= 3 else known)


def _mean_of_known(values: Floats) -> float:
    """The mean over the labels that have a value; NaN where none has."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _framed(centroids: Floats, scale: Floats, frame: str) -> Floats:
    """The centroids as a map shows them; a layer without a ``scale`` is NaN where it is to be divided by it."""
    if frame == RAW:
        return centroids
    known = np.isfinite(centroids)
    count = np.maximum(known.sum(axis=2, keepdims=True), 1)
    out = centroids - np.where(known, centroids, 0.0).sum(axis=2, keepdims=True) / count
    if frame == SCALED:
        out = out / np.where(scale > 0, scale, np.nan)[:, None, None]
    return np.asarray(out)


def _apart_error(error: Floats, known: npt.NDArray[np.bool_]) -> Floats:
    """Of each label (n_layers, n_labels), the standard error of its difference vector less the mean of the ``known`` ones.

    The labels' rows are different rows, so that the errors add in squares.
    """
    n = np.maximum(known.sum(axis=1, keepdims=True), 1)
    squares = np.where(known, error**2, 0.0)
    out: Floats = np.sqrt((1 - 2 / n) * squares + squares.sum(axis=1, keepdims=True) / n**2)
    return np.where(known, out, np.nan)


def _maps(framed: Sequence[Floats]) -> dict[str, Floats]:
    """Every plane of the centroids (n_models, n_layers, n_labels, n_dims) in each frame, and the shares of its axes."""
    n_models, n_layers, n_labels, _ = framed[0].shape
    n_compared = n_layers if n_models > 1 else 0
    whole = [plane(one) for one in framed]
    layers = [[plane(one[:, layer]) for layer in range(n_layers)] for one in framed]
    differences = [(one[-1] - one[0])[:n_compared] for one in framed]
    across = [plane(one, centre=False) for one in differences]
    by_layer = [[plane(layer, centre=False) for layer in one] for one in differences]
    n = len(framed)
    return {
        "coords": np.stack([coords for coords, _ in whole]),
        "explained": np.stack([shares for _, shares in whole]),
        "layer_coords": np.stack([np.stack([coords for coords, _ in one], axis=1) for one in layers]),
        "layer_explained": np.stack([np.stack([shares for _, shares in one]) for one in layers]),
        "difference_coords": np.stack([coords for coords, _ in across]),
        "difference_explained": np.stack([shares for _, shares in across])[: n if n_compared else 0],
        "difference_layer_coords": np.array(
            [[coords for coords, _ in one] for one in by_layer], dtype=np.float64
        ).reshape(n, n_compared, n_labels, 2),
        "difference_layer_explained": np.array(
            [[shares for _, shares in one] for one in by_layer], dtype=np.float64
        ).reshape(n, n_compared, 2),
    }


MOVEMENT = Metric(
    name="movement",
    version=4,
    title="Movement of label centroids",
    scope="models",
    params=MovementParams,
    result=MovementResult,
    run=run,
    labels="required",
    aliases=("centroids",),
    direction=BEFORE_FIRST,
    effort=Effort(rate=2e-8, start=0.035, each=0.005),
)
