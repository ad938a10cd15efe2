"""What starts by itself: work that will surely be over in a few seconds, when a page opens on it, as if Run had been pressed."""

import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from backend import LOOK_UPS, Cost, JobStatus

if TYPE_CHECKING:
    from backend.bench.workbench import Workbench

SETTLE_SECONDS = 1.0  # a choice that is still being changed starts nothing
_OFFERED = "_offered_since"
_BUSY = "Not started by itself: other work is being done first."


def starts_by_itself(
    bench: "Workbench", cost: Cost | None, statuses: Sequence[JobStatus | None], key: str, wanted: Sequence[str]
) -> bool:
    """Whether what a panel offers should start now: ``wanted`` are the ids of its tasks, ``statuses`` where these stand.

    Its ``cost`` must be at most the setting's seconds even at the upper end; nothing is started that was cancelled, failed
    or evicted, while other work lasts longer than that, or while the choice is being changed.
    """
    limit = bench.settings.start_seconds
    if not limit or cost is None or cost.high > limit or any(status is not None for status in statuses):
        return False
    if not _settled(key, tuple(wanted)):
        return False
    if seconds_of_others(bench) > limit:
        st.caption(f":material/hourglass_top: {_BUSY}")
        return False
    return True


def busy(bench: "Workbench") -> bool:
    """Whether the service does anything but look-ups."""
    return any(_counts(job) for job in bench.jobs())


def seconds_of_others(bench: "Workbench") -> float:
    """Seconds until the jobs of this instance are over: without end, where one does not say."""
    left = [job.eta_seconds for job in bench.jobs() if _counts(job)]
    return sum(math.inf if seconds is None else seconds for seconds in left)


def _counts(job: JobStatus) -> bool:
    return job.active and job.kind not in LOOK_UPS


def _settled(key: str, wanted: tuple[str, ...]) -> bool:
    """Whether the choice stands: the first that a panel offers in this session does, another once it has stayed a while."""
    known: dict[str, tuple[tuple[str, ...], float]] = st.session_state.setdefault(_OFFERED, {})
    before, since = known.get(key, (wanted, -math.inf))
    now = time.monotonic()
    if before != wanted:
        since = now
    known[key] = wanted, since
    left = SETTLE_SECONDS - (now - since)
    if left > 0:
        _look_again(since + SETTLE_SECONDS)
    return left <= 0


@st.fragment(run_every=SETTLE_SECONDS / 2)
def _look_again(due: float) -> None:
    if time.monotonic() >= due:
        st.rerun()
