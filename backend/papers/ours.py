"""Ours beside the paper's: the headline numbers of a row's results, and whether a sentence of the paper holds for them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from backend.papers import ours_geometry, ours_labels, ours_regions
from backend.papers.asked import Part
from backend.papers.number import AGREES, DISAGREES, MIXED, OPEN, Found, Number, Read, lower_bounds
from backend.papers.row import EACH, FAMILY, PaperRow
from backend.values.results import Result

_READERS: Mapping[str, Callable[[Sequence[Found]], Read]] = {
    **ours_geometry.READERS,
    **ours_labels.READERS,
    **ours_regions.READERS,
}


@dataclass(frozen=True, slots=True)
class Ours:
    """What came of a part of a row: its numbers, and whether the paper's sentence holds, in all and for each model.

    ``verdict`` is AGREES, DISAGREES, OPEN or, where the models differ, MIXED; ``by_model`` has the verdict of each where each is
    judged for itself. ``caveat`` is a sentence about how far the numbers can be trusted, and the verdict with them; empty where there is none.
    """

    numbers: tuple[Number, ...]
    verdict: str
    by_model: tuple[tuple[str, str], ...] = ()
    caveat: str = ""


def ours_of(row: PaperRow, part: Part, results: Sequence[Result]) -> Ours:
    """The numbers of a row's results, which come in the order of ``part.asked``."""
    before = dict(part.group.before)
    found = [
        Found(one.models, result, before.get(one.models[0].spec.name, ""), one.task)
        for one, result in zip(part.asked, results, strict=True)
    ]
    if row.of == FAMILY and len(part.group.models) > 2:
        return _of_family(row, part, found)
    if row.of != EACH or row.together:
        numbers, holds = _READERS[row.key](found)
        return Ours(tuple(numbers), _verdict(holds), caveat=lower_bounds(found))
    every: list[Number] = []
    judged: dict[str, str] = {}
    for model in dict.fromkeys(one.model for one in found):
        numbers, holds = _READERS[row.key]([one for one in found if one.model == model])
        every += numbers
        judged[model] = _verdict(holds)
    return Ours(tuple(every), _of_all(judged), tuple(judged.items()), lower_bounds(found))


def _of_family(row: PaperRow, part: Part, found: Sequence[Found]) -> Ours:
    """All numbers, and for each model that was made from the first one whether the sentence holds for the two."""
    numbers, _ = _READERS[row.key](found)
    judged = {}
    for after in part.group.models[1:]:
        _, holds = _READERS[row.key]([one for one in found if after in one.models])
        judged[after.spec.name] = _verdict(holds)
    return Ours(tuple(numbers), _of_all(judged), tuple(judged.items()), lower_bounds(found))


def _of_all(judged: Mapping[str, str]) -> str:
    kinds = set(judged.values())
    return kinds.pop() if len(kinds) == 1 else MIXED


def _verdict(holds: bool | None) -> str:
    return OPEN if holds is None else AGREES if holds else DISAGREES
