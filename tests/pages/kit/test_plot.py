"""The chart component in a real browser: the view outlives new data, selections come back, the theme is followed."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pages.browser import needed, streamlit_server, tab

pytestmark = needed()
CANVAS = ".st-key-chart .embedscope-canvas"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with streamlit_server(Path(__file__).with_name("plot_app.py"), tmp_path_factory.mktemp("app")) as served:
        yield served


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    with tab(chromium, viewport={"width": 1000, "height": 800}) as opened:
        yield opened


def draw(page: Any, url: str) -> None:
    page.goto(url)
    page.wait_for_selector(".embedscope-plot[data-drawn='1']", timeout=60_000)


def change_data(page: Any) -> None:
    before = int(page.locator(".embedscope-plot").get_attribute("data-drawn"))
    page.get_by_label("seed").fill("7")
    page.get_by_label("seed").press("Enter")
    page.wait_for_selector(f".embedscope-plot[data-drawn='{before + 1}']", timeout=60_000)


def layout(page: Any, path: str) -> Any:
    return page.evaluate(f"document.querySelector('{CANVAS}')._fullLayout.{path}")


def drag(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag from one place of the plotting area to another, both as fractions of its width and height."""
    area = page.locator(f"{CANVAS} .draglayer .nsewdrag").first.bounding_box()
    places = [(area["x"] + area["width"] * x, area["y"] + area["height"] * y) for x, y in (start, end)]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=8)
    page.mouse.up()


def test_the_zoom_is_kept_when_the_data_change(page: Any, address: str) -> None:
    draw(page, address)
    drag(page, (0.3, 0.3), (0.6, 0.7))
    page.wait_for_function(f"document.querySelector('{CANVAS}')._fullLayout.xaxis.autorange === false")
    zoomed = layout(page, "xaxis.range")
    first = page.evaluate(f"document.querySelector('{CANVAS}')._fullData[0].x[0]")
    change_data(page)
    assert page.evaluate(f"document.querySelector('{CANVAS}')._fullData[0].x[0]") != first
    assert layout(page, "xaxis.range") == zoomed
    assert zoomed[1] - zoomed[0] < 6


def go_away_and_come_back(page: Any) -> None:
    page.get_by_text("away", exact=True).click()
    page.get_by_text("off the page").wait_for()
    page.get_by_text("away", exact=True).click()
    page.wait_for_selector(".embedscope-plot[data-drawn='1']", timeout=60_000)


def test_the_zoom_is_kept_while_the_chart_is_off_the_page(page: Any, address: str) -> None:
    draw(page, address)
    whole = layout(page, "xaxis.range")
    drag(page, (0.3, 0.3), (0.6, 0.7))
    page.wait_for_function(f"document.querySelector('{CANVAS}')._fullLayout.xaxis.autorange === false")
    zoomed = layout(page, "xaxis.range")
    go_away_and_come_back(page)
    assert layout(page, "xaxis.range") == pytest.approx(zoomed)
    change_data(page)
    assert layout(page, "xaxis.range") == pytest.approx(zoomed)
    page.locator(f"{CANVAS} .modebar-btn[data-title='Reset axes']").click()
    page.wait_for_function(f"document.querySelector('{CANVAS}')._fullLayout.xaxis.autorange !== false")
    assert layout(page, "xaxis.range") == pytest.approx(whole, rel=0.1)
    go_away_and_come_back(page)
    assert layout(page, "xaxis.range") == pytest.approx(whole, rel=0.1)


def test_the_selected_cell_is_told_again_when_the_chart_comes_back(page: Any, address: str) -> None:
    draw(page, f"{address}?chart=cells")
    area = page.locator(f"{CANVAS} .draglayer .nsewdrag").first.bounding_box()
    place = (area["x"] + area["width"] * 0.625, area["y"] + area["height"] * 0.875)
    page.mouse.move(*place)
    page.wait_for_timeout(200)
    page.mouse.click(*place)
    page.get_by_text("cell (0, 2)").wait_for(timeout=20_000)
    go_away_and_come_back(page)
    page.get_by_text("cell (0, 2)").wait_for(timeout=20_000)
    assert layout(page, "shapes[0].x0") == 1.5


def test_the_camera_is_kept_when_the_data_change(page: Any, address: str) -> None:
    draw(page, f"{address}?chart=camera")
    canvas = page.locator(CANVAS).bounding_box()
    middle = (canvas["x"] + canvas["width"] / 2, canvas["y"] + canvas["height"] / 2)
    before = layout(page, "scene._scene.getCamera().eye")
    page.mouse.move(*middle)
    page.mouse.down()
    turned = before
    for step in range(1, 40):  # until it has turned: a slow machine draws few of the steps
        page.mouse.move(middle[0] + 6 * step, middle[1] + 2 * step)
        page.wait_for_timeout(50)
        turned = layout(page, "scene._scene.getCamera().eye")
        if abs(turned["x"] - before["x"]) > 0.01:
            break
    page.mouse.up()
    last = None
    while turned != last:  # it swings out
        page.wait_for_timeout(500)
        last, turned = turned, layout(page, "scene._scene.getCamera().eye")
    assert abs(turned["x"] - before["x"]) > 0.01
    change_data(page)
    assert layout(page, "scene._scene.getCamera().eye") == pytest.approx(turned, abs=1e-3)


