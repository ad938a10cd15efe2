"""Turns: of the jobs that share a device one works at a time, the others stand still between two of their batches.

A short job takes the turn from a long one at once; each turn ends after a while, so that no job stands still for ever.
Nothing is computed anew for it: a job that stands still waits in its next report, and goes on where it was.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

LONGEST_TURN = 10.0  # seconds
_MUCH_SHORTER = 0.5  # of what is left of the job that has the turn: what takes it from that one at once

One = TypeVar("One")


@dataclass
class _Member:
    left: Callable[[], float]  # seconds
    still_since: float
    stood_still: float = 0.0  # seconds, before its present turn


class Turns(Generic[One]):
    """Who of the jobs that have joined may work."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._members: dict[One, _Member] = {}
        self._now_works: One | None = None
        self._since = 0.0

    def join(self, one: One, left: Callable[[], float]) -> None:
        """Take part from now on; ``left`` says how many seconds of work are left. Harmless for one that does already."""
        with self._lock:
            if one not in self._members:
                self._members[one] = _Member(left, self._clock())
                if self._now_works is None:
                    self._give(one)

    def leave(self, one: One) -> None:
        """Take part no more; whoever has stood still for longest goes on. Harmless for one that does not."""
        with self._lock:
            if self._members.pop(one, None) is not None and self._now_works == one:
                self._now_works = None
                if self._members:
                    self._give(self._longest_still())

    def before(self, one: One) -> One | None:
        """Who has the turn while ``one`` has to stand still; None where it may work."""
        with self._lock:
            self._pass_on()
            return None if one not in self._members or self._now_works == one else self._now_works

    def _pass_on(self) -> None:
        now = self._now_works
        if now is None or len(self._members) < 2:
            return
        had, mine = self._clock() - self._since, self._members[now]
        if had >= LONGEST_TURN:
            self._give(self._longest_still())
            return
        shorter = [
            (member.still_since, one)
            for one, member in self._members.items()
            if one != now and member.left() <= _MUCH_SHORTER * mine.left()
        ]
        if shorter and had >= mine.stood_still:  # who has just stood still gets as much time first
            self._give(min(shorter, key=lambda each: each[0])[1])

    def _longest_still(self) -> One:
        return min(
            (one for one in self._members if one != self._now_works), key=lambda one: self._members[one].still_since
        )

    def _give(self, one: One) -> None:
        now = self._clock()
        if self._now_works is not None:
            self._members[self._now_works].still_since = now
        member = self._members[one]
        member.stood_still = min(LONGEST_TURN, now - member.still_since)
        self._now_works, self._since = one, now


class NoTurns(Turns[One]):
    """Everybody at once: the work is done elsewhere, where it is let in by turns."""

    def before(self, one: One) -> One | None:
        """Nobody has to stand still."""
        return None
