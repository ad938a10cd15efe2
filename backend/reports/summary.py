"""What the report of a pair says in plain numbers: the summary, the layers, the labels that moved, the texts that moved."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.metrics.ablation.result import AblationResult
from backend.metrics.anisotropy.variance_ratio_metric import VarianceRatioResult
from backend.metrics.direct_probe.result import DirectProbeResult
from backend.metrics.neighbors.overlap import NeighbourOverlap
from backend.metrics.neurons.result import NeuronsResult
from backend.metrics.rogue.metric import RogueResult
from backend.metrics.rogue.overlap import RogueOverlapResult
from backend.metrics.shared.paired import Paired, mcnemar
from backend.metrics.similarity.metric import CkaResult
from backend.metrics.threshold.metric import ThresholdResult
from backend.reports.compare import CUT, FITTED, NOT_KEPT, OTHER_ROWS, OWN, SINGLE, compared, compared_ablations
from backend.reports.rows import GREW, SAME, SHRANK, Found, label_changes, plain, reason_of
from backend.reports.tested import tested_on
from backend.reports.words import READINGS, TITLES, Reading
from backend.values.results import Result, result_of, results_of, values_of

KEPT = 3  # dimensions left by the ablation of GPTology, figure 6


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One headline number before and after fine-tuning.

    ``before``, ``after`` and ``difference`` (after minus before) are None where they do not exist; ``reason`` then says
    why. ``p`` of two accuracies is how often two equal readers differ as much on the same rows (McNemar, exact). Of a number about
    both models together, ``before`` is what the base gives with itself. ``unit`` is "share",
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
    p: float | None = None


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
    said = f" {tested_on(found)}"
    return tuple(
        replace(row, meaning=row.meaning + said) if row.key == "accuracy" and row.meaning else row for row in rows
    )


# The rows of the summary


def _similarity(found: Found, at: int, name: str) -> list[SummaryRow]:
    across, names = values_of(found["cka"], CkaResult).matrix, found["cka_base"].sources[0].layer_names
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
        pair = [_mean(values_of(found[part], CkaResult).matrix, cells) for part in ("cka_base", "cka_tuned")]
        rows.append(_row(key, *pair, reason="there are too few blocks, or a layer is undefined"))
    return rows


def _mean(matrix: npt.NDArray[np.float64], cells: npt.NDArray[np.int64]) -> float:
    return float(matrix[cells[:, 0], cells[:, 1]].mean()) if len(cells) else math.nan


def _dimensions(found: Found, at: int) -> list[SummaryRow]:
    overlap = found["rogue_overlap"]
    values = values_of(overlap, RogueOverlapResult)
    rows = [
        _with_itself(
            "rogue_overlap", overlap, "matrix", values.matrix, (at, at), top=values.top, chance=float(values.chance)
        )
    ]
    sides = [values_of(found[part], RogueResult) for part in ("rogue_base", "rogue_tuned")]
    before, after = (int(side.principal[at]) for side in sides)
    why = "no dimension varies in this layer"
    if min(before, after) < 0:
        rows.append(_row("principal", math.nan, math.nan, reason=why))
    else:
        rows.append(_row("principal", before, after, difference=0.0 if before == after else None))
    rows.append(_row("principal_share", *(side.principal_share[at] for side in sides), reason=why))
    return rows


def _components(found: Found, at: int) -> list[SummaryRow]:
    result = found["variance_ratio"]
    values = values_of(result, VarianceRatioResult)
    why = reason_of(result, "ratio", (at,))
    defined = bool(np.isfinite(values.ratio[at]).any())
    gained = float(values.n_above_one[at]) if defined else math.nan
    n_classes = values_of(found["threshold_base"], ThresholdResult).split.n_used if "threshold_base" in found else 0
    return [
        _row("first_component", values.base[at, 0], values.tuned[at, 0], reason=why),
        _row("components_gained", None, gained, reason=why, n_shown=values.ratio.shape[1], n_classes=n_classes),
    ]


def _movement(found: Found, at: int) -> list[SummaryRow]:
    result = found["neighbours"]
    values = values_of(result, NeighbourOverlap)
    chance = float(values.by_chance)
    return [_with_itself("neighbours", result, "overlap", values.overlap, (at, at), k=values.k, chance=chance)]


def _accuracies(found: Found, at: int) -> list[SummaryRow]:
    sides = results_of([found[part] for part in ("threshold_base", "threshold_tuned")], ThresholdResult)
    split = sides[0].values.split
    said: dict[str, Any] = {"n_test": split.n_test, "majority": split.majority}
    names = ("fitted_accuracy", "single_accuracy", "accuracy", "full_accuracy")
    full, single, cut, own = ([getattr(side.values, name)[at] for side in sides] for name in names)
    why = reason_of(sides[0], "accuracy", (at,)) or reason_of(sides[1], "accuracy", (at,))
    rows = [_compared("accuracy", full, compared(sides[0], sides[1], FITTED, at), why, **said)]
    owns = [bool(side.values.own_head[at]) for side in sides]
    if any(owns):
        rows.append(_of_own_heads("accuracy_own", own, owns, compared(sides[0], sides[1], OWN, at), **said))
    after = sides[1].values
    paired = mcnemar(after.right[at, SINGLE], after.right[at, FITTED]) if len(after.right) else NOT_KEPT
    losses = [(f - o) / f if f else math.nan for f, o in zip(full, single, strict=True)]
    dims = _dims([int(side.values.dimension[at]) for side in sides])
    heads = list(zip(("before", "after"), full, single, strict=True))
    rows += [
        _compared("threshold", cut, compared(sides[0], sides[1], CUT, at), why, dims=dims, **said),
        _row("threshold_loss", *losses, reason=why, paired=paired, dims=dims, heads=heads),
    ]
    return [*rows, *_ablations(found, said)]


def _dims(dims: list[int]) -> str:
    """Which dimensions the readers of one dimension read, before and after."""
    which = "highest variance over the training rows"
    if min(dims) < 0:
        return which
    return f"{dims[0]}, {which}" if dims[0] == dims[1] else f"{dims[0]} before, {dims[1]} after, {which}"


def _ablations(found: Found, said: dict[str, Any]) -> list[SummaryRow]:
    """With three dimensions left: read by fitted heads, and by the models' own where there are any."""
    rows = []
    for key, prefix in (("ablation", ""), ("ablation_own", "own_")):
        there = [found.get(f"{prefix}ablation_{side}") for side in ("base", "tuned")]
        parts = [None if part is None else result_of(part, AblationResult) for part in there]
        owns = [bool(part is not None and part.values.own_head[0]) for part in parts]
        if not any(owns) and key == "ablation_own":
            continue
        numbers, why = [], ""
        for part in parts:
            if part is None:
                numbers.append(math.nan)
                continue
            values, lowest = part.values, part.values.orders.index("lowest")
            left = values.n_dims - KEPT
            numbers.append(float(values.accuracy[0, lowest, left]) if left >= 0 else math.nan)
            why = why or reason_of(part, "accuracy", (0, lowest)) or f"there are fewer than {KEPT} dimensions"
        first, second = parts
        paired: Paired | str = NOT_KEPT
        if first is not None and second is not None and left >= 0:
            paired = compared_ablations(first, second, lowest, left)
        if key == "ablation_own":
            rows.append(_of_own_heads(key, numbers, owns, paired, why=why, n_dims=values.n_dims, **said))
        else:
            rows.append(_compared(key, numbers, paired, why, n_dims=values.n_dims, **said))
    return rows


