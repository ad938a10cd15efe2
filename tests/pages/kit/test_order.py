"""Before and after: the same numbers in both orders of the sidebar, named on the figure, on every page with two models."""

import json
from typing import Any

import numpy as np
import pytest

import backend
from backend.cli.arguments import parse_arguments
from backend.cli.commands import analyse
from pages._kit.charts.base import short_model
from tests.pages.conftest import SmallWorld
from tests.pages.figures import figure, numbers, said

FAST = {"epochs": 2, "batch_size": 8, "accumulation": 1, "learning_rate": 5e-3}


@pytest.fixture(scope="module")
def run(small_world: SmallWorld) -> Any:
    """A run of fine-tuning from the first model of the small world."""
    bench = small_world.bench
    return bench.finetune("tuned", model=small_world.models[0], texts=small_world.texts, recipe="zhou", changes=FAST)


@pytest.fixture(params=["base first", "run first", "steps", "steps turned"])
def pair(request: Any, run: Any, small_world: SmallWorld) -> tuple[list[str], str, str]:
    """The sidebar's names, and those of the model before and of the one after."""
    steps = [f"run:tuned@step-{run.steps[place]:05d}" for place in (0, -1)]
    base, tuned = steps if "steps" in request.param else [small_world.models[0], "run:tuned"]
    names = [tuned, base] if "run" in request.param or "turned" in request.param else [base, tuned]
    return names, base, steps[-1]  # whatever is shown says at which step the run is


def result(world: SmallWorld, metric: str, *models: str, **options: Any) -> Any:
    infos = [world.bench.model(name) for name in models]
    return world.bench.wait(world.bench.analysis(metric, models=infos, texts=world.texts, pooling="mean", **options))


def title(drawn: dict[str, Any]) -> str:
    return str(drawn["layout"]["title"]["text"])


def test_the_difference_is_after_minus_before(open_page, run_page, small_world: SmallWorld, pair) -> None:
    names, before, after = pair
    at = open_page("similarity", *names)
    at.segmented_control(key="similarity_mode").set_value("Difference of two models").run()
    at = run_page(at, "similarity")
    drawn = figure(at)
    first, last = (result(small_world, "cka", name).values.matrix for name in (before, after))
    np.testing.assert_allclose(numbers(drawn["data"][0]["z"]), last - first, atol=1e-6)
    np.testing.assert_allclose(drawn["data"][0]["zmax"], max(0.01, np.abs(last - first).max()), rtol=1e-6)
    assert drawn["data"][0]["zmin"] == -drawn["data"][0]["zmax"]
    assert title(drawn) == f"After minus before: {short_model(after)} minus {short_model(before)}"
    assert list(at.dataframe[0].value.iloc[0]) == pytest.approx(list((last - first)[0]), abs=1e-12)
    at.segmented_control(key="similarity_view").set_value("Along depth").run()
    np.testing.assert_allclose(numbers(figure(at)["data"][0]["y"]), np.diagonal(last - first), atol=1e-6)
    assert f"{short_model(after)} minus {short_model(before)}" in title(figure(at))


def test_the_variance_ratio_is_after_over_before(open_page, run_page, small_world: SmallWorld, pair) -> None:
    names, before, after = pair
    at = open_page("components", *names, components_view="Tuned against base")
    at = run_page(at, "components_ratio")
    values = result(small_world, "variance_ratio", after, before).values
    np.testing.assert_allclose(numbers(figure(at)["data"][0]["y"]), values.ratio[-1], rtol=1e-5)
    assert title(figure(at)) == f"After over before: {short_model(after)} over {short_model(before)}"
    assert not any(box.key == "before" for box in at.selectbox)
    assert f"Before: **{short_model(before)}**" in said(at)


def test_the_change_of_distances_goes_from_before_to_after(open_page, run_page, small_world: SmallWorld, pair) -> None:
    names, before, after = pair
    at = run_page(open_page("clusters", *names), "clusters")
    values = result(small_world, "direct_probe", after, before, label="label").values
    drawn = [figure(at, place) for place in range(len(at.get("plotly_chart")))]
    (change,) = [one for one in drawn if len(one["layout"]["xaxis"].get("ticktext", [])) == 2]
    assert [name.replace("<br>", "") for name in change["layout"]["xaxis"]["ticktext"]] == [
        f"before: {short_model(before)}",
        f"after: {short_model(after)}",
    ]
    for trace in change["data"]:
        place = values.split.classes.index(trace["name"].split(" (")[0])
        ends = [values.other_minimum[-1, place], values.minimum[-1, place]]
        np.testing.assert_allclose(numbers(trace["y"]), ends, rtol=1e-5)
        assert "(" not in trace["name"] or ("grows" if ends[1] > ends[0] else "falls") in trace["name"]
    table = at.dataframe[1].value.set_index("label")[f"change, {short_model(after)} minus {short_model(before)}"]
    wanted = values.minimum[-1] - values.other_minimum[-1]
    np.testing.assert_allclose(table.loc[list(values.split.classes)], wanted, rtol=1e-9)


def test_labels_move_from_before_to_after(open_page, run_page, small_world: SmallWorld, pair) -> None:
    names, before, after = pair
    at = run_page(open_page("movement", *names), "movement")
    values = result(small_world, "movement", before, after, label="label").values
    change = f"{short_model(after)} minus {short_model(before)}"
    table = at.dataframe[0].value.set_index("label")
    np.testing.assert_allclose(table.loc[list(values.classes), change], values.difference[-1])
    np.testing.assert_allclose(at.dataframe[1].value[f"spread, {short_model(before)}"], values.spread[0])
    assert title(figure(at, 2)) == f"After minus before: {change}"


