"""The table of tasks: every kind has its row, and a new kind is one row and one module, wherever its work is done."""

import importlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend import InvalidRequest, Settings, open_workbench
from backend.bench.workbench import Workbench
from backend.jobs.worker import KINDS
from backend.jobs.workers import WorkersExecutor
from backend.store import Store
from backend.values import preparing, tasks, vectors
from backend.values.specs import Request
from backend.work.library import Library
from backend.work.tasks import TASKS, codec, kind_of
from tests.conftest import ROOT

SCRATCH = '''
"""A kind of task that Embedscope does not have: counting words."""

from dataclasses import dataclass

from backend.values.specs import Request
from backend.work.checks import check_text
from backend.work.kinds import Kind
from backend.work.tasks import TASKS


@dataclass(frozen=True, slots=True)
class Count:
    n_words: int


@dataclass(frozen=True, slots=True)
class CountTask(Request[Count]):
    text: str


def count(hands, task, report):
    report(1, 1, "Counting")
    return Count(len(task.text.split()))


TASKS[CountTask] = Kind(
    CountTask,
    answer=Count,
    do=count,
    worker="reader",
    title=lambda task: f"count the words of {task.text}",
    check=lambda task: check_text("a text", task.text),
    lifetime=600.0,
)
'''


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The module of a new kind, here and, as if it were a part of Embedscope, in every process that is started."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    (folder / "scratch_task.py").write_text(SCRATCH)
    (folder / "sitecustomize.py").write_text("import scratch_task\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(folder), str(ROOT))))
    monkeypatch.syspath_prepend(str(folder))
    module = importlib.import_module("scratch_task")
    yield module
    del TASKS[module.CountTask], sys.modules["scratch_task"]


@pytest.fixture(params=["inline", "workers"])
def bench(request: pytest.FixtureRequest, scratch: Any, settings: Settings) -> Iterator[Workbench]:
    """A workbench over each executor that does work."""
    inline = open_workbench(settings)
    executor = inline._executor
    if request.param == "workers":
        store = Store(settings.cache, budget=settings.cache_bytes)
        executor = WorkersExecutor(store, Library(store), codec(), settings.runs_folder)
    yield Workbench(inline._store, executor, codec(), inline._library, settings)
    executor.close()
    inline.close()


def test_a_new_kind_is_one_row_and_one_module(scratch: Any, bench: Workbench) -> None:
    task = scratch.CountTask("three short words")
    assert bench.peek(task) is None
    job = bench.start(task)
    assert (job.title, job.kind) == ("count the words of three short words", "CountTask")
    deadline = time.monotonic() + 120
    while job is not None and job.active and time.monotonic() < deadline:
        time.sleep(0.05)
        job = bench.status(job.id)
    assert job is not None and (job.state, job.stage, job.error) == ("done", "Counting", "")
    assert bench.peek(task) == scratch.Count(3) == bench.wait(task)
    with pytest.raises(InvalidRequest, match="The name of a text is empty"):
        bench.start(scratch.CountTask(""))


def test_every_kind_of_task_has_a_row() -> None:
    known = [*vars(tasks).values(), *vars(preparing).values(), *vars(vectors).values()]
    kinds = {kind for kind in known if isinstance(kind, type) and issubclass(kind, Request)}
    assert kinds - {Request} == set(TASKS) and all(row.task is kind for kind, row in TASKS.items())
    assert {row.worker for row in TASKS.values() if isinstance(row.worker, str)} <= set(KINDS)
    assert list(codec().tasks.values()) == list(TASKS)


def test_what_is_in_no_row_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="No task is called str"):
        kind_of("CountTask")  # type: ignore[arg-type]
