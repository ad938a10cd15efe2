"""First looks: what a pass that is going on shows of the rows done so far, or an analysis of its numbers. Small files, believed while it
goes on alone.

A look lies beside the claim of its pass, or of its analysis (``claims``). Whoever makes it removes it; where that process was killed its claim
is free at once, so the file that is left is never read again, and goes with the next start.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path

from backend.store.access import make_folder
from backend.store.arrays import write_whole
from backend.store.claims import is_claimed

MOST_BYTES = 16 * 2**20  # of a look: maps of 50,000 points in 13 layers, and a first look many times
_FOLDER = "looks"


def put_look(folder: Path, digest: str, content: bytes, temporary: Callable[[], Path]) -> bool:
    """Put a look at the pass or analysis ``digest`` in the place of the one before it, whole; False for one that is too large.

    Raises StoreError where it cannot be written.
    """
    if len(content) > MOST_BYTES:
        return False
    with contextlib.suppress(OSError):
        make_folder(folder / _FOLDER)
    write_whole(temporary(), content, lambda path: path.replace(folder / _FOLDER / digest), durable=False)
    return True


def look_bytes(folder: Path, digest: str) -> bytes | None:
    """The look at the pass or analysis ``digest``; None where there is none, or where nobody is doing it any more."""
    try:
        content = (folder / _FOLDER / digest).read_bytes()
    except OSError:
        return None
    return content if is_claimed(folder, digest) else None


def forget_look(folder: Path, digest: str) -> None:
    """Remove a look; harmless where there is none."""
    with contextlib.suppress(OSError):
        (folder / _FOLDER / digest).unlink(missing_ok=True)


def sweep_looks(folder: Path) -> None:
    """Remove the looks at what nobody does any more."""
    with contextlib.suppress(OSError):
        for path in (folder / _FOLDER).iterdir():
            if not is_claimed(folder, path.name):
                forget_look(folder, path.name)
