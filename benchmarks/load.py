"""Load: browser sessions that click through all pages and press Run while jobs work, each with its own model and text set.

``python -m benchmarks.load --sessions 16 --minutes 10`` (as one of all benchmarks: 4 sessions for one minute). Reported: errors that a
page showed or the browser logged, jobs that were lost, work that was done twice, memory after the first minute and at the end,
and the 95th percentile of a click. Needs a Chromium, as ``clicks`` does.
"""

import argparse
import ast
import asyncio
import dataclasses
import random
import statistics
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from backend import open_workbench, read_settings
from backend.bench.workbench import Workbench
from backend.metrics import METRICS
from backend.settings import DASHBOARD
from backend.work.times import FORWARD, times_of
from benchmarks.clicks import CHROMIUM, wait_for
from benchmarks.memory import text_of
from benchmarks.spikes import running_app

PORT, SERVICE_PORT = 8572, 8672
_ERRORS = "[data-testid=stException], [data-testid=stAlertContentError]"
_PAGE_MS = 60_000
_END_SECONDS = 300.0  # that jobs have to end once nobody clicks any more


@dataclass
class Seen:
    """What the sessions met."""

    clicks: list[float] = field(default_factory=list)  # milliseconds
    errors: Counter[str] = field(default_factory=Counter)
    n_runs: int = 0
    memory: list[tuple[float, float]] = field(default_factory=list)  # (seconds since the start, MB)


def main() -> None:
    """Print the figures of one run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sessions", type=int, default=4)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if not Path(CHROMIUM).exists():
        print(f"load: skipped, there is no Chromium at {CHROMIUM}")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running_app(folder, PORT, SERVICE_PORT) as token:
            _measure(folder, token, options)


def _measure(folder: Path, token: str, options: argparse.Namespace) -> None:
    wait_for(f"http://127.0.0.1:{PORT}/_stcore/health")
    address, cache = f"http://127.0.0.1:{SERVICE_PORT}", folder / "cache"
    settings = dataclasses.replace(read_settings(), cache=cache, backend=address, token=token)
    bench, seen = open_workbench(settings), Seen()
    choices = [_choice(bench, number, folder) for number in range(options.sessions)]
    asyncio.run(_all_sessions(choices, seen, cache, options))
    deadline = time.monotonic() + _END_SECONDS
    while any(job.active for job in bench.jobs()) and time.monotonic() < deadline:
        time.sleep(1.0)
    _say(bench, seen)


def _choice(bench: Workbench, number: int, folder: Path) -> str:
    """A model and a text set of a session's own, as the query of an address; every other session has vectors for a model."""
    path = folder / f"load-{number}.csv"
    path.write_text("text,label\n" + "".join(f"{text_of(1000 * number + row)},{row % 2}\n" for row in range(200)))
    texts = bench.read_texts(path, text="text", label="label")
    model = "minilm"
    if number % 2:
        rows = np.random.default_rng(number).normal(size=(3, 200, 32)).astype(np.float32)
        model = bench.add_vectors(rows, name=f"load-{number}", texts=texts).spec.name
    return f"model={model}&texts={texts.spec.table}"


async def _all_sessions(choices: list[str], seen: Seen, folder: Path, options: argparse.Namespace) -> None:
    from playwright.async_api import async_playwright

    until = time.monotonic() + 60 * options.minutes
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--no-first-run"])
        sessions = [
            _session(browser, choice, random.Random(options.seed + number), seen, until)
            for number, choice in enumerate(choices)
        ]
        await asyncio.gather(_watch_memory(folder, seen, until), *sessions)
        await browser.close()


