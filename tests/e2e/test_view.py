"""The View in a browser: each choice is a step of Back and Forward, and another browser draws what a link says."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import looking

DRAWN = """() => {
    const chart = document.querySelector('.js-plotly-plot');
    const chosen = chart._fullData.flatMap((trace) => (trace.selectedpoints ?? []).map((place) => `${trace.x[place]} ${trace.y[place]}`));
    const points = chart._fullData.filter((trace) => trace.x?.length > 20).map((trace) => [[...trace.x], [...trace.y]]);
    return { frame: document.querySelector('.embedscope-frame-name')?.textContent, chosen: chosen.sort(), points };
}"""


def drawn(tab: Any) -> Any:
    """What the chart of Projection shows: frame, selected rows, coordinates of all points."""
    looking.figures(tab).first.wait_for(timeout=looking.RUN_MS)
    looking.settled(tab)
    return tab.evaluate(DRAWN)


def until(tab: Any, wanted: Any) -> None:
    """Wait until the chart shows that, and say what it shows instead where it does not."""
    for _ in range(60):
        seen = drawn(tab)
        if seen == wanted:
            return
        tab.wait_for_timeout(250)
    assert (seen["frame"], seen["chosen"]) == (wanted["frame"], wanted["chosen"])
    assert seen["points"] == wanted["points"]


def pooling(tab: Any) -> str:
    looking.settled(tab)
    return looking.chosen(tab, "pooling")


def test_ten_choices_are_ten_steps_of_back_and_forward(address: str, tab) -> None:
    tab.goto(f"{address}/models")
    looking.opened(tab, "Models")
    tab.wait_for_url(lambda url: "&pooling=mean&" in url and re.search("model=minilm@[0-9a-f]{12}&", url) is not None)
    steps = [tab.url]
    for name in ("last", "cls", "mean", "last", "cls", "mean", "last", "cls", "mean", "last"):
        tab.locator(".st-key-pooling").get_by_role("radio", name=name).click()
        tab.wait_for_url(lambda url, name=name: f"&pooling={name}&" in url)
        looking.settled(tab)
        steps.append(tab.url)
    for go, way in ((tab.go_back, steps[-2::-1]), (tab.go_forward, steps[1:])):
        for url in way:
            go()
            tab.wait_for_url(url)
            name = next(word.removeprefix("pooling=") for word in url.split("&") if word.startswith("pooling="))
            tab.wait_for_function(
                "name => document.querySelector('.st-key-pooling [aria-checked=true]')?.innerText === name", arg=name
            )
            assert looking.chosen(tab, "model") == "minilm", "Back leaves the models"


def test_back_from_a_first_page_keeps_the_models(address: str, tab) -> None:
    tab.goto(address)
    looking.opened(tab, "Overview")
    tab.wait_for_url(lambda url: "model=minilm" in url)
    looking.go(tab, "Jobs")
    tab.wait_for_url(lambda url: "/jobs?" in url and "model=minilm" in url)
    tab.go_back()
    looking.opened(tab, "Overview")
    assert looking.chosen(tab, "model") == "minilm"
    tab.go_forward()
    looking.opened(tab, "Jobs")
    assert looking.chosen(tab, "model") == "minilm"


@pytest.mark.slow
def test_a_link_draws_the_same_points_frame_and_selection_in_another_browser(address: str, tab, chromium) -> None:
    tab.goto(f"{address}/projection")
    looking.run_if_asked(tab)
    first = drawn(tab)
    slider = tab.locator(".embedscope-frames input[type=range]")
    slider.focus()
    slider.press("ArrowLeft")
    tab.wait_for_url(lambda url: "projection_map_frame=block+5" in url)
    earlier = drawn(tab)
    assert earlier["frame"] == "block 5" and earlier["points"] != first["points"]
    tab.locator("[data-attr=dragmode][data-val=select]").first.click(force=True)
    box = tab.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    across, down = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    tab.mouse.move(across - 60, down - 60)
    tab.mouse.down()
    tab.mouse.move(across + 60, down + 60, steps=6)
    tab.mouse.up()
    tab.wait_for_url(lambda url: "chosen=&" not in url and not url.endswith("chosen="))
    seen, link = drawn(tab), tab.url
    assert len(seen["chosen"]) > 3
    other = chromium.new_context(viewport={"width": 1280, "height": 800}).new_page()
    other.goto(link)
    until(other, seen)
    assert other.url == link
    other.get_by_text(f"{len(seen['chosen'])} selected").wait_for()
    other.context.close()
    tab.go_back()
    until(tab, earlier)
    tab.go_back()
    until(tab, first)
    tab.go_forward()
    tab.go_forward()
    until(tab, seen)


AXES = """() => {
    const { xaxis, yaxis } = document.querySelector('.js-plotly-plot')._fullLayout;
    return [...xaxis.range, ...yaxis.range].map((end) => Number(end.toPrecision(3)));
}"""
TICKS = "(root) => [...root.querySelectorAll('.xtick text, .ytick text')].map((tick) => tick.textContent)"


def drag(tab: Any, share: float) -> None:
    """Draw a box from the middle of the plot outwards, which zooms into it."""
    box = tab.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    across, down = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    tab.mouse.move(across, down)
    tab.mouse.down()
    tab.mouse.move(across + share * box["width"], down + share * box["height"], steps=6)
    tab.mouse.up()


def middle(axes: list[float]) -> list[float]:
    """The point of the map that is in the middle."""
    return [(axes[0] + axes[1]) / 2, (axes[2] + axes[3]) / 2]


def zoomed_to(url: str) -> str:
    return next((word for word in url.split("&") if word.startswith("projection_map_zoom=x_")), "")


@pytest.mark.slow
def test_a_zoom_is_in_the_link_and_in_saved_figures_and_a_double_click_takes_it_back(
    address: str, tab, chromium, tmp_path: Path
) -> None:
    tab.goto(f"{address}/projection")
    looking.run_if_asked(tab)
    tab.wait_for_url(lambda url: "projection_map_frame" in url)
    drawn(tab)
    whole, entries, before = tab.evaluate(AXES), tab.evaluate("history.length"), ""
    for share in (0.4, 0.3, 0.25):
        drag(tab, share)
        tab.wait_for_url(lambda url, before=before: zoomed_to(url) not in ("", before))
        before = zoomed_to(tab.url)
    seen, link = tab.evaluate(AXES), tab.url
    assert seen != whole and tab.evaluate("history.length") == entries, "a zoom is no step of Back"
    looking.settled(tab)
    tab.get_by_role("button", name="Save", exact=True).first.click()
    for label in ("HTML", "SVG"):
        with tab.expect_download() as download:
            tab.get_by_role("button", name=label, exact=True).first.click()
        (tmp_path / f"figure.{label.lower()}").write_bytes(Path(download.value.path()).read_bytes())
    other = chromium.new_context(viewport={"width": 1360, "height": 900}).new_page()
    other.goto((tmp_path / "figure.html").as_uri())
    other.locator(".embedscope-plot[data-drawn='1']").wait_for()
    assert middle(other.evaluate(AXES)) == pytest.approx(middle(seen), abs=0.1), "in a window of another shape"
    picture = other.evaluate_handle(
        "(text) => new DOMParser().parseFromString(text, 'image/svg+xml')", (tmp_path / "figure.svg").read_text("utf-8")
    )
    assert picture.evaluate(TICKS) == tab.locator(".js-plotly-plot").first.evaluate(TICKS)
    other.goto(link)
    looking.figures(other).first.wait_for(timeout=looking.RUN_MS)
    other.wait_for_function(f"seen => JSON.stringify(({AXES})()) === JSON.stringify(seen)", arg=seen)
    assert zoomed_to(other.url) == zoomed_to(tab.url)
    tab.keyboard.press("Escape")
    tab.locator(".js-plotly-plot .nsewdrag").first.dblclick()
    tab.wait_for_url(lambda url: "projection_map_zoom" not in url)
    assert tab.evaluate(AXES) == whole
    looking.go(other, "Jobs")
    other.go_back()
    looking.figures(other).first.wait_for()
    other.wait_for_function(f"seen => JSON.stringify(({AXES})()) === JSON.stringify(seen)", arg=seen)
    other.context.close()