def test_a_box_selects_points_of_every_class_and_outlives_new_data(page: Any, address: str) -> None:
    draw(page, address)
    page.locator(f"{CANVAS} .modebar-btn[data-title='Box Select']").click()
    drag(page, (0.02, 0.02), (0.98, 0.98))
    told = page.get_by_text(re.compile(r"selected [1-9]"))
    told.wait_for(timeout=20_000)
    chosen = page.evaluate(f"document.querySelector('{CANVAS}').data.map((t) => (t.selectedpoints ?? []).length)")
    assert min(chosen) > 50
    assert told.inner_text().startswith(f"selected {sum(chosen)}:")
    change_data(page)
    again = page.evaluate(f"document.querySelector('{CANVAS}').data.map((t) => (t.selectedpoints ?? []).length)")
    assert again == chosen


def lasso(page: Any, corners: list[tuple[float, float]], *, adding: bool = False) -> None:
    """Draw a line around a part of the plotting area, through ``corners`` in fractions of its width and height."""
    button = page.locator(f"{CANVAS} .modebar-btn[data-title='Lasso Select']")
    if "active" not in (button.get_attribute("class") or ""):
        button.click()
    area = page.locator(f"{CANVAS} .draglayer .nsewdrag").first.bounding_box()
    places = [(area["x"] + area["width"] * x, area["y"] + area["height"] * y) for x, y in corners]
    if adding:
        page.keyboard.down("Shift")
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()
    if adding:
        page.keyboard.up("Shift")


def drawn_as_selected(page: Any) -> list[int]:
    """The ids of the points that stand out, read from the traces as they are drawn."""
    found: list[int] = page.evaluate(f"""document.querySelector('{CANVAS}')._fullData.flatMap((trace) =>
        [...(trace.selectedpoints ?? [])].map((row) => trace.customdata[row])).sort((a, b) => a - b)""")
    return found


def listed(page: Any) -> list[int]:
    """The ids that the server was told."""
    return [int(number) for number in re.findall(r"\d+", page.get_by_text(re.compile(r"^ids \[")).inner_text())]


LEFT = [(0.02, 0.02), (0.45, 0.02), (0.45, 0.98), (0.02, 0.98)]
RIGHT = [(0.98, 0.02), (0.7, 0.02), (0.7, 0.98), (0.98, 0.98)]


def scrub(page: Any, frame: int) -> None:
    """Move the slider and let it go, as a reader does; returns when the points are where that frame has them."""
    first = f"document.querySelector('{CANVAS}')._fullData[0].x[0]"
    before = page.evaluate(first)
    page.get_by_role("slider", name="Layer").evaluate(
        "(input, to) => { input.value = to; for (const kind of ['input', 'change']) input.dispatchEvent(new Event(kind)); }",
        frame,
    )
    page.wait_for_function(f"{first} !== {before}")


def test_a_passing_figure_has_a_slider_and_no_tools_and_the_one_that_replaces_it_has_both(
    page: Any, address: str
) -> None:
    draw(page, f"{address}?chart=passing")
    tools, slider = page.locator(f"{CANVAS} .modebar-btn"), page.locator(".st-key-chart input[type=range]")
    assert tools.count() == 0 and page.locator(f"{CANVAS} .gtitle").text_content() == "Not yet"
    whole = layout(page, "xaxis.range")
    drag(page, (0.2, 0.2), (0.8, 0.8))
    assert layout(page, "xaxis.range") == whole, "nor is it zoomed"
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.get_by_text("frame 3, 0 selected").wait_for()
    assert "chart_frame" not in page.url
    shown = page.evaluate(f"[...document.querySelector('{CANVAS}')._fullData[0].x]")
    page.get_by_text("computed", exact=True).click()
    tools.first.wait_for()
    assert slider.input_value() == "3" and page.locator(f"{CANVAS} .gtitle").count() == 0
    assert page.evaluate(f"[...document.querySelector('{CANVAS}')._fullData[0].x]") == shown
    lasso(page, LEFT)
    page.get_by_text(re.compile(r"frame 3, [1-9]\d* selected")).wait_for()
    assert page.evaluate(f"document.querySelector('{CANVAS}')._ev.listenerCount('plotly_selected')") == 1, "told once"


