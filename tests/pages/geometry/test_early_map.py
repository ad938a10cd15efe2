"""The map of Projection before its quality is measured: marked, of the very points that the result draws, and nothing of it is kept."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from backend import AnalysisSpec, Result, fingerprint
from backend.errors import Cancelled, EmbedscopeError
from tests.pages import fresh
from tests.pages.conftest import SmallWorld
from tests.pages.figures import figure, files_of, numbers, said

MARK = "Quality numbers are still being computed"


def words(world: SmallWorld, name: str) -> str:
    """A text set that nothing was computed of, not by the tests of first looks either."""
    return fresh.words(world, name, mark_first=True)


def asked(world: SmallWorld, at: Any, monkeypatch: pytest.MonkeyPatch) -> AnalysisSpec:
    """The analysis that Run starts on the page; it is not started."""
    return next(one for one in fresh.asked(world, at, monkeypatch, "projection_run") if one.metric == "projection")


def during(world: SmallWorld, spec: AnalysisSpec, then: Callable[[Result], None]) -> None:
    """Run ``spec``; ``then`` is called once while the quality of its maps is measured."""
    seen: list[Result] = []

    def report(done: int, total: int, stage: str) -> None:
        found = world.bench.early(spec)
        if found is not None and not seen:
            seen.append(found)
            then(found)

    world.bench.wait(spec, report)
    assert seen


def points(at: Any) -> list[tuple[str, bytes, bytes]]:
    """The traces of the map as they are drawn: name, and where the points lie, to the last bit."""
    traces = figure(at)["data"]
    return [(trace.get("name", ""), numbers(trace["x"]).tobytes(), numbers(trace["y"]).tobytes()) for trace in traces]


def title(at: Any) -> str:
    found: str = (figure(at)["layout"].get("title") or {}).get("text", "")
    return found.replace("<br>", " ")


@pytest.mark.parametrize(
    ("choice", "name"),
    [
        ({}, "soon"),
        ({"projection_method": "tsne", "projection_tsne_n_iter": "20"}, "soon by tsne"),
        ({"layers": "1-2"}, "soon of two"),
    ],
)
def test_it_is_drawn_marked_and_replaced_by_the_same_points(
    open_page: Any, small_world: SmallWorld, monkeypatch: pytest.MonkeyPatch, choice: dict[str, str], name: str
) -> None:
    at = open_page("projection", 0, texts=words(small_world, name), label="label", **choice)
    spec, before = asked(small_world, at, monkeypatch), list[Any]()
    at.run()
    assert not at.get("plotly_chart"), "nothing runs, so nothing is drawn"

    def look_at_it(found: Result) -> None:
        at.run()
        assert not at.exception and title(at) == MARK
        before.append(points(at))
        coords = found.values.coords[-1]  # type: ignore[attr-defined]  # a projection
        drawn = np.concatenate([np.column_stack([numbers(one["x"]), numbers(one["y"])]) for one in figure(at)["data"]])
        assert sorted(map(tuple, drawn)) == sorted(map(tuple, coords))
        text = said(at)
        assert "Trustworthiness **to come**" in text and "undefined" not in text
        assert small_world.models[0].rsplit("/", 1)[-1] in text, "where it comes from is said"
        keys = [button.key or "" for button in at.button]
        assert not [key for key in keys if key.startswith("projection_map") or "_all" in key]
        assert at.get("plotly_chart")[0].proto.selection_mode == [] and not at.get("download_button")
        assert not [key for key in at.query_params if key.startswith("projection_map")]
        assert "projection_cancel" in keys, "and it can be cancelled"

    during(small_world, spec, look_at_it)
    at.run()
    assert points(at) == before[0] and MARK not in title(at)
    assert "to come" not in said(at) and "Trustworthiness" in said(at)
    assert "_early_results" not in at.session_state, "nor is it kept"
    assert files_of(at, "projection_map"), "the result can be saved"


def test_its_slider_and_its_colours_work(
    open_page: Any, small_world: SmallWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = open_page("projection", 0, texts=words(small_world, "scrubbed"), label="label")
    spec = asked(small_world, at, monkeypatch)

    def scrub(found: Result) -> None:
        at.run()
        assert len(figure(at)["data"]) == 3, "a trace for each class"
        at.select_slider(key="projection_map_frame").set_value(1).run()
        at.selectbox(key="projection_colour").set_value("none").run()
        assert not at.exception
        (one,) = figure(at)["data"]
        np.testing.assert_array_equal(numbers(one["x"]), found.values.coords[1][:, 0])  # type: ignore[attr-defined]

    during(small_world, spec, scrub)
    at.run()
    assert len(figure(at)["data"]) == 1 and at.select_slider(key="projection_map_frame").value == 1, "they stay so"


def test_how_much_of_the_texts_it_draws_is_said_on_it(
    open_page: Any, small_world: SmallWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = words(small_world, "a part")
    at = open_page("projection", 0, texts=name, label="label", projection_max_rows="40", projection_every="false")
    spec = asked(small_world, at, monkeypatch)

    def look_at_it(found: Result) -> None:
        at.run()
        assert title(at) == f"{MARK} · 40 of 60 texts, drawn (seed 0)"

    during(small_world, spec, look_at_it)


@pytest.mark.parametrize("over", ["Names", "Density", "All layers"])
def test_what_is_laid_over_the_map_is_laid_over_it_early(
    open_page: Any, small_world: SmallWorld, monkeypatch: pytest.MonkeyPatch, over: str
) -> None:
    chosen = {"projection_over": over, "projection_max_rows": "40"}
    at = open_page("projection", 0, texts=words(small_world, f"over {over}"), label="label", **chosen)
    spec = asked(small_world, at, monkeypatch)
    drawn: list[int] = []
    marked: list[str] = []

    def look_at_it(found: Result) -> None:
        at.run()
        assert not at.exception and MARK in title(at)
        drawn.append(len(figure(at)["data"]))
        marked.append(title(at))

    during(small_world, spec, look_at_it)
    at.run()
    assert len(figure(at)["data"]) == drawn[0] and MARK not in title(at)
    assert "40" in title(at) and marked == [f"{MARK} · {title(at)}"], "what is drawn is said early, too"


def test_it_goes_when_the_run_is_cancelled_and_the_next_begins_without_it(
    open_page: Any, small_world: SmallWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = open_page("projection", 0, texts=words(small_world, "stopped"), label="label")
    spec = asked(small_world, at, monkeypatch)

    def cancel(found: Result) -> None:
        at.run()
        assert len(at.get("plotly_chart")) == 1
        raise Cancelled()

    with pytest.raises(EmbedscopeError):
        during(small_world, spec, cancel)
    assert small_world.bench.status(fingerprint(spec)).state == "cancelled"
    at.run()
    assert not at.get("plotly_chart") and MARK not in said(at)
    begun: list[int] = []

    def report(done: int, total: int, stage: str) -> None:
        if not begun:
            begun.append(done)
            at.run()
            assert not at.get("plotly_chart"), "of the run before nothing is kept"

    small_world.bench.wait(spec, report)
    assert begun
