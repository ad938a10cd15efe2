"""What a row is to be of: the models, texts and series that somebody chose, and the groups of them that one figure shows."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby
from typing import TYPE_CHECKING

from backend.papers.row import COUPLE, EACH, FAMILY, PAIR, SERIES, PaperRow
from backend.values.likeness import preset_of
from backend.values.models import ModelInfo, SeriesInfo
from backend.values.presets import Preset
from backend.values.runs import PREFIX, RunInfo, run_called
from backend.values.texts import TextSetInfo

if TYPE_CHECKING:
    from backend.bench.workbench import Workbench

MOST_TOGETHER = 6  # models that a page shows at a time


@dataclass(frozen=True, slots=True)
class OtherTask:
    """A run of fine-tuning on another task: its checkpoints, and the texts and labels that it learned from."""

    series: SeriesInfo
    texts: TextSetInfo
    label: str


@dataclass(frozen=True, slots=True)
class PaperChoice:
    """The models, texts and series for which rows are asked.

    ``texts`` with the column ``label`` are those of the rows about a task; ``general`` those of the rows that read general text,
    and of a general basis. ``series`` are the checkpoints of the rows over steps, at most ``at_most`` of them, and
    ``tasks`` the runs of other tasks beside them.
    """

    models: tuple[ModelInfo, ...]
    texts: TextSetInfo
    general: TextSetInfo
    label: str | None = None
    series: SeriesInfo | None = None
    at_most: int = 12
    seed: int = 0
    tasks: tuple[OtherTask, ...] = ()

    def texts_of(self, row: PaperRow) -> TextSetInfo:
        """The text set that a row reads."""
        preset = preset_for(row)
        return self.general if preset is not None and preset.texts else self.texts


@dataclass(frozen=True, slots=True)
class Group:
    """Models that one figure shows together, with the pooling and the layers (numbers; none: all) that the paper has for them.

    Of a pair ``models`` are the one before and the one after, of a family the one before and all after it; else ``before`` has, for rows that compare them, the names of a model
    that was made from another one here, and of that.
    """

    models: tuple[ModelInfo, ...]
    pooling: str
    layers: tuple[int, ...]
    before: tuple[tuple[str, str], ...] = ()


def learned_from(run: RunInfo, sets: Sequence[TextSetInfo]) -> TextSetInfo | None:
    """The texts that a run learned from, where they are still among ``sets`` with its labels."""
    found = next((info for info in sets if info.spec.table == run.table), None)
    return found if found is not None and run.label in found.columns else None


def runs_of_tasks(bench: "Workbench", models: Sequence[ModelInfo], series: SeriesInfo | None) -> list[RunInfo]:
    """The runs that ``models`` are steps of, beside that of the ``series``, whose texts are still there; each once."""
    runs, sets = bench.runs(), bench.text_sets()
    taken = series.name.removeprefix(PREFIX) if series is not None else ""
    found: dict[str, RunInfo] = {}
    for name in (info.spec.name for info in models if info.spec.name.startswith(PREFIX)):
        run = run_called(runs, name.removeprefix(PREFIX).partition("@")[0])
        if (
            run is not None
            and run.steps
            and taken not in (run.name, *run.former)
            and learned_from(run, sets) is not None
        ):
            found.setdefault(run.name, run)
    return list(found.values())


def preset_for(row: PaperRow) -> Preset | None:
    """The settings that the paper has for the first analysis of a row; None where it has none."""
    return preset_of(row.steps[0].metric) if row.steps else None


def lacking(row: PaperRow, chosen: PaperChoice) -> str:
    """Why a row cannot be had of what is chosen, as a sentence; empty where it can."""
    if not row.steps:
        return row.absent
    if row.labels and chosen.label is None:
        return f"The text set {chosen.texts.spec.name} has no label column, or none is chosen: this needs labels."
    if row.of == SERIES:
        return (
            "" if chosen.series is not None else "This needs a series of checkpoints: name a run or a folder of them."
        )
    if not chosen.models:
        return "Choose a model."
    if row.of in (PAIR, FAMILY, COUPLE) and len(chosen.models) < 2:
        return (
            "This needs two models."
            if row.of == COUPLE
            else "This needs two models: one before and one after fine-tuning."
        )
    return ""


def groups_of(bench: "Workbench", row: PaperRow, chosen: PaperChoice) -> tuple[Group, ...]:
    """The groups of what is chosen that one figure of a row shows each; none where ``lacking`` says why."""
    if lacking(row, chosen):
        return ()
    preset, unit = preset_for(row), chosen.texts_of(row).spec.unit
    assert preset is not None
    if row.of == SERIES:
        assert chosen.series is not None
        first = chosen.series.models[0]
        layers = () if row.every_layer else _layers(preset, first)
        return (Group(chosen.series.models, preset.pooling_for(first, unit), layers),)

    def shape(info: ModelInfo) -> tuple[str, tuple[int, ...]]:
        return preset.pooling_for(info, unit), _layers(preset, info)

    if row.mixed:
        return tuple(
            _mixed(bench, row, chosen.models[at : at + MOST_TOGETHER], shape)
            for at in range(0, len(chosen.models), MOST_TOGETHER)
        )
    alike = groupby(sorted(chosen.models, key=shape), key=shape)  # one pooling and one list of layers for a page
    found = [Group(tuple(models), *how) for how, models in alike]
    return tuple(part for group in found for part in _parts(bench, row, group))


def _mixed(
    bench: "Workbench",
    row: PaperRow,
    models: tuple[ModelInfo, ...],
    shape: Callable[[ModelInfo], tuple[str, tuple[int, ...]]],
) -> Group:
    """Models of any shapes in one figure: each has its own pooling and layers there; the sidebar's must fit all."""
    shapes = list(dict.fromkeys(map(shape, models)))
    poolings = {pooling for pooling, _ in shapes}
    pooling = poolings.pop() if len(poolings) == 1 else "mean"
    layers = shapes[0][1] if row.tuned and len(shapes) == 1 else ()
    return Group(models, pooling, layers, _before(bench, models) if row.tuned else ())


