"""A process of the cluster that does parts of tasks, one at a time: what runs in a Ray actor.

It keeps its models loaded from one part to the next, says how far a part is to whoever asks, and ends by itself when
nobody has given it work for a while.
"""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from backend.errors import Cancelled, EmbedscopeError
from backend.jobs.base import explained
from backend.jobs.cluster.door import Door
from backend.jobs.worker import prepare_worker
from backend.logs import log_event, log_fault, set_up_logs
from backend.settings import Settings
from backend.values.activations import Report
from backend.work.parts import Answer, Noted, Part

IDLE_SECONDS = 600.0  # without work, after which it ends and gives back cores, GPU and memory
_UNHEARD = (
    60.0  # seconds in which whoever gave it a part has to ask how far it is; a part of a dead one is not gone on with
)

Do = Callable[[Part, Report], tuple[Answer, Noted]]


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """How a part ended: "busy" (it was not begun), "done" with its answer, "cancelled", or "failed" with a message."""

    state: str
    answer: tuple[Answer, Noted] = field(default=(None, {}))
    error: str = ""
    hint: str = ""


class Member:
    """What the actor is. Its methods are called from several threads: one works, the others ask and tell."""

    def __init__(self, settings: Settings, wire: Callable[[Settings], Do]) -> None:
        settings = replace(settings, threads=settings.threads or settings.ray_cpus)
        set_up_logs(settings.log, "cluster")
        prepare_worker("training", settings)  # before numpy or torch is imported by what is wired
        self._settings, self._wire = settings, wire
        self._do: Do | None = None
        self._door = Door()
        self._part, self._heard, self._stopped = "", 0.0, False
        self._standing = 0, 0, ""
        self._idle_seconds = IDLE_SECONDS
        threading.Thread(target=self._end_when_idle, daemon=True).start()

    def do(self, who: str, name: str, part: Part) -> Outcome:
        """Do ``part``, which ``who`` calls ``name``; "busy" where another is being done, or it is another's turn."""
        if not self._door.enter(who):
            return Outcome("busy")
        self._part, self._heard, self._stopped, self._standing = name, time.monotonic(), False, (0, 0, "")
        began = time.monotonic()
        try:
            outcome = self._done(part)
        finally:
            self._part = ""
            self._door.leave()
        log_event("part", kind=part.kind, outcome=outcome.state, seconds=round(time.monotonic() - began, 3))
        return outcome

    def asked(self, name: str) -> tuple[int, int, str]:
        """How far the part ``name`` is; nothing where it is not being done."""
        if name != self._part:
            return 0, 0, ""
        self._heard = time.monotonic()
        return self._standing

    def stop(self, name: str) -> None:
        """Let the part ``name`` end at its next report."""
        if name == self._part:
            self._stopped = True

    def retire(self) -> None:
        """End as soon as nobody is inside: another version, or other settings, take its place."""
        self._idle_seconds = 0.0

    def _done(self, part: Part) -> Outcome:
        try:
            if self._do is None:
                self._do = self._wire(self._settings)
            return Outcome("done", self._do(part, self._report))
        except Cancelled:
            return Outcome("cancelled")
        except Exception as error:
            message, hint = explained(error)
            if not isinstance(error, EmbedscopeError) and message.startswith("Unexpected"):
                log_fault(error)
            return Outcome("failed", error=message, hint=hint)

    def _report(self, done: int, total: int, stage: str) -> None:
        self._standing = done, total, stage
        if self._stopped or time.monotonic() - self._heard > _UNHEARD:
            raise Cancelled()

    def _end_when_idle(self) -> None:
        while self._door.idle_seconds < max(1.0, self._idle_seconds):
            time.sleep(0.5)
        os._exit(0)
