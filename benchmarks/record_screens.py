"""Pictures of the pages of those rows of the papers that are a table or a form: the part of a running dashboard that shows it.

``benchmarks.record_papers`` takes them; nothing is measured.
"""

import argparse
import io
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from PIL import Image

from backend import PAPER_ROWS, PaperRow

WIDTH, HEIGHT = 1280, 800  # the first screen
COLOURS = 256
WAIT_MS = 60_000
STILL_MS = 4_000  # until tables are painted
SHOWS = {
    "gptology-appendix-A": "the form for a run with the recipe gptology",
    "matton-section-2": "the form for a run with the recipe matton",
    "matton-table-2": "the accuracies of all runs before and after fine-tuning",
    "matton-table-3": "the accuracies with few dimensions, below the figures of the page",
    "zhou-3.2": "a file of Universal Dependencies with its tasks to choose from",
    "zhou-table-5": "the labels of one text set before and after fine-tuning",
    "razzhigaev-table-1": "how three small models are built",
}
TABLE = "[data-testid=stDataFrame]"


def ask_screens(parser: argparse.ArgumentParser) -> None:
    """The options of these pictures."""
    parser.add_argument("--dashboard", default="", help="the address of a running dashboard over the same results")
    parser.add_argument(
        "--about-models", nargs="+", default=["minilm"], help="models of the rows that are about models"
    )
    parser.add_argument("--words", type=Path, help="a CoNLL-U file to show how one is read")


def screens(chromium: Any, folder: Path, options: argparse.Namespace) -> dict[str, str]:
    """Take the picture of each row that has no figure; returns what each shows."""
    found = {}
    for row in PAPER_ROWS:
        if not row.figures:
            tab = chromium.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            tab.set_default_timeout(WAIT_MS)
            query = urlencode(_words(row, options), doseq=True)
            tab.goto(f"{options.dashboard.rstrip('/')}/{row.page_name}?{query}")
            _show(tab, row, options.words)
            image = Image.open(io.BytesIO(tab.screenshot())).convert("RGB")
            image.quantize(COLOURS, dither=Image.Dither.NONE).save(folder / f"{row.key}.png", optimize=True)
            found[row.key] = SHOWS[row.key]
            tab.close()
    return found


def _words(row: PaperRow, options: argparse.Namespace) -> Mapping[str, Sequence[str] | str]:
    """The address of a row: that of its last recorded part, or its page with its choices."""
    for folder in options.folders:
        parts = json.loads((folder / "papers.json").read_text("utf-8"))["rows"].get(row.key)
        if parts:
            words: Mapping[str, Sequence[str]] = parts[-1]["address"]
            return words
    choices = {key: value for key, value in row.choices.items() if isinstance(value, str)}
    return {"texts": "topics", "label": "label", "model": options.about_models, **choices}


def _show(tab: Any, row: PaperRow, words: Path | None) -> None:
    """Wait until the page stands still, and bring what the row is about onto the screen."""
    tab.locator("h1").first.wait_for()
    _still(tab)
    if row.page_name == "texts":
        tab.get_by_role("tab", name="Add a text set").click()
        if words is not None:
            tab.locator("input[type=file]").first.set_input_files(words)
            tab.wait_for_timeout(STILL_MS)  # the file is sent, read and shown
    elif row.page_name != "finetune" or "all_runs" in "".join(row.choices):
        table = tab.locator(f"{TABLE}:visible, [data-testid=stTable]:visible").first
        table.wait_for()
        table.scroll_into_view_if_needed()
    _still(tab)
    assert not tab.get_by_text(re.compile("^The link asks for")).count(), row.key


def _still(tab: Any) -> None:
    tab.wait_for_function("document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'")
    tab.wait_for_timeout(STILL_MS)
