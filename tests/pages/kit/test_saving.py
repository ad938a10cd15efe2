"""What is saved is what is seen: the menu Save in a real browser, and the files read back."""

import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pages.browser import needed, streamlit_server, tab

pytestmark = needed()
CANVAS = ".st-key-saving_map .embedscope-canvas"
STEM = "projection-pca-models-minilm-reviews-of-films"
DRAWN = """() => [...document.querySelectorAll('.embedscope-canvas')].at(0)._fullData
    .map((trace) => [[...trace.x], [...trace.y]])"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with streamlit_server(Path(__file__).with_name("saving_app.py"), tmp_path_factory.mktemp("app")) as served:
        yield served


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    with tab(chromium, viewport={"width": 1000, "height": 900}, accept_downloads=True) as opened:
        yield opened


def draw(page: Any, address: str) -> None:
    page.goto(address)
    page.wait_for_selector(".st-key-saving_map .embedscope-plot[data-drawn='1']", timeout=60_000)


def scrub(page: Any, frame: int) -> None:
    """Move the slider and let it go."""
    slider = page.get_by_role("slider", name="Layer")
    slider.evaluate(f"(input) => {{ input.value = {frame}; input.dispatchEvent(new Event('input')); }}")
    page.wait_for_function(f"Math.floor(document.querySelector('{CANVAS}')._fullData[0].x[0] / 10) === {frame}")
    slider.evaluate("(input) => input.dispatchEvent(new Event('change'))")


def open_menu(page: Any) -> None:
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("button", name="CSV").wait_for(timeout=30_000)


def saved(page: Any, label: str) -> tuple[str, Path]:
    with page.expect_download(timeout=60_000) as download:
        page.get_by_role("button", name=label, exact=True).click()
    return download.value.suggested_filename, Path(download.value.path())


def test_the_page_of_its_own_opens_at_the_frame_on_show_and_scrubs_without_a_network(
    page: Any, address: str, chromium: Any, tmp_path: Path
) -> None:
    draw(page, address)
    scrub(page, 2)
    page.get_by_text("frame 2, runs 2").wait_for()
    seen = page.evaluate(DRAWN)
    open_menu(page)
    name, file = saved(page, "HTML")
    assert name == f"{STEM}-block-2.html"
    target = tmp_path / name
    target.write_bytes(file.read_bytes())
    context = chromium.new_context(offline=True)
    alone = context.new_page()
    asked: list[str] = []
    alone.on("request", lambda request: asked.append(request.url))
    alone.goto(target.as_uri())
    alone.wait_for_selector(".embedscope-plot[data-drawn='1']", timeout=60_000)
    assert alone.evaluate(DRAWN) == seen
    slider = alone.get_by_role("slider", name="Layer")
    assert (slider.input_value(), slider.get_attribute("max")) == ("2", "3")
    words = alone.inner_text("body")
    for word in (
        "PCA of <b>minilm</b> at $5",
        "block 2",
        "well kept",
        "models/minilm",
        "reviews of films, 10 rows",
        "cka",
    ):
        assert word in words
    assert "50 of 2,000 rows" in words and "/home/me" not in target.read_text("utf-8").replace(address, "")
    slider.evaluate("(input) => { input.value = 0; input.dispatchEvent(new Event('input')); }")
    alone.wait_for_function("document.querySelector('.embedscope-canvas')._fullData[0].x[0] < 10")
    assert [url for url in asked if not url.startswith(("file:", "blob:", "data:"))] == []
    with alone.expect_download() as download:  # its own tool bar names the frame too
        alone.locator(".modebar-btn[data-title='Save as SVG']").click()
    assert download.value.suggested_filename == f"{STEM}-block-0.svg"
    context.close()


def test_a_picture_is_what_is_seen_and_says_what_it_is(page: Any, address: str) -> None:
    draw(page, f"{address}?svg=1")
    scrub(page, 1)
    page.get_by_text("frame 1, runs 2").wait_for()
    marks = (
        "(root) => [...root.querySelectorAll('.scatterlayer .point')].map((point) => point.getAttribute('transform'))"
    )
    seen = page.locator(CANVAS).evaluate(marks)
    open_menu(page)
    name, file = saved(page, "SVG")
    assert name == f"{STEM}-block-1.svg"
    picture = page.evaluate_handle(
        "(text) => new DOMParser().parseFromString(text, 'image/svg+xml')", file.read_text("utf-8")
    )
    assert len(seen) == 50 and picture.evaluate(marks) == seen
    words = picture.evaluate("(root) => [...root.querySelectorAll('.g-gtitle tspan')].map((line) => line.textContent)")
    stated = " ".join(words)
    for word in (
        "PCA of <b>minilm</b> at $5",
        "Layer: block 1",
        "models/minilm · reviews of films, 10 rows",
        "50 of 2,000",
    ):
        assert word in stated
    size = page.evaluate("(selector) => document.querySelector(selector).offsetWidth", CANVAS)
    name, file = saved(page, "PNG")
    assert name == f"{STEM}-block-1.png"
    assert struct.unpack(">I", file.read_bytes()[16:20]) == (3 * size,)


@pytest.mark.parametrize(("column", "millimetres"), [("One column", 84), ("Two columns", 174)])
def test_a_picture_for_a_paper_has_the_width_of_its_columns(
    page: Any, address: str, column: str, millimetres: int
) -> None:
    draw(page, f"{address}?svg=1")
    scrub(page, 1)
    page.get_by_text("frame 1, runs 2").wait_for()
    open_menu(page)
    name, file = saved(page, column)
    assert name == f"{STEM}-block-1-{millimetres}mm.svg"
    text = file.read_text("utf-8")
    width, height = (float(re.search(rf' {side}="([\d.]+)mm"', text)[1]) for side in ("width", "height"))
    assert width == millimetres and 0.6 * width < height < 1.6 * width
    picture = page.evaluate_handle("(text) => new DOMParser().parseFromString(text, 'image/svg+xml')", text)
    box = picture.evaluate("(root) => root.documentElement.getAttribute('viewBox').split(' ').map(Number)")
    points_in_unit = width / box[2] * 72 / 25.4
    sizes = picture.evaluate(
        "(root) => [...root.querySelectorAll('text')].filter((one) => one.textContent).map((one) => parseFloat(one.style.fontSize))"
    )
    assert sizes and all(6 <= size * points_in_unit <= 10.5 for size in sizes), "as large as the letters of a caption"
    assert not picture.evaluate("(root) => root.querySelectorAll('.g-gtitle tspan').length"), "the caption is the title"
    marks = "(root) => root.querySelectorAll('.scatterlayer .point').length"
    assert picture.evaluate(marks) == 50
    assert saved(page, "SVG")[0] == f"{STEM}-block-1.svg", "the chart on the page is as it was"


TEXTS = """(root) => [...root.querySelectorAll('%s')].filter((line) => line.textContent)
    .map((line) => { const box = line.getBoundingClientRect(); return [line.textContent, box.left, box.right, box.top, box.bottom]; })"""


@pytest.mark.parametrize("label", ["SVG", "One column"])
def test_a_picture_says_what_its_faint_points_are_and_no_line_leaves_it(
    page: Any, address: str, chromium: Any, label: str
) -> None:
    draw(page, f"{address}?svg=1&chosen=1&long=1")
    page.wait_for_function(f"document.querySelector('{CANVAS}')._fullData[0].selectedpoints?.length === 3")
    open_menu(page)
    text = saved(page, label)[1].read_text("utf-8")
    with tab(
        chromium, viewport={"width": 1400, "height": 1200}
    ) as alone:  # where the dashboard's own letters are not installed
        alone.set_content(f"<body style='margin:0'>{text}</body>")
        svg = alone.locator("svg").first
        box = svg.bounding_box()
        titles = svg.evaluate(TEXTS % ".g-gtitle tspan")
        (foot,) = (
            line
            for line in svg.evaluate(TEXTS % ".annotation text, .foot")
            if line[0].startswith("The faint points are")
        )
        above = max(line[4] for line in svg.evaluate(TEXTS % ".xtick text, .legendtext"))
        drawn = [text for text, *_ in svg.evaluate(TEXTS % ".legendtext")]
    assert foot[0] == "The faint points are those that are not selected; 3 are selected."
    assert drawn == ["a", "b"] and foot[3] >= above and foot[4] <= box["height"], "below the legend, and in the picture"
    assert (len(titles) > 5) is (label == "SVG"), "the sample takes several lines"
    for line, left, right, *_ in [*titles, foot]:
        assert left >= 0 and right <= box["width"], line


def test_a_picture_without_a_selection_has_no_foot(page: Any, address: str) -> None:
    draw(page, f"{address}?svg=1")
    open_menu(page)
    assert "not selected" not in saved(page, "SVG")[1].read_text("utf-8")


def test_files_asked_for_one_after_the_other_at_once_all_arrive(page: Any, address: str) -> None:
    # Faster than by hand, but not in one moment: of more than ten downloads then the browser itself drops some.
    draw(page, address)
    open_menu(page)
    page.get_by_text("frame 3, runs 1").wait_for()
    arrived: list[Any] = []
    page.on("download", lambda download: arrived.append(download))
    labels = ("CSV", "Parquet", "Markdown", "LaTeX", "JSON and recipe", "HTML")
    for n_asked in (6, 12):
        for label in labels:
            page.get_by_role("button", name=label, exact=True).click()
            page.wait_for_timeout(60)
        for _ in range(100):
            if len(arrived) == n_asked:
                break
            page.wait_for_timeout(100)
        assert len(arrived) == n_asked
    ends = sorted(one.suggested_filename.rpartition(".")[2] for one in arrived)
    assert ends == sorted(2 * ["csv", "parquet", "md", "tex", "json", "html"])
    assert all(Path(one.path()).stat().st_size > 100 for one in arrived)
    assert page.get_by_text("frame 3, runs 1").is_visible(), "neither the menu nor a file runs the page again"


def test_a_menu_that_is_open_offers_the_files_of_the_frame_on_show(page: Any, address: str) -> None:
    draw(page, address)
    open_menu(page)
    page.keyboard.press("Escape")
    scrub(page, 0)
    page.get_by_text("frame 0").wait_for()
    open_menu(page)
    assert saved(page, "HTML")[0] == f"{STEM}-block-0.html"
