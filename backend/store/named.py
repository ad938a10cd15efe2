"""Selections that people have named, of the rows of one text set: kept in files until they or their text set are deleted.

Whoever has logged in has a folder of their own; in the one of everyone is what they share, and what nobody had to log in for.
A name is looked up in the own folder first.
"""

import re
import time
from dataclasses import replace
from typing import Any

from backend.errors import InvalidRequest
from backend.forms.codec import read_json, to_json
from backend.forms.fingerprint import content_digest
from backend.store.selections import checked_runs
from backend.store.store import Store
from backend.values.people import NOBODY, Person, asking
from backend.values.selections import MOST_NAME, MOST_STORY, NamedRows
from backend.values.visible import all_seen

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
    made = NamedRows(name, table, tuple(kept), story if all_seen(story) else "", time.time())
    known = _find(store, table, name)
    if known is not None and known.runs != made.runs:
        raise InvalidRequest(f"'{name}' is the name of other rows already.", "Choose another name, or delete that one.")
    if known is not None:
        return known
    if len(store.record_keys(_folder(table, asking()))) >= MOST_NAMED:
        raise InvalidRequest(f"A text set has at most {MOST_NAMED} saved selections.", "Delete one that is not needed.")
    store.set_record(_key(table, name, asking()), to_json(made, {}))
    return made


def named_selections(store: Store, table: str) -> list[NamedRows]:
    """What is kept of a text set for who asks, by name."""
    found = [_read(store, key) for folder in reversed(_folders(table)) for key in store.record_keys(folder)]
    named = {one.name: one for one in found if one is not None}
    return sorted(named.values(), key=lambda one: (one.name.casefold(), one.name))


def rename_named(store: Store, table: str, name: Any, new: Any) -> NamedRows:  # of whoever asks
    """Call a selection ``new``; raises InvalidRequest where there is none of the name, and where ``new`` is taken."""
    new, known = _checked_name(new), _known(store, table, name)
    if new == known.name:
        return known
    if _find(store, table, new) is not None:
        raise InvalidRequest(f"'{new}' is the name of another selection.", "Choose another name, or delete that one.")
    renamed, person = replace(known, name=new), _whose(store, table, known.name)
    if person == NOBODY:
        store.owners.move("selections", f"{table}/{known.name}", f"{table}/{new}")
    store.set_record(_key(table, new, person), to_json(renamed, {}))
    _remove(store, table, known.name, person)
    return renamed


def forget_named(store: Store, table: str, name: Any) -> None:  # of whoever asks
    """Delete a selection; raises InvalidRequest where there is none of the name."""
    known = _known(store, table, name)
    _remove(store, table, known.name, _whose(store, table, known.name))


def share_named(store: Store, table: str, name: str, shared: bool) -> None:
    """Put a selection of who asks where everyone finds it, or take it back; raises InvalidRequest where there is none of the
    name, where it is another's, and where everyone has one of that name already."""
    known, person = _known(store, table, name), _whose(store, table, name)
    target = NOBODY if shared else asking()
    if person == target:
        return
    if _read(store, _key(table, known.name, target)) is not None:
        raise InvalidRequest(f"'{name}' is the name of another selection.", "Rename one of the two first.")
    if shared:
        store.owners.add("selections", f"{table}/{known.name}", new=True)
        store.owners.share("selections", f"{table}/{known.name}", True)
    store.set_record(_key(table, known.name, target), to_json(known, {}))
    _remove(store, table, known.name, person)


def own_named(store: Store) -> list[tuple[str, str]]:
    """Text set (by the digest of its table) and name of each selection that only who asks has; none of whoever runs the machine."""
    if asking() == NOBODY:
        return []
    mark = _folder("0" * 40, asking()).removeprefix(f"{_PREFIX}{'0' * 40}")
    found = [_read(store, key) for key in store.record_keys(_PREFIX) if mark in key]
    return [(one.table, one.name) for one in found if one is not None]


def forget_all_named(store: Store, table: str, *, of_everyone: bool = True) -> None:
    """Delete the selections of a text set that is deleted: all, or those of who asks alone."""
    if of_everyone:
        keys = [key for mark in "/~" for key in store.record_keys(f"{_PREFIX}{_checked_table(table)}{mark}")]
    else:
        keys = store.record_keys(_folder(table, asking())) if asking() != NOBODY else []
    for key in keys:
        store.delete_record(key)


def _whose(store: Store, table: str, name: str) -> Person:
    """In whose folder a selection stands that who asks may change: their own, or everyone's.

    Raises InvalidRequest where another has shared it.
    """
    if _read(store, _key(table, name, asking())) is not None:
        return asking()
    if not store.owners.may_remove("selections", f"{table}/{name}"):
        raise InvalidRequest(
            f"The selection '{name}' is shared with you and not yours.", "Save these rows under a name of your own."
        )
    return NOBODY


def _remove(store: Store, table: str, name: str, person: Person) -> None:
    store.delete_record(_key(table, name, person))
    if person == NOBODY:
        store.owners.forget("selections", f"{table}/{name}")


def _known(store: Store, table: str, name: Any) -> NamedRows:
    found = _find(store, table, str(name))
    if found is None:
        raise InvalidRequest(f"There is no saved selection '{str(name)[:MOST_NAME]}'.", "Choose one of the list.")
    return found


def _find(store: Store, table: str, name: str) -> NamedRows | None:
    table = store.owners.as_seen("texts", table)
    own = _read(store, _key(table, name, asking()))
    return own if own is not None else _read(store, _key(table, name, NOBODY))


def _read(store: Store, key: str) -> NamedRows | None:
    found: NamedRows | None = read_json(NamedRows, store.record(key))
    try:
        return None if found is None else replace(found, runs=tuple(checked_runs(list(found.runs))))
    except InvalidRequest:
        return None


def _folder(table: str, person: Person) -> str:
    own = "" if person == NOBODY else f"~{content_digest(person.id.encode('utf-8', 'surrogatepass'))}"
    return f"{_PREFIX}{_checked_table(table)}{own}/"


def _folders(table: str) -> list[str]:
    return list(dict.fromkeys((_folder(table, asking()), _folder(table, NOBODY))))


def _key(table: str, name: str, person: Person) -> str:
    return _folder(table, person) + content_digest(name.encode("utf-8", "surrogatepass"))


def _checked_table(table: str) -> str:
    if not _DIGEST.fullmatch(table):
        raise InvalidRequest("A selection is of a text set, by the digest of its table.", "Choose a text set.")
    return table


def _checked_name(name: Any) -> str:
    name = name.strip() if isinstance(name, str) else ""
    if not name or len(name) > MOST_NAME or not all_seen(name):
        raise InvalidRequest(
            f"A selection needs a name of printable characters, at most {MOST_NAME}.", "Write one, such as 'unclear'."
        )
    return str(name)
