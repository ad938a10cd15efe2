"""Memory of the device that runs out in a forward pass (simulated): what the job says, and that the next one goes on."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from backend import EstimateTask, open_workbench
from backend.bench.workbench import Workbench
from backend.jobs.base import explained
from backend.models.passes import SMALLER
from backend.values.specs import AnalysisSpec
from tests.conftest import review_lines, settings_over


@contextlib.contextmanager
def _memory_for(n_tokens: int) -> Iterator[list[int]]:
    """An embedding takes at most so many tokens at a time, padding included; the sizes that were refused are noted."""
    refused: list[int] = []

    def limit(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        if isinstance(module, torch.nn.Embedding) and inputs[0].numel() > n_tokens:
            refused.append(inputs[0].numel())
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    handle = torch.nn.modules.module.register_module_forward_pre_hook(limit)
    try:
        yield refused
    finally:
        handle.remove()


def _spec(bench: Workbench, folder: Path, name: str = "cka") -> AnalysisSpec:
    path = folder / "texts.txt"
    path.write_text("\n".join(review_lines(200)))
    return bench.analysis(name, models=[bench.model("minilm")], texts=bench.read_texts(path))


def test_where_a_batch_does_not_fit_half_of_it_is_tried_and_the_job_says_so(bench: Workbench, tmp_path: Path) -> None:
    spec, stages = _spec(bench, tmp_path), []
    with _memory_for(500) as refused:
        found = bench.wait(spec, lambda done, total, stage: stages.append(stage))
    assert 1 <= len(refused) <= 4 and any(stage.endswith(SMALLER) for stage in stages)
    job = bench.status(found.fingerprint)
    assert job is not None and job.state == "done"
    other = open_workbench(settings_over(tmp_path / "other"))
    np.testing.assert_allclose(found.values.matrix, other.wait(_spec(other, tmp_path)).values.matrix, atol=1e-6)
    other.close()


def test_where_not_one_text_fits_the_job_says_so_and_the_next_one_is_done(bench: Workbench, tmp_path: Path) -> None:
    spec = _spec(bench, tmp_path)
    with _memory_for(3):
        unloaded = bench.start(spec)
    assert unloaded.state == "failed" and "Not enough memory for the model 'minilm' on cpu" in unloaded.error
    bench.compute("cka", model="minilm", texts=bench.text_set_info("topics"), layers=[0])
    shutil.rmtree(bench.settings.cache / "arrays")
    with _memory_for(3):
        job = bench.start(spec)
        estimate = bench.start(EstimateTask(spec.inputs))
    for failed in (job, estimate):
        assert failed.state == "failed" and "Not enough memory on cpu for one text of" in failed.error
        assert "smaller model or a lower token limit" in failed.hint
    store = bench.settings.cache
    assert not list((store / "tmp").iterdir()) and not list((store / "arrays").glob("??/*")), "nothing half-done stays"
    assert bench.start(spec).state == "done"


def test_a_worker_that_meets_it_anywhere_else_says_what_it_is() -> None:
    message, hint = explained(torch.OutOfMemoryError("CUDA out of memory."))
    assert message == "The work ran out of memory." and "smaller model" in hint


def test_memory_that_runs_out_in_the_passes_of_a_metric(bench: Workbench, tmp_path: Path) -> None:
    """A metric that runs the network itself, again and again, on activations that are there."""
    path, lines = tmp_path / "labelled.csv", review_lines(60)
    path.write_text("text,label\n" + "\n".join(f'"{line}",{number % 2}' for number, line in enumerate(lines)))
    texts = bench.read_texts(path, text="text", label="label")
    spec = bench.analysis(
        "inner_ablation", models=[bench.model("minilm")], texts=texts, label="label", params={"n_draws": 2}
    )
    bench.wait(_activations_of(bench, spec))
    with _memory_for(3):
        job = bench.start(spec)
    assert job.state == "failed" and "Not enough memory" in job.error
    with _memory_for(60) as refused:
        assert bench.start(spec).state == "done"
    assert refused


def _activations_of(bench: Workbench, spec: AnalysisSpec) -> AnalysisSpec:
    texts = bench.text_set_info(spec.inputs[0].texts.table)
    return bench.analysis("anisotropy", models=[bench.model("minilm")], texts=texts)
