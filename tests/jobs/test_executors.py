"""One contract for every executor, and what only supervised workers must survive."""

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from backend import EmbedscopeError, JobStatus, Settings, open_workbench
from backend.bench.wiring import wire_workers
from backend.bench.workbench import Workbench
from backend.jobs.inline import InlineExecutor
from backend.store import Store
from backend.values.specs import AnalysisSpec
from backend.values.tasks import BatchTask, ReadTask, ResolveTask
from tests.conftest import ROOT, Service, review_lines
from tests.jobs.following import follow, until_extracting


@pytest.fixture(params=["inline", "client"])
def any_bench(request: pytest.FixtureRequest) -> Workbench:
    """The same workbench over each executor; the client stands before the workers executor in a service."""
    found: Workbench = request.getfixturevalue({"inline": "bench", "client": "service_bench"}[request.param])
    return found


def _spec(bench: Workbench, reviews: Path, **choice: object) -> AnalysisSpec:
    texts = bench.read_texts(reviews, text="text", label="label")
    return bench.analysis("cka", models=[bench.model("minilm")], texts=texts, **choice)  # type: ignore[arg-type]


def test_start_follow_read(any_bench: Workbench, reviews: Path) -> None:
    spec = _spec(any_bench, reviews)
    assert any_bench.peek(spec) is None
    job = follow(any_bench, any_bench.start(spec))
    assert (job.state, job.error) == ("done", "")
    result = any_bench.peek(spec)
    assert result.values.matrix.shape == (7, 7)
    np.testing.assert_allclose(np.diag(result.values.matrix), 1.0, atol=1e-9)
    assert result.sources[0].n_rows == 60
    assert any_bench.jobs()[0].id == job.id
    assert any_bench.start(spec).state == "done", "what is there is done at once"


def test_a_batch_is_one_job_of_several_results(any_bench: Workbench, reviews: Path) -> None:
    texts = any_bench.read_texts(reviews, text="text", label="label")
    models = [any_bench.model("minilm")]
    asked = [any_bench.analysis(name, models=models, texts=texts, layers="0,6") for name in ("cka", "anisotropy")]
    asked.append(any_bench.analysis("projection", models=models, texts=texts, layers="6"))  # another kind of worker
    task = BatchTask(tuple(asked), "three in one")
    assert any_bench.peek(task) is None
    job = follow(any_bench, any_bench.start(task))
    assert (job.state, job.error, job.title) == ("done", "", "three in one")
    assert [result.metric for result in any_bench.peek(task)] == ["cka", "anisotropy", "projection"]
    assert all(any_bench.peek(spec) is not None for spec in asked)
    assert any_bench.start(task).state == "done"


def test_a_job_that_fails_says_why(any_bench: Workbench) -> None:
    job = follow(any_bench, any_bench.start(ResolveTask("/no/such/folder")))
    assert job.state == "failed"
    assert "/no/such/folder" in job.error and job.hint


def test_bad_bytes_get_a_message_and_the_next_upload_works(any_bench: Workbench) -> None:
    bad = ReadTask(any_bench.upload(b"\x89PNG\r\n\x1a\n" + bytes(100)), "picture.csv", "picture", save=True)
    job = follow(any_bench, any_bench.start(bad))
    assert job.state == "failed" and job.hint
    good = ReadTask(any_bench.upload(b"text\nhello there\n"), "good.csv", "good", save=True)
    assert follow(any_bench, any_bench.start(good)).state == "done"
    assert any_bench.text_set("good").texts == ("hello there",)
    any_bench.delete_text_set(any_bench.text_set_info("good").spec.table)
    with pytest.raises(EmbedscopeError, match="no text set"):
        any_bench.text_set_info("good")


def test_nobody_knows_a_job_that_never_was(any_bench: Workbench) -> None:
    assert any_bench.status("0" * 40) is None
    any_bench.cancel("0" * 40)


def test_both_executors_give_the_same_numbers(bench: Workbench, service_bench: Workbench, reviews: Path) -> None:
    ours, theirs = (b.wait(_spec(b, reviews, pooling="last")) for b in (bench, service_bench))
    assert ours.fingerprint == theirs.fingerprint
    np.testing.assert_array_equal(ours.values.matrix, theirs.values.matrix)


def test_two_processes_share_one_computation(settings: Settings, reviews: Path) -> None:
    """Two workbenches on one folder, asked at once: one computes, the other waits and reads."""
    benches = [open_workbench(settings) for _ in range(2)]
    specs = [_spec(bench, reviews) for bench in benches]
    results = [None, None]

    def ask(number: int) -> None:
        results[number] = benches[number].wait(specs[number])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results[0] is not None and results[1] is not None
    assert results[0].seconds == results[1].seconds, "the same stored result, not one each"


