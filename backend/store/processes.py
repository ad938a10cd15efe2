"""The names of processes that may share a cache folder, and whether one of them still runs."""

import contextlib
import fcntl
import os
import platform
from collections.abc import Iterator
from pathlib import Path


def process_name() -> str:
    """This process among all that may share a cache folder: the machine's (or container's) name and the process id."""
    return f"{platform.node() or 'localhost'}.{os.getpid()}"


def process_alive(process: str) -> bool:
    """Whether a process still runs; one on another machine counts as alive, since nobody here can know."""
    node, _, pid = process.rpartition(".")
    if node != (platform.node() or "localhost") or not pid.isdigit():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """One process at a time in this block; the lock of a process that dies is free at once."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
