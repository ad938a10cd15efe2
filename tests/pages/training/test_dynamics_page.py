"""The page Dynamics, and a series in the sidebar: a run of four checkpoints, one of them broken."""

import json
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pytest

from backend.metrics import METRICS
from pages._kit.show.files import html_file, json_file
from pages._kit.show.naming import file_stem
from pages._kit.state import model_field
from tests.pages.conftest import STEPS, SmallWorld, settled
from tests.pages.figures import figure, files_of, numbers, said

KEY = "dynamics_anisotropy"


@pytest.fixture(scope="module")
def broken(small_world: SmallWorld, run: Path) -> Path:
    """The same run with a checkpoint that has no weights."""
    folder = shutil.copytree(run, small_world.folder / "broken-run")
    shutil.copytree(folder / "step-00010", folder / "step-00050")
    (folder / "step-00050" / "model.safetensors").unlink()
    return folder


def opened(open_page: Any, folder: Path | str, view: str = "Anisotropy", **choice: Any) -> Any:
    return settled(open_page("dynamics", 0, series=str(folder), dynamics_view=view, **choice))


def computed(small_world: SmallWorld, folder: Path, metric: str, **options: Any) -> Any:
    bench = small_world.bench
    series = bench.series(str(folder))
    task = bench.series_analyses(metric, series=series, texts=small_world.texts, pooling="mean", **options)
    return bench.compute_series(task, series).results


def test_without_a_series_the_page_says_how_to_name_one(open_page, small_world: SmallWorld) -> None:
    at = open_page("dynamics", 0)
    assert "Name a series of checkpoints above" in said(at)
    assert str(small_world.folder) in at.code[0].value


@pytest.mark.parametrize("page", ["dynamics", "papers"])
def test_the_series_below_the_roots_can_be_chosen(open_page, run: Path, page: str) -> None:
    at = open_page(page, 0, papers_paper="Razzhigaev et al. (2024)")
    assert str(run) in at.selectbox(key="series").options


