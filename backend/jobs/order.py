"""Whose turn it is: the order in which jobs that wait are done, and which of them may pass one that is being done.

Each person has a queue of their own, in which a job stands where it would have ended had it begun when it was asked for:
at its beginning plus the seconds that it is expected to take. Short jobs pass long ones so, and none waits for ever, since
everything that is asked for later than that comes after it. The queues of all persons are merged by when each job would
end if its person had the worker alone: who has asked for thirty jobs does not keep another from the second place.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

WORTH = 5.0  # seconds left of a job below which nobody passes it: another process has to start for that
BRIEF = 30.0  # seconds that a job may be expected to take where the process kept for short ones does it
_MUCH_SHORTER = 0.5  # of what is left of a job: what may pass it


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job that waits: whose it is, since when (seconds of a steady clock), and what it is expected to take."""

    id: str
    person: str
    since: float
    seconds: float


def in_turn(waiting: Iterable[Waiting], busy_until: Mapping[str, float]) -> list[Waiting]:
    """The jobs in the order in which they are done; ``busy_until`` says of each person until when work of theirs goes on."""
    alone: list[tuple[float, float, str, Waiting]] = []
    ends = dict(busy_until)
    for job in sorted(waiting, key=lambda one: (one.since + one.seconds, one.since, one.id)):
        end = max(job.since, ends.get(job.person, job.since)) + job.seconds
        ends[job.person] = end
        alone.append((end, job.since, job.id, job))
    return [job for *_, job in sorted(alone, key=lambda one: one[:3])]


def may_pass(job: Waiting, done_now: Sequence[tuple[str, float]]) -> bool:
    """Whether a job may go beside those that are being done, each by its person and the seconds that are left of it.

    It has to be much shorter, or another person's.
    """
    return all(
        left > WORTH and (job.seconds <= _MUCH_SHORTER * left or job.person != person) for person, left in done_now
    )


def is_brief(job: Waiting, done_now: Sequence[tuple[str, float]]) -> bool:
    """Whether a job is so short that it passes all that are being done, whosever they are, in the process kept for such jobs."""
    as_its_own = [(job.person, left) for _, left in done_now]  # so that it has to be much shorter than each
    return job.seconds <= BRIEF and may_pass(job, as_its_own)


def seconds_left(expected: float, worked: float, eta: float | None) -> float:
    """What is left of a job: by its own progress, else what was expected; one that is late may take as long again."""
    return eta if eta is not None else max(expected - worked, worked)
