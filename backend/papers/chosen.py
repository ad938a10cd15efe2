"""What a row is to be of: the models, texts and series that somebody chose, and the groups of them that one figure shows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby
from typing import TYPE_CHECKING

from backend.papers.row import COUPLE, EACH, PAIR, SERIES, PaperRow
from backend.values.likeness import preset_of
from backend.values.models import ModelInfo, SeriesInfo
from backend.values.presets import Preset
from backend.values.texts import TextSetInfo

if TYPE_CHECKING:
    from backend.bench.workbench import Workbench

MOST_TOGETHER = 6  # models that a page shows at a time


@dataclass(frozen=True, slots=True)
class PaperChoice:
    """The models, texts and series for which rows are asked.

    ``texts`` with the column ``label`` are those of the rows about a task; ``general`` those of the rows that read general text,
    and of a general basis. ``series`` are the checkpoints of the rows over steps, at most ``at_most`` of them.
    """

    models: tuple[ModelInfo, ...]
    texts: TextSetInfo
    general: TextSetInfo
    label: str | None = None
    series: SeriesInfo | None = None
    at_most: int = 12
    seed: int = 0

    def texts_of(self, row: PaperRow) -> TextSetInfo:
        """The text set that a row reads."""
        preset = preset_for(row)
        return self.general if preset is not None and preset.texts else self.texts


@dataclass(frozen=True, slots=True)
class Group:
    """Models that one figure shows together, with the pooling and the layers (numbers; none: all) that the paper has for them.

    Of a pair ``models`` are the one before and the one after.
    """

    models: tuple[ModelInfo, ...]
    pooling: str
    layers: tuple[int, ...]


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
    if row.of in (PAIR, COUPLE) and len(chosen.models) < 2:
        return (
            "This needs two models: one before and one after fine-tuning."
            if row.of == PAIR
            else "This needs two models."
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
        together = chosen.models[:MOST_TOGETHER]
        poolings = {
            preset.pooling_for(info, unit) for info in together
        }  # each model has its own; the sidebar's must fit all
        return (Group(together, poolings.pop() if len(poolings) == 1 else "mean", ()),)
    alike = groupby(sorted(chosen.models, key=shape), key=shape)  # one pooling and one list of layers for a page
    found = [Group(tuple(models), *how) for how, models in alike]
    return tuple(part for group in found for part in _parts(bench, row, group))


def _layers(preset: Preset, info: ModelInfo) -> tuple[int, ...]:
    """The layer numbers of a preset for a model; none where they are all."""
    layers = preset.layers_for(info)
    return () if len(layers) == len(info.layer_names) else layers


def _parts(bench: "Workbench", row: PaperRow, group: Group) -> Iterator[Group]:
    if row.of == EACH:
        for at in range(0, len(group.models), MOST_TOGETHER):
            yield Group(group.models[at : at + MOST_TOGETHER], group.pooling, group.layers)
        return
    for pair in combinations(group.models, 2):
        if fits(bench, row, pair, alone=len(group.models) == 2):
            yield Group(bench.in_order(pair).models, group.pooling, group.layers)


def fits(bench: "Workbench", row: PaperRow, pair: Sequence[ModelInfo], *, alone: bool) -> bool:
    """Whether two models are a pair for a row: of one shape, and one made from the other, where more than these two are there."""
    one, other = pair
    if (one.n_dims, one.layer_names) != (other.n_dims, other.layer_names):
        return False
    return row.of == COUPLE or alone or bench.in_order(pair).known
