"""Giving parts of tasks to the members of a Ray cluster, and again to others where one is lost."""

import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import ray
from ray.exceptions import RayError

from backend.errors import EmbedscopeError, ServiceError
from backend.jobs.cluster.member import Do, Outcome
from backend.jobs.cluster.members import Members
from backend.jobs.cluster.seen import bare, leave
from backend.logs import log_event
from backend.settings import Settings
from backend.store import Store
from backend.work.parts import Answer, Noted, Part
from backend.work.spreading import Standing

_STARTING = "Starting processes on the cluster"
_LOOK = 0.1  # seconds between two looks at what goes on
_AGAIN = 0.2  # seconds after which a member that was busy is asked again
_MOST_TRIES = 4  # of a part whose process was lost
_END_SECONDS = 5.0  # that parts have to end by themselves once nobody wants them any more


@dataclass(slots=True)
class _Given:
    """A part that was given to a member: its number, what it is called there, and the question how far it is."""

    number: int
    name: str
    member: str
    actor: Any
    question: Any = None


class RayCrew:
    """A Crew: the members of a Ray cluster. Connects to it when the first part is to be done."""

    def __init__(self, settings: Settings, wire: Callable[[Settings], Do], store: Store) -> None:
        self._settings, self._wire, self._store = settings, wire, store
        self._members: Members | None = None
        self._who = uuid.uuid4().hex[:12]

    def do(self, parts: Sequence[Part], report: Callable[[Sequence[Standing]], None]) -> list[tuple[Answer, Noted]]:
        """As Crew; raises ServiceError where the cluster cannot be reached, or loses a part again and again."""
        try:
            return self._do(parts, report)
        except ServiceError as error:
            leave(self._store, {"address": bare(self._settings.ray_address), "problem": error.message})
            raise

    def _do(self, parts: Sequence[Part], report: Callable[[Sequence[Standing]], None]) -> list[tuple[Answer, Noted]]:
        standings = [Standing() for _ in parts]
        if self._members is None:
            report([Standing(0, 0, _STARTING), *standings[1:]])
            self._members = Members(self._settings, self._wire, self._store)
        self._members.greet()
        answers = _Round(self._members, self._who, parts, standings).follow(report)
        self._members.tell()
        return answers


class _Round:
    """Some parts, until all of them are done."""

    def __init__(self, members: Members, who: str, parts: Sequence[Part], standings: list[Standing]) -> None:
        self._members, self._who, self._parts, self._standings = members, who, parts, standings
        self._kept = [ray.put(part) for part in parts]  # once, however often it has to be given
        self._waiting = deque(range(len(parts)))
        self._given: dict[Any, _Given] = {}
        self._answers: dict[int, tuple[Answer, Noted]] = {}
        self._tries = [0] * len(parts)
        self._not_before: dict[str, float] = {}

    def follow(self, report: Callable[[Sequence[Standing]], None]) -> list[tuple[Answer, Noted]]:
        """Give, wait and ask until each part has its answer; whatever ends this ends what goes on."""
        try:
            while len(self._answers) < len(self._parts):
                self._give()
                if self._given:
                    ended, _ = ray.wait(list(self._given), timeout=_LOOK)
                    for one in ended:
                        self._take(one)
                else:
                    time.sleep(_LOOK)
                self._ask()
                report(self._standings)
        except BaseException:
            self._stop()
            raise
        return [self._answers[number] for number in range(len(self._parts))]

    def _give(self) -> None:
        """Give a part to each member that has none of ours."""
        ready, now = self._members.ready(), time.monotonic()
        if not ready:
            self._standings[self._waiting[0] if self._waiting else 0] = Standing(0, 0, _STARTING)
        ours = {given.member for given in self._given.values()}
        for name, actor in ready.items():
            if not self._waiting:
                return
            if name in ours or now < self._not_before.get(name, 0.0):
                continue
            number = self._waiting.popleft()
            called = uuid.uuid4().hex
            ref = actor.do.remote(self._who, called, self._kept[number])
            self._given[ref] = _Given(number, called, name, actor)

    def _take(self, ref: Any) -> None:
        given = self._given.pop(ref)
        try:
            outcome: Outcome = ray.get(ref)
        except RayError:
            self._lost(given)
            return
        if outcome.state == "busy":
            self._not_before[given.member] = time.monotonic() + _AGAIN
            self._waiting.appendleft(given.number)
        elif outcome.state == "done":
            self._standings[given.number] = replace(self._standings[given.number], over=True)
            self._answers[given.number] = outcome.answer
            self._kept[given.number] = None
        elif outcome.state == "failed":
            raise EmbedscopeError(outcome.error, outcome.hint)
        else:  # by nobody here: it thought that nobody waits for it any more
            self._waiting.append(given.number)

    def _lost(self, given: _Given) -> None:
        """A member is gone with what it was doing: that is done again, first of all, by another."""
        self._members.lost(given.member)
        self._tries[given.number] += 1
        log_event("lost", kind=self._parts[given.number].kind, tries=self._tries[given.number])
        if self._tries[given.number] >= _MOST_TRIES:
            raise ServiceError(
                f"{_MOST_TRIES} processes of the cluster were lost one after another while they did the same part of this.",
                "They may have run out of memory: use a smaller model or fewer EMBEDSCOPE_BATCH_TOKENS, or see Ray's logs on the nodes.",
            )
        self._standings[given.number] = Standing()
        self._waiting.appendleft(given.number)

    def _ask(self) -> None:
        """Ask how far each part is, one question to a member at a time."""
        for given in self._given.values():
            if given.question is None:
                given.question = given.actor.asked.remote(given.name)
            elif ray.wait([given.question], timeout=0)[0]:
                try:
                    standing = Standing(*ray.get(given.question))
                except RayError:
                    continue  # what it was doing says so too
                if standing.stage:
                    self._standings[given.number] = standing
                given.question = None

    def _stop(self) -> None:
        """Let all that goes on end at its next report, and wait for that for a moment."""
        try:
            for given in self._given.values():
                given.actor.stop.remote(given.name)
            ray.wait(list(self._given), num_returns=len(self._given), timeout=_END_SECONDS) if self._given else None
        except RayError:
            return
