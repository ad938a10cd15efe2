"""Timing shared by the benchmarks: the two sides take turns, medians count, and the largest difference is printed."""

import statistics
import time
from collections.abc import Callable
from typing import Any


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of one call, and what it returned."""
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, result


def taking_turns(ours: Callable[[], Any], theirs: Callable[[], Any], repeat: int) -> tuple[float, float, Any, Any]:
    """Median seconds of each side over ``repeat`` turns, and one result of each."""
    turns = [(timed(ours), timed(theirs)) for _ in range(repeat)]
    mine, other = (statistics.median(turn[side][0] for turn in turns) for side in (0, 1))
    return mine, other, turns[0][0][1], turns[0][1][1]


def header() -> None:
    """The head of a table of ``line``."""
    print(f"{'case':48s} {'ours (s)':>9s} {'naive (s)':>10s} {'faster':>8s} {'difference':>11s}")


def line(case: str, mine: float, other: float, gap: float) -> None:
    """One case: seconds of both sides, their ratio, and the largest absolute difference of the results."""
    print(f"{case:48s} {mine:9.3f} {other:10.3f} {other / mine:7.1f}x {gap:11.1e}", flush=True)
