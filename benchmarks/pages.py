"""Pages with a stored result: the settled rerun, and opening one against a bare Streamlit page that draws the same figure.

A rerun is that of the key "r", as of a widget that changes nothing in the work: measured around the script in the dashboard's own process (with
what Streamlit collects after it), and in the browser from the key until the page says that its script has ended. Opening is a new
session in a browser that has been here before, from the address to the painted figure; both sides take turns. Needs a
Chromium (``EMBEDSCOPE_CHROMIUM``, default /usr/bin/chromium) and playwright. The targets, on an idle machine: 150 ms; 1.2 times.
"""

import json
import os
import re
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from backend.settings import PROJECT
from benchmarks.clicks import CHROMIUM
from benchmarks.timed_dashboard import RUNS

PORT, SERVICE_PORT, BARE_PORT = 8576, 8676, 8577
RERUNS, OPENS = 8, 6
# A page and the key of its figure that is compared, where one is
PAGES = {
    "similarity": "similarity_",
    "rogue": "rogue_layer",
    "components": "components_spectrum",
    "threshold": "",
    "ablation": "",
    "texts": "",
    "jobs": "",
}
DRAWING = ("threshold", "ablation")
BARE = """
import plotly.io
import streamlit as st

st.set_page_config(layout="wide")
name = st.query_params["figure"]
with open(f"{name}.json") as file:
    figure = plotly.io.from_json(file.read())
st.plotly_chart(figure, key="bare", height=figure.layout.height)
"""
SETTLED = "document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'"
DRAWN = """key => [...document.querySelectorAll(`[class*="st-key-${key}"] .js-plotly-plot`)].some(
    one => one.calcdata?.length && one.querySelector('.main-svg'))"""
PAINTED = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
# From the key to the end of the script that it runs; the state is first "rerunRequested"
LISTEN = """() => { window.took = new Promise(done => {
    const app = document.querySelector('[data-testid=stApp]');
    let start;
    addEventListener('keydown', () => { start = performance.now(); }, {once: true, capture: true});
    new MutationObserver((_, observer) => {
        if (start === undefined || app.dataset.testScriptState !== 'notRunning') return;
        observer.disconnect();
        done(performance.now() - start);
    }).observe(app, {attributes: true, attributeFilter: ['data-test-script-state']});
}); }"""


def main() -> None:
    """Print medians, ratios, and the load of the machine."""
    if not Path(CHROMIUM).exists():
        print(f"pages: skipped, there is no Chromium at {CHROMIUM}")
        return
    from playwright.sync_api import sync_playwright

    print(f"load of the machine at the start: {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--no-first-run"])
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.set_default_timeout(300_000)
        with _ours(folder), _bare(folder):
            for page, key in PAGES.items():
                _prepare(context, page, key)
                _say_reruns(context, folder, page)
                if key:
                    _say_opens(context, page, _whole_key(folder, key))
        browser.close()
    print(f"load of the machine at the end: {os.getloadavg()[0]:.1f}")


def _prepare(context: Any, page: str, key: str) -> None:
    """Have the results of a page stored."""
    tab = context.new_page()
    tab.goto(_address(page))
    tab.wait_for_function(SETTLED)
    if key or page in DRAWING:
        tab.locator("[class*='_run'] button, .js-plotly-plot").first.wait_for()
        tab.wait_for_function(SETTLED)
        if tab.locator("[class*='_run'] button").count():
            tab.locator("[class*='_run'] button").first.click()
        tab.locator(".js-plotly-plot").first.wait_for()
        tab.wait_for_function(SETTLED)
        tab.wait_for_timeout(2000)
    tab.close()


def _say_reruns(context: Any, folder: Path, page: str) -> None:
    tab = context.new_page()
    tab.goto(_address(page))
    tab.wait_for_function(SETTLED)
    tab.wait_for_timeout(3000)
    seen, runs = [], []
    for _ in range(RERUNS):
        before = len(_runs(folder))
        tab.evaluate(LISTEN)
        tab.keyboard.press("r")
        seen.append(float(tab.evaluate("() => window.took")))
        tab.wait_for_timeout(300)
        runs += _runs(folder)[before:]
    tab.close()
    clock, processor = (statistics.median(run[what] for run in runs) for what in ("clock", "processor"))
    met = "met" if clock <= 150 else "missed"
    print(
        f"{page}: rerun in the process {clock:.0f} ms ({met}: 150), {processor:.0f} ms of processor time;"
        f" in the browser {statistics.median(seen):.0f} ms",
        flush=True,
    )


