"""The numbers of the rows about geometry: CKA, maps, rogue dimensions, components, anisotropy, intrinsic dimension."""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

import numpy as np

from backend.metrics.anisotropy.average_cosine_metric import AverageCosineResult
from backend.metrics.anisotropy.metric import AnisotropyResult
from backend.metrics.anisotropy.variance_ratio_metric import VarianceRatioResult
from backend.metrics.dimension.metric import IntrinsicDimension
from backend.metrics.maps.projection import Projection
from backend.metrics.rogue.metric import RogueResult
from backend.metrics.rogue.overlap import RogueOverlapResult
from backend.metrics.rogue.shared import SharedRogueResult
from backend.metrics.similarity.metric import CkaResult
from backend.papers.number import Found, Read, number, values
from backend.reports.over_steps import mean_over_layers

_EIGHT_OF_TEN = 0.8
_CORRELATED = 0.5
_ESTIMATES = {"two_nn": "TwoNN", "mada": "MADA", "method_of_moments": "moments"}


def _cka(found: Sequence[Found]) -> Read:
    """Of the last model, the one after: CKA within each half of the blocks, and between the halves."""
    numbers, holds = [], None
    for one, result in values(found, "cka", CkaResult):
        half = len(result.matrix) // 2
        if half < 2:
            return [number("CKA within each half of the blocks (too few of them)", None, model=one.model)], None
        pairs = ~np.eye(len(result.matrix), dtype=bool)
        low, high = np.arange(len(pairs)) < half, np.arange(len(pairs)) >= half
        early, late, across = (
            float(np.mean(result.matrix[np.outer(a, b) & pairs])) for a, b in ((low, low), (high, high), (low, high))
        )
        names = ("CKA within the first half", "within the second", "between them")
        numbers += [
            number(name, value, model=one.model) for name, value in zip(names, (early, late, across), strict=True)
        ]
        holds = min(early, late) > across
    return numbers, holds


def _maps(found: Sequence[Found]) -> Read:
    numbers = []
    for one, result in values(found, "projection", Projection):
        first, last = result.trustworthiness[0], result.trustworthiness[-1]
        numbers += [
            number("trustworthiness of the map, first block", first, model=one.model),
            number("last block", last, model=one.model),
        ]
    return numbers, None


def _spikes(found: Sequence[Found]) -> Read:
    numbers, holds = [], True
    for one, result in values(found, "rogue", RogueResult):
        share, many = result.principal_share, np.count_nonzero(result.rogue, axis=1)
        numbers += [
            number("share of the variance in one dimension, first block", share[0], "share", one.model),
            number("last block", share[-1], "share", one.model),
            number("rogue dimensions in the last block", many[-1], "count", one.model),
        ]
        holds = holds and bool(share[-1] > share[0])
    return numbers, holds if numbers else None


def _means(found: Sequence[Found]) -> Read:
    """How far the mean of the highest-variance dimension of the last block is from 0, before and after."""
    numbers, distances = [], []
    for one, result in values(found, "rogue", RogueResult):
        at = int(result.principal[-1])
        if at < 0:
            return [number("no dimension varies", None, model=one.model)], None
        distances.append(abs(float(result.mean[-1, at])) / float(np.sqrt(result.variance[-1, at])))
        numbers.append(number(f"|mean| of dimension {at}, in standard deviations", distances[-1], model=one.model))
    return numbers, distances[-1] < distances[0] if len(distances) == 2 else None


def _overlap(found: Sequence[Found]) -> Read:
    numbers, holds = [], None
    for one, result in values(found, "rogue_overlap", RogueOverlapResult):
        shared = float(result.matrix[-1, -1])
        names = " and ".join(info.spec.name for info in one.models)
        numbers.append(number(f"shared of the top {result.top} in the last layer", shared * result.top, "count", names))
        numbers.append(number("by chance", result.chance * result.top, model=names))
        holds = shared >= _EIGHT_OF_TEN
        for _, pairs in values(found, "shared_rogue", SharedRogueResult):
            numbers.append(number("p of sharing as many by chance", pairs.p[-1], model=names))
    return numbers, holds


def _ratio(found: Sequence[Found]) -> Read:
    numbers, holds = [], None
    for one, result in values(found, "variance_ratio", VarianceRatioResult):
        gained, n_classes = int(result.n_above_one[-1]), len(one.models[0].labels)
        numbers = [number("components at or above 1, last layer", gained, "count", one.model)]
        numbers += [number(f"ratio of component {i + 1}", result.ratio[-1, i], model=one.model) for i in range(3)]
        numbers.append(number("classes of the tuned model", n_classes or None, "count", one.model))
        holds = abs(gained - n_classes) <= 1 if n_classes else None
    return numbers, holds


