"""Files damaged while they are used, and folders that can only be read: right numbers or a message, and the next one works."""

import contextlib
import random
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from backend import EmbedscopeError
from backend.metrics import METRICS
from backend.store import Store
from tests.guards import modes_bind
from tests.store.faults import flip
from tests.store.trial import ONE, OTHER, Cache, same, shown

A = "a" * 40


def _flipped(path: Path) -> None:
    """One bit, where the file lies: a file that was cut under a reader's memory map would end the reader."""
    with path.open("r+b") as file:
        place = random.randrange(path.stat().st_size)
        file.seek(place)
        bits = file.read(1)[0] ^ 0x10
        file.seek(place)
        file.write(bytes([bits]))


def _in_place(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "inside").write_text("x")


def _replaced(path: Path) -> None:
    """Another's file renamed to this name: no reader's memory map is cut."""
    others = [one for one in path.parent.parent.glob("??/*") if one != path and one.is_file()]
    if others:
        copy = path.with_suffix(".copy")
        shutil.copy(random.choice(others), copy)
        copy.replace(path)


def _shortened(path: Path) -> None:
    copy = path.with_suffix(".copy")
    copy.write_bytes(path.read_bytes()[:-7])
    copy.replace(path)


HURTS: dict[str, Callable[[Path], object]] = {
    "flipped": _flipped,
    "shortened": _shortened,
    "deleted": lambda path: path.unlink(),
    "another's": _replaced,
    "a folder": _in_place,
    "read-only": lambda path: path.chmod(0o400),
    "unreadable": lambda path: path.chmod(0),
    "its folder read-only": lambda path: path.parent.chmod(0o500),
}


@pytest.mark.parametrize("hurts", [list(HURTS)[::2], list(HURTS)[1::2]], ids=["one half", "the other"])
def test_no_wrong_number_while_files_are_damaged(cache: Cache, hurts: list[str]) -> None:
    """One thread damages whatever file it finds, some while a result is computed; another asks for results that need them."""
    random.seed(0)
    over, n_hurt = threading.Event(), 0

    def damage() -> None:
        nonlocal n_hurt
        while n_hurt < 12 and not over.wait(random.random() * 0.3):
            files = [path for path in (*cache.files("arrays"), *cache.files("results")) if path.suffix != ".copy"]
            with contextlib.suppress(OSError, IndexError):
                HURTS[hurts[n_hurt % len(hurts)]](random.choice(files))
            n_hurt += 1

    thread = threading.Thread(target=damage)
    thread.start()
    n_right = n_said = 0
    bench = cache.open()
    try:
        for turn in range(8):
            metric = (ONE, OTHER)[turn % 2]
            for path in cache.files("results") if turn % 4 > 1 else ():
                path.unlink(missing_ok=True)
            try:
                same(bench.wait(cache.specs["one", metric]), cache.right["one", metric])
                n_right += 1
            except EmbedscopeError as error:
                assert error.hint
                n_said += 1
    finally:
        over.set()
        thread.join()
        bench.close()
    assert n_hurt > 3 and n_right > n_said
    for path in (cache.folder / "arrays").glob("??"):
        path.chmod(0o700)
    assert shown(cache).startswith("the right numbers")


def test_what_is_damaged_while_a_metric_reads_it_gives_no_number(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.forget_results()
    row, n_runs = METRICS[ONE], 0

    def run(*given: object) -> object:
        nonlocal n_runs
        n_runs += 1
        if n_runs == 1:
            _flipped(cache.layers("one")[3])
        return row.run(*given)  # type: ignore[arg-type]

    import dataclasses

    monkeypatch.setitem(METRICS, ONE, dataclasses.replace(row, run=run))
    stages: list[str] = []
    bench = cache.open()
    found = bench.wait(cache.specs["one", ONE], lambda done, total, stage: stages.append(stage))
    same(found, cache.right["one", ONE])
    bench.close()
    assert n_runs == 2 and any("damaged on the disk while they were read" in stage for stage in stages)


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[Path]:
    """A copy that nobody can write to: a mount where one may be made, else modes, which bind all users but root."""
    mounted = False
    with contextlib.suppress(OSError):
        for arguments in (["--bind", str(folder), str(folder)], ["-o", "remount,ro,bind", str(folder)]):
            mounted = subprocess.run(["mount", *arguments], capture_output=True).returncode == 0
    paths = [folder, *folder.rglob("*")]
    if not mounted and not modes_bind():
        pytest.skip("root may write everywhere, and nothing may be mounted here")
    for path in [] if mounted else paths:
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        yield folder
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)
        for path in [] if mounted else paths:
            path.chmod(0o700)


def test_a_copy_that_can_only_be_read_shows_what_is_in_it(cache: Cache) -> None:
    gone = cache.results("one")[1]
    gone.unlink()
    flip(cache.results("two")[0], 0.5)
    with read_only(cache.folder):
        bench = cache.open()
        same(bench.wait(cache.specs["one", ONE]), cache.right["one", ONE])
        assert len([info for info in bench.text_sets() if not info.builtin]) == 2 and len(bench.jobs()) >= 4
        assert bench.text_set(cache.tables["one"]).texts and bench.usage()
        for spec in (cache.specs["one", OTHER], cache.specs["two", ONE]):  # nothing to believe, nowhere to compute to
            with pytest.raises(EmbedscopeError) as caught:
                bench.wait(spec)
            assert "could not be written" in caught.value.message and "writable" in caught.value.hint
        with pytest.raises(EmbedscopeError, match="could not be written"):
            bench.add_texts(["one", "two"])
        bench.close()
    assert shown(cache).startswith("the right numbers") and shown(cache, "two").startswith("the right numbers")


def test_something_else_in_the_place_of_a_folder_is_set_aside(tmp_path: Path) -> None:
    store = Store(tmp_path, budget=10**9)
    for name in ("arrays", "results", "texts", "tmp"):
        shutil.rmtree(tmp_path / name)
        (tmp_path / name).write_text("no folder")
    store.close()
    store = Store(tmp_path, budget=10**9)
    store.put_array(A, np.ones((2, 2)), {})
    shutil.rmtree(tmp_path / "arrays" / "aa")
    (tmp_path / "arrays" / "aa").write_text("no folder")
    assert store.open_array(A) is None
    store.put_array(A, np.ones((2, 2)), {})
    assert store.has_sound_array(A)
    shutil.rmtree(tmp_path / "arrays")
    store.put_array(A, np.ones((2, 2)), {})
    assert store.has_sound_array(A) and len(store.set_aside()) == 5
    store.close()
