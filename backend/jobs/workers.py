"""The workers executor: supervised worker processes, one of each kind, each doing one job at a time.

A worker starts when it is first needed and stays warm. One that dies fails its job with the reason and is replaced
for the next. A job is one or more steps, each for one kind of worker: a t-SNE is extracted by "models" and laid out by
"layouts", so that long layouts never block the GPU.
"""

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from backend.errors import Cancelled, EmbedscopeError
from backend.forms.codec import Codec, to_json
from backend.jobs.base import Progress, ended, log_job, new_job
from backend.jobs.limits import what_ended
from backend.jobs.local import StoreExecutor
from backend.jobs.worker import KINDS
from backend.settings import DASHBOARD, own_command
from backend.store import Store, clock
from backend.values.jobs import JobStatus
from backend.values.people import Person, asking
from backend.values.tasks import Task
from backend.work.library import Library
from backend.work.tasks import kind_of

_GRACE = 10.0  # seconds a cancelled worker has to reach its next report before it is ended


@dataclass(eq=False)
class _Job:
    status: JobStatus
    task: Task
    steps: list[tuple[str, str]]  # (worker kind, step)
    person: Person  # who asked first
    cancelled: threading.Event = field(default_factory=threading.Event)


class WorkersExecutor(StoreExecutor):
    """Does tasks in worker processes of this machine."""

    def __init__(self, store: Store, library: Library, codec: Codec, runs: Path, roots: tuple[Path, ...] = ()) -> None:
        super().__init__(store, library, runs, roots)
        self._codec = codec
        self._jobs: dict[str, _Job] = {}
        self._lock = threading.Lock()
        self._lanes = {kind: _Lane(kind, self) for kind in KINDS}
        known = self._book.all()
        clock.not_before(max((job.finished or job.started or job.created for job in known), default=0.0))
        for job in known:
            if job.active:  # of a service that is gone
                self._book.put(ended(job, EmbedscopeError("The backend service was stopped.", "Run it again.")))
        self._book.prune()

    def start(self, task: Task) -> JobStatus:
        done, job = self.admit(task), new_job(task)
        with self._lock:
            running = self._jobs.get(job.id)
            if running is not None and running.status.active:
                return running.status
            if done:
                return ended(job, None)
            entry = _Job(self._book.put(job), task, kind_of(task).steps(task), asking())
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
        return {"executor": "workers", "store": self._store.id, **workers, **self.damage()}

    def close(self) -> None:
        for lane in self._lanes.values():
            lane.close()

    # Called by the lanes

    def begin(self, entry: _Job) -> Progress:
        """Note that a job's step begins."""
        started = entry.status.started or clock.now()
        entry.status = self._book.put(replace(entry.status, state="running", started=started))
        return Progress(self._book, entry.status)

    def advance(self, entry: _Job) -> None:
        """Hand a job whose step is done to the next lane, or end it."""
        entry.steps.pop(0)
        if entry.steps:
            self._lanes[entry.steps[0][0]].queue.put(entry)
        else:
            self.end(entry, None)

    def end(self, entry: _Job, error: BaseException | None) -> None:
        """Note that a job has ended."""
        entry.status = self._book.put(ended(entry.status, error))
        log_job(entry.status)
        with self._lock:
            if self._jobs.get(entry.status.id) is entry:
                del self._jobs[entry.status.id]

    def message(self, entry: _Job) -> str:
        """The line that tells a worker what to do."""
        task = self._codec.task_to_json(entry.task)
        person = to_json(entry.person, {})
        return json.dumps({"job": entry.status.id, "step": entry.steps[0][1], "task": task, "person": person})


