"""A hostile text set in the browser: whatever its names and texts say is seen as it is, and nothing in it is run."""

import csv
import io
from typing import Any
from xml.etree import ElementTree

from tests.e2e import looking
from tests.e2e.test_texts import upload
from tests.models.tiny import TEXTS

TAG = "<img src=x onerror=window.struck=1>"
EVIL = f"{TAG}<script>window.struck=2</script> [l](http://evil.example/) $x^2$ :red[r] :smile: http://bare.example/a \u202eabc\x01\x1b"


def content() -> bytes:
    """40 texts whose words, label and further column are hostile."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(["text", "label", f"more {EVIL}"])
    for i in range(40):
        rows.writerow([f"{TAG} {TEXTS[i % 7]} {i} {EVIL}", f"{i % 2}\x01 {EVIL}", f"=1+1 {EVIL}"])
    return out.getvalue().encode()


def unharmed(tab: Any) -> None:
    """Assert that nothing hostile is part of the page but as text."""
    looking.settled(tab)
    found = tab.evaluate(
        """() => ({
          struck: window.struck ?? null,
          scripts: [...document.scripts].filter(one => one.textContent.includes("window.struck")).length,
          images: document.querySelectorAll('img[src="x"]').length,
          links: [...document.querySelectorAll("a, area, iframe, object")]
            .filter(one => /evil\\.example|bare\\.example|javascript:/.test(one.outerHTML)).length,
          formulas: document.querySelectorAll(".katex").length,
        })"""
    )
    assert found == {"struck": None, "scripts": 0, "images": 0, "links": 0, "formulas": 0}


def test_nothing_hostile_is_run_or_becomes_a_part_of_the_page(address: str, tab: Any) -> None:
    dialogs: list[str] = []
    tab.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    tab.goto(f"{address}/texts")
    looking.opened(tab, "Texts")
    upload(tab, f"stories {TAG} [l](http:evil.example) http:bare.example.csv", content())
    tab.get_by_text("40 rows").wait_for()
    unharmed(tab)
    tab.locator(".st-key-add_save button").click()
    tab.get_by_text("Every page uses it now.").wait_for()
    unharmed(tab)
    assert "<img src=x onerror=" in tab.locator(".st-key-texts_shown input").input_value()
    looking.go(tab, "Projection")
    looking.run_if_asked(tab)
    looking.figures(tab).first.wait_for(timeout=looking.RUN_MS)
    unharmed(tab)
    legend = tab.locator(".legendtext", has_text="<img src=x")
    legend.first.wait_for()
    x, y = tab.evaluate(
        """() => {
          const figure = document.querySelector(".js-plotly-plot"), { xaxis, yaxis } = figure._fullLayout;
          const { x, y } = figure._fullData[0], place = figure.getBoundingClientRect();
          return [place.x + xaxis._offset + xaxis.c2p(x[0]), place.y + yaxis._offset + yaxis.c2p(y[0])];
        }"""
    )
    hover = tab.locator(".hoverlayer .hovertext")
    tab.mouse.move(x - 1, y)
    tab.mouse.move(x, y, steps=4)
    hover.first.wait_for()
    assert "<img src=x" in (hover.first.text_content() or "")
    picture = tab.evaluate(
        """async () => {
          const figure = document.querySelector(".js-plotly-plot"), size = { width: 900, height: 600 };
          const address = await Plotly.toImage({ data: figure.data, layout: figure.layout }, { format: "svg", ...size });
          return await (await fetch(address)).text();
        }"""
    )
    drawn = "".join(ElementTree.fromstring(picture).itertext())  # a control character would end it
    assert "<U+0001> <img" in drawn
    unharmed(tab)
    assert dialogs == []
