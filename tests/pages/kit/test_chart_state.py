"""What charts add to the View: rows and frames in the words of an address."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages._kit.state.chart_state import MOST_IDS, _cell, spell_rows, spelled_rows
from tests.pages.browser import streamlit_server, unless_there_is_a_browser


@given(st.sets(st.integers(0, 10**6), max_size=200))
def test_rows_are_spelled_and_read_back(rows: set[int]) -> None:
    assert spelled_rows(spell_rows(sorted(rows))) == tuple(sorted(rows))


def test_neighbouring_rows_take_little_room() -> None:
    assert spell_rows([3, 4, 5, 6, 7, 12]) == "3-7.12"
    assert spell_rows([]) == "" and spelled_rows("") == ()


@pytest.mark.parametrize("word", ["x", "1-", "-4", "9" * 30, "٣", "7-3", "1,2", "<b>"])
def test_what_is_no_row_is_passed_over(word: str) -> None:
    assert spelled_rows(word) == ()


def test_an_address_cannot_ask_for_more_rows_than_there_can_be() -> None:
    assert len(spelled_rows("0-999999999")) == MOST_IDS
    assert len(spelled_rows(".".join(["0-999999999"] * 50))) == MOST_IDS


@pytest.mark.parametrize("word", ["", "1.2", "1.2.3.4", "a.b.c", "-1.2.3", "1.2.99999999"])
def test_what_is_no_cell_is_none(word: str) -> None:
    assert _cell(word) is None
    assert _cell("0.3.4") == (0, 3, 4)


@pytest.mark.e2e
@unless_there_is_a_browser()
def test_a_long_selection_is_found_by_its_digest_and_one_that_is_gone_is_said(chromium: Any, tmp_path: Path) -> None:
    with streamlit_server(Path(__file__).with_name("link_app.py"), tmp_path) as address:
        first = chromium.new_context().new_page()
        first.goto(address)
        first.locator(".embedscope-plot[data-drawn='1']").wait_for(timeout=60_000)
        area = first.locator(".nsewdrag").first.bounding_box()
        first.mouse.move(area["x"] + 5, area["y"] + 5)
        first.mouse.down()
        first.mouse.move(area["x"] + area["width"] / 2, area["y"] + area["height"] - 5, steps=6)
        first.mouse.up()
        first.wait_for_url(lambda url: "chart_points=kept-" in url)
        link, said = first.url, first.get_by_text("of them:").inner_text()
        assert len(link) < 200 and int(said.split()[0]) > 100
        first.context.close()
        second = chromium.new_context().new_page()
        second.goto(link)
        second.get_by_text(said, exact=True).wait_for(timeout=60_000)
        assert second.url == link and second.locator("[data-testid=stAlert]").count() == 0
        second.context.close()
    shutil.rmtree(tmp_path / "cache")
    with streamlit_server(Path(__file__).with_name("link_app.py"), tmp_path) as address:
        third = chromium.new_context().new_page()
        third.goto(address + link[link.index("/", len("http://")) :])
        third.get_by_text("The selection of this link is no longer stored here").wait_for(timeout=60_000)
        third.get_by_text("0 of them: 0", exact=True).wait_for()
        third.context.close()
