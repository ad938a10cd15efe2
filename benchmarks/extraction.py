"""All layers in three poolings of the built-in texts with minilm, against a plain loop and against sentence-transformers' one vector.

Processor seconds of one thread, medians of turns that the sides take; ours counts its tokenising and everything up to the arrays.
The plain loop is transformers in batches of 32 in the order of the texts, with all hidden states and the same three poolings.
sentence-transformers sorts by length, as ours does, and gives the mean of the last layer alone; where it is not installed
(``pip install --no-deps -r requirements-bench.txt``) its row says so. Targets: 2 against the loop, 1 against the one vector.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch

from backend.models.batching import plan_extraction
from backend.models.extraction import extract
from backend.models.loading import LoadedModel, load
from backend.models.resolve import model_files, resolve
from backend.textsets.builtin import BUILTIN, builtin_table
from backend.values.specs import POOLINGS

TURNS, BATCH, LENGTH = 5, 32, 256
Arrays = dict[tuple[int, str], np.ndarray]


class _Kept:
    """Takes the arrays as the store would, in memory."""

    def __init__(self, n_texts: int) -> None:
        self.arrays: Arrays = {}
        self._n_texts = n_texts

    def write(self, layer: int, pooling: str, rows: Any, block: Any) -> None:
        if (layer, pooling) not in self.arrays:
            self.arrays[layer, pooling] = np.empty((self._n_texts, block.shape[1]), np.float32)
        self.arrays[layer, pooling][rows] = block


def main() -> None:
    """Print the ratios and the largest difference; ``--file`` takes the first column of a table with tabs in place of built-in texts."""
    reader = argparse.ArgumentParser()
    reader.add_argument("--file", type=Path)
    reader.add_argument("--texts", type=int, default=1000)
    options = reader.parse_args()
    torch.set_num_threads(1)
    loaded = load(resolve("minilm", dtype="float32", roots=None), device="cpu", roots=None)
    texts = _texts(options.file)[: options.texts]
    sides: dict[str, Callable[[], Any]] = {
        "ours": lambda: _ours(loaded, texts, 0),
        **{f"ours, {most:,} tokens a batch": _with(loaded, texts, most) for most in (512, 2048, 8192)},
        "plain loop": lambda: _plain(loaded, texts),
    }
    if find_spec("sentence_transformers") is None:
        print("sentence-transformers: not installed, see the first lines of this file")
    else:
        sides["sentence-transformers, one vector"] = _theirs(texts)
    _say(texts, sides, _gap(_ours(loaded, texts, 0), _plain(loaded, texts)))


def _with(loaded: LoadedModel, texts: Sequence[str], most: int) -> Callable[[], Any]:
    return lambda: _ours(loaded, texts, most)


def _say(texts: Sequence[str], sides: dict[str, Callable[[], Any]], gap: float) -> None:
    times: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(TURNS + 1):
        for name, run in sides.items():
            start = time.process_time()
            run()
            if turn:  # the first also pays for what is set up once
                times[name].append(time.process_time() - start)
    print(
        f"{len(texts):,} texts, minilm, 7 layers in {len(POOLINGS)} poolings, one thread; load {os.getloadavg()[0]:.1f}"
    )
    for name, taken in times.items():
        ratio = statistics.median(other / mine for other, mine in zip(taken, times["ours"], strict=True))
        spread = f"{min(taken):.2f} to {max(taken):.2f}"
        print(f"  {name:36s} {statistics.median(taken):6.2f} s ({spread}), {ratio:.2f} of ours")
    print(f"  largest difference to the plain loop: {gap:.1e}")


def _texts(path: Path | None) -> list[str]:
    if path is not None:
        return [line.split("\t")[0] for line in path.read_text("utf-8").splitlines()]
    return [text for name in BUILTIN for text in builtin_table(name).texts]


def _ours(loaded: LoadedModel, texts: Sequence[str], most: int) -> Arrays:
    kept = _Kept(len(texts))
    plan = plan_extraction(loaded.tokenizer, texts, max_length=LENGTH)
    extract(loaded, texts, None, plan, kept, batch_tokens=most)
    return kept.arrays


def _plain(loaded: LoadedModel, texts: Sequence[str]) -> Arrays:
    blocks: dict[tuple[int, str], list[np.ndarray]] = {}
    for start in range(0, len(texts), BATCH):
        some = list(texts[start : start + BATCH])
        tokens = loaded.tokenizer(some, padding=True, truncation=True, max_length=LENGTH, return_tensors="pt")
        with torch.inference_mode():
            layers = loaded.backbone(**tokens, output_hidden_states=True).hidden_states
        mask = tokens["attention_mask"].unsqueeze(-1).float()
        last = tokens["attention_mask"].sum(1) - 1
        for number, hidden in enumerate(layers):
            pooled = {
                "cls": hidden[:, 0],
                "last": hidden[torch.arange(len(hidden)), last],
                "mean": (hidden * mask).sum(1) / mask.sum(1),
            }
            for pooling in POOLINGS:
                blocks.setdefault((number, pooling), []).append(pooled[pooling].numpy())
    return {key: np.concatenate(parts) for key, parts in blocks.items()}


def _theirs(texts: Sequence[str]) -> Callable[[], Any]:
    from sentence_transformers import SentenceTransformer

    files = model_files(resolve("minilm", dtype="float32", roots=None), roots=None)
    folder = files.package or files.folder
    model = SentenceTransformer(str(folder), device="cpu")
    return lambda: model.encode(list(texts), batch_size=BATCH)


def _gap(mine: Arrays, other: Arrays) -> float:
    return max(float(np.abs(mine[key] - other[key]).max()) for key in other)


if __name__ == "__main__":
    main()
