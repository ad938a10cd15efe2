"""A Streamlit server on a free port and a Chromium to look at it, for tests that need real rendering."""

import atexit
import functools
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = os.environ.get("EMBEDSCOPE_CHROMIUM", "/usr/bin/chromium")
FLAGS = (
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-gpu-rasterization",  # text and boxes by the processor itself: through a GPU made of software they take longer
    "--disable-gpu-compositing",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def needed() -> list[Any]:
    """The marks of a test that looks at a page in a browser: e2e, and skipped with the reason where there is none."""
    return [pytest.mark.e2e, unless_there_is_a_browser()]


def unless_there_is_a_browser() -> Any:  # pytest's mark
    """Skips a test, with the reason, where there is no browser."""
    reason = chromium_missing()
    return pytest.mark.skipif(bool(reason), reason=f"browser tests skipped: {reason}")


def chromium_missing() -> str:
    """Why there can be no browser test here; empty where there can."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "playwright is not installed"
    return "" if Path(CHROMIUM).exists() else f"no Chromium at {CHROMIUM}"


@contextmanager
def streamlit_server(script: Path, folder: Path) -> Iterator[str]:
    """Serve ``script`` from ``folder`` (its static files land there) and yield the address."""
    app = folder / script.name
    app.write_bytes(script.read_bytes())
    (folder / "static").mkdir(exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {
        "server.port": port,
        "server.address": "127.0.0.1",
        "server.headless": "true",
        "server.enableStaticServing": "true",
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
    }
    arguments = [f"--{name}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "streamlit", "run", app.name, *arguments]
    with (folder / "server.log").open("wb") as log:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        _await_health(server, f"http://127.0.0.1:{port}", folder / "server.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)


def _await_health(server: "subprocess.Popen[bytes]", address: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"The server did not start:\n{log.read_text()}")


@contextmanager
def tab(chromium: Any, **options: Any) -> Iterator[Any]:
    """A new tab, and so a new session, in a context with these options; fails when a script in it raised.

    Tabs of equal options share a context: what the browser has compiled of Streamlit and Plotly is compiled once.
    Cookies and what pages have stored end with the tab.
    """
    context = _context(chromium, tuple(sorted((name, repr(value)) for name, value in options.items())), options)
    page = context.new_page()
    raised: list[str] = []
    page.on("pageerror", lambda error: raised.append(str(error)))
    yield page
    if not page.is_closed():
        if page.url.startswith("http"):
            page.evaluate("localStorage.clear()")
        page.close()
    context.clear_cookies()
    assert not raised, raised


_CONTEXTS: dict[object, Any] = {}


def _context(chromium: Any, key: object, options: dict[str, Any]) -> Any:
    if (id(chromium), key) not in _CONTEXTS:
        _CONTEXTS[id(chromium), key] = chromium.new_context(**options)
    return _CONTEXTS[id(chromium), key]


_LAUNCHED: list[Any] = []


def browser() -> Any:  # playwright's browser, whose types are there only with it
    """A headless Chromium that can draw WebGL in software: one a process, for every file of tests, until it ends."""
    if not _LAUNCHED or not _LAUNCHED[-1].is_connected():
        _LAUNCHED[:] = [_playwright().chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))]
    return _LAUNCHED[-1]


@functools.cache
def _playwright() -> Any:
    from playwright.sync_api import sync_playwright

    playwright = sync_playwright().start()
    atexit.register(playwright.stop)
    return playwright
