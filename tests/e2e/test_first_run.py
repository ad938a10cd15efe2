"""The main job: open the page, press Run, see the geometry; then everything comes from the cache."""

from typing import Any

import pytest

from tests.e2e import looking


@pytest.fixture(scope="module")
def ran(address: str, chromium: Any) -> str:
    """The address, once somebody has pressed Run on the overview."""
    page = chromium.new_page()
    page.goto(address)
    looking.run(page)
    page.wait_for_function("document.querySelectorAll('.js-plotly-plot').length >= 3", timeout=looking.RUN_MS)
    page.close()
    return address


def test_one_click_shows_similarity_projection_and_profile(ran: str, tab) -> None:
    tab.goto(ran)
    tab.wait_for_function("document.querySelectorAll('.js-plotly-plot').length >= 3")
    for key in ("overview_cka", "overview_projection", "overview_profile"):
        tab.locator(f".st-key-{key} .js-plotly-plot").wait_for()
    assert tab.locator("[data-testid=stException]").count() == 0


def test_a_second_look_has_no_run_button_and_starts_no_job(ran: str, tab) -> None:
    tab.goto(f"{ran}/jobs")
    tab.locator("[class*='st-key-job_']").first.wait_for()
    before = tab.locator("[class*='st-key-job_']").count()
    looking.go(tab, "Overview")
    looking.figures(tab).first.wait_for()
    assert tab.get_by_role("button", name="Run", exact=True).count() == 0
    looking.go(tab, "Jobs")
    tab.locator("[class*='st-key-job_']").first.wait_for()
    assert tab.locator("[class*='st-key-job_']").count() == before


def test_before_a_run_the_page_says_what_it_will_cost(address: str, tab) -> None:
    tab.goto(f"{address}/?texts=topics")
    tab.locator(".st-key-overview_run button").wait_for()
    tab.get_by_text("This run:").wait_for(timeout=looking.RUN_MS)
    line = tab.get_by_text("This run:").inner_text()
    for word in ("texts", "tokens", "on disk", "about"):
        assert word in line


def test_another_pooling_needs_no_forward_pass(ran: str, tab) -> None:
    tab.goto(f"{ran}/?pooling=last")
    tab.get_by_text("no forward pass").wait_for(timeout=looking.RUN_MS)


def test_cls_layer_zero_is_said_to_be_undefined(ran: str, tab) -> None:
    tab.goto(f"{ran}/similarity?pooling=cls")
    looking.run(tab)
    tab.get_by_text("undefined").first.wait_for()
