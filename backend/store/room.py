"""Room in a cache folder: what counts against its budget, and what goes when more is needed.

Everything in the folder counts but runs. What can be made again may go, by last use: activations, results, uploads, and
what was looked up. What cannot (text sets, imported vectors, jobs, selections) stays; where that leaves too little, it is said.
"""

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.errors import StoreError
from backend.store.files import KEPT, MADE, Files
from backend.store.records import Records

_BELIEVED = 60.0  # seconds for which a measured size is believed, with what this process has added since
_SHARE, _LEAST = (
    50,
    2.0,
)  # usage is believed for so many times as long as counting it took, and for so many seconds at least
_AHEAD = 60.0  # seconds by which a file's last use may lie ahead of the clock without its having been set back
_RECORDS = 2**20  # bytes of records that are let be, whatever the budget


@dataclass(frozen=True, slots=True)
class Usage:
    """Bytes and files of one kind of entry."""

    kind: str
    n_files: int
    n_bytes: int


class Room:
    """The room of one cache folder; ``pinned`` says which entries a job needs."""

    def __init__(self, files: Files, records: Records, budget: int, pinned: Callable[[], Collection[str]]) -> None:
        self._files, self._records, self._budget, self._pinned = files, records, budget, pinned
        self._lock = threading.Lock()
        self._measured: tuple[float, int] | None = (
            None  # when, and the bytes that were left then, less those added since
        )
        self._counting = threading.Lock()
        self._counted: tuple[float, list[Usage]] | None = None  # until when it is believed, and what was counted

    def usage_lately(self) -> list[Usage]:
        """Bytes and files by kind as they were a moment ago: other processes write too, so that only counting tells, and whoever
        asks again and again has it done for one fiftieth of the time at most."""
        with self._counting:
            if self._counted is None or time.monotonic() >= self._counted[0]:
                began = time.monotonic()
                found = self.usage()
                took = time.monotonic() - began
                self._counted = began + took + max(_LEAST, _SHARE * took), found
            return self._counted[1]

    def records_bytes(self) -> int:
        """Bytes of the database and what is beside it."""
        return sum(map(_size, _inside(self._records.path.parent)))

    def usage(self) -> list[Usage]:
        """Bytes and files by kind."""
        found = {kind: [path for _, path in self._files.all(kind)] for kind in (*MADE, *KEPT)}
        found["records"] = _inside(self._records.path.parent)
        found["set aside"] = [file for path in self._files.aside.paths() for file in _inside(path)]
        sizes = {kind: [_size(path) for path in paths] for kind, paths in found.items()}
        return [Usage(kind, len(of), sum(of)) for kind, of in sizes.items()]

    def expect(self, n_bytes: int) -> None:
        """Make room for a small write, without looking at every file each time."""
        with self._lock:
            if self._measured is not None:
                when, left = self._measured
                if time.monotonic() - when < _BELIEVED and n_bytes <= left // 8:
                    self._measured = when, left - n_bytes
                    return
        self.make(n_bytes)

    def make(self, n_bytes: int) -> int:
        """Evict until ``n_bytes`` more fit; returns the bytes freed. Pinned entries stay. Raises StoreError where it cannot be enough."""
        aside = [(0.0, n, "", path.name, path) for path in self._files.aside.paths() if (n := _size_inside(path)) >= 0]
        entries = self._entries()
        kept = self._kept_bytes()
        self._require(n_bytes, kept)
        used = kept + sum(size for _, size, *_ in (*aside, *entries))
        over, freed, pinned = used + n_bytes - self._budget, 0, self._pinned()
        for _, size, kind, digest, path in [*aside, *sorted(entries)]:
            if freed >= over:
                break
            if digest in pinned:
                continue
            if kind:
                self._files.remove(kind, digest)
            else:
                self._files.aside.forget(path)
            freed += size
        with self._lock:
            self._measured = time.monotonic(), self._budget - used + freed - n_bytes
        return freed

    def prune(self, older_than: float | None, down_to: int | None) -> tuple[int, int]:
        """Delete what was not used for ``older_than`` seconds, then by last use until all takes ``down_to`` bytes; files and bytes that went."""
        pinned, before, gone = self._pinned(), time.time() - (older_than or 0.0), 0
        entries = [entry for entry in sorted(self._entries()) if entry[3] not in pinned]
        used = sum(row.n_bytes for row in self.usage())
        n_files = 0
        for when, size, kind, digest, _ in entries:
            too_old = older_than is not None and when <= before
            too_much = down_to is not None and used - gone > down_to
            if too_old or too_much:
                self._files.remove(kind, digest)
                n_files, gone = n_files + 1, gone + size
        return n_files, gone

    def _require(self, n_bytes: int, kept: int) -> None:
        """Raise where there is too little room even without all that may go."""
        free_on_disk = shutil.disk_usage(self._files.folder).free
        made = sum(_size(path) for kind in MADE for _, path in self._files.all(kind)) if n_bytes > free_on_disk else 0
        room = min(self._budget - kept, free_on_disk + made)
        if n_bytes > room:
            stays = f"; {_said(kept)} are text sets and other things that are never removed by themselves"
            raise StoreError(
                f"This needs {_said(n_bytes)} in the cache, but at most {_said(max(0, room))} can be made "
                f"available{stays if kept > self._budget / 8 else ''}.",
                "Use fewer texts or a smaller model, delete text sets, raise EMBEDSCOPE_CACHE_BYTES, or free disk space.",
            )

    def _entries(self) -> list[tuple[float, int, str, str, Path]]:
        """What may go: last use, bytes, kind, digest and path. Times ahead of the clock, which was set back, become now."""
        found, now = [], time.time()
        for kind in MADE:
            for digest, path in self._files.all(kind):
                stat = _stat(path)
                if stat is None:
                    continue
                if stat.st_mtime > now + _AHEAD:
                    with contextlib.suppress(OSError):
                        os.utime(path, (now, now))
                found.append((min(stat.st_mtime, now), stat.st_size, kind, digest, path))
        return found

    def _kept_bytes(self) -> int:
        """Bytes of what stays; of records beyond an eighth of the budget, what can be looked up again goes first."""
        records = self.records_bytes()
        if records > max(_RECORDS, self._budget // 8):
            self._records.shrink()
            records = self.records_bytes()
        return records + sum(_size(path) for kind in KEPT for _, path in self._files.all(kind))


def _said(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:,.2f} GB" if n_bytes >= 1e8 else f"{n_bytes / 1e6:,.2f} MB"


def _inside(path: Path) -> list[Path]:
    """The files of a folder, or the file itself."""
    if not path.is_dir() or path.is_symlink():
        return [path]
    return [Path(above) / name for above, _, names in os.walk(path) for name in names]


def _size_inside(path: Path) -> int:
    return sum(map(_size, _inside(path)))


def _stat(path: Path) -> Any:
    with contextlib.suppress(OSError):
        return path.lstat()
    return None


def _size(path: Path) -> int:
    stat = _stat(path)
    return 0 if stat is None else int(stat.st_size)
