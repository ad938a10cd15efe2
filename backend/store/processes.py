"""The names of processes that may share a cache folder, whether one of them still runs, and locks between them."""

import contextlib
import fcntl
import os
import platform
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import IO


def process_name() -> str:
    """This process among all that may share a cache folder.

    The machine's (or container's) name, the process id, and when it began: ids are used again, after a restart of a container
    by the very next process.
    """
    return _own_name(os.getpid())


@cache
def _own_name(pid: int) -> str:
    stat = _stat(pid)
    return f"{_node()}.{pid}{'' if stat is None else stat[1]}"


def process_alive(process: str) -> bool:
    """Whether a process still runs; one on another machine counts as alive, since nobody here can know.

    A name without the time at which the process began, of an earlier version, is told by its id alone.
    """
    node, _, number = process.rpartition(".")
    pid, _, began = number.partition("-")
    if node != _node() or not pid.isdigit():
        return True
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # it is there, and another user's
    stat = _stat(int(pid))
    if stat is None:
        return True
    state, now = stat
    return state != "Z" and (not began or now == f"-{began}")


def _node() -> str:
    return platform.node() or "localhost"


def _stat(pid: int) -> tuple[str, str] | None:
    """The state of a process, and when it began: ticks since a start of the machine, and which start. None where nobody tells."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return fields[0], f"-{fields[19]}-{_boot()}"
    except (OSError, IndexError):
        return None


@cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")[:8]
    except OSError:
        return ""


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """One process at a time in this block; the lock of a process that dies is free at once."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def held_alone(path: Path, about: str) -> IO[str] | str:
    """A lock, held until it is closed or this process ends; or, where another process has it, what that one said of itself.

    The system gives it up when its process dies, so there is none to be cleared away.
    """
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        said = file.read().strip()
        file.close()
        return said or "a process that does not say which"
    file.truncate(0)
    file.write(f"{process_name()}, {about}\n")
    file.flush()
    return file


def is_held(path: Path) -> bool | None:
    """Whether a process has the lock at ``path``; None where there is no such file."""
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except OSError:
        return True
    return False


@contextlib.contextmanager
def claim(path: Path, wait: Callable[[], None]) -> Iterator[None]:
    """While this process makes what ``path`` is named after; ``wait`` is called again and again while another one does.

    The claim of a process that dies is free at once. Where no file can be written the work goes on without a claim.
    """
    try:
        file = _claimed(path)
        while file is None:
            wait()
            file = _claimed(path)
    except OSError:
        yield
        return
    with file:
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _claimed(path: Path) -> IO[str] | None:
    file = path.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.exists() and path.stat().st_ino == os.fstat(file.fileno()).st_ino:
            return file  # and not one that its last owner has just removed
    except BlockingIOError:
        pass
    file.close()
    return None
