"""Selections with a name: kept with their text set, in this process and through the service; nothing but rows of it."""

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from backend.bench.workbench import Workbench
from backend.errors import InvalidRequest
from backend.store import named
from backend.values.texts import TextSetInfo
from tests.conftest import Service

BENCHES = pytest.mark.parametrize("kind", ["bench", "service_bench"])


def set_of(bench: Workbench, name: str = "ten") -> TextSetInfo:
    return bench.add_texts([f"{name} {number}" for number in range(10)], name=name)


def listed(bench: Workbench, texts: TextSetInfo) -> dict[str, tuple[int, ...]]:
    return {one.name: one.rows for one in bench.saved_rows(texts)}


@BENCHES
def test_rows_are_saved_listed_renamed_and_deleted(kind: str, request: pytest.FixtureRequest) -> None:
    bench: Workbench = request.getfixturevalue(kind)
    texts, other = set_of(bench), set_of(bench, "others")
    made = bench.save_rows(texts, " odd / ünclear ", [9, 1, 2, 3], story="by hand")
    assert (made.name, made.rows, made.n_rows, made.story) == ("odd / ünclear", (1, 2, 3, 9), 4, "by hand")
    bench.save_rows(texts, "all", range(10))
    assert listed(bench, texts) == {"all": tuple(range(10)), "odd / ünclear": (1, 2, 3, 9)} and not listed(bench, other)
    assert bench.save_rows(texts, "all", range(10)).rows == tuple(range(10)), "the same again is the same"
    with pytest.raises(InvalidRequest, match="other rows"):
        bench.save_rows(texts, "all", [1])
    with pytest.raises(InvalidRequest, match="another selection"):
        bench.rename_rows(texts, "odd / ünclear", "all")
    assert bench.rename_rows(texts, "odd / ünclear", "odd").rows == (1, 2, 3, 9)
    assert list(listed(bench, texts)) == ["all", "odd"]
    bench.forget_rows(texts, "all")
    assert list(listed(bench, texts)) == ["odd"]
    with pytest.raises(InvalidRequest, match="no saved selection"):
        bench.forget_rows(texts, "all")
    bench.delete_text_set(texts.spec.table)
    assert not listed(bench, texts), "they go with their text set"
    with pytest.raises(InvalidRequest):
        bench.save_rows(texts, "late", [1])
    bench.delete_text_set(other.spec.table)


@pytest.mark.parametrize(
    ("name", "rows"),
    [("", [1]), ("  ", [1]), ("a\nb", [1]), ("x" * 101, [1]), ("none", []), ("beyond", [10]), ("below", [-1])],
)
def test_no_name_and_no_rows_of_the_set_are_refused(bench: Workbench, name: str, rows: list[int]) -> None:
    texts = set_of(bench)
    with pytest.raises(InvalidRequest):
        bench.save_rows(texts, name, rows)
    assert not listed(bench, texts)


def test_there_is_a_limit_and_nothing_goes_by_itself(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(named, "MOST_NAMED", 2)
    texts = set_of(bench)
    for name in "ab":
        bench.save_rows(texts, name, [1])
    with pytest.raises(InvalidRequest, match="at most 2"):
        bench.save_rows(texts, "c", [1])
    assert list(listed(bench, texts)) == ["a", "b"]


@pytest.mark.parametrize(
    "body", [b"[]", b"{", b'{"name": 5, "runs": [0, 1]}', b'{"name": "x", "runs": "all"}', b"[" * 10_000]
)
def test_the_service_refuses_what_is_no_selection(service: Service, service_bench: Workbench, body: bytes) -> None:
    texts = set_of(service_bench)
    assert ask(service, texts, body) == 400 and not listed(service_bench, texts)


def ask(service: Service, texts: TextSetInfo, body: bytes) -> int:
    address = f"{service.address}/textsets/{texts.spec.table}/selections"
    asked = urllib.request.Request(address, body, {"Authorization": f"Bearer {service.token}"}, method="POST")
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            found: Any = json.loads(answer.read())
            return 200 if found else 0
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize("name", ["\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\U0001f469\u200d\U0001f4bb"])
def test_the_joiners_of_persian_and_of_emoji_stay_in_names_and_stories(bench: Workbench, name: str) -> None:
    texts = set_of(bench)
    bench.save_rows(texts, name, [1], story=name)
    assert [(one.name, one.story) for one in bench.saved_rows(texts)] == [(name, name)]
    bench.delete_text_set(texts.spec.table)
