"""Addresses: a cold deep link to any page has the sidebar, and the shared choice lives in the URL."""

import re
from pathlib import Path
from urllib.parse import urlencode, urlparse

import pytest

from tests.e2e import looking
from tests.e2e.stack import running


@pytest.mark.slow
def test_a_deep_link_on_a_cold_server_shows_the_sidebar(tmp_path: Path, tab) -> None:
    with running(tmp_path) as cold:
        tab.goto(f"{cold}/similarity")
        assert looking.chosen(tab, "texts") == "sentiment"
        assert looking.linked(tab) == list(looking.PAGES)
        assert looking.heading(tab).inner_text() == "Similarity"
        looking.opened(tab, "Similarity")
        assert tab.get_by_role("dialog").count() == 0, "Streamlit says 'Page not found' over the page"


@pytest.mark.parametrize("title", looking.PAGES)
def test_each_page_opens_by_its_own_address_and_asks_no_server_elsewhere(address: str, tab, title: str) -> None:
    asked: set[str | None] = set()
    tab.on("request", lambda request: asked.add(urlparse(request.url).hostname))
    tab.goto(f"{address}/{looking.PAGES[title]}")
    assert looking.chosen(tab, "model") == "minilm"
    looking.opened(tab, title)
    assert tab.locator("[data-testid=stException]").count() == 0
    assert asked - {None} == {"127.0.0.1"}
    assert tab.title() == f"{title} · Embedscope"


def test_the_overview_answers_by_its_name_too_and_keeps_the_choice(address: str, tab) -> None:
    tab.goto(f"{address}/overview?texts=topics&model=minilm&model=nobody/none&seed=4")
    tab.wait_for_url(lambda url: "/overview" not in url and "texts=topics" in url and "seed=4" in url)
    looking.opened(tab, "Overview")
    assert looking.heading(tab).inner_text() == "Overview"
    assert looking.chosen(tab, "texts") == "topics"
    assert looking.chosen(tab, "model") == "minilm+nobody/none"
    assert tab.get_by_role("dialog").count() == 0, "Streamlit says 'Page not found' over the page"
    assert looking.linked(tab) == list(looking.PAGES)


def test_the_choice_survives_page_changes_and_a_reload_and_is_in_the_url(address: str, tab) -> None:
    tab.goto(f"{address}/models")
    looking.opened(tab, "Models")
    looking.pick(tab, "texts", "topics")
    tab.wait_for_url(re.compile("texts=topics"))
    tab.locator(".st-key-pooling").get_by_role("radio", name="last").click()
    tab.wait_for_url(re.compile("pooling=last"))
    tab.locator(".st-key-layers input").fill("0-2, 6")
    tab.keyboard.press("Enter")
    tab.wait_for_url(re.compile("layers="))
    looking.go(tab, "Jobs")
    tab.wait_for_url(re.compile("/jobs.*texts=topics"))
    tab.reload()
    assert looking.chosen(tab, "texts") == "topics"
    assert looking.chosen(tab, "pooling") == "last"
    assert looking.chosen(tab, "layers") == "0-2, 6"
    looking.go(tab, "Rogue")
    assert looking.chosen(tab, "texts") == "topics"


def test_a_link_carries_the_choice_to_another_session(address: str, tab) -> None:
    tab.goto(f"{address}/texts?texts=general&pooling=cls&layers=0-3&seed=7&model=minilm")
    assert looking.chosen(tab, "texts") == "general"
    assert looking.chosen(tab, "pooling") == "cls"
    assert looking.chosen(tab, "layers") == "0-3"
    assert looking.chosen(tab, "seed") == "7"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_local_model_shows_the_end_of_its_path(address: str, chromium, local_models: list[str], scheme: str) -> None:
    tab = chromium.new_page(viewport={"width": 1360, "height": 900}, color_scheme=scheme)
    tab.goto(f"{address}/models?{urlencode({'model': ['minilm', *local_models]}, doseq=True)}")
    looking.opened(tab, "Models")
    for path in local_models:
        chip = tab.locator(f".react-aria-ComboBox [data-tag] > span[title='{path}']")
        seen = """chip => {
            const text = [...chip.childNodes].find(node => node.nodeType === Node.TEXT_NODE), edge = chip.getBoundingClientRect();
            const place = i => { const r = document.createRange(); r.setStart(text, i); r.setEnd(text, i + 1); return r.getBoundingClientRect(); };
            const seen = i => place(i).left >= edge.left - 1 && place(i).right <= edge.right + 1;
            return [seen(0), seen(text.length - 12), seen(text.length - 1), place(0).left < place(text.length - 1).left];
        }"""
        for _ in range(60):  # the style sheet may come after the chips
            inside = chip.evaluate(seen)
            if inside == [False, True, True, True]:
                break
            tab.wait_for_timeout(500)
        assert inside == [False, True, True, True], "its beginning is cut, its end is seen, and it reads from the left"
    assert looking.chosen(tab, "model").startswith("minilm")
    tab.close()


def test_models_from_a_link_and_from_buttons_stay_in_the_url_and_out_of_the_log(
    address: str, tab, folder: Path, local_models: list[str]
) -> None:
    tab.goto(f"{address}/models?{urlencode({'model': ['minilm', local_models[0]]}, doseq=True)}")
    looking.opened(tab, "Models")
    tab.get_by_role("tab", name="Look up a name").click()
    tab.locator(".st-key-models_name input").fill(local_models[1])
    tab.keyboard.press("Enter")
    tab.locator(".st-key-models_add button").click()
    tab.wait_for_url(re.compile("second-of-two"))
    tab.locator(".st-key-models_use button").click()
    tab.wait_for_url(lambda url: "first-of-two" not in url and "second-of-two" in url)
    looking.go(tab, "Jobs")
    assert looking.chosen(tab, "model") == local_models[1]
    looking.go(tab, "Texts")
    looking.pick(tab, "texts_shown", "topics")
    tab.locator(".st-key-texts_use button").click()
    tab.wait_for_url(re.compile("texts=topics"))
    tab.reload()
    assert looking.chosen(tab, "model") == local_models[1]
    assert looking.chosen(tab, "texts") == "topics"
    assert "default value" not in (folder / "up.log").read_text(), "Streamlit warns of a widget with two first values"


def test_a_hostile_link_is_answered_with_words(address: str, tab) -> None:
    tab.goto(
        f"{address}/rogue?texts=%3Cimg+src%3Dx+onerror%3Dalert(1)%3E&pooling=evil&seed=-5&layers=9-1"
        "&model=..%2F..%2Fetc&label=__class__"
    )
    sidebar = tab.locator("[data-testid=stSidebar]")
    tab.get_by_text("which does not exist here").wait_for()
    assert looking.chosen(tab, "texts") == "sentiment"
    assert looking.chosen(tab, "pooling") == "mean"
    assert looking.chosen(tab, "seed") == "0"
    sidebar.get_by_text("'9-1' cannot be read").wait_for()
    sidebar.locator(".st-key-model_0_problem").wait_for()
    assert tab.locator("img[src=x]").count() == 0
    assert tab.locator("[data-testid=stException]").count() == 0
    assert "Traceback" not in tab.locator("body").inner_text()
