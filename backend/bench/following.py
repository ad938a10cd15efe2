"""What a workbench does with any task: look whether its result is there, start it, follow it, read it."""

import time
from collections.abc import Sequence
from typing import cast

from backend.bench.answers import StoredAnswers
from backend.errors import EmbedscopeError
from backend.forms.codec import Codec
from backend.jobs.base import Executor
from backend.jobs.inline import InlineExecutor
from backend.settings import Settings
from backend.store import Store
from backend.values.activations import Report, no_report
from backend.values.specs import ActivationSpec, Answer, JobStatus, Request, Task
from backend.work.library import Library
from backend.work.tasks import kind_of

_POLL = 0.1


class Follower:
    """One store and one executor, and the tasks between them."""

    def __init__(self, store: Store, executor: Executor, codec: Codec, library: Library, settings: Settings) -> None:
        self._store, self._executor, self._codec = store, executor, codec
        self._library, self.settings = library, settings
        self._answers = StoredAnswers(store, executor, codec)

    # Looking, starting, following

    def peek(self, task: Request[Answer]) -> Answer | None:
        """What ``task`` asks for (a Result, ModelInfo, TextSetInfo, Cost and so on) if it is there, else None."""
        return cast(Answer | None, kind_of(task).find(self._answers, task))

    def is_cached(self, inputs: Sequence[ActivationSpec]) -> bool:
        """Whether all these activations are in this process's store."""
        return self._answers.is_cached(inputs)

    def start(self, task: Request[object]) -> JobStatus:
        """Begin ``task``, or join the job that does it already."""
        return self._executor.start(task)

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
        if isinstance(self._executor, InlineExecutor):
            return self._executor.start(task, report)
        job: JobStatus | None = self._executor.start(task)
        while job is not None and job.active:
            time.sleep(_POLL)
            job = self._executor.status(job.id)
            if job is not None:
                report(job.done, job.total, job.stage)
        return job
