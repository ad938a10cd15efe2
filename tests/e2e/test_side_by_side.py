"""Maps side by side in the browser: a text under the pointer, a selection and a zoom are in both."""

from typing import Any
from urllib.parse import urlencode

from tests.e2e import looking

PLOT = "document.querySelector('[class*=st-key-projection_side] .js-plotly-plot')"
SPOT = f"""() => {{
    const gd = {PLOT}, trace = gd._fullData[0], {{ xaxis, yaxis }} = gd._fullLayout, box = gd.getBoundingClientRect();
    return [box.x + xaxis._offset + xaxis.l2p(trace.x[3]), box.y + yaxis._offset + yaxis.l2p(trace.y[3]), gd.data[0].text[3]];
}}"""


def test_hover_selection_and_zoom_are_in_both_maps(address: str, tab: Any, local_models: list[str]) -> None:
    query = urlencode({"model": local_models, "projection_view": "Side by side"}, doseq=True)
    tab.goto(f"{address}/projection?{query}")
    looking.run_if_asked(tab)
    looking.settled(tab)
    x, y, _ = tab.evaluate(SPOT)
    tab.mouse.move(x - 2, y)
    tab.mouse.move(x, y)
    tab.wait_for_function("document.querySelectorAll('.hoverlayer .hovertext').length === 2")
    said = tab.locator(".hoverlayer .hovertext").all_inner_texts()
    assert said[0] == said[1]
    tab.mouse.click(x, y)
    tab.get_by_text("1 of 440 texts selected").wait_for()
    looking.settled(tab)
    chosen = f"{PLOT}.data.map((trace) => Array.from(trace.selectedpoints ?? [], (row) => trace.customdata[row] ?? -1))"
    per_panel = tab.evaluate(f"{PLOT}.data.map((trace) => trace.xaxis ?? 'x')")
    rows = tab.evaluate(chosen)
    found = {
        panel: [row for own, at in zip(rows, per_panel, strict=True) if at == panel for row in own]
        for panel in per_panel
    }
    assert len(found) == 2 and all(len(ids) == 1 for ids in found.values())
    tab.evaluate(f"window.Plotly.relayout({PLOT}, {{'xaxis.range': [-1, 1]}})")
    assert tab.evaluate(f"{PLOT}._fullLayout.xaxis2.range") == [-1, 1]
