"""The page Fine-tune: a run is started, shown with its own numbers, gone on with, and handed to other pages."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from streamlit.proto.Metric_pb2 import Metric as MetricProto
from streamlit.testing.v1 import AppTest

from backend import Recipe, RunInfo, moving_mean
from backend.errors import Cancelled, EmbedscopeError
from pages._kit.show.files import groups_of, json_file
from pages._kit.show.finding import Finding
from pages._kit.show.naming import file_stem
from pages.training.finetune.charts import course_chart, course_table
from pages.training.finetune.runs import csv_file, runs_table, shown_gain
from tests.pages.conftest import SmallWorld
from tests.pages.drawn import check
from tests.pages.figures import figure, names_a_path, numbers, said

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
    assert at.selectbox(key="run").value == "first"
    told = {item.label: item.value for item in at.metric}
    assert told["Fine-tuned"] == f"{100 * info.accuracy:.1f}\xa0%"
    assert told["Head on the frozen base"] == f"{100 * info.frozen:.1f}\xa0%"
    assert told["Largest class"] == f"{100 * info.majority:.1f}\xa0%"
    table = next(one.value for one in at.dataframe if "epoch" in one.value)
    assert tuple(table["step"]) == info.steps
    np.testing.assert_allclose(table["accuracy"], info.accuracies)
    assert table["model"].iloc[-1] == f"run:first@step-{info.steps[-1]:05d}"
    drawn = {trace.get("name"): trace for trace in figure(at)["data"]}
    np.testing.assert_allclose(numbers(drawn["accuracy"]["y"]), info.accuracies, rtol=1e-6)
    course = shown["finetune_course"]
    assert check(course) > 0
    assert file_stem(course).startswith("run-first-") and file_stem(course).endswith("-words")
    document = json.loads(json_file(course))
    assert document["run"]["steps"] == list(info.steps) and document["run"]["recipe"]["epochs"] == 1
    files = [file for group in groups_of(course, None, {}) for file in group.files]
    assert not [file.name for file in files if names_a_path(file, str(small_world.folder))]
    links = {item.proto.label: item.proto for item in at.get("page_link")}
    (dynamics,) = [proto for label, proto in links.items() if label.endswith("Dynamics")]
    assert "series=run%3Afirst" in dynamics.query_string and not any("Report" in label for label in links)
    assert at.session_state["pooling"] == "mean"
    button(at, "finetune_pair").click().run()
    assert not at.exception and at.title[0].value == "Report", "one press opens it"
    assert at.session_state["model"] == [info.base, "run:first"]
    assert at.session_state["pooling"] == info.frozen_pooling == "cls", "what the tuned head reads"
    pair = [at.selectbox(key=key).value for key in ("report_base", "report_tuned")]
    assert pair == [info.base, f"run:first@step-{info.steps[-1]:05d}"]
    assert button(at, "report_run") is not None or at.table


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
    assert at.selectbox(key="run").value == "halted", "the link's run"
    assert "Resume from" in button(at, "finetune_resume").label
    button(at, "finetune_resume").click().run()
    assert not at.exception and not at.error
    info = next(run for run in bench.runs() if run.name == "halted")
    assert info.state == "done" and info.steps[-1] == 2


def test_without_labels_the_form_says_what_is_needed(open_page) -> None:
    at = open_page(KEY, 0, label="(none)")
    assert "no label column" in said(at) and button(at, "finetune_start") is None


def test_where_it_is_switched_off_the_page_says_so_in_place_of_the_form(
    open_page, small_world: SmallWorld, monkeypatch
) -> None:
    off = dataclasses.replace(small_world.bench.settings, finetune=0)
    monkeypatch.setattr(small_world.bench, "settings", off)
    at = open_page(KEY, 0, label="label")
    assert "switched off on this instance" in said(at)
    assert button(at, "finetune_start") is None


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


def test_before_it_starts_it_says_what_it_takes_and_warns_of_few_updates(open_page) -> None:
    at = quick(open_page(KEY, 0, label="label"), "dear")
    words = said(at)
    assert "54 training rows, 6 to judge by (held out)" in words and "2 updates of the weights, 2 an epoch" in words
    assert "on disk for 3 saved steps" in words
    assert "Only 2 updates of the weights" in at.warning[0].value.replace("\\", "")
    at.number_input(key="finetune_zhou-base_epochs").set_value(40).run()
    assert "80 updates of the weights" in said(at) and not at.warning
    at.number_input(key="finetune_zhou-base_epochs").set_value(1).run()


def test_all_runs_stand_in_one_table_and_one_can_be_deleted_after_a_question(
    open_page, shown, small_world: SmallWorld
) -> None:
    bench = small_world.bench
    options = {"model": small_world.models[0], "texts": small_world.texts, "label": "label", "recipe": "zhou-base"}
    infos = [bench.finetune(name, changes={"max_steps": 2}, **options) for name in ("keep", "drop")]
    at = open_page(KEY, small_world.models[0], "run:drop", label="label", run="drop")
    assert not next(one for one in at.expander if one.label.startswith("All runs")).proto.expanded
    linked = open_page(KEY, small_world.models[0], label="label", finetune_all_runs="true")
    assert next(one for one in linked.expander if one.label.startswith("All runs")).proto.expanded
    assert linked.session_state["_view"].words["finetune_all_runs"] == ["true"]
    assert not next(one for one in linked.expander if one.label == "New run").proto.expanded
    asked = {"finetune_new_run": "true", "finetune_recipe": "gptology"}
    form = open_page(KEY, small_world.models[0], label="label", **asked)
    assert next(one for one in form.expander if one.label == "New run").proto.expanded, (
        "a recipe is seen where runs are"
    )
    assert form.selectbox(key="finetune_recipe").value == "gptology"
    finding = shown["finetune_accuracies"]
    short = finding.numbers().set_index("run")
    for info in infos:
        row = short.loc[info.name]
        assert (row["frozen base"], row["fine-tuned"], row["classes"]) == (info.frozen, info.accuracy, 3)
    assert {run["run"] for run in json.loads(json_file(finding))["runs"]} >= {"keep", "drop"}
    files = {file.label: file for group in groups_of(finding, None, {}) for file in group.files}
    assert {"CSV", "LaTeX", "Markdown", "JSON"} <= set(files) and not any(map(names_a_path, files.values()))
    table = next(one.value for one in at.dataframe if "steps planned" in one.value).set_index("run")
    for info in infos:
        row = table.loc[info.name]
        assert row["fine-tuned"] == info.accuracy and row["frozen base"] == info.frozen and row["steps"] == 2
        assert row["gain"] == info.accuracy - info.frozen and row["recipe"] == "own"
    lines = csv_file(runs_table(infos)).decode("utf-8-sig").splitlines()
    assert lines[0].startswith("run,state,base") and [line.split(",")[0] for line in lines[1:]] == ["keep", "drop"]
    button(at, "finetune_delete").click().run()
    assert {run.name for run in bench.runs()} >= {"keep", "drop"}, "a question first"
    button(at, "finetune_delete_confirm").click().run()
    assert not at.exception and not Path(infos[1].folder).exists()
    names = {run.name for run in bench.runs()}
    assert "drop" not in names and "keep" in names and at.session_state["model"] == [small_world.models[0]]


def test_a_run_is_renamed_and_a_link_with_its_former_name_shows_it(open_page, small_world: SmallWorld) -> None:
    bench = small_world.bench
    options = {"model": small_world.models[0], "texts": small_world.texts, "label": "label", "recipe": "zhou-base"}
    for name in ("plain", "other"):
        bench.finetune(name, changes={"max_steps": 2}, **options)
    at = open_page(KEY, small_world.models[0], "run:plain", label="label", run="plain")
    button(at, "finetune_rename").click().run()
    at.text_input(key="finetune_rename_to").set_value("other")
    button(at, "finetune_rename_confirm").click().run()
    assert "A run called 'other' already exists" in said(at)
    button(at, "finetune_rename").click().run()
    at.text_input(key="finetune_rename_to").set_value("renamed")
    button(at, "finetune_rename_confirm").click().run()
    assert not at.exception and at.session_state["run"] == "renamed"
    assert at.session_state["model"] == [small_world.models[0], "run:renamed"]
    assert any("The run plain is called renamed now." in one.value for one in at.success)
    again = open_page(KEY, small_world.models[0], "run:plain", label="label", run="plain")
    assert again.session_state["run"] == "renamed" and not again.session_state["_view"].gone
    assert "run:plain is called run:renamed now." in said(again)
    model = again.session_state["_selection"].models[1]
    assert model.spec.commit == bench.model("run:renamed").spec.commit


def test_the_time_of_a_run_is_told_by_an_earlier_one(small_world: SmallWorld) -> None:
    bench = small_world.bench
    options = {"model": small_world.models[1], "texts": small_world.texts, "label": "label", "recipe": "zhou-base"}
    guess = bench.forecast(bench.finetuning("timed", **options))
    assert guess.known_from == "" and 0 < guess.low < guess.seconds < guess.high
    info = bench.finetune("timed", changes={"max_steps": 2}, **options)
    found = bench.forecast(bench.finetuning("again", changes={"epochs": 10}, **options))
    assert found.known_from == "timed" and found.n_steps == 20
    assert found.low < found.seconds < found.high and found.seconds > info.seconds
    assert (found.n_train, found.n_test) == (info.n_train, info.n_test)
    assert found.n_saved == len(bench.finetune("again", changes={"epochs": 10}, **options).steps)


def metric_script() -> None:
    import streamlit as st

    from pages.training.finetune.runs import shown_gain

    st.metric("worse", "66.7 %", shown_gain(-1 / 3))
    st.metric("better", "66.7 %", shown_gain(1 / 3))


def test_a_loss_against_the_frozen_base_is_drawn_as_a_loss() -> None:
    worse, better = AppTest.from_function(metric_script).run().metric
    assert (worse.delta, better.delta) == ("-33.3 points", "+33.3 points")
    kinds = MetricProto.MetricDirection
    assert (worse.proto.direction, better.proto.direction) == (kinds.DOWN, kinds.UP)
    assert worse.proto.color != better.proto.color
    assert shown_gain(float("nan")) is None
