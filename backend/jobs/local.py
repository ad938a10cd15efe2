"""What the executors of this machine share: job records, uploads and text sets come straight from the store."""

from pathlib import Path
from typing import Any

from backend.fingerprint import fingerprint
from backend.jobs.base import JobBook
from backend.library import Library
from backend.runs import RunInfo
from backend.specs import AnalysisSpec, BatchTask, JobStatus, Task
from backend.store import Store
from backend.texts import TextSetInfo, TextTable
from backend.training import all_runs, run_log


class StoreExecutor:
    """The part of an Executor that needs no work done, over one store."""

    def __init__(self, store: Store, library: Library, runs: Path) -> None:
        self._store, self._library, self._runs = store, library, runs
        self._book = JobBook(store)

    def jobs(self) -> list[JobStatus]:
        return self._book.all()

    def fetch(self, task: Task) -> bool:
        """Whether the results of ``task`` are there; a small task's are always looked up anew."""
        wanted = task.analyses if isinstance(task, BatchTask) else (task,)
        return all(isinstance(item, AnalysisSpec) and self._store.has_result(fingerprint(item)) for item in wanted)

    def upload(self, content: bytes) -> str:
        return self._store.put_blob(content)

    def text_sets(self) -> list[TextSetInfo]:
        return self._library.infos()

    def text_table(self, digest: str) -> TextTable:
        return self._library.table(digest)

    def delete_text_set(self, digest: str) -> int:
        return self._library.delete(digest)

    def runs(self) -> list[RunInfo]:
        return all_runs(self._runs)

    def run_log(self, name: str) -> list[dict[str, Any]]:
        return run_log(self._runs, name)
