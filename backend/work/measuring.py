"""Doing analyses: one, or several as one job. The activations that are missing first, then the metric on them."""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest, StoreError
from backend.forms.fingerprint import fingerprint
from backend.metrics import METRICS
from backend.metrics.base import Outcome
from backend.metrics.shared.splits import SplitParams, split_rows
from backend.store.claims import making
from backend.values.activations import Labels, LayerStack, Report
from backend.values.history import History
from backend.values.models import OBJECT_PREFIX
from backend.values.preparing import PrepareTask
from backend.values.results import Result
from backend.values.specs import AnalysisSpec
from backend.values.tasks import BatchTask
from backend.values.working import processor_seconds, working_seconds
from backend.work.analyses import check_analysis
from backend.work.checks import MOST_TASKS, within
from backend.work.choices import analysis_words
from backend.work.computing import computed
from backend.work.costing import note_analysis
from backend.work.early import nothing_left, shown_early
from backend.work.filling import fill, part_of
from backend.work.kinds import About, Answers, Hands, Steps
from backend.work.planning import row_labels
from backend.work.provenance import model_notes, source, stack_notes, versions
from backend.work.stacks import ActivationsLost, fits_rows, groups_of


def analyse(hands: Hands, task: AnalysisSpec, report: Report) -> None:
    """Do one analysis, unless its result is there."""
    if not hands.store.has_result(fingerprint(task)):
        fill(hands, task.inputs, report)
        measure(hands, task, report)


def analyse_all(hands: Hands, task: BatchTask, report: Report) -> None:
    """Do the analyses of ``task`` that have no result yet; one count goes over all of them."""
    todo = [spec for spec in task.analyses if not hands.store.has_result(fingerprint(spec))]
    before = len(task.analyses) - len(todo)
    if hands.helpers is not None and not any(map(_of_objects, todo)):
        fill(hands, tuple(item for spec in todo for item in spec.inputs), report)
        hands.helpers.measure(hands, todo, report)
        return
    everywhere = set.intersection(*(_models(spec) for spec in task.analyses))
    for number, spec in enumerate(todo, before):
        part = part_of(report, number, len(task.analyses), _step(spec, everywhere))
        fill(hands, spec.inputs, part)
        measure(hands, spec, part)


def _models(spec: AnalysisSpec) -> set[str]:
    return {item.model.name for item in spec.inputs}


def _step(spec: AnalysisSpec, everywhere: set[str]) -> str:
    """The model that an analysis of a batch is about: not the one ``everywhere``, which each step of a series is compared with."""
    own = [item.model.name for item in spec.inputs if item.model.name not in everywhere]
    return (own or [spec.inputs[-1].model.name])[-1]


def measure(hands: Hands, spec: AnalysisSpec, report: Report) -> None:
    """Run the metric of ``spec`` on activations that are there, and store its result; nothing where another job just did.

    Where some are lost or damaged on the disk meanwhile they are extracted again, twice at most; then ActivationsLost is raised.
    """
    if hands.helpers is not None and not _of_objects(spec):
        hands.helpers.measure(hands, (spec,), report)
        return
    digest = fingerprint(spec)
    with making(hands.store.folder, digest, report), nothing_left(hands.store, digest):
        if hands.store.has_result(digest):
            return
        for _ in range(2):
            try:
                _measure(hands, spec, digest, report)
            except ActivationsLost as lost:
                hands.store.forget_look(digest)
                report(0, 0, f"{lost.message} They are computed again.")
                fill(hands, spec.inputs, report)
            else:
                return
        _measure(hands, spec, digest, report)


def _measure(hands: Hands, spec: AnalysisSpec, digest: str, report: Report) -> None:
    started, worked, metric = working_seconds(), processor_seconds(), METRICS[spec.metric]
    with hands.store.pin([fingerprint(item) for item in spec.inputs]):
        labels = _labels(hands, spec)
        fit = _fitted_on(spec, labels)
        stacks = hands.stacks.stacks(spec.inputs, metric, fit)
        made = partial(_result, hands, spec, stacks, None if fit is None else len(fit))
        with shown_early(hands, digest, made):
            outcome, gpu = computed(metric, stacks, labels, spec, hands.settings.device, report)
        _require_sound(hands, spec)
    result = made(outcome)
    result = replace(result, versions=result.versions | gpu, seconds=working_seconds() - started)
    worked = processor_seconds() - worked
    data, arrays = hands.codec.result_to_parts(result)
    hands.store.put_result(digest, data, arrays, {"texts": [item.texts.digest for item in spec.inputs]})
    with contextlib.suppress(StoreError):  # the result counts, whether or not its time can be kept
        note_analysis(hands.store, hands.library, spec, result.seconds, worked)


