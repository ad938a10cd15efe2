"""Fine-tuned on one task, looked at on others: the table of Zhou & Srikumar's section 4.4, a row for each tuned model and text set."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from backend.errors import InvalidRequest
from backend.metrics.direct_probe.result import DirectProbeResult
from backend.metrics.probing.result import ProbingResult
from backend.reports.compare import compared_networks
from backend.reports.plan import check_pair
from backend.reports.rows import GREW, SAME, SHRANK, label_changes, plain, reason_of
from backend.values.models import ModelInfo
from backend.values.results import Result, result_of, results_of
from backend.values.specs import pooling_of
from backend.values.tasks import BatchTask
from backend.values.texts import TextSetInfo

if TYPE_CHECKING:
    from backend.bench.workbench import Workbench

_SHARED = ("test_share", "test_split", "drop_single", "max_rows")


@dataclass(frozen=True, slots=True)
class CrossTaskRow:
    """One text set of a cross-task comparison, in one layer, after one fine-tuning: that of the model ``tuned``.

    ``n_grew``, ``n_shrank`` and ``n_same`` of ``n_labels`` labels have a least distance that grew, shrank or stayed
    within the bounds between which it is proven; ``average_change`` is the mean change over the labels that have one, in
    the units of the activations. ``accuracy_before`` and ``accuracy_after`` (with standard deviations over the
    trainings) are of the networks of ``probing`` on the test rows, in [0, 1]. ``accuracy_change`` is their difference row by row on the same test rows,
    ``accuracy_change_error`` half its 95 % interval, None where the rows are not the same. None where undefined; ``reason`` says
    why.
    """

    texts: str
    label: str
    layer: str
    n_labels: int
    n_grew: int
    n_shrank: int
    n_same: int
    average_change: float | None
    accuracy_before: float | None
    accuracy_before_std: float | None
    accuracy_after: float | None
    accuracy_after_std: float | None
    majority: float
    n_test: int
    reason: str = ""
    accuracy_change: float | None = None
    accuracy_change_error: float | None = None
    tuned: str = ""


def plan_cross_task(
    bench: "Workbench",
    base: ModelInfo,
    tuned: ModelInfo | Sequence[ModelInfo],
    *,
    sets: Sequence[tuple[TextSetInfo, str]],
    layer: int,
    params: dict[str, Any] | None = None,
    pooling: str | None = None,
    beside: Sequence[ModelInfo] = (),
    **rows: Any,  # what `analysis` takes
) -> BatchTask:
    """DirectProbe and probes of a model and of each one tuned from it on each text set and label column of ``sets``, in one
    ``layer``, as one job.

    ``params`` are those of ``probing``; DirectProbe takes the ones that it shares. ``pooling`` is for sets of texts;
    rows that are words have their own. Raises InvalidRequest for a pair that cannot be compared, or no text set.
    """
    several = [tuned] if isinstance(tuned, ModelInfo) else list(tuned)
    if not several:
        raise InvalidRequest("No fine-tuned model was chosen.", "Choose at least one.")
    for one in several:
        check_pair(base, one)
    if not sets:
        raise InvalidRequest("No text set with labels was chosen.", "Choose at least one.")
    chosen = {"control": False, **(params or {})}
    shared = {name: value for name, value in chosen.items() if name in _SHARED} | {"control": False}
    specs = []
    for texts, label in sets:
        own = {"texts": texts, "label": label, "layers": [layer], "beside": (base, *several, *beside), **rows}
        own["pooling"] = pooling if texts.spec.unit == "text" else "words"
        clusters = [bench.analysis("direct_probe", models=[one, base], params=shared, **own) for one in several]
        own["pooling"] = pooling_of(clusters[0].inputs)
        probes = [bench.analysis("probing", models=[info], params=chosen, **own) for info in (base, *several)]
        specs += [clusters[0], *probes[:2]]
        specs += [spec for pair in zip(clusters[1:], probes[2:], strict=True) for spec in pair]
    names = ", ".join(one.spec.name for one in several)
    return BatchTask(tuple(specs), f"cross-task comparison of {base.spec.name} and {names}")


def cross_task_rows(results: Sequence[Result], labels: Sequence[str]) -> tuple[CrossTaskRow, ...]:
    """The table from the results of ``plan_cross_task``; ``labels`` are the columns, one a text set.

    For each text set there are the clusters and the probes of each tuned model, after the first clusters the base's probes.
    """
    size = len(results) // len(labels)
    rows = []
    for place, label in enumerate(labels):
        clusters, base, *rest = results[place * size : (place + 1) * size]
        after = [clusters, *rest]
        rows += [_row((one, base, two), label) for one, two in zip(after[::2], after[1::2], strict=True)]
    return tuple(rows)


def _row(group: Sequence[Result], label: str) -> CrossTaskRow:
    clusters = result_of(group[0], DirectProbeResult)
    before, after = results_of(group[1:], ProbingResult)
    changes = label_changes(clusters)
    known = [one.change for one in changes if one.change is not None]
    why = reason_of(clusters, "minimum", (0,)) or reason_of(clusters, "other_minimum", (0,))
    why = why or reason_of(before, "accuracy", (0,)) or reason_of(after, "accuracy", (0,))
    change = compared_networks(before, after) or (math.nan, math.nan)
    return CrossTaskRow(
        texts=clusters.sources[0].texts,
        label=label,
        layer=clusters.sources[0].layer_names[0],
        n_labels=len(changes),
        n_grew=sum(one.verdict == GREW for one in changes),
        n_shrank=sum(one.verdict == SHRANK for one in changes),
        n_same=sum(one.verdict == SAME for one in changes),
        average_change=plain(np.mean(known) if known else math.nan),
        accuracy_before=plain(before.values.accuracy[0]),
        accuracy_before_std=plain(before.values.accuracy_std[0]),
        accuracy_after=plain(after.values.accuracy[0]),
        accuracy_after_std=plain(after.values.accuracy_std[0]),
        majority=float(before.values.majority),
        n_test=int(before.values.n_test_used),
        reason=why,
        accuracy_change=plain(change[0]),
        accuracy_change_error=plain(change[1]),
        tuned=after.sources[0].model,
    )