async def _session(browser: Any, choice: str, draw: random.Random, seen: Seen, until: float) -> None:
    """One person: from page to page by the menu, and Run where there is one, half of the times."""
    page = await (await browser.new_context()).new_page()
    page.on("pageerror", lambda error: seen.errors.update([f"script: {str(error)[:120]}"]))
    await page.goto(f"http://127.0.0.1:{PORT}/models?{choice}", timeout=_PAGE_MS)
    table = _pages()
    while time.monotonic() < until:
        section, title = draw.choice(table)
        try:
            seen.clicks.append(await _click(page, section, title))
        except Exception as error:  # of the browser: what the page did not come to
            seen.errors.update([f"{title}: {str(error).splitlines()[0][:120]}"])
            continue
        await page.wait_for_timeout(draw.uniform(500, 3000))
        for shown in await page.locator(_ERRORS).all_inner_texts():
            seen.errors.update([f"{title}: {shown[:120]}"])
        run = page.get_by_role("button", name="Run", exact=True).first
        if draw.random() < 0.5 and await run.count():
            try:
                await run.click(timeout=3000)
                seen.n_runs += 1
            except Exception:  # it went away meanwhile, as where a job was joined
                continue


def _pages() -> list[tuple[str, str]]:
    """Section and title of every page, as the table in app.py says (which draws a page when it is imported)."""
    tree = ast.parse((DASHBOARD / "app.py").read_text("utf-8"))
    found = next(
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and any(isinstance(one, ast.Name) and one.id == "PAGES" for one in node.targets)
    )
    return [(section, title) for section, rows in ast.literal_eval(found).items() for _, title, *_ in rows]


async def _click(page: Any, section: str, title: str) -> float:
    """Milliseconds from a click in the menu to the other page's heading."""
    await page.locator("[data-testid=stTopNavSection]").get_by_text(section, exact=True).click(timeout=_PAGE_MS)
    link = page.locator("[data-testid=stTopNavDropdownLink]").get_by_text(title, exact=True)
    await link.wait_for(timeout=_PAGE_MS)
    start = time.perf_counter()
    await link.click(timeout=_PAGE_MS)
    heading = page.locator("h1", has_text=title.partition(" (")[0])
    await heading.first.wait_for(timeout=_PAGE_MS)
    return 1e3 * (time.perf_counter() - start)


async def _watch_memory(folder: Path, seen: Seen, until: float) -> None:
    start = time.monotonic()
    while (now := time.monotonic()) < until:
        seen.memory.append((now - start, await asyncio.to_thread(_memory, folder)))
        await asyncio.sleep(5.0)


def _memory(folder: Path) -> float:
    """MB of all processes of this instance; what several share counts once among them."""
    total = 0
    for process in psutil.process_iter():
        try:
            if process.environ().get("EMBEDSCOPE_CACHE") == str(folder):
                total += process.memory_full_info().pss
        except psutil.Error:
            continue
    return total / 2**20


def _say(bench: Workbench, seen: Seen) -> None:
    jobs = bench.jobs()
    states = Counter(job.state for job in jobs)
    print(f"clicks: {len(seen.clicks)}, of which Run was pressed after {seen.n_runs}; errors: {seen.errors.total()}")
    for text, number in seen.errors.most_common(20):
        print(f"    {number} x {text!r}")
    print(f"jobs: {dict(states)}; still at work {_END_SECONDS:.0f} s later: {sum(job.active for job in jobs)}")
    for job in jobs:
        if job.state == "failed":
            print(f"    failed: {job.title}: {job.error}")
    made = {name: len(times_of(bench._store, name)) for name in METRICS}
    kept = Counter(_metrics_of(bench))
    twice = {name: number - kept[name] for name, number in made.items() if number > kept[name]}
    print(
        f"forward passes: {len(times_of(bench._store, FORWARD))}; analyses: {sum(made.values())}, done twice: {twice or 0}"
    )
    if len(seen.clicks) > 1:
        p95 = statistics.quantiles(seen.clicks, n=20)[-1]
        print(f"a click: median {statistics.median(seen.clicks):.0f} ms, 95th percentile {p95:.0f} ms")
    early = [mb for when, mb in seen.memory if when <= 60.0]
    if early:
        print(f"memory: {early[-1]:,.0f} MB after the first minute, {seen.memory[-1][1]:,.0f} MB at the end")


def _metrics_of(bench: Workbench) -> list[str]:
    """The metric of each result that is kept."""
    found = [bench._store.get_result(digest) for digest, _ in bench._store._files.all("results")]
    return [str(data["metric"]) for data, _ in (one for one in found if one is not None) if isinstance(data, dict)]


if __name__ == "__main__":
    main()
