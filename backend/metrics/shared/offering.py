"""What a metric shows before it is done: numbers that are there already, and that stay as they are, while it computes the others.

A metric offers them from within its ``run``, whoever runs it; where nobody listens that does nothing. They are no result.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from backend.metrics.base import Outcome

NOT_YET = "not computed yet"
"""The reason of a number that is still being computed: it stands in what is offered, never in a result."""

_LISTENER: ContextVar[Callable[[Outcome], None] | None] = ContextVar("listener", default=None)


@contextmanager
def listening(listener: Callable[[Outcome], None]) -> Iterator[None]:
    """Within this block ``listener`` is given what metrics offer, by this thread."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def offer(outcome: Outcome) -> None:
    """Show what ``run`` will return with NaN for what is still to come, each with the reason NOT_YET.

    Nothing in it may be changed later.
    """
    listener = _LISTENER.get()
    if listener is not None:
        listener(outcome)
