"""Small JSON values by key, in SQLite through diskcache: locks, pins, and what was looked up and can be again.

Nothing is kept here that cannot be had again. Each value carries a checksum over its key and itself; a database that is
damaged is set aside, and an empty one takes its place, for all processes that have it open.
"""

import contextlib
import errno
import json
import os
import sqlite3
import tempfile
import threading
import uuid
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import diskcache

from backend.errors import StoreError
from backend.store.access import FILE_MODE, FOLDER_MODE, make_folder
from backend.store.disk import check_database, open_cache, stored_rows
from backend.store.processes import exclusive
from backend.values.json_data import Json

_T = TypeVar("_T")
_NO_DAMAGE = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_NOMEM}
_ROOM = 65_536  # bytes: more than the database's shared memory takes at first
_ABSENT = object()
_FOLDER, _DATABASE = "records", "cache.db"
_ODD = (
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    AssertionError,
)  # of diskcache, over tables that are not its own
_FAILED = (sqlite3.Error, diskcache.Timeout, OSError, *_ODD)


class Records:
    """The records below ``folder``; ``say`` is told when some were damaged.

    With ``read_only`` they are read once, and what is set is of this process alone; with ``own`` there are none at first.
    """

    def __init__(
        self, folder: Path, say: Callable[[str, str, str], None], *, read_only: bool = False, own: bool = False
    ) -> None:
        self._folder, self._say = folder, say
        self._lock = threading.RLock()
        self._opened_as: int | None = None  # the inode of the database that is open
        self._kept: dict[str, str] | None = {} if own else stored_rows(self.path) if read_only else None
        self._cache: Any = None
        if self._kept is None:
            with self._alone():
                self._open()

    @property
    def path(self) -> Path:
        """The database's file."""
        return self._folder / _FOLDER / _DATABASE

    def close(self) -> None:
        """Close the database's connections."""
        if self._cache is not None:
            with contextlib.suppress(*_FAILED):
                self._cache.close()

    def get(self, key: str) -> Json:
        """The record under ``key``, or None; a damaged one is dropped."""
        text = self._stored(key)
        if text is _ABSENT:
            return None
        crc, _, body = str(text).partition(" ")
        if crc != _checksum(key, body):
            self._say("records", key, "its content does not have its checksum")
            self.delete(key)
            return None
        return json.loads(body)

    def set(self, key: str, value: Json, expire: float | None = None) -> None:
        """Set a record; ``expire`` is in seconds."""
        text = _sealed(key, value)
        if self._kept is not None:
            self._kept[key] = text
            return
        self._do(lambda cache: cache.set(key, text, expire=expire))

    def add(self, key: str, value: Json, expire: float | None = None) -> bool:
        """Set a record only where there is none; returns whether."""
        text = _sealed(key, value)
        if self._kept is not None:
            return self._kept.setdefault(key, text) is text
        return bool(self._do(lambda cache: cache.add(key, text, expire=expire)))

    def delete(self, key: str) -> None:
        """Forget a record."""
        if self._kept is not None:
            self._kept.pop(key, None)
            return
        self._do(lambda cache: cache.delete(key))

    def keys(self, prefix: str) -> list[str]:
        """The keys that begin with ``prefix``, sorted."""
        if self._kept is not None:
            return sorted(key for key in self._kept if key.startswith(prefix))
        return self._do(lambda cache: [key for key in cache.iterkeys() if key and key.startswith(prefix)])

    def raw(self) -> Iterator[tuple[str, Any]]:
        """All keys with what is stored under them, as it is; for reading the records of an older version."""
        for key in self.keys(""):
            with contextlib.suppress(StoreError):
                yield key, self._stored(key)

    def clear(self) -> None:
        """Forget all records."""
        if self._kept is not None:
            self._kept.clear()
            return
        self._do(lambda cache: cache.clear())

    def shrink(self) -> None:
        """Let go of the answers to small tasks, which are found again by doing them again, and of their bytes on the disk."""
        for key in [*self.keys("task/"), *self.keys("pass/")]:
            self.delete(key)
        self.compact()

    def compact(self) -> None:
        """Leave nothing of what was deleted in the database's file and its log."""
        if self._kept is None:
            self._do(lambda cache: cache.expire())
            with contextlib.suppress(StoreError):
                self._do(lambda cache: cache._sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())

    def _stored(self, key: str) -> Any:
        if self._kept is not None:
            return self._kept.get(key, _ABSENT)
        return self._do(lambda cache: cache.get(key, _ABSENT))

    def _do(self, act: Callable[[Any], _T]) -> _T:
        """Do ``act`` on the database; where that fails, on the same one opened again, then on an empty one."""
        for again in (self._reopen, self._replace):
            try:
                self._follow()
                return act(self._cache)
            except _FAILED as error:
                if not self._is_damage(error):
                    raise _cannot(error) from error
                with self._lock, self._alone():
                    again(error)
        try:
            return act(self._cache)
        except _FAILED as error:
            raise _cannot(error) from error

    def _follow(self) -> None:
        """Go over to the database that lies there now, where another process has put a new one in the place of this one."""
        if _inode(self.path) == self._opened_as:
            return
        with self._lock, self._alone():
            if _inode(self.path) != self._opened_as:
                self._reopen()

    def _reopen(self, error: Exception | None = None) -> None:
        self.close()
        self._open()

    def _open(self) -> None:
        folder = self._folder / _FOLDER
        try:
            check_database(self.path)
            self._cache = _private_cache(folder)
            for _ in self._cache.iterkeys():
                break
        except _FAILED as error:
            if not self._is_damage(error):
                raise _cannot(error) from error
            self._replace(error)
        self._opened_as = _inode(self.path)

    def _replace(self, error: Exception) -> None:
        """Put an empty database in the place of the damaged one, which is set aside."""
        self.close()
        folder = self._folder / _FOLDER
        try:
            if os.path.lexists(folder):
                if not folder.is_symlink() and folder.is_dir():
                    folder.chmod(FOLDER_MODE)  # nobody but root moves a folder that may not be written
                folder.rename(self._folder / "set-aside" / f"{_FOLDER}-{uuid.uuid4().hex[:8]}")
            self._say("records", _DATABASE, str(error))
            self._cache = _private_cache(folder)
        except _FAILED as second:
            raise _cannot(second) from error
        self._opened_as = _inode(self.path)

    def _is_damage(self, error: Exception) -> bool:
        """Whether the database is to blame, and not the disk or another process that holds it."""
        if isinstance(error, diskcache.Timeout):
            return False
        if isinstance(error, sqlite3.Error):
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
            if code & 0xFF in _NO_DAMAGE or (code & 0xFF == sqlite3.SQLITE_IOERR and not _has_room(self._folder)):
                return False
        elif isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE):
            return False
        return _usable(self._folder)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time: two that find the same damage must not set aside each other's new database."""
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(exclusive(self._folder / "records.lock"))
            except OSError as error:
                raise _cannot(error) from error
            yield


