"""A clock that never goes back: what was begun later has the later time, whatever was done to the machine's clock."""

import threading
import time

_FARTHEST = 7 * 86_400.0  # seconds by which an earlier time may lie ahead and still be gone by
_lock = threading.Lock()
_anchor = (time.time(), time.monotonic())  # a time, and the monotonic clock then


def now() -> float:
    """Seconds since the epoch. Set forward, the machine's clock is followed; set back, time goes on from where it was."""
    global _anchor
    with _lock:
        steady = time.monotonic()
        at = max(time.time(), _anchor[0] + steady - _anchor[1])
        _anchor = at, steady
        return at


def not_before(earlier: float) -> None:
    """Go on from ``earlier``, a time that was written down before this process began, unless it lies a week ahead or more."""
    global _anchor
    at = now()
    with _lock:
        if at < earlier < at + _FARTHEST:
            _anchor = earlier, time.monotonic()
