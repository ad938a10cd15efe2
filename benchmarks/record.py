"""What a benchmark leaves: rows with both sides, their ratio, the quality and the target, in ``results/NAME.json``.

A row that is measured again takes the place of the former one; the others stay, each with the day and the load it was measured at.
The tables of docs/benchmarks.md are made of these files (``benchmarks.tables``).
"""

import dataclasses
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.machine import facts
from benchmarks.reasons import why_missed

RESULTS = Path(__file__).parent / "results"
PROCESSOR, CLOCK = "processor seconds", "seconds on the clock"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: processor seconds and seconds on the clock, as medians, and megabytes above what was there before (None: not taken)."""

    processor: float
    clock: float
    peak_mb: float | None = None


@dataclass(frozen=True, slots=True)
class Ratio:
    """The peer's seconds over ours: the median of the turns, with the least and the most of them."""

    median: float
    low: float
    high: float
    of: str = PROCESSOR


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured; ``peer`` and ``ratio`` are None where it was not, and ``reason`` says why, as it does of a target missed.

    ``scaled`` says what of the peer was timed and multiplied, ``quality`` how far the two results differ.
    """

    what: str
    against: str
    ours: Side | None
    peer: Side | None
    ratio: Ratio | None
    turns: int
    quality: str = ""
    target: float | None = None
    scaled: str = ""
    reason: str = ""
    when: str = field(default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%d"))
    load: float = field(default_factory=lambda: round(os.getloadavg()[0], 1))

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None where there is none, or nothing was measured."""
        return None if self.target is None or self.ratio is None else self.ratio.median >= self.target


def keep(name: str, rows: Iterable[Row]) -> None:
    """Put rows into the file of benchmark ``name``, in place of those of the same name, and print them."""
    new = [_explained(name, row) for row in rows]
    for row in new:
        print(line(row), flush=True)
    places = {(row.what, row.against): _explained(name, row) for row in kept(name)} | {
        (row.what, row.against): row for row in new
    }
    path = RESULTS / f"{name}.json"
    held = json.loads(path.read_text("utf-8")) if path.exists() else {}
    document = held | {"machine": facts(), "rows": [_plain(row) for row in places.values()]}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _explained(name: str, row: Row) -> Row:
    """The row with the reason why its target is missed, and without one where it is met."""
    if row.ratio is None or row.target is None:
        return row
    return dataclasses.replace(row, reason="" if row.met else why_missed(name, row.what, row.against))


def explain(name: str) -> None:
    """Write the reasons anew into the file of benchmark ``name``."""
    path = RESULTS / f"{name}.json"
    held = json.loads(path.read_text("utf-8"))
    held["rows"] = [_plain(_explained(name, row)) for row in kept(name)]
    path.write_text(json.dumps(held, indent=1, ensure_ascii=False) + "\n", "utf-8")


def keep_more(name: str, **more: Any) -> None:
    """Put something else than rows into the file of benchmark ``name``, by its own key."""
    path = RESULTS / f"{name}.json"
    held = json.loads(path.read_text("utf-8")) if path.exists() else {"machine": facts(), "rows": []}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(held | more, indent=1, ensure_ascii=False) + "\n", "utf-8")


def kept(name: str) -> list[Row]:
    """The rows of benchmark ``name``, as its file has them."""
    path = RESULTS / f"{name}.json"
    return [_row(one) for one in json.loads(path.read_text("utf-8"))["rows"]] if path.exists() else []


def all_kept() -> dict[str, dict[str, Any]]:
    """Every file of results, by the name of its benchmark."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(RESULTS.glob("*.json"))}


def line(row: Row) -> str:
    """A row for a terminal."""
    if row.ours is None or row.ratio is None:
        return f"  {row.what} | {row.against}: not measured ({row.reason})"
    verdict = "" if row.met is None else (", met" if row.met else ", MISSED")
    aim = "" if row.target is None else f", target {row.target:g}{verdict}"
    ratio = f"{row.ratio.median:.2f} ({row.ratio.low:.2f} to {row.ratio.high:.2f})"
    other = "" if row.peer is None else f" against {row.peer.processor:.3f} s"
    return f"  {row.what} | {row.against}: {row.ours.processor:.3f} s{other}, ratio {ratio}{aim}; {row.quality}"


def _plain(row: Row) -> dict[str, Any]:
    return dataclasses.asdict(row) | {"met": row.met}


def _row(one: dict[str, Any]) -> Row:
    parts: dict[str, Any] = {key: value for key, value in one.items() if key != "met"}
    for key, kind in (("ours", Side), ("peer", Side), ("ratio", Ratio)):
        parts[key] = None if parts[key] is None else kind(**parts[key])
    return Row(**parts)


def missing(what: str, against: str, reason: str, target: float | None = None) -> Row:
    """A row of which nothing was measured, and why."""
    return Row(what, against, None, None, None, 0, target=target, reason=reason)


def largest(values: Sequence[float]) -> str:
    """A difference in words."""
    return f"largest difference {max(values, default=0.0):.0e}"
