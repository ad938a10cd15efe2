"""Own vectors on every page: each draws its figures, or says in words what it lacks; none fails."""

from typing import Any

import numpy as np
import pytest

from pages._kit.show.finding import Finding
from tests.pages.conftest import SmallWorld, settled
from tests.pages.kit.test_walk import look_at

DRAWN: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # the keys of Run, and figures that must come
    "overview": (("overview",), ("overview_cka", "overview_projection", "overview_profile")),
    "similarity": (("similarity",), ("similarity_Between two models",)),
    "projection": (("projection",), ("projection_map",)),
    "profiles": (("profiles",), ("profiles_",)),
    "components": (("components",), ("components_spectrum",)),
    "rogue": (("rogue",), ("rogue_layer",)),
    "neighbours": (("neighbours",), ("neighbours",)),
    "explorer": (("explorer",), ("explorer",)),
    "threshold": (("threshold",), ("threshold_profile",)),
    "ablation": (("ablation",), ("ablation_curves",)),
    "neurons": (("neurons",), ("neurons_singles_",)),
    "component_accuracy": (("component_accuracy",), ("component_accuracy_chart",)),
    "clusters": (("clusters",), ("clusters_count",)),
    "movement": (("movement",), ("movement_paths",)),
    "report": (("report",), ("report_cka_",)),
}
SAID = {  # what a page says of vectors in the place of a model; the widget that leads there
    "rogue": (("segmented_control", "rogue_view", "Norm weights"), "This rule reads the weights of a model"),
    "ablation": (("toggle", "inner_wanted", True), "This runs the network itself"),
    "neighbours": (("segmented_control", "neighbours_view", "typed"), "A typed text is read by a model"),
    "finetune": (None, "Fine-tuning trains a model"),
}


@pytest.fixture(scope="module")
def own(small_world: SmallWorld) -> tuple[str, str]:
    """Two sets of vectors of the small world's texts, of four layers each."""
    rows = np.random.default_rng(0).normal(size=(4, small_world.texts.spec.n_rows, 12)).astype(np.float32)
    small_world.bench.add_vectors(rows, name="first", texts=small_world.texts)
    small_world.bench.add_vectors(rows + rows[::-1], name="second", texts=small_world.texts)
    return "vectors:first", "vectors:second"


@pytest.mark.parametrize("page", DRAWN)
def test_each_page_draws_them(page: str, own, open_page, run_page, shown: dict[str, Finding]) -> None:
    keys, figures = DRAWN[page]
    at = settled(open_page(page, *(own if page in ("similarity", "report") else own[:1])))
    for key in keys:
        run_page(at, key)
    for figure in figures:
        assert any(key.startswith(figure) for key in shown), f"{figure} was not shown; shown were {sorted(shown)}"
    for finding in shown.values():
        look_at(finding)
    said = " ".join(caption.value for caption in at.caption).replace("\\", "")
    assert "there is nothing to pool" in said and "pooling mean" not in said


@pytest.mark.parametrize("page", SAID)
def test_what_needs_a_model_is_said_in_words(page: str, own, open_page) -> None:
    step, said = SAID[page]
    at = settled(open_page(page, own[0]))
    if step is not None:
        getattr(at, step[0])(key=step[1]).set_value(step[2]).run()
    assert not at.exception
    assert any(said in info.value and "imported vectors" in info.value for info in at.info)


def test_probes_and_dynamics_and_other_texts_do_not_fail(own, open_page, run: Any) -> None:
    at = settled(open_page("probes", own[0]))
    assert any(button.key == "probes_run" for button in at.button), "it offers to train on them"
    at = settled(open_page("dynamics", own[0], series=str(run)))
    assert not at.error, "the series has a pooling of its own"
    at = open_page("similarity", own[0], texts="topics")
    assert any("belong to the texts of 'words', not to 'topics'" in one.value.replace("\\", "") for one in at.error)
    at = settled(open_page("similarity", own[0], 0, pooling="tokens"))
    assert any("has one imported vector for each text" in one.value.replace("\\", "") for one in at.error)


def test_side_by_side_and_the_selection_take_them_too(own, open_page, run_page, shown: dict[str, Finding]) -> None:
    at = settled(open_page("projection", own[0], 0, projection_view="Side by side", side_shared="true"))
    run_page(at, "projection")
    finding = shown["projection_side"]
    assert [source.pooling for source in finding.results[-1].sources] == ["given", "mean"]
    at = settled(open_page("selection", own[0], chosen="0-19"))
    run_page(at, "selection_parts")
    run_page(settled(at), "selection")
    assert {result.sources[0].n_rows for result in shown["selection_profile"].results} == {20, 40, 60}


def test_beside_a_model_the_pooling_is_the_models(own, open_page, run_page, shown: dict[str, Finding]) -> None:
    at = settled(open_page("similarity", own[0], 0, pooling="last"))
    run_page(at, "similarity")
    (finding,) = [one for key, one in shown.items() if key.startswith("similarity_Between")]
    assert [source.pooling for source in finding.results[0].sources] == ["given", "last"]
    said = " ".join(caption.value for caption in at.caption).replace("\\", "")
    assert "taken as imported" in said and "vectors as imported" in said and "pooling last" in said
