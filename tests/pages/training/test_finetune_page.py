"""The page Fine-tune: a run is started, shown with its own numbers, gone on with, and handed to other pages."""

import dataclasses
import json

import numpy as np
import pytest

from backend import Recipe, RunInfo, moving_mean
from backend.errors import Cancelled, EmbedscopeError
from pages._kit.show.finding import Finding, file_stem, json_file
from pages.training.finetune.charts import course_chart, course_table
from tests.pages.conftest import SmallWorld
from tests.pages.drawn import check
from tests.pages.figures import figure, numbers, said

KEY = "finetune"


def quick(at, name):
    """The form with a run of two steps."""
    at.text_input(key=next(item.key for item in at.text_input if item.key.startswith("finetune_name"))).set_value(name)
    at.selectbox(key="finetune_recipe").set_value("zhou-base").run()
    at.number_input(key="finetune_zhou-base_epochs").set_value(1)
    return at.run()


def button(at, key):
    return next((item for item in at.button if item.key == key), None)


def test_a_run_is_started_and_shown_with_its_own_numbers(open_page, shown, small_world: SmallWorld) -> None:
    at = quick(open_page(KEY, 0, label="label"), "first")
    name = next(item for item in at.text_input if item.key.startswith("finetune_name"))
    name.set_value("first").run()
    button(at, "finetune_start").click().run()
    assert not at.exception and not at.error
    info = next(run for run in small_world.bench.runs() if run.name == "first")
    assert info.state == "done" and info.recipe.epochs == 1 and info.recipe.learning_rate == 3e-5
    assert at.selectbox(key="finetune_run").value == "first"
    told = {item.label: item.value for item in at.metric}
    assert told["Fine-tuned"] == f"{100 * info.accuracy:.1f} %"
    assert told["Head on the frozen base"] == f"{100 * info.frozen:.1f} %"
    assert told["Largest class"] == f"{100 * info.majority:.1f} %"
    table = at.dataframe[0].value
    assert tuple(table["step"]) == info.steps
    np.testing.assert_allclose(table["accuracy"], info.accuracies)
    assert table["model"].iloc[-1] == f"run:first@step-{info.steps[-1]:05d}"
    drawn = {trace.get("name"): trace for trace in figure(at)["data"]}
    np.testing.assert_allclose(numbers(drawn["accuracy"]["y"]), info.accuracies, rtol=1e-6)
    course = shown["finetune_course"]
    assert check(course) > 0
    assert file_stem(course).startswith("run-first_") and file_stem(course).endswith("_words")
    document = json.loads(json_file(course))
    assert document["run"]["steps"] == list(info.steps) and document["run"]["recipe"]["epochs"] == 1
    assert str(small_world.folder) not in json.dumps([document["run"]["name"], document["log"]])
    links = {item.proto.label: item.proto for item in at.get("page_link")}
    (dynamics,) = [proto for label, proto in links.items() if label.endswith("Dynamics")]
    assert "series=run%3Afirst" in dynamics.query_string and not any("Report" in label for label in links)
    button(at, "finetune_pair").click().run()
    assert not at.exception
    assert at.session_state["model"] == [info.base, "run:first"]
    assert any(item.proto.label.endswith("Report") for item in at.get("page_link"))


def test_a_name_that_cannot_be_is_refused_and_nothing_begins(open_page, small_world: SmallWorld) -> None:
    before = len(small_world.bench.runs())
    at = quick(open_page(KEY, 0, label="label"), "x")
    next(item for item in at.text_input if item.key.startswith("finetune_name")).set_value("../up").run()
    button(at, "finetune_start").click().run()
    assert not at.exception
    assert "cannot be called" in at.error[0].value.replace("\\", "")
    assert len(small_world.bench.runs()) == before


def test_an_interrupted_run_goes_on_from_its_last_step(open_page, small_world: SmallWorld) -> None:
    bench = small_world.bench

    def until_step_one(done: int, total: int, stage: str) -> None:
        if total == 2 and done >= 1:
            raise Cancelled()

    options = {"model": small_world.models[0], "texts": small_world.texts, "label": "label", "recipe": "zhou-base"}
    with pytest.raises(EmbedscopeError):
        bench.finetune("halted", changes={"max_steps": 2}, report=until_step_one, **options)
    assert next(run for run in bench.runs() if run.name == "halted").state == "stopped"
    at = open_page(KEY, 0, label="label", run="halted")
    assert at.selectbox(key="finetune_run").value == "halted", "the link's run"
    assert "Resume from" in button(at, "finetune_resume").label
    button(at, "finetune_resume").click().run()
    assert not at.exception and not at.error
    info = next(run for run in bench.runs() if run.name == "halted")
    assert info.state == "done" and info.steps[-1] == 2


def test_without_labels_the_form_says_what_is_needed(open_page) -> None:
    at = open_page(KEY, 0, label="(none)")
    assert "no label column" in said(at) and button(at, "finetune_start") is None


def test_the_mean_of_nine_steps_is_of_fewer_at_the_ends() -> None:
    values = np.random.default_rng(0).standard_normal(30)
    found = moving_mean(values, 9)
    expected = [values[max(0, i - 4) : i + 5].mean() for i in range(30)]
    np.testing.assert_allclose(found, expected)


def test_the_table_of_a_course_has_one_row_a_step_and_all_that_is_drawn() -> None:
    info = RunInfo("n", "t", "b", "c", "x", "d", "text", "label", ("a", "b"), Recipe(), frozen=0.7, majority=0.5)
    log = [{"step": 0, "eval_loss": 0.7, "eval_accuracy": 0.5}]
    log += [{"step": step, "loss": None if step == 3 else 1 / step} for step in range(1, 21)]
    log += [{"step": 20, "eval_loss": 0.6, "eval_accuracy": 0.75}]
    table = course_table(info, log)
    assert table["step"].tolist() == list(range(21))
    assert table["accuracy"].dropna().tolist() == [0.5, 0.75] and np.isnan(table["training loss"][3])
    assert check(Finding("c", "t", course_chart(info, log), "", table)) > 20
    assert len(course_table(info, [])) == 0


def test_the_course_has_loss_above_and_accuracy_below() -> None:
    info = RunInfo(
        "n", "t", "b", "c", "x", "d", "text", "label", ("a", "b"), Recipe(), judged_on="<i>dev", total_steps=40,
        frozen=0.7, majority=0.5,
    )  # fmt: skip
    log = [{"step": 0, "eval_loss": 0.7, "eval_accuracy": 0.5}]
    log += [{"step": step, "loss": 1 / step} for step in range(1, 21)]
    drawn = {trace.name: trace for trace in course_chart(info, log).data}
    assert drawn["training loss"].yaxis is None and drawn["accuracy"].yaxis == "y2"
    assert tuple(drawn["head on the frozen base"].y) == (0.7, 0.7)
    assert "loss, &lt;i&gt;dev" in drawn, "the name of a split is the user's text"
    bare = course_chart(dataclasses.replace(info, frozen=np.nan, majority=np.nan), [])
    assert len(bare.data) == 0