def _result(
    hands: Hands, spec: AnalysisSpec, stacks: Sequence[LayerStack], n_fitted: int | None, outcome: Outcome
) -> Result:
    """The result that ``outcome`` is, of ``stacks`` whose rows were changed by what was fitted on so many of them."""
    infos = [stack_inputs[0] for stack_inputs in groups_of(spec.inputs)]
    known = [hands.models.known(info.model) for info in infos]
    return Result(
        fingerprint=fingerprint(spec),
        metric=spec.metric,
        version=spec.version,
        values=outcome.values,
        undefined=outcome.undefined,
        notes=(
            *stack_notes(stacks, infos, n_fitted),
            *model_notes(stacks, infos, known),
            *outcome.notes,
        ),
        sources=tuple(source(stack, info) for stack, info in zip(stacks, infos, strict=True)),
        seed=spec.seed,
        recipe=hands.codec.task_to_json(spec),
        versions=versions(),
    )


def _of_objects(spec: AnalysisSpec) -> bool:
    """Whether a model of an analysis is an object in the memory of this process, which helpers do not have."""
    models = (*(item.model for item in spec.inputs), *spec.beside)
    return any(model.name.startswith(OBJECT_PREFIX) for model in models)


def _require_sound(hands: Hands, spec: AnalysisSpec) -> None:
    """Raise ActivationsLost where what the metric has read was damaged while it read: no number comes of that."""
    digests = {fingerprint(replace(item, postprocess=())) for item in spec.inputs}
    if not all(map(hands.store.has_sound_array, digests)):
        raise ActivationsLost("Activations were damaged on the disk while they were read.")


def _labels(hands: Hands, spec: AnalysisSpec) -> Labels | None:
    if spec.labels is None:
        return None
    stack = hands.stacks.plain((replace(spec.inputs[0], postprocess=()),))
    table = hands.library.table(spec.inputs[0].texts)
    return row_labels(table, spec.labels.column, stack, _history(hands, spec))


def _history(hands: Hands, spec: AnalysisSpec) -> History:
    """What the models of an analysis, and those it is compared with, were trained on."""
    models = {item.commit: item for item in (*(one.model for one in spec.inputs), *spec.beside)}
    return sum((hands.models.history(model) for model in models.values()), History())


def _fitted_on(spec: AnalysisSpec, labels: Labels | None) -> npt.NDArray[np.int64] | None:
    """The training rows, where rows are changed before the metric and some of them are to be test rows; else None."""
    if labels is None or not isinstance(spec.params, SplitParams) or not any(map(fits_rows, spec.inputs)):
        return None
    return split_rows(labels, spec.params, spec.seed).train


# What the table of tasks says of them


def analysis_title(task: AnalysisSpec) -> str:
    """What the job of an analysis is called."""
    return analysis_words(task)


def batch_title(task: BatchTask) -> str:
    """What the job of a batch is called: as whoever asked for it said, or what is in it."""
    metrics = ", ".join(dict.fromkeys(spec.metric for spec in task.analyses))
    return task.title or f"{len(task.analyses)} analyses: {metrics}"


def analysis_steps(task: AnalysisSpec) -> Steps:
    """Which workers do an analysis: its metric says who runs it, and "models" extracts."""
    if task.metric not in METRICS:
        raise InvalidRequest(f"There is no metric '{task.metric}'.", "Update Embedscope.")
    worker = METRICS[task.metric].worker
    return [("models", "run")] if worker == "models" else [("models", "fill"), (worker, "measure")]


def batch_steps(task: BatchTask | PrepareTask) -> Steps:
    """Which workers do a batch: "models" alone, unless one of its metrics is for another."""
    workers = {worker for spec in task.analyses for worker, _ in analysis_steps(spec)}
    return [("models", "run")] if workers == {"models"} else [("models", "fill"), ("layouts", "run")]


def check_batch(task: BatchTask | PrepareTask) -> None:
    """Raise InvalidRequest for an empty batch, and where one of its analyses is none."""
    within("the number of analyses", len(task.analyses), 1, MOST_TASKS)
    for spec in task.analyses:
        check_analysis(spec)


def about_analysis(task: AnalysisSpec) -> About:
    """The text sets, activations and models of an analysis; the labels are those of the first text set."""
    texts = ((task.inputs[0].texts, task.labels), *((item.texts, None) for item in task.inputs))
    return About(texts, task.inputs)


def about_batch(task: BatchTask | PrepareTask) -> About:
    """What the analyses of a batch are about, together."""
    parts = [about_analysis(spec) for spec in task.analyses]
    return About(
        tuple(item for part in parts for item in part.texts), tuple(item for part in parts for item in part.inputs)
    )


def only_itself(task: AnalysisSpec) -> tuple[AnalysisSpec, ...]:
    """The analyses that an analysis is made of."""
    return (task,)


def all_of(task: BatchTask | PrepareTask) -> tuple[AnalysisSpec, ...]:
    """The analyses that a batch is made of, or that are prepared."""
    return task.analyses


def find_result(answers: Answers, task: AnalysisSpec) -> Result | None:
    """The result of an analysis, if it is there."""
    return answers.result(task)


def find_results(answers: Answers, task: BatchTask) -> tuple[Result, ...] | None:
    """The results of a batch, if all of them are there."""
    found = [result for spec in task.analyses if (result := answers.result(spec)) is not None]
    return tuple(found) if len(found) == len(task.analyses) else None
