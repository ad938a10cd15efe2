"""Maps side by side in the browser: a text under the pointer, a selection and a zoom are in both."""

from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import TimeoutError

from tests.e2e import looking

PLOT = "document.querySelector('[class*=st-key-projection_side] .js-plotly-plot')"
# Of the first map the point that is furthest from any other, which nobody can miss: where it is, its text and its place
SPOT = f"""() => {{
    const gd = {PLOT}, {{ xaxis, yaxis }} = gd._fullLayout, box = gd.getBoundingClientRect();
    const points = gd._fullData.flatMap((trace) => trace.xaxis !== 'x' ? [] : Array.from(trace.x, (x, row) => (
        {{ x: xaxis.l2p(x), y: yaxis.l2p(trace.y[row]), trace: trace.index, row }})));
    const apart = (one) => Math.min(...points.map((two) => one === two ? Infinity : Math.hypot(one.x - two.x, one.y - two.y)));
    const [{{ x, y, trace, row }}] = points.toSorted((one, two) => apart(two) - apart(one));
    return [box.x + xaxis._offset + x, box.y + yaxis._offset + y, gd.data[trace].text[row], row];
}}"""


def pointed(tab: Any) -> tuple[float, float, int]:
    """Where a point is once its words stand in both maps; pointed at anew where the figure was drawn or moved meanwhile."""
    for _ in range(20):
        x, y, words, row = spot = tab.evaluate(SPOT)
        tab.mouse.move(x - 2, y)
        tab.mouse.move(x, y)
        try:
            tab.wait_for_function("document.querySelectorAll('.hoverlayer .hovertext').length === 2", timeout=3_000)
        except TimeoutError:
            continue
        one, other = tab.locator(".hoverlayer .hovertext").all_text_contents()
        if tab.evaluate(SPOT) == spot and one == other and one.startswith(words.split("<br>")[0]):
            return x, y, row
    raise AssertionError("the words of the point are not in both maps")


def test_hover_selection_and_zoom_are_in_both_maps(address: str, tab: Any, local_models: list[str]) -> None:
    query = urlencode({"model": local_models, "projection_view": "Side by side"}, doseq=True)
    tab.goto(f"{address}/projection?{query}")
    looking.run_if_asked(tab)
    looking.settled(tab)
    x, y, row = pointed(tab)
    tab.mouse.click(x, y)
    tab.get_by_text("1 of 440 texts selected").wait_for()
    looking.settled(tab)
    panels = f"""() => {{
        const of = {{}};
        for (const trace of {PLOT}.data) (of[trace.xaxis ?? 'x'] ??= []).push(...(trace.selectedpoints ?? []));
        return Object.values(of).every((rows) => rows.length === 1 && rows[0] === {row}) && Object.keys(of).length === 2;
    }}"""
    tab.wait_for_function(panels)  # the same point of the same class, once the page has told the figure
    tab.evaluate(f"window.Plotly.relayout({PLOT}, {{'xaxis.range': [-1, 1]}})")
    assert tab.evaluate(f"{PLOT}._fullLayout.xaxis2.range") == [-1, 1]
