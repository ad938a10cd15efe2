"""Following jobs to where a test wants them."""

import time
from pathlib import Path

import numpy as np

from backend import JobStatus
from backend.bench.workbench import Workbench
from backend.values.specs import AnalysisSpec


def follow(bench: Workbench, job: JobStatus | None, *, seconds: float = 120) -> JobStatus:
    """Where a job stands once it has ended."""
    deadline = time.monotonic() + seconds
    while job is not None and job.active and time.monotonic() < deadline:
        time.sleep(0.05)
        job = bench.status(job.id)
    assert job is not None and not job.active
    return job


def until_extracting(bench: Workbench, job: JobStatus) -> None:
    """Wait until batches of texts go through the model."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        status = bench.status(job.id)
        assert status is not None and status.active, status
        if status.stage == "Extracting activations" and status.done > 0:
            return
        time.sleep(0.02)
    raise TimeoutError


def long_work(bench: Workbench, folder: Path, n_rows: int = 5000, name: str = "many") -> AnalysisSpec:
    """An analysis that takes minutes (with fewer rows: seconds), of vectors, so that no model is loaded for it."""
    rng = np.random.default_rng(0)
    path = folder / f"{name}.csv"
    path.write_text("text,label\n" + "".join(f"text {row},{rng.integers(0, 2)}\n" for row in range(n_rows)))
    texts = bench.read_texts(path, text="text", label="label")
    own = bench.add_vectors(rng.normal(size=(1, n_rows, 16)).astype(np.float32), name=name, texts=texts)
    return bench.analysis("direct_probe", models=[own], texts=texts, params={"max_rows": n_rows})
