"""What counts against the budget, what goes and what stays; and who may read a cache folder."""

import os
import stat
import time
from pathlib import Path

import numpy as np
import pytest

from backend.errors import StoreError
from backend.store import Store, room

A, B, C = "a" * 40, "b" * 40, "c" * 40
MB = 10**6


def on_disk(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def modes(folder: Path) -> dict[str, int]:
    """What others may do with each file and folder; all should be nothing."""
    found = {}
    for path in (folder, *folder.rglob("*")):
        open_to = stat.S_IMODE(path.stat().st_mode) & 0o077
        if open_to:
            found[str(path.relative_to(folder))] = open_to
    return found


def test_uploads_results_and_records_count(tmp_path: Path) -> None:
    store = Store(tmp_path, budget=5 * MB)
    for number in range(40):
        store.put_blob(os.urandom(MB) + bytes([number]))
        store.put_result(f"{number:040x}", {}, {"a0": np.zeros(30_000)}, {})
        store.set_record(f"task/{number:040x}", {"rows": "x" * 200_000})
    assert on_disk(tmp_path) < 7.5 * MB, "the log of the database is beside it while it is open"
    usage = {row.kind: row.n_bytes for row in store.usage()}
    assert usage["blobs"] >= MB and usage["records"] > 100_000, "what was used last is there"
    assert store.has_result(f"{39:040x}")
    store.close()
    assert on_disk(tmp_path) < 6.5 * MB


def test_who_asks_again_and_again_has_the_files_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, now = Store(tmp_path, budget=100 * MB), [1_000.0]
    monkeypatch.setattr(room.time, "monotonic", lambda: now[0])
    store.put_blob(b"x" * MB)
    first = store.usage_lately()
    assert first == store.usage() and {row.kind: row.n_bytes for row in first}["blobs"] >= MB
    store.put_blob(b"y" * MB)
    with monkeypatch.context() as patch:
        for walk in ("glob", "iterdir", "lstat"):
            patch.setattr(Path, walk, _looked)
        patch.setattr(os, "walk", _looked)
        assert store.usage_lately() == first, "no file was looked at"
    now[0] += 3
    assert {row.kind: row.n_bytes for row in store.usage_lately()}["blobs"] >= 2 * MB
    store.close()


def _looked(*_: object, **__: object) -> None:
    raise AssertionError("a file was looked at")


def test_a_folder_that_takes_long_to_count_is_counted_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, now, n_counts = Store(tmp_path, budget=100 * MB), [0.0], [0]

    def counted() -> list[room.Usage]:
        now[0], n_counts[0] = now[0] + 4, n_counts[0] + 1
        return []

    monkeypatch.setattr(room.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(store._room, "usage", counted)
    for _ in range(40):
        now[0] += 15  # how often a Prometheus server asks
        store.usage_lately()
    assert n_counts[0] == 3
    store.close()


def test_what_is_nobodys_to_remove_stays_and_is_said(tmp_path: Path) -> None:
    store = Store(tmp_path, budget=3 * MB)
    store.put_texts(A, "x" * 2 * MB, {"name": "mine"})
    with pytest.raises(StoreError, match=r"needs 1\.50 MB .* 2\.\d\d MB are text sets") as caught:
        store.put_texts(B, "y" * (MB + MB // 2), {"name": "other"})
    assert "EMBEDSCOPE_CACHE_BYTES" in caught.value.hint
    assert store.get_texts(A) and not store.has_texts(B) and not list((tmp_path / "tmp").iterdir())
    store.put_blob(b"x" * 100_000)
    store.close()


def test_a_clock_that_was_set_back_spoils_no_order(tmp_path: Path) -> None:
    store, now = Store(tmp_path, budget=3 * MB), time.time()
    for digest, ahead in ((A, 7200.0), (B, 3600.0), (C, -60.0)):  # used when the clock was two hours ahead; C since
        store.put_array(digest, np.zeros((100_000,), np.float32), {})
        path = store._files.path("arrays", digest)
        os.utime(path, (now + ahead, now + ahead))
    assert store.open_array(B) is not None, "a use"
    store.make_room(100)
    times = [store._files.path("arrays", digest).stat().st_mtime for digest in (A, B, C)]
    assert max(times) <= time.time() + 1, "no file was used later than now"
    store.close()


def test_the_owner_alone_may_read_it(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        folder = tmp_path / "above" / "cache"
        store = Store(folder, budget=10 * MB)
        store.put_array(A, np.ones((2, 2)), {})
        store.put_result(B, {}, {"a0": np.ones(2)}, {})
        store.put_texts(A, "[]", {"name": "x"})
        store.put_blob(b"upload")
        store.set_record("x/1", {"a": 1})
        store.set_record(f"job/{A}", {})
        store._files.path("arrays", A).write_bytes(b"damaged")
        assert store.open_array(A) is None
        assert modes(folder) == {}
        store.close()
    finally:
        os.umask(before)


def test_a_folder_of_before_is_shut(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    Store(folder, budget=10 * MB).close()
    (folder / "runs" / "one").mkdir(parents=True)
    (folder / "runs" / "one" / "model.safetensors").write_bytes(b"x")
    (folder / "worker-models.log").write_text("x")
    (folder / "token").write_text("x")
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    Store(folder, budget=10 * MB).close()
    assert modes(folder) == {}


def test_a_folder_with_other_things_in_it_is_not_shut(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir(mode=0o755)
    (tmp_path / "letters").chmod(0o755)
    tmp_path.chmod(0o755)
    Store(tmp_path, budget=10 * MB).close()
    assert set(modes(tmp_path)) == {".", "letters"}, "only what is the cache's own"
