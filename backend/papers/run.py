"""All rows for given models: what is to be computed, the computing row by row, and what came of it as one document."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

from backend.errors import EmbedscopeError
from backend.forms.documents import plain_values
from backend.papers.addresses import Address, address_of, turns_of
from backend.papers.asked import Part, commands_of, found_of, parts_of
from backend.papers.chosen import PaperChoice, lacking
from backend.papers.ours import ours_of
from backend.papers.recorded import Record, document_of
from backend.papers.row import SERIES, PaperRow
from backend.values.activations import Report, no_report
from backend.values.json_data import Document
from backend.values.preparing import PrepareTask
from backend.values.specs import AnalysisSpec

if TYPE_CHECKING:
    from backend.bench.workbench import Workbench

Told = Callable[[str], object]  # a line on what begins or what came of it
NO_PAIR = "None of these models was made from another of them: name a model and the one tuned from it."


@dataclass(frozen=True, slots=True)
class Planned:
    """A row with its parts for what is chosen; without any, why not."""

    row: PaperRow
    parts: tuple[Part, ...]
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """A part of a row that was computed, or why it could not be; ``seconds`` are those of this run."""

    part: Part
    record: Record | None
    seconds: float
    why_not: str = ""


def plan(bench: "Workbench", rows: Sequence[PaperRow], chosen: PaperChoice) -> list[Planned]:
    """What is to be computed of ``rows``, and of those that cannot be had, why."""
    planned = []
    for row in rows:
        why = lacking(row, chosen)
        parts: tuple[Part, ...] = ()
        if not why:
            try:
                parts = parts_of(bench, row, chosen)
                why = "" if parts else NO_PAIR
            except EmbedscopeError as error:
                why = f"{error.message} {error.hint}"
        planned.append(Planned(row, parts, why))
    return planned


def specs_of(planned: Sequence[Planned]) -> list[AnalysisSpec]:
    """All analyses of a plan, each once."""
    return list(dict.fromkeys(spec for one in planned for part in one.parts for spec in part.specs))


def make(
    bench: "Workbench",
    planned: Planned,
    chosen: PaperChoice,
    report: Report = no_report,
    before: Sequence[Document] | None = None,
) -> list[Made]:
    """Compute the parts of a row, each as one job; what is stored is not computed again, and keeps its seconds of
    ``before``, an earlier run, or those of its results."""
    texts, made = chosen.texts_of(planned.row).spec.name, []
    for place, part in enumerate(planned.parts):
        begun, there = monotonic(), None not in found_of(bench, part)
        title = f"{planned.row.paper}, {planned.row.place}"
        failed = () if there else bench.wait(PrepareTask(part.specs, title), report).failed
        results = [result for result in found_of(bench, part) if result is not None]
        seconds = monotonic() - begun
        if there:
            seconds = _known_seconds(before, place) or sum(result.seconds for result in results)
        if len(results) < len(part.asked):
            made.append(Made(part, None, seconds, " ".join(dict.fromkeys(one.reason for one in failed))))
            continue
        ours = ours_of(planned.row, part, results)
        names = tuple(info.spec.name for info in part.group.models)
        if planned.row.of == SERIES and chosen.series is not None:
            names = tuple(dict.fromkeys(one.task for one in part.asked))
        record = Record(names, texts, seconds, ours.verdict, ours.numbers, ours.by_model, ours.caveat)
        made.append(Made(part, record, seconds))
    return made


def _known_seconds(before: Sequence[Document] | None, place: int) -> float:
    """What a part took in the run before, by its place among those of its row."""
    parts = before or ()
    return float(parts[place].get("seconds", 0.0)) if place < len(parts) else 0.0


def identity(chosen: PaperChoice) -> Document:
    """What rows are of, as JSON: two runs of the command whose choices have the same identity can share a folder's document."""
    tasks = [[one.series.identity, one.texts.spec.digest, one.label] for one in chosen.tasks]
    return {
        "models": [[info.spec.name, info.spec.commit] for info in chosen.models],
        "texts": [chosen.texts.spec.digest, chosen.label],
        "general": chosen.general.spec.digest,
        "series": chosen.series.identity if chosen.series is not None else "",
        "tasks": tasks,
        "seed": chosen.seed,
    }


def document(
    bench: "Workbench",
    made: Mapping[str, Sequence[Made]],
    planned: Sequence[Planned],
    chosen: PaperChoice,
    about: str,
    before: Document | None = None,
) -> Document:
    """All of it as JSON: for each row its records, with the address, the commands and the recipes behind them.

    Rows of ``before``, an earlier document, that are not made (yet) are kept if it is of the same models, texts and series.
    """
    same = before is not None and before.get("choice") == identity(chosen)
    rows: dict[str, Any] = dict(before["rows"]) if same and before is not None else {}
    missing: dict[str, str] = dict(before["missing"]) if same and before is not None else {}
    for one in planned:
        if one.parts and one.row.key not in made:
            continue
        rows.pop(one.row.key, None)
        missing.pop(one.row.key, None)
        parts = made.get(one.row.key, ())
        rows[one.row.key] = [_part(bench, one.row, chosen, part) for part in parts if part.record is not None]
        why = one.why_not or " ".join(dict.fromkeys(part.why_not for part in parts if part.why_not))
        if why:
            missing[one.row.key] = why
    found = {key: parts for key, parts in rows.items() if parts}
    return {"about": about, "choice": identity(chosen), "rows": found, "missing": missing}


def _part(bench: "Workbench", row: PaperRow, chosen: PaperChoice, made: Made) -> Document:
    assert made.record is not None
    address: Address = address_of(bench, row, chosen, made.part)
    return {
        **document_of(made.record),
        "page": address.page,
        "address": {key: list(words) for key, words in address.words.items()},
        "turns": turns_of(row, made.part),
        "commands": list(commands_of(bench, row, chosen, made.part)),
        "recipes": [plain_values(bench.recipe(spec)) for spec in made.part.specs],
    }
