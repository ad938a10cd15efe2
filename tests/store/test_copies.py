"""Copies of a cache folder: made while it is written, moved, of another format; each has what it had, and all of it sound."""

import json
import shutil
import threading
from pathlib import Path

import numpy as np

from backend.store import Store
from backend.store.upgrade import newer_form
from tests.conftest import entered
from tests.store.trial import ONE, OTHER, Cache, same, shown

LEFT_OUT = shutil.ignore_patterns("records", "tmp", "set-aside", "blobs", "*.lock", "*.log")


def test_a_copy_made_while_it_is_written_is_sound(tmp_path: Path) -> None:
    store, over, n_written = Store(tmp_path / "cache", budget=10**9), threading.Event(), 0
    store.put_texts("a" * 40, "first", {"name": "first"})

    def write() -> None:
        nonlocal n_written
        while not over.is_set():
            digest = f"{n_written:040x}"
            store.put_array(digest, np.full(20_000, n_written, np.float32), {})
            store.put_result(digest, {"n": n_written}, {"a0": np.arange(2000.0)}, {})
            store.put_texts(digest, f"text {n_written}" * 500, {"name": str(n_written)})
            store.set_record(f"job/{digest}", {"n": n_written})
            store.set_record(f"x/{n_written}", {"n": n_written})
            n_written += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for number, ignore in enumerate((LEFT_OUT, shutil.ignore_patterns("tmp"), LEFT_OUT)):
            before = n_written
            shutil.copytree(tmp_path / "cache", tmp_path / f"copy {number}", ignore=ignore)
            copy = Store(tmp_path / f"copy {number}", budget=10**9)
            n_read, n_damaged = copy.check()
            assert n_read >= 4 * before and n_damaged == 0
            assert copy.get_texts("a" * 40) == "first" and len(copy.text_infos()) > before
            copy.set_record("x/new", 1)
            assert copy.record("x/new") == 1
            copy.close()
    finally:
        over.set()
        thread.join()
    assert n_written > 5
    store.close()


def test_a_moved_folder_shows_what_it_showed(cache: Cache, tmp_path: Path) -> None:
    before = json.loads((cache.folder / "format.json").read_text())["id"]
    store = Store(cache.folder, budget=10**9)
    own = store.id
    store.close()
    assert own != before, "the trial's folder is a copy itself"
    cache.folder.rename(tmp_path / "elsewhere")
    cache.folder = tmp_path / "elsewhere"
    assert shown(cache) == shown(cache, "two") == "the right numbers"
    store = Store(cache.folder, budget=10**9)
    assert store.id == own, "moved, not copied"
    shutil.copytree(cache.folder, tmp_path / "copy")
    copy, again = Store(tmp_path / "copy", budget=10**9), Store(tmp_path / "copy", budget=10**9)
    assert copy.id != own and again.id == copy.id
    for one in (store, copy, again):
        one.close()
    answer = entered("doctor", "--check", "--json", cache=tmp_path / "copy", EMBEDSCOPE_SERVICE_PORT="9")
    assert json.loads(answer.stdout)["checked"]["n_damaged"] == 0


def test_a_folder_of_a_newer_version_is_used_and_kept(cache: Cache) -> None:
    mark = json.loads((cache.folder / "format.json").read_text())
    (cache.folder / "format.json").write_text(json.dumps({"id": mark["id"], "format": 99, "version": "9.9"}))
    assert "version 9.9" in newer_form(cache.folder)
    bench = cache.open()
    for metric in (ONE, OTHER):
        same(bench.wait(cache.specs["one", metric]), cache.right["one", metric])
    bench.close()
    assert json.loads((cache.folder / "format.json").read_text())["format"] == 99