def _compared(key: str, pair: list[float], paired: Paired | str, why: str, **said: Any) -> SummaryRow:
    """A row of two accuracies of the same kind of reader: without a difference where their rows are not the same."""
    difference: Any = None if paired == OTHER_ROWS else "?"
    return _row(key, *pair, reason=why, difference=difference, paired=paired, **said)


def _of_own_heads(
    key: str, pair: list[float], owns: list[bool], paired: Paired | str, *, why: str = "", **said: Any
) -> SummaryRow:
    """A row of the models' own heads: compared where both have one that reads this layer and these labels."""
    if all(owns):
        return _compared(key, pair, paired, why, **said)
    numbers = [number if own else None for number, own in zip(pair, owns, strict=True)]
    reason = "" if owns[1] else "the model after fine-tuning has no head of its own for this layer and these labels"
    return _row(key, *numbers, reason=reason or why, paired="", **said)


def _few_dimensions(found: Found) -> list[SummaryRow]:
    sides = results_of([found[part] for part in ("neurons_base", "neurons_tuned")], NeuronsResult)
    split = sides[0].values.split
    n_classes = split.n_used
    rows = []
    for place, key in ((1, "neurons_1"), (2, "neurons_5"), (3, "neurons_classes")):
        if place == 3 and n_classes == 5:
            continue
        pair = [side.values.test_accuracy[0, place] for side in sides]
        why = reason_of(sides[0], "test_accuracy", (0, place)) or reason_of(sides[1], "test_accuracy", (0, place))
        said = {"n_test": split.n_test, "majority": split.majority, "n_classes": n_classes}
        rows.append(_compared(key, pair, compared(sides[0], sides[1], place), why, **said))
    return rows


def _clusters(found: Found) -> list[SummaryRow]:
    result = result_of(found["clusters"], DirectProbeResult)
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
    paired = said.get("paired")
    p = paired.p if isinstance(paired, Paired) and meaning else None
    why = reason if missing else ""
    return SummaryRow(key, title.format(**said), start, end, plain(difference), unit, meaning, reference, why, p)