def test_profiles_heatmap_and_steps_are_the_metrics(open_page, run_page, small_world: SmallWorld, run: Path) -> None:
    at = run_page(opened(open_page, run), KEY)
    assert "3 checkpoints: steps 0, 10, 100." in said(at)
    (choice,) = [one.value for one in at.caption if "60 texts" in one.value]
    assert choice.startswith("words"), "the models of the sidebar are not those of the series"
    values = np.array([result.values.anisotropy for result in computed(small_world, run, "anisotropy")])
    profiles, over, heatmap = (figure(at, place) for place in range(3))  # column by column
    drawn = [numbers(trace["y"]) for trace in profiles["data"][:3]]
    np.testing.assert_allclose(drawn, values, rtol=1e-6)
    np.testing.assert_allclose(numbers(heatmap["data"][0]["z"]), values.T, rtol=1e-6)
    np.testing.assert_allclose(numbers(over["data"][-1]["y"]), values.mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(numbers(over["data"][-1]["x"]), np.log2([1, 11, 101]), rtol=1e-6)
    table = at.dataframe[0].value
    assert table.columns.tolist()[:3] == ["step", "layer", "anisotropy_anisotropy"]
    np.testing.assert_allclose(table["anisotropy_anisotropy"].to_numpy().reshape(3, -1), values)
    assert {"anisotropy_anisotropy_low", "anisotropy_anisotropy_high"} <= set(table)
    at.toggle(key="log_steps").set_value(False).run()
    np.testing.assert_allclose(numbers(figure(at, 1)["data"][-1]["x"]), STEPS)
    assert len(files_of(at, f"{KEY}_anisotropy_anisotropy_heatmap")) == 6, "each of the figures has its own"


def test_checkpoints_are_spoken_of_together_and_every_file_has_all_of_them(
    open_page, run_page, shown, small_world: SmallWorld, run: Path
) -> None:
    at = run_page(opened(open_page, run), KEY)
    lines = [line for line in said(at).splitlines() if "n = 60 rows" in line]
    assert len(lines) == 1 and "run at steps 0, 10, 100 on words" in lines[0]
    finding = shown[f"{KEY}_anisotropy_anisotropy_heatmap"]
    document = json.loads(json_file(finding))
    assert [entry["step"] for entry in document["result"]["entries"]] == list(STEPS)
    assert "at steps 0, 10, 100 on words" in html_file(finding).decode()
    assert "run-words" in file_stem(finding) and "step-" not in file_stem(finding)
    mean = shown[f"{KEY}_anisotropy_anisotropy_steps"].numbers()
    assert mean["layer"].tolist().count("mean over the layers") == len(STEPS)


def test_why_numbers_of_a_series_are_undefined_is_said_once_with_how_often(
    open_page, run_page, small_world: SmallWorld, run: Path
) -> None:
    at = run_page(opened(open_page, run, pooling="cls"), KEY)
    boxes = [box.value.replace("\\", "") for box in at.info]
    assert len(boxes) == 1 and "(3 times)" in boxes[0] and str(run) not in boxes[0]


def test_a_second_visit_needs_no_run(open_page, run_page, run: Path) -> None:
    run_page(opened(open_page, run), KEY)
    again = opened(open_page, run)
    assert not [button for button in again.button if button.key == f"{KEY}_run"]
    assert len(again.get("plotly_chart")) == 3


def test_the_intrinsic_dimension_is_averaged_over_layers(
    open_page, run_page, small_world: SmallWorld, run: Path
) -> None:
    key = "dynamics_intrinsic_dimension"
    at = run_page(opened(open_page, run, "Intrinsic dimension"), key)
    at.selectbox(key="dynamics_measure_intrinsic_dimension").set_value("Intrinsic dimension (MLE)").run()
    values = np.array([result.values.mle for result in computed(small_world, run, "intrinsic_dimension")])
    np.testing.assert_allclose(numbers(figure(at)["data"][-1]["y"]), values[:, 1:].mean(axis=1), rtol=1e-6)
    at.toggle(key=f"{key}_intrinsic_dimension_mle_blocks").set_value(False).run()
    np.testing.assert_allclose(numbers(figure(at)["data"][-1]["y"]), values.mean(axis=1), rtol=1e-6)
    assert len(numbers(figure(at, 1)["data"][0]["z"])) == values.shape[1], "the heatmap keeps every layer"


def test_all_estimators_and_several_series_are_averaged_in_one_figure(
    open_page, run_page, shown, small_world: SmallWorld, run: Path
) -> None:
    other = shutil.copytree(run, small_world.folder / "other-run")
    shutil.copy(other / "step-00100" / "model.safetensors", other / "step-00010")
    picked = {"Intrinsic dimension (MLE)": "mle", "Intrinsic dimension (MADA)": "mada"}
    at = opened(open_page, run, "Averages", averages_measures=list(picked), averages_series=str(other))
    for place in (0, 1):
        at = run_page(settled(at), f"dynamics_averages_{place}")
    lines = [trace for trace in figure(at)["data"] if trace["mode"] == "lines+markers"]
    assert len(lines) == 4 and len({(one["line"]["color"], one["line"]["dash"]) for one in lines}) == 4
    drawn = iter(lines)
    for folder in (run, other):
        results = computed(small_world, folder, "intrinsic_dimension")
        for name, field in picked.items():
            line = next(drawn)
            assert line["name"] == f"{folder.parent.name}/{folder.name}, {name}"
            values = np.array([getattr(result.values, field)[1:] for result in results])
            np.testing.assert_allclose(numbers(line["y"]), values.mean(axis=1), rtol=1e-6)
            np.testing.assert_allclose(numbers(line["x"]), np.log2([1, 11, 101]), rtol=1e-6)
    assert "over the 3 layers that are defined at every step (the embedding output left out)" in said(at)
    assert len(shown["dynamics_averages"].numbers()) == 4 * len(STEPS)
    at.toggle(key="averages_blocks").set_value(False).run()
    every = np.array([result.values.mle for result in computed(small_world, run, "intrinsic_dimension")])
    np.testing.assert_allclose(numbers(figure(at)["data"][0]["y"]), every.mean(axis=1), rtol=1e-6)


def test_the_paths_of_all_layers_are_panels(open_page, run_page, shown, small_world: SmallWorld, run: Path) -> None:
    choice = {"dynamics_labels": "Movement", "dynamics_movement_panels": "true"}
    at = run_page(opened(open_page, run, "Labels", **choice), "dynamics_movement")
    (result,) = computed(small_world, run, "movement", label="label")
    values = result.values
    for layer in range(4):
        axis = "x" if layer == 0 else f"x{layer + 1}"
        mine = [trace for trace in figure(at)["data"] if trace["xaxis"] == axis]
        for place, trace in enumerate(mine):
            np.testing.assert_allclose(
                np.column_stack([numbers(trace["x"]), numbers(trace["y"])]),
                values.layer_coords[1, :, layer, place],
                rtol=1e-5,
                atol=1e-6,
            )
    assert set(shown["dynamics_path_panels"].numbers()["layer"]) == set(result.sources[0].layer_names)


def test_cka_with_first_and_last(open_page, run_page, small_world: SmallWorld, run: Path) -> None:
    at = run_page(opened(open_page, run, "CKA"), "dynamics_cka")
    for place, against in ((0, "first"), (2, "last")):
        results = computed(small_world, run, "cka", against=against)
        diagonals = np.array([np.diagonal(result.values.matrix) for result in results])
        np.testing.assert_allclose(numbers(figure(at, place)["data"][0]["z"]), diagonals.T, rtol=1e-5)
        own = 0 if against == "first" else -1
        np.testing.assert_allclose(diagonals[own], 1, atol=1e-6)
    assert "Step 100 itself has 1 by construction" in said(at)


def test_the_principal_dimension_and_its_overlap(open_page, run_page, small_world: SmallWorld, run: Path) -> None:
    at = run_page(opened(open_page, run, "Rogue"), "dynamics_rogue")
    results = computed(small_world, run, "rogue")
    share = np.array([one.values.variance.max(axis=1) / one.values.variance.sum(axis=1) for one in results])
    np.testing.assert_allclose(numbers(figure(at)["data"][0]["z"]), share.T, rtol=1e-5)
    overlap = [np.diagonal(one.values.matrix) for one in computed(small_world, run, "rogue_overlap", against="first")]
    np.testing.assert_allclose(numbers(figure(at, 2)["data"][0]["z"]), np.array(overlap).T, rtol=1e-5)
    table = at.dataframe[-1].value
    assert table["step 100"].tolist() == [str(dim) for dim in results[-1].values.principal]


def test_labels_over_the_checkpoints(open_page, run_page, small_world: SmallWorld, run: Path) -> None:
    at = run_page(opened(open_page, run, "Labels"), "dynamics_direct_probe")
    results = computed(small_world, run, "direct_probe", against="first", label="label")
    least = {trace["name"].split(" ")[0]: numbers(trace["y"]) for trace in figure(at)["data"]}
    for place, name in enumerate(results[0].values.split.classes):
        np.testing.assert_allclose(least[name], [one.values.minimum[-1, place] for one in results], rtol=1e-5)
    alike = np.array([np.diagonal(one.values.across) for one in results])
    drawn = [numbers(trace["y"]) for trace in figure(at, 1)["data"] if trace["mode"] == "lines+markers"]
    np.testing.assert_allclose(drawn, alike.T[[0, 2, 3]], rtol=1e-5)
    at.toggle(key="dynamics_every").set_value(False).run()
    drawn = [numbers(trace["y"]) for trace in figure(at, 1)["data"] if trace["mode"] == "lines+markers"]
    assert len(drawn) == 4


@pytest.mark.parametrize(
    ("view", "metric", "field"),
    [("Thresholds and heads", "threshold", "accuracy"), ("Movement", "movement", "")],
)
def test_the_other_views_of_labels(
    open_page, run_page, small_world: SmallWorld, run: Path, view: str, metric: str, field: str
) -> None:
    at = run_page(opened(open_page, run, "Labels", dynamics_labels=view), f"dynamics_{metric}")
    results = computed(small_world, run, metric, label="label")
    if field:
        values = np.array([getattr(one.values, field) for one in results])
        np.testing.assert_allclose(numbers(figure(at)["data"][0]["z"]), values.T, rtol=1e-6)
        return
    paths = {trace["name"]: trace for trace in figure(at)["data"]}
    for place, name in enumerate(results[0].values.classes):
        np.testing.assert_allclose(
            numbers(paths[name]["x"]), results[0].values.layer_coords[1, :, -1, place, 0], rtol=1e-5
        )


def test_without_labels_the_page_says_what_to_do(open_page, run: Path) -> None:
    assert "no label column" in said(opened(open_page, run, "Labels", texts="general"))
    at = opened(open_page, run, "Any metric", texts="general", dynamics_metric=METRICS["threshold"].title)
    assert any("needs a label for each text" in error.value.replace("\\", "") for error in at.error)


def test_any_metric_offers_every_number_of_a_layer(open_page, run_page, small_world: SmallWorld, run: Path) -> None:
    at = run_page(opened(open_page, run, "Any metric", dynamics_metric=METRICS["average_cosine"].title), "dynamics_any")
    offered = at.selectbox(key="dynamics_field_average_cosine").options
    assert {"average cosine", "average cosine centred"} <= set(offered)
    at.selectbox(key="dynamics_field_average_cosine").set_value("average_cosine_centred").run()
    values = [one.values.average_cosine_centred for one in computed(small_world, run, "average_cosine")]
    np.testing.assert_allclose(numbers(figure(at, 2)["data"][0]["z"]), np.array(values).T, rtol=1e-5)


def test_the_map_is_scrubbed_over_the_steps(open_page, run_page, small_world: SmallWorld, run: Path) -> None:
    at = run_page(opened(open_page, run, "Map"), "dynamics_map")
    values = computed(small_world, run, "projection_series", layers=[3])[0].values
    slider = at.select_slider(key="dynamics_map_plot_frame")
    assert slider.options == ["0", "10", "100"]
    for step in (2, 0):
        at.select_slider(key="dynamics_map_plot_frame").set_value(step).run()
        drawn = np.concatenate([numbers(trace["x"]) for trace in figure(at)["data"]])
        np.testing.assert_allclose(np.sort(drawn), np.sort(values.coords[step, :, 0]), rtol=1e-5)
    np.testing.assert_allclose(at.dataframe[0].value["trustworthiness"], values.trustworthiness)


def test_broken_checkpoints_are_named_and_left_out_on_request(open_page, run_page, broken: Path) -> None:
    at = opened(open_page, broken)
    assert "1 checkpoint cannot be used" in at.warning[0].value and "step 50" in at.warning[0].value
    assert not [button for button in at.button if button.key == f"{KEY}_run"]
    at.toggle(key="leave_out").set_value(True).run()
    at = run_page(settled(at), KEY)
    assert [trace["name"] for trace in figure(at)["data"][:3]] == ["step 0", "step 10", "step 100"]


def test_steps_are_chosen(open_page, run_page, run: Path) -> None:
    at = run_page(opened(open_page, run, steps="0, 100"), KEY)
    assert [trace["name"] for trace in figure(at)["data"][:2]] == ["step 0", "step 100"]
    at.text_input(key="steps").set_value("one").run()
    assert "cannot be read" in at.error[0].value
    at.text_input(key="steps").set_value("").run()
    at.number_input(key="at_most").set_value(2).run()
    assert "2 checkpoints of 3, spread evenly" in said(settled(at))


def test_a_name_that_is_no_series_is_refused_with_what_to_do(open_page, small_world: SmallWorld) -> None:
    at = opened(open_page, small_world.folder / "<b>nowhere</b>")
    assert any("There is no folder" in error.value.replace("\\", "") for error in at.error)
    at = opened(open_page, small_world.models[0])
    assert any("holds no checkpoints" in error.value.replace("\\", "") for error in at.error)


def test_what_a_cancelled_job_did_is_kept(open_page, run_page, small_world: SmallWorld, run: Path) -> None:
    bench = small_world.bench
    series = bench.series(str(run))
    task = bench.series_analyses("spectrum", series=series, texts=small_world.texts, pooling="mean")
    bench.wait(task.analyses[0])
    at = opened(open_page, run, "Any metric", dynamics_metric=METRICS["spectrum"].title)
    assert "1 of 3 results is stored already and stays." in said(at)
    assert at.button(key="dynamics_any_run").label == "Run the rest"
    run_page(at, "dynamics_any")
    assert bench.peek(task) is not None


def test_layers_are_checked_against_the_series_and_not_the_sidebars_model(
    open_page, small_world: SmallWorld, run: Path
) -> None:
    at = opened(open_page, run, layers="0, 9")
    assert "has layers 0 to 3, there is no 9" in said(at)


def test_a_series_in_the_sidebar_offers_its_steps(open_page, run_page, small_world: SmallWorld, run: Path) -> None:
    at = settled(open_page("profiles", str(run)))
    assert "3 checkpoints" in said(at) and not at.error
    at.button(key="series_0_ends").click().run()
    assert at.multiselect(key="model").value == [str(run / "step-00000"), str(run / "step-00100")]
    at = run_page(settled(at), "profiles")
    names = {trace.get("name") for trace in figure(at)["data"]}
    assert {"run/step-00000", "run/step-00100"} <= names


def test_a_series_as_a_model_is_shown_by_its_first_and_last_step_until_others_are_taken(
    open_page, run_page, small_world: SmallWorld, run: Path
) -> None:
    at = run_page(settled(open_page("profiles", 0, str(run))), "profiles")
    assert "Shown: steps 0 and 100, the first and the last" in said(at)
    names = {trace.get("name") for trace in figure(at)["data"]}
    assert {"run/step-00000", "run/step-00100"} < names and any(str(name).endswith("model-0") for name in names)
    assert at.multiselect(key="model").value == [small_world.models[0], str(run)], "the field has what was typed"
    series = small_world.bench.peek(model_field.series_task(str(run)))
    assert at.session_state["_view"].drawn["model"][1] == f"{run}@{series.identity[:12]}"


def test_a_series_that_fills_the_field_is_shown_by_its_last_step(open_page, small_world: SmallWorld, run: Path) -> None:
    others = [str(run / "step-00000"), str(run / "step-00010"), *small_world.models[:2]]
    at = settled(open_page("profiles", *others, "minilm", str(run)))
    assert len(at.multiselect(key="model").value) == model_field.MOST_MODELS
    assert "Shown: step 100, the last." in said(at) and not at.error
    names = [info.spec.name for info in at.session_state["_selection"].models]
    assert names == [*others, *names[4:5], str(run / "step-00100")]


def test_some_steps_of_a_series_take_its_place_among_the_models(open_page, small_world: SmallWorld, run: Path) -> None:
    at = settled(open_page("profiles", 0, str(run)))
    at.multiselect(key="series_1_steps").set_value([10, 100]).run()
    at.button(key="series_1_take").click().run()
    assert at.multiselect(key="model").value == [
        small_world.models[0],
        str(run / "step-00010"),
        str(run / "step-00100"),
    ]
    assert len(at.multiselect(key="model").value) <= model_field.MOST_MODELS


def test_the_sidebar_leads_to_all_steps(open_page, run: Path) -> None:
    at = settled(open_page("profiles", str(run)))
    link = next(link.proto for link in at.get("page_link") if "Dynamics" in link.proto.label)
    assert parse_qs(link.query_string) == {"series": [str(run)]}


def test_a_series_looked_up_on_the_page_models_can_be_taken_too(open_page, small_world: SmallWorld, run: Path) -> None:
    at = open_page("profiles", 0)
    at.switch_page("pages/data/models/page.py").run()
    at.text_input(key="models_name").set_value(str(run)).run()
    at = settled(at)
    assert "is a series" in said(at) and not at.error
    at.multiselect(key="models_series_steps").set_value([100]).run()
    at.button(key="models_series_take").click().run()
    assert at.multiselect(key="model").value == [small_world.models[0], str(run / "step-00100")]


def test_a_wrong_folder_is_still_a_wrong_model(open_page, small_world: SmallWorld) -> None:
    at = settled(open_page("profiles", str(small_world.folder / "nowhere")))
    assert any("There is no folder" in error.value.replace("\\", "") for error in at.error)
    assert not [button for button in at.button if button.key.startswith("series_")]
