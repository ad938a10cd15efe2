"""How a page opens in a browser: one question finds the server, and what is on the screen is drawn before what is below it."""

from typing import Any

from tests.e2e.looking import RUN_MS, run_if_asked, settled

ASKED = "() => performance.getEntriesByType('resource').map(one => one.name).filter(name => name.includes('/_stcore/health'))"
# The keys of figures in the order in which they are first drawn
ORDER = """
window.order = [];
new MutationObserver((changes) => {
  for (const { target } of changes) {
    const key = target.closest("[class*='st-key-']")?.className;
    if (target.dataset.drawn === "1" && !window.order.includes(key)) window.order.push(key);
  }
}).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-drawn"] });
"""
HEIGHTS = "() => [...document.querySelectorAll('.embedscope-plot')].map(one => one.getBoundingClientRect().top)"


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
    tab.add_init_script(ORDER)
    tab.reload()
    tab.wait_for_function("() => window.order?.length === 2")
    first, second = tab.evaluate("() => window.order")
    above, below = tab.evaluate(HEIGHTS)
    assert above < 800 < below
    assert "rogue_layer" in first and "rogue_layer" not in second
