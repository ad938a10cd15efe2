"""The geometry pages in a real browser: a cell opens its two layers, the slider scrubs, the view outlives new data."""

import re
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Error

from tests.e2e.looking import RUN_MS, go, run_if_asked, settled

PLOT = ".embedscope-plot"
SELECTED = re.compile(r"^[\d,]+ selected$")


def area(tab: Any, key: str) -> dict[str, float]:
    """The plotting area of a chart, in pixels."""
    place = tab.locator(f".st-key-{key} .draglayer .nsewdrag").first
    place.scroll_into_view_if_needed()
    return place.bounding_box()


def full_layout(tab: Any, key: str, path: str) -> Any:
    return tab.evaluate(f"document.querySelector('.st-key-{key} .embedscope-canvas')._fullLayout.{path}")


def opened(tab: Any, address: str, title: str) -> None:
    tab.goto(address)
    go(tab, title)
    run_if_asked(tab)
    tab.locator(f"{PLOT}[data-drawn]").first.wait_for(timeout=RUN_MS)


def test_a_click_on_a_cell_opens_its_two_layers(tab: Any, address: str) -> None:
    opened(tab, address, "Similarity")
    box = area(tab, "similarity_Within-one-model")
    x, y = box["x"] + box["width"] * 1.5 / 7, box["y"] + box["height"] * 3.5 / 7
    tab.mouse.move(x, y)
    tab.wait_for_timeout(300)
    tab.mouse.click(x, y)
    tab.get_by_text("The two layers side by side").wait_for(timeout=RUN_MS)
    tab.get_by_role("figure", name="Texts in minilm, block 3").wait_for(timeout=RUN_MS)
    tab.get_by_role("figure", name="Texts in minilm, block 1").wait_for(timeout=RUN_MS)


def test_a_click_in_the_grid_opens_the_layers_of_its_panel(tab: Any, address: str, local_models: list[str]) -> None:
    named = urlencode({"model": ["minilm", *local_models], "pooling": "cls"}, doseq=True)
    tab.goto(f"{address}/similarity?{named}")
    tab.locator(".st-key-similarity_mode").get_by_role("radio", name="All models").click()
    settled(tab)
    run_if_asked(tab)
    tab.get_by_role("button", name="Cancel").wait_for(state="detached", timeout=RUN_MS)
    tab.locator(f"{PLOT}[data-drawn]").first.wait_for(timeout=RUN_MS)
    drag = tab.locator("[class*='st-key-similarity_grid'] .draglayer .nsewdrag")
    assert drag.count() == 9

    def hovered(row: int, column: int, words: str) -> tuple[float, float]:
        """Where the cell is, once its hover is seen: the page may still move while it is drawn."""
        hover = tab.locator(".hoverlayer .hovertext", has_text=words)
        for _ in range(8):
            try:  # the last results may still be drawn, into a new figure
                drag.nth(5).scroll_into_view_if_needed()  # its last row may be below the window
                box = drag.nth(5).bounding_box()  # the first small model above the second: four layers each
                x, y = box["x"] + box["width"] * (column + 0.5) / 4, box["y"] + box["height"] * (3.5 - row) / 4
                tab.mouse.move(x - 9, y)
                tab.mouse.move(x, y, steps=3)
                hover.wait_for(timeout=3000)  # less is too short for a browser that shares two cores
                break
            except Error:
                continue
        at_the_mouse = tab.evaluate("([x, y]) => document.elementFromPoint(x, y)?.outerHTML.slice(0, 200)", [x, y])
        hovers = tab.locator(".hoverlayer .hovertext").all_text_contents()
        assert hover.count(), f"no hover with {words!r} at {x:.0f}, {y:.0f} in {box}: {hovers}, over {at_the_mouse}"
        return x, y

    settled(tab)
    hovered(0, 2, "undefined")
    assert "identical" in tab.locator(".hoverlayer .hovertext").text_content()
    tab.mouse.click(*hovered(3, 1, "CKA"))
    tab.get_by_text("The two layers side by side").wait_for(timeout=RUN_MS)
    for name, block in zip(local_models, (3, 1), strict=True):
        short = "/".join(name.split("/")[-2:])
        tab.get_by_role("figure", name=f"Texts in {short}, block {block}").wait_for(timeout=RUN_MS)
    tab.locator("[data-testid=stMetric]", has_text="CKA").wait_for()


