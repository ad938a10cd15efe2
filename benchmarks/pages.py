"""A page with a stored result, from the click in the menu to the drawn figure, against a bare page with the same figure.

And the settled rerun of such a page, by its key "r". Needs a Chromium (``EMBEDSCOPE_CHROMIUM``, default
/usr/bin/chromium) and playwright. The targets: at most 1.2 times the bare page; a rerun within 150 ms on an idle machine.
"""

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from backend.settings import PROJECT
from benchmarks.clicks import CHROMIUM, follow, wait_for

PORT, SERVICE_PORT, BARE_PORT = 8572, 8672, 8573
TURNS, RERUNS = 15, 30
FIGURES = "figures.json"
BARE = f"""
import json
import plotly.graph_objects as go
import streamlit as st

def there():
    st.title("There")

def here():
    for place, figure in enumerate(json.load(open("{FIGURES}"))):
        st.plotly_chart(go.Figure(figure), key=str(place), height=figure["layout"].get("height", 450))

st.set_page_config(layout="wide")
pages = {{
    "Data": [st.Page(there, title="There", url_path="there"), st.Page(lambda: None, title="Other", url_path="other")],
    "Geometry": [st.Page(here, title="Here", url_path="here"), st.Page(lambda: None, title="More", url_path="more")],
}}
st.navigation(pages, position="top").run()
"""
# What is drawn, with the numbers of typed arrays as lists
AS_JSON = """() => JSON.stringify([...document.querySelectorAll('.js-plotly-plot')].map(
    gd => ({data: gd.data, layout: gd.layout})),
    (key, value) => key.startsWith('_') ? undefined : ArrayBuffer.isView(value) ? Array.from(value) : value)"""
SETTLED = "document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'"
RUNS = """() => { window.runs = 0; new MutationObserver(() => {
    if (document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning') window.runs += 1;
}).observe(document.querySelector('[data-testid=stApp]'), {attributes: true, attributeFilter: ['data-test-script-state']}) }"""


def main() -> None:
    """Print the medians of both sides, their ratio, and the rerun."""
    if not Path(CHROMIUM).exists():
        print(f"pages: skipped, there is no Chromium at {CHROMIUM}")
        return
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--no-first-run"])
        with _ours(folder), _bare(folder):
            for name, link in (("Rogue dimensions", "rogue"), ("Similarity (CKA)", "similarity")):
                _compare(browser, Path(folder), name, link)
        browser.close()


def _compare(browser: Any, folder: Path, name: str, link: str) -> None:
    tab = browser.new_page(viewport={"width": 1280, "height": 800})
    tab.goto(f"http://127.0.0.1:{PORT}/{link}")
    either = tab.locator("[class*='_run'] button, .js-plotly-plot .main-svg").first
    either.wait_for(timeout=300_000)
    if not tab.locator(".js-plotly-plot .main-svg").count():
        tab.locator("[class*='_run'] button").first.click()
    tab.locator(".js-plotly-plot .main-svg").first.wait_for(timeout=300_000)
    tab.wait_for_function(SETTLED)
    (folder / FIGURES).write_text(tab.evaluate(AS_JSON))
    bare = browser.new_page(viewport={"width": 1280, "height": 800})
    bare.goto(f"http://127.0.0.1:{BARE_PORT}/there")
    ours, theirs = [], []
    for _ in range(TURNS):
        ours.append(_visit(tab, ("Data", "Texts"), ("Geometry", name)))
        theirs.append(_visit(bare, ("Data", "There"), ("Geometry", "Here")))
    middle, other = statistics.median(ours[2:]), statistics.median(theirs[2:])
    met = "met" if middle <= 1.2 * other else "missed"
    print(f"{link}: click to figure {middle:.0f} ms, bare page {other:.0f} ms: {middle / other:.2f} times ({met}: 1.2)")
    for title, page in (("rerun", tab), ("rerun of the bare page", bare)):
        times = _reruns(page)
        print(
            f"{link}: {title} median {statistics.median(times):.0f} ms, longest {max(times):.0f} ms (150)", flush=True
        )
    tab.close()
    bare.close()


def _visit(tab: Any, away: tuple[str, str], back: tuple[str, str]) -> float:
    """Milliseconds from the click on a link in the menu to the page's first drawn figure."""
    follow(tab, *away)
    tab.wait_for_function("!document.querySelector('.js-plotly-plot')")
    tab.wait_for_function(SETTLED)
    tab.wait_for_timeout(300)
    start = follow(tab, *back)
    tab.locator(".js-plotly-plot .main-svg").first.wait_for(timeout=30_000)
    took = 1e3 * (time.perf_counter() - start)
    tab.wait_for_function(SETTLED)
    return took


def _reruns(tab: Any) -> list[float]:
    """Milliseconds from the key "r" until the script of the page has run again."""
    tab.evaluate(RUNS)
    times = []
    for _ in range(RERUNS):
        tab.wait_for_timeout(200)
        before = tab.evaluate("window.runs")
        start = time.perf_counter()
        tab.keyboard.press("r")
        tab.wait_for_function("before => window.runs > before", arg=before)
        times.append(1e3 * (time.perf_counter() - start))
    return times


@contextmanager
def _ours(folder: str) -> Iterator[None]:
    ports = {"EMBEDSCOPE_PORT": str(PORT), "EMBEDSCOPE_SERVICE_PORT": str(SERVICE_PORT)}
    environment = {**os.environ, "EMBEDSCOPE_CACHE": folder, **ports}
    with _started([sys.executable, "-m", "backend", "up"], PROJECT, PORT, environment):
        yield


@contextmanager
def _bare(folder: str) -> Iterator[None]:
    script = Path(folder) / "bare.py"
    script.write_text(BARE)
    options = {"server.port": BARE_PORT, "server.address": "127.0.0.1", "server.headless": "true"}
    options |= {"server.fileWatcherType": "none", "browser.gatherUsageStats": "false"}
    command = [sys.executable, "-m", "streamlit", "run", script.name]
    command += [f"--{name}={value}" for name, value in options.items()]
    with _started(command, Path(folder), BARE_PORT, dict(os.environ)):
        yield


@contextmanager
def _started(command: list[str], folder: Path, port: int, environment: dict[str, str]) -> Iterator[None]:
    app = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(f"http://127.0.0.1:{port}/_stcore/health")
        yield
    finally:
        app.send_signal(signal.SIGINT)
        app.wait()


if __name__ == "__main__":
    main()
