"""With the setting as it is by default: what is surely quick draws when its page opens, and Prepare all does the rest at once."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import TimeoutError as TooLong

from backend.settings import SETTINGS
from tests.e2e import looking
from tests.e2e.stack import running

DEFAULT = next(str(one.default) for one in SETTINGS if one.name == "EMBEDSCOPE_START_SECONDS")
CHOICE = "texts=general&layers=6&label=%28none%29"
# A figure, or Run with an estimate beside it: while the cost is estimated Run is there too
DRAWN_OR_ASKED = """() => document.querySelector('.js-plotly-plot .main-svg')
    || document.querySelector('.st-key-rogue_run button') && !document.body.innerText.includes('Estimating the cost')"""


@pytest.fixture(scope="module")
def by_default(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dashboard whose pages start by themselves what is cheap."""
    with running(tmp_path_factory.mktemp("by-itself"), EMBEDSCOPE_START_SECONDS=DEFAULT) as found:
        yield found


@pytest.mark.timeout(600)
def test_what_is_surely_quick_needs_no_run_and_prepare_all_does_the_rest(by_default: str, tab: Any) -> None:
    tab.goto(f"{by_default}/?{CHOICE}")
    tab.locator(".st-key-overview_run button, .js-plotly-plot").first.wait_for(timeout=looking.RUN_MS)
    looking.settled(tab)
    with contextlib.suppress(TooLong):  # it begins by itself, and Run goes, unless the forward pass may take long
        tab.locator(".st-key-overview_run button").click(timeout=5_000)
    looking.figures(tab).first.wait_for(timeout=looking.RUN_MS)
    looking.done(
        tab
    )  # all three: what still works there would be waited for here, and counts in what this page may take
    looking.go(tab, "Rogue dimensions")
    tab.wait_for_function(DRAWN_OR_ASKED, timeout=looking.RUN_MS)
    assert tab.locator(".st-key-rogue_run button").count() == 0
    looking.figures(tab).first.wait_for(timeout=looking.RUN_MS)

    looking.go(tab, "Overview")
    tab.locator(".st-key-prepare_all button").click()
    tab.get_by_text("Prepared: Overview").wait_for(timeout=looking.RUN_MS)
    tab.get_by_text("Not prepared:").wait_for()
    for page in ("Profiles (anisotropy, TwoNN)", "Components (PCA)"):
        looking.go(tab, page)
        looking.figures(tab).first.wait_for()
    looking.go(tab, "Jobs")
    tab.get_by_text("Every page of minilm on general").wait_for()
    assert tab.locator("[data-testid=stException]").count() == 0