def test_the_zoom_outlives_another_parameter(tab: Any, address: str) -> None:
    opened(tab, address, "Similarity")
    key = "similarity_Within-one-model"
    box = area(tab, key)
    tab.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.7, steps=8)
    tab.mouse.up()
    zoomed = full_layout(tab, key, "xaxis.range")
    assert zoomed[1] - zoomed[0] < 5
    settled(tab)
    tab.get_by_text("Settings", exact=True).click()
    tab.locator(".st-key-similarity_debiased label").first.click()
    settled(tab)
    tab.locator("[class*='similarity_run'] button").first.click()
    tab.get_by_text("Biased linear CKA").wait_for(timeout=RUN_MS)
    tab.locator(f".st-key-{key} {PLOT}[data-drawn]").wait_for()
    assert full_layout(tab, key, "xaxis.range") == zoomed


def test_the_projection_is_scrubbed_without_a_new_page(tab: Any, address: str) -> None:
    opened(tab, address, "Projection")
    first = "document.querySelector('.st-key-projection_map .embedscope-canvas')._fullData[0].x[0]"
    before = tab.evaluate(first)
    slider = tab.get_by_role("slider", name="Layer")
    slider.evaluate("(input) => { input.value = 1; input.dispatchEvent(new Event('input')); }")
    tab.locator(".embedscope-frame-name").get_by_text("block 1", exact=True).wait_for()
    tab.wait_for_function(f"{first} !== {before}")
    assert tab.locator(".st-key-projection_map_quality").get_by_text("block 6").is_visible()
    slider.evaluate("(input) => input.dispatchEvent(new Event('change'))")
    tab.locator(".st-key-projection_map_quality").get_by_text("block 1").wait_for()


def test_a_class_of_the_legend_is_chosen_and_the_slider_plays(tab: Any, address: str) -> None:
    opened(tab, address, "Projection")
    drawn = "[...document.querySelector('.st-key-projection_map .embedscope-canvas').data].map((trace) => trace.name)"
    tab.locator(".st-key-projection_map .legendtoggle").first.click()
    tab.wait_for_function(f"{drawn}.some((name) => name.startsWith('other (1 class)'))", timeout=RUN_MS)
    tab.wait_for_url(lambda url: "projection_classes=&" not in url and "projection_classes=" in url)
    slider = tab.get_by_role("slider", name="Layer")
    slider.evaluate("(input) => { input.value = 1; input.dispatchEvent(new Event('input')); }")
    tab.get_by_role("button", name="Play").click()
    tab.locator(".embedscope-frame-name").get_by_text("block 3", exact=True).wait_for()
    tab.get_by_role("button", name="Pause").click()
    rests = tab.locator(".embedscope-frame-name").inner_text()
    tab.locator(".st-key-projection_map_quality").get_by_text(rests).wait_for()


def test_a_box_in_the_projection_lists_the_texts(tab: Any, address: str) -> None:
    opened(tab, address, "Projection")
    tab.locator(".st-key-projection_map .modebar-btn[data-title='Box Select']").click()
    box = area(tab, "projection_map")
    tab.mouse.move(box["x"] + 5, box["y"] + 5)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] - 5, box["y"] + box["height"] - 5, steps=8)
    tab.mouse.up()
    tab.get_by_text("selected").first.wait_for()
    heading = tab.get_by_text(SELECTED).inner_text()
    assert int(heading.split()[0].replace(",", "")) > 100


def test_a_lasso_highlights_the_same_points_in_every_layer(tab: Any, address: str) -> None:
    opened(tab, address, "Projection")
    tab.locator(".st-key-projection_map .modebar-btn[data-title='Lasso Select']").click()
    box = area(tab, "projection_map")
    corners = [(0.3, 0.3), (0.6, 0.3), (0.6, 0.6), (0.3, 0.6)]
    places = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in corners]
    tab.mouse.move(*places[0])
    tab.mouse.down()
    for place in places[1:]:
        tab.mouse.move(*place, steps=8)
    tab.mouse.up()
    n_listed = int(tab.get_by_text(SELECTED).inner_text().split()[0].replace(",", ""))
    bright = """[...document.querySelector('.st-key-projection_map .embedscope-canvas')._fullData]
        .flatMap((trace) => [...(trace.selectedpoints ?? [])].map((row) => trace.customdata[row])).sort((a, b) => a - b)"""
    chosen = tab.evaluate(bright)
    assert 0 < len(chosen) == n_listed
    slider = tab.get_by_role("slider", name="Layer")
    for layer in range(int(slider.get_attribute("max")) + 1):
        slider.evaluate("(input, to) => { input.value = to; input.dispatchEvent(new Event('input')); }", layer)
        tab.wait_for_timeout(300)
        assert tab.evaluate(bright) == chosen, f"layer {layer}"
