"""To whom things belong: a small file for each thing that has owners, beside the content-addressed data.

What has no file is everyone's: it came with the program, or was made while nobody had to log in. So that a lost file makes
nothing everyone's, each is written twice, and one that is gone or cannot be read is read from its copy. Where neither can be
read, something belongs to somebody and nobody can say to whom: it is shown to no one but whoever runs the machine.

The work that an answer takes must not say whether somebody has a thing: what is not there costs a file read as what is hidden
does, what was read is remembered only for those who may see it, and what is hidden is then looked for like what is not
there (``as_seen``).
"""

import contextlib
import json
import os
import time
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path

from backend.errors import StoreError
from backend.forms.fingerprint import content_digest
from backend.store.processes import exclusive
from backend.values.owned import KINDS, Belonging, Owned
from backend.values.people import NOBODY, Person, asking

_LOST = Owned()  # seen by no one
_COPIES = "copies"  # the folder of the second file of each
_NOBODYS = "nobodys.json"  # what is read of a thing that has no file, so that it takes as long
_Stamp = tuple[int, int, int]


class Owners:
    """The owners of what is in one cache folder; any number of processes may change them."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._lock, self._saving = folder / "owners", folder / "owners.lock", folder / "saving.lock"
        self._known: dict[Path, tuple[_Stamp | None, Owned]] = {}

    def of(self, kind: str, key: str) -> Owned | None:
        """To whom it belongs; None for what is everyone's, and for what is not there."""
        path = self._path(kind, key)
        there = [(one, stamp) for one in (path, self._copy(path)) if (stamp := _stamp(one)) is not None]
        places, stamp = [one for one, _ in there] or [self._folder / _NOBODYS], there[0][1] if there else None
        known = self._known.get(path, (None, _LOST))
        if not known[1].seen_by(asking()) or known[0] != stamp:
            known = stamp, _said(places, kind, key)
        if not there:
            return None
        self._known[path] = known
        return known[1]

    def seen(self, kind: str, key: str, person: Person | None = None) -> bool:
        """Whether ``person`` (None: who asks) may see it, if it is there."""
        person = asking() if person is None else person
        if person == NOBODY:
            return True
        found = self.of(kind, key) or Owned(shared_by=("everyone",))
        return found.seen_by(person)

    def as_seen(self, kind: str, key: str) -> str:
        """The key under which to look for it: of what who asks may not see one that nothing has, so that as much is looked for."""
        nothing = content_digest(b"hidden", kind.encode(), key.encode("utf-8", "surrogatepass"))
        return key if self.seen(kind, key) else nothing

    def mine(self, kind: str, key: str) -> bool:
        """Whether it is one of those of who asks; of whoever runs the machine everything is."""
        found, person = self.of(kind, key), asking()
        return person == NOBODY or (found is not None and person.id in found.owners)

    def may_remove(self, kind: str, key: str) -> bool:
        """Whether who asks may delete or rename it: an owner, or an administrator what is everyone's."""
        return self.mine(kind, key) or (self.of(kind, key) is None and asking().admin)

    def add(self, kind: str, key: str, *, new: bool) -> None:
        """Who asks made or brought it; ``new``: it was not there before, so that who owned one of that name before has no part in it.

        What is everyone's stays so. What whoever runs the machine makes is everyone's, unless it was somebody's already.
        """
        person = asking()
        if person == NOBODY:
            if new:
                self.forget(kind, key)
            return
        with exclusive(self._lock):
            before = None if new else self.of(kind, key)
            if before is None and not new:
                return
            before = before or _LOST
            if person.id not in before.owners:
                self._write(kind, key, before.with_owner(person, time.time()))

    def join(self, kind: str, key: str) -> None:
        """Who asks has a part in it from now on, whoever else has; nothing comes to be everyone's by this."""
        person = asking()
        if person == NOBODY:
            return
        with exclusive(self._lock):
            before = self.of(kind, key) or _LOST
            self._write(kind, key, before.without(person).with_owner(person, time.time()))

    @contextlib.contextmanager
    def saving(self) -> Iterator[None]:
        """One process at a time in this block: between the question whether something is there and its first owner."""
        with exclusive(self._saving):
            yield

    def share(self, kind: str, key: str, shared: bool) -> None:
        """Who asks shares it with everyone on the instance, or does so no longer."""
        with exclusive(self._lock):
            before = self.of(kind, key)
            if before is not None:
                self._write(kind, key, before.shared_with(asking(), shared))

    def leave(self, kind: str, key: str) -> bool:
        """Who asks gives up a part in it; returns whether it belongs to nobody any more, so that it can be removed."""
        person = asking()
        with exclusive(self._lock):
            before = self.of(kind, key)
            rest = _LOST if before is None else before.without(person)
            if person == NOBODY or not rest.owners:
                return True
            self._write(kind, key, rest)
        return False

    def move(self, kind: str, key: str, new: str) -> None:
        """What was called ``key`` is going to be called ``new``: both belong to the same people from now on."""
        with exclusive(self._lock):
            before = self.of(kind, key)
            if before is None:
                self.forget(kind, new)
            else:
                self._write(kind, new, before)

    def forget(self, kind: str, key: str) -> None:
        """It is gone, and its owners with it."""
        path = self._path(kind, key)
        path.unlink(missing_ok=True)
        self._copy(path).unlink(missing_ok=True)

    def all(self, kind: str) -> Iterator[Belonging]:
        """Everything of a kind that belongs to somebody."""
        first, copies = self._folder / kind, self._folder / _COPIES / kind
        for place in sorted({path.relative_to(root) for root in (first, copies) for path in root.glob("??/*.json")}):
            read = (_read(root / place) for root in (first, copies))
            found = next(
                (one for one in read if one and one.kind == kind and self._path(kind, one.key) == first / place), None
            )
            if found is not None:
                yield found

    def _path(self, kind: str, key: str) -> Path:
        assert kind in KINDS
        digest = content_digest(kind.encode(), key.encode("utf-8", "surrogatepass"))
        return self._folder / kind / digest[:2] / f"{digest}.json"

    def _copy(self, path: Path) -> Path:
        return self._folder / _COPIES / path.relative_to(self._folder)

    def _write(self, kind: str, key: str, owned: Owned) -> None:
        owners = list(zip(owned.owners, owned.since, strict=True))
        body = json.dumps({"kind": kind, "key": key, "owners": owners, "shared_by": owned.shared_by})
        path, nobodys = self._path(kind, key), self._folder / _NOBODYS
        content = f"{zlib.crc32(body.encode()):08x} {body}"
        if not nobodys.exists():
            none = json.dumps({"kind": kind, "key": "0" * len(key), "owners": owners, "shared_by": []})
            _put(nobodys, f"{zlib.crc32(none.encode()):08x} {none}")
        for place in (self._copy(path), path):  # what is asked first is written last
            _put(place, content)


