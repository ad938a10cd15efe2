"""Who owns what, as far as who asks may see it; and sharing what is one's own with everyone on the instance."""

from dataclasses import replace
from pathlib import Path

from backend.errors import InvalidRequest
from backend.store import Store
from backend.store.named import own_named, share_named
from backend.values.owned import SHAREABLE, Belonging, Owned
from backend.values.people import NOBODY, asking
from backend.work.library import Library
from backend.work.runlist import seen_runs
from backend.work.vectorlist import vector_sets


def belongings(store: Store, library: Library, runs: Path) -> list[Belonging]:
    """The text sets, vectors and runs that belong to somebody and that who asks may see, and the selections."""
    keys = [
        *(("texts", info.spec.table) for info in library.infos() if not info.builtin),
        *(("vectors", info.commit) for info in vector_sets(store)),
        *(("runs", info.name) for info in seen_runs(store, runs)),
    ]
    found = [(kind, key, store.owners.of(kind, key)) for kind, key in keys]
    chosen = [one for one in store.owners.all("selections") if _selection_is_seen(store, one)]
    own = [
        Belonging("selections", f"{table}/{name}", Owned((asking().id,), (), (0.0,)))
        for table, name in own_named(store)
    ]
    both = [*(Belonging(kind, key, owned) for kind, key, owned in found if owned is not None), *chosen, *own]
    return [replace(one, owned=_for_who_asks(one.owned)) for one in both]


def share(store: Store, library: Library, runs: Path, kind: str, key: str, shared: bool) -> None:
    """Share something with everyone here, or with nobody any more; ``key`` as in a Belonging, a selection's by its digest, or
    ``TABLE/NAME`` where it has a name.

    Raises InvalidRequest where it is not here for who asks, and where it is not theirs.
    """
    if kind not in SHAREABLE:
        raise InvalidRequest(f"'{kind[:40]}' cannot be shared.", f"These can: {', '.join(SHAREABLE)}.")
    table, _, name = key.partition("/")
    if kind == "selections" and name:
        library.info(table)
        share_named(store, table, name, shared)
        return
    known = {(one.kind, one.key) for one in belongings(store, library, runs)}
    if kind == "selections":
        owned = store.owners.of(kind, key)
        there = (owned or Owned()).seen_by(asking()) and owned is not None
    else:
        there = (kind, key) in known
    if not there:
        raise InvalidRequest("There is nothing of that kind and name that could be shared.", "See the lists.")
    if not store.owners.mine(kind, key):
        raise InvalidRequest("That is shared with you and not yours.", "Ask its owner.")
    store.owners.share(kind, key, shared)


def _selection_is_seen(store: Store, one: Belonging) -> bool:
    table, _, name = one.key.partition("/")
    return one.owned.seen_by(asking()) and (not name or store.owners.seen("texts", table))


def _for_who_asks(owned: Owned) -> Owned:
    """``owned`` without when it became whose, and where it is not shared without the others that have it."""
    person = asking()
    if person == NOBODY or owned.shared:
        return Owned(owned.owners, owned.shared_by, tuple(0.0 for _ in owned.owners))
    return Owned((person.id,), (), (0.0,))
