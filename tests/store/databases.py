"""Ways to lose or damage the database of a cache, each as a disk, a person or another program would do it."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

Damage = Callable[[Path], None]  # of the folder "records", with cache.db in it


def _db(folder: Path) -> Path:
    return folder / "cache.db"


def _over(offset: int, content: bytes) -> Damage:
    def act(folder: Path) -> None:
        with _db(folder).open("r+b") as file:
            file.seek(offset)
            file.write(content)

    return act


def _cut(n_bytes: int) -> Damage:
    return lambda folder: os.truncate(_db(folder), min(n_bytes, _db(folder).stat().st_size))


def _cut_to(share: float) -> Damage:
    return lambda folder: os.truncate(_db(folder), int(share * _db(folder).stat().st_size))


def _flip_headers(bits: int) -> Damage:
    """Flip bits in the first byte of every page: what kind of page it is."""

    def act(folder: Path) -> None:
        content = bytearray(_db(folder).read_bytes())
        for offset in [100, *range(4096, len(content), 4096)]:
            content[offset] ^= bits
        _db(folder).write_bytes(bytes(content))

    return act


def _zero_pages(first: int) -> Damage:
    def act(folder: Path) -> None:
        whole = _db(folder).read_bytes()
        _db(folder).write_bytes(whole[: first * 4096] + bytes(len(whole) - first * 4096))

    return act


def _sql(*statements: str) -> Damage:
    def act(folder: Path) -> None:
        connection = sqlite3.connect(_db(folder), isolation_level=None)
        for statement in statements:
            connection.execute(statement)
        connection.close()

    return act


def _beside(name: str, content: bytes) -> Damage:
    return lambda folder: (folder / name).write_bytes(content) and None


def _folder_in_place(name: str) -> Damage:
    def act(folder: Path) -> None:
        if not (folder / name).is_dir():
            (folder / name).unlink(missing_ok=True)
            (folder / name).mkdir()
        (folder / name / "inside").write_text("x")

    return act


def _another_program(folder: Path) -> None:
    _db(folder).unlink()
    connection = sqlite3.connect(_db(folder))
    connection.executescript("CREATE TABLE bookmarks (url TEXT); INSERT INTO bookmarks VALUES ('x');")
    connection.commit()
    connection.close()


def _other_columns(folder: Path) -> None:
    _db(folder).unlink()
    connection = sqlite3.connect(_db(folder))
    connection.executescript(
        "CREATE TABLE Cache (key TEXT, body TEXT); CREATE TABLE Settings (key TEXT UNIQUE, value);"
    )
    connection.commit()
    connection.close()


def _file_in_place_of_folder(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("not a folder")


def _loop_of_links(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.symlink_to(folder)


def _unreadable(folder: Path) -> None:
    _db(folder).chmod(0)


def _read_only(folder: Path) -> None:
    _db(folder).chmod(0o400)
    folder.chmod(0o500)


DAMAGES: dict[str, Damage] = {
    "deleted": lambda folder: _db(folder).unlink(),
    "its folder deleted": shutil.rmtree,
    "empty": _cut(0),
    "cut to 1 byte": _cut(1),
    "cut to 16 bytes": _cut(16),
    "cut to 100 bytes": _cut(100),
    "cut to 1,000 bytes": _cut(1000),
    "cut to one page": _cut(4096),
    "cut to one page and a half": _cut(6000),
    "cut to a quarter": _cut_to(0.25),
    "cut to a half": _cut_to(0.5),
    "last byte gone": lambda folder: os.truncate(_db(folder), _db(folder).stat().st_size - 1),
    "last page gone": lambda folder: os.truncate(_db(folder), _db(folder).stat().st_size - 4096),
    "zeros": _zero_pages(0),
    "zeros after the first page": _zero_pages(1),
    "zeros after the third page": _zero_pages(3),
    "random bytes": lambda folder: _db(folder).write_bytes(os.urandom(20_000)) and None,
    "text in its place": lambda folder: _db(folder).write_text("hello " * 2000) and None,
    "wrong magic": _over(0, b"SQLite format 9\0"),
    "page size of 0": _over(16, b"\0\0"),
    "page size of 512": _over(16, b"\x02\0"),
    "file format of a later SQLite": _over(18, b"\x09\x09"),
    "schema format of a later SQLite": _over(44, b"\0\0\0\x63"),
    "reserved bytes": _over(20, b"\xf0"),
    "text encoding unknown": _over(56, b"\0\0\0\x09"),
    "kinds of pages flipped": _flip_headers(0x04),
    "kinds of pages all wrong": _flip_headers(0xFF),
    "a first page of another kind": _over(100, b"\x0a"),
    "cells of the first page beyond it": _over(103, b"\xff\xff\xff\xff"),
    "schema's text overwritten": _over(3000, b"\xff" * 1096),
    "a journal of nothing": _beside("cache.db-journal", b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + bytes(600)),
    "a log of random bytes": _beside("cache.db-wal", os.urandom(9000)),
    "shared memory of random bytes": _beside("cache.db-shm", os.urandom(32768)),
    "shared memory deleted": lambda folder: (folder / "cache.db-shm").unlink(missing_ok=True),
    "log deleted": lambda folder: (folder / "cache.db-wal").unlink(missing_ok=True),
    "a folder in its place": _folder_in_place("cache.db"),
    "a folder in the log's place": _folder_in_place("cache.db-wal"),
    "a folder in the shared memory's place": _folder_in_place("cache.db-shm"),
    "a folder in the journal's place": _folder_in_place("cache.db-journal"),
    "a file in its folder's place": _file_in_place_of_folder,
    "a link to itself in its folder's place": _loop_of_links,
    "another program's database": _another_program,
    "tables of other columns": _other_columns,
    "table of values dropped": _sql("DROP TABLE Cache"),
    "table of settings dropped": _sql("DROP TABLE Settings"),
    "settings emptied": _sql("DELETE FROM Settings"),
    "settings of a later version": _sql("INSERT OR REPLACE INTO Settings VALUES ('sqlite_colour', 'red')"),
    "settings that are no numbers": _sql("UPDATE Settings SET value = 'x'"),
    "index of keys dropped": _sql("DROP INDEX Cache_key_raw"),
    "keys that are pickled": _sql("UPDATE OR REPLACE Cache SET raw = 0"),
    "keys that are numbers": _sql("UPDATE OR REPLACE Cache SET key = rowid"),
    "keys that are blobs": _sql("UPDATE OR REPLACE Cache SET key = x'ff00' || rowid"),
    "values that are pickled": _sql("UPDATE Cache SET mode = 4"),
    "values that are null": _sql("UPDATE Cache SET value = NULL"),
    "values of another mode": _sql("UPDATE Cache SET mode = 17"),
    "values in files that are gone": _sql("UPDATE Cache SET mode = 3, filename = 'aa/bb/gone.val', value = NULL"),
    "values in files elsewhere": _sql("UPDATE Cache SET mode = 3, filename = '../format.json', value = NULL"),
    "values that do not have their checksum": _sql("UPDATE Cache SET value = 'x' || value"),
    "values that are no JSON": _sql("UPDATE Cache SET value = '00000000 {'"),
    "a trigger that fails": _sql(
        "CREATE TRIGGER stop BEFORE INSERT ON Cache BEGIN SELECT RAISE(ABORT, 'no'); END",
        "CREATE TRIGGER halt BEFORE UPDATE ON Cache BEGIN SELECT RAISE(ABORT, 'no'); END",
        "CREATE TRIGGER hold BEFORE DELETE ON Cache BEGIN SELECT RAISE(ABORT, 'no'); END",
    ),
    "a view in the table's place": _sql("DROP TABLE Cache", "CREATE VIEW Cache AS SELECT 1 AS key"),
    "unreadable": _unreadable,
    "read-only": _read_only,
}
