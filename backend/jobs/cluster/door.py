"""A door through which one part at a time is let in, the processes that bring parts by turns."""

import threading
import time
from collections.abc import Callable

_STILL_THERE = 1.5  # seconds after which one that was sent away, and did not ask again, is not waited for any more


class Door:
    """Who may begin work in a process that does one thing at a time.

    Whoever comes while work goes on is sent away and comes again; who was sent away first is let in first.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._inside = ""
        self._waiting: dict[str, float] = {}  # in the order in which they came first; when they last asked
        self.since = clock()  # when somebody was last inside

    def enter(self, who: str) -> bool:
        """Whether ``who`` is let in; then ``leave`` has to follow."""
        with self._lock:
            now = self._clock()
            self._waiting = {one: asked for one, asked in self._waiting.items() if now - asked < _STILL_THERE}
            first = next(iter(self._waiting), who)
            if self._inside or first != who:
                self._waiting[who] = now
                return False
            self._waiting.pop(who, None)
            self._inside = who
            return True

    def leave(self) -> None:
        """Note that the one inside has gone."""
        with self._lock:
            self._inside, self.since = "", self._clock()

    @property
    def idle_seconds(self) -> float:
        """Seconds for which nobody was inside; 0 while somebody is."""
        return 0.0 if self._inside else self._clock() - self.since
