"""What a GPU does: the dense kernels against the same on the processor, and all layers of a GPT-2 against a plain loop.

Seconds on the clock, with what is brought to the GPU and back; the processor uses all of its cores. The plain loop is transformers in
batches of 32 on the same GPU and in the same number format. Where there is no GPU the rows say so. ``--device cpu --rows 500
--dims 64`` tries out that it runs, and keeps nothing.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from backend.metrics.ablation.kernel import ablated_predictions
from backend.metrics.anisotropy.kernel import decompose, measures_of, share_uncentred, standard_errors
from backend.metrics.neighbors.kernel import nearest_neighbours
from backend.metrics.shared.arrays import name_of, torch_arrays, using
from backend.metrics.shared.heads import fit_linear
from backend.metrics.similarity.kernel import cka_matrix
from benchmarks import made, real
from benchmarks.extraction import Arrays, built_in, gap, plain, small_gpt2
from benchmarks.race import race
from benchmarks.record import CLOCK, Ratio, Row, Side, keep, largest, line, missing

NAME = "on_gpu"
_ABSENT = "no GPU on this machine"
_BESIDE = "the same on the processor"
_MODEL = "13 layers x 3 poolings with a GPT-2 of 124 million weights, 128 tokens, GPU"
_LOOP, _RATE = "plain loop, batches of 32", "the card's own bfloat16 rate of products"
_SIZE = 50_000, 4_096
Kernel = tuple[str, Callable[[], Any], Callable[[Any, Any], str]]


def main() -> None:
    reader = argparse.ArgumentParser()
    reader.add_argument("--device", default="cuda")
    reader.add_argument("--rows", type=int, default=_SIZE[0])
    reader.add_argument("--dims", type=int, default=_SIZE[1])
    asked = reader.parse_args()
    size, there = (asked.rows, asked.dims), asked.device != "cuda" or torch.cuda.is_available()
    whole = asked.device.startswith("cuda") and size == _SIZE
    if there:
        print(f"On {name_of(asked.device)}")
    for what, kernel, quality in _kernels(*size):
        _say(
            whole or not there,
            _raced(what, kernel, quality, asked.device) if there else missing(what, _BESIDE, _ABSENT),
        )
    if not there:
        keep(NAME, [missing(_MODEL, _LOOP, _ABSENT, 3.0), missing(_MODEL, _RATE, _ABSENT, 0.4)])
    elif whole:
        with tempfile.TemporaryDirectory() as folder:
            keep(NAME, _gpt2(Path(folder), asked.device))


def _say(is_kept: bool, row: Row) -> None:
    if is_kept:
        keep(NAME, [row])
    else:
        print(line(row), flush=True)


def _kernels(n_rows: int, n_dims: int) -> list[Kernel]:
    """What is raced: made when it is first called, so that only one matrix is there at a time."""
    size = f"{n_rows:,} x {n_dims:,}"
    order = np.random.default_rng(0).permutation(n_dims)
    kept: dict[str, Any] = {}

    def layers(count: int) -> list[Any]:
        if len(kept.get("layers", ())) != count:
            kept["layers"] = made.layers(count, n_rows, n_dims)
        return list(kept["layers"])

    def classes() -> tuple[Any, Any]:
        kept.pop("layers", None)
        if "classes" not in kept:
            kept["classes"] = made.of_classes(n_rows, n_dims, 6)
        return kept["classes"]  # type: ignore[no-any-return]

    def spectrum() -> Any:
        (x,) = layers(1)
        parts = decompose(x)
        return np.concatenate([measures_of(parts), [share_uncentred(x)], standard_errors(x, parts)])

    def head() -> Any:
        x, y = classes()
        if "head" not in kept:
            kept["head"] = fit_linear(x[:2000], y[:2000], 6)
        return kept["head"]

    return [
        (f"CKA of 3 layers, {size}, debiased", lambda: cka_matrix(layers(3)), _gap),
        (f"spectra with their errors, {size}", spectrum, _gap),
        (f"20 nearest neighbours, {size}", lambda: nearest_neighbours(layers(1)[0], 20), _same_neighbours),
        (f"ablation curve of 6 classes, {size}", lambda: ablated_predictions(classes()[0], head(), order=order), _same),
        (f"linear head of 6 classes, {size}", lambda: fit_linear(*classes(), 6).stages[0].weight, _gap),
    ]


def _raced(what: str, kernel: Callable[[], Any], quality: Callable[[Any, Any], str], device: str) -> Row:
    def ours() -> Any:
        with using(partial(torch_arrays, device), least=0.0):
            return kernel()

    return race(what, _BESIDE, ours, kernel, quality=quality, turns=1, of=CLOCK)


def _gap(mine: Any, other: Any) -> str:
    return largest([float(np.nanmax(np.abs(mine - other)))])


def _same(mine: Any, other: Any) -> str:
    return f"{float((mine == other).mean()):.4%} the same classes"


def _same_neighbours(mine: Any, other: Any) -> str:
    return f"{float((mine[1] == other[1]).mean()):.4%} the same neighbours"


def _gpt2(folder: Path, device: str) -> list[Row]:
    texts = built_in() if not real.has_data() else real.sst2(6144)[0]
    loaded = small_gpt2(folder, device, "bfloat16")
    long = [" ".join(texts[start : start + 12]) for start in range(0, len(texts) - 11, 12)] * 4
    row = race(
        _MODEL,
        _LOOP,
        lambda: real.extracted(loaded, long, length=128).arrays,
        lambda: plain(loaded, long, 128),
        quality=_loop_gap,
        turns=5,
        target=3.0,
        of=CLOCK,
    )
    assert row.ours is not None
    flops = 2.0 * 85e6 * 128 * len(long)  # the embedding is looked up, not multiplied
    limit = flops / _card_rate(device)
    share = limit / row.ours.clock
    rate = Row(_MODEL, _RATE, row.ours, Side(limit, limit), Ratio(share, share, share, CLOCK), 1, "as above", 0.4)
    return [row, rate]


def _loop_gap(mine: Arrays, other: Arrays) -> str:
    return gap(mine, other) + " in bfloat16"


def _card_rate(device: str, n: int = 8192) -> float:
    """bfloat16 operations a second in a product of two square matrices: the median of nine."""
    a = torch.randn(n, n, dtype=torch.bfloat16, device=device)
    seconds: list[float] = []
    for _ in range(10):
        torch.cuda.synchronize()
        began = time.perf_counter()
        a @ a
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    return 2.0 * n**3 / statistics.median(seconds[1:])


if __name__ == "__main__":
    main()
