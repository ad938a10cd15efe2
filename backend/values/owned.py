"""What belongs to somebody: the kinds of things, and what is known of one of them."""

from dataclasses import dataclass, replace

from backend.values.people import NOBODY, Person

KINDS = ("texts", "vectors", "runs", "selections", "blobs", "jobs")
SHAREABLE = ("texts", "vectors", "runs", "selections")


@dataclass(frozen=True, slots=True)
class Owned:
    """To whom something belongs: the ids of its ``owners``, and of those among them who share it with everyone on the instance.

    ``since`` says of each owner when it became theirs, in seconds since the epoch.
    """

    owners: tuple[str, ...] = ()
    shared_by: tuple[str, ...] = ()
    since: tuple[float, ...] = ()

    @property
    def shared(self) -> bool:
        """Whether everyone on the instance may see it."""
        return bool(self.shared_by)

    def seen_by(self, person: Person) -> bool:
        """Whether ``person`` may see it; whoever runs the machine may see everything."""
        return person == NOBODY or self.shared or person.id in self.owners

    def with_owner(self, person: Person, now: float) -> "Owned":
        """The same with one owner more."""
        return replace(self, owners=(*self.owners, person.id), since=(*self.since, now))

    def without(self, person: Person) -> "Owned":
        """The same without ``person``."""
        kept = [(one, when) for one, when in zip(self.owners, self.since, strict=True) if one != person.id]
        apart = self.shared_with(person, False)
        return replace(apart, owners=tuple(one for one, _ in kept), since=tuple(when for _, when in kept))

    def shared_with(self, person: Person, shared: bool) -> "Owned":
        """The same where ``person`` shares it with everyone, or does not."""
        rest = tuple(one for one in self.shared_by if one != person.id)
        return replace(self, shared_by=(*rest, person.id) if shared else rest)

    def when(self, person: Person) -> float | None:
        """When it became ``person``'s; None where it is not."""
        return dict(zip(self.owners, self.since, strict=True)).get(person.id)


@dataclass(frozen=True, slots=True)
class Belonging:
    """One line of the list of who owns what.

    ``key`` is a digest, the name of a run, or of a selection that has a name its text set's digest, a slash and the name.
    """

    kind: str
    key: str
    owned: Owned
