"""The imported vectors that are in a store: listed, found by name or by digest, deleted."""

import re

from backend.errors import InvalidRequest, ModelError
from backend.forms.codec import read_json
from backend.store import Store
from backend.values.people import NOBODY, asking
from backend.values.vectors import PREFIX, VectorsInfo

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def vector_sets(store: Store) -> list[VectorsInfo]:
    """All imported vectors that who asks may see, newest first, their own before what others share.

    A line that a newer version wrote in a form that is not known here is left out.
    """
    found = [(digest, read_json(VectorsInfo, line)) for digest, line in store.vector_infos()]
    seen = [
        info
        for digest, info in found
        if info is not None and info.commit == digest and store.owners.seen("vectors", digest)
    ]
    return sorted(seen, key=lambda info: (not store.owners.mine("vectors", info.commit), -info.created))


def named_vectors(store: Store, name: str) -> VectorsInfo:
    """The imported vectors of that name, with or without the prefix; raises ModelError where there are none."""
    wanted, infos = name.strip().removeprefix(PREFIX), vector_sets(store)
    for info in infos:
        if info.name == wanted:
            return info
    names = ", ".join(info.name for info in infos)
    unseen = "" if asking() == NOBODY else "They are not shared with you, or not here. "
    raise ModelError(
        f"There are no vectors called '{wanted[:80]}'.",
        unseen + (f"There are: {names}." if names else "Add them on the page Models, or with 'vectors add'."),
    )


def vectors_of(store: Store, commit: str) -> VectorsInfo | None:
    """The imported vectors with this digest, or None where there are none that who asks may see."""
    place = store.owners.as_seen("vectors", commit)
    info: VectorsInfo | None = read_json(VectorsInfo, store.vectors_info(place))
    return info if info is not None and info.commit == commit else None


def delete_vectors(store: Store, name: str) -> int:
    """Delete imported vectors and the activations copied from them; returns the bytes of what was imported.

    Of vectors that belong to others too, only the part of who asks is given up. Raises ModelError where there are none of
    that name, and for those that are none of theirs.
    """
    info, owners = named_vectors(store, name), store.owners
    if not owners.may_remove("vectors", info.commit):
        raise ModelError(
            f"The vectors '{info.name}' are shared with you and not yours.",
            "Only their owners can delete them, or an administrator.",
        )
    if not owners.leave("vectors", info.commit):
        return 0
    store.remove_vectors(info.commit)
    owners.forget("vectors", info.commit)
    return info.n_bytes


def check_vector_name(name: str) -> str:
    """``name``, if vectors can be called so; raises InvalidRequest otherwise."""
    if not _NAME.fullmatch(name) or name.endswith("."):
        raise InvalidRequest(
            f"Vectors cannot be called '{name[:80]}'.",
            "Use up to 80 letters, digits, dots, dashes and underscores, beginning with a letter or digit.",
        )
    return name