def test_a_killed_worker_fails_its_job_and_the_next_run_succeeds(
    workers: tuple[Workbench, object], long_texts: Path, reviews: Path, settings: Settings
) -> None:
    bench, _ = workers
    texts = bench.read_texts(long_texts)
    spec = bench.analysis("cka", models=[bench.model("minilm")], texts=texts)
    job = bench.start(spec)
    assert bench.start(spec).id == job.id, "a second click joins"
    until_extracting(bench, job)
    pid = int(bench.health()["worker models"].split()[1])
    os.kill(pid, signal.SIGKILL)
    ended = follow(bench, bench.status(job.id))
    assert (
        ended.state == "failed" and "SIGKILL" in ended.error and "Run it again" in ended.hint
    ) or "run it again" in ended.hint
    store = Store(settings.cache, budget=settings.cache_bytes)
    assert not list((settings.cache / "arrays").glob("??/*")), "no partial entry"
    assert not list((settings.cache / "tmp").iterdir()), "what was half-written is swept away"
    store.close()
    small = bench.analysis("cka", models=[bench.model("minilm")], texts=bench.read_texts(reviews, text="text"))
    assert follow(bench, bench.start(small)).state == "done"
    assert int(bench.health()["worker models"].split()[1]) != pid


def test_cancel_ends_a_running_job_and_a_waiting_one(one_at_a_time: Workbench, long_texts: Path) -> None:
    bench = one_at_a_time
    texts = bench.read_texts(long_texts)
    models = [bench.model("minilm")]
    running = bench.start(bench.analysis("cka", models=models, texts=texts))
    until_extracting(bench, running)  # of two that wait the shorter one would begin
    waiting = bench.start(bench.analysis("cka", models=models, texts=texts, max_length=64))
    placed = bench.status(waiting.id)
    assert placed is not None and (placed.place, placed.waits_for) == (1, running.title)
    assert {job.id: job.place for job in bench.jobs() if job.active} == {running.id: 0, waiting.id: 1}
    pid = bench.health()["worker models"]
    bench.cancel(waiting.id)
    stopped = bench.status(waiting.id)
    assert stopped is not None and (stopped.state, stopped.place) == ("cancelled", 0), "at once, whatever runs"
    bench.cancel(running.id)
    assert follow(bench, bench.status(running.id)).state == "cancelled"
    assert follow(bench, bench.status(waiting.id)).state == "cancelled"
    assert bench.health()["worker models"] == pid, "the worker stays warm"


def test_jobs_of_a_service_that_is_gone_are_not_running_for_ever(settings: Settings) -> None:
    from backend.jobs.book import JobBook

    store = Store(settings.cache, budget=10**9)
    began = time.time() - 1000.0
    JobBook(store).put(JobStatus("a" * 40, "t", "running", created=began, started=began + 1, reported=began + 9))
    executor = wire_workers(store)
    status = executor.status("a" * 40)
    assert status is not None and status.state == "failed" and "stopped" in status.error
    assert status.finished == began + 9, "it took as long as it said something, not until somebody looked"
    executor.close()


def test_a_killed_command_is_not_running_for_ever_and_holds_no_lock(
    bench: Workbench, long_texts: Path, settings: Settings
) -> None:
    env = {**os.environ, "EMBEDSCOPE_CACHE": str(settings.cache), "EMBEDSCOPE_BACKEND": "", "EMBEDSCOPE_DEVICE": "cpu"}
    command = [sys.executable, "-m", "backend", "analyse", "--metric", "cka", "--texts", str(long_texts), "--quiet"]
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not any(job.done and job.kind == "AnalysisSpec" for job in bench.jobs()) and time.monotonic() < deadline:
        time.sleep(0.1)
    job = next(job for job in bench.jobs() if job.kind == "AnalysisSpec")
    assert job.state == "running"
    process.kill()
    process.wait()
    killed = time.time()
    ended = bench.status(job.id)
    assert ended is not None and ended.state == "failed" and "ended before it was done" in ended.error
    assert job.started is not None and ended.finished is not None and job.started <= ended.finished <= killed
    assert bench.status(job.id) == ended, "whenever that is looked at"
    executor = bench._executor
    assert isinstance(executor, InlineExecutor) and executor._lock(job.id), "the lock is free at once"


def test_the_front_end_needs_no_cache_of_the_service(service: Service, service_bench: Workbench, reviews: Path) -> None:
    assert service_bench.settings.cache != service.cache
    spec = _spec(service_bench, reviews)
    result = service_bench.wait(spec)
    other = open_workbench(dataclasses.replace(service_bench.settings, backend="", token=""))
    copied = other.peek(spec)
    np.testing.assert_array_equal(copied.values.matrix, result.values.matrix)
    assert service_bench.text_set(spec.inputs[0].texts).texts == tuple(review_lines(60))
    other.close()
