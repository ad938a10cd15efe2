"""A full disk at every kind of write: a message with the bytes, nothing half written, and the next write works."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from backend.bench.wiring import stored_token
from backend.errors import StoreError
from backend.store import Store
from backend.store.named import save_named
from backend.store.selections import keep_selection
from tests.conftest import entered
from tests.store.smalldisk import SmallDisk, small_disk

A, B = "a" * 40, "b" * 40
SIZE = 600_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", 6_000_000) as made:
        yield made


def put_array(store: Store) -> None:
    store.put_array(A, np.ones((SIZE // 4,), np.float32), {})


def begin_array(store: Store) -> None:
    writer = store.create_array(A, (SIZE // 4,), np.float32, {})
    try:
        writer.write(np.arange(SIZE // 4), np.ones(SIZE // 4, np.float32))
        writer.commit()
    finally:
        writer.abandon()


WRITES: dict[str, Callable[[Store], object]] = {
    "array": put_array,
    "array, row by row": begin_array,
    "imported vectors": lambda store: store.create_vectors(A, (SIZE // 4,), {}).write(
        np.arange(SIZE // 4), np.ones(SIZE // 4, np.float32)
    ),
    "result": lambda store: store.put_result(A, {}, {"a0": np.ones(SIZE // 8)}, {}),
    "text set": lambda store: store.put_texts(A, "x" * SIZE, {"name": "x"}),
    "upload": lambda store: store.put_blob(b"x" * SIZE),
    "job record": lambda store: store.set_record(f"job/{A}", {"title": "x" * SIZE}),
    "record": lambda store: store.set_record("x/1", {"text": "x" * SIZE}),
    "kept selection": lambda store: keep_selection(store, list(range(0, 200_000, 2))),
    "saved selection": lambda store: save_named(store, A, "n", list(range(0, 200_000, 2)), "", 10**6),
    "result of another store": lambda store: store.put_result_bytes(A, b"x" * SIZE),
}


@pytest.mark.parametrize("left", [0, 8192])
@pytest.mark.parametrize("what", WRITES)
def test_every_write_says_how_much_and_leaves_nothing_half(disk: SmallDisk, what: str, left: int) -> None:
    store = Store(disk.folder / "cache", budget=10**9)
    store.put_texts(B, "kept", {"name": "kept"})
    store.set_record("x/0", {"kept": True})
    disk.fill(left)
    with pytest.raises(StoreError) as caught:
        WRITES[what](store)
    said = f"{caught.value.message} {caught.value.hint}"
    if what != "record":  # SQLite does not say how much
        assert "MB" in said and ("free" in said or "available" in said), said
    assert "ree" in caught.value.hint and "Traceback" not in said
    assert store.get_texts(B) == "kept" and store.record("x/0") == {"kept": True}, "what was there is there"
    disk.free()
    for path in (store.folder / "tmp").iterdir():
        path.unlink()  # of vectors whose writer nobody abandoned
    if what != "result of another store":
        WRITES[what](store)
    else:
        with pytest.raises(StoreError, match="not in the store's format"):
            WRITES[what](store)
    assert store.set_aside() == [], "a full disk is no damage"
    store.close()


@pytest.mark.parametrize("left", [0, 4096, 60_000])
def test_a_cache_that_cannot_be_made_says_so_and_is_made_later(disk: SmallDisk, left: int) -> None:
    cache = disk.folder / "cache"
    disk.fill(left)
    answer = entered("cache", cache=cache)
    if answer.returncode:
        assert answer.returncode == 2 and "error:" in answer.stderr and "hint:" in answer.stderr, answer.stderr
        assert "Traceback" not in answer.stderr
    disk.free()
    again = entered("cache", cache=cache)
    assert again.returncode == 0, again.stderr


def test_half_a_token_is_none(disk: SmallDisk) -> None:
    if not disk.mounted:
        pytest.skip("a token is too short for a limit on the size of files")
    cache = disk.folder / "cache"
    cache.mkdir()
    disk.fill()
    with pytest.raises(StoreError, match="cannot be written"):
        stored_token(cache, make=True)
    disk.free()
    token = stored_token(cache, make=True)
    assert len(token) > 40 and stored_token(cache, make=False) == token
    assert (cache / "token").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", ["", "\n"])
def test_an_empty_token_lets_nobody_in(tmp_path: Path, content: str) -> None:
    """A file cut by a crash must not leave a service whose token is the empty word."""
    (tmp_path / "token").write_text(content)
    (tmp_path / "token").chmod(0o600)
    assert len(stored_token(tmp_path, make=True)) > 40
    assert len(list(tmp_path.iterdir())) == 1, "and nothing else"
