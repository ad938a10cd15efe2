"""From ``make run`` to the three figures of Overview with nothing cached: where each second goes, on the clock and of the processor.

The whole is started as ``backend up`` starts it, with a cache and ports of its own, and a browser opens the page as soon as it answers.
At each step (the address is there, Run is offered, each of the three figures) the seconds on the clock since the start and the processor
seconds of every process until then are noted; what ran inside is read from the jobs afterwards. A second session, with everything stored, is
the warm one. The physical limits of the machine are measured in the same run. Needs a Chromium.

``python -m benchmarks.starting FOLDER`` races the checkout of a former build at FOLDER instead: five starts of each, in turns.
"""

import dataclasses
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from statistics import median
from typing import Any

from backend import open_workbench, read_settings
from backend.settings import PROJECT
from benchmarks.clicks import CHROMIUM
from benchmarks.machine import multiplying, remembering, writing
from benchmarks.record import CLOCK, PROCESSOR, Ratio, Row, Side, keep, keep_more

NAME, RACE = "starting", "starting_race"
FIGURES = ("overview_cka", "overview_projection", "overview_profile")
_MODULES = ("backend", "pages._kit.launch", "backend.work.tasks", "backend.service.serve", "streamlit", "torch", "transformers", "sklearn")  # fmt: skip
_DRAWN = """key => [...document.querySelectorAll(`.st-key-${key} .js-plotly-plot`)].some(
    one => one.calcdata?.length && one.querySelector('.main-svg'))"""


def tree(pid: int) -> dict[str, float]:
    """Processor seconds of a process and all below it, by what they are."""
    import psutil

    spent: dict[str, float] = {}
    for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        try:
            times, words = process.cpu_times(), process.cmdline()
        except psutil.Error:
            continue
        name = next((words[i + 1] for i, word in enumerate(words[:-1]) if word == "worker"), "")
        kind = f"worker {name}" if name else "dashboard" if "pages._kit.launch" in words else " ".join(words[2:4])
        spent[kind] = round(spent.get(kind, 0.0) + times.user + times.system, 2)
    return spent


class Steps:
    """What had happened by when."""

    def __init__(self, pid: int) -> None:
        self.found: list[dict[str, Any]] = []
        self._pid, self._start = pid, time.perf_counter()

    def note(self, name: str) -> None:
        clock = round(time.perf_counter() - self._start, 2)
        spent = tree(self._pid)
        self.found.append({"step": name, "clock": clock, "processor": spent})
        print(
            f"  {name:40s} {clock:7.2f} s on the clock, {sum(spent.values()):7.2f} of the processor: {spent}",
            flush=True,
        )


def importing(module: str) -> float:
    """Processor seconds of importing a module in a fresh process, the interpreter's own start left out; the least of three."""
    code = f"import time; t = time.process_time(); import {module}; print(time.process_time() - t)"
    runs = [subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True) for _ in range(3)]  # fmt: skip
    return round(min(float(run.stdout) for run in runs), 2)


def _visit(browser: Any, address: str, steps: Steps, kind: str) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(600_000)
    page.goto(address, wait_until="commit")
    steps.note(f"{kind}: page asked for")
    if kind == "cold":
        page.locator(".st-key-overview_run button").wait_for()
        steps.note("cold: Run offered")
        page.locator(".st-key-overview_run button").click()
        steps.note("cold: Run clicked")
    waiting = list(FIGURES)
    while waiting:
        for key in [one for one in waiting if page.evaluate(_DRAWN, one)]:
            waiting.remove(key)
            steps.note(f"{kind}: figure {key}")
        time.sleep(0.05)
    page.close()


