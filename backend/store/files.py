"""The files of the store: found by kind and key, believed once they were checked, set aside where they are damaged."""

import contextlib
import json
import logging
import os
import re
import threading
import time
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy.typing as npt

from backend.errors import StoreError
from backend.store.arrays import ArrayWriter, write_whole
from backend.store.processes import process_name
from backend.store.seal import Damage, Newer, Seal, file_checksum, read_seal

SUFFIXES = {
    "arrays": ".npy",
    "results": ".result",
    "blobs": "",
    "texts": ".json",
    "jobs": ".json",
    "named": ".json",
    "selections": ".json",
    "vectors": ".npy",
}
MADE = ("arrays", "results", "blobs")  # what can be made again: it counts in the budget and may go
ASIDE, TEMPORARY = "set-aside", "tmp"
_DIGEST = re.compile(r"[0-9a-f]{40}")
_TOUCH_AFTER = 60.0  # seconds; last use need not be known more finely
_MOST_ASIDE = 1000  # lines of the list that are kept
_LOG = logging.getLogger("embedscope.store")

Stamp = tuple[int, int, int]  # inode, bytes, nanoseconds of the last change or use


class Files:
    """All files of one cache folder. A file's last use is its modification time.

    So a file that another process used in the meantime is checked anew: it cannot be told from one that was changed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._sound: dict[Path, Stamp] = {}  # checked by this process, as the file was then
        self._lock = threading.Lock()
        for name in (*SUFFIXES, TEMPORARY, ASIDE):
            (folder / name).mkdir(parents=True, exist_ok=True)

    def path(self, kind: str, key: str) -> Path:
        """Where an entry lies; raises StoreError for a key that is no digest."""
        if not _DIGEST.fullmatch(key):
            raise StoreError(f"'{key[:60]}' is not a digest.", "A digest is 40 hexadecimal digits.")
        return self.folder / kind / key[:2] / f"{key}{SUFFIXES[kind]}"

    def seal(self, kind: str, key: str) -> Seal | None:
        """What an entry says of itself, if it is the one asked for and as long as it was; its content is not read."""
        path = self.path(kind, key)
        try:
            return read_seal(path, kind, key)
        except (FileNotFoundError, Newer):
            return None
        except Damage as damage:
            self.set_aside(kind, key, str(damage))
        except OSError as error:
            self.set_aside(kind, key, f"it cannot be read: {error.strerror}")
        return None

    def sound(self, kind: str, key: str) -> Seal | None:
        """The seal of an entry whose content has its checksum: read when this process first asks, then believed."""
        path, seal = self.path(kind, key), self.seal(kind, key)
        if seal is None:
            return None
        try:
            stamp = _stamp(path)
            if self._sound.get(path) != stamp:
                if file_checksum(path, seal.n_bytes) != seal.crc:
                    raise Damage("its content does not have its checksum")
                self._sound[path] = stamp
        except FileNotFoundError:
            return None
        except Damage as damage:
            self.set_aside(kind, key, str(damage))
            return None
        except OSError as error:
            self.set_aside(kind, key, f"it cannot be read: {error.strerror}")
            return None
        return seal

    def read(self, kind: str, key: str, *, sealed: bool = False) -> bytes | None:
        """The content of an entry (``sealed``: the whole file), checked every time; None where there is none to believe."""
        path, seal = self.path(kind, key), self.seal(kind, key)
        if seal is None:
            return None
        try:
            whole = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            self.set_aside(kind, key, f"it cannot be read: {error.strerror}")
            return None
        content = whole[: seal.n_bytes]
        if len(content) != seal.n_bytes or zlib.crc32(content) != seal.crc:
            self.set_aside(kind, key, "its content does not have its checksum")
            return None
        return whole if sealed else content

    def write(self, kind: str, key: str, content: bytes, meta: dict[str, Any], *, durable: bool = True) -> None:
        """Keep ``content`` under a seal, whole or not at all."""
        seal = Seal(kind, key, len(content), zlib.crc32(content), meta=meta)
        write_whole(self.temporary(), self.path(kind, key), content + seal.to_bytes(), durable=durable)

    def writer(
        self, key: str, shape: tuple[int, ...], dtype: npt.DTypeLike, meta: dict[str, Any], *, kind: str = "arrays"
    ) -> ArrayWriter:
        """A writer of the array ``key``, which is there once the writer commits."""
        target = self.path(kind, key)

        def finish(temporary: Path) -> None:
            target.parent.mkdir(exist_ok=True)
            temporary.replace(target)

        return ArrayWriter(self.temporary(), shape, dtype, kind=kind, key=key, meta=meta, finish=finish)

    def touch(self, kind: str, key: str) -> None:
        """Note that an entry was used just now."""
        path = self.path(kind, key)
        with contextlib.suppress(OSError):
            before = _stamp(path)
            if time.time() - before[-1] / 1e9 > _TOUCH_AFTER:
                os.utime(path)
                if self._sound.get(path) == before:
                    self._sound[path] = _stamp(path)

    def stamp(self, kind: str, key: str) -> Stamp | None:
        """What tells the file of an entry from any other, and from itself once it was changed; None where there is none."""
        try:
            return _stamp(self.path(kind, key))
        except OSError:
            return None

    def remove(self, kind: str, key: str) -> None:
        """Delete an entry; harmless where there is none."""
        path = self.path(kind, key)
        path.unlink(missing_ok=True)
        self._sound.pop(path, None)

    def all(self, kind: str) -> Iterator[tuple[str, Path]]:
        """Keys and paths of the entries of a kind."""
        for path in (self.folder / kind).glob(f"??/*{SUFFIXES[kind]}"):
            if _DIGEST.fullmatch(path.stem) and path.is_file():
                yield path.stem, path

    def temporary(self) -> Path:
        """A path for a file that is being written."""
        return self.folder / TEMPORARY / f"{process_name()}.{uuid.uuid4().hex}"

    # What is damaged

    def set_aside(self, kind: str, key: str, reason: str) -> None:
        """Take a damaged entry out of use, and say so once: the entry is then absent, and is made again when needed."""
        path = self.path(kind, key)
        with self._lock:
            try:
                path.replace(self.folder / ASIDE / f"{kind}-{key}-{uuid.uuid4().hex[:8]}{SUFFIXES[kind]}")
            except FileNotFoundError:
                return  # another process was first
            self._sound.pop(path, None)
            self.note_aside(kind, key, reason)

    def note_aside(self, kind: str, key: str, reason: str) -> None:
        """Write down that something was set aside, for people, and log it."""
        _LOG.warning("A damaged entry of the cache was set aside (%s %s: %s).", kind, key[:12], reason)
        line = {"time": time.time(), "kind": kind, "key": key, "reason": reason}
        with contextlib.suppress(OSError), (self.folder / ASIDE / "list.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def aside(self) -> list[dict[str, Any]]:
        """What was set aside, newest first: time, kind, key, reason."""
        try:
            lines = (self.folder / ASIDE / "list.jsonl").read_text("utf-8", "replace").splitlines()
        except OSError:
            return []
        found = []
        for line in lines[-_MOST_ASIDE:]:
            with contextlib.suppress(ValueError):
                row = json.loads(line)
                if isinstance(row, dict) and {"time", "kind", "key", "reason"} <= set(row):
                    found.append(row)
        return found[::-1]

    def aside_files(self) -> list[Path]:
        """The files that were set aside."""
        return [path for path in (self.folder / ASIDE).iterdir() if path.is_file() and path.name != "list.jsonl"]


def _stamp(path: Path) -> Stamp:
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
