"""DirectProbe on every layer of a model, of its training and its test rows, and of a second model: ``direct_probe``."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from backend.metrics.base import Metric, Outcome
from backend.metrics.direct_probe.hulls import scaled
from backend.metrics.direct_probe.kernel import (
    LEFT_OUT,
    DirectProbe,
    direct_probe,
    growth,
    label_meetings,
    sample_rows,
    spatial_similarity,
)
from backend.metrics.direct_probe.result import (
    Bools,
    DirectProbeParams,
    DirectProbeResult,
    Found,
    probe_notes,
    why_missing,
)
from backend.metrics.effort import Effort, Size
from backend.metrics.shared.degenerate import same_rows, undefined_entries, why_undefined
from backend.metrics.shared.kept import Kept, key_of
from backend.metrics.shared.linalg import Floats, Ints, Matrix
from backend.metrics.shared.progress import part_of
from backend.metrics.shared.splits import Split, control_note, mean_and_spread, split_rows
from backend.metrics.shared.unseen import of_training
from backend.values.activations import Labels, LayerStack, Report

_KEPT_BYTES = 64 << 20  # of clusters: those of the model that every step of a series is compared with are found once


def run(
    stacks: Sequence[LayerStack], labels: Labels | None, params: DirectProbeParams, seed: int, report: Report
) -> Outcome[DirectProbeResult]:
    """Training and test part of the first stack, and of a second one over the same texts."""
    assert labels is not None
    same_rows(stacks)
    stack, other = stacks[0], stacks[1] if len(stacks) > 1 else None
    split = split_rows(labels, params, seed)
    used = sample_rows(split.y_train, params.max_rows, seed)
    used_test = sample_rows(split.y_test, params.max_rows, seed)
    train, y_train = split.train[used], split.y_train[used]
    n_parts = 3 * len(stack) + (2 * len(other) if other is not None else 0)
    found: list[Found] = []
    test: list[Found] = []
    control = np.full((2, len(stack)), np.nan)
    shuffled = [one.y_train[used] for one in split.shuffles(params, seed)]
    for layer, x in enumerate(stack.rows):
        name = stack.layer_names[layer]
        found.append(_probe(x[train], y_train, stack.step, part_of(report, 3 * layer, n_parts, name)))
        x_test, y_test = x[split.test[used_test]], split.y_test[used_test]
        test.append(_probe(x_test, y_test, stack.step, part_of(report, 3 * layer + 1, n_parts, f"{name}, test rows")))
        if shuffled and not isinstance(found[-1], str):
            inner = part_of(report, 3 * layer + 2, n_parts, f"{name}, shuffled labels")
            control[:, layer] = mean_and_spread(_shares_apart(x[train], shuffled, inner))
    others: list[Found] = []
    others_test: list[Found] = []
    step = other.step if other is not None else 0.0
    for layer, x in enumerate(other.rows if other is not None else ()):
        stage = f"second model, {other.layer_names[layer]}" if other is not None else ""
        part = 3 * len(stack) + 2 * layer
        others.append(_probe(x[train], y_train, step, part_of(report, part, n_parts, stage)))
        x_test, y_test = x[split.test[used_test]], split.y_test[used_test]
        others_test.append(_probe(x_test, y_test, step, part_of(report, part + 1, n_parts, f"{stage}, test rows")))
    report(n_parts, n_parts, "")
    values = replace(
        _values(found, test, others, others_test, control, train, y_train, len(used_test), split, stack),
        warnings=of_training(labels, train, "Clusters and distances"),
    )
    reasons = {"": found, "test": test, "other": others, "other test": others_test}

    def why(field: str, index: tuple[int, ...]) -> str:
        return why_missing(field, index, stack, other, reasons, values)

    control_said = control_note(params, "whether the labels are apart")
    notes = (*split.notes, *values.warnings, *control_said, *probe_notes(values, found, seed))
    return Outcome(values, undefined_entries(values, why), notes)


def _shares_apart(x: Matrix, shuffled: Sequence[Ints], report: Report) -> list[float]:
    """The share of pairs of labels whose hulls are apart, for each shuffle of the labels."""
    points, shares = scaled(x)[0], []
    for place, labels in enumerate(shuffled):
        met = label_meetings(points, labels, part_of(report, place, len(shuffled), ""), distances=False)
        shares.append(float(np.mean([meeting.apart for meeting in met.values()])))
    return shares


def _probe(x: Matrix, labels: Ints, step: float, report: Report) -> Found:
    report(0, 1, "")

    def made() -> Found:
        reason = why_undefined(x, step=step)
        return direct_probe(x, labels, step=step, report=report) if reason is None else reason

    return _KEPT.get(key_of(np.asarray(x), labels, step), made)


def _n_bytes(found: Found) -> int:
    """About what a layer's clusters take: their arrays, and a little beside."""
    if isinstance(found, str):
        return 1_000
    arrays = (found.clusters, found.distances, found.floors, found.cluster_labels, found.conflicts, found.apart)
    return 1_000 + sum(array.nbytes for array in arrays)


_KEPT = Kept[Found](_KEPT_BYTES, _n_bytes)


def _square(found: Found, n_classes: int) -> Floats:
    """The distances of the classes (n_classes, n_classes), NaN where undefined."""
    out = np.full((n_classes, n_classes), np.nan)
    if not isinstance(found, str):
        numbers = np.array(found.labels, dtype=np.int64)
        out[np.ix_(numbers, numbers)] = found.label_distances()
    return out


