"""The tables of docs/benchmarks.md, made of the files in ``results``: ``python -m benchmarks tables`` writes them into the document.

Between ``<!-- results: NAME -->`` and ``<!-- end -->`` stands the table of that benchmark; a test keeps the document and the files equal.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from backend.settings import PROJECT
from benchmarks import formats, growth, starting
from benchmarks.record import CLOCK, RESULTS, Row, Side, all_kept, explain, kept

DOCUMENT = PROJECT / "docs" / "benchmarks.md"
_PLACE = re.compile(r"(<!-- results: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_HEAD = "| what | against | ours | theirs | ratio (least to most of the turns) | the two results | target |"


def table(name: str) -> str:
    """The rows of benchmark ``name`` as Markdown."""
    path = RESULTS / f"{name}.json"
    found = json.loads(path.read_text("utf-8")) if path.exists() else {}
    if found.get("steps"):
        return starting.table(found)
    if found.get("sizes"):
        return growth.table(found["sizes"])
    if found.get("formats"):
        return formats.table(found["formats"])
    rows = kept(name)
    if not rows:
        return f"`{name}` was not run.\n"
    return "\n".join([_HEAD, "|---|---|---|---|---|---|---|", *map(row_line, rows)]) + "\n"


def row_line(row: Row) -> str:
    """One line of a table."""
    against = row.against + (f" ({row.scaled})" if row.scaled else "")
    if row.ours is None or row.ratio is None:
        aim = "-" if row.target is None else f"{row.target:g}"
        return f"| {row.what} | {against} | - | - | not measured: {row.reason} | - | {aim} |"
    ratio = f"{_short(row.ratio.median)} ({_short(row.ratio.low)} to {_short(row.ratio.high)})"
    if row.turns == 1:
        ratio = f"{_short(row.ratio.median)}, one turn"
    ratio += ", on the clock" if row.ratio.of == CLOCK else ""
    other = "-" if row.peer is None else _side(row.peer, row.ratio.of)
    return f"| {row.what} | {against} | {_side(row.ours, row.ratio.of)} | {other} | {ratio} | {row.quality or '-'} | {_target(row)} |"


def _target(row: Row) -> str:
    if row.target is None:
        return "-" if not row.reason else row.reason
    verdict = "met" if row.met else "missed"
    return f"{row.target:g}: {verdict}" + (f"; {row.reason}" if row.reason else "")


def _side(side: Side, of: str) -> str:
    seconds = seconds_text(side.clock if of == CLOCK else side.processor)
    return seconds if side.peak_mb is None or side.peak_mb < 1 else f"{seconds}, {side.peak_mb:,.0f} MB"


def seconds_text(seconds: float) -> str:
    """Seconds with three digits, in milliseconds where there are few."""
    return (
        f"{1e3 * seconds:.3g} ms" if seconds < 0.1 else f"{seconds:,.0f} s" if seconds >= 1000 else f"{seconds:.3g} s"
    )


def _short(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.3g}"


def machine_line(machine: dict[str, Any]) -> str:
    """What machine a file was measured on."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB, GPU: {machine['gpu']}; Python {machine['python']}, {versions}"


def filled(document: str) -> str:
    """The document with every table as its file says."""
    return _PLACE.sub(lambda found: found[1] + "\n" + table(found[2]) + "\n" + found[3], document)


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCUMENT
    for name in all_kept():
        explain(name)
    path.write_text(filled(path.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
