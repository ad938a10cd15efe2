"""The queue with real workers: short jobs pass long ones, nothing changes for it, and what is cancelled can be asked for anew."""

import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from backend import InvalidRequest, JobStatus, Settings, fingerprint, open_workbench
from backend.bench.wiring import wire_workers
from backend.bench.workbench import Workbench
from backend.jobs import lanes
from backend.jobs import workers as workers_module
from backend.jobs.base import new_job
from backend.jobs.following import Job
from backend.jobs.process import WorkerProcess
from backend.jobs.turns import Turns
from backend.jobs.workers import JobLimits, WorkersExecutor
from backend.store import Store
from backend.values.people import Person, asked_by
from backend.values.specs import AnalysisSpec
from backend.values.tasks import ResolveTask
from tests.conftest import review_lines, settings_over
from tests.jobs.following import follow, long_work
from tests.models.tiny import SEGMENTS, bert_config, save


@pytest.fixture
def limited(bench: Workbench) -> Iterator[Workbench]:
    """Workers for jobs of at most two seconds, one for each person."""
    limits = JobLimits(beside=0, seconds=2, per_person=1)
    executor = wire_workers(Store(bench.settings.cache, budget=10**10), limits=limits)
    yield Workbench(bench._store, executor, bench._codec, bench._library, bench.settings)
    executor.close()


