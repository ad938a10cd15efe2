"""diskcache without pickle, without files of its own and without memory maps.

By default diskcache unpickles what it finds (CVE-2025-69872); this refuses both ways. It would keep long values in files
named by the database, so that a damaged row could name any file: here all values are in the database. It would map the
database into memory, where a process ends (SIGBUS) whose database is cut by another.
"""

import contextlib
import re
import sqlite3
from pathlib import Path
from typing import Any

import diskcache
from diskcache.core import MODE_RAW, MODE_TEXT

from backend.errors import StoreError

TIMEOUT = 10.0  # seconds to wait for another process's write
_HINT = "Delete the cache folder, or the entry: something other than Embedscope wrote it."
_OWN = re.compile(r"[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{28}\.val")
_TABLES = (
    "SELECT rowid, key, raw, store_time, expire_time, access_time, access_count, tag, size, mode, filename, value"
    " FROM Cache LIMIT 1",
    "SELECT key, value FROM Settings LIMIT 1",
)


class PlainDisk(diskcache.Disk):  # type: ignore[misc]
    """Keys are text, values are text, bytes or numbers; anything that would be pickled or unpickled is refused."""

    def put(self, key: Any) -> Any:  # as in diskcache, which has no types
        if type(key) is not str:
            raise StoreError(f"A key of the store is text, not {type(key).__name__}.", _HINT)
        return super().put(key)

    def get(self, key: Any, raw: bool) -> Any:  # as in diskcache, which has no types
        return key if raw and type(key) is str else ""  # no key of ours is empty: what is pickled is no key

    def store(self, value: Any, read: bool, key: Any = diskcache.UNKNOWN) -> Any:  # as in diskcache, which has no types
        if type(value) not in (str, bytes, int, float):
            raise StoreError(f"The store takes text, bytes and numbers, not {type(value).__name__}.", _HINT)
        return super().store(value, read, key=key)

    def fetch(self, mode: int, filename: Any, value: Any, read: bool) -> Any:  # as in diskcache, which has no types
        if mode == MODE_RAW:
            return super().fetch(mode, filename, value, read)
        if mode == MODE_TEXT and self._is_own(filename):  # versions before kept long values in files
            return super().fetch(mode, filename, value, False)
        return ""  # pickled, or a file of somebody else's: never loaded, and no value of ours has that checksum

    def remove(self, file_path: Any) -> None:  # as in diskcache, which has no types
        if self._is_own(file_path):
            super().remove(file_path)

    def _is_own(self, name: Any) -> bool:
        """Whether a file that a row names lies where diskcache puts one."""
        return isinstance(name, str) and _OWN.fullmatch(name) is not None


def open_cache(folder: str) -> Any:  # as in diskcache, which has no types
    """A diskcache.Cache that neither pickles nor evicts: eviction is the store's own, by bytes and last use."""
    return diskcache.Cache(
        folder,
        timeout=TIMEOUT,
        disk=PlainDisk,
        eviction_policy="none",
        cull_limit=10,  # of what has expired, at each write
        size_limit=2**62,
        disk_min_file_size=2**62,
        sqlite_mmap_size=0,
        sqlite_secure_delete=1,  # what is deleted is overwritten: it may be rows of somebody's texts
        sqlite_journal_size_limit=2**20,
    )


def check_database(path: Path) -> None:
    """Raise sqlite3.DatabaseError where a database is damaged or is not one of ours; an absent or empty one is none yet."""
    beside = [suffix for suffix in ("-journal", "-wal", "-shm") if path.with_name(path.name + suffix).exists()]
    if not path.exists() or (path.is_file() and path.stat().st_size == 0):
        if beside:  # of another database; or a process has the one open that lay here, and will not let go of these
            raise sqlite3.DatabaseError("it is empty, and its log is not")
        return
    if "-journal" in beside and _has_wal(path):
        raise sqlite3.DatabaseError("a journal lies beside it that is none of its own")
    connection = sqlite3.connect(path, timeout=TIMEOUT, isolation_level=None)
    try:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != ("ok",):
            raise sqlite3.DatabaseError(f"its check says: {found[0]}")
        for statement in _TABLES:
            connection.execute(statement).fetchall()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        if str(error).startswith("no such"):
            raise sqlite3.DatabaseError(f"it is another program's ({error})") from None
        raise
    finally:
        connection.close()


def stored_rows(path: Path) -> dict[str, str]:
    """What a database that cannot be written holds, as it is; nothing where it is damaged."""
    with contextlib.suppress(sqlite3.Error):
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
            found = connection.execute(f"SELECT key, value FROM Cache WHERE raw = 1 AND mode = {MODE_RAW}").fetchall()
        return {key: value for key, value in found if isinstance(key, str) and isinstance(value, str)}
    return {}


def _has_wal(path: Path) -> bool:
    """Whether a database keeps a log of what was written, and so has no journal."""
    with path.open("rb") as file:
        return file.read(20)[18:] == b"\x02\x02"
