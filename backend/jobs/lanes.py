"""Lanes: one for each kind of worker, with the jobs that wait for it and its processes.

A lane has a process for whatever comes, and where it may one beside it for short jobs and for other people's, so that these
pass a long one that is being done. Where both are at long ones, a last process does what is short alone: it is never given
anything that others would have to wait for. Who waits is picked anew whenever a process is free (backend.jobs.order); who
shares a device takes turns (backend.jobs.turns).
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from backend.errors import Cancelled, EmbedscopeError
from backend.jobs.following import Job, Owner, follow
from backend.jobs.order import Waiting, in_turn, is_brief, may_pass
from backend.jobs.process import WorkerProcess
from backend.jobs.turns import Turns

_LOOK = 0.5  # seconds between two looks whether a job that waits may begin by now
_IDLE = 600.0  # seconds without work after which a process beside the lane's own gives its memory back
_BRIEF_IDLE = 60.0  # the same of the last one
_RENEW = 15.0  # seconds after which what a job is expected to take is estimated anew


class Lane:
    """One kind of worker: what waits for it, and the threads that see to its processes."""

    def __init__(
        self, kind: str, owner: Owner, start: Callable[[], WorkerProcess], turns: Turns[Job], beside: int
    ) -> None:
        self.kind, self.owner, self.start, self.turns = kind, owner, start, turns
        self._changed = threading.Condition()
        self._waiting: list[Job] = []
        self._closed = False
        last = 1 + beside  # the process for short jobs alone; without any beside there is none
        self._hands = [_Hand(self, beside=n > 0, brief=n == last) for n in range(last + 1 if beside else 1)]
        for hand in self._hands:
            hand.start()

    @property
    def state(self) -> str:
        """What the lane does, for people: its processes, or that it has none."""
        if not self.is_alive():
            return "ended"
        found = [f"pid {hand.process.pid}" for hand in self._hands if hand.process is not None and hand.process.alive]
        return ", ".join(found) or "not started"

    def is_alive(self) -> bool:
        """Whether jobs are still done here."""
        return all(hand.is_alive() for hand in self._hands)

    @property
    def title(self) -> str:
        """What the job that is being done is called; "" while there is none."""
        return next((hand.job.status.title for hand in self._hands if hand.job is not None), "")

    def put(self, job: Job) -> None:
        """Let a job wait here for its turn."""
        job.since = job.estimated = time.monotonic()
        job.expected, job.worked = self.owner.expected(job), 0.0
        with self._changed:
            self._waiting.append(job)
            self._changed.notify_all()

    def prepare(self, *, beside: bool = False) -> None:
        """Let the process be there, with its libraries loaded, before a job waits for it; those ``beside`` it too, to stay."""
        with self._changed:
            for hand in self._hands:
                stays = beside and not hand.brief
                hand.wanted = hand.wanted or stays or not hand.beside
                hand.stays = hand.stays or stays
            self._changed.notify_all()

    def drop(self, job: Job) -> bool:
        """Take a job out of those that wait; False where it is not among them."""
        with self._changed:
            waits = job in self._waiting
            if waits:
                self._waiting.remove(job)
        return waits

    def place(self, job_id: str) -> int:
        """Where a job is among those that wait here, from 1; 0 where it does not wait here."""
        with self._changed:
            ids = [job.status.id for job in self._in_turn()] if self._waiting else []
        return ids.index(job_id) + 1 if job_id in ids else 0

    def close(self) -> None:
        """Do nothing more, and end the processes."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for hand in self._hands:
            hand.drop_process()

    # Called by the hands

    def take(self, hand: "_Hand") -> Job | None:
        """The next job for one of the processes, once there is one; None where the lane is closed."""
        idle_since = time.monotonic()
        with self._changed:
            while not self._closed:
                self._renew()
                job = next((one for one in self._in_turn() if self._may_begin(one, hand)), None)
                if job is not None:
                    self._waiting.remove(job)
                    hand.job = job
                    return job
                if hand.wanted:
                    hand.wanted = False
                    hand.begin()
                if hand.beside and not hand.stays and time.monotonic() - idle_since > hand.idle:
                    hand.drop_process()
                self._changed.wait(_LOOK if self._waiting else hand.idle)
        return None

    def free(self, hand: "_Hand") -> None:
        """Note that a process has done its job."""
        with self._changed:
            hand.job = None
            self._changed.notify_all()

    def _renew(self) -> None:
        """Estimate one of those that wait anew: what was measured since it came makes a first guess better."""
        now = time.monotonic()
        job = min(self._waiting, key=lambda one: one.estimated, default=None)
        if job is not None and now - job.estimated > _RENEW:
            job.estimated, job.expected = now, self.owner.expected(job)

    def _in_turn(self) -> list[Job]:
        now = time.monotonic()
        busy_until: dict[str, float] = {}
        for hand in self._hands:
            if hand.job is not None:
                busy_until[hand.job.person.id] = now + hand.job.left()
        by_id = {job.status.id: job for job in self._waiting}
        return [by_id[one.id] for one in in_turn(map(_as_waiting, self._waiting), busy_until)]

    def _may_begin(self, job: Job, hand: "_Hand") -> bool:
        others = [other for other in self._hands if not other.brief]
        now = [(other.job.person.id, other.job.left()) for other in others if other.job is not None]
        if hand.brief:
            fits = len(now) == len(others) and is_brief(_as_waiting(job), now)
        else:
            fits = not hand.beside or (bool(now) and may_pass(_as_waiting(job), now))
        if not fits:
            return False
        if self.owner.being_made(job):
            job.made_elsewhere = True
            return False  # another job is at what this one needs
        if job.made_elsewhere:
            job.made_elsewhere, job.expected = False, self.owner.expected(job)
        return True