def _until(look: Callable[[], JobStatus | None], come: Callable[[JobStatus], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while (status := look()) is None or not come(status):
        assert time.monotonic() < deadline and status is not None and status.active, status
        time.sleep(0.05)


def _until_running(bench: Workbench, job: JobStatus) -> None:
    _until(lambda: bench.status(job.id), lambda found: found.stage not in ("", "Starting a worker process"))


def test_a_short_job_passes_a_long_one_which_stands_still_meanwhile(
    workers: tuple[Workbench, WorkersExecutor], tmp_path: Path
) -> None:
    bench, executor = workers
    long = bench.start(long_work(bench, tmp_path))
    _until_running(bench, long)
    passing = bench.start(long_work(bench, tmp_path, n_rows=300, name="few"))
    stood_still = False
    while (status := bench.status(passing.id)) is not None and status.active:
        behind = bench.status(long.id)
        stood_still = stood_still or (behind is not None and behind.waits_for == passing.title)
        time.sleep(0.05)
    assert status is not None and status.state == "done", status
    assert stood_still, "while the other had its turn"
    behind = bench.status(long.id)
    assert behind is not None and behind.active and not behind.place, "the long one is not done yet"
    assert len(executor._lanes["models"].state.split(", ")) == 2
    _until(lambda: bench.status(long.id), lambda found: found.waits_for == "")
    bench.cancel(long.id)
    assert follow(bench, long).state == "cancelled"


def test_a_short_job_passes_two_long_ones_in_the_process_kept_for_such(
    workers: tuple[Workbench, WorkersExecutor], tmp_path: Path
) -> None:
    bench, executor = workers
    long = []
    for who, rows in (("ann", 5000), ("bob", 4900)):  # of two persons: both are begun
        with asked_by(Person(who)):
            long.append((who, bench.start(long_work(bench, tmp_path, n_rows=rows, name=who))))
            _until_running(bench, long[-1][1])
    lane = executor._lanes["models"]
    assert len(lane.state.split(", ")) == 2, "nobody needed a third"
    with asked_by(Person("eve")):
        passing = bench.start(long_work(bench, tmp_path, n_rows=300, name="few"))
        assert follow(bench, passing).state == "done"
    assert len(lane.state.split(", ")) == 3
    for who, job in long:
        with asked_by(Person(who)):
            behind = bench.status(job.id)
            assert behind is not None and behind.active and not behind.place, "the long ones go on"
            bench.cancel(job.id)
            assert follow(bench, job).state == "cancelled"


def test_processes_that_are_to_be_warm_are_there_before_anybody_asks_and_stay(
    workers: tuple[Workbench, WorkersExecutor],
) -> None:
    _, executor = workers
    found = [executor._lanes[kind] for kind in ("models", "layouts")]
    for lane in found:
        for hand in lane._hands:
            hand.idle = 0.2
    executor.warm()
    deadline = time.monotonic() + 60.0
    while not all(len(lane.state.split(", ")) == 2 for lane in found):
        assert time.monotonic() < deadline, [lane.state for lane in found]
        time.sleep(0.05)
    before = [lane.state for lane in found]
    time.sleep(2.0)
    assert [lane.state for lane in found] == before
    assert executor._lanes["training"].state == "not started"


def test_the_first_look_up_is_done_where_the_model_will_run_and_later_ones_are_not(
    workers: tuple[Workbench, WorkersExecutor],
) -> None:
    bench, executor = workers
    task, lanes_here = ResolveTask("minilm"), executor._lanes
    assert follow(bench, executor.first(task)).state == "done"
    assert bench.peek(task) is not None and bench.peek(task).built
    assert lanes_here["models"].state.startswith("pid") and lanes_here["resolver"].state == "not started"
    process = lanes_here["models"].state
    assert follow(bench, executor.first(task)).state == "done"
    assert follow(bench, bench.start(ResolveTask("/no/such/folder"))).state == "failed"
    assert lanes_here["resolver"].state.startswith("pid") and lanes_here["models"].state == process


def test_the_process_for_look_ups_comes_after_the_first_page(
    workers: tuple[Workbench, WorkersExecutor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers_module, "_RESOLVER_LATER", 0.0)
    _, executor = workers
    executor.first(ResolveTask("minilm"))
    deadline = time.monotonic() + 60.0
    while executor._lanes["resolver"].state == "not started":
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_a_waiting_job_is_expected_to_take_is_estimated_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "_RENEW", 0.0)
    told = iter([600.0, 2.0])
    owner = SimpleNamespace(expected=lambda _: next(told, 2.0), being_made=lambda job: job is made)
    made = Job(new_job(ResolveTask("a")), ResolveTask("a"), [("models", "run")], Person("ann"))
    lane = lanes.Lane("models", owner, pytest.fail, Turns(), 1)
    try:
        lane.put(made)  # it waits, whoever is free
        assert made.expected == 600.0
        deadline = time.monotonic() + 20.0
        while made.expected != 2.0:
            assert time.monotonic() < deadline, made.expected
            time.sleep(0.05)
        assert lane.drop(made)
    finally:
        lane.close()


def test_standing_still_between_batches_changes_no_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = save(tmp_path / "models" / "small", bert_config(), model_input_names=SEGMENTS)
    for name, value in {"MODEL_ROOTS": str(tmp_path / "models"), "BATCH_TOKENS": "64", "THREADS": "1"}.items():
        monkeypatch.setenv(f"EMBEDSCOPE_{name}", value)
    monkeypatch.setenv("EMBEDSCOPE_DEVICE", "cpu")
    matrices, n_still = [], 0
    for name in ("alone", "in turns"):
        settings = dataclasses.replace(settings_over(tmp_path / name), batch_tokens=64)
        bench = open_workbench(settings)
        texts = bench.add_texts(review_lines(120), name="some")
        asked = bench.analysis("average_cosine", models=[bench.model(str(folder))], texts=texts)
        if name == "alone":
            bench.wait(asked)
        else:
            n_still = _in_turns(settings, bench, asked)
        found = [bench._store.open_array(fingerprint(item)) for item in asked.inputs]
        matrices.append(np.array([np.array(matrix) for matrix in found]))
        bench.close()
    assert n_still >= 3, "between many batches"
    assert np.isfinite(matrices[0]).all()
    np.testing.assert_array_equal(matrices[0], matrices[1])


def _in_turns(settings: Settings, bench: Workbench, asked: AnalysisSpec) -> int:
    """Let a worker do ``asked``, which has to stand still again and again; returns how often it did."""
    process, n_still, event = WorkerProcess("models", settings.cache, settings.runs_folder), 0, None
    process.send({"job": "a", "step": "run", "task": bench._codec.task_to_json(asked), "person": {"id": ""}})
    try:
        while event is None or event["event"] in ("ready", "report"):
            quiet = event is not None and event["event"] == "report"
            if quiet:
                process.send({"still": "a"})
            event = process.event(0.05 if quiet else 180.0)
            if event is None and quiet:
                n_still += 1
                process.send({"go": "a"})
            assert event is not None or quiet, "it says nothing for three minutes"
    finally:
        process.kill()
    assert event["event"] == "done", event
    return n_still


def test_run_on_a_job_that_is_being_cancelled_starts_it_anew(
    workers: tuple[Workbench, WorkersExecutor], tmp_path: Path
) -> None:
    bench, _ = workers
    work = long_work(bench, tmp_path, n_rows=2000, name="some")
    first = bench.start(work)
    _until_running(bench, first)
    bench.cancel(first.id)
    again = bench.start(work)
    assert again.id == first.id and again.created > first.created and again.state == "queued"
    ended = follow(bench, again)
    assert (ended.state, ended.created) == ("done", again.created), "the end of the first took nothing along"

    long = bench.start(long_work(bench, tmp_path))
    _until_running(bench, long)
    began = time.monotonic()
    bench.cancel(long.id)
    assert follow(bench, long).state == "cancelled"
    assert time.monotonic() - began < 11.0, "whatever it is in the middle of"
    job = follow(bench, bench.start(long_work(bench, tmp_path, n_rows=60, name="tiny")))
    assert job.state == "done", "and the next one is done"


def test_limits_of_time_and_of_jobs_of_a_person(bench: Workbench, limited: Workbench, tmp_path: Path) -> None:
    work = long_work(bench, tmp_path)
    other = dataclasses.replace(work, seed=1)
    with asked_by(Person("ann")):
        job = limited.start(work)
        with pytest.raises(InvalidRequest, match="1 jobs of yours run or wait already; at most 1 may") as caught:
            limited.start(other)
        assert "cancel one" in caught.value.hint
        assert follow(limited, limited.start(ResolveTask("/no/such/folder"))).state == "failed", "look-ups are free"
        assert limited.start(work).id == job.id, "what runs is joined"
    with asked_by(Person("bob")):
        waiting = limited.start(other)
    limited.cancel(waiting.id)
    ended = follow(limited, job)
    assert ended.state == "failed" and "more than 2 seconds" in ended.error and "EMBEDSCOPE_JOB_SECONDS" in ended.error
    assert ended.hint


def test_two_processes_compute_nothing_twice(settings: Settings, tmp_path: Path) -> None:
    """What one makes the other waits for, here two tasks that share their activations and a result."""
    import threading

    from backend.store.claims import being_made, making

    held, stages = threading.Event(), list[str]()
    digest = "a" * 40
    settings.cache.mkdir()

    def report(done: int, total: int, stage: str) -> None:
        stages.append(stage)
        held.set()

    def wait() -> None:
        with making(settings.cache, digest, report):
            stages.append("mine")

    with making(settings.cache, digest, report):
        assert being_made(settings.cache, frozenset([digest, "b" * 40]))
        thread = threading.Thread(target=wait)
        thread.start()
        assert held.wait(10)
        assert set(stages) == {"Waiting for another job that computes the same"}
    thread.join()
    assert stages[-1] == "mine" and not being_made(settings.cache, frozenset([digest]))
    assert not list((settings.cache / "claims").iterdir())
