"""Many analyses as one job: what cannot be done does not keep the rest from it, and is named."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend import Cancelled, EmbedscopeError, PrepareTask, Settings, fingerprint, open_workbench
from backend.bench.workbench import Workbench
from backend.jobs.workers import WorkersExecutor
from backend.store import Store
from backend.values.specs import AnalysisSpec
from backend.work.library import Library
from backend.work.tasks import codec
from tests.conftest import review_lines


def task_of(bench: Workbench, tmp_path: Path) -> tuple[PrepareTask, list[AnalysisSpec]]:
    """A good analysis, one that is refused once its rows are known, one for the other worker, one more."""
    path = tmp_path / "few.csv"
    labels = ["a", "b", *["c"] * 28]  # two classes of one row: no split has them in both parts
    rows = [f'"{text}",{label}' for text, label in zip(review_lines(30), labels, strict=True)]
    path.write_text("text,label\n" + "\n".join(rows) + "\n")
    texts, model = bench.read_texts(path, text="text", label="label"), bench.model("minilm")
    specs = [
        bench.analysis(name, models=[model], texts=texts, layers=[6], pooling="mean", label=label)
        for name, label in (("cka", None), ("threshold", "label"), ("projection", None), ("anisotropy", None))
    ]
    return PrepareTask(tuple(specs), "everything"), specs


@pytest.fixture(params=["inline", "workers"])
def bench_of(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Workbench]:
    inline = open_workbench(settings)
    if request.param == "inline":
        yield inline
        inline.close()
        return
    store = Store(settings.cache, budget=settings.cache_bytes)
    executor = WorkersExecutor(store, Library(store), codec(), settings.runs_folder)
    yield Workbench(store, executor, codec(), Library(store), settings)
    executor.close()
    inline.close()


def test_what_can_be_done_is_done_and_the_rest_is_named(
    bench_of: Workbench, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    bench = bench_of
    task, specs = task_of(bench, tmp_path)
    stages: list[str] = []
    found = bench.wait(task, lambda done, total, stage: stages.append(stage))
    assert found.n_done == 3
    (failed,) = found.failed
    assert (failed.place, failed.metric) == (1, "threshold")
    assert "class" in failed.reason
    assert [bench.peek(spec) is not None for spec in specs] == [True, False, True, True]
    assert bench.status(fingerprint(task)).state == "done"
    if "inline" in request.node.name:  # workers are looked at now and then, and this is over in a moment
        assert any("Projection" in stage for stage in stages), "progress names what is being done"
    assert bench.peek(task) == found


def test_a_cancel_ends_all_of_it_and_keeps_what_is_done(bench: Workbench, tmp_path: Path) -> None:
    task, specs = task_of(bench, tmp_path)

    def stop(done: int, total: int, stage: str) -> None:
        if "Projection" in stage:
            raise Cancelled()

    with pytest.raises(EmbedscopeError):
        bench.wait(task, stop)
    assert bench.status(fingerprint(task)).state == "cancelled"
    assert bench.peek(specs[0]) is not None and bench.peek(specs[3]) is None
    assert bench.wait(task).n_done == 3, "the rest, once it is asked for again"


def test_the_title_is_not_in_its_address(bench: Workbench, tmp_path: Path) -> None:
    task, _ = task_of(bench, tmp_path)
    assert fingerprint(dataclasses.replace(task, title="other")) == fingerprint(task)


def test_what_is_all_stored_already_is_prepared_at_once(bench_of: Workbench, tmp_path: Path) -> None:
    bench = bench_of
    _, (first, refused, *rest) = task_of(bench, tmp_path)
    for spec in (first, *rest):
        bench.wait(spec)
    task = PrepareTask((first, *rest))
    assert (bench.wait(task).n_done, bench.wait(task).failed) == (3, ())
    with_one = PrepareTask((first, refused))
    assert [one.place for one in bench.wait(with_one).failed] == [1]
    assert bench.peek(with_one).n_done == 1, "one that is refused is still named"
