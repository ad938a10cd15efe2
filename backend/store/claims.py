"""Claims: who is making an entry at the moment, so that no two processes compute the same."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from backend.store.access import make_folder
from backend.store.processes import claim, is_held

SAME_WORK = "Waiting for another job that computes the same"
_LOOK = 0.2  # seconds between two looks whether that one is done
_CLAIMS = "claims"


@contextlib.contextmanager
def making(folder: Path, digest: str, report: Callable[[int, int, str], None]) -> Iterator[None]:
    """While this process makes the entry ``digest`` of the cache ``folder``; first waits until nobody else does.

    What was waited for may be there then: look again inside. Raises Cancelled from ``report``, which hears why it waits.
    """

    def wait() -> None:
        report(0, 0, SAME_WORK)
        time.sleep(_LOOK)

    with contextlib.suppress(OSError):
        make_folder(folder / _CLAIMS)
    with claim(folder / _CLAIMS / digest, wait):
        yield


def is_claimed(folder: Path, digest: str) -> bool:
    """Whether some process is making this entry now."""
    return is_held(folder / _CLAIMS / digest) is True


def being_made(folder: Path, digests: frozenset[str]) -> bool:
    """Whether some process is making one of these entries now."""
    try:
        there = digests & {path.name for path in (folder / _CLAIMS).iterdir()}
    except OSError:
        return False
    return any(is_held(folder / _CLAIMS / digest) for digest in there)
