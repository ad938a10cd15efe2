"""The inline executor: work is done in this process, by whoever asks. For the command line, notebooks and tests."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from backend.errors import EmbedscopeError
from backend.jobs.base import ended, new_job
from backend.jobs.book import Progress
from backend.jobs.local import StoreExecutor
from backend.store import Store, clock
from backend.store.processes import process_alive, process_name
from backend.values.activations import Report, no_report
from backend.values.jobs import JobStatus
from backend.values.tasks import Task
from backend.work.library import Library
from backend.work.modelhost import ModelHost
from backend.work.runner import Runner

_LOCK_SECONDS = 60.0
_RENEW_EVERY = 15.0


class InlineExecutor(StoreExecutor):
    """Does each task at once and returns when it has ended; one process at a time does any one task."""

    def __init__(
        self,
        store: Store,
        library: Library,
        runner: Runner,
        runs: Path,
        roots: tuple[Path, ...] = (),
        elsewhere: Callable[[], dict[str, str]] = dict,
    ) -> None:
        super().__init__(store, library, runs, roots)
        self._runner, self._elsewhere = runner, elsewhere
        self._cancelled: set[str] = set()

    def start(self, task: Task, report: Report = no_report) -> JobStatus:
        """Do ``task`` now; where another process is at it, wait for that one's result instead."""
        done, job = self.admit(task), new_job(task)
        if done:
            return ended(job, None)
        while not self._lock(job.id):
            report(0, 0, "Waiting for another process that is computing the same result")
            time.sleep(0.2)
        with self._held(job.id):
            return self._run(task, job, report)

    def _run(self, task: Task, job: JobStatus, report: Report) -> JobStatus:
        progress = Progress(self._book, self._book.put(replace(job, state="running", started=clock.now())))
        self._cancelled.discard(job.id)

        def both(done: int, total: int, stage: str) -> None:
            from backend.errors import Cancelled

            progress(done, total, stage)
            report(done, total, stage)
            if job.id in self._cancelled:
                raise Cancelled()

        try:
            self._runner.run(task, both)
        except EmbedscopeError as error:
            return self._book.put(ended(progress.job, error))
        except BaseException as error:
            self._book.put(ended(progress.job, error))
            raise
        return self._book.put(ended(progress.job, None))

    @property
    def models(self) -> ModelHost:
        """The models that tasks are done with."""
        return self._runner.models

    def status(self, job_id: str) -> JobStatus | None:
        return self._book.get(job_id)

    def cancel(self, job_id: str) -> None:
        self._cancelled.add(job_id)

    def health(self) -> dict[str, str]:
        return {
            "executor": "inline",
            "store": self._store.id,
            **self._elsewhere(),
            **self.damage(),
            **self.trouble(),
        }

    def close(self) -> None:
        self._store.close()

    def _lock(self, job_id: str) -> bool:
        key = f"lock/{job_id}"
        holder = self._store.record(key)
        if isinstance(holder, str) and not process_alive(holder):
            self._store.delete_record(key)  # its holder was killed
        return self._store.add_record(key, process_name(), expire=_LOCK_SECONDS)

    @contextlib.contextmanager
    def _held(self, job_id: str) -> Iterator[None]:
        """Keep the lock alive while the work goes on; a killed process's lock expires by itself."""
        over = threading.Event()

        def renew() -> None:
            while not over.wait(_RENEW_EVERY):
                self._store.set_record(f"lock/{job_id}", process_name(), expire=_LOCK_SECONDS)

        thread = threading.Thread(target=renew, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self._store.delete_record(f"lock/{job_id}")
