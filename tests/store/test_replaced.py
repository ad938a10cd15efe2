"""Files that one process replaces while another reads them: what is read is of one file, and a sound one is never called damaged."""

import errno
import os
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.errors import StoreError
from backend.store import Store

A = "a" * 40


def _keeps_on(change: Any, over: threading.Event) -> threading.Thread:
    def run() -> None:
        number = 0
        while not over.is_set():
            number += 1
            change(number)
            time.sleep(0.001)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.parametrize("kind", ["a job", "an array", "a result"])
def test_a_file_that_is_replaced_all_the_while_is_always_sound(tmp_path: Path, kind: str) -> None:
    store, other = Store(tmp_path, budget=10**9), Store(tmp_path, budget=10**9)

    def change(number: int) -> None:
        value = [number] * (1 + number % 50)
        if kind == "a job":
            other.set_record(f"job/{A}", value)
        elif kind == "an array":
            other.put_array(A, np.full((50, 3), number, np.float32), {})
        else:
            other.put_result(A, value, {}, {})

    def found() -> list[float] | None:
        if kind == "a job":
            return store.record(f"job/{A}")  # type: ignore[return-value]
        if kind == "an array":
            array = store.open_array(A)
            return None if array is None else array[:, 0].tolist()
        result = store.get_result(A)
        return None if result is None else list(result[0])  # type: ignore[arg-type]

    change(1)
    over = threading.Event()
    thread = _keeps_on(change, over)
    until, n_read = time.monotonic() + 3, 0
    try:
        while time.monotonic() < until:
            values = found()
            assert values is not None and len(set(values)) == 1, "whole, and there"
            assert len(values) == (50 if kind == "an array" else 1 + values[0] % 50)
            n_read += 1
    finally:
        over.set()
        thread.join()
    assert n_read > 20 and not store.set_aside() and not other.set_aside()
    store.close()
    other.close()


def test_too_many_open_files_are_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path, budget=10**9)
    store.set_record(f"job/{A}", [1])
    opened = Path.open

    def none_left(path: Path, *given: Any, **more: Any) -> Any:
        if path.parent.parent.name == "jobs":
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return opened(path, *given, **more)

    monkeypatch.setattr(Path, "open", none_left)
    with pytest.raises(StoreError, match="Too many open files"):
        store.record(f"job/{A}")
    monkeypatch.undo()
    assert store.record(f"job/{A}") == [1] and not store.set_aside()
    store.close()
