"""The store: content-addressed files, each with its own key and checksum, and the small records in diskcache.

Layout below the cache folder: ``arrays/ab/<digest>.npy``, ``results/ab/<digest>.result``, ``blobs/ab/<digest>``
(uploaded bytes), ``texts/ab/<digest>.json`` (text sets), ``vectors/ab/<digest>.npy`` (imported vectors),
``jobs/ab/<digest>.json``, ``owners/`` (to whom what belongs), ``named/`` and ``selections/`` (people's selections), ``records/`` (locks, pins, what was
looked up), ``set-aside/`` (what was found damaged), ``tmp/``. There is no index: what a file means stands in its seal.
The last use of a file is its modification time: a read never writes to the database.
"""

import contextlib
import shutil
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.errors import StoreError
from backend.store.entries import Entries
from backend.store.files import MADE, TEMPORARY, Files
from backend.store.owners import Owners
from backend.store.processes import exclusive, process_alive, process_name
from backend.store.records import Records
from backend.store.seal import Seal
from backend.store.upgrade import bring_up


@dataclass(frozen=True, slots=True)
class Usage:
    """Bytes and files of one kind of entry."""

    kind: str
    n_files: int
    n_bytes: int


class Store(Entries):
    """One cache folder; any number of processes may hold a Store on it at once."""

    def __init__(self, folder: Path, *, budget: int) -> None:
        self.folder, self.budget = folder, budget
        self.owners = Owners(folder)
        try:
            self._files = Files(folder)
            self._records = Records(folder, self._files.note_aside)
            with exclusive(folder / "format.lock"):
                self.id = bring_up(self._files, self._records)
        except OSError as error:
            raise StoreError(
                f"The cache folder {folder} cannot be used: {error.strerror}.",
                "Point EMBEDSCOPE_CACHE at a folder that you may write to.",
            ) from error
        self._sweep()

    def close(self) -> None:
        """Close the database's connections."""
        self._records.close()

    # Room

    def usage(self) -> list[Usage]:
        """Bytes and files by kind."""
        found = {kind: [path for _, path in self._files.all(kind)] for kind in (*MADE, "texts", "vectors")}
        found["set aside"] = self._files.aside_files()
        sizes = {kind: [_size(path) for path in paths] for kind, paths in found.items()}
        return [Usage(kind, len(of), sum(of)) for kind, of in sizes.items()]

    def set_aside(self) -> list[dict[str, Any]]:
        """What was found damaged, newest first: time, kind, key and reason."""
        return self._files.aside()

    def make_room(self, n_bytes: int) -> int:
        """Evict least recently used files until ``n_bytes`` more fit the budget; returns the bytes freed.

        What was set aside goes first; pinned entries stay. Raises StoreError where it cannot be enough.
        """
        free_on_disk = shutil.disk_usage(self.folder).free
        if n_bytes > self.budget or n_bytes > free_on_disk:
            room = min(self.budget, free_on_disk)
            raise StoreError(
                f"This needs {n_bytes / 1e9:.2f} GB in the cache, but at most {room / 1e9:.2f} GB can be made available.",
                "Use fewer texts or a smaller model, raise EMBEDSCOPE_CACHE_BYTES, or free disk space.",
            )
        aside = [(0.0, _size(path), "", "", path) for path in self._files.aside_files()]
        entries = [
            (stat.st_mtime, stat.st_size, kind, digest, path)
            for kind in MADE
            for digest, path in self._files.all(kind)
            if (stat := _stat(path)) is not None
        ]
        over = sum(size for _, size, *_ in (*aside, *entries)) + n_bytes - self.budget
        pinned, freed = self._pinned(), 0
        for _, size, kind, digest, path in [*aside, *sorted(entries)]:
            if freed >= over:
                break
            if digest in pinned:
                continue
            if kind:
                self._files.remove(kind, digest)
            else:
                path.unlink(missing_ok=True)
            freed += size
        return freed

    @contextlib.contextmanager
    def pin(self, digests: Sequence[str]) -> Iterator[None]:
        """Keep entries from eviction while a job needs them; a dead process's pins do not count."""
        key = f"pin/{uuid.uuid4().hex}"
        self.set_record(key, {"process": process_name(), "digests": list(digests)}, expire=24 * 3600)
        try:
            yield
        finally:
            self.delete_record(key)

    def delete_texts(self, texts_digest: str) -> int:
        """Delete every array and result made from these texts; returns how many. What is damaged goes too."""
        n_deleted = 0
        for kind in ("arrays", "results"):
            for digest, _ in list(self._files.all(kind)):
                seal: Seal | None = self._files.seal(kind, digest)
                if seal is not None and texts_digest in seal.meta.get("texts", []):
                    self._files.remove(kind, digest)
                    n_deleted += 1
        for path in self._files.aside_files():  # nobody can say whose these were
            path.unlink(missing_ok=True)
        return n_deleted

    def clear(self) -> None:
        """Delete all arrays, results and blobs, and what was set aside; text sets, imported vectors and job records stay."""
        for kind in MADE:
            for digest, _ in list(self._files.all(kind)):
                self._files.remove(kind, digest)
        for path in self._files.aside_files():
            path.unlink(missing_ok=True)

    def _pinned(self) -> set[str]:
        pinned: set[str] = set()
        for key in self.record_keys("pin/"):
            record = self.record(key)
            if record and process_alive(record["process"]):
                pinned.update(record["digests"])
        return pinned

    def _sweep(self) -> None:
        """Remove what killed processes left half-written."""
        for path in (self.folder / TEMPORARY).iterdir():
            with contextlib.suppress(FileNotFoundError):
                aged = time.time() - path.stat().st_mtime > 24 * 3600
                if aged or not process_alive(path.name.rpartition(".")[0]):
                    path.unlink()


def _stat(path: Path) -> Any:
    with contextlib.suppress(FileNotFoundError):
        return path.stat()
    return None


def _size(path: Path) -> int:
    stat = _stat(path)
    return 0 if stat is None else int(stat.st_size)
