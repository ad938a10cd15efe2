"""Two ways to one result take turns in one process: processor seconds, seconds on the clock, memory, and the ratio of every turn."""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.values.working import limit_threads
from benchmarks.record import CLOCK, PROCESSOR, Ratio, Row, Side

_LEAST = 0.05  # seconds that a turn takes at least: what is shorter is done several times
Run = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Taken:
    """One turn of one side: processor seconds, seconds on the clock, megabytes above what was there before, and what came out."""

    processor: float
    clock: float
    peak_mb: float | None
    result: Any


def race(
    what: str,
    against: str,
    ours: Run,
    peer: Run,
    *,
    quality: Callable[[Any, Any], str],
    turns: int = 3,
    target: float | None = None,
    times: float = 1.0,
    scaled: str = "",
    warm: bool = True,
    of: str = PROCESSOR,
    reason: str = "",
) -> Row:
    """A row of both sides taking turns; the peer's seconds are multiplied by ``times`` where ``scaled`` says what was timed.

    With ``warm`` each side runs once before, for what is compiled and loaded once, and for its memory; ``quality`` sees a result of each.
    """
    pairs = [(taken(ours), taken(peer)) for _ in range(1 if warm else 0)]
    first = pairs[:1]
    found = [(taken(ours), taken(peer)) for _ in range(turns)]
    first = first or found[:1]
    mine, other = ([pair[side] for pair in found] for side in (0, 1))
    kind = "processor" if of == PROCESSOR else "clock"
    ratios = [times * getattr(b, kind) / getattr(a, kind) for a, b in found]
    return Row(
        what,
        against,
        _side(mine, first[0][0].peak_mb, 1.0),
        _side(other, first[0][1].peak_mb, times),
        Ratio(statistics.median(ratios), min(ratios), max(ratios), of),
        turns,
        quality(first[0][0].result, first[0][1].result),
        target,
        scaled,
        reason,
    )


def _side(runs: list[Taken], peak_mb: float | None, times: float) -> Side:
    processor, clock = (statistics.median(getattr(one, kind) for one in runs) for kind in ("processor", "clock"))
    return Side(times * processor, times * clock, peak_mb)


def taken(run: Run) -> Taken:
    """One turn; of what takes less than a twentieth of a second the mean of several calls."""
    before = _peak_begins()
    clock, work = time.perf_counter(), time.process_time()
    result = run()
    peak = _peak_ends(before)
    n = 1
    while time.process_time() - work < _LEAST:
        run()
        n += 1
    return Taken((time.process_time() - work) / n, (time.perf_counter() - clock) / n, peak, result)


def _peak_begins() -> float:
    """The memory that the process has now, in megabytes, from where its highest is looked for."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return float("nan")
    return _memory("VmRSS")


def _peak_ends(before: float) -> float | None:
    peak = _memory("VmHWM") - before
    return round(max(0.0, peak), 1) if peak == peak else None


def _memory(name: str) -> float:
    for one in Path("/proc/self/status").read_text().splitlines():
        if one.startswith(name + ":"):
            return int(one.split()[1]) / 1024
    return float("nan")


def one_thread() -> None:
    """Bring no threads of our own, and say so where libraries do: processor seconds of several threads are not those of one."""
    limit_threads(1)
    if os.environ.get("OMP_NUM_THREADS") != "1" or os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        print("Set OMP_NUM_THREADS=1 and OPENBLAS_NUM_THREADS=1 to compare with the figures of docs/benchmarks.md.")


__all__ = ["CLOCK", "PROCESSOR", "Taken", "one_thread", "race", "taken"]