def _say_opens(context: Any, page: str, key: str) -> None:
    ours, bare = [], []
    for turn in range(OPENS + 1):
        pair = _open(context, _address(page), key), _open(context, _bare_address(key), "bare")
        if turn:  # the first compiles the scripts
            ours.append(pair[0])
            bare.append(pair[1])
    mine, other = statistics.median(ours), statistics.median(bare)
    ratio = statistics.median(one / two for one, two in zip(ours, bare, strict=True))
    met = "met" if ratio <= 1.2 else "missed"
    print(
        f"{page}: opened to figure in {mine:.0f} ms, the bare page in {other:.0f} ms,"
        f" median of the pairs {ratio:.2f} ({met}: 1.2)",
        flush=True,
    )


def _open(context: Any, address: str, key: str) -> float:
    """Milliseconds from the address to the painted figure, in a session of its own."""
    tab = context.new_page()
    start = time.perf_counter()
    tab.goto(address, wait_until="commit")
    tab.wait_for_function(DRAWN, arg=re.sub(r"[^\w-]", "-", key), polling="raf")  # as Streamlit makes a class of a key
    tab.evaluate(PAINTED)
    took = 1e3 * (time.perf_counter() - start)
    tab.wait_for_function(SETTLED)
    tab.close()
    return took


def _address(page: str) -> str:
    return f"http://127.0.0.1:{PORT}/{page}"


def _bare_address(key: str) -> str:
    return f"http://127.0.0.1:{BARE_PORT}/?figure={quote(key)}"


def _whole_key(folder: Path, beginning: str) -> str:
    return next(path.stem for path in sorted(folder.glob(f"{beginning}*.json")))


def _runs(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / RUNS).read_text().splitlines()]


@contextmanager
def _ours(folder: Path) -> Iterator[None]:
    """The service, and the dashboard with its clock; what is quick does not start by itself."""
    environment = {
        **os.environ,
        "EMBEDSCOPE_CACHE": str(folder / "cache"),
        "EMBEDSCOPE_SERVICE_PORT": str(SERVICE_PORT),
        "EMBEDSCOPE_BACKEND": f"http://127.0.0.1:{SERVICE_PORT}",
        "EMBEDSCOPE_START_SECONDS": "0",
        "EMBEDSCOPE_TOKEN": secrets.token_hex(16),
    }
    service = [sys.executable, "-m", "backend", "serve"]
    dashboard = [sys.executable, "-m", "benchmarks.timed_dashboard", str(folder), *_options(PORT)]
    with (
        _started(service, PROJECT, environment, SERVICE_PORT),
        _started(dashboard, PROJECT, environment, PORT),
    ):
        yield


@contextmanager
def _bare(folder: Path) -> Iterator[None]:
    (folder / "bare.py").write_text(BARE)
    command = [sys.executable, "-m", "streamlit", "run", "bare.py", *_options(BARE_PORT)]
    with _started(command, folder, dict(os.environ), BARE_PORT):
        yield


def _options(port: int) -> list[str]:
    options = {"server.port": port, "server.address": "127.0.0.1", "server.headless": "true"}
    options |= {"server.fileWatcherType": "none", "browser.gatherUsageStats": "false"}
    return [f"--{name}={value}" for name, value in options.items()]


@contextmanager
def _started(command: list[str], folder: Path, environment: dict[str, str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    try:
        _wait_for_port(port)
        yield
    finally:
        process.terminate()
        process.wait()


def _wait_for_port(port: int) -> None:
    """Wait until something listens; raises TimeoutError after two minutes."""
    for _ in range(1200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(f"Nothing listens on port {port}.")


if __name__ == "__main__":
    main()
