"""What a page does when the service or the dashboard dies behind it: it says so, and comes back by itself."""

import time
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import expect

SOON = 60_000  # milliseconds; two cores are shared


def _killed(folder: Path, word: str) -> None:
    for process in psutil.process_iter():
        try:
            if process.environ().get("EMBEDSCOPE_CACHE") == str(folder / "cache") and word in process.cmdline():
                process.kill()
        except psutil.Error:
            continue


def test_a_page_says_that_the_service_is_gone_and_comes_back_with_what_was_chosen(
    address: str, folder: Path, tab: Any
) -> None:
    tab.goto(f"{address}/jobs?model=minilm&pooling=cls")
    heading = tab.get_by_role("heading", name="Jobs")
    expect(heading).to_be_visible(timeout=SOON)
    _killed(folder, "serve")
    tab.get_by_text("Also show look-ups").click()
    expect(tab.get_by_text("cannot be reached")).to_be_visible(timeout=SOON)
    expect(tab.get_by_text("This page goes on by itself")).to_be_visible(timeout=SOON)
    tab.screenshot(path=str(folder / "lost.png"))
    expect(heading).to_be_visible(timeout=SOON)
    expect(tab.get_by_text("cannot be reached")).to_have_count(0, timeout=SOON)
    assert "pooling=cls" in tab.url
    expect(tab.get_by_text("Also show look-ups")).to_be_visible(timeout=SOON)


def test_a_page_comes_back_when_the_dashboard_was_killed(address: str, folder: Path, tab: Any) -> None:
    tab.goto(f"{address}/jobs?model=minilm&pooling=cls")
    heading = tab.get_by_role("heading", name="Jobs")
    expect(heading).to_be_visible(timeout=SOON)
    with tab.expect_websocket(timeout=SOON):
        _killed(folder, "pages._kit.launch")
    deadline = time.monotonic() + SOON / 1000
    while "jobs_small" not in tab.url and time.monotonic() < deadline:  # a click is lost while nobody is there
        tab.get_by_text("Also show look-ups").click()
        tab.wait_for_timeout(4000)
    expect(heading).to_be_visible(timeout=SOON)
    assert "pooling=cls" in tab.url and "jobs_small" in tab.url
