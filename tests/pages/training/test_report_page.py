"""The page Report against the results of its analyses."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backend
from pages._kit.charts.base import short_model
from pages.training.report.files import Section, html_report
from tests.models.tiny import SEGMENTS, bert_config, save
from tests.pages.conftest import SmallWorld
from tests.pages.figures import figure, names_a_path, numbers, said

KEY = "report"
FIXED = {"grid": "fixed", "n_seeds": 2}


def report_of(world: SmallWorld, *places: int, **options: Any) -> tuple[Any, dict[str, Any]]:
    """The plan of the report on these models, and its results."""
    base, tuned = world.infos(*places)
    plan = backend.plan_report(world.bench, base, tuned, texts=world.texts, pooling="mean", **options)
    return plan, plan.named(world.bench.wait(plan.task))


def test_one_model_gets_an_explanation(open_page) -> None:
    at = open_page(KEY, 0)
    assert "A report needs two models" in said(at) and not at.get("plotly_chart") and not at.table


def test_models_of_another_width_or_depth_get_an_explanation(open_page, small_world: SmallWorld) -> None:
    at = open_page(KEY, 0, 2)
    assert "32 dimensions" in said(at) and "16: they do not correspond" in said(at) and not at.error
    deep = save(small_world.folder / "deep", bert_config(num_hidden_layers=4), model_input_names=SEGMENTS)
    at = open_page(KEY, 0, str(deep))
    assert "4 layers" in said(at) and "they do not correspond" in said(at) and not at.error


def test_the_summary_is_that_of_the_results(open_page, run_page, small_world: SmallWorld) -> None:
    at = run_page(open_page(KEY, 0, 1), KEY)
    plan, found = report_of(small_world, 0, 1, label="label")
    rows = backend.summary_rows(found, plan.layer)
    table = at.table[0].value
    assert [name.replace("\\", "") for name in table.index] == [row.title for row in rows]
    texts = [backend.number_texts(row.before, row.after, row.difference, row.unit) for row in rows]
    assert table["after"].tolist() == [after for _, after, _ in texts]
    meanings = [text.replace("\\", "") for text in table.iloc[:, -1]]
    assert meanings == [f"{row.meaning} :gray[{row.reference}]" for row in rows]
    before, after, change = (numbers(figure(at, place)["data"][0]["z"]) for place in range(3))
    np.testing.assert_allclose(before, found["cka_base"].values.matrix, rtol=1e-6)
    np.testing.assert_allclose(after, found["cka_tuned"].values.matrix, rtol=1e-6)
    np.testing.assert_allclose(change, after - before, atol=1e-6)
    kept = {trace["name"]: numbers(trace["y"]) for trace in figure(at, 3)["data"] if trace.get("name")}
    np.testing.assert_allclose(kept["geometry (CKA)"], np.diagonal(found["cka"].values.matrix), rtol=1e-6)
    np.testing.assert_allclose(
        kept["10 nearest neighbours"], np.diagonal(found["neighbours"].values.overlap), rtol=1e-6
    )
    lines = {trace["name"]: numbers(trace["y"]) for trace in figure(at, 5)["data"] if trace.get("name")}
    np.testing.assert_allclose(lines["highest variance, after"], found["threshold_tuned"].values.accuracy, rtol=1e-6)
    assert "Classes: the column 'label'" in said(at) and "48 training rows, 12 test rows" in said(at)


def test_the_texts_that_moved_are_named_as_they_are(open_page, run_page, small_world: SmallWorld) -> None:
    at = run_page(open_page(KEY, 0, 1), KEY)
    plan, found = report_of(small_world, 0, 1, label="label")
    moved = backend.moved_rows(found["neighbours"], plan.layer)
    table = at.dataframe[-1].value
    whole = small_world.bench.text_set(small_world.texts)
    assert table["text"].tolist() == [whole.texts[one.text] for one in moved]
    assert table["row"].tolist() == [one.text + 1 for one in moved]
    assert table["label"].tolist() == [whole.columns["label"][one.text] for one in moved]
    np.testing.assert_allclose(table["neighbours kept"], [one.kept for one in moved])
    assert "by chance" in said(at)


def test_swapped_the_second_model_is_the_base(open_page, run_page, small_world: SmallWorld) -> None:
    at = open_page(KEY, 0, 1)
    at.button(key="report_swap").click().run()
    assert at.selectbox(key="report_base").value == small_world.models[1]
    at = run_page(at, KEY)
    plan, found = report_of(small_world, 1, 0, label="label")
    rows = {row.title: row for row in backend.summary_rows(found, plan.layer)}
    for name, shown in zip(at.table[0].value.index, at.table[0].value["before"], strict=True):
        row = rows[name.replace("\\", "")]
        assert shown == backend.number_texts(row.before, row.after, row.difference, row.unit)[0]
    at.selectbox(key="report_base").select_index(0).run()
    assert "the same model" in said(at) and not at.table


def test_the_slow_part_lists_every_label(open_page, run_page, small_world: SmallWorld) -> None:
    at = open_page(KEY, 0, 1)
    at.checkbox(key="report_slow").check().run()
    at = run_page(at, KEY)
    plan, found = report_of(small_world, 0, 1, label="label", heavy=True)
    changes = backend.label_changes(found["clusters"])
    table = next(one.value for one in at.dataframe if "change" in one.value)
    assert table["label"].tolist() == [one.label for one in changes]
    np.testing.assert_allclose(table["change"], [one.change for one in changes])
    drawn = figure(at, 6)
    named = [trace for trace in drawn["data"] if trace.get("showlegend")]
    assert len(named) == 2, "of three labels the one that grew most and the one that grew least"
    assert drawn["layout"]["xaxis"]["ticktext"][0].startswith("before: ")
    titles = [name.replace("\\", "") for name in at.table[0].value.index]
    assert [
        row.title for row in backend.summary_rows(found, plan.layer)
    ] == titles and "Clusters of the 3 labels" in titles


def test_without_labels_the_rest_is_there(open_page, run_page) -> None:
    for choice in ({"texts": "general", "label": "(none)"}, {"pooling": "tokens"}):
        at = run_page(open_page(KEY, 0, 1, **choice), KEY)
        assert "Without the part about labels" in said(at) and at.checkbox(key="report_slow").disabled
        assert len(at.get("plotly_chart")) == 5 and len(at.table[0].value) == 10
        assert "Which tokens moved" in said(at) if choice.get("pooling") else "Which texts moved" in said(at)


def test_an_undefined_layer_says_why(open_page, run_page) -> None:
    at = open_page(KEY, 0, 1, pooling="cls")
    at.selectbox(key="report_layer").set_value("embedding").run()
    at = run_page(at, KEY)
    table = at.table[0].value
    assert table["after"].iloc[0] == "–" and "identical" in table.iloc[0, -1]
    assert "Nothing is known of embedding" in said(at) and "marked × and left out" in said(at)


def test_labels_of_one_class_end_in_a_reason_and_the_rest_can_be_had(open_page, run_page, small_world) -> None:
    path = small_world.folder / "single.tsv"
    path.write_text("text\tkind\n" + "\n".join(f"the cat sat {i}\tsame" for i in range(20)) + "\n", encoding="utf-8")
    small_world.bench.read_texts(path, text="text", label="kind", name="single")
    at = open_page(KEY, 0, 1, texts="single")
    at.button(key="report_run").click().run()
    assert not at.exception and "All 20 labelled rows are of one class" in at.error[0].value.replace("\\", "")
    assert "8 of 12 results are stored already" in said(at)
    at = run_page(open_page(KEY, 0, 1, texts="single", label="(none)"), KEY)
    assert len(at.table[0].value) == 10, "what needs no labels was done before"


def test_the_layers_of_the_sidebar_are_those_of_the_report(open_page, run_page) -> None:
    at = run_page(open_page(KEY, 0, 1, layers="1-2"), KEY)
    assert at.selectbox(key="report_layer").options == ["block 1", "block 2"]
    assert "In short: block 2" in said(at)
    assert numbers(figure(at)["data"][0]["z"]).shape == (2, 2)


def test_the_table_across_tasks_has_a_row_for_each_text_set(open_page, run_page, small_world: SmallWorld) -> None:
    at = open_page(KEY, 0, 1)
    at.segmented_control(key="report_view").set_value("Across tasks").run()
    at.selectbox(key="report_cross_grid").set_value("fixed").run()
    at.number_input(key="report_cross_n_seeds").set_value(2).run()
    assert at.multiselect(key="report_sets").value == [small_world.texts.shown_name]
    at.multiselect(key="report_sets").set_value([small_world.texts.shown_name, "topics"]).run()
    at = run_page(at, "report_cross")
    pair = small_world.infos(0, 1)
    topics = small_world.bench.text_set_info("topics")
    sets = [(small_world.texts, "label"), (topics, "label")]
    task = backend.plan_cross_task(small_world.bench, *pair, sets=sets, layer=3, params=FIXED, pooling="mean")
    rows = backend.cross_task_rows(small_world.bench.peek(task), ["label", "label"])
    table = at.dataframe[0].value
    assert table["text set"].tolist() == ["words", "words", "topics", "topics"]
    assert table["labels"].tolist() == [3, 3, 4, 4]
    base, tuned = table[::2], table[1::2]
    assert (tuned["grew"] + tuned["shrank"] + tuned["stayed"]).tolist() == [3, 4] and base["grew"].isna().all()
    np.testing.assert_allclose(tuned["mean change"], [row.average_change for row in rows])
    np.testing.assert_allclose(tuned["accuracy"], [row.accuracy_after for row in rows])
    np.testing.assert_allclose(base["accuracy"], [row.accuracy_before for row in rows])
    at.multiselect(key="report_sets").set_value([]).run()
    assert "at least one text set with labels" in said(at) and not at.exception


def test_the_table_across_tasks_has_a_row_for_each_tuned_model(
    open_page, run_page, small_world: SmallWorld, run: Path
) -> None:
    steps = [str(run / f"step-{step:05d}") for step in (0, 10, 100)]
    at = open_page(KEY, *steps, 2, report_view="Across tasks", report_cross_grid="fixed", report_cross_n_seeds="2")
    assert at.multiselect(key="report_tuned_several").value == steps[1:]
    assert "Left out: " in said(at) and "they do not correspond" in said(at)  # the third model is narrower
    at = run_page(at, "report_cross")
    base, *tuned = [small_world.bench.model(name) for name in steps]
    sets = [(small_world.texts, "label")]
    task = backend.plan_cross_task(small_world.bench, base, tuned, sets=sets, layer=3, params=FIXED, pooling="mean")
    rows = backend.cross_task_rows(small_world.bench.wait(task), ["label"])
    assert [row.tuned for row in rows] == steps[1:]
    table = at.dataframe[0].value
    assert table["model"].tolist() == [short_model(name) for name in steps]
    np.testing.assert_allclose(table["accuracy"], [rows[0].accuracy_before, *(row.accuracy_after for row in rows)])
    np.testing.assert_allclose(table["mean change"][1:], [row.average_change for row in rows])
    alone = backend.plan_cross_task(small_world.bench, base, tuned[1], sets=sets, layer=3, params=FIXED, pooling="mean")
    (one,) = backend.cross_task_rows(small_world.bench.wait(alone), ["label"])
    assert one == rows[1], "a model's row is the same whatever stands beside it"
    at.multiselect(key="report_tuned_several").set_value([]).run()
    assert "at least one model that was tuned" in said(at) and not at.exception


def test_the_page_for_others_holds_everything_escaped_and_plotly_once(small_world: SmallWorld) -> None:
    plan, found = report_of(small_world, 0, 1)
    drawn = [
        Section("Which <b>layers</b>", "a & b", backend_figure()),
        Section("Rows", table=(["text", "kept"], [["<script>alert(1)</script>", 0.25], [None, 1.0]])),
        Section("Again", "", backend_figure()),
    ]
    page = html_report("Report <i>", drawn, ["a note with <tags>"])
    assert "<script>alert(1)" not in page and "&lt;script&gt;alert(1)" in page and "0.25" in page
    assert "<h2>Which &lt;b&gt;layers&lt;/b&gt;</h2>" in page and "a note with &lt;tags&gt;" in page
    assert page.count("plotly.js v") == 1 and page.count("Plotly.newPlot(") == 2
    document = backend.report_document(plan, list(found.values()))
    assert len(json.loads(json.dumps(document, allow_nan=False))["recipe"]) == len(plan.parts)


def backend_figure() -> Any:
    from pages._kit.charts.layer_pairs import cka_diagonal

    return cka_diagonal(np.array([1.0, 0.5]), ["a", "b"])


@pytest.mark.parametrize("name", ["<b>bold</b>", "$x^2$", "[link](http://a)"])
def test_a_label_column_with_a_strange_name_is_shown_as_it_is(open_page, small_world: SmallWorld, name: str) -> None:
    rows = [{"text": f"the cat sat {i}", name: "ab"[i % 2]} for i in range(12)]
    path = small_world.folder / "strange.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    info = small_world.bench.read_texts(path, text="text", label=name, name=f"strange {len(name)}")
    at = open_page(KEY, 0, 1, texts=info.spec.name)
    caption = next(one.value for one in at.caption if one.value.startswith("Classes"))
    seen = caption.replace("\\", "").replace(
        "\u2060", ""
    )  # the character of no width keeps an address from being a link
    assert seen == f"Classes: the column '{name}'."
    assert "\\" in caption


@pytest.mark.parametrize("view", ["", "Across tasks"])
def test_no_file_of_a_report_names_a_path_but_its_recipes(
    open_page, run_page, small_world: SmallWorld, monkeypatch: pytest.MonkeyPatch, view: str
) -> None:
    menus: dict[str, Any] = {}
    monkeypatch.setattr("pages.training.report.files.save_menu", menus.__setitem__)
    at = open_page(KEY, 0, 1, **({"report_view": view} if view else {}))
    if view:
        at.selectbox(key="report_cross_grid").set_value("fixed").run()
        at.number_input(key="report_cross_n_seeds").set_value(2).run()
    run_page(at, "report_cross" if view else KEY)
    files = [file for group in menus["report_cross" if view else KEY]() for file in group.files]
    assert {file.name.rpartition(".")[2] for file in files} == {"html", "json", "csv", "md", "tex"}
    assert not [file.name for file in files if names_a_path(file, str(small_world.folder))]
    document = json.loads(next(file for file in files if file.name.endswith(".json")).make())
    assert str(small_world.folder) in json.dumps(document["recipe"]), "without its path it would not run"
