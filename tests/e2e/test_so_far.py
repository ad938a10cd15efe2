"""A first look in the browser: it comes while the model runs, marked on each figure, is refined, and the results replace it."""

from typing import Any

import pytest

from tests.e2e import looking
from tests.e2e.test_texts import upload

RUN_MS = 240_000
LONG = " ".join(
    f"and the {word} of it was told in one way or another" for word in ("first", "second", "third", "last") * 3
)
MARKS = "[class*='_so_far'] .js-plotly-plot .gtitle"


def lines(n_rows: int, about: str) -> bytes:
    """A CSV of long sentences, so many that the model runs over them for a while on any machine."""
    rows = [
        f'"In {about} number {i} it rained, {LONG if i % 3 else ""}",{"wet" if i % 2 else "dry"}' for i in range(n_rows)
    ]
    return "\n".join(["text,label", *rows]).encode()


def saved(tab: Any, address: str, name: str, content: bytes) -> None:
    tab.goto(f"{address}/texts")
    looking.opened(tab, "Texts")
    upload(tab, f"{name}.csv", content)
    looking.settled(tab)
    tab.locator(".st-key-add_save button").click()
    tab.get_by_text(f"Saved '{name}' with").wait_for()


def begun(tab: Any, address: str, about: str, n_rows: int) -> None:
    """A run of Overview over so many texts, of which there is a first look."""
    tab.set_default_timeout(RUN_MS)
    saved(tab, address, about, lines(n_rows, about))
    tab.goto(f"{address}/?texts={about}")
    looking.opened(tab, "Overview")
    tab.locator(".st-key-overview_run button").click()
    tab.locator(MARKS).first.wait_for()


@pytest.mark.timeout(900)
def test_a_first_look_comes_before_the_results_and_goes_with_them(address: str, tab: Any) -> None:
    begun(tab, address, "rain", 2000)
    assert looking.figures(tab).count() == 0, "no result is there"
    tab.wait_for_function("selector => document.querySelectorAll(selector).length === 3", arg=MARKS)
    first = tab.locator(MARKS).all_text_contents()
    assert all(mark.startswith("So far: ") and "of 2,000 texts" in mark for mark in first), first
    tab.get_by_text("Figures marked").wait_for()
    tools = "[class*='_so_far'] .modebar-btn"
    assert tab.locator(tools).count() == 0, "nothing to save or select with"
    drags = f'[...document.querySelectorAll("{MARKS.removesuffix(" .gtitle")}")].map(one => one._fullLayout.dragmode)'
    assert set(tab.evaluate(drags)) == {False}
    assert "so_far" not in tab.url
    tab.wait_for_function(
        "([selector, first]) => document.querySelector(selector)?.textContent !== first", arg=[MARKS, first[0]]
    )  # it is refined, or the first result is there
    for key in ("overview_cka", "overview_projection", "overview_profile"):
        tab.locator(f".st-key-{key} .js-plotly-plot").wait_for()
    assert tab.locator("[class*='_so_far']").count() == 0 and tab.get_by_text("Figures marked").count() == 0
    assert tab.locator("[data-testid=stException]").count() == 0


@pytest.mark.timeout(600)
def test_it_goes_with_a_run_that_is_cancelled(address: str, tab: Any) -> None:
    begun(tab, address, "snow", 3000)
    tab.get_by_role("button", name="Cancel").click()
    tab.get_by_role("button", name="Run again").wait_for()
    looking.settled(tab)
    assert tab.locator("[class*='_so_far']").count() == 0
    tab.reload()
    tab.get_by_role("button", name="Run again").wait_for()
    assert tab.locator("[class*='_so_far']").count() == 0
