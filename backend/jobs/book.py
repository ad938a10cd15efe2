"""The job book: job records in the store, so that they outlive sessions and tabs, and the progress that goes into them."""

import json
import threading
import time
from dataclasses import replace

from backend.errors import EmbedscopeError
from backend.forms.codec import read_json, to_json
from backend.jobs.base import explained, left
from backend.store import Store, clock
from backend.store.processes import process_alive
from backend.values.jobs import JobStatus
from backend.values.json_data import Json

SERVICE = "service "  # what the owner of a job begins with that a service does, and not a command or a notebook
_KEPT_JOBS = 200
_WRITE_EVERY = 0.2  # seconds between two stored progress reports


def stopped() -> EmbedscopeError:
    """Why a job ended that a service was doing which is gone."""
    return EmbedscopeError("The backend service was stopped.", "Run it again.")


class JobBook:
    """Job records in the store. A record that cannot be read is left out, one that cannot be written is kept in memory.

    So neither a full disk nor a record of a newer version stops whoever asks: ``trouble`` and ``unreadable`` say it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._unwritten: dict[str, JobStatus] = {}
        self._unreadable: set[str] = set()
        self._trouble = ""

    def get(self, job_id: str) -> JobStatus | None:
        """The record of a job, or None; one whose process is gone has failed."""
        job = self.noted(job_id)
        if job is None or not job.active or not job.owner or process_alive(job.owner.removeprefix(SERVICE)):
            return job
        if job.owner.startswith(SERVICE):
            return left(job, stopped())
        return left(job, EmbedscopeError("The process that ran this job ended before it was done.", "Run it again."))

    def noted(self, job_id: str) -> JobStatus | None:
        """The record of a job as it was written, whatever became of its process since."""
        unwritten = self._unwritten.get(job_id)
        if unwritten is not None:
            return unwritten
        try:
            data = self._store.record(f"job/{job_id}")
            job = None if data is None else read_json(JobStatus, _in_utf8(data))
        except (OSError, ValueError, RecursionError, EmbedscopeError):
            data, job = "damaged", None
        if data is not None and (job is None or job.id != job_id):
            self._unreadable.add(job_id)
            return None
        self._unreadable.discard(job_id)
        return job

    def put(self, job: JobStatus) -> JobStatus:
        """Write a record and return it; where it cannot be written it is kept here, and written when that works again."""
        data = _in_utf8(to_json(job, {}))
        job = read_json(JobStatus, data) or job
        with self._lock:
            self._unwritten[job.id] = job
        self.write_what_is_left()
        return job

    def write_what_is_left(self) -> None:
        """Write the records that could not be written before."""
        with self._lock:
            for job in list(self._unwritten.values()):
                try:
                    self._store.set_record(f"job/{job.id}", to_json(job, {}))
                except Exception as error:  # whatever it is: the job goes on, and others with it
                    self._trouble = explained(error)[0]
                    return
                del self._unwritten[job.id]
            self._trouble = ""

    @property
    def trouble(self) -> str:
        """Why records cannot be written; "" while they can."""
        return self._trouble

    @property
    def unreadable(self) -> int:
        """How many records were left out since they cannot be read."""
        return len(self._unreadable)

    def all(self) -> list[JobStatus]:
        """All records that can be read, newest first."""
        found = [self.get(job_id) for job_id in self.ids()]
        return sorted((job for job in found if job), key=lambda job: -job.created)

    def ids(self) -> list[str]:
        """The ids of all records."""
        try:
            stored = [key.partition("/")[2] for key in self._store.record_keys("job/")]
        except OSError:
            stored = []
        return list(dict.fromkeys([*self._unwritten, *stored]))

    def prune(self) -> None:
        """Forget the oldest ended jobs beyond the number that is kept."""
        for job in [job for job in self.all() if not job.active][_KEPT_JOBS:]:
            self._store.delete_record(f"job/{job.id}")


class Progress:
    """Turns a runner's reports into job records: stage, count, time left; written a few times a second at most."""

    def __init__(self, book: JobBook, job: JobStatus) -> None:
        self._book, self.job = book, job
        self._written = 0.0
        self._from = (time.monotonic(), 0)  # when the present count began, and where

    def __call__(self, done: int, total: int, stage: str) -> None:
        now = time.monotonic()
        if total != self.job.total or done < self.job.done:  # another count: the pace so far says nothing about it
            self._from = (now, done)
        began, first = self._from
        eta = (now - began) / (done - first) * (total - done) if done > first else None
        new_stage = stage != self.job.stage
        self.job = replace(self.job, done=done, total=total, stage=stage, eta_seconds=eta, reported=clock.now())
        if new_stage or now - self._written > _WRITE_EVERY:
            self._written = now
            self._book.put(self.job)


def _in_utf8(data: Json) -> Json:
    """``data`` without what UTF-8 cannot say: names of files may hold bytes that are in no encoding."""
    found: Json = json.loads(json.dumps(data, ensure_ascii=False).encode("utf-8", "replace"))
    return found