def _middle(at: int, n_layers: int) -> bool:
    """Whether a layer lies in the middle half of the depth."""
    return 0.25 <= at / max(1, n_layers - 1) <= 0.75


def _bell(found: Sequence[Found]) -> Read:
    numbers, peaks = [], []
    for one, result in values(found, "anisotropy", AnisotropyResult):
        profile = result.anisotropy
        if not np.isfinite(profile).any():
            continue
        at, family = int(np.nanargmax(profile)), one.models[0].family
        peaks.append((family == "decoder", _middle(at, len(profile))))
        numbers += [
            number(f"highest anisotropy ({family})", profile[at], model=one.model),
            number("in layer", at, "dimension", one.model),
            number("of layers", len(profile) - 1, "dimension", one.model),
        ]
    return numbers, all(decoder == middle for decoder, middle in peaks) if peaks else None


def _grown(found: Sequence[Found]) -> Read:
    means = mean_over_layers(np.array([one.anisotropy for _, one in values(found, "anisotropy", AnisotropyResult)]))
    numbers = [number(f"mean anisotropy at the {name} step", means[at]) for name, at in (("first", 0), ("last", -1))]
    return numbers, bool(means[-1] > means[0]) if np.isfinite(means).all() else None


def _estimates(found: Sequence[Found]) -> dict[str, np.ndarray]:
    """Each estimator's mean over the layers without the embedding output, (n_steps,)."""
    steps = [one for _, one in values(found, "intrinsic_dimension", IntrinsicDimension)]
    return {key: mean_over_layers(np.array([getattr(one, key)[1:] for one in steps])) for key in _ESTIMATES}


def _rise_and_fall(found: Sequence[Found]) -> Read:
    means = _estimates(found)["two_nn"]
    if not np.isfinite(means).all():
        return [number("mean intrinsic dimension", None)], None
    at = int(np.argmax(means))
    numbers = [number(f"mean intrinsic dimension at the {name} step", means[i]) for name, i in (("first", 0), ("highest", at), ("last", -1))]  # fmt: skip
    return numbers, 0 < at < len(means) - 1


def _together(curves: Mapping[str, np.ndarray], model: str = "") -> Read:
    """How well each two estimators correlate."""
    numbers, worst = [], 1.0
    for one, other in combinations(curves, 2):
        first, second = curves[one], curves[other]
        known = np.isfinite(first) & np.isfinite(second)
        if np.count_nonzero(known) < 3 or not (np.ptp(first[known]) and np.ptp(second[known])):
            return [number("correlation of the estimators", None, model=model)], None
        value = float(np.corrcoef(first[known], second[known])[0, 1])
        numbers.append(number(f"correlation of {_ESTIMATES[one]} and {_ESTIMATES[other]}", value, model=model))
        worst = min(worst, value)
    return numbers, worst > _CORRELATED


def _over_steps(found: Sequence[Found]) -> Read:
    return _together(_estimates(found))


def _over_layers(found: Sequence[Found]) -> Read:
    numbers, verdicts = [], []
    for one, result in values(found, "intrinsic_dimension", IntrinsicDimension):
        more, holds = _together({key: np.asarray(getattr(result, key)) for key in _ESTIMATES}, one.model)
        numbers += more
        verdicts.append(holds)
    return numbers, None if not verdicts or None in verdicts else all(verdicts)


def _centring(found: Sequence[Found]) -> Read:
    numbers = []
    cosines = {one.model: result for one, result in values(found, "average_cosine", AverageCosineResult)}
    for one, result in values(found, "anisotropy", AnisotropyResult):
        if not np.isfinite(result.anisotropy).any():
            continue
        at, cosine = int(np.nanargmax(result.anisotropy)), cosines[one.model]
        for name, value in (
            (f"anisotropy of layer {at}", result.anisotropy[at]),
            ("uncentred", result.anisotropy_uncentred[at]),
            ("average cosine", cosine.average_cosine[at]),
            ("centred", cosine.average_cosine_centred[at]),
        ):
            numbers.append(number(name, value, model=one.model))
    return numbers, None


READERS: Mapping[str, Callable[[Sequence[Found]], Read]] = {
    "gptology-figure-1": _cka,
    "gptology-figure-2": _maps,
    "gptology-figure-3": _spikes,
    "gptology-figure-4": _means,
    "gptology-2.2.2": _overlap,
    "matton-figure-4": _ratio,
    "razzhigaev-figure-1": _bell,
    "razzhigaev-figure-2": _grown,
    "razzhigaev-figure-3": _grown,
    "razzhigaev-figure-4": _rise_and_fall,
    "razzhigaev-figure-5": _over_steps,
    "razzhigaev-2.3": _centring,
    "razzhigaev-2.4": _over_layers,
    "razzhigaev-appendix-A": _over_steps,
}
