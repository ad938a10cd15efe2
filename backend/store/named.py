"""Selections that people have named, of the rows of one text set: kept as records until they or their text set are deleted."""

import re
import time
from dataclasses import replace
from typing import Any

from backend.errors import InvalidRequest
from backend.forms.codec import read_json, to_json
from backend.forms.fingerprint import content_digest
from backend.store.selections import checked_runs
from backend.store.store import Store
from backend.values.selections import MOST_NAME, MOST_STORY, NamedRows

MOST_NAMED = 200  # of one text set
_PREFIX = "named/"
_DIGEST = re.compile(r"[0-9a-f]{40}")


def save_named(store: Store, table: str, name: Any, runs: Any, story: Any, n_rows: int) -> NamedRows:  # of whoever asks
    """Keep the rows of a text set (of ``n_rows``, with the table digest ``table``) under a name; returns what is kept.

    Raises InvalidRequest for a name that is none or that other rows have, for no rows, for rows that are not there, and
    beyond MOST_NAMED.
    """
    name, kept = _checked_name(name), checked_runs(runs)
    if not kept or kept[-1] >= n_rows:
        raise InvalidRequest(
            f"A selection of {n_rows:,} rows cannot hold {'none' if not kept else f'row {kept[-1] + 1:,}'}.",
            "Select rows of this text set.",
        )
    story = str(story)[:MOST_STORY]
    made = NamedRows(name, table, tuple(kept), story if story.isprintable() else "", time.time())
    known = _find(store, table, name)
    if known is not None and known.runs != made.runs:
        raise InvalidRequest(f"'{name}' is the name of other rows already.", "Choose another name, or delete that one.")
    if known is None and len(store.record_keys(_folder(table))) >= MOST_NAMED:
        raise InvalidRequest(f"A text set has at most {MOST_NAMED} saved selections.", "Delete one that is not needed.")
    store.set_record(_key(table, name), to_json(made, {}))
    return made


def named_selections(store: Store, table: str) -> list[NamedRows]:
    """What is kept of a text set, by name."""
    found = [_read(store, key) for key in store.record_keys(_folder(table))]
    return sorted((one for one in found if one is not None), key=lambda one: (one.name.casefold(), one.name))


def rename_named(store: Store, table: str, name: Any, new: Any) -> NamedRows:  # of whoever asks
    """Call a selection ``new``; raises InvalidRequest where there is none of the name, and where ``new`` is taken."""
    new, known = _checked_name(new), _known(store, table, name)
    if new == known.name:
        return known
    if _find(store, table, new) is not None:
        raise InvalidRequest(f"'{new}' is the name of another selection.", "Choose another name, or delete that one.")
    renamed = replace(known, name=new)
    store.set_record(_key(table, new), to_json(renamed, {}))
    store.delete_record(_key(table, known.name))
    return renamed


def forget_named(store: Store, table: str, name: Any) -> None:  # of whoever asks
    """Delete a selection; raises InvalidRequest where there is none of the name."""
    store.delete_record(_key(table, _known(store, table, name).name))


def forget_all_named(store: Store, table: str) -> None:
    """Delete the selections of a text set that is deleted."""
    for key in store.record_keys(_folder(table)):
        store.delete_record(key)


def _known(store: Store, table: str, name: Any) -> NamedRows:
    found = _find(store, table, str(name))
    if found is None:
        raise InvalidRequest(f"There is no saved selection '{str(name)[:MOST_NAME]}'.", "Choose one of the list.")
    return found


def _find(store: Store, table: str, name: str) -> NamedRows | None:
    return _read(store, _key(table, name))


def _read(store: Store, key: str) -> NamedRows | None:
    found: NamedRows | None = read_json(NamedRows, store.record(key))
    try:
        return None if found is None else replace(found, runs=tuple(checked_runs(list(found.runs))))
    except InvalidRequest:
        return None


def _folder(table: str) -> str:
    if not _DIGEST.fullmatch(table):
        raise InvalidRequest("A selection is of a text set, by the digest of its table.", "Choose a text set.")
    return f"{_PREFIX}{table}/"


def _key(table: str, name: str) -> str:
    return _folder(table) + content_digest(name.encode("utf-8", "surrogatepass"))


def _checked_name(name: Any) -> str:
    name = name.strip() if isinstance(name, str) else ""
    if not name or len(name) > MOST_NAME or not name.isprintable():
        raise InvalidRequest(
            f"A selection needs a name of printable characters, at most {MOST_NAME}.", "Write one, such as 'unclear'."
        )
    return str(name)
