"""The database of a real cache damaged, and records that this version does not know: nothing is lost, no number is wrong."""

import json
import shutil
import sqlite3
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from backend import JobStatus
from backend.errors import StoreError
from backend.forms.fingerprint import fingerprint
from backend.jobs.book import JobBook
from backend.store import Store, records
from backend.store.named import named_selections, save_named
from backend.store.selections import keep_selection, kept_selection
from tests.conftest import ROOT, entered, start_service, stop_service
from tests.store.databases import DAMAGES
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
    bench = cache.open()
    bench._store.set_record("x/1", {"n": 1})
    bench._store.set_record("x/2", {"n": 2})
    with sqlite3.connect(cache.folder / "records" / "cache.db") as connection:
        connection.execute("UPDATE Cache SET value = (SELECT value FROM Cache WHERE key = 'x/2') WHERE key = 'x/1'")
        connection.execute("UPDATE Cache SET value = replace(value, '2}', '3}') WHERE key = 'x/2'")
    assert bench._store.record("x/1") is None and bench._store.record("x/2") is None
    bench.close()


A, B = "a" * 40, "b" * 40
KEPT = [{"n": number, "pad": "y" * number} for number in range(60)]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with entries that must stay, and records that may go."""
    folder = tmp_path_factory.mktemp("filled") / "cache"
    store = Store(folder, budget=10**9)
    store.put_array(A, np.ones((3, 3), np.float32), {})
    store.set_record(f"job/{A}", {"title": "kept"})
    save_named(store, A, "mine", [1, 2], "by hand", 9)
    keep_selection(store, [4, 5])
    for number, value in enumerate(KEPT):
        store.set_record(f"x/{number}", value)
    store.close()
    return folder


def used(store: Store, when: str) -> None:
    """Everything that is done with records; what is not in the database is there."""
    assert all(store.record(f"x/{number}") in (None, value) for number, value in enumerate(KEPT)), when
    assert set(store.record_keys("x/")) <= {f"x/{number}" for number in range(60)}, when
    store.set_record("x/5", {"a": 1})
    store.set_record("x/long", {"a": "1" * 50_000})
    assert store.record("x/5") == {"a": 1} and store.record("x/long"), when
    assert store.add_record("lock/a", 1, expire=30) and not store.add_record("lock/a", 1), when
    store.delete_record("lock/a")
    with store.pin([A]):
        assert store.make_room(10) == 0
    array = store.open_array(A)
    assert array is not None and array.sum() == 9
    assert store.record(f"job/{A}") == {"title": "kept"} and store.record_keys("job/") == [f"job/{A}"]
    assert [one.name for one in named_selections(store, A)] == ["mine"]
    assert [kept_selection(store, key[10:]) for key in store.record_keys("selection/")] == [[4, 5]]
    store.delete_record("x/5")
    store.delete_record("x/long")


@pytest.mark.parametrize("name", DAMAGES)
def test_whatever_the_damage_a_new_database_takes_its_place(filled: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "cache"
    shutil.copytree(filled, folder)
    held = Store(folder, budget=10**9)
    held.set_record("x/1", KEPT[1])
    for store in (held, None):
        DAMAGES[name](folder / "records")
        new = Store(folder, budget=10**9)
        used(new, "who opens it now")
        if store is not None:
            used(store, "who had it open")
            new.set_record("x/2", {"by": "the other"})
            assert store.record("x/2") == {"by": "the other"}, "both have the same one"
            store.set_record("x/2", KEPT[2])
            store.close()
        new.close()
    assert (folder / "format.json").is_file(), "no row can name a file to be deleted"


@pytest.mark.parametrize("name", list(DAMAGES)[::4])
def test_the_command_line_goes_on(filled: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "cache"
    shutil.copytree(filled, folder)
    for command in (["cache", "--json"], ["jobs"], ["textsets"], ["runs"], ["cache", "--clear"]):
        DAMAGES[name](folder / "records")
        answer = entered(*command, cache=folder)
        assert answer.returncode == 0 and "Traceback" not in answer.stderr, (command, answer.stderr)


_HOLD = """
import sqlite3, sys
sqlite3.connect(sys.argv[1], isolation_level=None).execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_locked_database_is_no_damage(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.store.disk.TIMEOUT", 0.3)
    folder = tmp_path / "cache"
    shutil.copytree(filled, folder)
    held = Store(folder, budget=10**9)
    command = [sys.executable, "-c", _HOLD, str(folder / "records" / "cache.db")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline() == b"held\n"
        assert held.record("x/9") == KEPT[9], "reading waits for nobody"
        answer = entered("cache", "--clear", cache=folder)
        assert answer.returncode == 2 and "held by another process" in answer.stderr and "hint:" in answer.stderr
        with pytest.raises(StoreError, match="another process"):
            held.set_record("x/9", {})
        other.communicate()
    held.set_record("x/9", {"n": "after"})
    assert held.record("x/9") == {"n": "after"} and not held.set_aside()
    held.close()


def test_handles_that_have_run_out_are_no_damage(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "cache"
    shutil.copytree(filled, folder)
    monkeypatch.setattr(records, "_usable", lambda folder: False)  # what no open handle looks like from here
    store = Store(folder, budget=10**9)

    def fail(cache: object) -> None:
        raise sqlite3.OperationalError("unable to open database file")

    with pytest.raises(StoreError, match="cannot be used"):
        store._records._do(fail)
    assert store.record("x/9") == KEPT[9] and not store.set_aside()
    store.close()


def test_threads_find_the_damage_at_once(filled: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    shutil.copytree(filled, folder)
    stores = [Store(folder, budget=10**9) for _ in range(2)]
    DAMAGES["zeros"](folder / "records")
    failed: list[BaseException] = []

    def work(store: Store, number: int) -> None:
        try:
            for turn in range(20):
                store.set_record(f"y/{number}", {"turn": turn})
                store.record_keys("y/")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(store, n)) for n, store in enumerate(stores * 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert [stores[0].record(f"y/{n}") for n in range(6)] == [{"turn": 19}] * 6
    assert len([path for path in (folder / "set-aside").iterdir() if path.name.startswith("records-")]) == 1
    for store in stores:
        store.close()


def test_selections_of_the_form_before_get_files_of_their_own(tmp_path: Path) -> None:
    store = Store(tmp_path, budget=10**9)
    store._records.set(f"named/{A}/{B}", {"name": "mine", "table": A, "runs": [1, 2], "story": "", "created": 5.0})
    store._records.set(f"selection/{B}", {"runs": [4, 5], "time": 5.0})
    store.put_array(A, np.ones((2, 2), np.float32), {})
    mark = json.loads((tmp_path / "format.json").read_text())
    (tmp_path / "format.json").write_text(json.dumps({"format": 2, "id": mark["id"]}))
    store.close()
    again = Store(tmp_path, budget=10**9)
    assert [one.rows for one in named_selections(again, A)] == [(1, 2)] and kept_selection(again, B) == [4, 5]
    assert again.has_sound_array(A) and again.id == mark["id"] and again._records.keys("named/") == []
    again.close()


def test_a_service_goes_on_with_another_database(filled: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    shutil.copytree(filled, folder)
    DAMAGES["cut to a half"](folder / "records")
    service = start_service(folder)
    try:
        for name in ("zeros", "a folder in its place", "its folder deleted"):
            DAMAGES[name](folder / "records")
            for path in ("/jobs", "/textsets", "/health"):
                request = urllib.request.Request(
                    service.address + path, headers={"Authorization": f"Bearer {service.token}"}
                )
                with urllib.request.urlopen(request, timeout=30) as answer:
                    assert answer.status == 200
    finally:
        stop_service(service)


def test_a_second_store_of_a_process_takes_no_locks_from_the_first(tmp_path: Path) -> None:
    """SQLite's locks are the process's: who opens and closes the file beside SQLite loses them, and another's writes are lost."""
    first, second = Store(tmp_path, budget=10**9), Store(tmp_path, budget=10**9)
    first.set_record("x/1", 1)
    write = "from pathlib import Path; from backend.store import Store; s = Store(Path({!r}), budget=10**9); "
    write += "s.set_record('x/2', 2); s.close()"
    subprocess.run([sys.executable, "-c", write.format(str(tmp_path))], check=True, cwd=ROOT)
    assert first.record("x/2") == second.record("x/2") == 2
    first.close()
    second.close()
