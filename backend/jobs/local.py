"""What the executors of this machine share: job records, uploads and text sets come straight from the store."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from backend.errors import TextSetError
from backend.forms.fingerprint import fingerprint
from backend.jobs.book import JobBook
from backend.store import Store
from backend.store.named import forget_all_named, forget_named, named_selections, rename_named, save_named
from backend.store.selections import keep_selection, kept_selection
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
from backend.work.agreement import check_texts, names_are_known
from backend.work.belonging import belongings, share
from backend.work.costing import cost_of
from backend.work.doors import check_task
from backend.work.library import Library
from backend.work.looks import looked_at
from backend.work.lookups import LocalList
from backend.work.runlist import delete_run, leads_to_seen, rename_run, run_log, seen_runs
from backend.work.tasks import kind_of
from backend.work.vectorlist import delete_vectors, vector_sets


class StoreExecutor:
    """The part of an Executor that needs no work done, over one store."""

    def __init__(self, store: Store, library: Library, runs: Path, roots: tuple[Path, ...] = ()) -> None:
        self._store, self._library, self._runs = store, library, runs
        self._local = LocalList(roots)
        self._book = JobBook(store)

    def jobs(self) -> list[JobStatus]:
        return self._book.all()

    def fetch(self, task: Task) -> bool:
        """Whether the results of ``task`` are there; a small task's are always looked up anew."""
        wanted = kind_of(task).analyses(task)
        return bool(wanted) and all(self._store.has_result(fingerprint(spec)) for spec in wanted)

    def cost(self, analyses: Sequence[AnalysisSpec]) -> Cost:
        return cost_of(self._store, self._library, analyses)

    def admit(self, task: Task) -> bool:
        """Raise where ``task`` makes no sense or contradicts itself; returns whether its results are there already.

        They are not handed out for a name of a model that nobody has looked up yet: the runner does that first. A text
        set that is not there fails the job, which can be run again once it is.
        """
        check_task(task)
        try:
            check_texts(self._library, task)
        except TextSetError:
            return False
        return names_are_known(self._store, task) and self.fetch(task)

    def damage(self) -> dict[str, str]:
        """For `health`: what of the store was found damaged and set aside; nothing where nothing was."""
        found = self._store.set_aside()
        if not found:
            return {}
        last, kinds = found[0], Counter(row["kind"] for row in found)
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(last["time"]))
        listed = ", ".join(f"{number} of {kind}" for kind, number in sorted(kinds.items()))
        return {"set aside": f"{listed}; the last on {when}, because {last['reason']}"}

    def trouble(self) -> dict[str, str]:
        """For `health`: what is wrong with the records of jobs; nothing where nothing is."""
        self._book.write_what_is_left()
        found = {}
        if self._book.trouble:
            found = {"status": "degraded", "trouble": f"Records of jobs cannot be written. {self._book.trouble}"}
        if self._book.unreadable:
            found["left out"] = (
                f"{self._book.unreadable} records of jobs that cannot be read: another version wrote them, or they are damaged"
            )
        return found

    def upload(self, content: bytes, *, vectors: bool = False) -> str:
        digest = self._store.put_blob(content)
        self._store.owners.join("blobs", digest)
        return digest

    def noted(self, task: Task) -> Json:
        """The answer to ``task`` that was written down, as JSON; None where there is none."""
        return self._store.record(f"task/{fingerprint(task)}")

    def look(self, task: AnalysisSpec) -> bytes | None:
        """What is shown of ``task`` before it is done, or of the pass that it waits for; None where that is nothing."""
        return looked_at(self._store, task)

    def text_sets(self) -> list[TextSetInfo]:
        return self._library.infos()

    def text_table(self, digest: str) -> TextTable:
        return self._library.table(digest)

    def delete_text_set(self, digest: str) -> int:
        table = self._library.info(digest).spec.table
        n_deleted = self._library.delete(digest)
        forget_all_named(self._store, table, of_everyone=not self._store.has_texts(table))
        return n_deleted

    def keep_selection(self, runs: list[int]) -> str:
        return keep_selection(self._store, runs)

    def selection(self, digest: str) -> list[int] | None:
        return kept_selection(self._store, digest)

    def belongings(self) -> list[Belonging]:
        return belongings(self._store, self._library, self._runs)

    def share(self, kind: str, key: str, shared: bool) -> None:
        share(self._store, self._library, self._runs, kind, key, shared)

    def vector_sets(self) -> list[VectorsInfo]:
        return vector_sets(self._store)

    def delete_vectors(self, name: str) -> int:
        return delete_vectors(self._store, name)

    def named_rows(self, table: str) -> list[NamedRows]:
        return named_selections(self._store, self._store.owners.as_seen("texts", table))

    def save_rows(self, table: str, name: str, runs: list[int], story: str) -> NamedRows:
        info = self._library.info(table)
        return save_named(self._store, info.spec.table, name, runs, story, info.spec.n_rows)

    def rename_rows(self, table: str, name: str, new: str) -> NamedRows:
        return rename_named(self._store, table, name, new)

    def forget_rows(self, table: str, name: str) -> None:
        forget_named(self._store, table, name)

    def runs(self) -> list[RunInfo]:
        return seen_runs(self._store, self._runs)

    def local_models(self) -> LocalModels:
        found = self._local.models()
        seen = tuple(one for one in found.found if leads_to_seen(self._store, self._runs, one.name))
        return replace(found, found=seen)

    def delete_run(self, name: str) -> int:
        return delete_run(self._store, self._runs, name)

    def rename_run(self, name: str, new: str) -> RunInfo:
        return rename_run(self._store, self._runs, name, new)

    def run_log(self, name: str) -> list[Document]:
        return run_log(self._store, self._runs, name)
