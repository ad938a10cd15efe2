"""Prepare all: afterwards every page draws at once, and what cannot be prepared is named with the reason."""

from typing import Any

import numpy as np
import pytest

from pages._kit.flow.tour import PAGES
from tests.pages.conftest import SmallWorld
from tests.pages.figures import said as words

pytestmark = pytest.mark.usefixtures("few_passes")
OWN = {"seed": "500", "pooling": "last", "layers": "2"}
FIRST = {
    "similarity": "similarity_run",
    "projection": "projection_run",
    "profiles": "profiles_run",
    "components": "components_run",
    "rogue": "rogue_run",
    "neighbours": "neighbours_run",
    "threshold": "threshold_run",
    "ablation": "ablation_run",
    "neurons": "neurons_run",
    "component_accuracy": "component_accuracy_run",
    "clusters": "clusters_run",
    "probes": "probes_run",
    "movement": "movement_run",
}


def keys(at: Any) -> set[str]:
    return {button.key for button in at.button}


def test_afterwards_every_page_draws_at_once(open_page, small_world: SmallWorld, shown) -> None:
    at = open_page("overview", 0, **OWN)
    assert "overview_run" in keys(at)
    at.button(key="prepare_all").click().run()
    assert not at.exception and not at.error
    said = words(at)
    assert "Prepared: Overview" in said and "Clusters" in said
    assert "Not prepared" in said and "Report" in said and "A report needs two models" in said
    jobs = [job for job in small_world.bench.jobs() if job.kind == "PrepareTask"]
    assert len(jobs) == 1 and jobs[0].state == "done"
    at.run()
    assert "overview_run" not in keys(at), "Overview too"
    before = {job.id for job in small_world.bench.jobs()}
    for page, key in FIRST.items():
        opened = open_page(page, 0, **OWN)
        assert key not in keys(opened), page
        assert shown, page
    assert {job.id for job in small_world.bench.jobs() if job.kind != "EstimateTask"} == before - {
        job.id for job in small_world.bench.jobs() if job.kind == "EstimateTask"
    }, "and nothing more is computed"
    assert set(FIRST) | {"start", "report"} == set(PAGES)


def test_what_it_cannot_do_is_named(open_page, small_world: SmallWorld) -> None:
    at = open_page("overview", 0, **{**OWN, "seed": "501", "layers": "1"}, label="(none)")
    at.button(key="prepare_all").click().run()
    assert not at.exception and not at.error
    said = words(at)
    assert "Prepared: Overview" in said
    for page in ("Threshold", "Neurons", "Probes"):
        assert f"**{page}" in said.partition("Not prepared")[2]
    assert "has no label column, or none is chosen" in said


def test_a_second_time_there_is_nothing_to_do(open_page, small_world: SmallWorld) -> None:
    choice = {**OWN, "seed": "502", "layers": "1"}
    at = open_page("overview", 0, **choice, label="(none)")
    at.button(key="prepare_all").click().run()
    jobs = small_world.bench.jobs()
    again = open_page("overview", 0, **choice, label="(none)")
    again.button(key="prepare_all").click().run()
    assert "Prepared: Overview" in words(again)
    assert small_world.bench.jobs() == jobs


def test_imported_vectors_are_prepared_as_a_model_is(open_page, small_world: SmallWorld, shown) -> None:
    rows = np.random.default_rng(3).normal(size=(2, small_world.texts.spec.n_rows, 8)).astype(np.float32)
    name = small_world.bench.add_vectors(rows, name="to-prepare", texts=small_world.texts).spec.name
    choice = {"seed": "503", "layers": "1"}
    at = open_page("overview", name, **choice)
    at.button(key="prepare_all").click().run()
    assert not at.exception and not at.error
    ready, _, lacking = words(at).partition("Not prepared")
    assert "A report needs two models" in lacking and lacking.count("- **") == 1, (
        "everything else can be had of vectors"
    )
    assert all(title in ready for title in ("Prepared: Overview", "Neighbours", "Ablation", "Probes", "Movement"))
    for page in ("similarity", "ablation", "probes", "movement"):
        opened = open_page(page, name, **choice)
        assert FIRST[page] not in keys(opened) and shown and not opened.error, page
    small_world.bench.delete_vectors("to-prepare")
