"""The store: content-addressed files, each with its own key and checksum, and the small records in diskcache.

Layout below the cache folder: ``arrays/ab/<digest>.npy``, ``results/ab/<digest>.result``, ``blobs/ab/<digest>``
(uploaded bytes), ``texts/ab/<digest>.json`` (text sets), ``vectors/ab/<digest>.npy`` (imported vectors),
``jobs/ab/<digest>.json``, ``owners/`` (to whom what belongs), ``named/`` and ``selections/`` (people's selections), ``claims/`` and ``looks/`` (what is being made, and what it shows meanwhile), ``records/`` (locks, pins, what was
looked up), ``set-aside/`` (what was found damaged), ``tmp/``. There is no index: what a file means stands in its seal.
The last use of a file is its modification time: a read never writes to the database.
"""

import contextlib
import json
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from backend.errors import StoreError
from backend.store.entries import Entries
from backend.store.files import MADE, SUFFIXES, TEMPORARY, Files
from backend.store.looks import forget_look, look_bytes, put_look, sweep_looks
from backend.store.owners import Owners
from backend.store.processes import exclusive, process_alive, process_name
from backend.store.records import Records
from backend.store.room import Room, Usage
from backend.store.seal import Seal
from backend.store.upgrade import bring_up, keep_private, known_identity
from backend.values.json_data import Json


