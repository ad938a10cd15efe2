"""Selecting texts: a search over 100,000 rows, and a lasso of 10,000 points until they are listed beside the map.

The second part needs a Chromium (``EMBEDSCOPE_CHROMIUM``, default /usr/bin/chromium) and playwright. Targets: 300 ms and 1 s. Then the memory
of the dashboard's process over 100 further selections, which is to stay flat.
"""

import dataclasses
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from backend import open_workbench, read_settings
from backend.settings import PROJECT
from backend.textsets.filtering import filter_rows
from backend.textsets.searching import search_rows
from benchmarks.clicks import CHROMIUM, wait_for
from benchmarks.lookups import deep_model
from benchmarks.memory import text_of
from benchmarks.timing import timed

PORT, SERVICE_PORT = 8573, 8673
N_SEARCHED, N_POINTS, N_TURNS, N_KEPT = 100_000, 10_000, 12, 100
SEARCHES = {
    "one word": ("needle", False),
    "a phrase and a word": ('"number 77" text', False),
    "a regular expression": (r"(^|\s)needle[0-9]*\b", True),
}


def main() -> None:
    """Print the medians beside their targets."""
    with tempfile.TemporaryDirectory() as folder:
        _searches(Path(folder))
    if not Path(CHROMIUM).exists():
        print(f"lasso: skipped, there is no Chromium at {CHROMIUM}")
        return
    with tempfile.TemporaryDirectory() as folder:
        times, resident = _lassos(Path(folder))
    times.sort()
    print(
        f"lasso of {N_POINTS:,} points, from the mouse to the list: median {1e3 * statistics.median(times):.0f} ms, "
        f"maximum {1e3 * times[-1]:.0f} ms of {len(times)} (target: 1 s)"
    )
    steps = ", ".join(f"{one:.0f}" for one in resident)
    print(f"memory of the dashboard at every 25th of {N_KEPT} further selections: {steps} MB (target: flat)")


def _table(folder: Path, n_rows: int) -> Path:
    """A table of different texts with a class and a number each; one row has a word of its own."""
    path = folder / f"rows-{n_rows}.csv"
    rows = [
        f'"{text_of(row)} number {row}{" needle" if row == n_rows - 1001 else ""}",{"abcde"[row % 5]},{row / 7}'
        for row in range(n_rows)
    ]
    path.write_text("\n".join(["text,class,size", *rows]))
    return path


def _searches(folder: Path) -> None:
    bench = open_workbench(dataclasses.replace(read_settings(), cache=folder / "cache", backend="", device="cpu"))
    texts = bench.read_texts(_table(folder, N_SEARCHED), text="text", label="class")
    table = bench.text_set(texts)
    kinds: dict[str, Callable[[], Any]] = {
        name: partial(search_rows, table, query, expression=expression)
        for name, (query, expression) in SEARCHES.items()
    }
    kinds["two classes"] = partial(filter_rows, table, "class", values=["a", "c"])
    kinds["a range of numbers"] = partial(filter_rows, table, "size", low=100.0, high=200.0)
    for name, find in kinds.items():
        turns = [timed(find) for _ in range(9)]
        seconds = [turn[0] for turn in turns]
        print(
            f"{name} in {N_SEARCHED:,} rows: median {1e3 * statistics.median(seconds):.0f} ms, "
            f"maximum {1e3 * max(seconds):.0f} ms, {len(turns[0][1]):,} found (target: 300 ms)"
        )
    bench.close()


def _lassos(folder: Path) -> tuple[list[float], list[float]]:
    model = deep_model(folder / "model", n_blocks=1)
    environment = {
        **os.environ,
        "EMBEDSCOPE_CACHE": str(folder / "cache"),
        "EMBEDSCOPE_PORT": str(PORT),
        "EMBEDSCOPE_SERVICE_PORT": str(SERVICE_PORT),
        "EMBEDSCOPE_TOKEN": "benchmark",
        "EMBEDSCOPE_MODEL_ROOTS": str(folder),
    }
    app = subprocess.Popen(
        [sys.executable, "-m", "backend", "up"], cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL
    )
    try:
        wait_for(f"http://127.0.0.1:{PORT}/_stcore/health")
        address = f"http://127.0.0.1:{SERVICE_PORT}"
        settings = dataclasses.replace(read_settings(), cache=folder / "cache", backend=address, token="benchmark")
        bench = open_workbench(settings)
        texts = bench.read_texts(_table(folder, N_POINTS), text="text", label="class")
        params = {"max_rows": 20_000}
        bench.compute("projection", model=str(model), texts=texts, pooling="mean", layers=[1], params=params)
        asked = {
            "model": model,
            "texts": texts.spec.table,
            "pooling": "mean",
            "projection_every": "false",
            "projection_max_rows": 20_000,
        }
        return _drawn(f"http://127.0.0.1:{PORT}/projection?{urlencode(asked)}", app.pid)
    finally:
        app.send_signal(signal.SIGINT)
        app.wait()


def _drawn(address: str, app: int) -> tuple[list[float], list[float]]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--no-first-run"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(address)
        page.locator(".st-key-projection_map .embedscope-plot[data-drawn]").wait_for(timeout=120_000)
        page.locator(".st-key-projection_map .modebar-btn[data-title='Lasso Select']").click()
        page.wait_for_timeout(2000)
        times = [_lasso(page, turn) for turn in range(N_TURNS)]
        resident = [_resident(app)]
        for turn in range(N_KEPT):
            _lasso(page, turn)
            if turn % 25 == 24:
                resident.append(_resident(app))
        browser.close()
    return times, resident


def _resident(app: int) -> float:
    """Megabytes of memory that the dashboard's process has, which ``app`` started."""
    processes, pages = Path("/proc"), os.sysconf("SC_PAGE_SIZE")
    children = (processes / f"{app}/task/{app}/children").read_text().split()
    (dashboard,) = [one for one in children if b"pages._kit.launch" in (processes / one / "cmdline").read_bytes()]
    return int((processes / dashboard / "statm").read_text().split()[1]) * pages / 1e6


def _lasso(page: Any, turn: int) -> float:
    """Seconds from the end of a lasso around all points, one turn further in each time, until the list says another number."""
    box = page.locator(".st-key-projection_map .draglayer .nsewdrag").first.bounding_box()
    near = 0.01 + 0.002 * (turn % 2)
    corners = [(near, near), (1 - near, near), (1 - near, 1 - near), (near, 1 - near), (near, near)]
    places = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=3)
    strip = "document.querySelector('.st-key-chosen_strip')?.innerText ?? ''"
    start = time.perf_counter()
    page.mouse.up()
    page.wait_for_function(
        f"/[0-9,]+ of 10,000 texts selected/.test({strip}) && /[0-9,]{{5,}} selected/.test(document.body.innerText)"
    )
    seconds = time.perf_counter() - start
    page.locator(".st-key-chosen_clear button").click()
    page.wait_for_function(f"({strip}) === ''")
    page.wait_for_timeout(500)
    return seconds


if __name__ == "__main__":
    main()
