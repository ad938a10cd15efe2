"""Ours beside the paper's: the headline numbers of a row's results, and whether a sentence of the paper holds for them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from backend.papers import ours_geometry, ours_labels
from backend.papers.asked import Part
from backend.papers.number import AGREES, DISAGREES, OPEN, Found, Number
from backend.papers.row import PaperRow
from backend.values.results import Result

_READERS: Mapping[str, Callable[[Sequence[Found]], tuple[list[Number], bool | None]]] = {
    **ours_geometry.READERS,
    **ours_labels.READERS,
}


@dataclass(frozen=True, slots=True)
class Ours:
    """What came of a part of a row: its numbers, and whether the paper's sentence holds (AGREES, DISAGREES or OPEN)."""

    numbers: tuple[Number, ...]
    verdict: str


def ours_of(row: PaperRow, part: Part, results: Sequence[Result]) -> Ours:
    """The numbers of a row's results, which come in the order of ``part.asked``."""
    found = [Found(one.models, result) for one, result in zip(part.asked, results, strict=True)]
    numbers, holds = _READERS[row.key](found)
    verdict = OPEN if holds is None else AGREES if holds else DISAGREES
    return Ours(tuple(numbers), verdict)


def plain_number(value: Any) -> float | None:  # a number of numpy or of Python
    """A finite number, or None."""
    return float(value) if value is not None and isfinite(value) else None