def _put(path: Path, content: str) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise StoreError(
            f"Whom this belongs to cannot be written down: {error.strerror}.",
            "Free some disk space, then try again.",
        ) from error


def _stamp(path: Path) -> _Stamp | None:
    """What changes when a file does; None where there is none."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _said(places: list[Path], kind: str, key: str) -> Owned:
    """What the first of some files that can be read says of a thing."""
    for place in places:
        one = _of(place, kind, key)
        if one is not None:
            return one.owned
    return _LOST


def _of(path: Path, kind: str, key: str) -> Belonging | None:
    """What a file says of one thing; None where it cannot be read, or is of another."""
    found = _read(path)
    return found if found is not None and (found.kind, found.key) == (kind, key) else None


def _read(path: Path) -> Belonging | None:
    """What a file says; None where it cannot be read."""
    try:
        checksum, _, body = path.read_text("utf-8").partition(" ")
        if f"{zlib.crc32(body.encode()):08x}" != checksum:
            return None
        data = json.loads(body)
        owners = tuple(str(one) for one, _ in data["owners"])
        since = tuple(float(when) for _, when in data["owners"])
        shared_by = tuple(str(one) for one in data["shared_by"])
        return Belonging(str(data["kind"]), str(data["key"]), Owned(owners, shared_by, since))
    except (OSError, ValueError, KeyError, TypeError):
        return None
