"""The report of a pair row by row: its layers, the labels that moved, the texts that moved; and what is read of results."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backend.metrics.anisotropy.variance_ratio_metric import VarianceRatioResult
from backend.metrics.direct_probe.result import DirectProbeResult
from backend.metrics.neighbors.overlap import NeighbourOverlap
from backend.metrics.rogue.metric import RogueResult
from backend.metrics.rogue.overlap import RogueOverlapResult
from backend.metrics.similarity.metric import CkaResult
from backend.metrics.threshold.metric import ThresholdResult
from backend.values.results import Result, values_of

Found = Mapping[str, Result]
GREW, SHRANK, SAME = "grew", "shrank", "unchanged"


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One layer of the pair: CKA, share of common rogue dimensions, principal rogue dimensions, leading components that
    gained variance, share of neighbours kept, accuracy of the highest-variance dimension (cut) and of all (a fitted head); None where undefined."""

    layer: str
    cka: float | None
    rogue_overlap: float | None
    principal_before: int | None
    principal_after: int | None
    components_gained: int | None
    neighbours_kept: float | None
    threshold_before: float | None = None
    threshold_after: float | None = None
    accuracy_before: float | None = None
    accuracy_after: float | None = None


@dataclass(frozen=True, slots=True)
class LabelChange:
    """A label's least distance to any other, before and after: ``verdict`` is "grew", "shrank" or "unchanged", the last
    where the change is within the bounds between which distances are proven; empty where a distance is missing."""

    label: str
    before: float | None
    after: float | None
    change: float | None
    verdict: str


@dataclass(frozen=True, slots=True)
class MovedRow:
    """A row and the share of its nearest neighbours that it keeps; ``text`` is the row of the text set it belongs to."""

    row: int
    text: int
    kept: float


def layer_rows(found: Found) -> tuple[LayerRow, ...]:
    """One row for each layer of the report."""
    base, tuned = (values_of(found[part], RogueResult) for part in ("rogue_base", "rogue_tuned"))
    gained = values_of(found["variance_ratio"], VarianceRatioResult)
    kept = values_of(found["neighbours"], NeighbourOverlap)
    cka, shared = values_of(found["cka"], CkaResult), values_of(found["rogue_overlap"], RogueOverlapResult)
    rows = []
    for at, name in enumerate(found["cka_base"].sources[0].layer_names):
        defined = bool(np.isfinite(gained.ratio[at]).any())
        labelled = {}
        for side, part in (("before", "threshold_base"), ("after", "threshold_tuned")):
            if part in found:
                heads = values_of(found[part], ThresholdResult)
                labelled[f"threshold_{side}"] = plain(heads.accuracy[at])
                labelled[f"accuracy_{side}"] = plain(heads.fitted_accuracy[at])
        rows.append(
            LayerRow(
                layer=name,
                cka=plain(cka.matrix[at, at]),
                rogue_overlap=plain(shared.matrix[at, at]),
                principal_before=_index(base.principal[at]),
                principal_after=_index(tuned.principal[at]),
                components_gained=int(gained.n_above_one[at]) if defined else None,
                neighbours_kept=plain(kept.overlap[at, at]),
                **labelled,
            )
        )
    return tuple(rows)


def label_changes(
    clusters: Result[DirectProbeResult], layer: int = 0, *, first_is_before: bool = False
) -> tuple[LabelChange, ...]:
    """Each label's least distance before and after, by the change, what grew most first; those without one last.

    ``clusters`` is direct_probe of two models, ``layer`` a place among its layers. Of the models the second is the one before, unless
    ``first_is_before``. Labels without a row in use, such as classes that were left out, are not among them.
    """
    values = clusters.values
    changes = []
    used = set(values.row_label.tolist())
    sides = [values.other_minimum[layer].tolist(), values.minimum[layer].tolist()]
    columns = (values.split.classes, *(sides[::-1] if first_is_before else sides))
    for number, (label, before, after) in enumerate(zip(*columns, strict=True)):
        if number not in used:
            continue
        change = after - before
        verdict = ""
        if math.isfinite(change):
            within = abs(change) <= values.gap * max(before, after)
            verdict = SAME if within else GREW if change > 0 else SHRANK
        changes.append(LabelChange(label, plain(before), plain(after), plain(change), verdict))
    return tuple(sorted(changes, key=lambda one: math.inf if one.change is None else -one.change))


def moved_rows(neighbours: Result[NeighbourOverlap], layer: int, *, most: int = 20) -> tuple[MovedRow, ...]:
    """The rows that keep least of their nearest neighbours in the full space of a layer, those that keep least first.

    ``neighbours`` is neighbour_overlap of base and tuned; empty where the layer has no neighbours.
    """
    values = neighbours.values
    kept = values.per_row[neighbours.sources[0].layers.index(layer)]
    if not np.isfinite(kept).all():
        return ()
    order = np.argsort(kept, kind="stable")[:most].tolist()
    return tuple(MovedRow(int(values.row_index[i]), int(values.text_index[i]), float(kept[i])) for i in order)


def reason_of(result: Result, field: str, at: tuple[int, ...]) -> str:
    """Why the number of ``field`` at ``at`` is undefined, or the first one below it; empty where all is defined."""
    for gap in result.undefined:
        if gap.field == field and (at[: len(gap.index)] == gap.index or gap.index[: len(at)] == at):
            return gap.reason
    return ""


def plain(value: float | np.floating | None) -> float | None:
    """``value`` as a float of Python's own, or None where it does not exist."""
    return None if value is None or not math.isfinite(value) else float(value)


def _index(value: Any) -> int | None:
    return int(value) if value >= 0 else None