def _private_cache(folder: Path) -> Any:
    """The database below ``folder``, which this user alone may read, as its log and shared memory then are.

    One that is there is not opened but by SQLite: whoever closes its file lets go of all locks that this process has on it.
    """
    make_folder(folder)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(folder / _DATABASE, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))
    return open_cache(str(folder))


def _usable(folder: Path) -> bool:
    """Whether files can be opened here at all: with no handle or no disk left it is not the database that is damaged."""
    try:
        with os.scandir(folder):
            return True
    except OSError:
        return False


def _has_room(folder: Path) -> bool:
    """Whether a small file can be written here: SQLite calls a quota or a limit on files an error of the disk, as it does damage."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_ROOM))
            file.flush()
    except OSError:
        return False
    return True


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _sealed(key: str, value: Any) -> str:
    body = json.dumps(value)
    return f"{_checksum(key, body)} {body}"


def _checksum(key: str, body: str) -> str:
    return f"{zlib.crc32(f'{key} {body}'.encode('utf-8', 'surrogatepass')):08x}"


def _cannot(error: Exception) -> StoreError:
    if isinstance(error, diskcache.Timeout) or "locked" in str(error):
        return StoreError(
            "The records of the cache are held by another process: they were locked for ten seconds.",
            "Wait for it, or end the program that has records/cache.db in the cache folder open, then try again.",
        )
    return StoreError(
        f"The records of the cache cannot be used: {str(error) or type(error).__name__}.",
        "Free some disk space or wait for the other processes, then try again.",
    )
