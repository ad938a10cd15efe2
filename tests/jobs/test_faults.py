"""What one event must not do: stop the jobs of everybody, or a page that lists them."""

import errno
import os
import time
from typing import Any

import pytest

from backend import JobStatus, Settings
from backend.bench.wiring import wire_workers
from backend.bench.workbench import Workbench
from backend.forms.codec import to_json
from backend.jobs.book import SERVICE, JobBook
from backend.jobs.workers import WorkersExecutor
from backend.store import Store
from backend.store.processes import process_name
from backend.values.tasks import ResolveTask
from tests.conftest import Service
from tests.jobs.following import follow


def _full(monkeypatch: pytest.MonkeyPatch) -> None:
    def write(self: Store, key: str, value: Any, *, expire: float | None = None) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Store, "set_record", write)


def test_a_full_disk_ends_no_lane_and_no_record_is_lost(
    workers: tuple[Workbench, WorkersExecutor], monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    bench, executor = workers
    assert follow(bench, bench.start(ResolveTask("/no/such/folder"))).state == "failed"
    with monkeypatch.context() as patch:
        _full(patch)
        job = follow(bench, bench.start(ResolveTask("/nor/this/folder")))
        assert job.state == "failed" and "/nor/this/folder" in job.error
        health = bench.health()
        assert health["status"] == "degraded" and "No space left" in health["trouble"]
        lane = executor._lanes["resolver"]
        for hand in lane._hands:
            hand.drop_process()  # so that the next job needs another
        patch.setattr(lane, "start", _no_process)
        broken = follow(bench, bench.start(ResolveTask("/the/third/folder")))
        assert broken.state == "failed" and "No space left" in broken.error and broken.hint
        waiting = executor._lanes["reader"]
        assert waiting.is_alive() and lane.is_alive()
        bench.cancel(broken.id)
    assert follow(bench, bench.start(ResolveTask("/a/fourth/folder"))).state == "failed"
    assert "status" not in bench.health(), "and it is well again"
    kept = JobBook(Store(settings.cache, budget=10**9)).noted(broken.id)
    assert kept is not None and kept.state == "failed", "written as soon as there was room"


def _no_process(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_records_that_cannot_be_read_are_left_out_and_counted(settings: Settings) -> None:
    store = Store(settings.cache, budget=10**9)
    good = JobBook(store).put(JobStatus("a" * 40, "a good one", "done", created=time.time()))
    newer = {**to_json(good, {}), "id": "b" * 40, "colour": "blue"}  # type: ignore[dict-item]
    deep: Any = []
    for _ in range(500):
        deep = [deep]
    for letter, record in {"b": newer, "c": ["garbage"], "d": 7, "e": to_json(good, {}), "f": deep}.items():
        store.set_record(f"job/{letter * 40}", record)
    store._files.write("jobs", "0" * 40, b"\xff\x00 no JSON", {})
    executor = wire_workers(store)
    assert [job.id for job in executor.jobs()] == [good.id]
    assert executor.status("b" * 40) is None and executor.status("0" * 40) is None
    assert executor.health()["left out"].startswith("6 records")
    executor.close()


def test_a_job_of_a_killed_service_says_so_and_one_of_a_command_that_works_is_left_alone(settings: Settings) -> None:
    store = Store(settings.cache, budget=10**9)
    node = process_name().rpartition(".")[0]
    book = JobBook(store)
    book.put(JobStatus("a" * 40, "t", "running", owner=f"{SERVICE}{node}.4194303-1-abc"))
    book.put(JobStatus("b" * 40, "t", "running", owner=f"{node}.4194303-1-abc"))
    book.put(JobStatus("c" * 40, "t", "running", owner=process_name()))
    found = book.get("a" * 40)
    assert found is not None and found.error == "The backend service was stopped."
    executor = wire_workers(store)
    said = {job.id[0]: (job.state, job.error) for job in executor.jobs()}
    executor.close()
    assert said["a"] == ("failed", "The backend service was stopped.")
    assert said["b"] == ("failed", "The process that ran this job ended before it was done.")
    assert said["c"] == ("running", "")


def test_a_title_in_no_encoding_stops_no_list_of_a_service(service: Service, service_bench: Workbench) -> None:
    """As one with the name of a file had it, written by an earlier version."""
    store = Store(service.cache, budget=10**9)
    status = JobStatus("a" * 40, os.fsdecode(b"caf\xe9.csv"), "done")
    store.set_record(f"job/{status.id}", to_json(status, {}))
    found = {job.id: job.title for job in service_bench.jobs()}
    store.delete_record(f"job/{status.id}")
    assert found[status.id] == "caf?.csv"
