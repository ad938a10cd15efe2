"""The workers executor: supervised worker processes, in lanes by kind, each doing one job at a time.

A worker starts when it is first needed, that of the models when a model is looked up, and stays warm. One that dies fails its job with the reason and is replaced
for the next. A job is one or more steps, each for one kind of worker: a t-SNE is extracted by "models" and laid out by
"layouts", so that long layouts never block the GPU.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from backend.errors import Cancelled, InvalidRequest
from backend.forms.codec import Codec, to_json
from backend.forms.fingerprint import fingerprint
from backend.jobs.base import ended, left, log_job, new_job
from backend.jobs.book import SERVICE, Progress, stopped
from backend.jobs.following import Job
from backend.jobs.lanes import Lane, starter
from backend.jobs.local import StoreExecutor
from backend.jobs.process import Event
from backend.jobs.turns import NoTurns, Turns
from backend.jobs.worker import KINDS
from backend.store import Store, clock
from backend.store.claims import being_made
from backend.store.processes import process_alive
from backend.values.jobs import LOOK_UPS, JobStatus
from backend.values.people import asking
from backend.values.specs import AnalysisSpec
from backend.values.tasks import FinetuneTask, ResolveTask, Task
from backend.work.costing import cost_of
from backend.work.kinds import Steps
from backend.work.library import Library
from backend.work.stacks import pass_of
from backend.work.tasks import kind_of

_LOOK_UP_SECONDS, _OTHER_SECONDS, _TRAINING_SECONDS = 3.0, 30.0, 3600.0  # expected of what nobody has estimated
_MADE = "another job, which makes what this one needs too"
_RESOLVER_LATER = 60.0  # seconds after which the process for look-ups starts too, when the first figures stand
_CLOSE_SECONDS = 3.0  # that running jobs have to end by themselves when the service stops


@dataclass(frozen=True, slots=True)
class JobLimits:
    """What jobs may take: processes ``beside`` each lane's own for short ones, ``seconds`` of work, jobs ``per_person``; 0: no limit.

    Without ``turns`` no job stands still for another: their processes only hand the work on.
    """

    beside: int = 1
    seconds: int = 0
    per_person: int = 0
    turns: bool = True


class WorkersExecutor(StoreExecutor):
    """Does tasks in worker processes of this machine."""

    def __init__(
        self,
        store: Store,
        library: Library,
        codec: Codec,
        runs: Path,
        roots: tuple[Path, ...] = (),
        limits: JobLimits = JobLimits(),
        elsewhere: Callable[[], dict[str, str]] = dict,
    ) -> None:
        super().__init__(store, library, runs, roots)
        self._codec, self._limits, self._elsewhere = codec, limits, elsewhere
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._closing = False
        self._later: threading.Timer | None = None
        self._end_what_was_left()
        turns: type[Turns[Job]] = Turns if limits.turns else NoTurns
        device = turns()  # one for all that may run models: they share the GPU, or the cores
        self._lanes = {
            kind: Lane(
                kind,
                self,
                starter(kind, store.folder, runs),
                device if kind in ("models", "training") else turns(),
                0 if kind == "training" else limits.beside,
            )
            for kind in KINDS
        }

    def _end_what_was_left(self) -> None:
        """Say of the jobs of a service that is gone that they ended; those of a command that works are its own."""
        known = [(job_id, self._book.noted(job_id)) for job_id in self._book.ids()]
        clock.not_before(
            max((job.finished or job.reported or job.started or job.created for _, job in known if job), default=0.0)
        )
        for job_id, job in known:
            if job is None or not job.active:
                continue
            if not job.owner or job.owner.startswith(SERVICE):
                self._book.put(left(job, stopped()))
            elif not process_alive(job.owner):
                self._book.put(self._book.get(job_id) or job)
        self._book.prune()

    def start(self, task: Task) -> JobStatus:
        status = self._start(task, kind_of(task).steps(task))
        if status.active and isinstance(task, ResolveTask) and self._limits.turns:
            self._lanes["models"].prepare()  # whoever looks a model up is about to run it
        return status

    def first(self, task: ResolveTask) -> JobStatus:
        """Look a model up when the service starts, in the process that is to run it and that loads it then.

        Two processes that read the same libraries at once would make the first page wait for both; that of later look-ups comes after.
        """
        if not self._limits.turns:  # the models are elsewhere
            return self.start(task)
        status = self._start(task, [("models", "look up")])
        if status.active:
            self._later = threading.Timer(_RESOLVER_LATER, self._lanes["resolver"].prepare)
            self._later.daemon = True
            self._later.start()
        return status

    def _start(self, task: Task, steps: Steps) -> JobStatus:
        done, job = self.admit(task), new_job(task)
        job = replace(job, owner=f"{SERVICE}{job.owner}")
        with self._lock:
            running = self._jobs.get(job.id)
            if running is not None and running.status.active and not running.cancelled.is_set():
                return running.status
            if done:
                return ended(job, None)
            self._check_number(job)
            if running is not None:
                running.replaced = True  # it is being cancelled, and this is asked for anew
            entry = Job(self._book.put(job), task, steps, asking(), _needs(task))
            self._jobs[job.id] = entry
        self._lanes[entry.steps[0][0]].put(entry)
        return entry.status

    def warm(self) -> None:
        """Start the processes that people would wait for first, and let them read their libraries."""
        for kind in ("models", "layouts"):
            self._lanes[kind].prepare(beside=True)

    def _check_number(self, job: JobStatus) -> None:
        """Raise InvalidRequest where the person who asks has as many jobs as one may have."""
        most, person = self._limits.per_person, asking().id
        if not most or job.kind in LOOK_UPS:
            return
        mine = [one for one in self._jobs.values() if one.person.id == person and one.status.kind not in LOOK_UPS]
        if len(mine) >= most:
            raise InvalidRequest(
                f"{len(mine)} jobs of yours run or wait already; at most {most} may (EMBEDSCOPE_JOBS_PER_PERSON).",
                "Wait until one has ended, or cancel one on the page Jobs.",
            )

    def status(self, job_id: str) -> JobStatus | None:
        with self._lock:
            entry = self._jobs.get(job_id)
        return self._placed(entry.status) if entry else self._book.get(job_id)

    def jobs(self) -> list[JobStatus]:
        with self._lock:
            now = {job_id: entry.status for job_id, entry in self._jobs.items()}
        return [self._placed(now.get(job.id, job)) for job in super().jobs()]

    def _placed(self, job: JobStatus) -> JobStatus:
        """``job`` with its place in a queue, and the job that it waits for, while it is in one."""
        if not job.active:
            return job
        for lane in self._lanes.values():
            place = lane.place(job.id)
            if place:
                entry = self._jobs.get(job.id)
                made = entry is not None and entry.made_elsewhere
                return replace(job, place=place, waits_for=_MADE if made else lane.title)
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
        known = {"executor": "workers", "store": self._store.id, **workers, **self._elsewhere()}
        return {**known, **self.damage(), **self.trouble(), **stuck}

    def close(self) -> None:
        """End what runs, each job with a record that says so, and leave no process behind."""
        with self._lock:
            self._closing = True
            entries = list(self._jobs.values())
        if self._later is not None:
            self._later.cancel()
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
        job.before += job.worked
        if job.cancelled.is_set():
            self.end(job, Cancelled())
        elif job.steps:
            self._lanes[job.steps[0][0]].put(job)
        else:
            self.end(job, None)

    def end(self, job: Job, error: BaseException | None) -> None:
        """Note that a job has ended."""
        if self._closing and error is not None:
            error = stopped()
        with self._lock:
            if self._jobs.get(job.status.id) is job:
                job.status = self._book.put(ended(job.status, error))
                log_job(job.status)
                del self._jobs[job.status.id]

    def message(self, job: Job) -> Event:
        """What tells a worker what to do."""
        task, person = self._codec.task_to_json(job.task), to_json(job.person, {})
        return {"job": job.status.id, "step": job.steps[0][1], "task": task, "person": person}

    def expected(self, job: Job) -> float:
        """Seconds that the present step of a job is expected to take, by what this instance has measured."""
        analyses, step = kind_of(job.task).analyses(job.task), job.steps[0][1]
        if not analyses:
            usual = _LOOK_UP_SECONDS if job.status.kind in LOOK_UPS else _OTHER_SECONDS
            return _TRAINING_SECONDS if isinstance(job.task, FinetuneTask) else usual
        try:
            cost = cost_of(self._store, self._library, analyses)
        except Exception:  # the estimate alone: the job itself says what is wrong with it
            return _OTHER_SECONDS
        if step == "fill":
            return cost.seconds
        return cost.metric_seconds if step == "measure" else cost.whole_seconds

    def being_made(self, job: Job) -> bool:
        """Whether another job is making what this one needs."""
        return being_made(self._store.folder, job.needs)

    def too_long(self, job: Job) -> Event | None:
        """The event that ends a job which has worked for longer than it may; None while it has not."""
        most = self._limits.seconds
        if not most or job.before + job.worked <= most:
            return None
        return {
            "event": "failed",
            "error": f"It worked for more than {most:,} seconds, the most that a job may take here (EMBEDSCOPE_JOB_SECONDS).",
            "hint": "Take fewer texts or a smaller model, or ask whoever runs this instance for more time.",
        }


def _needs(task: Task) -> frozenset[str]:
    """What an analysis makes or has made; of several as one job nothing, since each of them waits for itself."""
    if not isinstance(task, AnalysisSpec):
        return frozenset()
    return frozenset([fingerprint(task), *(fingerprint(pass_of(item)) for item in task.inputs)])