def test_what_is_selected_stays_the_same_points_on_every_layer(page: Any, address: str) -> None:
    draw(page, f"{address}?chart=scrubbed")
    lasso(page, LEFT)
    page.get_by_text(re.compile(r"^ids \[1")).wait_for(timeout=20_000)
    chosen = listed(page)
    assert 10 < len(chosen) < 50 and drawn_as_selected(page) == chosen
    for frame in (1, 2, 3, 4, 0):
        scrub(page, frame)
        page.wait_for_timeout(200)  # what evaluates the lasso again would have done so by now
        assert drawn_as_selected(page) == chosen, f"layer {frame}"
        assert listed(page) == chosen
    assert page.locator(f"{CANVAS} .selectionlayer path, {CANVAS} [class*=select-outline]").count() == 0, (
        "its outline is of another layer"
    )


def test_a_saved_image_has_the_selected_points_of_the_layer_on_show(page: Any, address: str) -> None:
    draw(page, f"{address}?chart=scrubbed")
    lasso(page, LEFT)
    page.get_by_text(re.compile(r"^ids \[1")).wait_for(timeout=20_000)
    scrub(page, 3)
    ids = page.evaluate(f"[...document.querySelector('{CANVAS}')._fullData[1].customdata]")
    bright = [row for row, one in enumerate(ids) if one in listed(page)]
    with page.expect_download(timeout=60_000) as download:
        page.locator(f"{CANVAS} .modebar-btn[data-title='Save as SVG']").click()
    points = re.findall(r'<path[^>]*class="point[ "][^>]*>', Path(download.value.path()).read_text())
    faint = [bool(re.search(r"[ \"]opacity: 0?\.\d", point)) for point in points]
    assert len(points) == len(ids)
    assert [row for row, one in enumerate(faint) if not one] == bright


def test_a_second_lasso_with_shift_adds_points(page: Any, address: str) -> None:
    draw(page, f"{address}?chart=scrubbed")
    lasso(page, LEFT)
    page.get_by_text(re.compile(r"^ids \[1")).wait_for(timeout=20_000)
    first = listed(page)
    scrub(page, 2)
    lasso(page, RIGHT, adding=True)
    page.wait_for_function(
        "(n) => document.body.innerText.match(/ids \\[.*\\]/)[0].split(',').length > n", arg=len(first)
    )
    assert set(first) < set(listed(page)) and drawn_as_selected(page) == listed(page)
    lasso(page, RIGHT)
    page.wait_for_function(
        "(n) => document.body.innerText.match(/ids \\[.*\\]/)[0].split(',').length < n", arg=len(first)
    )
    assert not set(first) <= set(listed(page)) and drawn_as_selected(page) == listed(page)


def test_a_double_click_lets_the_selection_go(page: Any, address: str) -> None:
    draw(page, f"{address}?chart=scrubbed")
    lasso(page, LEFT)
    page.get_by_text(re.compile(r"^ids \[1")).wait_for(timeout=20_000)
    scrub(page, 1)
    area = page.locator(f"{CANVAS} .draglayer .nsewdrag").first.bounding_box()
    page.mouse.dblclick(area["x"] + area["width"] * 0.5, area["y"] + area["height"] * 0.5)
    page.get_by_text("ids []").wait_for(timeout=20_000)
    assert drawn_as_selected(page) == []


def test_a_click_chooses_one_point(page: Any, address: str) -> None:
    draw(page, address)
    place = page.evaluate(f"""() => {{
        const canvas = document.querySelector('{CANVAS}'), {{xaxis, yaxis}} = canvas._fullLayout;
        const {{x, y}} = canvas._fullData[1], box = canvas.getBoundingClientRect();
        return [box.left + xaxis._offset + xaxis.d2p(x[5]), box.top + yaxis._offset + yaxis.d2p(y[5])];
    }}""")
    page.mouse.move(*place)
    page.wait_for_timeout(200)
    page.mouse.click(*place)
    page.get_by_text("selected 1: [105]").wait_for(timeout=20_000)


def test_a_click_on_a_cell_says_which(page: Any, address: str) -> None:
    draw(page, f"{address}?chart=cells")
    area = page.locator(f"{CANVAS} .draglayer .nsewdrag").first.bounding_box()
    page.mouse.move(area["x"] + area["width"] * 0.625, area["y"] + area["height"] * 0.875)
    page.wait_for_timeout(200)
    page.mouse.click(area["x"] + area["width"] * 0.625, area["y"] + area["height"] * 0.875)
    page.get_by_text("cell (0, 2)").wait_for(timeout=20_000)
    box = layout(page, "shapes[0]")
    assert (box["x0"], box["x1"], box["y0"], box["y1"]) == (1.5, 2.5, -0.5, 0.5)


