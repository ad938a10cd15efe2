"""Record what ``embedscope papers`` came to: numbers and verdicts into the table, a picture of each row's figure into docs.

``python -m benchmarks.record_papers FOLDER [FOLDER ...] --about "of what, on which machine"`` takes the folders that the command
wrote, each with the rows that it has; a row that two have is taken from the first. With ``--dashboard ADDRESS``, a running one that has the
same results, rows without a figure get a picture of their page (``benchmarks.record_screens``); without, theirs are kept. Needs a Chromium, as the tests in a browser do. It measures nothing, and ``make bench`` leaves it out.
"""

import argparse
import html
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from backend import PAPER_ROWS, PaperRow
from backend.papers.markdown import PICTURES, RECORDED_UNDER, papers_table
from backend.papers.recorded import FILE, pictures, recorded, shown_name
from benchmarks.record_screens import ask_screens, screens

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs" / "papers.md"
KEPT = ("models", "texts", "seconds", "verdict", "by_model", "numbers", "caveat")
WIDTH, HEIGHT = 860, 700  # pixels of the window
COLOURS = 96  # of a picture: enough for lines and maps, and a fifth of the bytes


def records(folders: Sequence[Path]) -> dict[str, list[dict[str, Any]]]:
    """The records of each row, without what only the folder needs, in the order of the table."""
    found: dict[str, Any] = {}
    for folder in folders:
        for key, parts in json.loads((folder / "papers.json").read_text("utf-8"))["rows"].items():
            found.setdefault(key, [_without_folders(part) for part in parts])
    return {row.key: found[row.key] for row in PAPER_ROWS if row.key in found}


def _without_folders(part: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a record, in which a local model goes by the end of its name."""

    def short(names: str) -> str:
        return " and ".join(map(shown_name, names.split(" and ")))

    kept = {name: part[name] for name in KEPT if name in part}
    return kept | {
        "models": [short(name) for name in kept["models"]],
        "by_model": [[short(name), verdict] for name, verdict in kept["by_model"]],
        "numbers": [[*number[:3], short(number[3])] for number in kept["numbers"]],
    }


def figure_file(row: PaperRow, folders: Sequence[Path], prefer: str) -> Path | None:
    """The figure that stands for a row: of several models in one where there is one, else of one with ``prefer`` in its name."""
    for folder in folders:
        files = sorted((folder / "figures").glob(f"{row.key}-*.html"))
        for beginning in row.figures or ("",):
            mine = _beginning(files, row.key, beginning) or files
            if mine:
                several = [file for file in mine if re.search(r"[+-]\d+-more", file.name)]
                preferred = [file for file in mine if prefer in file.name]
                return (several or preferred or mine)[-1]
    return None


def _beginning(files: Sequence[Path], key: str, beginning: str) -> list[Path]:
    """The files of the figures whose keys have this beginning; files may go by its last words alone."""
    words = beginning.strip("_").split("_")
    for at in range(len(words)):
        found = [file for file in files if file.name.startswith(f"{key}-{'-'.join(words[at:])}")]
        if found:
            return found
    return []


def picture(tab: Any, file: Path, to: Path) -> str:
    """Take the picture of a figure; returns what it shows."""
    tab.goto(file.as_uri())
    plot = tab.locator(".js-plotly-plot").first
    plot.wait_for()
    tab.add_style_tag(content=".modebar { display: none }")
    tab.wait_for_timeout(400)
    image = Image.open(io.BytesIO(plot.screenshot())).convert("RGB")
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(to, optimize=True)
    return html.unescape(str(tab.title()))


def record() -> int:
    """Write the table's file, the pictures and the docs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--about", required=True)
    parser.add_argument("--prefer", default="", help="part of a file's name, where a row has a figure for each model")
    ask_screens(parser)
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    from tests.pages import browser

    folder = DOCS.parent / PICTURES
    folder.mkdir(parents=True, exist_ok=True)
    taken = {row.key: pictures()[row.key] for row in PAPER_ROWS if not row.figures and row.key in pictures()}
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser.CHROMIUM, args=list(browser.FLAGS))
        tab = chromium.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        for row in PAPER_ROWS:
            file = figure_file(row, options.folders, options.prefer)
            if file is not None:
                taken[row.key] = picture(tab, file, folder / f"{row.key}.png")
        if options.dashboard:
            taken |= screens(chromium, folder, options)
        chromium.close()
    data = {"about": options.about, "rows": records(options.folders), "pictures": taken}
    FILE.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    recorded.cache_clear()
    pictures.cache_clear()
    head = DOCS.read_text("utf-8").split(RECORDED_UNDER, 1)[0]
    DOCS.write_text(f"{head}{RECORDED_UNDER}{papers_table()}", encoding="utf-8")
    print(f"{len(taken)} pictures, {sum(file.stat().st_size for file in folder.iterdir()):,} bytes: {folder}")
    return 0


if __name__ == "__main__":
    raise SystemExit(record())