def test_rogue_overlap_has_before_in_the_rows(open_page, run_page, small_world: SmallWorld, pair) -> None:
    names, before, after = pair
    at = run_page(open_page("rogue", *names, rogue_view="Overlap"), "rogue_overlap")
    values = result(small_world, "rogue_overlap", before, after).values
    np.testing.assert_allclose(numbers(figure(at)["data"][0]["z"]), values.matrix, rtol=1e-6)
    layout = figure(at)["layout"]
    assert short_model(before) in layout["yaxis"]["title"]["text"]
    assert short_model(after) in layout["xaxis"]["title"]["text"]


def test_profiles_and_the_report_begin_with_before(open_page, run_page, small_world: SmallWorld, pair) -> None:
    names, before, after = pair
    at = run_page(open_page("profiles", *names), "profiles")
    lines = [
        trace["name"] for trace in figure(at)["data"] if trace.get("name") in (short_model(before), short_model(after))
    ]
    assert lines == [short_model(before), short_model(after)]
    at = open_page("report", *names)
    assert at.selectbox(key="report_base").value == before and at.selectbox(key="report_tuned").value == after
    at.button(key="report_swap").click().run()
    assert any("The other way round" in warning.value for warning in at.warning)


def test_neurons_list_before_above_after(open_page, run_page, pair) -> None:
    names, before, after = pair
    at = run_page(open_page("neurons", *names), "neurons")
    assert list(dict.fromkeys(at.dataframe[0].value["model"])) == [short_model(before), short_model(after)]


def test_where_nobody_knows_the_address_says_which_is_before(open_page, run_page, small_world: SmallWorld) -> None:
    one, two = small_world.models[:2]
    at = open_page("components", 0, 1, components_view="Tuned against base", before=short_model(two))
    assert at.selectbox(key="before").value == two
    at = run_page(at, "components_ratio")
    values = result(small_world, "variance_ratio", one, two).values
    np.testing.assert_allclose(numbers(figure(at)["data"][0]["y"]), values.ratio[-1], rtol=1e-5)


def test_command_line_and_notebook_put_them_in_order(
    small_world: SmallWorld, pair, tmp_path, monkeypatch, capsys
) -> None:
    names, before, after = pair
    wanted = result(small_world, "variance_ratio", after, before)
    found = small_world.bench.compute("variance_ratio", model=names, texts=small_world.texts, pooling="mean")
    np.testing.assert_array_equal(found.values.ratio, wanted.values.ratio)
    assert f"Before to after: {before} to {after}." in found.notes[-1]
    monkeypatch.setattr("backend.cli.commands.wire_workbench", lambda _: small_world.bench)
    given = [word for name in names for word in ("--model", name)]
    out = tmp_path / "out.json"
    options = ["--texts", "words", "--pooling", "mean", "--out", str(out), "--quiet"]
    assert analyse(parse_arguments(["analyse", "--metric", "variance_ratio", *given, *options])) == 0
    document = json.loads(out.read_text())
    assert [source["model"] for source in document["sources"]] == [after, before]
    np.testing.assert_allclose(np.array(document["result"]["ratio"], float), wanted.values.ratio)
    assert "Before to after" in capsys.readouterr().err
    moved = small_world.bench.compute("movement", model=names, texts=small_world.texts, pooling="mean", label="label")
    assert [source.model for source in moved.sources] == [before, after]


def test_a_reversed_report_says_so(small_world: SmallWorld, run: Any) -> None:
    base, tuned = (small_world.bench.model(name) for name in (small_world.models[0], "run:tuned"))
    plan = backend.plan_report(small_world.bench, tuned, base, texts=small_world.texts, pooling="mean")
    assert tuned.spec.name == f"run:tuned@step-{run.step:05d}"
    assert plan.reversed.startswith(f"{base.spec.name} came before and {tuned.spec.name} after")
    assert not backend.plan_report(small_world.bench, base, tuned, texts=small_world.texts, pooling="mean").reversed
    document = backend.report_document(plan, small_world.bench.wait(plan.task))
    assert document["report"]["reversed"] == plan.reversed


def test_a_series_against_its_last_step_divides_the_last_by_the_others(small_world: SmallWorld, run: Any) -> None:
    series = small_world.bench.series("run:tuned")
    for against in ("first", "last"):
        task = small_world.bench.series_analyses(
            "variance_ratio", series=series, against=against, texts=small_world.texts, pooling="mean"
        )
        spec = task.analyses[0 if against == "last" else -1]
        half = len(spec.inputs) // 2
        assert [spec.inputs[place].model.name for place in (0, half)] == [
            series.models[-1].spec.name, series.models[0].spec.name
        ]  # fmt: skip


def test_the_folder_of_a_step_is_known_by_its_card(small_world: SmallWorld, run: Any, tmp_path) -> None:
    import shutil

    away = small_world.folder / "away"
    shutil.copytree(f"{run.folder}/step-{run.steps[-1]:05d}", away)
    info = small_world.bench.model(str(away))
    base = small_world.bench.model(small_world.models[0])
    found = small_world.bench.in_order([info, base])
    assert found.known and found.before is base and "card of" in found.reason
