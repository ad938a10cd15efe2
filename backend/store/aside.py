"""What was found damaged: taken out of use, kept until room is needed, and written down for people."""

import contextlib
import json
import logging
import shutil
import threading
import time
import uuid
from pathlib import Path
from typing import Any

from backend.store.access import FILE_MODE, make_folder

FOLDER = "set-aside"
_LIST = "list.jsonl"
_MOST = 1000  # lines of the list that are kept
_LOG = logging.getLogger("embedscope.store")


class Aside:
    """The folder of what was set aside from the cache ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        self._lock = threading.Lock()
        self._stuck: set[Path] = set()  # damaged, but in a folder that cannot be changed

    def make(self) -> None:
        """Make the folder."""
        make_folder(self._folder)

    def take(self, path: Path, kind: str, key: str, reason: str) -> bool:
        """Move a damaged entry here, and say so once; False where it is gone already, or cannot be moved."""
        with self._lock:
            try:
                path.replace(self._folder / f"{kind}-{key}-{uuid.uuid4().hex[:8]}{path.suffix}")
            except FileNotFoundError:
                return False  # another process was first
            except OSError as error:
                if path not in self._stuck:
                    self._stuck.add(path)
                    self.note(kind, key, f"{reason}; it cannot be moved away: {error.strerror}")
                return False
            self.note(kind, key, reason)
            return True

    def note(self, kind: str, key: str, reason: str) -> None:
        """Write down that something was set aside, for people, and log it."""
        _LOG.warning("A damaged entry of the cache was set aside (%s %s: %s).", kind, key[:12], reason)
        line = {"time": time.time(), "kind": kind, "key": key, "reason": reason}
        with contextlib.suppress(OSError), (self._folder / _LIST).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            (self._folder / _LIST).chmod(FILE_MODE)

    def listed(self) -> list[dict[str, Any]]:
        """What was set aside, newest first: time, kind, key, reason."""
        try:
            lines = (self._folder / _LIST).read_text("utf-8", "replace").splitlines()
        except OSError:
            return []
        found = []
        for line in lines[-_MOST:]:
            with contextlib.suppress(ValueError):
                row = json.loads(line)
                if isinstance(row, dict) and {"time", "kind", "key", "reason"} <= set(row):
                    found.append(row)
        return found[::-1]

    def paths(self) -> list[Path]:
        """The files and folders that were set aside."""
        with contextlib.suppress(OSError):
            return [path for path in self._folder.iterdir() if path.name != _LIST]
        return []

    def forget(self, path: Path) -> None:
        """Delete one of them."""
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
