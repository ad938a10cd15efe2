"""Two models subtracted: CKA of the layers after minus before, and where one curve of an ablation lies furthest from another."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.forms.documents import plain_values, result_document
from backend.metrics.ablation.inner import InnerAblation
from backend.metrics.similarity.metric import CkaResult
from backend.reports.compare import mean_change
from backend.values.json_data import Document
from backend.values.results import Result, Undefined


@dataclass(frozen=True, slots=True, eq=False)
class CkaDifference:
    """CKA of a model's layers with each other, after minus before: ``matrix`` (n_layers, n_layers), in [-1, 1].

    ``before`` and ``after`` name the models. ``undefined`` has a reason for every NaN.
    """

    before: str
    after: str
    layer_names: tuple[str, ...]
    matrix: npt.NDArray[np.float64]
    undefined: tuple[Undefined, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """Where the first whole curve of an ablation inside the network is read, and against what.

    ``order`` overwrote ``n_overwritten`` dimensions and reads ``value``; nothing overwritten reads ``start``. ``random`` is what as
    many random dimensions read at this, the widest gap of ``n_points``; None where there are no random ones, and the place is the last.
    ``change`` is the difference of the accuracies text by text (``value`` minus ``random``, or minus ``start``), ``error`` half its
    95 % interval; both NaN for a loss.
    """

    order: str
    start: float
    n_overwritten: int
    value: float
    random: float | None
    n_points: int
    change: float = math.nan
    error: float = math.nan


def cka_difference(before: Result[CkaResult], after: Result[CkaResult]) -> CkaDifference:
    """The difference of two models' CKA matrices; raises InvalidRequest where they have not the same number of layers."""
    shapes = [one.values.matrix.shape for one in (before, after)]
    if shapes[0] != shapes[1]:
        depths = " and ".join(str(len(one.sources[0].layer_names)) for one in (before, after))
        raise InvalidRequest(
            f"These models have {depths} layers: a difference needs as many in both.",
            "Compare the layers of one model with those of the other instead.",
        )
    return CkaDifference(
        before.sources[0].model,
        after.sources[0].model,
        after.sources[0].layer_names,
        after.values.matrix - before.values.matrix,
        tuple(dict.fromkeys(gap for one in (after, before) for gap in one.undefined if gap.field == "matrix")),
    )


def cka_difference_document(before: Result[CkaResult], after: Result[CkaResult]) -> Document:
    """The JSON form of a difference: its numbers, and both results with the recipes that compute them again."""
    return {
        "cka_difference": plain_values(cka_difference(before, after)),
        "results": [result_document(one) for one in (before, after)],
        "recipe": [plain_values(one.recipe) for one in (before, after)],
    }


def widest_gap(values: InnerAblation, field: str) -> Gap | None:
    """The widest gap of ``field``, "accuracy" or "loss", between the first whole curve and random dimensions.

    Without random dimensions, or where they never differ, the end of the curve. None where no curve is whole.
    """
    lines: npt.NDArray[np.float64] = getattr(values, field)
    whole = np.flatnonzero(np.isfinite(lines).all(axis=1))
    if not len(whole):
        return None
    first, steps = int(whole[0]), values.n_overwritten
    place, against, n_points = len(steps) - 1, None, 1
    if "random" in values.orders and values.orders[first] != "random":
        other = values.orders.index("random")
        apart = np.abs(lines[first] - lines[other])
        widest = int(np.argmax(np.where(np.isfinite(apart), apart, -1.0)))
        if widest:
            place, against, n_points = widest, other, len(steps)
    gap = (values.orders[first], float(lines[first, 0]), int(steps[place]), float(lines[first, place]))
    random = None if against is None else float(lines[against, place])
    if field != "accuracy":
        return Gap(*gap, random, n_points)
    beside = values.right[first, 0] if against is None else values.right[against, place]
    return Gap(*gap, random, n_points, *mean_change(beside, values.right[first, place], n_looks=n_points))