def test_scrubbing_moves_the_points_without_the_server(page: Any, address: str) -> None:
    draw(page, f"{address}?chart=frames")
    page.get_by_text("frame 0, runs 0").wait_for()
    slider = page.get_by_role("slider", name="Layer")
    slider.evaluate("(input) => { input.value = 2; input.dispatchEvent(new Event('input')); }")
    page.get_by_text("caption layer 2").wait_for()
    page.wait_for_function(f"document.querySelector('{CANVAS}')._fullData[0].x[0] >= 20")
    assert page.evaluate(f"document.querySelector('{CANVAS}')._fullData[0].x[0]") < 30
    assert page.get_by_text("frame 0, runs 0").is_visible()
    slider.evaluate("(input) => input.dispatchEvent(new Event('change'))")
    page.get_by_text("frame 2, runs 1").wait_for()
    change_data(page)
    assert 20 <= page.evaluate(f"document.querySelector('{CANVAS}')._fullData[0].x[0]") < 30


def test_linked_charts_follow_one_slider(page: Any, address: str) -> None:
    draw(page, f"{address}?chart=linked")
    page.wait_for_selector(".st-key-other .embedscope-plot[data-drawn='1']", timeout=60_000)
    shown = """document.querySelector('.st-key-other .embedscope-canvas')._fullData
        .map((trace) => [...trace.x].filter((value) => !Number.isNaN(value)).length)"""
    assert page.evaluate(shown) == [0, 9]
    assert page.get_by_role("slider").count() == 1
    slider = page.get_by_role("slider", name="Step")
    slider.evaluate("(input) => { input.value = 4; input.dispatchEvent(new Event('input')); }")
    page.get_by_text("caption 4").wait_for()
    page.wait_for_function(f"({shown})[0] === 4")
    assert page.evaluate(shown) == [4, 5]
    assert layout(page, "shapes[0].x0") == 4
    assert page.get_by_text("frame 0").is_visible()
    slider.evaluate("(input) => input.dispatchEvent(new Event('change'))")
    page.get_by_text("frame 4").wait_for()
    assert (page.evaluate(shown), layout(page, "shapes[0].x0")) == ([4, 5], 4)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_is_followed(page: Any, address: str, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    draw(page, address)
    text = page.evaluate(
        "getComputedStyle(document.querySelector('.embedscope-plot')).getPropertyValue('--st-text-color')"
    )
    assert layout(page, "font.color") == text.strip()
    brightness = sum(
        int(part)
        for part in re.findall(
            r"\d+",
            page.evaluate(f"""() => {{
        const probe = document.createElement('i'); probe.style.color = '{text.strip()}'; document.body.append(probe);
        return getComputedStyle(probe).color;
    }}"""),
        )[:3]
    )
    assert (brightness > 384) == (scheme == "dark")


def test_a_change_of_theme_recolours_and_keeps_the_zoom(page: Any, address: str) -> None:
    page.emulate_media(color_scheme="light")
    draw(page, address)
    light = layout(page, "font.color")
    drag(page, (0.3, 0.3), (0.6, 0.7))
    page.wait_for_function(f"document.querySelector('{CANVAS}')._fullLayout.xaxis.autorange === false")
    zoomed = layout(page, "xaxis.range")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"document.querySelector('{CANVAS}')._fullLayout.font.color !== '{light}'")
    assert layout(page, "xaxis.range") == zoomed


def test_the_chart_fits_a_narrow_window_and_has_a_description(page: Any, address: str) -> None:
    draw(page, address)
    assert page.get_by_role("figure", name="Two hundred points").is_visible()
    page.set_viewport_size({"width": 420, "height": 800})
    page.wait_for_function(f"document.querySelector('{CANVAS}')._fullLayout.width < 420")


@pytest.mark.parametrize("form", ["SVG", "PNG"])
def test_the_mode_bar_saves_an_image(page: Any, address: str, form: str) -> None:
    draw(page, address)
    with page.expect_download(timeout=60_000) as download:
        page.locator(f"{CANVAS} .modebar-btn[data-title='Save as {form}']").click()
    saved = Path(download.value.path()).read_bytes()
    assert saved.startswith(b"<svg" if form == "SVG" else b"\x89PNG")


def test_nothing_is_fetched_from_elsewhere(page: Any, address: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    draw(page, address)
    assert any("/app/static/plotly-" in url for url in asked)
    assert [url for url in asked if not url.startswith((address, "blob:", "data:"))] == []


def test_no_button_offers_to_send_the_figure_away(page: Any, address: str) -> None:
    draw(page, address)
    titles = page.locator(".modebar-btn").evaluate_all("(buttons) => buttons.map((button) => button.dataset.title)")
    assert "Save as SVG" in titles
    assert not [title for title in titles if "hare" in title or "loud" in title or "tudio" in title]
