"""Exploring in a browser: a selection is combined, named, carried, compared and taken away; colours; tokens; a metric of one's own."""

import csv
import io
import re
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import TimeoutError as TooLate

from tests.e2e import looking
from tests.e2e.stack import ROOT, running
from tests.e2e.test_chosen import BRIGHT, strip
from tests.e2e.test_texts import saved_set

CLASSES = 77
MAP = "document.querySelector('.st-key-projection_map .embedscope-canvas')"
MARKERS = f"""() => {MAP}._fullData.filter((trace) => trace.x?.length).map((trace) => ({{
    name: trace.name, n: trace.x.length, scale: trace.marker.showscale, numbers: Array.from(trace.marker.color).slice(0, 400).map(Number),
    ends: [trace.marker.cmin, trace.marker.cmax], colour: String(trace.marker.color).slice(0, 60) }}))"""


def table() -> bytes:
    """Three texts of each of 77 classes, with a number from 0 to 230 and a word that every tenth text has."""
    lines = ["text,topic,score"]
    for row in range(3 * CLASSES):
        lines.append(f"the {'cat' if row % 10 == 0 else 'dog'} sat on a mat number {row},topic {row % CLASSES},{row}")
    return "\n".join(lines).encode()


def find(tab: Any, words: str, press: str) -> None:
    """Search by words in the menu Select, and press one of its buttons."""
    looking.done(tab)
    field, button = tab.get_by_placeholder("Words, or a"), tab.get_by_role("button", name=press, exact=True)
    for _ in range(3):  # what is written while the menu is still being made is lost
        if not field.is_visible():
            tab.locator(".st-key-chosen_menu button").first.click()
        field.wait_for()
        looking.settled(tab)
        field.fill(words)
        field.press("Enter")
        with suppress(TooLate):
            button.wait_for(timeout=20_000)
            break
    button.click()
    looking.settled(tab)


def test_a_selection_is_combined_named_carried_compared_and_taken_away(
    tab: Any, address: str, local_models: list[str]
) -> None:
    texts = saved_set(tab, address, "topics.csv", table())
    cats = set(range(0, 3 * CLASSES, 10))
    twos = {row for row in range(3 * CLASSES) if str(row).startswith("2") or row == 2}
    query = {"model": local_models[0], "projection_method": "pca"}
    tab.goto(f"{address}/projection?{urlencode(query)}&texts={texts}")
    looking.run_if_asked(tab)
    find(tab, "cat", f"Select the {len(cats)} texts")
    tab.wait_for_function(f"n => ({BRIGHT})().length === n", arg=len(cats))
    assert tab.evaluate(BRIGHT) == sorted(cats)
    find(tab, '"number 2"', "Keep only these")
    both = sorted(cats & twos)
    tab.wait_for_function(f"seen => JSON.stringify(({BRIGHT})()) === JSON.stringify(seen)", arg=both)
    name = tab.get_by_placeholder("A name for it")
    if not name.is_visible():
        tab.locator(".st-key-chosen_menu button").first.click()
    name.fill("old cats")
    name.press("Tab")
    tab.locator(".st-key-chosen_menu_save button").click()
    strip(tab).get_by_text(f"old cats: {len(both)} of {3 * CLASSES} texts selected").wait_for()
    for page in ("Rogue dimensions", "Threshold", "Texts"):
        looking.go(tab, page)
        strip(tab).get_by_text(f"old cats: {len(both)} of {3 * CLASSES} texts selected").wait_for()
        assert tab.locator("[data-testid=stException]").count() == 0
    looking.go(tab, "Selection")
    make = tab.get_by_role("button", name="Make the text sets")
    if make.count():  # not where a try before this one has made them
        make.click()
        make.wait_for(state="detached", timeout=looking.RUN_MS)
    looking.run_if_asked(tab)
    looking.done(tab)
    lines = tab.evaluate(
        "() => document.querySelector('[class*=st-key-selection_profile] .embedscope-canvas')._fullData.map((one) => one.name)"
    )
    assert f"selected ({len(both)} texts)" in lines and f"the rest ({3 * CLASSES - len(both)} texts)" in lines
    tab.locator(".st-key-chosen_menu button").first.click()
    tab.locator(".st-key-chosen_menu_view").get_by_text("Use", exact=True).click()
    with tab.expect_download() as waiting:
        tab.locator(".st-key-chosen_menu_csv button").click()
    rows = list(csv.DictReader(io.StringIO(Path(waiting.value.path()).read_text("utf-8-sig"))))
    assert [int(one["row"]) - 1 for one in rows] == both
    assert all(one["text"] == f"the cat sat on a mat number {one['score']}" for one in rows)
    tab.get_by_role("button", name="Use as a text set").click()
    tab.wait_for_function(
        "words => document.querySelector('.st-key-texts input').value.includes(words)", arg="old cats"
    )


