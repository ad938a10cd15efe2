"""A job that is not over, and following it through one of its steps in a worker process."""

import threading
import time
from dataclasses import dataclass, field, replace
from typing import Protocol

from backend.jobs.book import Progress
from backend.jobs.order import seconds_left
from backend.jobs.process import Event, WorkerProcess
from backend.jobs.turns import Turns
from backend.store.claims import SAME_WORK
from backend.values.jobs import JobStatus
from backend.values.people import Person
from backend.values.tasks import Task

_LOOK = 0.1  # seconds between two looks at what a worker says
_GRACE = 4.0, 10.0  # least and most seconds a cancelled worker has to reach its next report before it is ended


@dataclass(eq=False)
class Job:
    """A job that is not over: where it stands, the steps that are left of it, and whose it is.

    ``since`` is when its present step began to wait, ``expected`` how many seconds that step is expected to take as
    ``estimated`` last and ``worked`` how many it has; ``before`` are seconds of the steps that are done. ``needs`` is what it makes or has made.
    """

    status: JobStatus
    task: Task
    steps: list[tuple[str, str]]  # (worker kind, step)
    person: Person  # who asked first
    needs: frozenset[str] = frozenset()
    since: float = 0.0
    estimated: float = 0.0
    expected: float = 0.0
    worked: float = 0.0
    before: float = 0.0
    made_elsewhere: bool = False
    replaced: bool = False  # by the same task, asked for again while this one is being cancelled
    cancelled: threading.Event = field(default_factory=threading.Event)

    def left(self) -> float:
        """About how many seconds are left of the present step."""
        return seconds_left(self.expected, self.worked, self.status.eta_seconds)


class Owner(Protocol):
    """Who has the lanes, and writes down what becomes of their jobs."""

    def begin(self, job: Job) -> Progress:
        """Note that a job's step begins."""
        ...

    def advance(self, job: Job) -> None:
        """Hand a job whose step is done to the next lane, or end it."""
        ...

    def end(self, job: Job, error: BaseException | None) -> None:
        """Note that a job has ended; never raises."""
        ...

    def message(self, job: Job) -> Event:
        """What tells a worker what to do."""
        ...

    def expected(self, job: Job) -> float:
        """Seconds that the present step of a job is expected to take."""
        ...

    def being_made(self, job: Job) -> bool:
        """Whether another job is making what this one needs."""
        ...

    def too_long(self, job: Job) -> Event | None:
        """The event that ends a job which has worked for longer than it may; None while it has not."""
        ...


def follow(process: WorkerProcess, job: Job, owner: Owner, progress: Progress, turns: Turns[Job]) -> Event:
    """Let a process do one step of a job and follow it to its end; returns the event that says how that was."""
    process.send(owner.message(job))
    ending, end_by, still, last, pace = None, 0.0, False, time.monotonic(), _Pace()
    while True:
        event = process.event(_LOOK)
        if event is not None and event["event"] == "died":
            return ending or event
        if event is not None and event.get("job") == job.status.id:
            if event["event"] != "report":
                return event if event["event"] == "done" else ending or event
            pace.reported()
            if not job.replaced:
                _reported(event, job, progress, turns)
        now = time.monotonic()
        job.worked, last = job.worked + (0.0 if still else now - last), now
        if ending is not None:
            if now > end_by:
                process.kill()
                return ending
            continue
        still = _take_turns(process, job, turns, still)
        ending = {"event": "cancelled"} if job.cancelled.is_set() else owner.too_long(job)
        if ending is not None:
            end_by = now + (_GRACE[1] if job.steps[0][0] == "training" else pace.grace())
            process.send({"cancel": job.status.id})


class _Pace:
    """How far apart the reports of a worker are, so that one is not ended which would have come to its next."""

    def __init__(self) -> None:
        self._last, self._longest = time.monotonic(), 0.0

    def reported(self) -> None:
        """Note a report."""
        now = time.monotonic()
        self._last, self._longest = now, max(self._longest, now - self._last)

    def grace(self) -> float:
        """Seconds in which its next report can be expected."""
        return min(_GRACE[1], max(_GRACE[0], 2 * self._longest))


def _reported(event: Event, job: Job, progress: Progress, turns: Turns[Job]) -> None:
    """Note a report; a job takes part in turns from its first one on, but for while it waits for another's work."""
    progress(event["done"], event["total"], event["stage"])
    job.status = progress.job
    if event["stage"].endswith(SAME_WORK):
        turns.leave(job)
    else:
        turns.join(job, job.left)


def _take_turns(process: WorkerProcess, job: Job, turns: Turns[Job], still: bool) -> bool:
    """Tell a process to stand still or to go on, where that has changed; returns whether it is to stand still."""
    first = turns.before(job)
    if (first is not None) != still:
        process.send({"still" if first is not None else "go": job.status.id})
    waits_for = "" if first is None else first.status.title
    if job.status.waits_for != waits_for:
        job.status = replace(job.status, waits_for=waits_for)
    return first is not None
