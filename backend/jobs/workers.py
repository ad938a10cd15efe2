"""The workers executor: supervised worker processes, one of each kind, each doing one job at a time.

A worker starts when it is first needed and stays warm. One that dies fails its job with the reason and is replaced
for the next. A job is one or more steps, each for one kind of worker: a t-SNE is extracted by "models" and laid out by
"layouts", so that long layouts never block the GPU.
"""

import threading
import time
from dataclasses import replace
from pathlib import Path

from backend.errors import Cancelled
from backend.forms.codec import Codec, to_json
from backend.jobs.base import ended, log_job, new_job
from backend.jobs.book import SERVICE, Progress, stopped
from backend.jobs.lanes import Job, Lane
from backend.jobs.local import StoreExecutor
from backend.jobs.process import Event
from backend.jobs.worker import KINDS
from backend.store import Store, clock
from backend.store.processes import process_alive
from backend.values.jobs import JobStatus
from backend.values.people import asking
from backend.values.tasks import Task
from backend.work.library import Library
from backend.work.tasks import kind_of

_CLOSE_SECONDS = 3.0  # that running jobs have to end by themselves when the service stops


class WorkersExecutor(StoreExecutor):
    """Does tasks in worker processes of this machine."""

    def __init__(self, store: Store, library: Library, codec: Codec, runs: Path, roots: tuple[Path, ...] = ()) -> None:
        super().__init__(store, library, runs, roots)
        self._codec = codec
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._closing = False
        self._end_what_was_left()
        self._lanes = {kind: Lane(kind, self, store.folder, runs) for kind in KINDS}

    def _end_what_was_left(self) -> None:
        """Say of the jobs of a service that is gone that they ended; those of a command that works are its own."""
        known = [(job_id, self._book.noted(job_id)) for job_id in self._book.ids()]
        clock.not_before(max((job.finished or job.started or job.created for _, job in known if job), default=0.0))
        for job_id, job in known:
            if job is None or not job.active:
                continue
            if not job.owner or job.owner.startswith(SERVICE):
                self._book.put(ended(job, stopped()))
            elif not process_alive(job.owner):
                self._book.put(self._book.get(job_id) or job)
        self._book.prune()

    def start(self, task: Task) -> JobStatus:
        done, job = self.admit(task), new_job(task)
        job = replace(job, owner=f"{SERVICE}{job.owner}")
        with self._lock:
            running = self._jobs.get(job.id)
            if running is not None and running.status.active:
                return running.status
            if done:
                return ended(job, None)
            entry = Job(self._book.put(job), task, kind_of(task).steps(task), asking())
            self._jobs[job.id] = entry
        self._lanes[entry.steps[0][0]].queue.put(entry)
        return entry.status

    def status(self, job_id: str) -> JobStatus | None:
        with self._lock:
            entry = self._jobs.get(job_id)
        return self._placed(entry.status) if entry else self._book.get(job_id)

    def jobs(self) -> list[JobStatus]:
        return [self._placed(job) if job.active else job for job in super().jobs()]

    def _placed(self, job: JobStatus) -> JobStatus:
        """``job`` with its place in a queue, and the job that it waits for, while it is in one."""
        for lane in self._lanes.values():
            place = lane.place(job.id)
            if place:
                return replace(job, place=place, waits_for=lane.title)
        return job

    def cancel(self, job_id: str) -> None:
        with self._lock:
            entry = self._jobs.get(job_id)
        if entry is not None and entry.status.active:
            entry.cancelled.set()
            if any(lane.drop(entry) for lane in self._lanes.values()):  # it waits: nobody has to be asked
                self.end(entry, Cancelled())

    def health(self) -> dict[str, str]:
        workers = {f"worker {kind}": lane.state for kind, lane in self._lanes.items()}
        dead = [kind for kind, lane in self._lanes.items() if not lane.is_alive()]
        stuck = {"status": "degraded", "trouble": f"No jobs are done any more for: {', '.join(dead)}."} if dead else {}
        return {"executor": "workers", "store": self._store.id, **workers, **self.damage(), **self.trouble(), **stuck}

    def close(self) -> None:
        """End what runs, each job with a record that says so, and leave no process behind."""
        with self._lock:
            self._closing = True
            entries = list(self._jobs.values())
        for entry in entries:
            entry.cancelled.set()
            if any(lane.drop(entry) for lane in self._lanes.values()):
                self.end(entry, stopped())
        deadline = time.monotonic() + _CLOSE_SECONDS
        while self._jobs and time.monotonic() < deadline:
            time.sleep(0.05)
        for lane in self._lanes.values():
            lane.close()
        for entry in list(self._jobs.values()):
            self.end(entry, stopped())

    # Called by the lanes

    def begin(self, job: Job) -> Progress:
        """Note that a job's step begins."""
        started = job.status.started or clock.now()
        job.status = self._book.put(replace(job.status, state="running", started=started))
        return Progress(self._book, job.status)

    def advance(self, job: Job) -> None:
        """Hand a job whose step is done to the next lane, or end it."""
        job.steps.pop(0)
        if job.steps:
            self._lanes[job.steps[0][0]].queue.put(job)
        else:
            self.end(job, None)

    def end(self, job: Job, error: BaseException | None) -> None:
        """Note that a job has ended."""
        if self._closing and error is not None:
            error = stopped()
        job.status = self._book.put(ended(job.status, error))
        log_job(job.status)
        with self._lock:
            if self._jobs.get(job.status.id) is job:
                del self._jobs[job.status.id]

    def message(self, job: Job) -> Event:
        """What tells a worker what to do."""
        task, person = self._codec.task_to_json(job.task), to_json(job.person, {})
        return {"job": job.status.id, "step": job.steps[0][1], "task": task, "person": person}
