"""A metric over a series of checkpoints: one job, one result a step, resumed where it was cancelled."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from backend import BatchTask, EmbedscopeError, InvalidRequest, ModelError, TextSetInfo, fingerprint, series_document
from backend.bench.workbench import Workbench
from backend.errors import Cancelled
from tests.conftest import entered
from tests.models import tiny


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    for seed, step in enumerate((0, 8, 100)):
        tiny.save(folder / f"checkpoint-{step}", tiny.gpt2_config(), seed=seed, pad=False, template="$A")
    return folder


@pytest.fixture
def texts(bench: Workbench) -> TextSetInfo:
    return bench.add_texts(tiny.TEXTS * 3)


def test_one_result_a_step_equal_to_that_of_the_model_alone(
    bench: Workbench, checkpoints: Path, texts: TextSetInfo
) -> None:
    series = bench.series(str(checkpoints))
    assert series.steps == (0, 8, 100) and series.n_found == 3 and not series.broken
    task = bench.series_analyses("anisotropy", series=series, texts=texts)
    assert bench.peek(task) is None
    found = bench.compute_series(task, series)
    assert not found.joint
    for member, result in zip(series.members, found.results, strict=True):
        alone = bench.compute("anisotropy", model=member.model, texts=texts)
        np.testing.assert_array_equal(result.values.anisotropy, alone.values.anisotropy)
    assert len({float(result.values.anisotropy[-1]) for result in found.results}) == 3
    document = series_document(found)
    assert document["result"]["steps"] == [0, 8, 100]
    assert [entry["step"] for entry in document["result"]["entries"]] == [0, 8, 100]
    json.dumps(document, allow_nan=False)


def test_each_step_is_compared_with_one(bench: Workbench, checkpoints: Path, texts: TextSetInfo) -> None:
    series = bench.series(str(checkpoints))
    for against, own in (("first", 0), ("last", 2)):
        task = bench.series_analyses("cka", series=series, against=against, texts=texts)
        found = bench.compute_series(task, series)
        diagonals = [np.diag(result.values.matrix) for result in found.results]
        np.testing.assert_allclose(diagonals[own], 1.0, atol=1e-9)
        assert all(abs(diagonals[k][-1] - 1.0) > 1e-3 for k in range(3) if k != own)
    with pytest.raises(InvalidRequest, match="does not compare"):
        bench.series_analyses("anisotropy", series=series, against="first", texts=texts)


@pytest.mark.parametrize("against", ["first", "last"])
def test_progress_names_the_step_it_is_at_and_not_the_one_it_is_compared_with(
    bench: Workbench, checkpoints: Path, texts: TextSetInfo, against: str
) -> None:
    series = bench.series(str(checkpoints))
    task = bench.series_analyses("cka", series=series, against=against, texts=texts)
    stages: list[str] = []
    bench.wait(task, lambda done, total, stage: stages.append(stage))
    for number, step in enumerate(series.steps, 1):
        said = {stage.split(": ")[0] for stage in stages if stage.startswith(f"{number} of 3, ")}
        assert said == {f"{number} of 3, checkpoint-{step}"}


def test_the_clusters_of_the_step_that_all_are_compared_with_are_found_once(
    bench: Workbench, checkpoints: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from backend.metrics.direct_probe import metric

    path = tmp_path / "rows.csv"
    lines = [f"{text} number {row},{'ab'[row % 2]}" for row, text in enumerate(list(tiny.TEXTS) * 4)]
    path.write_text("text,label\n" + "\n".join(line.replace(",", " ", line.count(",") - 1) for line in lines) + "\n")
    labelled = bench.read_texts(path, text="text", label="label")
    series = bench.series(str(checkpoints))
    calls: list[bytes] = []
    real = metric.direct_probe

    def counted(x: np.ndarray, *args: object, **options: object) -> object:
        calls.append(np.ascontiguousarray(x).tobytes())
        return real(x, *args, **options)

    monkeypatch.setattr(metric, "direct_probe", counted)
    task = bench.series_analyses(
        "direct_probe", series=series, against="first", texts=labelled, label="label", pooling="mean", layers=[1, 2]
    )
    found = bench.compute_series(task, series)
    assert len(calls) == len(set(calls)) == 3 * 2 * 2, "steps, layers, training and test rows"
    for result in found.results:
        np.testing.assert_array_equal(result.values.other_n_clusters, found.results[0].values.n_clusters)
        np.testing.assert_array_equal(result.values.other_distances, found.results[0].values.distances)


def test_what_was_done_before_a_cancel_stays_done(bench: Workbench, checkpoints: Path, texts: TextSetInfo) -> None:
    series = bench.series(str(checkpoints))
    task = bench.series_analyses("anisotropy", series=series, texts=texts)
    shares: list[float] = []

    def until(limit: float) -> Callable[[int, int, str], None]:
        def report(done: int, total: int, stage: str) -> None:
            if total:
                shares.append(done / total)
                if done / total >= limit:
                    raise Cancelled()

        return report

    with pytest.raises(EmbedscopeError):
        bench.wait(task, until(0.5))
    assert shares == sorted(shares), "one bar that never goes back"
    assert [bench.peek(spec) is not None for spec in task.analyses] == [True, False, False]
    shares.clear()
    bench.wait(task, until(2.0))
    assert shares[0] >= 1 / 3 and shares == sorted(shares)
    assert bench.status(fingerprint(task)).state == "done"  # type: ignore[union-attr]


def test_missing_and_broken_members_are_named_and_skipped_on_request(
    bench: Workbench, checkpoints: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    for step in (0, 8):
        (folder / f"checkpoint-{step}").parent.mkdir(exist_ok=True)
        (folder / f"checkpoint-{step}").symlink_to(checkpoints / f"checkpoint-{step}")
    (folder / "checkpoint-9").mkdir()
    tiny.save(folder / "checkpoint-20", tiny.gpt2_config(n_inner=16), pad=False, template="$A")
    tiny.save(folder / "checkpoint-30", tiny.bert_config())
    wide = folder / "checkpoint-40"
    tiny.save(wide, tiny.bert_config(num_hidden_layers=2))
    with pytest.raises(ModelError, match=r"step 9: .*has no config.json; step 30: it has 3 blocks"):
        bench.series(str(folder))
    found = bench.series(str(folder), skip_broken=True)
    assert found.steps == (0, 8, 20) and [item.step for item in found.broken] == [9, 30, 40] and found.n_found == 6
    with pytest.raises(ModelError, match="step 5: there is no checkpoint of this step"):
        bench.series(str(folder), steps=(0, 5, 8))
    with pytest.raises(EmbedscopeError, match="has 1 usable checkpoint"):
        bench.series(str(folder), steps=(0, 9), skip_broken=True)


def test_a_series_task_and_a_batch_travel_as_json(bench: Workbench, checkpoints: Path, texts: TextSetInfo) -> None:
    from backend.bench.wiring import CODEC
    from backend.values.tasks import SeriesTask

    series = bench.series(str(checkpoints))
    for task in (
        bench.series_analyses("intrinsic_dimension", series=series, texts=texts),
        SeriesTask("x", steps=(1, 2), at_most=3),
    ):
        again = CODEC.task_from_json(json.loads(json.dumps(CODEC.task_to_json(task))))
        assert again == task and fingerprint(again) == fingerprint(task)
    for wrong in ({"type": "BatchTask"}, {"type": "BatchTask", "analyses": []}, {"type": "BatchTask", "analyses": [3]}):
        with pytest.raises(InvalidRequest):
            CODEC.task_from_json(wrong)
    assert isinstance(task, SeriesTask) and not isinstance(task, BatchTask)


def test_the_command_line_takes_a_series(checkpoints: Path, reviews: Path, tmp_path: Path) -> None:
    out = tmp_path / "series.json"
    options = ("--texts", reviews, "--text", "text", "--label", "label", "--quiet")
    series = ("--series", checkpoints, "--at-most", "2")
    done = entered("analyse", "--metric", "anisotropy", *series, *options, "--out", out, cache=tmp_path / "cache")
    assert done.returncode == 0, done.stderr
    data = json.loads(out.read_text())
    assert data["result"]["steps"] == [0, 100]
    assert all(len(entry["result"]["anisotropy"]) == 5 for entry in data["result"]["entries"])
    done = entered("run", out, "--quiet", cache=tmp_path / "cache")
    assert done.returncode == 0, done.stderr
    assert [item["metric"] for item in json.loads(done.stdout)] == ["anisotropy"] * 2
    for wrong, words in (
        (("--series", checkpoints, "--model", "minilm"), "has its own models"),
        (("--steps", "0,8"), "need --series"),
        (("--series", checkpoints, "--steps", "0,x"), "not a list of steps"),
    ):
        done = entered("analyse", "--metric", "anisotropy", *wrong, *options, cache=tmp_path / "cache")
        assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr
