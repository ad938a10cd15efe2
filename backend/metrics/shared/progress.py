"""Progress of work inside work."""

from backend.values.activations import Report

_STEPS = 100


def part_of(report: Report, index: int, count: int, stage: str) -> Report:
    """The report for part ``index`` of ``count`` equal parts: its own progress moves the whole by hundredths of a part.

    ``stage`` names the part, and the inner work's stage follows it.
    """

    def inner(done: int, total: int, inner_stage: str) -> None:
        here = _STEPS * done // total if total > 0 else 0
        report(index * _STEPS + here, count * _STEPS, ": ".join(part for part in (stage, inner_stage) if part))

    return inner


def one_then_other(report: Report, share: int) -> tuple[Report, Report]:
    """The reports of two works, one after the other: the first moves the whole to ``share`` hundredths, the second from there to its end."""

    def first(done: int, total: int, stage: str) -> None:
        report(done * share // _STEPS, total, stage)

    def second(done: int, total: int, stage: str) -> None:
        report((total * share + done * (_STEPS - share)) // _STEPS, total, stage)

    return first, second
