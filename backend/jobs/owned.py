"""The executor of a service that several people use: what each may see of its jobs and answers, by who asks.

What belongs to whom among texts, vectors, runs and selections is kept by the rooms that keep those; here are the jobs. A
job is seen by those who asked for it. An administrator sees that there are others, how long they take and how they
end, and can end them, but not what they are about.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from backend.errors import InvalidRequest
from backend.forms.codec import read_json, to_json
from backend.forms.fingerprint import content_digest, fingerprint
from backend.jobs.base import Executor, new_job
from backend.store import Store
from backend.values.jobs import Choice, JobStatus
from backend.values.json_data import Document, Json
from backend.values.local import LocalModels
from backend.values.owned import Belonging
from backend.values.people import NOBODY, asked_by, asking
from backend.values.runs import RunInfo
from backend.values.selections import NamedRows
from backend.values.specs import AnalysisSpec
from backend.values.tasks import BatchTask, FinetuneTask, Task
from backend.values.texts import Cost, TextSetInfo, TextTable
from backend.values.vectors import VectorsInfo
from backend.work.doors import check_task
from backend.work.library import Library
from backend.work.seen import is_seen, may_be_told, require_seen_by_asker
from backend.work.tasks import TASKS

_ANOTHERS = "somebody else's job"
_KEPT_SECONDS = 90 * 24 * 3600.0  # for which it is remembered what somebody called a job
_SETTLED_WITHIN = 120.0  # seconds after its end in which a job's answer is given to who had joined it


class OwnedExecutor:
    """Does what ``executor`` does, for each person what is theirs to see."""

    def __init__(self, executor: Executor, store: Store, library: Library, runs: Path) -> None:
        self._executor, self._store, self._library, self._runs = executor, store, library, runs

    # Jobs

    def start(self, task: Task) -> JobStatus:
        check_task(task)  # before anything is made of it, its title too
        require_seen_by_asker(self._store, self._library, self._runs, task)
        asked = new_job(task)
        if asking() != NOBODY:
            self._store.owners.join("jobs", asked.id)
            said = {"title": asked.title, "choice": None if asked.choice is None else to_json(asked.choice, {})}
            self._store.set_record(_asked_key(asked.id), said, expire=_KEPT_SECONDS)
        return self._shown(self._executor.start(task))

    def status(self, job_id: str) -> JobStatus | None:
        job = self._executor.status(job_id) if self._asked(job_id) or asking().admin else None
        if job is not None and asking() != NOBODY and job.state == "done":
            self._settle(job)
        return None if job is None else self._shown(job)

    def cancel(self, job_id: str) -> None:
        """Ask a job to end; where others asked for it too, it goes on for them."""
        if not self._asked(job_id):
            if asking().admin:
                self._executor.cancel(job_id)
        elif self._store.owners.leave("jobs", job_id):
            self._executor.cancel(job_id)

    def jobs(self) -> list[JobStatus]:
        found = self._executor.jobs()
        return [self._shown(job, found) for job in found if asking().admin or self._asked(job.id)]

    def _asked(self, job_id: str) -> bool:
        return self._store.owners.mine("jobs", job_id)

    def _shown(self, job: JobStatus, among: Sequence[JobStatus] | None = None) -> JobStatus:
        """``job`` as who asks may see it: with the names that they gave, and without those of others.

        ``among`` are all jobs, where they are known already.
        """
        if asking() == NOBODY:
            return job
        asked = self._store.record(_asked_key(job.id)) if self._asked(job.id) else None
        waits_for = _ANOTHERS if job.waits_for and not self._is_mine(job.waits_for, among) else job.waits_for
        if not isinstance(asked, dict):
            return replace(job, title=_ANOTHERS, stage="", error="", hint="", choice=None, waits_for=waits_for)
        title, choice = str(asked["title"]), read_json(Choice, asked["choice"])
        if title != job.title and job.state == "failed":  # its message may name things as another calls them
            job = replace(job, error="It failed for whoever asked first.", hint="Run it again to see why.")
        return replace(job, title=title, choice=choice, waits_for=waits_for)

    def _is_mine(self, title: str, among: Sequence[JobStatus] | None) -> bool:
        jobs = self._executor.jobs() if among is None else among
        return any(job.title == title and job.active and self._asked(job.id) for job in jobs)

    def _settle(self, job: JobStatus) -> None:
        """Give what a job has just made to all who had asked for it: the worker gave it to the one that it was begun for."""
        owned, finished = self._store.owners.of("jobs", job.id), job.finished or 0.0
        since = None if owned is None else owned.when(asking())
        if since is None or since > finished or time.time() - finished > _SETTLED_WITHIN:
            return
        answer = self._answer(job.kind, job.id)
        if isinstance(answer, TextSetInfo):
            self._store.owners.add("texts", answer.spec.table, new=False)
        elif isinstance(answer, VectorsInfo):
            self._store.owners.add("vectors", answer.commit, new=False)
        elif job.kind == FinetuneTask.__name__ and job.choice is not None:
            with asked_by(NOBODY):
                made = next((run for run in self._executor.runs() if run.task == job.id), None)
            if made is not None:
                self._store.owners.add("runs", made.name, new=False)

    def _answer(self, kind: str, digest: str) -> object:
        row = next((row for task, row in TASKS.items() if task.__name__ == kind), None)
        return None if row is None else read_json(row.answer, self._store.record(f"task/{digest}"))

    # Answers

    def fetch(self, task: Task) -> bool:
        return may_be_told(self._store, self._library, self._runs, task) and self._executor.fetch(task)

    def noted(self, task: Task) -> Json:
        """The answer to ``task`` that was written down, if who asks has asked for it, and may see what it is about."""
        digest = fingerprint(task)
        if asking() != NOBODY:
            if not self._asked(digest) or not may_be_told(self._store, self._library, self._runs, task):
                return None
            if not is_seen(self._store, self._runs, self._answer(type(task).__name__, digest)):
                return None
        return self._executor.noted(task)

    def look(self, task: AnalysisSpec) -> bytes | None:
        """What is shown of ``task`` before it is done, or of the pass that it waits for, if who asks has asked for ``task``, and may be told its result."""
        if asking() != NOBODY and not self._asked(fingerprint(task)):
            return None
        told = may_be_told(self._store, self._library, self._runs, task)
        return self._executor.look(task) if told else None

    def cost(self, analyses: Sequence[AnalysisSpec]) -> Cost:
        task = BatchTask(tuple(analyses))
        require_seen_by_asker(self._store, self._library, self._runs, task)
        if analyses and not may_be_told(self._store, self._library, self._runs, task):
            raise InvalidRequest("A model of this is not the one that its name stands for.", "Choose the model again.")
        return self._executor.cost(analyses)

    # What is theirs, kept elsewhere

    def upload(self, content: bytes, *, vectors: bool = False) -> str:
        return self._executor.upload(content, vectors=vectors)

    def text_sets(self) -> list[TextSetInfo]:
        return self._executor.text_sets()

    def text_table(self, digest: str) -> TextTable:
        return self._executor.text_table(digest)

    def delete_text_set(self, digest: str) -> int:
        return self._executor.delete_text_set(digest)

    def keep_selection(self, runs: list[int]) -> str:
        return self._executor.keep_selection(runs)

    def selection(self, digest: str) -> list[int] | None:
        return self._executor.selection(digest)

    def vector_sets(self) -> list[VectorsInfo]:
        return self._executor.vector_sets()

    def delete_vectors(self, name: str) -> int:
        return self._executor.delete_vectors(name)

    def named_rows(self, table: str) -> list[NamedRows]:
        return self._executor.named_rows(table)

    def save_rows(self, table: str, name: str, runs: list[int], story: str) -> NamedRows:
        return self._executor.save_rows(table, name, runs, story)

    def rename_rows(self, table: str, name: str, new: str) -> NamedRows:
        return self._executor.rename_rows(table, name, new)

    def forget_rows(self, table: str, name: str) -> None:
        self._executor.forget_rows(table, name)

    def runs(self) -> list[RunInfo]:
        return self._executor.runs()

    def delete_run(self, name: str) -> int:
        return self._executor.delete_run(name)

    def rename_run(self, name: str, new: str) -> RunInfo:
        return self._executor.rename_run(name, new)

    def run_log(self, name: str) -> list[Document]:
        return self._executor.run_log(name)

    def local_models(self) -> LocalModels:
        return self._executor.local_models()

    def belongings(self) -> list[Belonging]:
        return self._executor.belongings()

    def share(self, kind: str, key: str, shared: bool) -> None:
        self._executor.share(kind, key, shared)

    def health(self) -> dict[str, str]:
        """What does the work; of what was found damaged only whoever may look after the instance is told."""
        found, person = self._executor.health(), asking()
        return found if person == NOBODY or person.admin else {key: found[key] for key in found if key != "set aside"}

    def close(self) -> None:
        self._executor.close()


def _asked_key(job_id: str) -> str:
    return f"asked/{content_digest(asking().id.encode('utf-8', 'surrogatepass'))}/{job_id}"
