"""A number of ours beside the paper's, and what is read for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, TypeVar

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
    """The result of one analysis of a row, and the models as its metric took them."""

    models: tuple[ModelInfo, ...]
    result: Result

    @property
    def model(self) -> str:
        """The first model's name."""
        return self.models[0].spec.name


def number(name: str, value: Any, unit: str = "number", model: str = "") -> Number:  # value: of numpy or of Python
    """A Number; what is not finite is None."""
    return Number(name, float(value) if value is not None and isfinite(value) else None, unit, model)


def values(found: Sequence[Found], metric: str, of: type[Values]) -> list[tuple[Found, Values]]:
    """The results of one metric, with their values."""
    return [(one, result_of(one.result, of).values) for one in found if one.result.metric == metric]
