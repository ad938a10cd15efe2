"""A clock of work: seconds that this process has worked, without those that it stood still while others had their turn."""

import time

_still = [0.0]


def working_seconds() -> float:
    """Seconds since some time in the past, without those of `stood_still`; differences of two are what counts."""
    return time.perf_counter() - _still[0]


def processor_seconds() -> float:
    """Seconds that the processor has worked for this process, all its threads together; differences of two are what counts."""
    return time.process_time()


def stood_still(seconds: float) -> None:
    """Note that this process has stood still for so long."""
    _still[0] += seconds