def _before(bench: "Workbench", models: Sequence[ModelInfo]) -> tuple[tuple[str, str], ...]:
    """Of each of ``models`` that was made from another one of them, both names; of two alone the first is before where nobody knows."""
    found: dict[str, str] = {}
    for pair in combinations(models, 2):
        ordered = bench.in_order(pair)
        if ordered.known or len(models) == 2:
            found.setdefault(ordered.after.spec.name, ordered.before.spec.name)
    return tuple(found.items())


def _layers(preset: Preset, info: ModelInfo) -> tuple[int, ...]:
    """The layer numbers of a preset for a model; none where they are all."""
    layers = preset.layers_for(info)
    return () if len(layers) == len(info.layer_names) else layers


def _parts(bench: "Workbench", row: PaperRow, group: Group) -> Iterator[Group]:
    if row.of == EACH:
        for at in range(0, len(group.models), MOST_TOGETHER):
            yield Group(group.models[at : at + MOST_TOGETHER], group.pooling, group.layers)
        return
    alone = len(group.models) == 2
    pairs = [pair for pair in combinations(group.models, 2) if fits(bench, row, pair, alone=alone)]
    ordered = [tuple(bench.in_order(pair).models) for pair in pairs]
    if row.of == FAMILY:
        ordered = list(_families(ordered))
    for models in ordered:
        yield Group(models, group.pooling, group.layers)


def _families(pairs: Sequence[tuple[ModelInfo, ...]]) -> Iterator[tuple[ModelInfo, ...]]:
    """Each model that stands before another, with all those after it, as many as a page shows."""
    for first in dict.fromkeys(pair[0].spec for pair in pairs):
        mine = [pair for pair in pairs if pair[0].spec == first]
        for at in range(0, len(mine), MOST_TOGETHER - 1):
            yield mine[0][0], *(after for _, after in mine[at : at + MOST_TOGETHER - 1])


def fits(bench: "Workbench", row: PaperRow, pair: Sequence[ModelInfo], *, alone: bool) -> bool:
    """Whether two models are a pair for a row: of one shape, and one made from the other, where more than these two are there."""
    one, other = pair
    if (one.n_dims, one.layer_names) != (other.n_dims, other.layer_names):
        return False
    return row.of == COUPLE or alone or bench.in_order(pair).known
