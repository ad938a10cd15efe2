"""What the report of a pair says in plain numbers: the summary, the layers, the labels that moved, the texts that moved."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.report_words import READINGS, TITLES, Reading
from backend.results import Result

Found = Mapping[str, Result]
KEPT = 3  # dimensions left by the ablation of GPTology, figure 6
GREW, SHRANK, SAME = "grew", "shrank", "unchanged"


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One headline number before and after fine-tuning.

    ``before``, ``after`` and ``difference`` (after minus before) are None where they do not exist; ``reason`` then says
    why. Of a number about both models together, ``before`` is what the base gives with itself. ``unit`` is "share",
    "accuracy" (both in [0, 1]), "correlation", "count", "dimension" (an index) or "distance" (units of the activations).
    ``meaning`` says what the number tells, ``reference`` where the paper has it.
    """

    key: str
    title: str
    before: float | None
    after: float | None
    difference: float | None
    unit: str
    meaning: str
    reference: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One layer of the pair: CKA, share of common rogue dimensions, principal rogue dimensions, leading components that
    gained variance, share of neighbours kept, accuracy of the highest-variance dimension and of all; None where undefined."""

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


def summary_rows(found: Found, layer: int) -> tuple[SummaryRow, ...]:
    """The headline numbers of the layer with the number ``layer``, from the results of a ReportPlan by part.

    What the results have no part for is left out. Identical models differ in nothing.
    """
    source = found["cka_base"].sources[0]
    at, name = source.layers.index(layer), source.layer_names[source.layers.index(layer)]
    rows = [*_similarity(found, at, name), *_dimensions(found, at), *_components(found, at), *_movement(found, at)]
    if "threshold_base" in found:
        rows += _accuracies(found, at)
    if "neurons_base" in found:
        rows += _few_dimensions(found)
    if "clusters" in found:
        rows += _clusters(found)
    return tuple(rows)


def layer_rows(found: Found) -> tuple[LayerRow, ...]:
    """One row for each layer of the report."""
    base, tuned = found["rogue_base"].values, found["rogue_tuned"].values
    gained, kept = found["variance_ratio"].values, found["neighbours"].values
    rows = []
    for at, name in enumerate(found["cka_base"].sources[0].layer_names):
        defined = bool(np.isfinite(gained.ratio[at]).any())
        labelled = {}
        for side, part in (("before", "threshold_base"), ("after", "threshold_tuned")):
            if part in found:
                labelled[f"threshold_{side}"] = plain(found[part].values.accuracy[at])
                labelled[f"accuracy_{side}"] = plain(found[part].values.full_accuracy[at])
        rows.append(
            LayerRow(
                layer=name,
                cka=plain(found["cka"].values.matrix[at, at]),
                rogue_overlap=plain(found["rogue_overlap"].values.matrix[at, at]),
                principal_before=_index(base.principal[at]),
                principal_after=_index(tuned.principal[at]),
                components_gained=int(gained.n_above_one[at]) if defined else None,
                neighbours_kept=plain(kept.overlap[at, at]),
                **labelled,
            )
        )
    return tuple(rows)


def label_changes(clusters: Result) -> tuple[LabelChange, ...]:
    """Each label's least distance before and after, by the change, what grew most first; those without one last.

    ``clusters`` is direct_probe of the tuned model and its base (second), in one layer.
    """
    values = clusters.values
    changes = []
    for label, before, after in zip(
        values.split.classes, values.other_minimum[0].tolist(), values.minimum[0].tolist(), strict=True
    ):
        change = after - before
        verdict = ""
        if math.isfinite(change):
            within = abs(change) <= values.gap * max(before, after)
            verdict = SAME if within else GREW if change > 0 else SHRANK
        changes.append(LabelChange(label, plain(before), plain(after), plain(change), verdict))
    return tuple(sorted(changes, key=lambda one: math.inf if one.change is None else -one.change))


def moved_rows(neighbours: Result, layer: int, *, most: int = 20) -> tuple[MovedRow, ...]:
    """The rows that keep least of their nearest neighbours in the full space of a layer, those that keep least first.

    ``neighbours`` is neighbour_overlap of base and tuned; empty where the layer has no neighbours.
    """
    values = neighbours.values
    kept = values.per_row[neighbours.sources[0].layers.index(layer)]
    if not np.isfinite(kept).all():
        return ()
    order = np.argsort(kept, kind="stable")[:most].tolist()
    return tuple(MovedRow(int(values.row_index[i]), int(values.text_index[i]), float(kept[i])) for i in order)


# The rows of the summary


def _similarity(found: Found, at: int, name: str) -> list[SummaryRow]:
    across, names = found["cka"].values.matrix, found["cka_base"].sources[0].layer_names
    along = np.diagonal(across)
    known = np.flatnonzero(np.isfinite(along))
    rows = [_with_itself("cka", found["cka"], "matrix", across, (at, at), layer=name)]
    lowest = int(known[np.argmin(along[known])]) if len(known) else at
    where = names[lowest] if len(known) else ""
    rows.append(_with_itself("cka_lowest", found["cka"], "matrix", across, (lowest, lowest), layer=where))
    blocks = [place for place, layer in enumerate(names) if layer.startswith("block")]
    early, late = blocks[: len(blocks) // 2], blocks[len(blocks) // 2 :]
    within = np.array([(i, j) for i in late for j in late if i < j], dtype=np.int64).reshape(-1, 2)
    between = np.array([(i, j) for i in early for j in late], dtype=np.int64).reshape(-1, 2)
    for key, cells in (("cka_late", within), ("cka_halves", between)):
        pair = [_mean(found[part].values.matrix, cells) for part in ("cka_base", "cka_tuned")]
        rows.append(_row(key, *pair, reason="there are too few blocks, or a layer is undefined"))
    return rows


def _mean(matrix: npt.NDArray[np.float64], cells: npt.NDArray[np.int64]) -> float:
    return float(matrix[cells[:, 0], cells[:, 1]].mean()) if len(cells) else math.nan


def _dimensions(found: Found, at: int) -> list[SummaryRow]:
    overlap = found["rogue_overlap"]
    values = overlap.values
    rows = [
        _with_itself(
            "rogue_overlap", overlap, "matrix", values.matrix, (at, at), top=values.top, chance=float(values.chance)
        )
    ]
    sides = [found[part].values for part in ("rogue_base", "rogue_tuned")]
    before, after = (int(side.principal[at]) for side in sides)
    why = "no dimension varies in this layer"
    if min(before, after) < 0:
        rows.append(_row("principal", math.nan, math.nan, reason=why))
    else:
        rows.append(_row("principal", before, after, difference=0.0 if before == after else None))
    shares = [_share(side.variance[at], int(side.principal[at])) for side in sides]
    rows.append(_row("principal_share", *shares, reason=why))
    return rows


def _share(variance: npt.NDArray[np.float64], dim: int) -> float:
    return float(variance[dim] / variance.sum()) if dim >= 0 else math.nan


def _components(found: Found, at: int) -> list[SummaryRow]:
    result = found["variance_ratio"]
    values = result.values
    why = reason_of(result, "ratio", (at,))
    defined = bool(np.isfinite(values.ratio[at]).any())
    gained = float(values.n_above_one[at]) if defined else math.nan
    n_classes = len(found["threshold_base"].values.split.classes) if "threshold_base" in found else 0
    return [
        _row("first_component", values.base[at, 0], values.tuned[at, 0], reason=why),
        _row("components_gained", None, gained, reason=why, n_shown=values.ratio.shape[1], n_classes=n_classes),
    ]


def _movement(found: Found, at: int) -> list[SummaryRow]:
    result = found["neighbours"]
    values = result.values
    chance = float(values.by_chance)
    return [_with_itself("neighbours", result, "overlap", values.overlap, (at, at), k=values.k, chance=chance)]


def _accuracies(found: Found, at: int) -> list[SummaryRow]:
    sides = [found[part] for part in ("threshold_base", "threshold_tuned")]
    split = sides[0].values.split
    said = {"n_test": split.n_test, "majority": split.majority}
    full, one = ([getattr(side.values, name)[at] for side in sides] for name in ("full_accuracy", "accuracy"))
    why = reason_of(sides[0], "accuracy", (at,)) or reason_of(sides[1], "accuracy", (at,))
    own = [bool(side.values.own_head[at]) for side in sides]
    rows = [
        _row("accuracy", *full, reason=why, own=own, **said),
        _row("threshold", *one, reason=why, **said),
        _row("threshold_loss", *((f - o) / f if f else math.nan for f, o in zip(full, one, strict=True)), reason=why),
    ]
    ablated, why = [], ""
    for part in ("ablation_base", "ablation_tuned"):
        values = found[part].values
        lowest = values.orders.index("lowest")
        left = values.n_dims - KEPT
        ablated.append(float(values.accuracy[0, lowest, left]) if left >= 0 else math.nan)
        why = why or reason_of(found[part], "accuracy", (0, lowest)) or f"there are fewer than {KEPT} dimensions"
    return [*rows, _row("ablation", *ablated, reason=why, n_dims=values.n_dims, **said)]


def _few_dimensions(found: Found) -> list[SummaryRow]:
    sides = [found[part] for part in ("neurons_base", "neurons_tuned")]
    split = sides[0].values.split
    n_classes = len(split.classes)
    rows = []
    for place, key in ((1, "neurons_1"), (2, "neurons_5"), (3, "neurons_classes")):
        if place == 3 and n_classes == 5:
            continue
        pair = [side.values.test_accuracy[0, place] for side in sides]
        why = reason_of(sides[0], "test_accuracy", (0, place)) or reason_of(sides[1], "test_accuracy", (0, place))
        rows.append(_row(key, *pair, reason=why, n_test=split.n_test, majority=split.majority, n_classes=n_classes))
    return rows


def _clusters(found: Found) -> list[SummaryRow]:
    result = found["clusters"]
    values = result.values
    counts = (values.other_n_clusters[0], values.n_clusters[0])
    why = reason_of(result, "n_clusters", (0,)) or reason_of(result, "other_n_clusters", (0,))
    changes = label_changes(result)
    known = [one for one in changes if one.before is not None and one.after is not None]
    means = [
        float(np.mean([getattr(one, side) for one in known])) if known else math.nan for side in ("before", "after")
    ]
    verdicts = {verdict: sum(one.verdict == verdict for one in changes) for verdict in (GREW, SHRANK, SAME)}
    least = reason_of(result, "minimum", (0,)) or reason_of(result, "other_minimum", (0,)) or why
    return [
        _row(
            "clusters", *counts, reason=why, n_labels=int(values.n_labels), n_used=values.n_used, n_dims=values.n_dims
        ),
        _row("least_distance", *means, reason=least, n_labels=len(changes), **verdicts),
        _with_itself("spatial", result, "across", values.across, (0, 0), n_labels=int(values.n_labels)),
    ]


def _with_itself(
    key: str, result: Result, field: str, matrix: npt.NDArray[np.float64], at: tuple[int, int], **said: Any
) -> SummaryRow:
    """A row about both models together, in [0, 1] or a correlation: the base with itself gives 1."""
    value = float(matrix[at])
    return _row(key, 1.0 if math.isfinite(value) else math.nan, value, reason=reason_of(result, field, at), **said)


def _row(key: str, before: Any, after: Any, *, reason: str = "", difference: Any = "?", **said: Any) -> SummaryRow:
    start, end = plain(before), plain(after)
    if difference == "?":
        difference = None if start is None or end is None else end - start
    missing = end is None or (start is None and before is not None)
    title, unit, reference = TITLES[key]
    reading = Reading(start, end, plain(difference), said)
    meaning = "" if missing else READINGS[key](reading)
    return SummaryRow(
        key, title.format(**said), start, end, plain(difference), unit, meaning, reference, reason if missing else ""
    )


def reason_of(result: Result, field: str, at: tuple[int, ...]) -> str:
    """Why the number of ``field`` at ``at`` is undefined, or the first one below it; empty where all is defined."""
    for gap in result.undefined:
        if gap.field == field and (at[: len(gap.index)] == gap.index or gap.index[: len(at)] == at):
            return gap.reason
    return ""


def plain(value: Any) -> float | None:
    """``value`` as a float of Python's own, or None where it does not exist."""
    return None if value is None or not math.isfinite(value) else float(value)


def _index(value: Any) -> int | None:
    return int(value) if value >= 0 else None
