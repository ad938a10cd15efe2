"""The choice of rows stays in the URL, and the pages draw what it says."""

from tests.e2e import looking


def test_post_processing_is_kept_by_pages_and_reloads(address: str, tab) -> None:
    tab.goto(f"{address}/components?pooling=tokens&tokens=500&post=whiten")
    looking.opened(tab, "Components")
    sentence = "Rows: up to 500 tokens, then whiten."
    tab.get_by_text(sentence).wait_for()
    looking.go(tab, "Rogue")
    tab.get_by_text(sentence).wait_for()
    looking.settled(tab)  # the address is written after the page is drawn
    tab.wait_for_function("location.search.includes('post=whiten') && location.search.includes('tokens=500')")
    tab.reload()
    tab.get_by_text(sentence).wait_for()


def test_the_spectrum_of_every_layer_is_drawn(address: str, tab) -> None:
    tab.goto(f"{address}/components")
    looking.run_if_asked(tab)
    tab.locator(".st-key-components_spectrum .js-plotly-plot").wait_for(timeout=looking.RUN_MS)
    traces = "document.querySelectorAll('.st-key-components_spectrum .scatterlayer .trace').length === 7"
    tab.wait_for_function(traces, timeout=looking.RUN_MS)  # the embedding and six blocks


def test_the_norm_panel_needs_no_run(address: str, tab) -> None:
    tab.goto(f"{address}/rogue")
    looking.opened(tab, "Rogue")
    tab.locator(".st-key-rogue_view").get_by_text("Norm weights").click()
    tab.locator(".st-key-rogue_norms .js-plotly-plot").wait_for(timeout=looking.RUN_MS)
    assert tab.locator("[data-testid=stException]").count() == 0