def _as_waiting(job: Job) -> Waiting:
    return Waiting(job.status.id, job.person.id, job.since, job.expected)


class _Hand(threading.Thread):
    """A thread that lets one process do one job after another. Whatever goes wrong with one, it does the next."""

    def __init__(self, lane: Lane, *, beside: bool, brief: bool) -> None:
        super().__init__(daemon=True, name=f"lane-{lane.kind}{'-brief' if brief else '-beside' if beside else ''}")
        self._lane, self.beside, self.brief = lane, beside, brief
        self.idle = _BRIEF_IDLE if brief else _IDLE
        self.wanted = self.stays = False
        self.process: WorkerProcess | None = None
        self.job: Job | None = None

    def run(self) -> None:
        while True:
            try:
                job = self._lane.take(self)
            except Exception:  # of what it asks of others: the cache, mostly
                time.sleep(_LOOK)
                continue
            if job is None:
                return
            try:
                then = self._do(job)
            except BaseException as error:
                self.drop_process()  # it may still be at the job
                then = _ending(self._lane.owner, job, error)
            self._lane.turns.leave(job)
            self._lane.free(self)
            then()

    def begin(self) -> None:
        """Start the process where there is none, and let it load its libraries."""
        if self.process is None or not self.process.alive:
            self.process = self._lane.start()
            self.process.send({"ahead": True})

    def drop_process(self) -> None:
        """End the process."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()

    def _do(self, job: Job) -> Callable[[], None]:
        """Do one step of a job; returns what is to be done then, once the process is free for others."""
        owner = self._lane.owner
        if job.cancelled.is_set():
            return _ending(owner, job, Cancelled())
        progress = owner.begin(job)
        if self.process is None or not self.process.alive:
            progress(0, 0, "Starting a worker process")
            self.process = self._lane.start()
        event = follow(self.process, job, owner, progress, self._lane.turns)
        job.status = progress.job
        if event["event"] == "done":
            return lambda: owner.advance(job)
        if event["event"] == "cancelled":
            return _ending(owner, job, Cancelled())
        return _ending(owner, job, EmbedscopeError(event["error"], event["hint"]))


def _ending(owner: Owner, job: Job, error: BaseException) -> Callable[[], None]:
    return lambda: owner.end(job, error)


def starter(kind: str, cache: Path, runs: Path) -> Callable[[], WorkerProcess]:
    """What starts a process of a kind."""
    return lambda: WorkerProcess(kind, cache, runs)
