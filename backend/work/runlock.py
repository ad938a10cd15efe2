"""Who trains a run: a lock in the run's folder, which the system gives up when the process that holds it dies."""

import contextlib
from collections.abc import Iterator

from backend.errors import InvalidRequest
from backend.models.runfolder import RunFolder, cannot_write
from backend.store.processes import held_alone, is_held, process_alive

_LOCK = ".training"


@contextlib.contextmanager
def training(folder: RunFolder) -> Iterator[None]:
    """While this process trains the run: raises InvalidRequest where another one does, StoreError where there is no room."""
    path = folder.path / _LOCK
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
        lock = held_alone(path, "it trains this run")
    except OSError as error:
        raise cannot_write(path, error) from None
    if isinstance(lock, str):
        raise being_trained(folder.path.name)
    with lock:
        try:
            yield
        finally:
            info = folder.read()
            if info is None or info.state != "running":  # else its end could not be written: a free lock says it then
                path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                folder.path.rmdir()  # where it came to nothing, and nothing is in it


def is_trained_by(folder: RunFolder, owner: str) -> bool:
    """Whether the process ``owner`` still trains the run.

    One in another container, or on another machine, is told by the lock that it holds, where it has made one at all.
    """
    return process_alive(owner) and is_held(folder.path / _LOCK) is not False


def being_trained(name: str) -> InvalidRequest:
    """The error for a run that another process is at."""
    return InvalidRequest(f"The run '{name}' is being trained by another process.", "Wait for it to end.")
