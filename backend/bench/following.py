"""What a workbench does with any task: look whether its result is there, start it, follow it, read it."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from backend.errors import EmbedscopeError
from backend.forms.codec import Codec, read_json
from backend.forms.fingerprint import fingerprint
from backend.jobs.base import Executor
from backend.jobs.inline import InlineExecutor
from backend.settings import Settings
from backend.store import Store
from backend.values.activations import Report, no_report
from backend.values.results import NormOutliers, Result
from backend.values.specs import (
    ActivationSpec,
    AnalysisSpec,
    Answer,
    BatchTask,
    EstimateTask,
    FinetuneTask,
    HubReadTask,
    JobStatus,
    JoinTask,
    ModelInfo,
    NormTask,
    ReadTask,
    Request,
    ResolveTask,
    SampleTask,
    SeriesInfo,
    SeriesTask,
    Task,
)
from backend.values.texts import Cost, TextPreview, TextSetInfo
from backend.work.library import Library
from backend.work.stacks import groups_of

_POLL = 0.1
_LOOKED_AT_AGAIN = (  # a name may stand for something else by now; a recipe may contradict itself: that is found at the door
    ResolveTask,
    SeriesTask,
    AnalysisSpec,
    BatchTask,
    FinetuneTask,
)


class Follower:
    """One store and one executor, and the tasks between them."""

    def __init__(self, store: Store, executor: Executor, codec: Codec, library: Library, settings: Settings) -> None:
        self._store, self._executor, self._codec = store, executor, codec
        self._library, self.settings = library, settings

    # Looking, starting, following

    def peek(self, task: Request[Answer]) -> Answer | None:
        """What ``task`` asks for (a Result, ModelInfo, TextSetInfo, Cost and so on) if it is there, else None."""
        return cast(Answer | None, self._peek(cast(Task, task)))

    def _peek(self, task: Task) -> object:
        if isinstance(task, AnalysisSpec):
            return self._peek_result(task)
        if isinstance(task, BatchTask):
            found = [self._peek_result(spec) for spec in task.analyses]
            return tuple(found) if all(found) else None
        if isinstance(task, FinetuneTask):
            wanted = fingerprint(task)
            return next((run for run in self._executor.runs() if run.task == wanted and run.state == "done"), None)
        if isinstance(task, EstimateTask) and self.is_cached(task.inputs):
            return Cost(0, 0, 0, 0, 0.0, "all activations are in the cache")
        key = f"task/{fingerprint(task)}"
        data = self._store.record(key)
        if data is None and self._executor.fetch(task):
            data = self._store.record(key)
        return read_json(_result_kind(task), data)

    def _peek_result(self, spec: AnalysisSpec) -> Result | None:
        digest = fingerprint(spec)
        parts = self._store.get_result(digest)
        if parts is None and self._executor.fetch(spec):
            parts = self._store.get_result(digest)
        if parts is None:
            return None
        try:
            return _as_asked(self._codec.result_from_parts(*parts), spec)
        except (EmbedscopeError, LookupError, TypeError, ValueError):
            self._store.forget_result(digest)  # another version wrote it in a form of its own: it is computed again
            return None

    def is_cached(self, inputs: Sequence[ActivationSpec]) -> bool:
        """Whether all these activations are in this process's store."""
        return all(self._store.has_array(fingerprint(replace(spec, postprocess=()))) for spec in inputs)

    def start(self, task: Request[object]) -> JobStatus:
        """Begin ``task``, or join the job that does it already."""
        return self._executor.start(cast(Task, task))

    def status(self, job_id: str) -> JobStatus | None:
        """Where a job stands, or None."""
        return self._executor.status(job_id)

    def cancel(self, job_id: str) -> None:
        """Ask a job to end."""
        self._executor.cancel(job_id)

    def jobs(self) -> list[JobStatus]:
        """All known jobs, newest first."""
        return self._executor.jobs()

    def wait(self, task: Request[Answer], report: Report = no_report) -> Answer:
        """Do ``task``, or join who does it, and return its result; raises EmbedscopeError where it fails."""
        if not isinstance(task, _LOOKED_AT_AGAIN) and (found := self.peek(task)) is not None:
            return found
        for _ in range(2):  # again where what was there turned out to be damaged, or of a form that is not known here
            job = self._followed(cast(Task, task), report)
            if job is None or job.state != "done":
                raise EmbedscopeError(
                    job.error if job else "The job no longer exists.", job.hint if job else "Run it again."
                )
            if (found := self.peek(task)) is not None:
                return found
        raise EmbedscopeError(
            "The result was removed from the cache before it could be read.", "Raise EMBEDSCOPE_CACHE_BYTES."
        )

    def _followed(self, task: Task, report: Report) -> JobStatus | None:
        """Start ``task`` and follow it to its end."""
        if isinstance(self._executor, InlineExecutor):
            return self._executor.start(task, report)
        job: JobStatus | None = self._executor.start(task)
        while job is not None and job.active:
            time.sleep(_POLL)
            job = self._executor.status(job.id)
            if job is not None:
                report(job.done, job.total, job.stage)
        return job


def _as_asked(result: Result, spec: AnalysisSpec) -> Result:
    """``result`` with models and texts called as in this request: the stored names are those of whoever asked first."""
    groups = groups_of(spec.inputs)
    if len(groups) != len(result.sources):
        return result
    sources = (
        replace(source, model=group[0].model.name, texts=group[0].texts.name)
        for source, group in zip(result.sources, groups, strict=True)
    )
    return replace(result, sources=tuple(sources))


def _result_kind(task: Task) -> type:
    if isinstance(task, ResolveTask):
        return ModelInfo
    if isinstance(task, SeriesTask):
        return SeriesInfo
    if isinstance(task, EstimateTask):
        return Cost
    if isinstance(task, NormTask):
        return NormOutliers
    if isinstance(task, HubReadTask | JoinTask | SampleTask) or (isinstance(task, ReadTask) and task.save):
        return TextSetInfo
    return TextPreview
