"""The form of a cache folder, and bringing one of an older version up to this one."""

import contextlib
import json
import logging
import os
import shutil
import uuid
from pathlib import Path, PurePath
from typing import Any

from backend.errors import StoreError
from backend.forms.fingerprint import content_digest
from backend.store.access import open_to_others, tighten, tighten_all
from backend.store.arrays import write_whole
from backend.store.entries import filed_as
from backend.store.files import MADE, SUFFIXES, Files
from backend.store.records import Records
from backend.store.seal import is_sealed
from backend.version import __version__

_FORMAT = 3  # 2 kept people's selections in the database; 1 had no checksums, and text sets and jobs there too
_SEALED = 2  # from this format on a file ends in a seal
_MARK = "format.json"
_OWN = {*SUFFIXES, "tmp", "set-aside", "records", "runs", "index", "owners", "token", _MARK, ".gitignore"}
_LOG = logging.getLogger("embedscope.store")


def bring_up(files: Files, records: Records) -> str:
    """Bring the folder to this version's form and return its identity, the same for all processes that share it.

    Activations and results of a form without checksums go, with a line in the log: they are computed again when they are
    asked for. Text sets, job records and selections are kept. A folder of a newer form is used as it is: what this
    version cannot read in it is passed over, and stays.
    """
    found = _mark(files.folder)
    if found is not None and found["format"] >= _FORMAT:
        known = known_identity(files.folder)
        if found["format"] == _FORMAT and (known != found["id"] or found.get("inode") is None):
            _write_mark(files, known)
        return known
    _keep_selections(files, records)
    identity = str(found["id"]) if found is not None and found["format"] >= _SEALED else _from_the_first(files, records)
    _write_mark(files, identity)
    return identity


def _write_mark(files: Files, identity: str) -> None:
    """Write down form and identity, and in which file: a copy of it is another file, and of another folder."""
    temporary = files.temporary()
    write_whole(temporary, b"", lambda written: None)
    with temporary.open("r+", encoding="utf-8") as file:
        inode = os.fstat(file.fileno()).st_ino
        file.write(json.dumps({"format": _FORMAT, "id": identity, "version": __version__, "inode": inode}))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(files.folder / _MARK)


def newer_form(folder: Path) -> str:
    """What to say of a folder that a newer version has brought to its form; "" where none has."""
    found = _mark(folder)
    if found is None or found["format"] <= _FORMAT:
        return ""
    return (
        f"The cache folder is in format {found['format']}, of version {found.get('version', '?')}; this version knows "
        f"format {_FORMAT}: entries that it cannot read are passed over, and computed again."
    )


def known_identity(folder: Path) -> str:
    """The identity of a folder with a mark: a moved folder keeps it, a copy has one of its own. One of this process without a mark.

    A front end takes a folder with the service's identity for the service's own.
    """
    found = _mark(folder)
    if found is None:
        return uuid.uuid4().hex
    inode = (folder / _MARK).stat().st_ino
    if found.get("inode") in (None, inode):
        return str(found["id"])
    return content_digest(str(found["id"]).encode(), str(inode).encode())[:32]


def keep_private(folder: Path) -> None:
    """Shut others out of a cache folder and of all in it: versions before left it readable by everyone.

    A folder in which somebody keeps other things too is theirs to open or shut; what is the cache's own in it is not.
    """
    names = {path.name for path in folder.iterdir()}
    own = {name for name in names if name in _OWN or PurePath(name).suffix in (".log", ".lock")}
    for name in sorted(own):
        if open_to_others(folder / name):
            tighten_all(folder / name)
    if own == names:
        tighten(folder)


def _from_the_first(files: Files, records: Records) -> str:
    """Bring up a folder without a mark; returns its identity. What has a seal lost the mark only."""
    old = {key: value for key, value in records.raw() if isinstance(value, str)}
    for key, text in old.items():
        with contextlib.suppress(ValueError, StoreError):
            _keep(files, key, text, old)
    n_gone = _clear(files)
    records.clear()
    if n_gone:
        _LOG.warning(
            "The cache %s is of an older version: %d activations and results without a checksum were removed; they are "
            "computed again when they are needed. Text sets stay.",
            files.folder,
            n_gone,
        )
    return old.get("store/id", "") if len(old.get("store/id", "")) == 32 else uuid.uuid4().hex


def _keep_selections(files: Files, records: Records) -> None:
    """Give the selections among the records files of their own."""
    for key in [*records.keys("named/"), *records.keys("selection/")]:
        value = records.get(key)
        with contextlib.suppress(StoreError):  # no digest, so no such record
            if value is not None:
                files.write(*filed_as(key), json.dumps(value).encode(), {"record": key})
        records.delete(key)


def _keep(files: Files, key: str, text: str, old: dict[str, str]) -> None:
    """Give a text set or a job record of the older form its own file, unless it has one."""
    kind, _, digest = key.partition("/")
    if kind == "table" and files.seal("texts", digest) is None:
        line = old.get(f"textset/{digest}")
        content = json.loads(text) if text.startswith('"') else text  # a front end kept them as text within JSON
        files.write("texts", digest, content.encode(), {"info": None if line is None else json.loads(line)})
    elif kind == "job" and files.seal("jobs", digest) is None:
        files.write("jobs", digest, json.dumps(json.loads(text)).encode(), {})


def _mark(folder: Path) -> dict[str, Any] | None:
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        found = json.loads((folder / _MARK).read_text("utf-8"))
        if isinstance(found["id"], str) and type(found["format"]) is int:
            return dict(found)
    return None


def _clear(files: Files) -> int:
    """Remove what has no seal; what has one was written by this version, and only the mark was lost."""
    n_gone = 0
    for kind in MADE:
        for path in [path for path in (files.folder / kind).glob("??/*") if path.is_file()]:
            if not is_sealed(path):
                path.unlink(missing_ok=True)
                n_gone += 1
    shutil.rmtree(files.folder / "index", ignore_errors=True)
    return n_gone
