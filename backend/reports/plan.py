"""The report of a pair, before and after fine-tuning: which analyses it is made of, as one job, and its parts by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backend.errors import InvalidRequest
from backend.metrics.base import parse_params
from backend.metrics.shared.head_classes import HeadParams
from backend.values.lineage import Ordered
from backend.values.models import ModelInfo
from backend.values.results import Result
from backend.values.specs import AnalysisSpec, pooling_of
from backend.values.tasks import BatchTask
from backend.values.texts import TextSetInfo

if TYPE_CHECKING:
    from backend.bench.workbench import Workbench

QUICK, LABELS, HEAVY = "quick", "labels", "heavy"
_HEADED = ("threshold", "ablation")
SPLIT_FIELDS = ("test_share", "test_split", "drop_single")  # what every metric with labels is asked alike


@dataclass(frozen=True, slots=True)
class _Part:
    """One analysis: of which models ("b" base, "t" tuned, in this order), of all layers or of the one in question."""

    metric: str
    models: str
    every: bool = True
    needs: str = QUICK
    head: str = (
        ""  # which head reads it: "fitted", so that both models have the same kind, or "auto" for the model's own
    )


_PARTS = {
    "cka_base": _Part("cka", "b"),
    "cka_tuned": _Part("cka", "t"),
    "cka": _Part("cka", "bt"),
    "rogue_base": _Part("rogue", "b"),
    "rogue_tuned": _Part("rogue", "t"),
    "rogue_overlap": _Part("rogue_overlap", "bt"),
    "variance_ratio": _Part("variance_ratio", "tb"),
    "neighbours": _Part("neighbour_overlap", "bt"),
    "threshold_base": _Part("threshold", "b", needs=LABELS),
    "threshold_tuned": _Part("threshold", "t", needs=LABELS),
    "ablation_base": _Part("ablation", "b", every=False, needs=LABELS, head="fitted"),
    "ablation_tuned": _Part("ablation", "t", every=False, needs=LABELS, head="fitted"),
    "own_ablation_base": _Part("ablation", "b", every=False, needs=LABELS, head="auto"),
    "own_ablation_tuned": _Part("ablation", "t", every=False, needs=LABELS, head="auto"),
    "clusters": _Part("direct_probe", "tb", every=False, needs=HEAVY),
    "neurons_base": _Part("neurons", "b", every=False, needs=HEAVY),
    "neurons_tuned": _Part("neurons", "t", every=False, needs=HEAVY),
}


@dataclass(frozen=True, slots=True)
class ReportPlan:
    """The analyses of a report: ``parts`` names those of ``task``, in their order.

    ``layers`` are the layer numbers on show, ``layer`` the one that the summary is about; ``label`` is the column of
    the classes, or None where the report does without. ``reversed`` says why the two are the wrong way round, where they are
    known to be; it is empty otherwise.
    """

    base: ModelInfo
    tuned: ModelInfo
    layers: tuple[int, ...]
    layer: int
    pooling: str
    label: str | None
    parts: tuple[str, ...]
    task: BatchTask
    reversed: str = ""

    def named(self, results: Sequence[Result]) -> dict[str, Result]:
        """The results of ``task``, which come in the order of its analyses, by the names of the parts."""
        return dict(zip(self.parts, results, strict=True))


def check_pair(base: ModelInfo, tuned: ModelInfo) -> None:
    """Refuse two models whose layers or dimensions do not correspond; raises InvalidRequest that names both."""
    names, how = (base.spec.name, tuned.spec.name), "Choose a model and its fine-tuned version."
    if base.n_dims != tuned.n_dims:
        raise InvalidRequest(
            f"{names[0]} has {base.n_dims:,} dimensions, {names[1]} {tuned.n_dims:,}: they do not correspond.", how
        )
    if base.layer_names != tuned.layer_names:
        raise InvalidRequest(
            f"{names[0]} has {len(base.layer_names)} layers ({base.layer_names[0]} to {base.layer_names[-1]}), "
            f"{names[1]} {len(tuned.layer_names)} ({tuned.layer_names[0]} to {tuned.layer_names[-1]}): they do not "
            "correspond.",
            how,
        )


def _order_of(base: ModelInfo, tuned: ModelInfo, classes: str | Sequence[str]) -> tuple[str, ...]:
    """The order of a head's outputs that a person gave; raises InvalidRequest where neither model has so many."""
    order: tuple[str, ...] = parse_params(HeadParams, {"classes": classes}).classes
    if order and len(order) not in (len(base.labels), len(tuned.labels)):
        outputs = " and ".join(
            f"{info.spec.name} has {len(info.labels) or 'no head of its own'}" for info in (base, tuned)
        )
        raise InvalidRequest(
            f"The order of the classes names {len(order)}; outputs of the heads: {outputs}.",
            "Name one class for each output, in their order.",
        )
    return order


