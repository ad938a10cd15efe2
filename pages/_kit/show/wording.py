"""Numbers in the words that a person would use: bytes, durations, counts, ages."""

import time
from collections import Counter
from collections.abc import Callable, Iterable

from backend import GIVEN, TextSetInfo

ROWS_COUNT = "Rows count from 1."


def count(number: int, noun: str, several: str = "") -> str:
    """``3 texts``, ``1 text``, ``12,000 texts``; ``several`` is the plural where it is not the noun with an s."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {several or noun + 's'}"


def row_name(unit: str) -> str:
    """What a row of a text set is, by the unit in its spec."""
    return {"word": "word", "word_pair": "word pair"}.get(unit, "text")


def set_names(infos: Iterable[TextSetInfo]) -> Callable[[str], str]:
    """What to write for the ``shown_name`` of each text set: its name alone, where no other of ``infos`` has the same."""
    known = list(infos)
    counts = Counter(info.spec.name for info in known)
    alone = {info.shown_name: info.spec.name for info in known if counts[info.spec.name] == 1}
    return lambda name: alone.get(name, name)


def pooled(pooling: str) -> str:
    """How the vectors of a figure were pooled, in a few words: "pooling mean"."""
    return "vectors as imported" if pooling == GIVEN else f"pooling {pooling}"


def size(n_bytes: int) -> str:
    """``n_bytes`` in the unit that keeps the number short, in powers of 1000 as disks are sold."""
    value = float(n_bytes)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:,.0f} {unit}" if unit == "bytes" or value >= 10 else f"{value:.1f} {unit}"


def duration(seconds: float) -> str:
    """``seconds`` as a person would say it, never more exact than an estimate is."""
    if seconds < 1:
        return "under 1 s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    if minutes < 60:
        return f"{minutes} min" if minutes >= 10 else f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def parameters(number: int) -> str:
    """``22.7 M``, ``1.4 B``: a number of parameters."""
    for limit, unit in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if number >= limit:
            return f"{number / limit:.1f} {unit}"
    return str(number)


def age(moment: float) -> str:
    """How long ago ``moment`` (seconds since the epoch) was."""
    seconds = time.time() - moment
    return "just now" if seconds < 5 else f"{duration(seconds)} ago"
