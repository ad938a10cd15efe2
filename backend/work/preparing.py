"""Doing a PrepareTask: each analysis that has no result yet, whatever became of the one before it."""

from backend.errors import Cancelled, EmbedscopeError
from backend.forms.fingerprint import fingerprint
from backend.metrics import METRICS
from backend.values.activations import Report
from backend.values.preparing import NotPrepared, Prepared, PrepareTask
from backend.values.specs import AnalysisSpec
from backend.work.filling import fill, part_of
from backend.work.kinds import Answers, Hands
from backend.work.measuring import measure


def prepare(hands: Hands, task: PrepareTask, report: Report) -> Prepared:
    """Do the analyses of ``task`` one by one; says which could not be done, and why."""
    failed = _each(hands, task, report, own=False)
    return Prepared(len(task.analyses) - len(failed), tuple(failed))


def prepare_own(hands: Hands, task: PrepareTask, report: Report) -> None:
    """The first of two steps: the activations of all, and the metrics that are for the worker that extracts.

    What fails is tried again in the second, which says so: a metric refuses what it cannot use at its beginning.
    """
    _each(hands, task, report, own=True)


def _each(hands: Hands, task: PrepareTask, report: Report, *, own: bool) -> list[NotPrepared]:
    failed, total = [], len(task.analyses)
    for number, spec in enumerate(task.analyses):
        if hands.store.has_result(fingerprint(spec)):
            continue
        part = part_of(report, number, total, _title(spec))
        part(0, 1, "begins")
        try:
            fill(hands, spec.inputs, part)
            if not own or METRICS[spec.metric].worker == "models":
                measure(hands, spec, part)
        except Cancelled:
            raise
        except EmbedscopeError as error:
            failed.append(NotPrepared(number, spec.metric, f"{error.message} {error.hint}".strip()))
    report(100 * total, 100 * total, "done")
    return failed


def find_prepared(answers: Answers, task: PrepareTask) -> Prepared | None:
    """What came of ``task``: what was written down of it, or, where all results are there now, that they are.

    Nothing is written down where nothing was left to do: such a task is over before it begins.
    """
    noted: Prepared | None = answers.noted(task)
    lacking = task.analyses if noted is None else [task.analyses[one.place] for one in noted.failed]
    if all(answers.result(spec) is not None for spec in lacking):
        return Prepared(len(task.analyses))
    return noted


def prepare_title(task: PrepareTask) -> str:
    """What the job is called."""
    return task.title or f"prepare {len(task.analyses)} analyses"


def _title(spec: AnalysisSpec) -> str:
    row = METRICS.get(spec.metric)
    return (row.title if row else spec.metric).replace("/", " ")