def _profile(found: Sequence[Found], n_classes: int, pairs: Ints) -> tuple[Floats, Floats, Floats]:
    """Of each layer: the number of clusters, the distances of the pairs, the least distance of each label."""
    squares = np.array([_square(one, n_classes) for one in found]).reshape(len(found), n_classes, n_classes)
    counts = np.array([np.nan if isinstance(one, str) else float(one.n_clusters) for one in found])
    least = np.full((len(found), n_classes), np.nan)
    for row, one in zip(least, found, strict=True):
        if not isinstance(one, str):
            row[np.array(one.labels, dtype=np.int64)] = one.least_distances()
    return counts, squares[:, pairs[:, 0], pairs[:, 1]], least


def _row_by_row(a: Floats, b: Floats) -> Floats:
    return np.array([spatial_similarity(x, y) for x, y in zip(a, b, strict=True)], dtype=np.float64)


def _correlations(a: Floats, b: Floats) -> Floats:
    return np.array([[spatial_similarity(x, y) for y in b] for x in a]).reshape(len(a), len(b))


def _values(
    found: Sequence[Found],
    test: Sequence[Found],
    others: Sequence[Found],
    others_test: Sequence[Found],
    control: Floats,
    train: Ints,
    y_train: Ints,
    n_test_used: int,
    split: Split,
    stack: LayerStack,
) -> DirectProbeResult:
    n_classes, of_set = split.n_classes, stack.matrices[0].text_index
    pairs = np.array(list(combinations(range(n_classes), 2)), dtype=np.int64).reshape(-1, 2)
    counts, distances, minimum = _profile(found, n_classes, pairs)
    test_counts, test_distances, _ = _profile(test, n_classes, pairs)
    _, other_test_distances, _ = _profile(others_test, n_classes, pairs)
    other_counts, other_distances, other_minimum = _profile(others, n_classes, pairs)
    clusters = np.full((len(found), len(train)), LEFT_OUT)
    outside, conflict = np.zeros(clusters.shape, dtype=bool), np.zeros(clusters.shape, dtype=bool)
    apart = np.full(len(found), np.nan)
    for layer, one in enumerate(found):
        if isinstance(one, str):
            continue
        clusters[layer] = one.clusters
        outside[layer] = _outside(one)
        conflict[layer, one.conflicts.ravel()] = True
        apart[layer] = one.apart[np.triu_indices(len(one.labels), 1)].mean()
    probes = [one for one in (*found, *test, *others, *others_test) if not isinstance(one, str)]
    return DirectProbeResult(
        n_labels=len(np.unique(y_train)),
        n_clusters=counts,
        clusters=clusters,
        cluster_size=np.array([_sizes(line) for line in clusters], dtype=np.int64).reshape(clusters.shape),
        row_index=train if of_set is None else np.asarray(of_set, dtype=np.int64)[train],
        row_label=y_train,
        outside=outside,
        conflict=conflict,
        n_left_out=conflict.sum(axis=1),
        pairs=pairs,
        distances=distances,
        minimum=minimum,
        growth=growth(minimum),
        apart=apart,
        control_apart=control[0],
        control_apart_std=control[1],
        test_n_labels=len(np.unique(split.y_test)),
        test_n_clusters=test_counts,
        test_distances=test_distances,
        train_test=_row_by_row(distances, test_distances),
        similarity=_correlations(distances, distances),
        other_n_clusters=other_counts,
        other_distances=other_distances,
        other_minimum=other_minimum,
        other_train_test=_row_by_row(other_distances, other_test_distances),
        across=_correlations(distances, other_distances),
        gap=max((one.gap for one in probes), default=0.0),
        n_used=len(train),
        n_test_used=n_test_used,
        split=split.info,
        n_rows=len(stack.rows[0]),
        n_dims=stack.rows[0].shape[1],
    )


def _sizes(clusters: Ints) -> Ints:
    """How many rows are in the cluster of each row; 0 of those that were left out."""
    counts = np.bincount(clusters[clusters != LEFT_OUT], minlength=1)
    return np.where(clusters == LEFT_OUT, 0, counts[clusters])


def _outside(found: DirectProbe) -> Bools:
    """Rows that are in another cluster than the largest of their label (the first of equals)."""
    sizes = np.bincount(found.clusters[found.clusters >= 0], minlength=found.n_clusters)
    largest = np.zeros(found.n_clusters, dtype=bool)
    for label in np.unique(found.cluster_labels):
        mine = np.flatnonzero(found.cluster_labels == label)
        largest[mine[sizes[mine].argmax()]] = True
    out: Bools = (found.clusters >= 0) & ~np.append(largest, False)[found.clusters]
    return out


def _work(size: Size, params: DirectProbeParams) -> float:
    """Products of the rows of each pair of labels, of training and test rows, and again for each shuffle.

    Where labels overlap, clusters are merged one by one, which takes many times as long and is not known before.
    """
    rows = min((1 - params.test_share) * size.n_rows, params.max_rows)
    turns = 2 * size.n_models + params.n_controls
    pairs = max(1, size.n_classes * (size.n_classes - 1) // 2)
    of_pair = 2.0 * rows / max(2, size.n_classes)
    return size.n_layers * turns * pairs * of_pair**2 * size.n_dims


DIRECT_PROBE = Metric(
    name="direct_probe",
    version=5,
    title="Clusters of labels (DirectProbe)",
    scope="pair",
    params=DirectProbeParams,
    result=DirectProbeResult,
    run=run,
    labels="required",
    aliases=("clusters",),
    effort=Effort(_work, rate=1.2e-9, start=0.05, each=0.05),
)