class _Lane(threading.Thread):
    """One kind of worker: its queue and its process."""

    def __init__(self, kind: str, executor: WorkersExecutor) -> None:
        super().__init__(daemon=True, name=f"lane-{kind}")
        self._kind, self._executor = kind, executor
        self.queue: queue.Queue[_Job | None] = queue.Queue()
        self._process: _Process | None = None
        self._current: _Job | None = None
        self.start()

    @property
    def state(self) -> str:
        process = self._process
        return f"pid {process.pid}" if process and process.alive else "not started"

    def run(self) -> None:
        while (entry := self.queue.get()) is not None:
            self._current = entry
            try:
                self._do(entry)
            except Exception as error:  # the lane must outlive any one job
                self._executor.end(entry, error)
            finally:
                self._current = None

    @property
    def title(self) -> str:
        """What the job that is being done is called; "" while there is none."""
        current = self._current
        return current.status.title if current is not None else ""

    def drop(self, entry: _Job) -> bool:
        """Take a job out of the queue; False where it is not in it."""
        with self.queue.mutex:
            waiting = entry in self.queue.queue
            if waiting:
                self.queue.queue.remove(entry)
        return waiting

    def place(self, job_id: str) -> int:
        """Where a job is among those that wait here, from 1; 0 where it does not wait here."""
        with self.queue.mutex:
            waiting = [entry.status.id for entry in self.queue.queue if entry is not None]
        return waiting.index(job_id) + 1 if job_id in waiting else 0

    def close(self) -> None:
        self.queue.put(None)
        if self._process:
            self._process.kill()

    def _do(self, entry: _Job) -> None:
        if entry.cancelled.is_set():
            self._executor.end(entry, Cancelled())
            return
        progress = self._executor.begin(entry)
        if self._process is None or not self._process.alive:
            progress(0, 0, "Starting a worker process")
            self._process = _Process(self._kind, self._executor._store.folder, self._executor._runs)
        event = self._process.do(entry, self._executor.message(entry), progress)
        entry.status = progress.job
        if event["event"] == "done":
            self._executor.advance(entry)
        elif event["event"] == "cancelled":
            self._executor.end(entry, Cancelled())
        else:
            self._executor.end(entry, EmbedscopeError(event["error"], event["hint"]))


class _Process:
    """One worker process and the thread that reads what it says."""

    def __init__(self, kind: str, cache: Path, runs: Path) -> None:
        self._kind = kind
        log = (cache / f"worker-{kind}.log").open("ab")
        self._popen = subprocess.Popen(
            [*own_command("backend"), "worker", kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=DASHBOARD,
            env={**os.environ, "EMBEDSCOPE_CACHE": str(cache), "EMBEDSCOPE_RUNS": str(runs), "EMBEDSCOPE_BACKEND": ""},
            start_new_session=True,
        )
        log.close()
        self._events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def alive(self) -> bool:
        return self._popen.poll() is None

    def do(self, entry: _Job, message: str, progress: Progress) -> dict[str, Any]:
        """Send one job and follow it to its end; a dead worker is a failed event with the reason."""
        self._send(message)
        ask_by, end_by = None, None
        while True:
            with contextlib.suppress(queue.Empty):
                event = self._events.get(timeout=0.1)
                if event is None:
                    return _cancelled_or(entry, self._death())
                if event["event"] == "report":
                    progress(event["done"], event["total"], event["stage"])
                    entry.status = progress.job
                elif event.get("job") == entry.status.id:
                    return event
            if entry.cancelled.is_set():
                now = time.monotonic()
                if ask_by is None:
                    ask_by, end_by = now, now + _GRACE
                    self._send(json.dumps({"cancel": entry.status.id}))
                elif end_by is not None and now > end_by:
                    self.kill()
                    return {"event": "cancelled"}

    def kill(self) -> None:
        """End the process at once."""
        self._popen.kill()
        self._popen.wait()

    def _send(self, message: str) -> None:
        with contextlib.suppress(BrokenPipeError, OSError):
            assert self._popen.stdin is not None
            self._popen.stdin.write(message.encode() + b"\n")
            self._popen.stdin.flush()

    def _listen(self) -> None:
        assert self._popen.stdout is not None
        for line in self._popen.stdout:
            with contextlib.suppress(ValueError):
                self._events.put(json.loads(line))
        self._events.put(None)

    def _death(self) -> dict[str, Any]:
        code = self._popen.wait()
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        hint = "Run it again: a new worker takes its place."
        if code == -signal.SIGKILL:
            hint = "It may have run out of memory: use fewer texts or a smaller model, or simply run it again."
        error, hint = what_ended(self._kind, -code) or (f"The worker process '{self._kind}' died ({how}).", hint)
        return {"event": "failed", "error": error, "hint": hint}


def _cancelled_or(entry: _Job, event: dict[str, Any]) -> dict[str, Any]:
    return {"event": "cancelled"} if entry.cancelled.is_set() else event
