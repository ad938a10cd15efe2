"""What an analysis shows before it is done: the numbers that its metric offers while it computes the others. They are no result.

They lie where first looks do, beside the claim of the analysis itself, and go with it.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace

from backend.errors import EmbedscopeError
from backend.forms.codec import Codec
from backend.forms.fingerprint import fingerprint
from backend.metrics.base import Outcome
from backend.metrics.shared.offering import listening
from backend.store import Store
from backend.store.results import load_result, result_content
from backend.store.seal import Damage
from backend.values.results import Result
from backend.values.specs import AnalysisSpec
from backend.work.kinds import Hands

_MARK = " so far"  # behind the fingerprint, so that nothing is kept under that of the result


@contextlib.contextmanager
def nothing_left(store: Store, digest: str) -> Iterator[None]:
    """Of what is shown of the analysis ``digest`` nothing is there before this block or after it, however it ends."""
    store.forget_look(digest)  # of a process that was killed
    try:
        yield
    finally:
        store.forget_look(digest)


@contextlib.contextmanager
def shown_early(hands: Hands, digest: str, result_of: Callable[[Outcome], Result]) -> Iterator[None]:
    """While a metric runs in this block, show what it offers of the analysis ``digest``, as ``result_of`` makes a result of it."""

    def show(outcome: Outcome) -> None:
        with contextlib.suppress(Exception):  # whatever keeps it from being shown, the metric goes on
            found = replace(result_of(outcome), fingerprint=digest + _MARK)
            hands.store.put_look(digest, result_content(*hands.codec.result_to_parts(found)))

    with listening(show):
        yield


def early_of(content: bytes | None, spec: AnalysisSpec, codec: Codec) -> Result | None:
    """What is shown of ``spec`` in ``content``; None where that is something else, such as a first look at a pass."""
    if content is None:
        return None
    try:
        found = codec.result_from_parts(*load_result(content))
    except (Damage, EmbedscopeError, LookupError, TypeError, ValueError):
        return None
    return found if found.fingerprint == fingerprint(spec) + _MARK else None
