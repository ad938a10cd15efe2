"""What starts by itself: surely short work, once, and nothing that somebody stopped."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from backend.errors import Cancelled, EmbedscopeError
from backend.jobs.base import ended, new_job
from pages._kit.flow import by_itself
from tests.pages.conftest import SmallWorld
from tests.pages.figures import said as words

LONG = 600
OWN = {"pooling": "last", "layers": "0, 2"}


@pytest.fixture
def limit(small_world: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets the most seconds of what starts by itself."""

    def setting(seconds: int) -> None:
        settings = dataclasses.replace(small_world.bench.settings, start_seconds=seconds)
        monkeypatch.setattr(small_world.bench, "settings", settings)

    return setting


def spec_of(small_world: SmallWorld, seed: int) -> Any:
    model = small_world.infos(0)
    rows = {"texts": small_world.texts, "pooling": "last", "layers": [0, 2], "seed": seed, "beside": model}
    return small_world.bench.analysis("rogue", models=model, **rows)


def offered(at: AppTest) -> bool:
    return any(button.key == "rogue_run" for button in at.button)


def test_a_page_that_is_surely_quick_draws_when_it_opens(open_page, small_world: SmallWorld, limit, shown) -> None:
    limit(LONG)
    at = open_page("rogue", 0, seed="401", **OWN)
    assert not offered(at) and shown
    assert small_world.bench.peek(spec_of(small_world, 401)) is not None


def test_with_the_setting_at_0_nothing_starts(open_page, small_world: SmallWorld, limit) -> None:
    limit(0)
    at = open_page("rogue", 0, seed="402", **OWN)
    assert offered(at)
    assert small_world.bench.status(_id(small_world, 402)) is None


def test_what_may_take_longer_waits_for_run_and_says_how_long(
    open_page, small_world: SmallWorld, limit, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(5)
    cost = small_world.bench.cost
    longer = {"metric_seconds": 3.0, "low": 2.0, "high": 5.5}
    monkeypatch.setattr(small_world.bench, "cost", lambda specs: dataclasses.replace(cost(specs), **longer))
    at = open_page("rogue", 0, seed="403", **OWN)
    assert offered(at)
    assert "about 3 s" in words(at) and "(2 to 6 s)" in words(at)
    assert small_world.bench.status(_id(small_world, 403)) is None


@pytest.mark.parametrize(("seed", "error"), [(404, Cancelled()), (405, EmbedscopeError("It broke.", "Mend it."))])
def test_what_was_cancelled_or_failed_is_not_started_again(
    open_page, small_world: SmallWorld, limit, seed: int, error: Exception
) -> None:
    limit(LONG)
    spec = spec_of(small_world, seed)
    small_world.bench._executor._book.put(ended(new_job(spec), error))
    at = open_page("rogue", 0, seed=str(seed), **OWN)
    assert at.button(key="rogue_run").label == "Run again"
    assert small_world.bench.peek(spec) is None
    at.button(key="rogue_run").click().run()
    assert small_world.bench.peek(spec) is not None


@pytest.fixture
def other_work(small_world: SmallWorld) -> Iterator[Callable[[float | None], None]]:
    """Makes a job of this instance run, with so many seconds left."""
    book, job = small_world.bench._executor._book, new_job(spec_of(small_world, 499))

    def running(left: float | None) -> None:
        book.put(dataclasses.replace(job, state="running", eta_seconds=left))

    yield running
    book.put(ended(job, None))


@pytest.mark.parametrize(("seed", "left", "starts"), [(406, None, False), (407, 2.0 * LONG, False), (408, 3.0, True)])
def test_nothing_is_added_to_work_that_lasts_longer(
    open_page, small_world: SmallWorld, limit, other_work, seed: int, left: float | None, starts: bool
) -> None:
    limit(LONG)
    other_work(left)
    at = open_page("rogue", 0, seed=str(seed), **OWN)
    assert offered(at) is not starts
    assert (by_itself._BUSY in words(at)) is not starts
    assert (small_world.bench.peek(spec_of(small_world, seed)) is not None) is starts


def test_a_choice_that_is_being_changed_starts_once_it_stays(
    open_page, small_world: SmallWorld, limit, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(LONG)
    at = open_page("rogue", 0, seed="409", **OWN)
    assert not offered(at)
    monkeypatch.setattr(by_itself, "SETTLE_SECONDS", 1_000.0)
    at.number_input(key="seed").set_value(410).run()
    assert not at.exception
    assert offered(at) and small_world.bench.peek(spec_of(small_world, 410)) is None
    monkeypatch.setattr(by_itself, "SETTLE_SECONDS", 0.0)
    at.run()
    assert not offered(at) and small_world.bench.peek(spec_of(small_world, 410)) is not None


def _id(small_world: SmallWorld, seed: int) -> str:
    return new_job(spec_of(small_world, seed)).id
