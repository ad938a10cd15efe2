"""A series of checkpoints in the browser: one job, then every view; the step slider; its steps as models in the sidebar."""

import re
from typing import Any
from urllib.parse import quote

from tests.e2e import looking

POINTS = "document.querySelector('.st-key-dynamics_map_plot .js-plotly-plot').data.map((trace) => [...trace.x].join())"


def test_a_series_is_run_once_and_drawn_at_once_the_next_time(address: str, tab: Any, checkpoints: str) -> None:
    tab.goto(f"{address}/dynamics?series={quote(checkpoints)}")
    looking.run_if_asked(tab)
    tab.get_by_text("3 checkpoints: steps 0, 100, 1,000.").wait_for()
    drawn = "document.querySelectorAll('[class*=st-key-dynamics_anisotropy] .js-plotly-plot').length >= 3"
    tab.wait_for_function(drawn, timeout=looking.RUN_MS)
    tab.reload()
    looking.figures(tab).first.wait_for(timeout=looking.RUN_MS)
    assert tab.get_by_role("button", name="Run", exact=True).count() == 0
    assert tab.locator("[data-testid=stException]").count() == 0


def test_the_slider_moves_the_points_in_the_browser(address: str, tab: Any, checkpoints: str) -> None:
    tab.goto(f"{address}/dynamics?series={quote(checkpoints)}&dynamics_view=Map")
    looking.run_if_asked(tab)
    slider = tab.get_by_role("slider", name="Step")
    slider.wait_for(timeout=looking.RUN_MS)
    assert slider.get_attribute("aria-valuetext") == "1,000"
    before = tab.evaluate(POINTS)
    # "input" alone: only "change", at the slider's release, tells the server.
    slider.evaluate("(input) => { input.value = 0; input.dispatchEvent(new Event('input')); }")
    tab.wait_for_function(f"(before) => JSON.stringify({POINTS}) !== JSON.stringify(before)", arg=before)
    assert slider.get_attribute("aria-valuetext") == "0"


def test_a_series_named_as_a_model_offers_its_steps(address: str, tab: Any, checkpoints: str) -> None:
    tab.goto(f"{address}/profiles?model={quote(checkpoints)}")
    tab.get_by_text("Shown: steps 0 and 1,000, the first and the last").wait_for(timeout=looking.RUN_MS)
    looking.settled(tab)
    looking.run_if_asked(tab)
    looking.figures(tab).first.wait_for(timeout=looking.RUN_MS)  # the page is drawn before any step is taken
    tab.get_by_role("button", name="Take first and last").click()
    tab.wait_for_url(re.compile("checkpoint-1000"))
    assert looking.chosen(tab, "model") == f"{checkpoints}/checkpoint-0+{checkpoints}/checkpoint-1000"


def test_the_sidebar_leads_to_all_steps(address: str, tab: Any, checkpoints: str) -> None:
    tab.goto(f"{address}/profiles?model={quote(checkpoints)}&texts=topics")
    tab.get_by_role("link", name="All steps: Dynamics").click(timeout=looking.RUN_MS)
    looking.opened(tab, "Dynamics")
    assert looking.chosen(tab, "series") == checkpoints
    assert looking.chosen(tab, "texts") == "topics"
