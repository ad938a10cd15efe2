"""Who asks: the person for whom this process is working at the moment, as every layer of the backend sees it.

A command line or a notebook asks as NOBODY, whoever runs the machine. A service sets the person of each request with
``asked_by``; a process with a session for each person, such as the dashboard, says with ``asked_through`` how the person
of the present thread is found.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who has logged in: ``id`` never changes (an e-mail address, say), ``name`` is for people to read."""

    id: str
    name: str = ""
    admin: bool = False


NOBODY = Person("")  # whoever runs the machine: nobody has to log in, and everything may be done

_person: ContextVar[Person | None] = ContextVar("embedscope_person", default=None)
_found_by: list[Callable[[], Person]] = []


def asking() -> Person:
    """The person for whom the work of this thread or request is done; NOBODY where nobody has logged in."""
    person = _person.get()
    if person is None:
        return _found_by[-1]() if _found_by else NOBODY
    return person


@contextmanager
def asked_by(person: Person) -> Iterator[None]:
    """Within this block ``person`` asks, in this thread or request and what it awaits."""
    token = _person.set(person)
    try:
        yield
    finally:
        _person.reset(token)


@contextmanager
def asked_through(find: Callable[[], Person]) -> Iterator[None]:
    """Within this block ``find`` says who asks wherever ``asked_by`` does not, in every thread of the process."""
    _found_by.append(find)
    try:
        yield
    finally:
        _found_by.remove(find)
