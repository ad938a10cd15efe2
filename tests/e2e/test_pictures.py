"""Pictures of every page for the documentation, taken only when EMBEDSCOPE_SCREENSHOTS=1 asks for them."""

import io
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.e2e import looking

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
WIDTH, HEIGHT = 1280, 800  # the first screen
RUNS = (
    *("overview", "similarity", "projection", "neighbours", "profiles", "components", "rogue", "explorer"),
    *("threshold", "ablation", "neurons", "component_accuracy", "clusters", "probes", "movement"),
)
ASKED = {
    "explorer": "?explorer_view=One against another",
    "probes": "?probes_grid=fixed",
}  # a search would take minutes

pytestmark = pytest.mark.skipif(
    os.environ.get("EMBEDSCOPE_SCREENSHOTS") != "1", reason="pictures are taken with EMBEDSCOPE_SCREENSHOTS=1"
)


def _wait_until_still(tab: Any) -> None:
    """No job runs on the page any more, no script runs, and tables and figures are drawn."""
    tab.get_by_role("button", name="Cancel").first.wait_for(state="detached", timeout=looking.RUN_MS)
    looking.settled(tab)
    tab.wait_for_timeout(4000)


def _save(tab: Any, name: str) -> None:
    """The first screen in 256 colours, which takes a third of the space."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    picture = Image.open(io.BytesIO(tab.screenshot())).convert("RGB")
    picture.quantize(256, dither=Image.Dither.NONE).save(IMAGES / f"{name}.png", optimize=True)


@pytest.mark.parametrize("title", looking.PAGES)
def test_take_a_picture(address: str, tab: Any, title: str) -> None:
    tab.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    name = looking.PAGES[title] or "overview"
    tab.goto(f"{address}/{looking.PAGES[title]}{ASKED.get(name, '')}")
    looking.heading(tab)
    if name in RUNS:
        looking.run_if_asked(tab)
    _wait_until_still(tab)
    _save(tab, name)


def test_take_a_picture_in_the_dark(address: str, chromium: Any) -> None:
    context = chromium.new_context(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="dark")
    page = context.new_page()
    page.goto(address)
    looking.heading(page)
    looking.run_if_asked(page)
    _wait_until_still(page)
    _save(page, "overview-dark")
    context.close()
