"""A number of ours beside the paper's, and what is read for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any, TypeVar

import numpy as np

from backend.metrics.dimension.metric import IntrinsicDimension
from backend.values.models import ModelInfo
from backend.values.numbers import number_text
from backend.values.results import Result, result_of

AGREES, DISAGREES, OPEN, MIXED = "agrees", "disagrees", "to be seen", "not all agree"
Values = TypeVar("Values")


@dataclass(frozen=True, slots=True)
class Number:
    """One number: of what, its value (None where undefined), its unit (of ``number_text``), and the model that it is of."""

    name: str
    value: float | None
    unit: str = "number"
    model: str = ""

    @property
    def text(self) -> str:
        """The number in the form of its unit."""
        return number_text(self.value, self.unit)


@dataclass(frozen=True, slots=True)
class Found:
    """The result of one analysis of a row, and the models as its metric took them.

    ``before`` names the model that the first one was made from, where that is among those on show, ``task`` the series that it is of.
    """

    models: tuple[ModelInfo, ...]
    result: Result
    before: str = ""
    task: str = ""

    @property
    def model(self) -> str:
        """The first model's name."""
        return self.models[0].spec.name


Read = tuple[list[Number], bool | None]
"""What is read of a row's results: its numbers, and whether the paper's sentence holds; None where that cannot be said."""


def number(name: str, value: Any, unit: str = "number", model: str = "") -> Number:  # value: of numpy or of Python
    """A Number; what is not finite is None."""
    return Number(name, float(value) if value is not None and isfinite(value) else None, unit, model)


def lower_bounds(found: Sequence[Found]) -> str:
    """That estimates of the intrinsic dimension are lower bounds, as their notes say of each result, in one sentence for all.

    Empty where none is. Whatever is read of such numbers, a verdict too, is of bounds.
    """
    layers = above = steps = rows = 0
    limit, listed = inf, [one for _, one in values(found, "intrinsic_dimension", IntrinsicDimension)]
    for one in listed:
        higher = np.any(
            [getattr(one, name) > one.resolvable for name in ("two_nn", "mada", "method_of_moments")], axis=0
        )
        layers, above, steps = layers + len(higher), above + int(higher.sum()), steps + bool(higher.any())
        if higher.any() and one.resolvable[higher].min() < limit:
            at = int(np.argmin(np.where(higher, one.resolvable, inf)))
            limit, rows = float(one.resolvable[at]), int(one.n_used[at])
    if not above:
        return ""
    where = f"{above:,} of {layers:,} layers" + (f" ({steps:,} of {len(listed):,} analyses)" if len(listed) > 1 else "")
    return (
        f"Read the estimates of {where} as lower bounds, and the verdict with them: {rows:,} rows resolve about "
        f"{number_text(limit)} dimensions (2 log10 n), and larger ones are underestimated."
    )


def values(found: Sequence[Found], metric: str, of: type[Values]) -> list[tuple[Found, Values]]:
    """The results of one metric, with their values."""
    return [(one, result_of(one.result, of).values) for one in found if one.result.metric == metric]
