"""Small JSON values by key, in SQLite through diskcache: locks, pins, and what was looked up and can be again.

Nothing is kept here that cannot be had again, but selections of rows for links, whose loss is said. Each value carries a checksum over its key and itself; a database that
is damaged is set aside, and an empty one takes its place.
"""

import contextlib
import json
import sqlite3
import threading
import uuid
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from backend.errors import StoreError
from backend.store.disk import open_cache
from backend.store.processes import exclusive
from backend.values.json_data import Json

_T = TypeVar("_T")
_NO_DAMAGE = ("locked", "busy", "full")
_FOLDER = "records"


class Records:
    """The records below ``folder``; ``say`` is told when some were damaged."""

    def __init__(self, folder: Path, say: Callable[[str, str, str], None]) -> None:
        self._folder, self._say = folder, say
        self._lock = threading.Lock()
        self._cache = self._opened()

    def close(self) -> None:
        """Close the database's connections."""
        self._cache.close()

    def get(self, key: str) -> Json:
        """The record under ``key``, or None; a damaged one is dropped."""
        text = self._stored(key)
        if not isinstance(text, str):
            return None
        crc, _, body = text.partition(" ")
        if crc != _checksum(key, body):
            self._say("records", key, "its content does not have its checksum")
            self.delete(key)
            return None
        return json.loads(body)

    def set(self, key: str, value: Json, expire: float | None = None) -> None:
        """Set a record; ``expire`` is in seconds."""
        text = _sealed(key, value)
        self._do(lambda cache: cache.set(key, text, expire=expire))

    def add(self, key: str, value: Json, expire: float | None = None) -> bool:
        """Set a record only where there is none; returns whether."""
        text = _sealed(key, value)
        return bool(self._do(lambda cache: cache.add(key, text, expire=expire)))

    def delete(self, key: str) -> None:
        """Forget a record."""
        self._do(lambda cache: cache.delete(key))

    def keys(self, prefix: str) -> list[str]:
        """The keys that begin with ``prefix``, sorted."""
        return self._do(lambda cache: [key for key in cache.iterkeys() if key.startswith(prefix)])

    def raw(self) -> Iterator[tuple[str, Any]]:
        """All keys with what is stored under them, as it is; for reading the records of an older version."""
        for key in self.keys(""):
            with contextlib.suppress(StoreError):
                yield key, self._stored(key)

    def _stored(self, key: str) -> Any:
        return self._do(lambda cache: cache.get(key))

    def clear(self) -> None:
        """Forget all records."""
        self._do(lambda cache: cache.clear())

    def _do(self, act: Callable[[Any], _T]) -> _T:
        try:
            return act(self._cache)
        except sqlite3.DatabaseError as error:
            if any(word in str(error) for word in _NO_DAMAGE):
                raise _cannot(error) from error
            self._renew(error)
        try:
            return act(self._cache)
        except sqlite3.DatabaseError as error:
            raise _cannot(error) from error

    def _opened(self) -> Any:
        with self._alone():
            try:
                return _checked(self._folder / _FOLDER)
            except sqlite3.DatabaseError as error:
                return self._replaced(error)

    def _renew(self, error: sqlite3.DatabaseError) -> None:
        """Open the database again: the one of another process that was first to find the damage, or an empty one."""
        with self._lock, self._alone():
            with contextlib.suppress(sqlite3.Error):
                self._cache.close()
            try:
                self._cache = _checked(self._folder / _FOLDER)
            except sqlite3.DatabaseError:
                self._cache = self._replaced(error)

    def _replaced(self, error: sqlite3.DatabaseError) -> Any:
        if any(word in str(error) for word in _NO_DAMAGE):
            raise _cannot(error) from error
        (self._folder / _FOLDER).rename(self._folder / "set-aside" / f"{_FOLDER}-{uuid.uuid4().hex[:8]}")
        self._say("records", "cache.db", str(error))
        return open_cache(str(self._folder / _FOLDER))

    def _alone(self) -> contextlib.AbstractContextManager[None]:
        """One process at a time: two that find the same damage must not set aside each other's new database."""
        return exclusive(self._folder / "records.lock")


def _checked(folder: Path) -> Any:
    cache = open_cache(str(folder))
    try:
        for _ in cache.iterkeys():  # reads every page of keys
            pass
    except BaseException:
        cache.close()
        raise
    return cache


def _sealed(key: str, value: Any) -> str:
    body = json.dumps(value)
    return f"{_checksum(key, body)} {body}"


def _checksum(key: str, body: str) -> str:
    return f"{zlib.crc32(f'{key} {body}'.encode('utf-8', 'surrogatepass')):08x}"


def _cannot(error: sqlite3.DatabaseError) -> StoreError:
    return StoreError(
        f"The records of the cache cannot be used: {error}.",
        "Free some disk space or wait for the other processes, then try again.",
    )
