"""The numbers of the rows about labels and single dimensions: thresholds, ablation, components, neurons."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from backend.metrics.ablation.result import AblationResult
from backend.metrics.components.metric import ComponentAccuracy
from backend.metrics.neurons.result import NeuronsResult
from backend.metrics.rogue.by_class import ClassSpikesResult
from backend.metrics.threshold.metric import ThresholdResult
from backend.papers.number import Found, Number, Read, number, values

_POINTS = 0.016  # GPTology's error of 1.6 %
_NEAR = 0.007  # of all dimensions: 93 of 93.7 %
_FEW = 0.1  # of the dimensions
_COMPONENTS = 25
_KEPT = 3  # dimensions, of 768


def _gap(values_of: ThresholdResult) -> float:
    return float(values_of.full_accuracy[-1] - values_of.accuracy[-1])


def _threshold(found: Sequence[Found]) -> Read:
    numbers, holds = [], True
    for one, result in values(found, "threshold", ThresholdResult):
        numbers += [
            number("one dimension, last layer", result.accuracy[-1], "accuracy", one.model),
            number("all", result.full_accuracy[-1], "accuracy", one.model),
        ]
        holds = holds and bool(_gap(result) <= max(_POINTS, result.sampling_error))
    return numbers, holds if numbers else None


def _spikes(found: Sequence[Found]) -> Read:
    """How much of what lies between the classes the leading dimensions hold, by family."""
    numbers: list[Number] = []
    shares: dict[bool, list[float]] = {True: [], False: []}
    for one, result in values(found, "class_spikes", ClassSpikesResult):
        family, share = one.models[0].family, float(result.top_share[-1])
        shares[family == "decoder"].append(share)
        numbers += [
            number(
                f"between the classes in the {result.top} of highest variance ({family})", share, "share", one.model
            ),
            number("dimensions that hold half of it", result.n_for_half[-1], "count", one.model),
        ]
    return numbers, min(shares[True]) > max(shares[False]) if shares[True] and shares[False] else None


def _ablation(found: Sequence[Found]) -> Read:
    numbers, holds = [], True
    for one, result in values(found, "ablation", AblationResult):
        lowest = result.accuracy[-1, result.orders.index("lowest")]
        whole, kept = lowest[0], lowest[result.n_dims - _KEPT]
        numbers += [
            number("all dimensions", whole, "accuracy", one.model),
            number(f"the {_KEPT} of highest variance alone", kept, "accuracy", one.model),
        ]
        holds = holds and bool(whole - kept <= result.sampling_error)
    return numbers, holds if numbers else None


def _components(found: Sequence[Found]) -> Read:
    numbers, verdicts = [], []
    for one, result in values(found, "component_accuracy", ComponentAccuracy):
        known = np.isfinite(result.general[-1])
        ks = result.n_components[known] if known.any() else result.n_components
        at = int(np.flatnonzero(result.n_components == ks[np.argmin(np.abs(ks - _COMPONENTS))])[0])
        own, general, random = (curve[-1, at] for curve in (result.in_domain, result.general, result.random))
        k = int(result.n_components[at])
        numbers += [
            number(f"{k} components of these texts", own, "accuracy", one.model),
            number(f"{k} of general texts", general, "accuracy", one.model),
            number(f"{k} random dimensions", random, "accuracy", one.model),
            number("all dimensions", result.fitted[-1], "accuracy", one.model),
        ]
        verdicts.append(bool(own - general < own - random) if np.isfinite(general) else None)
    return numbers, None if not verdicts or None in verdicts else all(verdicts)


def _sizes(found: Sequence[Found]) -> Read:
    numbers, verdicts = [], []
    for one, result in values(found, "component_accuracy", ComponentAccuracy):
        curve, sizes = result.sample_in_domain[-1], result.sample_sizes
        known = np.flatnonzero(np.isfinite(curve))
        if not len(known):
            continue
        whole = curve[known[-1]]
        enough = next(int(at) for at in known if whole - curve[at] <= result.sampling_error)
        numbers += [
            number("rows that are on par with all", sizes[enough], "count", one.model),
            number("all rows of the basis", sizes[known[-1]], "count", one.model),
        ]
        verdicts.append(bool(2 * sizes[enough] < sizes[known[-1]]))
    return numbers, all(verdicts) if verdicts else None


def _accuracies(found: Sequence[Found]) -> list[tuple[Found, NeuronsResult]]:
    return values(found, "neurons", NeuronsResult)


def _frozen_and_tuned(found: Sequence[Found]) -> Read:
    every = [(one, result.test_accuracy[-1, 0]) for one, result in _accuracies(found)]
    numbers = [number("all dimensions", value, "accuracy", one.model) for one, value in every]
    return numbers, bool(every[-1][1] > every[0][1]) if len(every) == 2 else None


def _few(found: Sequence[Found]) -> Read:
    numbers, holds = [], None
    for one, result in _accuracies(found):
        row = result.test_accuracy[-1]
        names = ("all", "the best", "the best five", f"the best {result.split.n_used}")
        numbers += [number(name, value, "accuracy", one.model) for name, value in zip(names, row, strict=True)]
        holds = bool(row[0] - row[3] <= result.sampling_error) if np.isfinite(row).all() else None
    return numbers, holds


def _best(found: Sequence[Found]) -> Read:
    numbers, verdicts = [], []
    for one, result in _accuracies(found):
        value = result.test_accuracy[-1, 1]
        shares = np.sort(result.test_counts[-1].sum(axis=1)) / max(1, result.test_counts[-1].sum())
        two = float(shares[-2:].sum())
        numbers += [
            number("the best dimension", value, "accuracy", one.model),
            number("the two largest classes", two, "share", one.model),
        ]
        verdicts.append(bool(value > two) if len(shares) > 2 else None)
    return numbers, None if not verdicts or None in verdicts else all(verdicts)


def _singles(found: Sequence[Found]) -> Read:
    numbers, holds = [], None
    for one, result in _accuracies(found):
        single, whole = result.single_test[-1], result.test_accuracy[-1, 0]
        near = float(np.mean(single >= whole - _NEAR))
        numbers += [
            number("all dimensions", whole, "accuracy", one.model),
            number("dimensions within 0.7 points of it", near, "share", one.model),
        ]
        holds = near < _FEW
    return numbers, holds


READERS: Mapping[str, Callable[[Sequence[Found]], Read]] = {
    "gptology-figure-5": _spikes,
    "gptology-3.2": _threshold,
    "gptology-figure-6": _ablation,
    "matton-table-2": _frozen_and_tuned,
    "matton-figure-1": _components,
    "matton-figure-2": _components,
    "matton-figure-3": _components,
    "matton-3.1.1": _sizes,
    "matton-table-3": _few,
    "matton-figure-5": _best,
    "matton-figure-6": _singles,
}
