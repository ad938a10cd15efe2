"""Memory that is really short: the kernel ends a worker, in a group of processes that may have only so much of it."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.bench.workbench import Workbench
from backend.jobs.workers import WorkersExecutor
from tests.jobs.following import follow, until_extracting

ROOTS = (
    Path("/sys/fs/cgroup/memory"),
    Path("/sys/fs/cgroup"),
)  # of control groups of the first version, and of the second
LIMITS = ("memory.limit_in_bytes", "memory.max")


class MemoryGroup:
    """Processes that together may have ``n_bytes`` of memory from when they are put in."""

    def __init__(self, folder: Path, n_bytes: int) -> None:
        self._folder = folder
        limit = next(folder / name for name in LIMITS if (folder / name).exists())
        limit.write_text(str(n_bytes))

    def put(self, pid: int) -> None:
        """Let a process be one of them."""
        (self._folder / "cgroup.procs").write_text(str(pid))

    @property
    def n_ended(self) -> int:
        """How many of them the kernel has ended for want of memory."""
        place = next(self._folder / name for name in ("memory.oom_control", "memory.events"))
        lines = dict(line.split() for line in place.read_text().splitlines())
        return int(lines["oom_kill"])


@pytest.fixture
def group() -> Iterator[MemoryGroup]:
    """A group that may have 8 MB; skips where none can be made."""
    for root in ROOTS:
        folder = root / f"embedscope-test-{os.getpid()}"
        with contextlib.suppress(OSError, StopIteration):
            folder.mkdir()
            try:
                yield MemoryGroup(folder, 8 * 2**20)
                return
            finally:
                _remove(folder)
    pytest.skip("no group of processes can be made here whose memory is limited")


def _remove(folder: Path) -> None:
    for _ in range(100):
        with contextlib.suppress(OSError):
            folder.rmdir()
            return
        time.sleep(0.1)


def test_a_worker_that_the_kernel_ends_fails_its_job_and_the_next_is_done(
    workers: tuple[Workbench, WorkersExecutor], group: MemoryGroup, long_texts: Path, reviews: Path
) -> None:
    bench = workers[0]
    texts, models = bench.read_texts(long_texts), [bench.model("minilm")]
    job = bench.start(bench.analysis("cka", models=models, texts=texts))
    until_extracting(bench, job)
    pid = int(bench.health()["worker models"].split()[1])
    group.put(pid)
    ended = follow(bench, bench.status(job.id))
    assert group.n_ended == 1
    assert ended.state == "failed" and "SIGKILL" in ended.error and "run out of memory" in ended.hint
    small = bench.analysis("cka", models=models, texts=bench.read_texts(reviews, text="text"))
    assert follow(bench, bench.start(small)).state == "done"
    assert int(bench.health()["worker models"].split()[1]) != pid


def test_where_memory_is_short_workers_go_first(workers: tuple[Workbench, WorkersExecutor], reviews: Path) -> None:
    bench = workers[0]
    follow(bench, bench.start(bench.analysis("cka", models=[bench.model("minilm")], texts=bench.read_texts(reviews))))
    pid = int(bench.health()["worker models"].split()[1])
    ours, workers_own = (Path(f"/proc/{which}/oom_score_adj").read_text() for which in ("self", pid))
    assert int(workers_own) >= 500 and int(workers_own) >= int(ours)
