"""The map of Projection: seconds from opening the page to the first draw, and milliseconds from moving the slider to the next layer.

Imported vectors of 4 layers and 16 dimensions, PCA of all layers stored, every point a text with a label. Needs a Chromium
(``EMBEDSCOPE_CHROMIUM``, default /usr/bin/chromium) and playwright. The targets: first draw within 2 s at 50,000 points; a step at 10,000
points within 100 ms at the median and 300 ms at the 95th percentile.
"""

import dataclasses
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np

from backend import open_workbench, read_settings
from benchmarks.clicks import CHROMIUM, wait_for
from benchmarks.slider import MOVE
from benchmarks.spikes import WORDS, running_app

PORT, SERVICE_PORT = 8574, 8674
N_LAYERS, N_DIMS, SIZES, N_DRAWS, N_MOVES = 4, 16, (10_000, 50_000, 100_000), 5, 40
DRAWN = "() => document.querySelector('.st-key-projection_map .embedscope-plot')?.dataset.drawn"
HEADED = "() => [...document.querySelectorAll('h1')].some(one => one.textContent.startsWith('Texts'))"
PAINTED = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def main() -> None:
    """Print both for each number of points."""
    if not Path(CHROMIUM).exists():
        print(f"maps: skipped, there is no Chromium at {CHROMIUM}")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running_app(folder, PORT, SERVICE_PORT) as token:
            wait_for(f"http://127.0.0.1:{PORT}/_stcore/health")
            for size in SIZES:
                _prepare(folder, token, size)
                draws, moves = _measure(size)
                slow = statistics.quantiles(moves, n=20)[-1]
                print(
                    f"{size:,} points: first draw median {statistics.median(draws):.2f} s, maximum {max(draws):.2f} s;",
                    end=" ",
                )
                print(
                    f"{len(moves)} steps: median {statistics.median(moves):.0f} ms, 95th percentile {slow:.0f} ms",
                    flush=True,
                )


def _prepare(folder: Path, token: str, size: int) -> None:
    """A text set of so many rows, and its stored map."""
    service = f"http://127.0.0.1:{SERVICE_PORT}"
    bench = open_workbench(dataclasses.replace(read_settings(), cache=folder / "mine", backend=service, token=token))
    draw = random.Random(0)
    path = folder / f"words-{size}.tsv"
    rows = (f"{' '.join(draw.choices(WORDS, k=6 + row % 9))}\t{'abcde'[row % 5]}" for row in range(size))
    path.write_text("text\tlabel\n" + "\n".join(rows))
    texts = bench.read_texts(path, name=f"words-{size}", text="text", label="label")
    vectors = np.random.default_rng(0).normal(size=(N_LAYERS, size, N_DIMS)).astype(np.float32)
    name = bench.add_vectors(list(vectors), name=f"vectors-{size}", texts=texts)
    params = {"method": "pca", "max_rows": size}
    bench.compute("projection", model=name, texts=texts, pooling="mean", params=params)
    bench.close()


def _measure(size: int) -> tuple[list[float], list[float]]:
    from playwright.sync_api import sync_playwright

    query = urlencode({"model": f"vectors:vectors-{size}", "texts": f"words-{size}", "projection_max_rows": size})
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--no-first-run", "--disable-background-networking"]
        gl = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*flags, *gl])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(120_000)
        draws = [_draw(page, f"projection?{query}", DRAWN) for _ in range(N_DRAWS + 1)][
            1:
        ]  # the first compiles the scripts
        bare = [_draw(page, "texts", HEADED) for _ in range(N_DRAWS)]
        print(f"a page without a figure: median {statistics.median(bare):.2f} s;", end=" ")
        page.goto(f"http://127.0.0.1:{PORT}/projection?{query}")
        page.wait_for_function(DRAWN)
        page.wait_for_timeout(2000)
        moves = _moves(page)
        browser.close()
    return draws, moves


def _draw(page: Any, address: str, ready: str) -> float:
    """Seconds from opening a page, in a session of its own, until what it shows is painted."""
    page.goto("about:blank")
    start = time.perf_counter()
    page.goto(f"http://127.0.0.1:{PORT}/{address}")
    page.wait_for_function(ready, polling="raf")
    page.evaluate(PAINTED)
    return time.perf_counter() - start


def _moves(page: Any) -> list[float]:
    slider = page.get_by_role("slider", name="Layer")
    last = int(slider.get_attribute("max"))
    times = []
    for number in range(N_MOVES):
        times.append(float(slider.evaluate(MOVE, number * 3 % (last + 1))))
        page.wait_for_timeout(200)
    return times


if __name__ == "__main__":
    main()
