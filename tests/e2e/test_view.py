"""The View in a browser: each choice is a step of Back and Forward, and another browser draws what a link says."""

import re
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
    tab.wait_for_url(lambda url: "pooling=mean" in url and re.search("model=minilm@[0-9a-f]{12}&", url) is not None)
    steps = [tab.url]
    for name in ("last", "cls", "mean", "last", "cls", "mean", "last", "cls", "mean", "last"):
        tab.locator(".st-key-pooling").get_by_role("radio", name=name).click()
        tab.wait_for_url(lambda url, name=name: f"pooling={name}" in url)
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
    tab.wait_for_url(lambda url: "projection_map_points=&" not in url and not url.endswith("projection_map_points="))
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


@pytest.mark.slow
def test_a_job_leads_to_its_figure_in_place_and_back_to_the_jobs(address: str, tab) -> None:
    tab.goto(f"{address}/similarity?seed=3")
    looking.run_if_asked(tab)
    looking.figures(tab).first.wait_for(timeout=looking.RUN_MS)
    tab.goto(f"{address}/similarity?pooling=last&texts=general&similarity_view=Along+depth")
    looking.opened(tab, "Similarity")
    looking.go(tab, "Jobs")
    looking.settled(tab)
    job = tab.locator("[class*=st-key-job_]").filter(has_text=re.compile("seed 3")).first
    job.get_by_text("Show the figure").click()
    looking.opened(tab, "Similarity")
    looking.figures(tab).first.wait_for(timeout=looking.RUN_MS)
    assert len(tab.context.pages) == 1, "in place"
    assert (pooling(tab), looking.chosen(tab, "texts"), looking.chosen(tab, "seed")) == ("mean", "sentiment", "3")
    tab.wait_for_url(lambda url: "anew" not in url and "seed=3" in url and "similarity_view=Matrix" in url)
    tab.go_back()
    looking.opened(tab, "Jobs")
    assert (pooling(tab), looking.chosen(tab, "texts")) == ("last", "general"), "as it was there"
