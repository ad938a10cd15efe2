"""A first look on Overview: drawn while the model runs, marked on each figure, of the very numbers that were made, and gone in time."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from backend import AnalysisSpec, fingerprint
from backend.errors import Cancelled, EmbedscopeError
from backend.models import passes
from backend.work import looking
from backend.work.looks import Look
from tests.pages.conftest import SmallWorld
from tests.pages.figures import figure, files_of, numbers, said
from tests.pages.fresh import asked, words

LABEL = {"label": "label"}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look after each batch of few texts."""
    monkeypatch.setattr(passes, "quickest", lambda device: 64)
    for name, value in {"BEGIN_SECONDS": 0.0, "EVERY_SECONDS": 0.0, "SHARE": np.inf, "LEAST_ROWS": 8}.items():
        monkeypatch.setattr(looking, name, value)


def during(world: SmallWorld, spec: AnalysisSpec, then: Callable[[Look], None]) -> None:
    """Run ``spec``; ``then`` is called once while its pass goes on, with what it shows at half of the texts."""
    seen: list[Look] = []

    def report(done: int, total: int, stage: str) -> None:
        look = world.bench.look(spec)
        if look is not None and look.n_done > 30 and not seen:
            seen.append(look)
            then(look)

    world.bench.wait(spec, report)
    assert seen


def drawn(at: Any) -> list[Any]:
    return [figure(at, place) for place in range(len(at.get("plotly_chart")))]


def test_it_is_drawn_marked_and_replaced(
    open_page: Any, small_world: SmallWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = words(small_world, "early")
    at = open_page("overview", 0, texts=name, **LABEL)
    specs = asked(small_world, at, monkeypatch, "overview_run")
    assert [spec.metric for spec in specs] == ["cka", "projection", "anisotropy"]
    at.run()
    assert not drawn(at), "nothing runs, so nothing is drawn"

    def look_at_it(look: Look) -> None:
        at.run()
        assert not at.exception
        heat, points, lines = drawn(at)
        mark = f"So far: {len(look.rows)} of 60 texts"
        assert [one["layout"]["title"]["text"].replace("<br>", " ")[: len(mark)] for one in (heat, points, lines)] == [
            mark
        ] * 3
        assert points["layout"]["title"]["text"] == f"{mark}, by PCA"
        text = said(at)
        assert "Figures marked" in text and f"the {look.n_done} of 60 texts that the model had done" in text
        np.testing.assert_array_equal(numbers(heat["data"][0]["z"]), look.cka.matrix.astype(np.float32))
        line = next(trace for trace in lines["data"] if trace.get("mode") == "lines+markers")
        np.testing.assert_allclose(numbers(line["y"]), look.anisotropy.anisotropy, rtol=1e-6)
        coords = look.projection.coords[-1]
        got = np.concatenate([np.column_stack([numbers(one["x"]), numbers(one["y"])]) for one in points["data"]])
        assert sorted(map(tuple, got.astype(np.float32))) == sorted(map(tuple, coords))
        assert not any(
            button.key and button.key.startswith("overview") and "save" in button.key for button in at.button
        )
        assert not [key for key in at.query_params if "so_far" in key]
        assert all(proto.proto.selection_mode == [] for proto in at.get("plotly_chart")), "nothing can be selected"

    during(small_world, specs[0], look_at_it)
    at.run()
    assert "So far" not in str([one["layout"].get("title") for one in drawn(at)])
    assert len(drawn(at)) == 1, "the first result is there; nobody works at the others"
    for spec in specs[1:]:
        small_world.bench.wait(spec)
    at.run()
    assert len(drawn(at)) == 3 and "Figures marked" not in said(at)
    assert files_of(at, "overview_cka"), "the result can be saved"


def test_of_layers_that_are_chosen_it_shows_those(
    open_page: Any, small_world: SmallWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = open_page("overview", 0, texts=words(small_world, "layered"), layers="1-2", label="(none)")
    (spec, *_) = asked(small_world, at, monkeypatch, "overview_run")

    def look_at_it(look: Look) -> None:
        at.run()
        heat, points, lines = drawn(at)
        np.testing.assert_array_equal(numbers(heat["data"][0]["z"]), look.cka.matrix[1:3, 1:3].astype(np.float32))
        line = next(trace for trace in lines["data"] if trace.get("mode") == "lines+markers")
        np.testing.assert_allclose(numbers(line["y"]), look.anisotropy.anisotropy[1:3], rtol=1e-6)
        np.testing.assert_array_equal(numbers(points["data"][0]["x"]), look.projection.coords[2][:, 0])

    during(small_world, spec, look_at_it)


def test_a_figure_whose_job_was_cancelled_has_none(
    open_page: Any, small_world: SmallWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = open_page("overview", 0, texts=words(small_world, "one figure fewer"), **LABEL)
    cka, projection, _ = asked(small_world, at, monkeypatch, "overview_run")

    def stop(done: int, total: int, stage: str) -> None:
        raise Cancelled()

    with pytest.raises(EmbedscopeError):
        small_world.bench.wait(cka, stop)

    def look_at_it(look: Look) -> None:
        at.run()
        assert [one["data"][0]["type"] for one in drawn(at)] == ["scattergl", "scatter"]
        assert "Not computed yet" in said(at)

    during(small_world, projection, look_at_it)


def test_what_was_cancelled_together_is_said_once(
    open_page: Any, small_world: SmallWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = open_page("overview", 0, texts=words(small_world, "three at a time and none"), **LABEL)

    def stop(done: int, total: int, stage: str) -> None:
        raise Cancelled()

    for spec in asked(small_world, at, monkeypatch, "overview_run"):
        with pytest.raises(EmbedscopeError):
            small_world.bench.wait(spec, stop)
    at.run()
    assert [one.value for one in at.info if "cancelled" in one.value] == [
        "It was cancelled. Press Run again to start over."
    ]
    assert at.button(key="overview_run").label == "Run again"


def test_it_goes_when_the_run_is_cancelled_and_the_next_begins_without_it(
    open_page: Any, small_world: SmallWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = open_page("overview", 0, texts=words(small_world, "cancelled"), **LABEL)
    (spec, *_) = asked(small_world, at, monkeypatch, "overview_run")

    def cancel(look: Look) -> None:
        at.run()
        assert len(drawn(at)) == 3
        raise Cancelled()

    with pytest.raises(EmbedscopeError):
        during(small_world, spec, cancel)
    assert small_world.bench.status(fingerprint(spec)).state == "cancelled"
    at.run()
    assert not drawn(at) and "Figures marked" not in said(at)
    begun: list[int] = []

    def report(done: int, total: int, stage: str) -> None:
        if not begun:
            begun.append(done)
            at.run()
            assert not drawn(at), "of the run before nothing is kept"

    small_world.bench.wait(spec, report)
    assert begun
