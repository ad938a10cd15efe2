"""What a workbench does with any task: look whether its result is there, start it, follow it, read it."""

import copy
import time
from collections.abc import Callable, Sequence
from typing import Any, Self, TypeVar, cast

from backend.bench.answers import StoredAnswers
from backend.errors import EmbedscopeError, InvalidRequest
from backend.forms.codec import Codec
from backend.jobs.base import Executor
from backend.jobs.inline import InlineExecutor
from backend.settings import Settings
from backend.store import Store
from backend.values.activations import Report, no_report
from backend.values.jobs import JobStatus
from backend.values.results import Result
from backend.values.specs import ActivationSpec, AnalysisSpec, Answer, Request
from backend.values.tasks import Task
from backend.values.texts import Cost
from backend.work.library import Library
from backend.work.looks import Look, look_of
from backend.work.modelhost import ModelHost
from backend.work.tasks import kind_of

_POLL = 0.1
_T = TypeVar("_T")


class Follower:
    """One store and one executor, and the tasks between them."""

    def __init__(self, store: Store, executor: Executor, codec: Codec, library: Library, settings: Settings) -> None:
        self._store, self._executor, self._codec = store, executor, codec
        self._library, self.settings = library, settings
        self._answers = StoredAnswers(store, executor, codec)
        self._lists: dict[str, Any] | None = None
        self._objects: ModelHost | None = None  # of this process, before a service
        self._misfits: dict[tuple[str, str], InvalidRequest | None] = {}  # of vectors with texts that were looked at

    def asking_once(self, lists: dict[str, Any]) -> Self:
        """This workbench over the same store, which keeps the lists that it asks for in ``lists`` and takes them from there.

        They are asked for anew once something was started, cancelled or deleted through it.
        """
        once = copy.copy(self)
        once._lists = lists
        return once

    def _listed(self, name: str, ask: Callable[[], list[_T]]) -> list[_T]:
        if self._lists is None:
            return ask()
        if name not in self._lists:
            self._lists[name] = ask()
        return list(self._lists[name])

    def _changed(self) -> None:
        """The lists may be other ones now."""
        if self._lists is not None:
            self._lists.clear()

    # Looking, starting, following

    def peek(self, task: Request[Answer]) -> Answer | None:
        """What ``task`` asks for (a Result, ModelInfo, TextSetInfo, Cost and so on) if it is there, else None."""
        return cast(Answer | None, kind_of(task).find(self._answers, task))

    def is_cached(self, inputs: Sequence[ActivationSpec]) -> bool:
        """Whether all these activations are in this process's store."""
        return self._answers.is_cached(inputs)

    def cost(self, analyses: Sequence[AnalysisSpec]) -> Cost:
        """What those of ``analyses`` will take that have no result: by what this instance has measured, and told at once.

        The tokens of texts that no EstimateTask has counted are guessed from their characters.
        """
        return self._executor.cost(analyses)

    def start(self, task: Request[object]) -> JobStatus:
        """Begin ``task``, or join the job that does it already."""
        self._changed()
        return self._executor.start(task)

    def status(self, job_id: str) -> JobStatus | None:
        """Where a job stands, or None."""
        return self._executor.status(job_id)

    def cancel(self, job_id: str) -> None:
        """Ask a job to end."""
        self._changed()
        self._executor.cancel(job_id)

    def look(self, spec: AnalysisSpec) -> Look | None:
        """What the forward pass that ``spec`` waits for shows of the rows done so far; None where that is nothing.

        It is no result: nothing keeps it, and it is gone when the pass ends.
        """
        return look_of(self._executor.look(spec), spec)

    def early(self, spec: AnalysisSpec) -> Result | None:
        """What the job that does ``spec`` has of its result so far, NaN for the rest with the reason NOT_YET; None where that is nothing.

        What is there stays as it is. It is no result: nothing keeps it, and it is gone when the job ends.
        """
        return self._answers.early(spec)

    def jobs(self) -> list[JobStatus]:
        """All known jobs, newest first."""
        return self._listed("jobs", self._executor.jobs)

    def wait(self, task: Request[Answer], report: Report = no_report) -> Answer:
        """Do ``task``, or join who does it, and return its result; raises EmbedscopeError where it fails."""
        if not kind_of(task).asked_anew and (found := self.peek(task)) is not None:
            return found
        for _ in range(2):  # again where what was there turned out to be damaged, or of a form that is not known here
            job = self._followed(task, report)
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
        self._changed()
        if isinstance(self._executor, InlineExecutor):
            return self._executor.start(task, report)
        job: JobStatus | None = self._executor.start(task)
        while job is not None and job.active:
            time.sleep(_POLL)
            job = self._executor.status(job.id)
            if job is not None:
                report(job.done, job.total, job.stage)
        return job
