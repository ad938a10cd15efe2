"""Fine-tuned models are judged by rows that they have not been trained on, whoever judges them, and by which page's seed."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backend
from backend import RunInfo, TextSetInfo
from backend.bench.workbench import Workbench
from backend.forms.fingerprint import fingerprint
from backend.values.history import ROWS_FILE, TableDigests, history_of
from tests.conftest import settings_over
from tests.runs import FAST, base, line, rows, saved, tuned

SEEDS = (0, 1, 7)
N = 60


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workbench, Path, TextSetInfo, RunInfo]]:
    """A workbench, its folder, sixty texts without a split, and the run "a" that was trained on 54 of them."""
    folder = tmp_path_factory.mktemp("held-out")
    bench = backend.open_workbench(settings_over(folder / "cache"))
    texts = saved(bench, folder, rows(N, 0), split=False, name="all")
    yield bench, folder, texts, tuned(bench, folder, "a", texts=texts)
    bench.close()


def seen_by(bench: Workbench, name: str) -> set[int]:
    """The digests of the rows that a run was trained on, from the file in its last step."""
    run = next(run for run in bench.runs() if run.name == name)
    text = (Path(run.folder) / f"step-{run.steps[-1]:05d}" / ROWS_FILE).read_text()
    return {int(digest) for one in history_of(text, name).trained for digest in one.seen}


def judged(bench: Workbench, texts: TextSetInfo, result: Any) -> list[int]:
    """The digests of the test rows, by the numbers that the metric ``ablation`` gives of them."""
    return [int(digest) for digest in TableDigests(bench.text_set(texts)).rows[result.values.sample]]


def ablated(bench: Workbench, model: str, texts: TextSetInfo, seed: int = 0, **choice: Any) -> Any:
    params = {"n_draws": 1, "control": False, **choice.pop("params", {})}
    return bench.compute("ablation", model=model, texts=texts, layers=[2], seed=seed, params=params, **choice)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_rows_that_a_run_held_out_are_the_test_rows_whatever_the_seed(home: Any, seed: int) -> None:
    bench, _, texts, run = home
    seen = seen_by(bench, "a")
    assert (run.n_train, run.n_test, len(seen)) == (54, 6, 54)
    for step in (0, 1, run.steps[-1]):
        result = ablated(bench, f"run:a@step-{step:05d}", texts, seed)
        split = result.values.split
        assert (split.n_train, split.n_test, split.held_out, split.test_name) == (54, 6, True, "held out")
        assert not seen & set(judged(bench, texts, result)), "a row that the run was trained on"
        assert any("6 test rows: the rows that 'a' held out" in note for note in result.notes)


@pytest.mark.parametrize(
    ("metric", "params"),
    [
        ("threshold", {}),
        ("neurons", {"n_select": 2}),
        ("component_accuracy", {"n_points": 2, "n_draws": 2}),
        ("probing", {"grid": "fixed", "n_seeds": 1}),
        ("direct_probe", {}),
        ("inner_ablation", {"n_draws": 2}),
    ],
)
def test_every_metric_with_test_rows_takes_them(home: Any, metric: str, params: dict[str, Any]) -> None:
    bench, _, texts, _ = home
    layers = "all" if metric == "inner_ablation" else [2]
    params = {**params, "control": False}
    result = bench.compute(metric, model="run:a", texts=texts, label="label", layers=layers, seed=3, params=params)
    assert (result.values.split.n_train, result.values.split.n_test) == (54, 6)


def test_the_run_and_its_base_are_judged_by_the_same_rows(home: Any) -> None:
    bench, folder, texts, _ = home
    pair = [bench.model(base(folder)), bench.model("run:a")]
    own = ablated(bench, "run:a", texts)
    beside = ablated(bench, base(folder), texts, beside=["run:a"])
    np.testing.assert_array_equal(beside.values.sample, own.values.sample)
    alone = ablated(bench, base(folder), texts)
    assert alone.values.split.n_test == 12 and alone.fingerprint != beside.fingerprint
    plan = backend.plan_report(bench, *pair, texts=texts, label="label", heavy=True)
    found = plan.named(bench.wait(plan.task))
    said = {row.key: row.meaning for row in backend.summary_rows(found, plan.layer)}
    assert "The 6 test rows are those that 'a' held out from training." in said["accuracy"]
    splits = [result.values.split for result in found.values() if hasattr(result.values, "split")]
    assert len(splits) >= 7 and {(one.n_test, one.held_out) for one in splits} == {(6, True)}
    task = backend.plan_cross_task(bench, *pair, sets=[(texts, "label")], layer=2)
    assert {spec.beside or spec.inputs[0].model for spec in task.analyses} != {()}
    assert all({*spec.beside, *(one.model for one in spec.inputs)} >= {pair[1].spec} for spec in task.analyses)


def test_only_fine_tuned_models_beside_and_only_where_there_are_test_rows_change_an_address(home: Any) -> None:
    bench, folder, texts, _ = home
    plain, run = bench.model(base(folder)), bench.model("run:a")
    assert run.tuned and not plain.tuned

    def of(metric: str, models: list[Any], beside: list[Any]) -> str:
        return fingerprint(bench.analysis(metric, models=models, texts=texts, layers=[2], beside=beside))

    assert of("threshold", [plain], []) == of("threshold", [plain], [plain]) != of("threshold", [plain], [run, plain])
    assert of("threshold", [run], []) == of("threshold", [run], [run, plain])
    assert of("cka", [plain], []) == of("cka", [plain], [run])


def test_a_series_has_the_same_test_rows_at_every_step(home: Any) -> None:
    bench, _, texts, _ = home
    series = bench.series("a")
    task = bench.series_analyses("threshold", series=series, texts=texts, layers=[2])
    assert {(one.values.split.n_test, one.values.split.held_out) for one in bench.wait(task)} == {(6, True)}


def test_another_text_set_that_shares_texts_with_the_training_is_said_and_its_shared_rows_are_not_tested(
    home: Any,
) -> None:
    bench, folder, _, _ = home
    mixed = [[f"  {row[0].upper()} ", *row[1:]] for row in rows(30, 0)] + rows(30, 0, first=200)
    texts = saved(bench, folder, mixed, split=False, name="mixed")
    seen = seen_by(bench, "a")
    n_shared = len(seen & {int(digest) for digest in TableDigests(bench.text_set(texts)).rows})
    assert 20 < n_shared < 31
    for seed in SEEDS:
        result = ablated(bench, "run:a", texts, seed)
        assert not seen & set(judged(bench, texts, result)) and result.values.split.n_test == 12
        assert result.values.split.warnings == (
            f"'a' was trained on {n_shared:,} of these texts; none of them is a test row.",
        )
        assert set(result.values.split.warnings) < set(result.notes)


def test_an_own_split_loses_the_test_rows_that_were_trained_on(home: Any) -> None:
    bench, folder, _, _ = home
    seen = seen_by(bench, "a")
    table = [*rows(20, 0, first=300), *rows(0, 40)]
    texts = saved(bench, folder, table, name="split")
    n_shared = len(seen & {int(digest) for digest in TableDigests(bench.text_set(texts)).rows})
    result = ablated(bench, "run:a", texts)
    assert result.values.split.n_test == 40 - n_shared and result.values.split.n_seen == n_shared
    assert f"{n_shared} test rows were left out: 'a' was trained on their texts." in result.values.split.warnings[0]
    base_too = ablated(bench, base(folder), texts, beside=["run:a"])
    np.testing.assert_array_equal(base_too.values.sample, result.values.sample)
    assert ablated(bench, base(folder), texts).values.split.n_test == 40


def test_what_a_run_was_trained_on_is_counted_over_all_rows_whatever_their_split(home: Any) -> None:
    bench, folder, _, _ = home
    table = rows(30, 10, first=120)
    texts = saved(bench, folder, table, name="parted")
    run = tuned(bench, folder, "parted", texts=texts, changes={"epochs": 1})
    assert (run.n_train, run.n_test) == (30, 10)
    right = "'parted' was trained on 30 of these texts; none of them is a test row."
    fixed = "Split: 30 training rows ('parted' was trained on 30 of them), 10 test rows (on none of these)"
    drawn = saved(bench, folder, [*table, *rows(30, 0, first=300)], split=False, name="parted, drawn")
    for which, n_test, said in (
        (texts, 10, fixed),
        (drawn, 14, "Split: 56 training rows ('parted' was trained on 30"),
    ):
        for model, beside in (("run:parted", []), (base(folder), ["run:parted"])):
            result = ablated(bench, model, which, beside=beside)
            assert result.values.split.n_test == n_test and result.values.split.warnings == (right,)
            assert right in result.notes and not any("none of these texts" in note for note in result.notes)
            assert any(note.startswith(said) for note in result.notes)
    other = [[*row[:2], "other"] for row in rows(8, 0, first=120)]  # neither trained nor tested on here
    aside = saved(bench, folder, [*rows(20, 10, first=300), *other], name="aside")
    assert right.replace("30", "8") in ablated(bench, "run:parted", aside).notes
    new = saved(bench, folder, rows(20, 10, first=300), name="new to it")
    assert "'parted' was trained on none of these texts." in ablated(bench, "run:parted", new).notes


def test_numbers_about_rows_that_were_trained_on_say_so(home: Any) -> None:
    bench, folder, texts, _ = home
    clusters = bench.compute("direct_probe", model="run:a", texts=texts, layers=[2], params={"control": False})
    assert clusters.values.warnings == (
        "Clusters and distances come from 54 training rows, and 'a' was trained on 54 of these: for that model they show rows "
        "that it has learnt. Those of the test rows show rows that it has not seen.",
    )
    assert clusters.values.warnings[0] in clusters.notes
    assert "'a' was trained on 54 of these texts; none of them is a test row." in clusters.notes
    steps = ["run:a@step-00000", "run:a"]
    moved = bench.compute("movement", model=steps, texts=texts, layers=[2])
    assert moved.values.warnings == (
        "'a' was trained on 54 of the 60 rows: the centroids come mostly from rows that it has seen.",
    )
    assert moved.values.warnings[0] in moved.notes
    plain = bench.compute("movement", model=base(folder), texts=texts, layers=[2])
    assert plain.values.warnings == ()


def test_where_nothing_is_new_there_is_a_refusal_that_says_what_to_do(home: Any) -> None:
    bench, folder, texts, _ = home
    table, seen = bench.text_set(texts), seen_by(bench, "a")
    known = [row for row, digest in zip(rows(N, 0), TableDigests(table).rows, strict=True) if int(digest) in seen]
    only = saved(bench, folder, known, split=False, name="only")
    with pytest.raises(backend.EmbedscopeError, match="'a' was trained on all 54 labelled rows") as caught:
        ablated(bench, "run:a", only)
    assert "Choose texts that it has not seen" in caught.value.hint
    own = saved(bench, folder, [*rows(20, 0, first=300), *([row[0], row[1], "dev"] for row in known)], name="own")
    with pytest.raises(backend.EmbedscopeError, match="None of the 54 rows of the split 'dev' is new: 54 have"):
        ablated(bench, "run:a", own)


def test_copies_of_a_run_and_runs_on_a_run_keep_what_was_seen(home: Any) -> None:
    bench, folder, texts, run = home
    copied = folder / "elsewhere"
    shutil.copytree(Path(run.folder) / f"step-{run.steps[-1]:05d}", copied)
    np.testing.assert_array_equal(
        ablated(bench, str(copied), texts).values.sample, ablated(bench, "run:a", texts).values.sample
    )
    changes = {**FAST, "epochs": 1, "seed": 5, "held_out": 0.3}
    second = bench.finetune("second", model=str(copied), texts=texts, recipe="zhou", changes=changes)
    assert (second.n_train, second.n_test) == (54, 6), "what the first run held out, whatever the seed and the share"
    new = saved(bench, folder, rows(40, 0, first=200), split=False, name="new")
    third = bench.finetune("third", model="run:second", texts=new, recipe="zhou", changes=changes)
    assert (third.n_train, third.n_test) == (28, 12)
    kept = history_of((Path(third.folder) / "step-00000" / ROWS_FILE).read_text(), "third")
    assert [one.run for one in kept.trained] == ["a", "second", "third"]
    for which, n_test in ((texts, 6), (new, 12)):
        result = ablated(bench, "run:third", which)
        assert result.values.split.n_test == n_test
        assert not seen_by(bench, "third") & set(judged(bench, which, result))


def test_an_adapter_on_a_run_keeps_what_the_run_saw(home: Any) -> None:
    peft = pytest.importorskip("peft")
    from transformers import AutoModelForSequenceClassification

    bench, folder, texts, run = home
    below = Path(run.folder) / f"step-{run.steps[-1]:05d}"
    model = AutoModelForSequenceClassification.from_pretrained(below)
    config = peft.LoraConfig(task_type="SEQ_CLS", r=2, target_modules=["query", "value"])
    peft.get_peft_model(model, config).save_pretrained(folder / "adapter")
    settings = json.loads((folder / "adapter" / "adapter_config.json").read_text())
    settings["base_model_name_or_path"] = str(below)
    (folder / "adapter" / "adapter_config.json").write_text(json.dumps(settings))
    result = ablated(bench, str(folder / "adapter"), texts)
    assert result.values.split.held_out and result.values.split.n_test == 6


def test_what_is_not_known_of_a_run_is_said(home: Any) -> None:
    bench, folder, texts, run = home
    old = folder / "old"
    shutil.copytree(Path(run.folder) / f"step-{run.steps[-1]:05d}", old)
    (old / ROWS_FILE).unlink()
    result = ablated(bench, str(old), texts)
    assert result.values.split.n_test == 12 and "It is not known which rows" in result.values.split.warnings[0]
    assert result.values.split.warnings[0] in result.notes
    (old / ROWS_FILE).write_text("{}")
    with pytest.raises(backend.EmbedscopeError, match="is damaged"):
        ablated(bench, str(old), texts)


def test_copies_of_a_training_text_are_no_test_rows_of_a_run(home: Any) -> None:
    bench, folder, _, _ = home
    table = [row for row in rows(20, 0) for _ in range(3)]
    texts = saved(bench, folder, table, split=False, name="thrice")
    run = tuned(bench, folder, "thrice", texts=texts, changes={"epochs": 1, "held_out": 0.2})
    seen = seen_by(bench, "thrice")
    assert (len(seen), run.n_train, run.n_test) == (16, 48, 12)
    assert any("40 rows repeat the text of another" in note for note in run.notes)
    dev = [[table[0][0], table[0][1], "dev"], [line(500, "good"), "good", "dev"], [line(501, "bad"), "bad", "dev"]]
    own = saved(bench, folder, [*rows(20, 0), *dev], name="leaky")
    leaky = tuned(bench, folder, "leaky", texts=own, changes={"epochs": 1})
    assert leaky.n_test == 2
    assert any(
        "1 test rows were left out because their text is among the training rows" in note for note in leaky.notes
    )


def test_rows_that_decided_when_to_stop_are_said_to_have(home: Any) -> None:
    bench, folder, _, _ = home
    texts = saved(bench, folder, rows(40, 0, first=100), split=False, name="patient")
    tuned(bench, folder, "patient", texts=texts, changes={"epochs": 2, "patience": 1})
    result = ablated(bench, "run:patient", texts)
    assert "4 of 4 test rows were used to decide at which step 'patient' stopped" in result.values.split.warnings[0]


def test_two_runs_with_other_held_out_rows_are_judged_by_what_neither_saw(home: Any) -> None:
    bench, folder, texts, _ = home
    tuned(bench, folder, "half", texts=texts, changes={"epochs": 1, "held_out": 0.5, "seed": 9})
    result = ablated(bench, "run:half", texts, beside=["run:a"])
    both = seen_by(bench, "a") | seen_by(bench, "half")
    assert 0 < result.values.split.n_test < 6 and not both & set(judged(bench, texts, result))
    with pytest.raises(backend.EmbedscopeError, match="no split 'dev'"):
        ablated(bench, "run:half", texts, params={"test_split": "dev"})


def test_no_step_before_a_metric_hears_of_its_test_rows(home: Any) -> None:
    bench, folder, _, _ = home
    plain, steps = rows(30, 20), [backend.PostProcess("standardise")]
    strange = [*plain[:30], *([f"{row[0]} {'film ' * 12}", *row[1:]] for row in plain[30:])]
    found = [
        bench.compute(
            "threshold", model=base(folder), texts=texts, layers=[2], postprocess=steps, params={"dimension": 3}
        ).values
        for texts in (saved(bench, folder, plain, name="plain"), saved(bench, folder, strange, name="strange"))
    ]
    assert found[0].split.n_train == found[1].split.n_train == 30
    assert found[0].train_accuracy == found[1].train_accuracy
    np.testing.assert_allclose(found[0].thresholds, found[1].thresholds, atol=1e-4)
    texts = saved(bench, folder, plain, name="plain")
    result = bench.compute("threshold", model=base(folder), texts=texts, layers=[2], postprocess=steps)
    assert "Activations are standardised, fitted on 30 training rows." in result.notes
    freely = bench.compute("anisotropy", model=base(folder), texts=texts, layers=[2], postprocess=steps)
    assert "Activations are standardised." in freely.notes


def test_a_runs_name_means_the_same_step_however_the_run_ended_and_is_kept_with_it(home: Any) -> None:
    from backend.models.runfolder import RunFolder

    bench, _, texts, run = home
    assert (run.step, run.model, run.accuracy) == (run.steps[-1], "run:a", run.accuracies[-1])
    rising = replace(run, accuracies=(1.0, *run.accuracies[1:-1], 0.5))
    for state in backend.values.runs.RUN_STATES:
        assert replace(rising, state=state).step == run.steps[-1]
    patient = replace(rising, recipe=replace(run.recipe, patience=1))
    assert {replace(patient, state=state).step for state in backend.values.runs.RUN_STATES} == {0}
    before = bench.compute("cka", model="run:a", texts=texts)
    pinned = f"run:a@step-{run.steps[-1]:05d}"
    assert before.sources[0].model == pinned == bench.model("run:a").spec.name
    assert before.recipe["inputs"][0]["model"]["name"] == pinned
    for name, step in ((f"run:a@{run.steps[1]}", run.steps[1]), ("run:a@last", run.steps[-1]), ("run:a@best", None)):
        assert bench.model(name).spec.name == f"run:a@step-{run.best_step if step is None else step:05d}"
    with pytest.raises(backend.EmbedscopeError, match="has no"):
        bench.model("run:a@7777777")
    home_of = RunFolder(Path(run.folder).parent, "a")
    try:
        home_of.write(replace(run, state="stopped", steps=run.steps[:-1], accuracies=run.accuracies[:-1]))
        stopped = next(one for one in bench.runs() if one.name == "a")
        assert stopped.model == f"run:a@step-{run.steps[-2]:05d}"
        again = bench.compute(bench.from_recipe(before.recipe))
        assert again.fingerprint == before.fingerprint and again.sources[0].model == pinned
    finally:
        home_of.write(run)
