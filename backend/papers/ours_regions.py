"""The numbers of the rows about the regions of labels: probes, clusters, and how both move."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from backend.metrics.direct_probe.result import DirectProbeResult
from backend.metrics.movement.result import MovementResult
from backend.metrics.probing.result import ProbingResult
from backend.papers.number import Found, Number, Read, number, values

_HIGH = 0.5  # a correlation


def _probes(found: Sequence[Found]) -> list[Number]:
    numbers = []
    for one, result in values(found, "probing", ProbingResult):
        numbers += [
            number("network, last layer", result.accuracy[-1], "accuracy", one.model),
            number("± std", result.accuracy_std[-1], "share", one.model),
        ]
    return numbers


def _above_shuffled(found: Sequence[Found]) -> Read:
    numbers, holds = _probes(found), True
    for one, result in values(found, "probing", ProbingResult):
        spread = 2 * max(result.accuracy_std[-1], result.control_std[-1])
        numbers.append(number("shuffled labels", result.control_accuracy[-1], "accuracy", one.model))
        holds = holds and bool(result.accuracy[-1] - result.control_accuracy[-1] > spread)
    return numbers, holds


def _linear(found: Sequence[Found]) -> Read:
    numbers, holds = [], True
    for one, result in values(found, "direct_probe", DirectProbeResult):
        numbers += [
            number("labels", result.n_labels, "count", one.model),
            number("clusters, last layer", result.n_clusters[-1], "count", one.model),
            number("training against test rows", result.train_test[-1], model=one.model),
        ]
        holds = holds and bool(result.n_clusters[-1] == result.n_labels)
    return numbers, holds if numbers else None


def _tables(found: Sequence[Found]) -> tuple[list[Number], list[tuple[DirectProbeResult, DirectProbeResult]]]:
    """The numbers of tables 2 to 4, a model after the other, and the clusters of each model beside those of the one before it."""
    numbers = _probes(found)
    clusters = {one.model: (one, result) for one, result in values(found, "direct_probe", DirectProbeResult)}
    for model, (_, result) in clusters.items():
        numbers += [
            number("labels", result.n_labels, "count", model),
            number("clusters, last layer", result.n_clusters[-1], "count", model),
            number("training against test rows", result.train_test[-1], model=model),
        ]
    pairs = [(result, clusters[one.before][1]) for one, result in clusters.values() if one.before in clusters]
    return numbers, pairs


def _diverged(found: Sequence[Found]) -> Read:
    numbers, pairs = _tables(found)
    known = [(after.train_test[-1], before.train_test[-1]) for after, before in pairs]
    known = [pair for pair in known if np.isfinite(pair).all()]
    return numbers, all(bool(after < before) for after, before in known) if known else None


def _simpler(found: Sequence[Found]) -> Read:
    numbers, pairs = _tables(found)
    fewer = [
        after.n_clusters[-1] < before.n_clusters[-1] or after.n_clusters[-1] == before.n_clusters[-1] == before.n_labels
        for after, before in pairs
    ]
    return numbers, all(map(bool, fewer)) if fewer else None


def _cross(found: Sequence[Found]) -> Read:
    numbers, holds = _probes(found), None
    for one, result in values(found, "direct_probe", DirectProbeResult):
        change = result.minimum[-1] - result.other_minimum[-1]
        known = change[np.isfinite(change)]
        if not len(known):
            continue
        numbers += [
            number("labels further from their nearest", np.count_nonzero(known > 0), "count", one.model),
            number("labels nearer to it", np.count_nonzero(known < 0), "count", one.model),
            number("average change", np.mean(known), model=one.model),
        ]
        holds = bool(np.mean(known) > 0)
    return numbers, holds


def _least(found: Sequence[Found]) -> Read:
    """Of each task for itself; the sentence holds where it does for every label of every task."""
    numbers, every = [], []
    for task in dict.fromkeys(one.task for one in found):
        mine = [one for one in found if one.task == task]
        steps = [result for _, result in values(mine, "direct_probe", DirectProbeResult)]
        change = steps[-1].minimum[-1] - steps[0].minimum[-1]
        known = change[np.isfinite(change)]
        numbers += [
            number("labels", len(change), "count", task),
            number("labels further from their nearest at the last step", np.count_nonzero(known > 0), "count", task),
            number("average change", np.mean(known) if len(known) else None, model=task),
        ]
        every.append(known)
    known = np.concatenate(every)
    return numbers, bool((known > 0).all()) if len(known) else None


def _alike(found: Sequence[Found]) -> Read:
    steps = [result.across[-1, -1] for _, result in values(found, "direct_probe", DirectProbeResult)]
    known = np.array(steps)[np.isfinite(steps)]
    numbers = [number("lowest correlation with the first step, last layer", known.min() if len(known) else None)]
    return numbers, bool((known > _HIGH).all()) if len(known) else None


def _moved(found: Sequence[Found]) -> Read:
    numbers, holds = [], None
    for one, result in values(found, "movement", MovementResult):
        lengths, half = result.difference_mean, len(result.difference_mean) // 2
        low, high = float(np.mean(lengths[:half])), float(np.mean(lengths[half:]))
        model = one.models[-1].spec.name
        numbers += [number("mean movement, lower half", low, model=model), number("upper half", high, model=model)]
        holds = low < high if np.isfinite([low, high]).all() else None
    return numbers, holds


def _paths(found: Sequence[Found]) -> Read:
    numbers, holds = [], None
    for _, result in values(found, "movement", MovementResult):
        first, last = result.difference_common[1], result.difference_common[-1]
        numbers = [
            number("movement common to all labels, block 1", first, "share"),
            number("last layer", last, "share"),
        ]
        holds = bool(first > last) if np.isfinite([first, last]).all() else None
    return numbers, holds


READERS: Mapping[str, Callable[[Sequence[Found]], Read]] = {
    "zhou-2.1": _above_shuffled,
    "zhou-2.2": _linear,
    "zhou-table-2": _diverged,
    "zhou-table-3": _simpler,
    "zhou-table-4": _simpler,
    "zhou-figure-2": _least,
    "zhou-figure-3": _paths,
    "zhou-table-5": _cross,
    "zhou-figure-4": _alike,
    "zhou-figure-5": _moved,
    "zhou-figure-6": _least,
    "zhou-figure-7": _moved,
    "zhou-figure-8": _moved,
    "zhou-figure-9": _moved,
    "zhou-figure-10": _moved,
}
