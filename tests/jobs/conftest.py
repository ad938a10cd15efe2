"""An executor with workers of its own, and texts that keep it busy."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend import Settings, open_workbench
from backend.bench.wiring import wire_workers
from backend.bench.workbench import Workbench
from backend.jobs.workers import JobLimits, WorkersExecutor
from backend.store import Store
from tests.conftest import review_lines


@pytest.fixture
def long_texts(tmp_path: Path) -> Path:
    """Texts whose extraction takes a while."""
    path = tmp_path / "long.txt"
    path.write_text("\n".join(f"{line} {' '.join(line.split()[:5] * 12)}" for line in review_lines(4000)))
    return path


def _with_workers(settings: Settings, limits: JobLimits) -> Iterator[tuple[Workbench, WorkersExecutor]]:
    inline = open_workbench(settings)
    os.environ["EMBEDSCOPE_DEVICE"] = "cpu"
    executor = wire_workers(Store(settings.cache, budget=settings.cache_bytes), limits=limits)
    yield Workbench(inline._store, executor, inline._codec, inline._library, settings), executor
    executor.close()
    inline.close()


@pytest.fixture
def workers(settings: Settings) -> Iterator[tuple[Workbench, WorkersExecutor]]:
    """An executor of one's own, so that its workers can be killed."""
    yield from _with_workers(settings, JobLimits())


@pytest.fixture
def one_at_a_time(settings: Settings) -> Iterator[Workbench]:
    """Workers of which none is kept for short jobs: whatever a job is expected to take, it waits for the one before."""
    for bench, _ in _with_workers(settings, JobLimits(beside=0)):
        yield bench
