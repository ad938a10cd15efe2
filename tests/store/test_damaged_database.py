"""The database of a real cache damaged, and records that this version does not know: nothing is lost, no number is wrong."""

import pytest

from backend import JobStatus
from backend.forms.fingerprint import fingerprint
from backend.jobs.base import JobBook
from tests.store.faults import Fault, databases, faults_of_the_database, ids
from tests.store.trial import LINES, ONE, Cache, same, shown


@pytest.mark.parametrize("fault", ids(faults_of_the_database()))
def test_nothing_is_lost_with_the_database(cache: Cache, fault: Fault) -> None:
    bench = cache.open()
    jobs = [job.id for job in bench.jobs()]
    bench.close()
    assert len(jobs) >= 4
    fault(cache)
    bench = cache.open()
    assert sorted(info.spec.name for info in bench.text_sets() if not info.builtin) == ["one.csv", "two.csv"]
    assert sorted(job.id for job in bench.jobs()) == sorted(jobs)
    assert bench.text_set(cache.tables["one"]).texts == tuple(LINES["one"])
    bench.close()
    assert shown(cache) == "the right numbers"
    cache.forget_results()
    assert shown(cache) == "the right numbers, computed again", "with the notes on truncated texts"
    assert any("longer" in note or "cut" in note for note in cache.right["one", ONE].notes)
    bench = cache.open()
    n_before = len(cache.files("arrays"))
    assert bench.delete_text_set(cache.tables["one"].spec.table) >= n_before // 2
    assert len(cache.files("arrays")) == n_before // 2, "Delete finds all that was made from it"
    bench.close()


def test_a_database_that_breaks_while_it_is_open_does_not_stop_anybody(cache: Cache) -> None:
    bench = cache.open()
    bench.wait(cache.specs["one", ONE])
    for path in databases(cache):
        path.write_bytes(b"\x00" * 30_000)
    same(bench.wait(cache.specs["one", ONE]), cache.right["one", ONE])
    assert bench.jobs() and len(bench.text_sets()) >= 4
    bench.close()
    assert shown(cache) == "the right numbers"


def test_records_of_another_version_stop_no_page(cache: Cache) -> None:
    bench = cache.open()
    store = bench._store
    book = JobBook(store)
    book.put(JobStatus("a" * 40, "newer", "done"))
    store.set_record(f"job/{'a' * 40}", {"id": "a" * 40, "title": "x", "state": "paused", "colour": "red"})
    store.set_record(f"job/{'b' * 40}", ["no", "job"])
    store.put_texts("c" * 40, "{}", {"spec": {"name": "newer"}, "colour": "red"})
    model = cache.specs["one", ONE].inputs[0].model
    store.set_record(f"model/{model.commit}/{model.dtype}", {"spec": {}, "colour": "red"})
    for key in store.record_keys("task/"):
        store.set_record(key, {"colour": "red"})
    runs = cache.folder / "runs" / "later"
    runs.mkdir(parents=True)
    (runs / "run.json").write_text('{"name": "later", "colour": "red"}')
    assert all(job.title != "newer" for job in bench.jobs()) and bench.status("a" * 40) is None
    assert [info.spec.name for info in bench.text_sets() if not info.builtin] == ["two.csv", "one.csv"]
    assert bench.model(cache.model).n_blocks == 6
    assert bench.runs() == []
    data, arrays = store.get_result(fingerprint(cache.specs["one", ONE]))  # type: ignore[misc]
    store.put_result(fingerprint(cache.specs["one", ONE]), {**data, "colour": "red"}, arrays, {})
    bench.close()
    assert shown(cache) == "the right numbers, computed again"


def test_a_small_record_of_another_key_or_with_a_flipped_bit_is_dropped(cache: Cache) -> None:
    import sqlite3

    bench = cache.open()
    bench._store.set_record("x/1", {"n": 1})
    bench._store.set_record("x/2", {"n": 2})
    with sqlite3.connect(cache.folder / "records" / "cache.db") as connection:
        connection.execute("UPDATE Cache SET value = (SELECT value FROM Cache WHERE key = 'x/2') WHERE key = 'x/1'")
        connection.execute("UPDATE Cache SET value = replace(value, '2}', '3}') WHERE key = 'x/2'")
    assert bench._store.record("x/1") is None and bench._store.record("x/2") is None
    bench.close()
