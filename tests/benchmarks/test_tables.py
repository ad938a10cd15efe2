"""The tables of docs/benchmarks.md are those of the files of results, and each file says what it must."""

import dataclasses
import json
import re
from pathlib import Path

import pytest

from benchmarks import record, tables
from benchmarks.race import race
from benchmarks.record import RESULTS, Ratio, Row, Side, keep, kept, missing

FILES = sorted(RESULTS.glob("*.json"))
EVERY = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def test_the_document_shows_the_results() -> None:
    document = tables.DOCUMENT.read_text("utf-8")
    assert tables.filled(document) == document, "run python -m benchmarks tables"
    shown = set(re.findall(r"<!-- results: (\w+) -->", document))
    assert shown >= {path.stem for path in FILES if json.loads(path.read_text("utf-8"))["rows"]}


@EVERY
def test_a_file_says_where_and_how_far(path: Path) -> None:
    document = json.loads(path.read_text("utf-8"))
    assert document["machine"]["processor"] and document["machine"]["versions"]["numpy"]
    for row in kept(path.stem):
        if row.ratio is None:
            assert row.reason, f"{row.what}: why it was not measured"
            continue
        assert row.ours is not None and row.ours.processor > 0 and row.turns >= 1 and row.quality, row.what
        assert row.ratio.low <= row.ratio.median <= row.ratio.high, row.what
        assert row.met is not False or row.reason, f"{row.what} against {row.against}: why the target is missed"


def test_a_row_measured_again_takes_the_place_of_the_former(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    first = Row("a", "b", Side(1.0, 1.0), Side(4.0, 4.0), Ratio(4.0, 3.0, 5.0), 3, "same", 5.0)
    keep("one", [first, missing("c", "d", "there is none here", 2.0)])
    assert [row.met for row in kept("one")] == [False, None]
    keep("one", [dataclasses.replace(first, ratio=Ratio(6.0, 6.0, 6.0))])
    rows = kept("one")
    assert [(row.what, row.met) for row in rows] == [("a", True), ("c", None)]
    assert "not measured: there is none here" in tables.table("one") and "5: met" in tables.table("one")


def test_a_race_measures_both_sides_and_scales_the_other() -> None:
    calls: list[str] = []

    def spend(name: str, rounds: int) -> int:
        calls.append(name)
        return sum(number * number for number in range(rounds))

    row = race(
        "counting", "twice as far", lambda: spend("ours", 20_000), lambda: spend("peer", 40_000), quality=lambda a, b: f"{b > a}", times=10.0, scaled="a tenth timed", turns=2
    )  # fmt: skip
    assert row.ours is not None and row.peer is not None and row.ratio is not None
    assert {"ours", "peer"} == set(calls) and row.quality == "True" and row.scaled
    assert row.peer.processor > row.ours.processor
    assert row.ratio.low <= row.ratio.median <= row.ratio.high
