"""Lanes: one for each kind of worker, with the queue of its jobs and its process."""

import queue
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from backend.errors import Cancelled, EmbedscopeError
from backend.jobs.book import Progress
from backend.jobs.process import Event, WorkerProcess
from backend.values.jobs import JobStatus
from backend.values.people import Person
from backend.values.tasks import Task

GRACE = 10.0  # seconds a cancelled worker has to reach its next report before it is ended
_LOOK = 0.1  # seconds between two looks at what a worker says


@dataclass(eq=False)
class Job:
    """A job that is not over: where it stands, and the steps that are left of it."""

    status: JobStatus
    task: Task
    steps: list[tuple[str, str]]  # (worker kind, step)
    person: Person  # who asked first
    cancelled: threading.Event = field(default_factory=threading.Event)


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


class Lane(threading.Thread):
    """One kind of worker: its queue and its process."""

    def __init__(self, kind: str, owner: Owner, cache: Path, runs: Path) -> None:
        super().__init__(daemon=True, name=f"lane-{kind}")
        self._kind, self._owner, self._cache, self._runs = kind, owner, cache, runs
        self.queue: queue.Queue[Job | None] = queue.Queue()
        self._process: WorkerProcess | None = None
        self._current: Job | None = None
        self.start()

    @property
    def state(self) -> str:
        """What the lane does, for people: its process, or why there is none."""
        if not self.is_alive():
            return "ended"
        process = self._process
        return f"pid {process.pid}" if process and process.alive else "not started"

    def run(self) -> None:
        """Do one job after another. Whatever goes wrong with one, the lane does the next."""
        while (job := self.queue.get()) is not None:
            self._current = job
            try:
                self._do(job)
            except BaseException as error:
                self._drop_process()  # it may still be at the job
                self._owner.end(job, error)
            finally:
                self._current = None

    @property
    def title(self) -> str:
        """What the job that is being done is called; "" while there is none."""
        current = self._current
        return current.status.title if current is not None else ""

    def drop(self, job: Job) -> bool:
        """Take a job out of the queue; False where it is not in it."""
        with self.queue.mutex:
            waiting = job in self.queue.queue
            if waiting:
                self.queue.queue.remove(job)
        return waiting

    def place(self, job_id: str) -> int:
        """Where a job is among those that wait here, from 1; 0 where it does not wait here."""
        with self.queue.mutex:
            waiting = [job.status.id for job in self.queue.queue if job is not None]
        return waiting.index(job_id) + 1 if job_id in waiting else 0

    def close(self) -> None:
        """Do nothing more, and end the process."""
        self.queue.put(None)
        self._drop_process()

    def _drop_process(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()

    def _do(self, job: Job) -> None:
        if job.cancelled.is_set():
            self._owner.end(job, Cancelled())
            return
        progress = self._owner.begin(job)
        if self._process is None or not self._process.alive:
            progress(0, 0, "Starting a worker process")
            self._process = WorkerProcess(self._kind, self._cache, self._runs)
        event = follow(self._process, job, self._owner.message(job), progress)
        job.status = progress.job
        if event["event"] == "done":
            self._owner.advance(job)
        elif event["event"] == "cancelled":
            self._owner.end(job, Cancelled())
        else:
            self._owner.end(job, EmbedscopeError(event["error"], event["hint"]))


def follow(process: WorkerProcess, job: Job, message: Event, progress: Progress) -> Event:
    """Let a process do one step of a job and follow it to its end; returns the event that says how that was."""
    process.send(message)
    end_by: float | None = None
    while True:
        event = process.event(_LOOK)
        if event is not None and event["event"] == "died":
            return {"event": "cancelled"} if job.cancelled.is_set() else event
        if event is not None and event.get("job") == job.status.id:
            if event["event"] != "report":
                return event
            progress(event["done"], event["total"], event["stage"])
            job.status = progress.job
        if job.cancelled.is_set():
            if end_by is None:
                end_by = time.monotonic() + GRACE
                process.send({"cancel": job.status.id})
            elif time.monotonic() > end_by:
                process.kill()
                return {"event": "cancelled"}
