"""A disk that is really full while a run of fine-tuning is written: its steps, what it goes on from, its log and its record."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend import EmbedscopeError, RunInfo, Settings, open_workbench
from backend.bench.workbench import Workbench
from backend.values.tasks import FinetuneTask
from tests.conftest import settings_over
from tests.runs import FAST, base, rows, saved, tuned, weights
from tests.store.smalldisk import SmallDisk, small_disk

LAST = "step-00012"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunInfo, int]:
    """The run on a disk with room, and how often it reports."""
    folder, reports = tmp_path_factory.mktemp("whole"), []
    bench = open_workbench(settings_over(folder / "cache"))
    info = tuned(bench, folder, report=lambda *told: reports.append(told))
    bench.close()
    return info, len(reports)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", 8_000_000) as made:
        if not made.mounted:
            pytest.skip("no file system can be mounted here, so that no disk is really full")
        yield made


@pytest.fixture
def bench(disk: SmallDisk, settings: Settings) -> Iterator[Workbench]:
    """A workbench whose runs lie on the small disk."""
    found = open_workbench(dataclasses.replace(settings, runs=disk.folder / "runs"))
    yield found
    found.close()


def _task(bench: Workbench, folder: Path) -> FinetuneTask:
    return bench.finetuning("a", model=base(folder), texts=saved(bench, folder, rows()), recipe="zhou", changes=FAST)


@pytest.mark.parametrize(
    ("share", "left"),
    [
        (0.0, 0),
        (0.0, 4096),
        (0.3, 0),
        (0.3, 100_000),
        (0.3, 300_000),
        (0.6, 4096),
        (0.6, 300_000),
        (0.9, 0),
        (0.9, 100_000),
    ],
)
def test_a_full_disk_ends_the_run_with_a_message_and_it_goes_on_from_there(
    share: float, left: int, bench: Workbench, disk: SmallDisk, tmp_path: Path, undisturbed: tuple[RunInfo, int]
) -> None:
    """``left`` bytes are left once ``share`` of the work is done: too few for the record, the log, a step, or what it goes on from."""
    whole, n_reports = undisturbed
    seen = 0

    def report(done: int, total: int, stage: str) -> None:
        nonlocal seen
        if seen == int(share * n_reports):
            disk.fill(left)
        seen += 1

    task = _task(bench, tmp_path)
    with pytest.raises(
        EmbedscopeError, match=r"cannot be written: No space left on device \(.* MB are free there\)"
    ) as told:
        bench.wait(task, report)
    assert "Free some space" in told.value.hint
    assert not [path for path in (disk.folder / "runs").rglob("*") if path.name.startswith(".part")], (
        "nothing half-written"
    )
    assert [run.state for run in bench.runs()] in (["failed"], ["stopped"]), (
        "also where its record could not be written"
    )
    disk.free()
    again = bench.wait(task)
    assert again.state == "done" and weights(again, LAST) == weights(whole, LAST), "as if nothing had been"
