"""How a page opens in a browser: one question finds the server, and what is on the screen is drawn before what is below it."""

import re
from typing import Any
from urllib.parse import urlencode

from tests.e2e.looking import RUN_MS, go, run_if_asked, settled

ASKED = "() => performance.getEntriesByType('resource').map(one => one.name).filter(name => name.includes('/_stcore/health'))"
# The figures that are first drawn, each with whether one on the screen still waits then
ORDER = """
window.order = [];
new MutationObserver((changes) => {
  for (const { target } of changes) {
    if (target.dataset.drawn !== "1") continue;
    const below = (one) => one.getBoundingClientRect().top > innerHeight;
    const waits = [...document.querySelectorAll(".embedscope-plot")].some((one) => !one.dataset.drawn && !below(one));
    window.order.push([target.closest("[class*='st-key-']").className, below(target), waits]);
  }
}).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-drawn"] });
"""


def test_a_page_finds_its_server_at_the_first_question(tab: Any, address: str) -> None:
    refused = []
    tab.on("response", lambda answer: refused.append(answer.url) if answer.status >= 400 else None)
    tab.goto(f"{address}/rogue")
    tab.get_by_role("heading", name="Rogue dimensions").wait_for(timeout=RUN_MS)
    settled(tab)
    assert tab.evaluate(ASKED) == [f"{address}/_stcore/health"]
    assert not refused
    assert not tab.evaluate("() => 'moduleName' in window"), "the chart library runs as a script of the page"


def test_figures_below_the_screen_are_drawn_after_those_on_it(tab: Any, address: str) -> None:
    tab.goto(f"{address}/rogue")
    tab.get_by_role("heading", name="Rogue dimensions").wait_for(timeout=RUN_MS)
    settled(tab)
    run_if_asked(tab)
    tab.locator(".embedscope-plot[data-drawn]").nth(1).wait_for(timeout=RUN_MS, state="attached")
    tab.set_viewport_size(
        {"width": 1280, "height": 480}
    )  # the second figure is below it however little else is there yet
    tab.add_init_script(ORDER)
    tab.reload()
    tab.wait_for_function(
        "() => ['rogue_layer', 'rogue_appearing'].every((key) => window.order?.some(([one]) => one.includes(key)))"
    )
    drawn = tab.evaluate("() => window.order")
    assert any(under for _, under, _ in drawn), "the test is of a page that is longer than the screen"
    assert not [key for key, under, waits in drawn if under and waits], "drawn before what is on the screen"


def test_a_page_with_a_slider_is_one_step_of_the_history_when_it_is_come_back_to(
    tab: Any, address: str, local_models: list[str]
) -> None:
    query = {"model": local_models[0], "texts": "sentiment", "projection_method": "pca"}
    tab.goto(f"{address}/projection?{urlencode(query)}")
    run_if_asked(tab)
    slider = tab.locator(".st-key-projection_map input[type=range]")
    slider.press("ArrowLeft")
    slider.press("ArrowLeft")
    tab.wait_for_url(re.compile("projection_map_frame=block(%20|[+])1"))
    go(tab, "Rogue dimensions")
    before = tab.evaluate("history.length")
    go(tab, "Projection")
    tab.locator(".st-key-projection_map .embedscope-plot[data-drawn]").wait_for(timeout=RUN_MS)
    settled(tab)
    tab.wait_for_timeout(2000)  # for what the browser has to say of the chart
    settled(tab)
    assert tab.locator(".st-key-projection_map .embedscope-frame-name").inner_text() == "block 1"
    assert "projection_map_frame=block" in tab.url and tab.evaluate("history.length") == before + 1
    tab.go_back()
    tab.wait_for_function("document.title.startsWith('Rogue')")
