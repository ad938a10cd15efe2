"""Files that people name, written whole or not at all: a full disk leaves what was there before, and nothing half-written."""

import contextlib
import errno
import os
import shutil
import uuid
from pathlib import Path

from backend.errors import StoreError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
MAKE_ROOM = (
    "Free some disk space, or choose a place with room; what was computed is stored, so that it is not computed again."
)


def write_whole(path: Path, content: bytes | str) -> None:
    """Write ``content`` (text in UTF-8) to ``path``; what is no plain file, such as a pipe, is written to as it is.

    Raises StoreError, with the bytes that are needed and free where there is too little room.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    target = Path(os.path.realpath(path))  # a link stays one
    whole = target.parent / f".{target.name[:60]}.{uuid.uuid4().hex[:8]}.part"
    try:
        if target.exists() and not target.is_file():
            target.write_bytes(data)
            return
        try:
            with whole.open("wb") as file:
                file.write(data)
            if target.exists():
                shutil.copymode(target, whole)
            whole.replace(target)
        finally:
            with contextlib.suppress(OSError):
                whole.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(path, len(data), error) from None


def cannot_write(path: Path, n_bytes: int, error: OSError) -> StoreError:
    """What to say of a file (of ``n_bytes``; 0 where nobody knows) that could not be written."""
    if error.errno not in NO_ROOM:
        return StoreError(f"{path} cannot be written: {error.strerror}.", "Choose another path.")
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(path.parent).free
        size = f"it has {n_bytes / 1e6:,.2f} MB, and " if n_bytes else ""
        return StoreError(f"{path} cannot be written: {size}{free / 1e6:,.2f} MB are free there.", MAKE_ROOM)
    return StoreError(f"{path} cannot be written: {error.strerror}.", MAKE_ROOM)
