"""By keyboard alone, by Back from a job's figure, and with texts that a spreadsheet would run: what a reader does with a page."""

import io
from pathlib import Path
from typing import Any

import pandas as pd

from tests.e2e import looking
from tests.e2e.test_texts import upload

# What has the focus: the key of its field, or its words
FOCUSED = """() => {
    const one = document.activeElement;
    const field = [...(one.closest('[class*="st-key-"]')?.classList ?? [])].find((name) => name.startsWith('st-key-'));
    return [field?.slice(7) ?? '', one.getAttribute('aria-label') || one.innerText?.trim() || one.type || ''];
}"""
FIRST_FRAME = """() => { const chart = document.querySelector('.st-key-projection_map .js-plotly-plot');
    return [...chart._fullData[0].x].slice(0, 5); }"""


def tabbed(tab: Any, most: int) -> list[tuple[str, str]]:
    """What the key Tab comes to, one after the other, from the top of the page."""
    seen = []
    tab.evaluate("document.activeElement.blur()")
    for _ in range(most):
        tab.keyboard.press("Tab")
        seen.append(tuple(tab.evaluate(FOCUSED)))
    return seen


def test_tab_comes_to_the_choice_then_to_the_page_and_arrows_move_the_layer(address: str, tab: Any) -> None:
    tab.goto(f"{address}/projection")
    looking.run_if_asked(tab)
    tab.reload()  # Tab goes on from where the last click was; on a page just opened it begins at the top
    looking.figures(tab).first.wait_for()
    looking.settled(tab)
    tab.locator(".st-key-projection_method").wait_for()
    seen = tabbed(tab, 60)
    keys = list(dict.fromkeys(key for key, _ in seen))
    for before, after in (
        ("model", "texts"),
        ("texts", "pooling"),
        ("pooling", "label"),
        ("label", "layers"),
        ("layers", "seed"),
        ("seed", "projection_method"),
        ("projection_method", "projection_map"),
    ):
        assert keys.index(before) < keys.index(after), keys

    slider = tab.get_by_role("slider", name="Layer")
    name = tab.locator(".embedscope-frame-name")
    slider.focus()
    assert name.inner_text() == "block 6"
    last = tab.evaluate(FIRST_FRAME)
    tab.keyboard.press("ArrowLeft")
    tab.wait_for_function("document.querySelector('.embedscope-frame-name').textContent === 'block 5'")
    tab.wait_for_function(f"last => String(({FIRST_FRAME})()) !== String(last)", arg=last)  # the layer before is drawn
    tab.keyboard.press("Home")
    tab.wait_for_function("document.querySelector('.embedscope-frame-name').textContent === 'embedding'")
    tab.keyboard.press("End")
    tab.wait_for_function("document.querySelector('.embedscope-frame-name').textContent === 'block 6'")
    tab.wait_for_function(f"last => String(({FIRST_FRAME})()) === String(last)", arg=last)


def test_back_from_the_figure_of_a_job_is_the_list_of_jobs(address: str, tab: Any) -> None:
    tab.goto(f"{address}/rogue")
    looking.run_if_asked(tab)
    looking.go(tab, "Jobs")
    job = tab.locator("[data-testid=stVerticalBlock]").filter(has_text="Rogue dimensions of minilm").last
    link = job.get_by_text("Show the figure").first
    link.wait_for()
    link.click()
    looking.opened(tab, "Rogue")
    looking.figures(tab).first.wait_for()
    tab.go_back()
    looking.opened(tab, "Jobs")
    tab.get_by_text("Rogue dimensions of minilm").first.wait_for()
    tab.go_forward()
    looking.opened(tab, "Rogue")
    looking.figures(tab).first.wait_for()
    assert tab.locator("[data-testid=stException]").count() == 0


def test_texts_that_are_formulas_are_text_in_csv_and_as_they_are_in_parquet(address: str, tab: Any) -> None:
    rows = [
        "=1+1",
        '=HYPERLINK("http://127.0.0.1:9/","open")',
        "+2",
        "@sum(A1)",
        *(f"plain words {i}" for i in range(8)),
    ]
    quoted = ('"{}",{}'.format(text.replace('"', '""'), "ab"[place % 2]) for place, text in enumerate(rows))
    tab.goto(f"{address}/texts")
    looking.opened(tab, "Texts")
    upload(tab, "formulas.csv", ("text,label\n" + "\n".join(quoted)).encode())
    tab.get_by_text("12 rows").wait_for()
    tab.locator(".st-key-add_save button").click()
    tab.get_by_text("Saved 'formulas' with 12 texts.").wait_for()
    tab.goto(f"{address}/projection?texts=formulas&layers=6")
    looking.run_if_asked(tab)
    looking.settled(tab)
    tab.locator(".st-key-projection_map_save").get_by_role("button", name="Save").click()
    files = {kind: saved(tab, kind) for kind in ("csv", "parquet")}
    safe = pd.read_csv(io.BytesIO(files["csv"]), keep_default_na=False)
    assert list(safe["text"]) == [f"'{text}" if text[0] in "=@" else text for text in rows]
    assert list(pd.read_parquet(io.BytesIO(files["parquet"]))["text"]) == rows


def saved(tab: Any, kind: str) -> bytes:
    """A file of the map's menu, as the browser saves it."""
    button = tab.locator(f".st-key-projection_map_{kind} button").first
    button.wait_for()
    tab.mouse.move(0, 0)  # the help of the button before it lies over this one for a moment
    with tab.expect_download() as download:
        button.click()
    return Path(download.value.path()).read_bytes()
