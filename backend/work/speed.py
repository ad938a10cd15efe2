"""How fast this machine is beside the one on which the first guesses were measured: a few hundredths of a second, once in a process."""

import math
import time
from functools import cache

import numpy as np

_REFERENCE = 0.020  # seconds of `_work` on the machine of docs/benchmarks.md
_TURNS = 3  # the fastest counts: the others were disturbed
_MOST = math.log(4.0)  # either way: work is not as alike as that


@cache
def machine_speed() -> float:
    """The logarithm of how many times longer work takes here: above 0 on a slower machine."""
    return speed_from([_timed() for _ in range(_TURNS)])


def speed_from(seconds: list[float]) -> float:
    """The same, from what the turns of the small work took; 0 where there is no time at all, as with a clock that stands."""
    fastest = min(seconds)
    return float(np.clip(math.log(fastest / _REFERENCE), -_MOST, _MOST)) if fastest > 0 else 0.0


def _timed() -> float:
    """Seconds of some products of matrices, a sort and a loop: of the processor, so that other work on the machine counts little."""
    began, worked = time.perf_counter(), time.process_time()
    _work()
    return min(time.perf_counter() - began, time.process_time() - worked)


def _work() -> None:
    x = np.linspace(-1.0, 1.0, 192 * 192).reshape(192, 192)
    for _ in range(8):
        x = np.tanh(x @ x.T / 192)
    np.linalg.eigvalsh(x)
    np.sort(np.sin(np.arange(100_000.0)))
    total = 0
    for number in range(60_000):
        total += number & 7