def reversed_pair(order: Ordered, base: ModelInfo) -> str:
    """Why ``base``, given as the model before, is the one after; empty where it is not, or where it is not known."""
    if not order.known or order.before is base:
        return ""
    return f"{order.before.spec.name} came before and {order.after.spec.name} after, not the other way round. {order.reason}"


def plan_report(
    bench: "Workbench",
    base: ModelInfo,
    tuned: ModelInfo,
    *,
    texts: TextSetInfo,
    label: str | None = None,
    layers: str | Sequence[int] = "all",
    layer: str | int | None = None,
    heavy: bool = False,
    split: Mapping[str, Any] | None = None,
    classes: str | Sequence[str] = (),
    beside: Sequence[ModelInfo] = (),
    **rows: Any,  # what `analysis` takes
) -> ReportPlan:
    """What is computed for the report of ``base`` and ``tuned`` over ``texts``.

    With ``label`` the metrics of one layer's labels are there too, with ``heavy`` those of them that take minutes.
    ``layer`` (number or name; the last of ``layers`` where None) is the one that they and the summary are about;
    ``split`` are parameters of SPLIT_FIELDS, ``rows`` what ``Workbench.analysis`` is told of the rows. ``classes`` is the order
    of the outputs of the models' own heads; a head of another number of outputs is not read by it. Raises InvalidRequest
    for a pair that cannot be compared, and for an order that fits neither head.
    """
    check_pair(base, tuned)
    reversed_why = reversed_pair(bench.in_order([base, tuned]), base)
    models = {"b": base, "t": tuned}
    first = bench.analysis("cka", models=[base], texts=texts, layers=layers, **rows)
    rows["pooling"] = pooling_of(first.inputs)
    numbers = tuple(wanted.layer for wanted in first.inputs)
    at = numbers[-1]
    if layer is not None:
        asked = [layer] if isinstance(layer, int) else layer
        at = bench.analysis("cka", models=[base], texts=texts, layers=asked, **rows).inputs[-1].layer
    if at not in numbers:
        raise InvalidRequest(
            f"The summary was asked for {base.layer_names[at]}, which is not a layer of the report.",
            "Choose a layer that the report has, or all layers.",
        )
    parts = {
        name: part
        for name, part in _PARTS.items()
        if part.needs == QUICK or (label is not None and (part.needs == LABELS or heavy))
        if part.head != "auto" or len(models[part.models].labels) > 1
    }

    order = _order_of(base, tuned, classes)

    def spec(part: _Part) -> AnalysisSpec:
        chosen = [models[which] for which in part.models]
        labelled: dict[str, Any] = {}
        if part.needs != QUICK:
            params: dict[str, Any] = {**(split or {}), "control": False}
            if part.head:
                params["head"] = part.head
            if part.metric in _HEADED and len(chosen[0].labels) == len(order):
                params["classes"] = order
            labelled = {"label": label, "params": params}
        return bench.analysis(
            part.metric,
            models=chosen,
            texts=texts,
            layers=numbers if part.every else [at],
            beside=(base, tuned, *beside),
            **labelled,
            **rows,
        )

    title = f"report of {base.spec.name} and {tuned.spec.name} on {texts.spec.name}"
    task = BatchTask(tuple(spec(part) for part in parts.values()), title)
    return ReportPlan(base, tuned, numbers, at, rows["pooling"], label, tuple(parts), task, reversed_why)
