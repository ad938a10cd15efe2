"""The files of the store: found by kind and key, believed once they were checked, set aside where they are damaged."""

import contextlib
import errno
import os
import re
import time
import uuid
import zlib
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from typing import Any, TypeVar

import numpy.typing as npt

from backend.errors import StoreError
from backend.store.access import make_folder, may_write
from backend.store.arrays import ArrayWriter, disk_error, write_whole
from backend.store.aside import Aside
from backend.store.processes import process_name
from backend.store.seal import Damage, Newer, Seal, checksum_of, seal_of

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

_NOT_ITS_FAULT = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # of the process or the machine, whatever lies in the file
_T = TypeVar("_T")

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
        return self._looked(kind, key, lambda file: seal_of(file, kind, key))

    def sound(self, kind: str, key: str) -> Seal | None:
        """The seal of an entry whose content has its checksum: read when this process first asks, then believed."""
        path = self.path(kind, key)

        def look(file: FileIO) -> Seal:
            seal, stamp = seal_of(file, kind, key), _stamp_of(os.fstat(file.fileno()))
            if self._sound.get(path) != stamp:
                if checksum_of(file, seal.n_bytes) != seal.crc:
                    raise Damage("its content does not have its checksum")
                self._sound[path] = stamp
            return seal

        return self._looked(kind, key, look)

    def is_the_checked(self, kind: str, key: str) -> bool:
        """Whether the file that lies there now is the one that `sound` believed, and no other has taken its place."""
        path = self.path(kind, key)
        known, now = self._sound.get(path), self.stamp(kind, key)
        return known is not None and now is not None and known[0] == now[0]

    def read(self, kind: str, key: str, *, sealed: bool = False) -> bytes | None:
        """The content of an entry (``sealed``: the whole file), checked every time; None where there is none to believe."""

        def look(file: FileIO) -> bytes:
            seal = seal_of(file, kind, key)
            file.seek(0)
            whole = file.readall()
            content = whole[: seal.n_bytes]
            if len(content) != seal.n_bytes or zlib.crc32(content) != seal.crc:
                raise Damage("its content does not have its checksum")
            return whole if sealed else content

        return self._looked(kind, key, look)

    def _looked(self, kind: str, key: str, look: Callable[[FileIO], _T]) -> _T | None:
        """What ``look`` finds in the file of an entry; None where there is none, or it is damaged and was set aside.

        The file is opened once: whoever puts a new one in its place meanwhile changes nothing of what is read, and the
        new one is not blamed for the old. Raises StoreError where the system opens no more files.
        """
        path, inode = self.path(kind, key), None
        try:
            with path.open("rb", buffering=0) as file:
                inode = os.fstat(file.fileno()).st_ino
                return look(file)
        except (FileNotFoundError, NotADirectoryError, Newer):
            return None
        except Damage as damage:
            reason = str(damage)
        except OSError as error:
            not_its_fault(error)
            reason = f"it cannot be read: {error.strerror}"
        now = self.stamp(kind, key)
        if inode is None or (now is not None and now[0] == inode):
            self.set_aside(kind, key, reason)
        return None

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


def not_its_fault(error: OSError) -> None:
    """Raise StoreError where a file could not be read for what the process or the machine lacks, whatever lies in it."""
    if error.errno in _NOT_ITS_FAULT:
        raise StoreError(
            f"The cache could not be read: {error.strerror}.", "Try again when the machine is less busy."
        ) from error


def _stamp(path: Path) -> Stamp:
    return _stamp_of(path.stat())


def _stamp_of(stat: os.stat_result) -> Stamp:
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
