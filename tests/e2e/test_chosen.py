"""The selection in a browser: a lasso on the map is on every page, and a search finds its text on the map."""

import re
from typing import Any

from tests.e2e import looking
from tests.e2e.test_texts import saved_set

BRIGHT = """() => document.querySelector('.st-key-projection_map .embedscope-canvas')._fullData
    .flatMap((trace) => [...(trace.selectedpoints ?? [])].map((row) => trace.customdata[row])).sort((a, b) => a - b)"""
N_ROWS = 10_001
RARE = 8_999  # the row, from 0, that alone has the word


def lasso(tab: Any, corners: list[tuple[float, float]]) -> None:
    """Draw a lasso on the map, its corners as shares of the plot."""
    tab.locator(".st-key-projection_map .modebar-btn[data-title='Lasso Select']").click()
    box = tab.locator(".st-key-projection_map .draglayer .nsewdrag").first.bounding_box()
    places = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in corners]
    tab.mouse.move(*places[0])
    tab.mouse.down()
    for place in places[1:]:
        tab.mouse.move(*place, steps=6)
    tab.mouse.up()


def strip(tab: Any) -> Any:
    """The line below the head."""
    return tab.locator(".st-key-chosen_strip")


def test_a_lasso_goes_along_to_texts_and_back(tab: Any, address: str) -> None:
    tab.goto(f"{address}/projection?model=minilm&texts=sentiment")
    looking.run_if_asked(tab)
    looking.settled(tab)
    lasso(tab, [(0.2, 0.2), (0.6, 0.2), (0.6, 0.7), (0.2, 0.7)])
    said = strip(tab).get_by_text("of 440 texts selected").inner_text().partition(" · ")[0]
    n_chosen = int(said.split()[0])
    assert 0 < n_chosen < 440
    tab.wait_for_function(f"n => ({BRIGHT})().length === n", arg=n_chosen)
    chosen = tab.evaluate(BRIGHT)
    tab.wait_for_url(re.compile("chosen=[0-9]"))
    looking.go(tab, "Texts")
    assert said in strip(tab).inner_text()
    tab.get_by_text("Selected only").click()
    tab.get_by_text(f"{n_chosen} of 440 texts selected.").wait_for()
    looking.go(tab, "Projection")
    tab.wait_for_function(f"seen => JSON.stringify(({BRIGHT})()) === JSON.stringify(seen)", arg=chosen)
    strip(tab).get_by_role("button", name="Clear").click()
    strip(tab).wait_for(state="detached")
    tab.wait_for_function(f"({BRIGHT})().length === 0")


def test_a_word_of_one_row_in_ten_thousand_is_seen_on_the_map(tab: Any, address: str, local_models: list[str]) -> None:
    rows = [f"the cat saw a {'zyzzyva' if row == RARE else 'dog'}" for row in range(N_ROWS)]
    texts = saved_set(tab, address, "haystack.csv", "\n".join(["text", *rows]).encode())
    tab.goto(
        f"{address}/projection?model={local_models[0]}&texts={texts}&projection_every=false&projection_max_rows=20000"
    )
    looking.run_if_asked(tab)
    looking.settled(tab)
    tab.locator(".st-key-chosen_menu button").click()
    words = tab.get_by_placeholder("Words, or a")
    words.fill("zyzzyva")
    words.press("Enter")
    tab.get_by_role("button", name="Select the 1 text").click()
    strip(tab).get_by_text("1 of 10,001 texts selected").wait_for()
    tab.wait_for_url(re.compile(f"chosen={RARE}(&|$)"))
    tab.wait_for_function(f"({BRIGHT})().join() === '{RARE}'")
