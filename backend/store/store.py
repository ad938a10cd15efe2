"""The store: content-addressed arrays and results as files, their index and the small records in diskcache.

Layout below the cache folder: ``arrays/ab/<digest>.npy``, ``results/ab/<digest>.safetensors``, ``blobs/ab/<digest>``
(uploaded bytes), ``index/`` (one entry for each file, with its meaning), ``records/`` (text sets, jobs, locks, small
results), ``tmp/``. The last use of a file is its modification time: a read never writes to the database.
"""

import contextlib
import json
import os
import platform
import re
import shutil
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.errors import StoreError
from backend.fingerprint import content_digest
from backend.store.arrays import ArrayWriter, write_whole
from backend.store.disk import open_cache

_DIGEST = re.compile(r"[0-9a-f]{40}")
_SUFFIXES = {"arrays": ".npy", "results": ".safetensors", "blobs": ""}
_TOUCH_AFTER = 60.0  # seconds; last use need not be known more finely


@dataclass(frozen=True, slots=True)
class Usage:
    """Bytes and files of one kind of entry."""

    kind: str
    n_files: int
    n_bytes: int


class Store:
    """One cache folder; any number of processes may hold a Store on it at once."""

    def __init__(self, folder: Path, *, budget: int) -> None:
        self.folder, self.budget = folder, budget
        try:
            for name in (*_SUFFIXES, "tmp"):
                (folder / name).mkdir(parents=True, exist_ok=True)
            self._index = open_cache(str(folder / "index"))
            self._records = open_cache(str(folder / "records"))
        except OSError as error:
            raise StoreError(
                f"The cache folder {folder} cannot be used: {error.strerror}.",
                "Point EMBEDSCOPE_CACHE at a folder that you may write to.",
            ) from error
        self._records.add("store/id", uuid.uuid4().hex)
        self._sweep()

    @property
    def id(self) -> str:
        """The identity of this cache folder: two processes with the same id share their results."""
        return str(self._records.get("store/id"))

    def close(self) -> None:
        """Close the databases' connections."""
        self._index.close()
        self._records.close()

    # Arrays

    def has_array(self, digest: str) -> bool:
        """Whether the array is here, whole."""
        return self._path("arrays", digest).exists()

    def open_array(self, digest: str) -> npt.NDArray[Any] | None:
        """The array as a read-only memory map, or None; counts as a use."""
        path = self._path("arrays", digest)
        try:
            array: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise StoreError(f"The cache entry {digest} is not a plain array: {error}", _REFUSED) from error
        _touch(path)
        return array

    def array_meta(self, digest: str) -> dict[str, Any]:
        """What was noted when the array was written (empty if nothing)."""
        text = self._index.get(f"arrays/{digest}")
        return dict(json.loads(text)) if isinstance(text, str) else {}

    def create_array(
        self, digest: str, shape: tuple[int, ...], dtype: npt.DTypeLike, meta: dict[str, Any]
    ) -> ArrayWriter:
        """A writer for a new array; it appears under ``digest`` when the writer commits."""
        target = self._path("arrays", digest)

        def finish(temporary: Path) -> None:
            target.parent.mkdir(exist_ok=True)
            self._index.set(f"arrays/{digest}", json.dumps(meta))
            temporary.replace(target)

        return ArrayWriter(self._temporary(), shape, dtype, finish)

    def put_array(self, digest: str, array: npt.NDArray[Any], meta: dict[str, Any]) -> None:
        """Write a whole array at once."""
        writer = self.create_array(digest, array.shape, array.dtype, meta)
        try:
            writer.write(np.arange(len(array)), array)
            writer.commit()
        finally:
            writer.abandon()

    # Results: JSON and arrays in one safetensors file

    def put_result(self, digest: str, data: Any, arrays: dict[str, npt.NDArray[Any]], meta: dict[str, Any]) -> None:
        """Write a result, whole or not at all."""
        from safetensors.numpy import save

        content = save(arrays, metadata={"json": json.dumps(data), "meta": json.dumps(meta)})
        self._write_result(digest, content, meta)

    def get_result(self, digest: str) -> tuple[Any, dict[str, npt.NDArray[Any]]] | None:
        """A result's JSON and arrays, or None; counts as a use."""
        content = self.result_bytes(digest)
        if content is None:
            return None
        data, arrays, _ = _parse_result(content, digest)
        return data, arrays

    def result_bytes(self, digest: str) -> bytes | None:
        """The result's file as it lies on disk, for sending it elsewhere."""
        path = self._path("results", digest)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        _touch(path)
        return content

    def put_result_bytes(self, digest: str, content: bytes) -> None:
        """Take over a result file that another store sent; refuses anything but a well-formed one."""
        _, _, meta = _parse_result(content, digest)
        self._write_result(digest, content, meta)

    def has_result(self, digest: str) -> bool:
        """Whether the result is here, whole."""
        return self._path("results", digest).exists()

    def _write_result(self, digest: str, content: bytes, meta: dict[str, Any]) -> None:
        self._index.set(f"results/{digest}", json.dumps(meta))
        write_whole(self._temporary(), self._path("results", digest), content)

    # Blobs: uploaded bytes on their way to the reader

    def put_blob(self, content: bytes) -> str:
        """Keep bytes under their own digest."""
        digest = content_digest(content)
        write_whole(self._temporary(), self._path("blobs", digest), content)
        return digest

    def get_blob(self, digest: str) -> bytes | None:
        """The bytes, or None."""
        try:
            return self._path("blobs", digest).read_bytes()
        except FileNotFoundError:
            return None

    # Records: small JSON values by key

    def record(self, key: str) -> Any:
        """The record under ``key``, or None."""
        text = self._records.get(key)
        return json.loads(text) if isinstance(text, str) else None

    def set_record(self, key: str, value: Any, *, expire: float | None = None) -> None:
        """Set a record; ``expire`` is in seconds."""
        self._records.set(key, json.dumps(value), expire=expire)

    def add_record(self, key: str, value: Any, *, expire: float | None = None) -> bool:
        """Set a record only if there is none: one of any number of processes gets True."""
        return bool(self._records.add(key, json.dumps(value), expire=expire))

    def delete_record(self, key: str) -> None:
        """Forget a record; harmless if there is none."""
        self._records.delete(key)

    def record_keys(self, prefix: str) -> list[str]:
        """The keys that begin with ``prefix``, sorted."""
        return [key for key in self._records.iterkeys() if key.startswith(prefix)]

    # Room

    def usage(self) -> list[Usage]:
        """Bytes and files by kind."""
        sizes = {kind: [path.stat().st_size for path in self._files(kind)] for kind in _SUFFIXES}
        return [Usage(kind, len(found), sum(found)) for kind, found in sizes.items()]

    def make_room(self, n_bytes: int) -> int:
        """Evict least recently used files until ``n_bytes`` more fit the budget; returns the bytes freed.

        Pinned entries and those used in the last minute stay. Raises StoreError where it cannot be enough.
        """
        free_on_disk = shutil.disk_usage(self.folder).free
        if n_bytes > self.budget or n_bytes > free_on_disk:
            room = min(self.budget, free_on_disk)
            raise StoreError(
                f"This needs {n_bytes / 1e9:.2f} GB in the cache, and at most {room / 1e9:.2f} GB can be had.",
                "Take fewer texts or a smaller model, or raise EMBEDSCOPE_CACHE_BYTES, or free disk space.",
            )
        entries = []
        for kind in _SUFFIXES:
            for path in self._files(kind):
                with contextlib.suppress(FileNotFoundError):
                    stat = path.stat()
                    entries.append((stat.st_mtime, stat.st_size, kind, path))
        over = sum(size for _, size, _, _ in entries) + n_bytes - self.budget
        pinned, freed = self._pinned(), 0
        for _, size, kind, path in sorted(entries):
            if freed >= over:
                break
            digest = path.stem
            if digest not in pinned:
                self._remove(kind, digest)
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
        """Delete every array and result made from these texts; returns how many."""
        n_deleted = 0
        for key in list(self._index.iterkeys()):
            meta = json.loads(self._index.get(key) or "{}")
            if texts_digest in meta.get("texts", []):
                kind, digest = key.split("/")
                self._remove(kind, digest)
                n_deleted += 1
        return n_deleted

    def clear(self) -> None:
        """Delete all arrays, results and blobs; text sets and records stay."""
        for kind in _SUFFIXES:
            for path in list(self._files(kind)):
                self._remove(kind, path.stem)

    def _pinned(self) -> set[str]:
        pinned: set[str] = set()
        for key in self.record_keys("pin/"):
            record = self.record(key)
            if record and process_alive(record["process"]):
                pinned.update(record["digests"])
        return pinned

    def _remove(self, kind: str, digest: str) -> None:
        self._path(kind, digest).unlink(missing_ok=True)
        self._index.delete(f"{kind}/{digest}")

    def _files(self, kind: str) -> Iterator[Path]:
        return (path for path in (self.folder / kind).glob("??/*") if path.is_file())

    def _path(self, kind: str, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise StoreError(f"'{digest[:60]}' is not a digest.", "A digest is 40 hexadecimal digits.")
        return self.folder / kind / digest[:2] / f"{digest}{_SUFFIXES[kind]}"

    def _temporary(self) -> Path:
        return self.folder / "tmp" / f"{process_name()}.{uuid.uuid4().hex}"

    def _sweep(self) -> None:
        """Remove what killed processes left half-written."""
        for path in (self.folder / "tmp").iterdir():
            with contextlib.suppress(FileNotFoundError):
                aged = time.time() - path.stat().st_mtime > 24 * 3600
                if aged or not process_alive(path.name.rpartition(".")[0]):
                    path.unlink()


_REFUSED = "It is refused. Delete the cache folder, or the entry: something other than Embedscope wrote it."


def _parse_result(content: bytes, digest: str) -> tuple[Any, dict[str, npt.NDArray[Any]], dict[str, Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        length = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + length])["__metadata__"]
        return json.loads(header["json"]), load(content), json.loads(header["meta"])
    except (ValueError, KeyError, TypeError, SafetensorError, MemoryError) as error:
        raise StoreError(f"The result {digest} is not in the store's format.", _REFUSED) from error


def _touch(path: Path) -> None:
    with contextlib.suppress(OSError):
        if time.time() - path.stat().st_mtime > _TOUCH_AFTER:
            os.utime(path)


def process_name() -> str:
    """This process among all that may share a cache folder: the machine's (or container's) name and the process id."""
    return f"{platform.node() or 'localhost'}.{os.getpid()}"


def process_alive(process: str) -> bool:
    """Whether a process still runs; one on another machine counts as alive, since nobody here can know."""
    node, _, pid = process.rpartition(".")
    if node != (platform.node() or "localhost") or not pid.isdigit():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
