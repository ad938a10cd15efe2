"""Load: browser sessions that click through all pages and press Run while jobs work, each with its own model and text set.

``python -m benchmarks.load --sessions 16 --minutes 10`` (as one of all benchmarks: 4 sessions for one minute). Reported: errors that a
page showed or the browser logged, jobs that were lost, work that was done twice, memory of each process over time,
the 95th percentile of a click, and beside it that of one more person's, who goes through pages whose figures are kept, before the
sessions come and among them. Needs a Chromium, as ``clicks`` does; with ``--without-browsers`` the sessions speak the
dashboard's websocket themselves, so that the machine has its processors for the dashboard and the jobs.
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
from itertools import cycle
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
from benchmarks.visitors import Visitor

PORT, SERVICE_PORT = 8572, 8672
_ERRORS = "[data-testid=stException], [data-testid=stAlertContentError]"
_PAGE_MS = 60_000
# Pages of the default model and texts that are computed before anybody comes
_KEPT = ("similarity", "rogue", "components")
_IDLE_CLICKS = 60
_END_SECONDS = 300.0  # that jobs have to end once nobody clicks any more


@dataclass
class Seen:
    """What the sessions met."""

    clicks: list[float] = field(default_factory=list)  # milliseconds
    idle: list[float] = field(default_factory=list)  # of pages whose figures are kept, before the sessions come
    kept: list[float] = field(default_factory=list)  # of the same pages, among the sessions
    errors: Counter[str] = field(default_factory=Counter)
    n_runs: int = 0
    memory: list[tuple[float, dict[str, float]]] = field(default_factory=list)  # (seconds, MB of each process)


def main() -> None:
    """Print the figures of one run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sessions", type=int, default=4)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--without-browsers", action="store_true")
    options = parser.parse_args()
    if not options.without_browsers and not Path(CHROMIUM).exists():
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
    asyncio.run(_reader(bench, seen))
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
    until = time.monotonic() + 60 * options.minutes
    if options.without_browsers:
        visits = [_visit(choice, random.Random(options.seed + n), seen, until) for n, choice in enumerate(choices)]
        await asyncio.gather(_watch_memory(folder, seen, until), _reads_on(seen, until), *visits)
        return
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--no-first-run"])
        sessions = [
            _session(browser, choice, random.Random(options.seed + number), seen, until)
            for number, choice in enumerate(choices)
        ]
        await asyncio.gather(_watch_memory(folder, seen, until), _reads_on(seen, until), *sessions)
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


async def _reader(bench: Workbench, seen: Seen) -> None:
    """Let the figures of some pages be computed, and time how long each takes to come while nobody else is there."""
    visitor = Visitor(f"http://127.0.0.1:{PORT}", "")
    await visitor.come("models")
    for place in _KEPT:
        await visitor.click(place)
        await visitor.run()
        while any(job.active for job in bench.jobs()):
            await asyncio.sleep(0.5)
    for number in range(-len(_KEPT), _IDLE_CLICKS):  # the first ones read what is kept
        took = await visitor.click(_KEPT[number % len(_KEPT)])
        if number >= 0:
            seen.idle.append(took)
    await visitor.leave()


async def _reads_on(seen: Seen, until: float) -> None:
    """The same clicks among the sessions, one every other second."""
    visitor = Visitor(f"http://127.0.0.1:{PORT}", "")
    await visitor.come("models")
    for place in cycle(_KEPT):
        if time.monotonic() >= until:
            break
        try:
            seen.kept.append(await visitor.click(place))
        except TimeoutError:
            seen.errors.update([f"{place}, which is kept: not whole in time"])
        await asyncio.sleep(2.0)
    await visitor.leave()


async def _visit(choice: str, draw: random.Random, seen: Seen, until: float) -> None:
    """The same person without a browser."""
    visitor = Visitor(f"http://127.0.0.1:{PORT}", choice)
    await visitor.come("models")
    places = sorted(visitor.pages)
    while time.monotonic() < until:
        place = draw.choice(places)
        try:
            seen.clicks.append(await visitor.click(place))
            await visitor.stay(draw.uniform(0.5, 3.0))
            seen.errors.update(f"{place}: {shown[:120]}" for shown in visitor.errors)
            if draw.random() < 0.5:
                seen.n_runs += await visitor.run()
        except TimeoutError:
            seen.errors.update([f"{place}: not whole in time"])
    await visitor.leave()


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


def _memory(folder: Path) -> dict[str, float]:
    """MB of each process of this instance, by what it is; what several share counts once among them."""
    found: dict[str, float] = {}
    for process in psutil.process_iter():
        try:
            if process.environ().get("EMBEDSCOPE_CACHE") == str(folder):
                name = _called(process.cmdline())
                found[name] = found.get(name, 0.0) + process.memory_full_info().pss / 2**20
        except psutil.Error:
            continue
    return found


def _called(command: list[str]) -> str:
    """What a process is, by its command; two workers of a kind are one name."""
    if "pages._kit.launch" in command:
        return "dashboard"
    return f"worker {command[-1]}" if "worker" in command else command[-1]


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
    clicks = {"a click": seen.clicks, "on a page that is kept": seen.kept, "the same, with nobody else": seen.idle}
    for what, found in clicks.items():
        if len(found) > 1:
            p95 = statistics.quantiles(found, n=20)[-1]
            print(f"{what}: median {statistics.median(found):.0f} ms, 95th percentile {p95:.0f} ms, of {len(found)}")
    _say_memory(seen.memory)


def _say_memory(samples: list[tuple[float, dict[str, float]]]) -> None:
    """Of each process, and of all, the memory after each minute."""
    marks = [
        next((row for row in samples if row[0] >= at), samples[-1]) for at in range(0, int(samples[-1][0]) + 1, 60)
    ]
    marks = [*marks, samples[-1]]
    print("memory, MB, after seconds: " + ", ".join(f"{when:.0f}" for when, _ in marks))
    for name in sorted({name for _, parts in samples for name in parts}):
        print(f"    {name}: " + ", ".join(f"{parts.get(name, 0.0):,.0f}" for _, parts in marks))
    print("    in all: " + ", ".join(f"{sum(parts.values()):,.0f}" for _, parts in marks))


def _metrics_of(bench: Workbench) -> list[str]:
    """The metric of each result that is kept."""
    found = [bench._store.get_result(digest) for digest, _ in bench._store._files.all("results")]
    return [str(data["metric"]) for data, _ in (one for one in found if one is not None) if isinstance(data, dict)]


if __name__ == "__main__":
    main()
