"""A cache of the form before: text sets and jobs stay, what has no checksum goes and is computed again."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest

from backend import JobStatus
from backend.forms.codec import to_json
from backend.jobs.book import JobBook
from backend.store import Store
from backend.store.disk import open_cache
from backend.textsets.codec import table_to_json
from backend.values.texts import TextTable
from backend.work.library import Library, text_set_info

A, B = "a" * 40, "b" * 40


def old_cache(folder: Path) -> TextTable:
    table = TextTable("mine", ("one text", "another"), columns={"label": ("x", "y")}, label="label")
    info = text_set_info(table, created=12.0)
    records, index = open_cache(str(folder / "records")), open_cache(str(folder / "index"))
    records.set("store/id", "f" * 32)
    records.set(f"table/{info.spec.table}", table_to_json(table))
    records.set(f"textset/{info.spec.table}", json.dumps(to_json(info, {})))
    records.set(f"job/{A}", json.dumps(to_json(JobStatus(A, "old job", "done", created=3.0), {})))
    records.set(f"lock/{B}", json.dumps("gone.1"))
    index.set(f"arrays/{B}", json.dumps({"n_truncated": 3}))
    records.close()
    index.close()
    path = folder / "arrays" / "bb" / f"{B}.npy"
    path.parent.mkdir(parents=True)
    np.save(path, np.zeros((4, 4), np.float32))
    return table


def test_an_old_cache_keeps_its_text_sets_and_jobs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    table = old_cache(tmp_path)
    with caplog.at_level(logging.WARNING, "embedscope.store"):
        store = Store(tmp_path, budget=10**9)
        Store(tmp_path, budget=10**9).close()
    assert [record.message for record in caplog.records if "older version: 1 activations" in record.message]
    assert len(caplog.records) == 1, "said once"
    assert store.id == "f" * 32
    library = Library(store)
    info = next(info for info in library.infos() if not info.builtin)
    assert (info.spec.name, info.created) == ("mine", 12.0)
    found = library.table(info.spec)
    assert (found.texts, found.columns) == (table.texts, table.columns)
    assert [job.title for job in JobBook(store).all()] == ["old job"]
    assert not store.has_array(B) and not list((tmp_path / "arrays").glob("??/*"))
    assert store.set_aside() == [], "that is no damage"
    store.close()


def test_a_lost_mark_costs_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path, budget=10**9)
    store.put_array(A, np.ones((2, 2), np.float32), {"n_empty": 1})
    store.close()
    (tmp_path / "format.json").unlink()
    again = Store(tmp_path, budget=10**9)
    assert again.has_sound_array(A) and again.array_meta(A) == {"n_empty": 1}
    again.close()
