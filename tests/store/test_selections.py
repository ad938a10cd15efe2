"""Selections of rows that are kept for links: read back by their digest, bounded, and nothing but rows."""

import urllib.error
import urllib.request
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.bench.workbench import Workbench
from backend.errors import InvalidRequest
from backend.store import selections
from backend.store.owners import Owners
from tests.conftest import Service


@pytest.mark.parametrize("kind", ["bench", "service_bench"])
def test_rows_are_read_back_by_their_digest(kind: str, request: pytest.FixtureRequest) -> None:
    bench: Workbench = request.getfixturevalue(kind)
    rows = sorted({*range(0, 9000, 3), *range(5000, 6000)})
    digest = bench.keep_rows(rows)
    assert bench.kept_rows(digest) == tuple(rows) and bench.keep_rows(rows) == digest
    assert bench.keep_rows(rows[1:]) != digest and bench.kept_rows("0" * 40) is None
    for word in ("", "../../token", "x" * 40, digest[:12]):
        assert bench.kept_rows(word) is None
    assert bench.kept_rows(bench.keep_rows([])) == ()


@given(st.sets(st.integers(0, 10**9 - 1), max_size=100))
def test_any_rows_are_kept_as_runs(rows: set[int]) -> None:
    class Store:
        def __init__(self) -> None:
            self.kept: dict[str, object] = {}
            self.set_record, self.record = self.kept.__setitem__, self.kept.get
            self.record_keys = lambda prefix: list(self.kept)
            self.owners = Owners(Path("nowhere"))

    store = Store()
    runs = [end for row in sorted(rows) for end in (row, row)]
    assert selections.kept_selection(store, selections.keep_selection(store, runs)) == runs  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "runs",
    [
        None,
        {},
        "0",
        [0],
        [1, 0],
        [0, 1, 1.5, 2],
        [True, True],
        [-1, 0],
        ["0", "1"],
        [0, 10**9],
        [0, 10**6],
        [3, 3, 2, 2],
    ],
)
def test_nothing_but_rows_is_kept(bench: Workbench, runs: object) -> None:
    with pytest.raises(InvalidRequest):
        bench._executor.keep_selection(runs)  # type: ignore[arg-type]
    assert bench._store.record_keys("selection/") == []


def test_the_oldest_go_where_there_are_too_many(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selections, "MOST_KEPT", 3)
    digests = [bench.keep_rows([row]) for row in range(5)]
    assert [bench.kept_rows(digest) for digest in digests] == [None, None, (2,), (3,), (4,)]
    monkeypatch.setattr(selections, "MOST_RUNS", 2)
    with pytest.raises(InvalidRequest, match="too long"):
        bench.keep_rows([0, 2, 4])


def test_the_service_refuses_what_is_no_list_of_rows(service: Service) -> None:
    for body in (b"[1, 0]", b"{", b'["a"]', b"[" * 100_000):
        request = urllib.request.Request(
            f"{service.address}/selections", body, {"Authorization": f"Bearer {service.token}"}, method="POST"
        )
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=30)
        assert caught.value.code == 400
