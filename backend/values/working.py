"""What a process has to work with: a clock without the time that it stood still while others had their turn, and threads."""

import os
import time

_still = [0.0]
_threads = [0]


def working_seconds() -> float:
    """Seconds since some time in the past, without those of `stood_still`; differences of two are what counts."""
    return time.perf_counter() - _still[0]


def processor_seconds() -> float:
    """Seconds that the processor has worked for this process, all its threads together; differences of two are what counts."""
    return time.process_time()


def stood_still(seconds: float) -> None:
    """Note that this process has stood still for so long."""
    _still[0] += seconds


def limit_threads(most: int) -> None:
    """Let kernels that bring threads of their own use so many; 0: one for each core that this process may use."""
    _threads[0] = most


def most_threads() -> int:
    """How many threads a kernel may bring."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return _threads[0] or cores
