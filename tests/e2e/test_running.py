"""Long work in the browser: progress, joined by a second session, cancelled for both, going on without a tab."""

import re
from typing import Any

import pytest

from tests.e2e import looking
from tests.e2e.test_texts import table, upload

ROWS = 2000
RUN_MS = 140_000


def saved(tab: Any, address: str) -> None:
    """Save a text set that is large enough for its extraction to be watched."""
    tab.goto(f"{address}/texts")
    looking.opened(tab, "Texts")
    upload(tab, "many.csv", table(ROWS))
    tab.get_by_text(f"{ROWS:,} rows").wait_for()
    looking.settled(tab)
    tab.locator(".st-key-add_save button").click()
    tab.get_by_text(f"Saved 'many' with {ROWS:,} texts.").wait_for()


@pytest.mark.timeout(600)
def test_a_run_is_joined_cancelled_and_goes_on_without_its_tab(address: str, chromium: Any, tab: Any) -> None:
    saved(tab, address)
    page = f"{address}/similarity?texts=many"
    first = chromium.new_context()
    started = first.new_page()
    started.set_default_timeout(RUN_MS)
    started.goto(page)
    started.wait_for_url(re.compile(r"texts=many\+%28[0-9a-f]{8}%29"))  # the link has the name alone
    assert looking.chosen(started, "model") == "minilm", "the other fields keep what they had"
    started.locator("[class*='_run'] button").first.click()
    started.get_by_text(f"of {ROWS:,}").wait_for()

    tab.set_default_timeout(RUN_MS)
    tab.goto(page)
    tab.locator("[data-testid=stProgress]").wait_for()
    assert tab.get_by_role("button", name="Run", exact=True).count() == 0
    tab.get_by_role("button", name="Cancel").click()
    for one in (tab, started):
        one.get_by_text("It was cancelled").wait_for()
        one.get_by_role("button", name="Run again").wait_for()

    started.get_by_role("button", name="Run again").click()
    started.locator("[data-testid=stProgress]").wait_for()
    first.close()
    tab.reload()
    looking.figures(tab).first.wait_for()
    assert tab.locator("[data-testid=stException]").count() == 0
