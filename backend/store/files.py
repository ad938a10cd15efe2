"""The files of the store: found by kind and key, believed once they were checked, set aside where they are damaged."""

import contextlib
import os
import re
import time
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy.typing as npt

from backend.errors import StoreError
from backend.store.access import make_folder, may_write
from backend.store.arrays import ArrayWriter, disk_error, write_whole
from backend.store.aside import Aside
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
MADE = ("arrays", "results", "blobs")  # what can be made again, or uploaded: it may go when room is needed
KEPT = ("texts", "vectors", "jobs", "named", "selections")  # what cannot
TEMPORARY = "tmp"
_DIGEST = re.compile(r"[0-9a-f]{40}")
_TOUCH_AFTER = 60.0  # seconds; last use need not be known more finely

Stamp = tuple[int, int, int]  # inode, bytes, nanoseconds of the last change or use


class Files:
    """All files of one cache folder. A file's last use is its modification time.

    So a file that another process used in the meantime is checked anew: it cannot be told from one that was changed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._sound: dict[Path, Stamp] = {}  # checked by this process, as the file was then
        self.aside = Aside(folder)
        make_folder(folder)
        self.read_only = not may_write(folder)
        if not self.read_only:
            self._make_folders()

    def _make_folders(self) -> None:
        self.aside.make()
        for name in (*SUFFIXES, TEMPORARY):
            place = self.folder / name
            if os.path.lexists(place) and not place.is_dir():
                self.aside.take(place, name, "folder", "it is no folder")
            make_folder(place)

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
        except (FileNotFoundError, NotADirectoryError, Newer):
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
        self.path(kind, key)
        whole = content + Seal(kind, key, len(content), zlib.crc32(content), meta=meta).to_bytes()
        write_whole(self.temporary(), whole, lambda temporary: self._place(temporary, kind, key), durable=durable)

    def writer(
        self, key: str, shape: tuple[int, ...], dtype: npt.DTypeLike, meta: dict[str, Any], *, kind: str = "arrays"
    ) -> ArrayWriter:
        """A writer of the array ``key``, which is there once the writer commits."""
        self.path(kind, key)

        def finish(temporary: Path) -> None:
            self._place(temporary, kind, key)

        return ArrayWriter(self.temporary(), shape, dtype, kind=kind, key=key, meta=meta, finish=finish)

    def touch(self, kind: str, key: str) -> None:
        """Note that an entry was used just now."""
        path = self.path(kind, key)
        with contextlib.suppress(OSError):
            before = _stamp(path)
            if abs(time.time() - before[-1] / 1e9) > _TOUCH_AFTER:  # a clock that was set back makes it lie ahead
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
        self._sound.pop(path, None)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            if not path.is_dir():
                raise disk_error(error, path) from error
            self.set_aside(kind, key, "a folder lay in its place")

    def all(self, kind: str) -> Iterator[tuple[str, Path]]:
        """Keys and paths of the entries of a kind."""
        for path in (self.folder / kind).glob(f"??/*{SUFFIXES[kind]}"):
            if _DIGEST.fullmatch(path.stem) and path.is_file():
                yield path.stem, path

    def temporary(self) -> Path:
        """A path for a file that is being written."""
        return self.folder / TEMPORARY / f"{process_name()}.{uuid.uuid4().hex}"

    def set_aside(self, kind: str, key: str, reason: str) -> None:
        """Take a damaged entry out of use, and say so once: the entry is then absent, and is made again when needed."""
        path = self.path(kind, key)
        self.aside.take(path, kind, key, reason)
        self._sound.pop(path, None)

    def _place(self, temporary: Path, kind: str, key: str) -> None:
        """Put what was written where the entry belongs; what is in the way there, and is no file, is set aside."""
        target = self.path(kind, key)
        try:
            make_folder(target.parent)
            temporary.replace(target)
        except (IsADirectoryError, NotADirectoryError, FileNotFoundError, FileExistsError):
            for place in (self.folder / kind, target.parent):
                if os.path.lexists(place) and not place.is_dir():
                    self.aside.take(place, kind, key, "something else lay where its folder should be")
            if target.is_dir():
                self.set_aside(kind, key, "a folder lay in its place")
            make_folder(target.parent)
            temporary.replace(target)


def _stamp(path: Path) -> Stamp:
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
