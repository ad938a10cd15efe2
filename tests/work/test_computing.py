"""Metrics run with the GPU's arrays where there is one, are what they are on the processor, and go there where memory runs out."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from backend import Settings, open_workbench
from backend.metrics import METRICS
from backend.metrics.base import Metric, Outcome
from backend.metrics.shared import arrays
from backend.metrics.shared.arrays import HERE, arrays_for, torch_arrays
from backend.metrics.shared.kept import Kept
from backend.values.results import Result
from backend.work import computing
from tests.conftest import review_lines

DEVICE = "cpu:0"  # torch's arrays, for which this machine needs no GPU


@pytest.fixture
def on_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose accelerator is torch on the processor, for work of any size."""
    monkeypatch.setattr(computing, "accelerated", lambda setting: torch_arrays(DEVICE))
    monkeypatch.setattr(arrays, "_WORTH", 0.0)
    monkeypatch.setattr(Kept, "get", lambda self, key, make: make())  # nothing that was made before


def _result(settings: Settings, folder: Path, metric: str) -> Result:
    bench = open_workbench(dataclasses.replace(settings, cache=folder / "cache"))
    path = folder / "reviews.csv"
    path.write_text("text,label\n" + "\n".join(f'"{text}",{i % 2}' for i, text in enumerate(review_lines(80))))
    texts = bench.read_texts(path, text="text", label="label")
    spec = bench.analysis(metric, models=[bench.model("minilm")], texts=texts, pooling="mean")
    try:
        return bench.wait(spec)
    finally:
        bench.close()


@pytest.mark.parametrize("metric", ["cka", "anisotropy", "neighbour_overlap", "ablation", "component_accuracy"])
def test_a_result_is_the_same_and_names_the_gpu(
    metric: str, settings: Settings, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    here = _result(settings, tmp_path / "a", metric)
    request.getfixturevalue("on_torch")
    there = _result(settings, tmp_path / "b", metric)
    assert "gpu" not in here.versions and there.versions["gpu"] == DEVICE
    assert here.fingerprint == there.fingerprint
    for field in dataclasses.fields(here.values):
        one, other = getattr(here.values, field.name), getattr(there.values, field.name)
        if isinstance(one, np.ndarray) and one.dtype.kind == "f":
            off = ~np.isclose(other, one, rtol=1e-5, atol=1e-6, equal_nan=True)
        elif isinstance(one, np.ndarray):
            off = other != one
        else:
            continue
        at_a_tie = 0.001 * one.size if metric == "ablation" else 0.0  # rows whose two logits are equal but for rounding
        assert off.shape == one.shape and off.sum() <= at_a_tie, field.name


def _metric(run: object) -> Metric:
    return dataclasses.replace(METRICS["cka"], run=run)


@pytest.mark.usefixtures("on_torch")
def test_where_memory_runs_out_the_processor_does_it_and_the_progress_says_so() -> None:
    import torch

    places, stages = [], []

    def run(*_: object) -> Outcome:
        places.append(arrays_for(1.0))
        if len(places) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return Outcome("done")

    spec = dataclasses.make_dataclass("Spec", ["params", "seed"])(None, 0)
    outcome, gpu = computing.computed(_metric(run), [], None, spec, "auto", lambda *said: stages.append(said[2]))
    assert outcome.values == "done" and gpu == {} and stages == [computing.NO_MEMORY]
    assert places[0].device == DEVICE and places[1] is HERE


@pytest.mark.usefixtures("on_torch")
def test_other_errors_are_not_mistaken_for_memory() -> None:
    def run(*_: object) -> Outcome:
        raise RuntimeError("a bug")

    spec = dataclasses.make_dataclass("Spec", ["params", "seed"])(None, 0)
    with pytest.raises(RuntimeError, match="a bug"):
        computing.computed(_metric(run), [], None, spec, "auto", lambda *_: None)
    assert arrays_for(1e15) is HERE
