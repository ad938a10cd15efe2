"""The store keeps its word: whole or absent, no pickle, a byte budget, no path from outside."""

import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from backend.errors import StoreError
from backend.store import Store

ROOT = Path(__file__).resolve().parents[2]
A, B, C = "a" * 40, "b" * 40, "c" * 40


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache", budget=10**9)


def test_rows_written_in_any_order_come_back_in_order(store: Store) -> None:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((100, 7)).astype(np.float32)
    writer = store.create_array(A, (100, 7), np.float32, {"n_truncated": 3})
    order = rng.permutation(100)
    for part in np.array_split(order, 9):
        writer.write(part, rows[part])
    assert store.open_array(A) is None, "nobody sees an array before it is whole"
    writer.commit()
    found = store.open_array(A)
    assert found is not None
    np.testing.assert_array_equal(found, rows)
    assert not found.flags.writeable
    assert store.array_meta(A) == {"n_truncated": 3}


def test_an_abandoned_array_leaves_nothing(store: Store) -> None:
    writer = store.create_array(A, (10, 2), np.float32, {})
    writer.write(np.arange(5), np.ones((5, 2)))
    writer.abandon()
    assert store.open_array(A) is None
    assert not list((store.folder / "tmp").iterdir())


def test_a_killed_writer_leaves_no_entry_and_its_remains_are_swept(tmp_path: Path) -> None:
    code = textwrap.dedent(
        f"""
        import numpy as np, time
        from pathlib import Path
        from backend.store import Store
        store = Store(Path({str(tmp_path)!r}), budget=10**9)
        writer = store.create_array({A!r}, (1000, 50), np.float32, {{}})
        writer.write(np.arange(500), np.ones((500, 50)))
        print("half", flush=True)
        time.sleep(60)
        """
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"half\n"
    assert len(list((tmp_path / "tmp").iterdir())) == 1
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    store = Store(tmp_path, budget=10**9)
    assert store.open_array(A) is None
    assert not list((tmp_path / "tmp").iterdir())


def test_results_survive_with_their_arrays(store: Store) -> None:
    arrays = {"a0": np.array([[1.0, np.nan]]), "a1": np.arange(3), "a2": np.zeros((0, 4), np.float32)}
    store.put_result(A, {"matrix": {"array": "a0"}}, arrays, {"texts": [B]})
    found = store.get_result(A)
    assert found is not None
    data, back = found
    assert data == {"matrix": {"array": "a0"}}
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array)
        assert back[name].dtype == array.dtype
    other = store.result_bytes(A)
    assert other is not None
    there = Store(store.folder.with_name("other"), budget=10**9)
    there.put_result_bytes(A, other)
    assert there.has_result(A)
    for digest, content in ((B, other), (A, other[:-1]), (A, b""), (C, b"\x80\x04garbage" * 3)):
        with pytest.raises(StoreError, match="not in the store's format"):
            there.put_result_bytes(digest, content)
    assert not there.has_result(B)


def test_pickles_are_refused_both_ways(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="takes text, bytes and numbers"):
        store._records._cache.set("x", {"a": object})
    planted = tmp_path / "executed"

    class Evil:
        def __reduce__(self) -> object:
            return (os.system, (f"touch {planted}",))

    store.set_record("victim", 1)
    with sqlite3.connect(store.folder / "records" / "cache.db") as connection:
        connection.execute("UPDATE Cache SET mode = 4, value = ? WHERE key = 'victim'", (pickle.dumps(Evil()),))
    assert store.record("victim") is None, "it is dropped, and said"
    assert [row["key"] for row in store.set_aside()] == ["victim"]
    path = store.folder / "arrays" / A[:2] / f"{A}.npy"
    path.parent.mkdir()
    np.save(path, np.array([Evil()], dtype=object), allow_pickle=True)
    assert store.open_array(A) is None, "it has no seal, so it is set aside"
    assert [row["key"] for row in store.set_aside()] == [A, "victim"]
    assert not planted.exists()


def test_eviction_takes_the_least_recently_used_and_passes_over_the_pinned(tmp_path: Path) -> None:
    store = Store(tmp_path, budget=2_700_000)  # the records count too: about 0.15 MB
    now = time.time()
    for age, digest in ((300, A), (200, B), (100, C)):
        store.put_array(digest, np.zeros((10_000, 20), np.float32), {})
        os.utime(store._files.path("arrays", digest), (now - age, now - age))
    with store.pin([A]):
        assert store.make_room(800_000) >= 700_000
    assert [store.has_array(digest) for digest in (A, B, C)] == [True, False, True]
    store.open_array(A)  # a use: now C is the oldest
    store.make_room(1_500_000)
    assert [store.has_array(digest) for digest in (A, C)] == [True, False]
    with pytest.raises(StoreError, match=r"needs 0\.00 GB|needs 1\.00 GB"):
        store.make_room(10**9)


def test_deleting_texts_deletes_what_was_made_from_them(store: Store) -> None:
    store.put_array(A, np.zeros((2, 2)), {"texts": [C]})
    store.put_result(B, {}, {"a0": np.zeros(1)}, {"texts": [C]})
    store.put_array(C, np.zeros((2, 2)), {"texts": [A]})
    assert store.delete_texts(C) == 2
    assert [store.has_array(A), store.has_result(B), store.has_array(C)] == [False, False, True]


@pytest.mark.parametrize("digest", ["../../etc/passwd", "", "A" * 40, "a" * 39, "a" * 40 + "/.."])
def test_only_digests_are_addresses(store: Store, digest: str) -> None:
    with pytest.raises(StoreError, match="not a digest"):
        store.result_bytes(digest)


def test_one_of_many_gets_a_lock_and_it_expires(store: Store) -> None:
    assert store.add_record("lock/x", "me", expire=0.05)
    assert not store.add_record("lock/x", "you", expire=0.05)
    time.sleep(0.1)
    assert store.add_record("lock/x", "you", expire=0.05)


def test_two_stores_on_one_folder_are_one(store: Store) -> None:
    other = Store(store.folder, budget=1)
    assert other.id == store.id
    store.put_array(A, np.ones((1, 1)), {})
    assert other.has_array(A)


def test_a_folder_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be used"):
        Store(tmp_path / "file", budget=1)
