"""The machine's clock set back by an hour: jobs keep their order, and none ends before it began."""

import time
from collections.abc import Iterator

import pytest

from backend.bench.wiring import wire_workers
from backend.bench.workbench import Workbench
from backend.jobs.book import JobBook
from backend.store import Store, clock
from backend.values.jobs import JobStatus

HOUR = 3600.0


@pytest.fixture(autouse=True)
def own_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What other tests have seen of the time counts for nothing here, and the other way round."""
    monkeypatch.setattr(clock, "_anchor", (time.time(), time.monotonic()))
    yield


def test_jobs_keep_their_order_and_times(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    real, back = time.time, 0.0
    monkeypatch.setattr(time, "time", lambda: real() - back)
    for number in range(4):
        back = HOUR * number
        bench.add_texts([f"text {number}", "another"], name=f"set {number}")
    jobs = [job for job in bench.jobs() if job.title.startswith("save")]
    assert [job.title for job in jobs] == [f"save set {number}.jsonl" for number in (3, 2, 1, 0)]
    assert all(job.created <= (job.started or 0) <= (job.finished or 0) <= real() + 60 for job in jobs)


def test_a_service_goes_on_from_the_times_in_its_book(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    store: Store = bench._store
    book, later = JobBook(store), time.time() + HOUR
    book.put(JobStatus("a" * 40, "before the clock was set back", "done", created=later, started=later, finished=later))
    executor = wire_workers(store)
    assert later <= clock.now() < later + 60
    executor.close()
    clock.not_before(time.time() + 365 * 24 * HOUR)
    assert clock.now() < later + 60, "a time that makes no sense is not gone by"


def test_a_clock_set_forward_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + HOUR)
    assert clock.now() >= real() + HOUR - 1
