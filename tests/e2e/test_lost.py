"""What a page does when the service or the dashboard dies behind it: it says so, and comes back by itself."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import TimeoutError, expect

SOON = 60_000  # milliseconds; two cores are shared


def _of(folder: Path, word: str) -> list[psutil.Process]:
    """The processes of this instance with ``word`` in their command."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("EMBEDSCOPE_CACHE") == str(folder / "cache") and word in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return found


@contextmanager
def _killed(folder: Path, word: str) -> Iterator[None]:
    """Kill a process; within this block nobody starts it again."""
    (whole,) = _of(folder, "up")
    whole.suspend()
    try:
        for process in _of(folder, word):
            process.kill()
        yield
    finally:
        whole.resume()


def test_a_page_says_that_the_service_is_gone_and_comes_back_with_what_was_chosen(
    address: str, folder: Path, tab: Any
) -> None:
    tab.goto(f"{address}/jobs?model=minilm&pooling=cls")
    heading = tab.get_by_role("heading", name="Jobs")
    expect(heading).to_be_visible(timeout=SOON)
    with _killed(folder, "serve"):
        with suppress(TimeoutError):  # where a job worked, the page has noticed by itself, and the switch is gone
            tab.get_by_text("Also show look-ups").click(timeout=5000)
        expect(tab.get_by_text("cannot be reached")).to_be_visible(timeout=SOON)
        expect(tab.get_by_text("This page goes on by itself")).to_be_visible(timeout=SOON)
    expect(heading).to_be_visible(timeout=SOON)
    expect(tab.get_by_text("cannot be reached")).to_have_count(0, timeout=SOON)
    assert "pooling=cls" in tab.url
    expect(tab.get_by_text("Also show look-ups")).to_be_visible(timeout=SOON)


def test_a_page_comes_back_when_the_dashboard_was_killed(address: str, folder: Path, tab: Any) -> None:
    tab.goto(f"{address}/jobs?model=minilm&pooling=cls")
    heading = tab.get_by_role("heading", name="Jobs")
    expect(heading).to_be_visible(timeout=SOON)
    with tab.expect_websocket(timeout=SOON), _killed(folder, "pages._kit.launch"):
        pass
    deadline = time.monotonic() + SOON / 1000
    while "jobs_small" not in tab.url and time.monotonic() < deadline:  # a click is lost while nobody is there
        tab.get_by_text("Also show look-ups").click()
        tab.wait_for_timeout(4000)
    expect(heading).to_be_visible(timeout=SOON)
    assert "pooling=cls" in tab.url and "jobs_small" in tab.url