def one_start(
    project: Path = PROJECT, kinds: tuple[str, ...] = ("cold", "warm")
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Start the checkout at ``project`` with an empty cache and visit it; the steps, and the jobs that ran."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder:
        port, service = free_port(), free_port()
        given = {"EMBEDSCOPE_CACHE": f"{folder}/cache", "EMBEDSCOPE_PORT": str(port), "EMBEDSCOPE_SERVICE_PORT": str(service), "HF_HUB_OFFLINE": "1", "EMBEDSCOPE_DEVICE": "cpu"}  # fmt: skip
        environment = {**os.environ, **given}
        environment.pop("EMBEDSCOPE_BACKEND", None)
        with sync_playwright() as play, (Path(folder) / "log").open("wb") as log:
            browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            up = subprocess.Popen([sys.executable, "-m", "backend", "up"], cwd=project, env=environment, stdout=log, stderr=log)  # fmt: skip
            steps = Steps(up.pid)
            try:
                _wait(port)
                steps.note("address answers")
                for kind in kinds:
                    _visit(browser, f"http://127.0.0.1:{port}", steps, kind)
            finally:
                up.terminate()
                up.wait(60)
                browser.close()
        return steps.found, _jobs(Path(folder) / "cache") if project == PROJECT else []


def beside(former: Path, turns: int = 5) -> None:
    """Race a checkout of a former build, in turns, from the start to the three figures with nothing cached."""
    found: dict[bool, list[list[dict[str, Any]]]] = {True: [], False: []}
    for turn in range(2 * turns):
        ours = turn % 2 == 1
        found[ours].append(one_start(PROJECT if ours else former, ("cold",))[0])
    name = subprocess.run(["git", "log", "-1", "--format=%h of %as"], cwd=former, capture_output=True, text=True, check=True).stdout.strip()  # fmt: skip
    against = f"the build before ({name})"
    rows = [
        _raced("from the start until Run is offered", against, found, "", "cold: Run offered"),
        _raced("from the start to the first figure", against, found, "", "cold: figure"),
        _raced("from the start to the three figures of Overview", against, found, "", "last", 3.0),
        _raced("from the click on Run to the three figures", against, found, "cold: Run clicked", "last"),
        _raced("from the start to the three figures of Overview", f"{against}, seconds of the processor", found, "", "last", of=PROCESSOR),
    ]  # fmt: skip
    keep(RACE, rows)


def _raced(what: str, against: str, found: dict[bool, list[list[dict[str, Any]]]], since: str, until: str, target: float | None = None, of: str = CLOCK) -> Row:  # fmt: skip
    taken = {ours: [_between(steps, since, until) for steps in turns] for ours, turns in found.items()}
    place = int(of == CLOCK)
    ratios = sorted(former[place] / ours[place] for former, ours in zip(taken[False], taken[True], strict=True))
    sides = {ours: Side(median(one[0] for one in seconds), median(one[1] for one in seconds)) for ours, seconds in taken.items()}  # fmt: skip
    return Row(what, against, sides[True], sides[False], Ratio(median(ratios), ratios[0], ratios[-1], of), len(ratios), "the same three figures, of 440 reviews", target)  # fmt: skip


def _between(steps: list[dict[str, Any]], since: str, until: str) -> tuple[float, float]:
    """Seconds of the processor and on the clock from one step to another; "" is the start, "last" the last step."""
    begin = next((one for one in steps if since and one["step"] == since), None)
    end = steps[-1] if until == "last" else next(one for one in steps if one["step"].startswith(until))
    worked, clock = (sum(end["processor"].values()), end["clock"])
    return (worked, clock) if begin is None else (worked - sum(begin["processor"].values()), clock - begin["clock"])


def main() -> None:
    steps, jobs = one_start()
    with tempfile.TemporaryDirectory() as folder:
        written, read = writing(Path(folder))
    limits = {"products_gflops": multiplying() / 1e9, "memory_gb_s": remembering() / 1e9, "written_mb_s": written / 1e6, "read_mb_s": read / 1e6}  # fmt: skip
    imports = {name: importing(name) for name in _MODULES}
    for title, found in (("jobs", jobs), ("limits", limits), ("imports", imports)):
        print(f"  {title}: {found}")
    load = round(os.getloadavg()[0], 1)
    keep_more(NAME, steps=steps, jobs=jobs, limits={k: round(v, 1) for k, v in limits.items()}, imports=imports, load=load)  # fmt: skip


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def table(found: dict[str, Any]) -> str:
    """The steps as Markdown."""
    lines = ["| until | on the clock | of the processor | of these, by process |", "|---|---|---|---|"]
    for one in found["steps"]:
        by = ", ".join(f"{name} {seconds:.1f}" for name, seconds in one["processor"].items())
        lines.append(f"| {one['step']} | {one['clock']:.1f} s | {sum(one['processor'].values()):.1f} s | {by} |")
    return "\n".join(lines) + "\n"


def _wait(port: int) -> None:
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2).close()
            return
        except OSError:
            time.sleep(0.05)


def _jobs(cache: Path) -> list[dict[str, Any]]:
    bench = open_workbench(dataclasses.replace(read_settings(), cache=cache, backend=""))
    found = [
        {"title": job.title, "seconds": round(job.finished - job.started, 2), "waited": round(job.started - job.created, 2)}
        for job in bench.jobs()
        if job.finished and job.started
    ]  # fmt: skip
    bench.close()
    return found


if __name__ == "__main__":
    beside(Path(sys.argv[1]).resolve()) if len(sys.argv) > 1 else main()
