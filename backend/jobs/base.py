"""What every executor offers, and how a job begins and ends."""

import errno
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from backend.errors import Cancelled, EmbedscopeError
from backend.forms.fingerprint import fingerprint
from backend.logs import log_event
from backend.store import clock
from backend.store.processes import process_name
from backend.values.jobs import JobStatus
from backend.values.json_data import Document, Json
from backend.values.local import LocalModels
from backend.values.owned import Belonging
from backend.values.runs import RunInfo
from backend.values.selections import NamedRows
from backend.values.specs import AnalysisSpec
from backend.values.tasks import Task
from backend.values.texts import Cost, TextSetInfo, TextTable
from backend.values.vectors import VectorsInfo
from backend.work.tasks import kind_of

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class Executor(Protocol):
    """Where work is done: in this process, in worker processes, or behind a service. All keep one contract."""

    def start(self, task: Task) -> JobStatus:
        """Begin ``task``, or join the job that is already doing it; its id is the task's fingerprint."""
        ...

    def status(self, job_id: str) -> JobStatus | None:
        """Where the job stands, or None where nobody knows it."""
        ...

    def cancel(self, job_id: str) -> None:
        """Ask the job to end; harmless when it has ended."""
        ...

    def jobs(self) -> list[JobStatus]:
        """All known jobs, newest first."""
        ...

    def cost(self, analyses: Sequence[AnalysisSpec]) -> Cost:
        """What those of ``analyses`` will take that have no result; told at once, whatever is being computed."""
        ...

    def fetch(self, task: Task) -> bool:
        """Make sure that the result of ``task`` is in this process's store, if there is one; returns whether."""
        ...

    def noted(self, task: Task) -> Json:
        """The answer to a small task that was written down, as JSON; None where there is none for who asks."""
        ...

    def look(self, task: AnalysisSpec) -> bytes | None:
        """What is shown of ``task`` before it is done, or of the pass that it waits for, as ``looked_at`` says; None where that is nothing."""
        ...

    def belongings(self) -> list[Belonging]:
        """Who owns what, of all that who asks may see and that belongs to somebody."""
        ...

    def share(self, kind: str, key: str, shared: bool) -> None:
        """Share something with everyone on the instance, or no longer; what it is as in a Belonging."""
        ...

    def upload(self, content: bytes, *, vectors: bool = False) -> str:
        """Bring bytes to where they are read, as texts or as ``vectors``; returns their digest."""
        ...

    def text_sets(self) -> list[TextSetInfo]:
        """The text sets that are there."""
        ...

    def text_table(self, digest: str) -> TextTable:
        """The rows of one text set."""
        ...

    def delete_text_set(self, digest: str) -> int:
        """Delete a text set and what was made from it; returns the number of entries that went."""
        ...

    def keep_selection(self, runs: list[int]) -> str:
        """Keep a selection of rows, first and last of each run; returns its digest."""
        ...

    def selection(self, digest: str) -> list[int] | None:
        """The runs of a selection, or None where it is not kept any more."""
        ...

    def vector_sets(self) -> list[VectorsInfo]:
        """The imported vectors, newest first."""
        ...

    def delete_vectors(self, name: str) -> int:
        """Delete imported vectors; returns the bytes that are free again."""
        ...

    def named_rows(self, table: str) -> list[NamedRows]:
        """The selections that were saved of a text set, by name."""
        ...

    def save_rows(self, table: str, name: str, runs: list[int], story: str) -> NamedRows:
        """Save rows of a text set under a name; ``story`` says how they were found."""
        ...

    def rename_rows(self, table: str, name: str, new: str) -> NamedRows:
        """Call a saved selection ``new``."""
        ...

    def forget_rows(self, table: str, name: str) -> None:
        """Delete a saved selection."""
        ...

    def runs(self) -> list[RunInfo]:
        """The runs of fine-tuning, newest first."""
        ...

    def delete_run(self, name: str) -> int:
        """Delete a run with all its saved steps; returns the bytes that are free again."""
        ...

    def rename_run(self, name: str, new: str) -> RunInfo:
        """Call a run ``new``; its former name still leads to it."""
        ...

    def run_log(self, name: str) -> list[Document]:
        """The log of one run, line by line."""
        ...

    def local_models(self) -> LocalModels:
        """The models below the model roots, as they were found less than a minute ago."""
        ...

    def health(self) -> dict[str, str]:
        """What does the work, for people to read."""
        ...

    def close(self) -> None:
        """End what was started."""
        ...


def new_job(task: Task) -> JobStatus:
    """The record of a job that nobody has begun."""
    return JobStatus(
        fingerprint(task),
        kind_of(task).title(task),
        "queued",
        created=clock.now(),
        kind=type(task).__name__,
        owner=process_name(),
        choice=kind_of(task).choice(task),
    )


def ended(job: JobStatus, error: BaseException | None) -> JobStatus:
    """``job`` at its end: done, cancelled, or failed with a message and a hint."""
    now = clock.now()
    if error is None:
        return replace(job, state="done", done=job.total, eta_seconds=0.0, finished=now, error="", hint="")
    if isinstance(error, Cancelled):
        return replace(job, state="cancelled", finished=now, eta_seconds=None, error=error.message, hint=error.hint)
    message, hint = explained(error)
    return replace(job, state="failed", finished=now, eta_seconds=None, error=message, hint=hint)


def left(job: JobStatus, error: BaseException) -> JobStatus:
    """``job`` as one that nobody does any more: it ended with the last word of whoever did it, not when that is noticed."""
    return replace(ended(job, error), finished=job.reported or job.started or job.created)


def log_job(job: JobStatus) -> None:
    """Log how a job ended: neither its title nor its error, which may name files and texts."""
    started = job.started or job.finished or job.created
    log_event(
        "job",
        job=job.id,
        kind=job.kind,
        outcome=job.state,
        waited=round(max(0.0, started - job.created), 3),
        seconds=round(max(0.0, (job.finished or started) - started), 3),
    )


def explained(error: BaseException) -> tuple[str, str]:
    """Message and hint for any error; those that nobody foresaw are named as such."""
    if isinstance(error, EmbedscopeError):
        return error.message, error.hint
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # torch's, of a GPU
        return "The work ran out of memory.", "Use fewer texts, a smaller model, or a machine with more memory."
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return f"A file could not be written: {error.strerror}.", "Free some disk space, then run it again."
    return (
        f"Unexpected error: {type(error).__name__}: {error}",
        "This is a bug in Embedscope. Please report it, with the command or page that led to it.",
    )
