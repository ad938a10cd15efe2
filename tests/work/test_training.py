"""A run of fine-tuning from the task to its folder: what is learned, saved and said; interrupted; refused."""

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from backend import (
    EmbedscopeError,
    InvalidRequest,
    RunInfo,
    Settings,
    open_workbench,
)
from backend.bench.wiring import wire_workers
from backend.bench.workbench import Workbench
from backend.store import Store
from backend.work.runner import Runner
from tests.conftest import settings_over
from tests.runs import CLASSES, FAST, base, cancelled_after, rows, saved, tuned, weights
from tests.work.word_rows import conllu

LAST, LEARNED = "step-00012", "step-00040"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workbench, Path]]:
    """A workbench with the run "whole" of twelve steps, and "learned" of forty, for tests that only look at them."""
    folder = tmp_path_factory.mktemp("home")
    workbench = open_workbench(settings_over(folder / "cache"))
    tuned(workbench, folder, "whole")
    tuned(workbench, folder, "learned", texts=saved(workbench, folder, rows(80), name="many"))
    yield workbench, folder
    workbench.close()


def _run(home: tuple[Workbench, Path], name: str = "whole") -> RunInfo:
    return next(run for run in home[0].runs() if run.name == name)


def test_a_run_learns_and_its_folder_holds_ordinary_models(home: tuple[Workbench, Path]) -> None:
    info = _run(home, "learned")
    folder = Path(info.folder)
    assert (info.state, info.steps, info.total_steps) == ("done", (0, 1, 2, 4, 8, 16, 20, 40), 40)
    assert sorted(path.name for path in folder.iterdir()) == [
        "log.jsonl",
        "run.json",
        *(f"step-{step:05d}" for step in info.steps),
    ]
    kinds = {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert kinds <= {".json", ".jsonl", ".safetensors", ".md"}, "no pickle"
    assert (info.n_train, info.n_test, info.majority, info.judged_on) == (80, 8, 0.5, "dev")
    assert info.accuracy == info.accuracies[-1] == 1.0 > info.accuracies[0], "the label is a word of the text"
    assert 0.0 <= info.frozen <= 1.0 and info.frozen_pooling == "cls" and 0.0 <= info.frozen_mean <= 1.0
    card = (folder / LEARNED / "README.md").read_text()
    for part in (info.commit, info.table, "learning_rate | 0.005", "seed | 0", f"{info.accuracy:.4f}", "step 40"):
        assert part in card, part


def test_the_log_has_every_step_and_evaluation(home: tuple[Workbench, Path]) -> None:
    info = _run(home, "learned")
    log = home[0].run_log("learned")
    steps = [row for row in log if "loss" in row]
    assert [row["step"] for row in steps] == list(range(1, 41))
    assert all(row["grad_norm"] > 0 for row in steps) and steps[-1]["epoch"] == 2.0
    rates = [row["learning_rate"] for row in steps]  # of the update itself: a tenth of 40 steps rise, the others fall
    np.testing.assert_allclose(rates[:5], [0.0, 1.25e-3, 2.5e-3, 3.75e-3, 5e-3])
    np.testing.assert_allclose(np.diff(rates[4:]), -5e-3 / 36, rtol=1e-6)
    seen = [(row["step"], row["eval_accuracy"]) for row in log if "eval_accuracy" in row]
    assert seen == list(zip(info.steps, info.accuracies, strict=True))


def test_a_run_and_its_steps_are_models_wherever_a_model_is_named(home: tuple[Workbench, Path]) -> None:
    (bench, tmp_path), info = home, _run(home, "learned")
    model, first = bench.model("run:learned"), bench.model("run:learned@step-00000")
    assert (model.spec.name, model.labels, model.has_head) == (f"run:learned@{LEARNED}", CLASSES, True)
    assert model.spec.commit == bench.model(f"run:learned@{LEARNED}").spec.commit != first.spec.commit
    assert model.tokenizer == bench.model(base(tmp_path)).tokenizer
    texts = saved(bench, tmp_path, rows(80), name="many")
    found = bench.compute("ablation", model="run:learned", texts=texts, pooling="cls", layers=[3])
    assert any("model's own head" in note for note in found.notes), found.notes
    assert found.values.accuracy[0, 0, 0] == info.accuracy
    for name, message in (("run:b", "no run 'b'"), ("run:whole@step-9", "has no 'step-9'"), ("run:../a", "no run")):
        with pytest.raises(EmbedscopeError, match=message):
            bench.model(name)


def test_the_same_seed_gives_the_same_weights_and_another_one_does_not(
    home: tuple[Workbench, Path], bench: Workbench, tmp_path: Path
) -> None:
    one, two = _run(home), tuned(bench, tmp_path, "two")
    other = tuned(bench, tmp_path, "other", changes={"seed": 1})
    assert weights(one, LAST) == weights(two, LAST) != weights(other, LAST)
    assert one.accuracies == two.accuracies and one.losses == two.losses


def test_accumulated_batches_make_the_step_of_one_large_batch(bench: Workbench, tmp_path: Path) -> None:
    """Loss and gradient of a step are means over its rows, however they are parted."""
    config = Path(base(tmp_path)) / "config.json"
    still = {**json.loads(config.read_text()), "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    config.write_text(json.dumps(still))
    same = {"dropout": 0.0, "max_steps": 3, "learning_rate": 1e-3}
    tuned(bench, tmp_path, "whole", changes={"batch_size": 16, "accumulation": 1, **same})
    tuned(bench, tmp_path, "parts", changes={"batch_size": 4, "accumulation": 4, **same})
    logs = [[row for row in bench.run_log(name) if "loss" in row] for name in ("whole", "parts")]
    for name in ("loss", "grad_norm"):
        np.testing.assert_allclose([row[name] for row in logs[0]], [row[name] for row in logs[1]], rtol=1e-3)


def test_what_is_done_stays_and_a_name_stands_for_one_task(bench: Workbench, tmp_path: Path) -> None:
    info = tuned(bench, tmp_path)
    before = weights(info, LAST)
    assert tuned(bench, tmp_path) == info
    with pytest.raises(EmbedscopeError, match="already exists") as caught:
        tuned(bench, tmp_path, changes={"epochs": 1})
    assert "another name" in caught.value.hint and weights(info, LAST) == before
    bench.clear_cache()
    assert bench.runs() == [info], "clearing the cache leaves the runs"


def test_a_cancelled_run_keeps_what_is_saved_and_goes_on(
    home: tuple[Workbench, Path], bench: Workbench, tmp_path: Path
) -> None:
    whole = _run(home)
    task = cancelled_after(bench, tmp_path, 5)
    (run,) = [run for run in bench.runs() if run.name == "b"]
    assert (run.state, run.steps) == ("stopped", (0, 1, 2, 4))
    assert [path.name for path in (Path(run.folder) / "resume").iterdir()] == ["checkpoint-4"]
    stages: list[tuple[int, str]] = []
    info: RunInfo = bench.wait(task, lambda done, total, stage: stages.append((done, stage)))
    assert min(done for done, stage in stages if stage.startswith("epoch")) == 5, "on from the last saved step"
    assert weights(info, LAST) == weights(whole, LAST)
    assert (info.steps, info.accuracies, info.losses) == (whole.steps, whole.accuracies, whole.losses)
    assert bench.run_log("b") == home[0].run_log("whole")
    assert not (Path(info.folder) / "resume").exists()


def test_going_on_after_an_epoch_is_the_same_too(
    home: tuple[Workbench, Path], bench: Workbench, tmp_path: Path
) -> None:
    info = bench.wait(cancelled_after(bench, tmp_path, 8))
    assert weights(info, LAST) == weights(_run(home), LAST)


def test_a_killed_worker_goes_on_where_it_was(
    bench: Workbench, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {**FAST, "batch_size": 1}
    whole = tuned(bench, tmp_path, "whole", changes=changes)
    monkeypatch.setenv("EMBEDSCOPE_DEVICE", "cpu")
    monkeypatch.setenv("EMBEDSCOPE_THREADS", "1")
    monkeypatch.setenv("EMBEDSCOPE_MODEL_ROOTS", str(tmp_path))
    executor = wire_workers(Store(settings.cache, budget=settings.cache_bytes))
    served = Workbench(bench._store, executor, bench._codec, bench._library, settings)
    texts = saved(bench, tmp_path, rows())
    task = bench.finetuning("killed", model=base(tmp_path), texts=texts, recipe="zhou", changes=changes)
    step = random.randrange(3, 45)
    job = served.start(task)
    log = settings.cache / "runs" / "killed" / "log.jsonl"
    deadline = time.monotonic() + 120
    while not (log.exists() and f'"step": {step},' in log.read_text()) and time.monotonic() < deadline:
        time.sleep(0.001)
    os.kill(int(served.health()["worker training"].split()[1]), signal.SIGKILL)
    while (status := served.status(job.id)) is not None and status.active and time.monotonic() < deadline:
        time.sleep(0.05)
    assert status is not None and status.state == "failed" and "SIGKILL" in status.error
    (run,) = [run for run in served.runs() if run.name == "killed"]
    assert run.state == "stopped" and run.steps and max(run.steps) <= 48
    info = served.wait(task)
    executor.close()
    assert (info.state, info.steps) == ("done", whole.steps), f"killed at step {step}"
    assert weights(info, "step-00048") == weights(whole, "step-00048"), f"killed at step {step}"


def test_a_decoder_without_padding_gets_one_and_says_so(bench: Workbench, tmp_path: Path) -> None:
    info = tuned(bench, tmp_path, family="gpt2", changes={"dropout": 0.2})
    assert any("no padding token" in note and "</s>" in note for note in info.notes)
    config = json.loads((Path(info.folder) / LAST / "config.json").read_text())
    assert config["pad_token_id"] == config["eos_token_id"] == 2
    assert info.frozen_pooling == "last"
    found = bench.compute("ablation", model="run:a", texts=saved(bench, tmp_path, rows()), pooling="last", layers=[4])
    assert any("model's own head" in note for note in found.notes), found.notes


def test_words_are_learned_with_a_head_beside_the_backbone(bench: Workbench, tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    path = tmp_path / "w.conllu"
    path.write_text(conllu(24, n_long=3), encoding="utf-8")
    texts = bench.read_texts(path)
    changes = {"max_length": 12}
    info = tuned(bench, tmp_path, texts=texts, changes=changes)
    assert info.unit == "word" and info.n_lost > 0 and info.frozen_pooling == "words" and info.judged_on == "held out"
    assert info.n_train + info.n_test == texts.spec.n_rows
    folder = Path(info.folder) / f"step-{info.total_steps:05d}"
    head = load_file(folder / "word_head.safetensors")
    assert head["weight"].shape == (len(info.classes), 32) and bench.model("run:a").has_head is False
    # By hand: the rows that were held out, their mean vectors in the saved backbone, the saved head.
    from backend.metrics.shared.splits import SplitParams, split_rows
    from backend.textsets.classes import encode_labels

    spec = bench.analysis("anisotropy", models=[bench.model("run:a")], texts=texts, layers=[3], max_length=12)
    bench.wait(spec)
    runner: Runner = bench._executor._runner  # type: ignore[attr-defined]
    stack = runner._stacks.plain(spec.inputs)
    labels = encode_labels(bench.text_set(texts), "upos")
    split = split_rows(labels, SplitParams(test_share=0.1), 0)
    rows_ = stack.matrices[0].text_index
    assert rows_ is not None
    kept = np.isin(rows_, split.test)
    logits = stack.matrices[0].rows[kept] @ head["weight"].T + head["bias"]
    assert np.mean(logits.argmax(axis=1) == labels.values[rows_[kept]]) == pytest.approx(info.accuracy)


def test_pairs_of_words_are_learned_side_by_side(bench: Workbench, tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    path = tmp_path / "w.conllu"
    path.write_text(conllu(24), encoding="utf-8")
    info = tuned(bench, tmp_path, texts=bench.read_texts(path, task="deprel"), changes={"max_steps": 2})
    head = load_file(Path(info.folder) / "step-00002" / "word_head.safetensors")
    assert info.unit == "word_pair" and head["weight"].shape[1] == 64


def test_early_stopping_never_looks_at_the_test_rows(bench: Workbench, tmp_path: Path) -> None:
    texts = saved(bench, tmp_path, rows(40, 12, "test"))
    changes = {"patience": 1, "epochs": 12, "held_out": 0.2}
    info = tuned(bench, tmp_path, texts=texts, recipe="matton", changes=changes)
    assert (info.n_train, info.n_test, info.n_final, info.judged_on) == (32, 8, 12, "held out")
    assert info.step == info.best_step and info.steps[-1] < info.total_steps == 96, "it stopped early"
    assert 0.0 <= info.test_accuracy <= 1.0 and 0.0 <= info.test_frozen <= 1.0
    found = bench.compute("ablation", model="run:a", texts=texts, pooling="cls", layers=[3])
    assert found.values.accuracy[0, 0, 0] == pytest.approx(info.test_accuracy), "the test rows, at the best step"


def _single(table: list[list[str]], place: int, value: str) -> list[list[str]]:
    return [[*row[:place], value, *row[place + 1 :]] for row in table]


ABSENT = [*rows(), ["the cat was very dull", "dull", "dev"], ["the dog was dull", "dull", "dev"]]
REFUSED = {
    "one class": (_single(rows(), 1, "good"), "of one class", "another label column"),
    "a class without training rows": (ABSENT, "No training row is of class 'dull'", "every class"),
    "too few rows": (rows(6, 4), "6 training rows are too few", "at least 8"),
    "no train split": (_single(rows(), 2, "dev"), "No split is called train", "train"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_rows_that_cannot_be_learned_from_are_refused(bench: Workbench, tmp_path: Path, case: str) -> None:
    table, message, hint = REFUSED[case]
    with pytest.raises(EmbedscopeError, match=message) as caught:
        tuned(bench, tmp_path, texts=saved(bench, tmp_path, table))
    assert hint in caught.value.hint
    assert bench.runs() == [] and not (bench.settings.cache / "runs" / "a").exists()


def test_no_labels_no_such_recipe_and_bad_names_are_refused(bench: Workbench, tmp_path: Path) -> None:
    path = tmp_path / "plain.txt"
    path.write_text("the cat sat\nthe dog ran\n")
    with pytest.raises(InvalidRequest, match="has no labels") as caught:
        tuned(bench, tmp_path, texts=bench.read_texts(path))
    assert caught.value.hint
    with pytest.raises(InvalidRequest, match="no recipe 'x'"):
        tuned(bench, tmp_path, recipe="x")
    for name in ("../a", "a/b", "", ".hidden", "a b", "x" * 81, "a\n", "-a", "ä"):
        with pytest.raises(InvalidRequest, match="cannot be called"):
            tuned(bench, tmp_path, name)
    with pytest.raises(EmbedscopeError, match="encoder-decoder"):
        tuned(bench, tmp_path, family="t5")
    assert tuned(bench, tmp_path, changes={"max_steps": 1}).state == "done", "the name is free: nothing was saved"


def test_a_class_of_one_row_is_left_out_on_request(bench: Workbench, tmp_path: Path) -> None:
    table = rows(40)
    table[0][1] = "odd"
    texts = saved(bench, tmp_path, table, split=False)
    with pytest.raises(EmbedscopeError, match="'odd' has one row") as refused:
        tuned(bench, tmp_path, texts=texts)
    assert "choose to leave out classes of one row" in refused.value.hint
    info = tuned(bench, tmp_path, "left", texts=texts, changes={"drop_single": "true", "max_steps": 1})
    assert info.state == "done" and any("'odd'" in note for note in info.notes)
    assert info.n_train + info.n_test == len(table) - 1


def test_a_folder_that_is_no_run_is_left_alone(bench: Workbench, tmp_path: Path) -> None:
    mine = bench.settings.runs_folder / "a" / "thesis.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(EmbedscopeError, match="not a run"):
        tuned(bench, tmp_path)
    assert mine.read_text() == "mine" and bench.runs() == []


def test_a_learning_rate_that_diverges_ends_the_run_with_a_message(bench: Workbench, tmp_path: Path) -> None:
    with pytest.raises(EmbedscopeError, match="diverged at step") as caught:
        tuned(bench, tmp_path, changes={"learning_rate": 1e6, "warmup": 0.25, "max_grad_norm": 0})
    assert "learning rate" in caught.value.hint
    (run,) = bench.runs()
    assert run.state == "failed" and "diverged" in run.error
    log = bench.run_log("a")
    diverged = max(row["step"] for row in log)
    assert run.steps and max(run.steps) < diverged + 1 and run.step == run.steps[-1]
    for step in run.steps:
        bench.compute("average_cosine", model=f"run:a@step-{step:05d}", texts=["the cat", "a dog"])
    assert sorted(path.name for path in Path(run.folder).glob("step-*")) == [f"step-{s:05d}" for s in run.steps]


def test_a_base_with_a_head_of_its_own_begins_with_another(home: tuple[Workbench, Path]) -> None:
    (bench, tmp_path), first = home, _run(home, "learned")
    texts = saved(bench, tmp_path, rows(classes=("dull", "bright")), name="other")
    again = bench.finetune("b", model="run:learned", texts=texts, recipe="zhou", changes={**FAST, "max_steps": 1})
    same = saved(bench, tmp_path, rows(50, first=100), name="more")
    on = bench.finetune("c", model="run:learned", texts=same, recipe="zhou", changes={**FAST, "max_steps": 1})
    assert on.accuracies[0] == 1.0, "the same classes: it keeps its head"
    assert again.classes == ("bright", "dull") and again.commit == bench.model("run:learned").spec.commit
    from safetensors.numpy import load_file

    heads = [
        load_file(Path(run.folder) / step / "model.safetensors")["classifier.weight"]
        for run, step in ((first, LEARNED), (again, "step-00000"), (on, "step-00000"))
    ]
    assert (heads[0] == heads[2]).all() and not np.allclose(heads[0], heads[1])


def test_progress_names_epoch_and_loss(bench: Workbench, tmp_path: Path) -> None:
    stages: list[str] = []
    tuned(bench, tmp_path, report=lambda done, total, stage: stages.append(stage) if total == 12 else None)
    assert any(stage.startswith("epoch 1 of 2, loss 0.") or "evaluating" in stage for stage in stages)
    assert len(stages) >= 12