class Store(Entries):
    """One cache folder; any number of processes may hold a Store on it at once."""

    def __init__(self, folder: Path, *, budget: int, own_records: bool = False) -> None:
        """With ``own_records`` the small records are of this process alone, and the database in the folder is not opened."""
        self.folder, self.budget = folder, budget
        self.owners = Owners(folder)
        try:
            self._files = Files(folder)
            self._records = Records(folder, self._files.aside.note, read_only=self.read_only, own=own_records)
            self.id = self._brought_up()
        except OSError as error:
            raise StoreError(
                f"The cache folder {folder} cannot be used: {error.strerror}.",
                "Point EMBEDSCOPE_CACHE at a folder that you may write to.",
            ) from error
        self._room = Room(self._files, self._records, budget, self._pinned)
        if not self.read_only:
            self._sweep()

    @property
    def read_only(self) -> bool:
        """Whether the folder can only be read, like a copy on a medium that cannot be written: what is there is shown."""
        return self._files.read_only

    def _brought_up(self) -> str:
        """The folder's identity, once it has this version's form; others are shut out of it."""
        if self.read_only:
            return known_identity(self.folder)
        with exclusive(self.folder / "format.lock"):
            identity = bring_up(self._files, self._records)
        keep_private(self.folder)
        return identity

    def close(self) -> None:
        """Close the database's connections."""
        self._records.close()

    # Room

    def usage(self) -> list[Usage]:
        """Bytes and files by kind."""
        return self._room.usage()

    def usage_lately(self) -> list[Usage]:
        """Bytes and files by kind, counted some seconds ago at most, or some minutes where counting takes seconds."""
        return self._room.usage_lately()

    def set_aside(self) -> list[dict[str, Any]]:
        """What was found damaged, newest first: time, kind, key and reason."""
        return self._files.aside.listed()

    def make_room(self, n_bytes: int) -> int:
        """Evict least recently used files until ``n_bytes`` more fit the budget; returns the bytes freed.

        What was set aside goes first; pinned entries stay. Raises StoreError where it cannot be enough.
        """
        return self._room.make(n_bytes)

    def prune(self, *, older_than: float | None = None, down_to: int | None = None) -> tuple[int, int]:
        """Delete what was not used for ``older_than`` seconds, then the least recently used until all takes ``down_to`` bytes.

        Returns files and bytes that went. Pinned entries stay, and so does what cannot be made again.
        """
        return self._room.prune(older_than, down_to)

    def check(self) -> tuple[int, int]:
        """Read every file anew and compare its checksum; returns how many were read, and how many were set aside."""
        found = [(kind, digest) for kind in SUFFIXES for digest, _ in list(self._files.all(kind))]
        return len(found), sum(self._files.read(kind, digest) is None for kind, digest in found)

    def index_health(self) -> dict[str, Json]:
        """The database of records: its state in a word, how many records and bytes it has."""
        return {
            "state": "read-only" if self.read_only else "ok",
            "n_records": len(self._records.keys("")),
            "n_bytes": self._room.records_bytes(),
        }

    @contextlib.contextmanager
    def pin(self, digests: Sequence[str]) -> Iterator[None]:
        """Keep entries from eviction while a job needs them; a dead process's pins do not count."""
        key = f"pin/{uuid.uuid4().hex}"
        self.set_record(key, {"process": process_name(), "digests": list(digests)}, expire=24 * 3600)
        try:
            yield
        finally:
            self.delete_record(key)

    # First looks at passes and analyses that are going on

    def put_look(self, digest: str, content: bytes) -> bool:
        """Show what the pass or analysis ``digest``, which this process does, has found so far; False where that is too large."""
        return put_look(self.folder, digest, content, self._files.temporary)

    def look(self, digest: str) -> bytes | None:
        """What the pass or analysis ``digest`` has found so far, while a process does it; None otherwise."""
        return look_bytes(self.folder, digest)

    def forget_look(self, digest: str) -> None:
        """Take back what was shown of a pass or an analysis; harmless where nothing was."""
        forget_look(self.folder, digest)

    def delete_texts(self, texts_digest: str) -> int:
        """Delete every array and result made from these texts; returns how many. What is damaged goes too."""
        n_deleted = 0
        for kind in ("arrays", "results"):
            for digest, _ in list(self._files.all(kind)):
                seal: Seal | None = self._files.seal(kind, digest)
                if seal is not None and texts_digest in seal.meta.get("texts", []):
                    self._files.remove(kind, digest)
                    n_deleted += 1
        self._forget_aside()  # nobody can say whose these were
        return n_deleted

    def forget_texts(self, digest: str) -> None:
        """Delete a table with the uploads that no other was read from, and what was written down of its rows and theirs."""
        uploads = self.uploads_of(digest)
        self.remove_texts(digest)
        used = {upload for table, _ in list(self._files.all("texts")) for upload in self.uploads_of(table)}
        for upload in set(uploads) - used:
            if not self.owners.leave("blobs", upload):
                continue  # another has uploaded the same bytes
            self._files.remove("blobs", upload)
            self.owners.forget("blobs", upload)
            for key in self._records.keys(f"of/{upload}/"):
                self._records.delete(f"task/{key.rpartition('/')[2]}")
                self._records.delete(key)
        for key in self._records.keys("task/"):  # names, classes and rows of it stand in answers that name it
            if digest in json.dumps(self._records.get(key)):
                self._records.delete(key)
        self._records.compact()

    def forget_answers(self) -> None:
        """Delete the answers to small tasks, all of which can be had again."""
        self._records.shrink()

    def clear(self) -> None:
        """Delete all arrays, results and blobs, and what was set aside; text sets, imported vectors and job records stay."""
        for kind in MADE:
            for digest, _ in list(self._files.all(kind)):
                self._files.remove(kind, digest)
        self._forget_aside()

    def _forget_aside(self) -> None:
        for path in self._files.aside.paths():
            self._files.aside.forget(path)

    def _pinned(self) -> set[str]:
        pinned: set[str] = set()
        for key in self.record_keys("pin/"):
            record = self.record(key)
            if record and process_alive(record["process"]):
                pinned.update(record["digests"])
        return pinned

    def _sweep(self) -> None:
        """Remove what killed processes left half-written, and their first looks."""
        sweep_looks(self.folder)
        for path in (self.folder / TEMPORARY).iterdir():
            with contextlib.suppress(OSError):
                aged = time.time() - path.stat().st_mtime > 24 * 3600
                if aged or not process_alive(path.name.rpartition(".")[0]):
                    path.unlink()
