"""The view Labels of Dynamics with five labels: which of them are drawn, and the panels of all layers, against the results."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pages.training.dynamics.distances import ALONE, BY_HAND
from tests.models.tiny import TEXTS, WORDS
from tests.pages.conftest import LABELS, STEPS, SmallWorld, settled
from tests.pages.drawn import check
from tests.pages.figures import figure, numbers, said

NAMES = ("ash", "birch", "cedar", "dogwood", "elm")
LAYERS = ("embedding", "block 1", "block 2", "block 3")
DISTANCES, MOVEMENT = "dynamics_direct_probe", "dynamics_movement"


@pytest.fixture(scope="module")
def five(small_world: SmallWorld) -> Any:
    """Sixty texts of five labels, called "five"."""
    path = small_world.folder / "five.tsv"
    rows = [f"{TEXTS[i % 7]} {WORDS[i % 25]} {WORDS[i // 3]}\t{NAMES[i % 5]}" for i in range(60)]
    path.write_text("text\tlabel\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return small_world.bench.read_texts(path, text="text", label="label", name="five")


@pytest.fixture
def opened(open_page: Any, run_page: Any, five: Any, run: Path) -> Any:
    def opening(shown: str, key: str, **choice: str) -> Any:
        choice = {"texts": "five", "series": str(run), "dynamics_view": "Labels", "dynamics_labels": shown} | choice
        return run_page(settled(open_page("dynamics", 0, **choice)), key)

    return opening


def computed(world: SmallWorld, run: Path, five: Any, metric: str, **options: Any) -> list[Any]:
    series = world.bench.series(str(run))
    task = world.bench.series_analyses(metric, series=series, texts=five, pooling="mean", label="label", **options)
    return [result.values for result in world.bench.compute_series(task, series).results]


def panel(drawn: dict[str, Any], place: int) -> dict[str, Any]:
    axis = "x" if place == 0 else f"x{place + 1}"
    return {trace["name"]: trace for trace in drawn["data"] if trace["xaxis"] == axis and trace.get("name")}


def test_each_layer_is_a_panel_with_the_distances_of_its_labels(
    opened: Any, shown: Any, small_world: SmallWorld, run: Path, five: Any
) -> None:
    at = opened("Distances", DISTANCES, dynamics_distance_panels="true")
    results = computed(small_world, run, five, "direct_probe", against="first")
    for layer in range(4):
        mine = panel(figure(at), layer)
        assert set(mine) == set(NAMES)
        for place, name in enumerate(NAMES):
            np.testing.assert_allclose(
                numbers(mine[name]["y"]), [one.minimum[layer, place] for one in results], rtol=1e-5
            )
    titles = [note["text"] for note in figure(at)["layout"]["annotations"]]
    assert titles == list(LAYERS) and "One panel per layer" in said(at)
    assert check(shown["dynamics_least_panels"]) > 0
    table = shown["dynamics_least_panels"].numbers()
    assert len(table) == 4 * len(STEPS) * len(NAMES) and set(table["layer"]) == set(LAYERS)


def test_labels_are_drawn_in_grey_left_out_or_chosen_by_hand(opened: Any) -> None:
    at = opened("Distances", DISTANCES)
    assert len([one for one in figure(at)["data"] if not one["showlegend"]]) == 1, (
        "of five, two grow most and two least"
    )
    at.selectbox(key="dynamics_distance_labels").set_value(ALONE).run()
    assert len(figure(at)["data"]) == 4 and "The others are not drawn" in said(at)
    at.selectbox(key="dynamics_distance_labels").set_value(BY_HAND).run()
    at.multiselect(key="dynamics_distance_named_5").set_value([2]).run()
    assert [one["name"] for one in figure(at)["data"] if one["showlegend"]] == ["cedar"]
    assert len(figure(at)["data"]) == 5 and "In colour are the chosen labels" in said(at)


def test_the_three_closest_labels_in_the_first_block_and_the_last_layer(
    opened: Any, shown: Any, small_world: SmallWorld, run: Path, five: Any
) -> None:
    choice = {"dynamics_movement_closest": "true", "dynamics_movement_panels": "true", "dynamics_frame": "raw"}
    at = opened("Movement", MOVEMENT, **choice, dynamics_movement_ends="true")
    (values,) = computed(small_world, run, five, "movement")
    labels = values.closest.tolist()
    assert len(labels) == 3
    for place, layer in enumerate((1, 3)):
        mine = panel(figure(at), place)
        assert list(mine) == [NAMES[label] for label in labels]
        for label in labels:
            trace = mine[NAMES[label]]
            drawn = np.column_stack([numbers(trace["x"]), numbers(trace["y"])])
            np.testing.assert_allclose(drawn, values.layer_coords[0, :, layer, label], rtol=1e-5, atol=1e-6)
    assert "Paths of the labels in block 1 and block 3" in shown["dynamics_path_panels"].title
    assert set(shown["dynamics_path_panels"].numbers()["label"]) == {NAMES[label] for label in labels}
    assert "each plane is that of all labels" in said(at)
    at.toggle(key="dynamics_movement_ends").set_value(False).run()
    assert len({trace["xaxis"] for trace in figure(at)["data"]}) == 4
    at.toggle(key="dynamics_movement_panels").set_value(False).run()
    assert "In colour are the three labels that lie closest" in said(at)


def test_another_run_is_a_panel_with_the_texts_that_it_learned_from(
    open_page: Any, run_page: Any, shown: Any, small_world: SmallWorld, run: Path, five: Any
) -> None:
    bench = small_world.bench
    words = {"model": small_world.models[0], "texts": small_world.texts, "recipe": "zhou"}
    bench.finetune("beside-five", changes={"max_steps": 2}, **words)
    view = {"dynamics_view": "Labels", "dynamics_labels": "Distances", "log_steps": "false"}
    choice = {"texts": "five", "series": str(run), "dynamics_distance_tasks": "run:beside-five", **view}
    at = settled(open_page("dynamics", 0, **choice))
    at = run_page(at, DISTANCES)
    at = run_page(settled(at), "dynamics_task_0_run")
    finding = shown["dynamics_least_tasks"]
    titles = [note["text"] for note in figure(at)["layout"]["annotations"]]
    assert titles[0].endswith("run, five") and titles[1] == "run:beside-five, words"
    mine = computed(small_world, run, five, "direct_probe", against="first")
    series = bench.series("run:beside-five")
    options = {"texts": small_world.texts, "pooling": "mean", "label": "label", "layers": (3,), "against": "first"}
    other = bench.compute_series(bench.series_analyses("direct_probe", series=series, **options), series).results
    for place, (results, names) in enumerate(((mine, NAMES), ([one.values for one in other], LABELS))):
        for name, trace in panel(figure(at), place).items():
            label = next(at for at, one in enumerate(names) if f": {one}" in name)
            wanted = [one.minimum[-1, label] for one in results]
            np.testing.assert_allclose(numbers(trace["y"]), wanted, rtol=1e-5)
    table = finding.numbers()
    assert set(table["texts"]) == {"five", "words"} and set(table["label"]) == {*NAMES, *LABELS}
    assert len(finding.results) == len(STEPS) + len(series.steps)
    bench.delete_run("beside-five")
