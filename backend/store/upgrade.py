"""The form of a cache folder, and bringing one of an older version up to this one."""

import contextlib
import json
import logging
import shutil
import uuid
from pathlib import Path
from typing import Any

from backend.errors import StoreError
from backend.store.arrays import write_whole
from backend.store.files import MADE, Files
from backend.store.records import Records
from backend.store.seal import is_sealed

_FORMAT = 2  # 1 had neither seals nor checksums, and kept text sets and jobs among the records
_MARK = "format.json"
_LOG = logging.getLogger("embedscope.store")


def bring_up(files: Files, records: Records) -> str:
    """Bring the folder to this version's form and return its identity, the same for all processes that share it.

    Activations and results of an older form have no checksum, so they go, with a line in the log: they are computed
    again when they are asked for. Text sets and job records are kept.
    """
    found = _mark(files.folder)
    if found is not None:
        return str(found["id"])
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
    identity = old.get("store/id", "") if len(old.get("store/id", "")) == 32 else uuid.uuid4().hex
    mark = json.dumps({"format": _FORMAT, "id": identity}).encode()
    write_whole(files.temporary(), files.folder / _MARK, mark)
    return identity


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
        if isinstance(found["id"], str) and found["format"] >= _FORMAT:
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
