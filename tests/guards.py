"""What a piece of work took of this process, processor time and memory at its highest; and what it may do."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SECONDS, MEGABYTES = 5.0, 500.0


@contextmanager
def guarded(what: str, seconds: float = SECONDS, megabytes: float = MEGABYTES) -> Iterator[None]:
    """Assert that the work took at most so much processor time and, where the system tells it, so much memory more."""
    before, began = _restart(), time.process_time()
    yield
    took, more = time.process_time() - began, _status("VmHWM") - before
    assert took <= seconds, f"{what} took {took:.1f} s of processor time"
    assert more <= megabytes, f"{what} took {more:,.0f} MB of memory"


def modes_bind() -> bool:
    """Whether the modes of files bind this process: root may read and write whatever they say."""
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).chmod(0)
        try:
            Path(file.name).read_bytes()
        except OSError:
            return True
    return False


def _restart() -> float:
    try:
        Path("/proc/self/clear_refs").write_text("5")  # the highest is counted from now on
    except OSError:
        return float("inf")  # nothing is more than that
    return _status("VmRSS")


def _status(name: str) -> float:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(name)), 0.0)
