"""The analyses of a row, as the paper has them, and the command that computes each."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from backend.papers.chosen import Group, PaperChoice, groups_of
from backend.papers.row import AFTER_BEFORE, ONE, SERIES, PaperRow, Step
from backend.values.labels import command_word
from backend.values.models import ModelInfo
from backend.values.results import Result
from backend.values.specs import AnalysisSpec
from backend.values.texts import TextSetInfo, sets_meant

if TYPE_CHECKING:
    from backend.bench.workbench import Workbench

_DIGITS = 12  # of a text set's digest


@dataclass(frozen=True, slots=True)
class Asked:
    """One analysis of a row: its step, the models as the metric takes them, the spec, and the name of its series."""

    step: Step
    models: tuple[ModelInfo, ...]
    spec: AnalysisSpec
    task: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """What one figure of a row shows: the group of models, and the analyses behind it."""

    group: Group
    asked: tuple[Asked, ...]

    @property
    def specs(self) -> tuple[AnalysisSpec, ...]:
        """Its analyses, each once."""
        return tuple(dict.fromkeys(one.spec for one in self.asked))


def parts_of(bench: "Workbench", row: PaperRow, chosen: PaperChoice) -> tuple[Part, ...]:
    """The figures of a row for what is chosen; raises InvalidRequest where an analysis makes no sense."""
    return tuple(Part(group, tuple(_asked(bench, row, chosen, group))) for group in groups_of(bench, row, chosen))


def found_of(bench: "Workbench", part: Part) -> list[Result | None]:
    """The stored results of a part's analyses, in the order of ``asked``; None where there is none."""
    return [bench.peek(one.spec) for one in part.asked]


def _asked(bench: "Workbench", row: PaperRow, chosen: PaperChoice, group: Group) -> list[Asked]:
    found: list[Asked] = []
    for step in row.steps:
        if row.of == SERIES:
            found += [one for mine in _with_tasks(row, chosen) for one in _over_steps(bench, row, mine, step)]
            continue
        for models in _as_taken(step, group):
            given = _as_in_the_paper(bench, row, chosen, step, models[0])
            if group.layers and not row.mixed:
                given["layers"] = group.layers
            spec = bench.analysis(step.metric, models=models, beside=group.models, **given)
            found.append(Asked(step, models, spec))
    return found


def _as_taken(step: Step, group: Group) -> list[tuple[ModelInfo, ...]]:
    """The models of each analysis of a step, in the order in which its metric takes them."""
    if step.of == ONE:
        return [(info,) for info in group.models]
    first, *others = group.models
    return [(one, first) if step.of == AFTER_BEFORE else (first, one) for one in others]


def _as_in_the_paper(
    bench: "Workbench", row: PaperRow, chosen: PaperChoice, step: Step, first: ModelInfo
) -> dict[str, Any]:
    """What ``analysis`` is told beside the models."""
    asked = {
        "texts": chosen.texts_of(row),
        "pooling": None,
        "layers": "all",
        "label": chosen.label if row.labels else None,
        "params": dict(step.params),
        "seed": chosen.seed,
        "postprocess": (),
        "max_length": None,
        "tokens": None,
        "basis": _basis(row, chosen),
    }
    found, _ = bench.as_in_the_paper(step.metric, first, asked)
    return found


def _basis(row: PaperRow, chosen: PaperChoice) -> TextSetInfo | None:
    """The general texts, where they are others than the built-in ones and the metric fits something on them."""
    from backend.values.presets import PRESETS

    wanted = any(PRESETS[metric].basis for metric in row.metrics) and chosen.texts.spec.unit == "text"
    return chosen.general if wanted and chosen.general.spec.digest != chosen.texts.spec.digest else None


def _with_tasks(row: PaperRow, chosen: PaperChoice) -> list[PaperChoice]:
    """The choice, and for a row of several tasks that of each other task."""
    others = chosen.tasks if row.tasks else ()
    return [chosen, *(replace(chosen, series=one.series, texts=one.texts, label=one.label) for one in others)]


def _over_steps(bench: "Workbench", row: PaperRow, chosen: PaperChoice, step: Step) -> list[Asked]:
    series = chosen.series
    assert series is not None
    given = _as_in_the_paper(bench, row, chosen, step, series.models[0])
    if row.every_layer:
        given["layers"] = "all"
    task = bench.series_analyses(step.metric, series=series, against=step.against or None, **given)
    models = [tuple(_of(series.models, spec)) for spec in task.analyses]
    return [Asked(step, own, spec, series.name) for own, spec in zip(models, task.analyses, strict=True)]


def _of(models: Sequence[ModelInfo], spec: AnalysisSpec) -> list[ModelInfo]:
    """The models of a spec, in its order."""
    wanted = dict.fromkeys(item.model for item in spec.inputs)
    return [info for model in wanted for info in models if info.spec == model]


def commands_of(bench: "Workbench", row: PaperRow, chosen: PaperChoice, part: Part) -> tuple[str, ...]:
    """The commands that compute a part, one for each analysis; of a series one for each step of the row."""
    if row.of == SERIES:
        return tuple(one for mine in _with_tasks(row, chosen) for one in _series_commands(bench, row, mine))
    texts = text_words(bench, chosen.texts_of(row))
    found = []
    for one in part.asked:
        words = [word for info in one.models for word in ("--model", info.spec.name)]
        for other in one.spec.beside:
            words += ["--beside", other.name]
        found.append(_command(row, chosen, one.step, words, texts, basis=_basis_words(bench, row, chosen)))
    return tuple(dict.fromkeys(found))


def _series_commands(bench: "Workbench", row: PaperRow, chosen: PaperChoice) -> list[str]:
    assert chosen.series is not None
    texts = text_words(bench, chosen.texts_of(row))
    series = ["--series", chosen.series.name, "--at-most", str(chosen.at_most)]
    if row.every_layer:
        series += ["--layers", ",".join(map(str, range(len(chosen.series.models[0].layer_names))))]
    return [
        _command(row, chosen, step, [*series, *(["--against", step.against] if step.against else [])], texts)
        for step in row.steps
    ]


def _command(
    row: PaperRow, chosen: PaperChoice, step: Step, models: Sequence[str], texts: str, *, basis: Sequence[str] = ()
) -> str:
    words = ["--metric", step.metric, *models, "--texts", texts, *basis]
    if row.labels and chosen.label is not None:
        words += ["--label", chosen.label]
    for name, value in step.params.items():
        words += ["--param", f"{name}={command_word(value)}"]
    words += ["--seed", str(chosen.seed)] if chosen.seed else []
    return shlex.join(["python", "-m", "backend", "analyse", *words, "--as-in-the-paper"])


def _basis_words(bench: "Workbench", row: PaperRow, chosen: PaperChoice) -> list[str]:
    basis = _basis(row, chosen)
    return [] if basis is None else ["--basis-texts", text_words(bench, basis)]


def text_words(bench: "Workbench", texts: TextSetInfo) -> str:
    """What the command line calls a text set: its name, or digits of its digest where others have the name."""
    alike = sets_meant(bench.text_sets(), texts.spec.name)
    return texts.spec.name if len(alike) == 1 else texts.spec.table[:_DIGITS]