def test_numbers_have_a_scale_and_many_classes_can_be_read(tab: Any, address: str, local_models: list[str]) -> None:
    texts = saved_set(tab, address, "scored.csv", table())
    query = {"model": local_models[0], "projection_method": "pca", "projection_colour": "column:score"}
    tab.goto(f"{address}/projection?{urlencode(query)}&texts={texts}")
    looking.run_if_asked(tab)
    tab.wait_for_function(f"({MARKERS})().some((one) => one.scale)")
    (numbers,) = tab.evaluate(MARKERS)
    assert numbers["numbers"] == list(range(3 * CLASSES)), "each point has the number of its text"
    assert 0 <= numbers["ends"][0] < numbers["ends"][1] <= 3 * CLASSES
    tab.get_by_text("The colours go from the 1st to the 99th percentile").wait_for()
    query["projection_colour"] = "label"
    tab.goto(f"{address}/projection?{urlencode(query)}&texts={texts}")
    looking.run_if_asked(tab)
    shown = tab.evaluate(MARKERS)
    assert sum(one["n"] for one in shown) == 3 * CLASSES, "no text is missing"
    legend, plot = tab.evaluate(
        f"""() => [{MAP}.querySelector('.legend .bg'), {MAP}.querySelector('.nsewdrag')].map((one) => one?.getBoundingClientRect().toJSON())"""
    )
    assert plot["width"] > 400 and plot["height"] > 300
    assert 100 < legend["height"] <= plot["height"] + 20 and legend["x"] >= plot["x"] + plot["width"], "beside the plot"
    classes = tab.locator("[class*='st-key-projection'][class*='_classes'] input").first
    classes.click()
    classes.fill("topic 76")
    tab.get_by_role("option", name="topic 76 (3)").click()
    looking.settled(tab)
    tab.wait_for_function(f"({MARKERS})().some((one) => one.name?.startsWith('topic 76') && one.n === 3)")


def test_a_token_is_seen_in_its_text(tab: Any, address: str, local_models: list[str]) -> None:
    query = {"model": local_models[0], "texts": "sentiment", "pooling": "tokens", "projection_method": "pca"}
    tab.goto(f"{address}/projection?{urlencode(query)}")
    looking.run_if_asked(tab)
    box = tab.locator(".st-key-projection_map .draglayer .nsewdrag").first.bounding_box()
    hover = tab.locator(".st-key-projection_map .hoverlayer .hovertext")
    for across in (0.5, 0.45, 0.55, 0.4, 0.6):
        tab.mouse.move(box["x"] + box["width"] * across, box["y"] + box["height"] * 0.5, steps=4)
        tab.wait_for_timeout(300)
        if hover.count():
            break
    marked = hover.first.locator("tspan[style*='bold']").all_text_contents()
    around = str(hover.first.text_content())
    assert marked and any(len(word.strip()) < len(around) - 5 and word.strip() in around for word in marked), around


def test_a_metric_of_ones_own_is_computed_and_drawn_in_the_explorer(tab: Any, tmp_path: Path) -> None:
    code = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "own-metrics.md").read_text("utf-8"), re.DOTALL)
    assert code is not None
    (tmp_path / "mean_norm.py").write_text(code[1])
    with running(tmp_path, EMBEDSCOPE_METRICS=str(tmp_path / "mean_norm.py")) as address:
        tab.goto(f"{address}/explorer?{urlencode({'model': 'minilm', 'texts': 'sentiment', 'metric': 'mean_norm'})}")
        looking.run_if_asked(tab)
        tab.get_by_role("button", name="Settings").click()
        tab.get_by_text("Order of the norm").first.wait_for()
        drawn = tab.evaluate("() => Array.from(document.querySelector('.embedscope-canvas')._fullData[0].y)")
    assert len(drawn) == 7 and min(drawn) > 0
