"""The report of a pair, and a cross-task comparison, as JSON: plain numbers, and the recipe of every analysis."""

from collections.abc import Sequence

from backend.forms.documents import plain_values
from backend.metrics.direct_probe.result import DirectProbeResult
from backend.metrics.neighbors.overlap import NeighbourOverlap
from backend.metrics.similarity.metric import CkaResult
from backend.reports.cross_task import CrossTaskRow
from backend.reports.differences import cka_difference
from backend.reports.plan import ReportPlan
from backend.reports.rows import label_changes, layer_rows, moved_rows
from backend.reports.summary import summary_rows
from backend.values.json_data import Document
from backend.values.results import Result, result_of, results_of


def report_document(plan: ReportPlan, results: Sequence[Result]) -> Document:
    """The JSON form of a report: ``python -m backend run`` computes (or fetches) its whole results by ``recipe``."""
    found = plan.named(results)
    return {
        "report": {
            "base": plan.base.spec.name,
            "tuned": plan.tuned.spec.name,
            "texts": results[0].sources[0].texts,
            "pooling": plan.pooling,
            "label": plan.label,
            "layer": plan.base.layer_names[plan.layer],
            **({"reversed": plan.reversed} if plan.reversed else {}),
        },
        "summary": plain_values(summary_rows(found, plan.layer)),
        "cka_difference": plain_values(cka_difference(*results_of([found["cka_base"], found["cka_tuned"]], CkaResult))),
        "layers": plain_values(layer_rows(found)),
        "labels": plain_values(label_changes(result_of(found["clusters"], DirectProbeResult)))
        if "clusters" in found
        else [],
        "moved": plain_values(moved_rows(result_of(found["neighbours"], NeighbourOverlap), plan.layer)),
        **_rest(results),
    }


def cross_task_document(rows: Sequence[CrossTaskRow], results: Sequence[Result]) -> Document:
    """The JSON form of a cross-task comparison."""
    names = list(dict.fromkeys(row.tuned for row in rows))
    tuned = names[0] if len(names) == 1 else names
    return {
        "cross_task": {"base": results[1].sources[0].model, "tuned": tuned},
        "rows": plain_values(tuple(rows)),
        **_rest(results),
    }


def _rest(results: Sequence[Result]) -> Document:
    return {
        "notes": list(dict.fromkeys(note for result in results for note in result.notes)),
        "sources": plain_values(tuple(dict.fromkeys(source for result in results for source in result.sources))),
        "seed": results[0].seed,
        "recipe": [plain_values(result.recipe) for result in results],
        "fingerprints": [result.fingerprint for result in results],
        "versions": dict(results[0].versions),
    }
