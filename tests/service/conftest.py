"""What two people have on one service: Ada's things, a text set of Ben's, and a workbench in front of the service for whoever asks."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from backend import open_workbench, read_settings
from backend.bench.workbench import Workbench
from backend.models.runfolder import RunFolder
from backend.store.owners import Owners
from backend.values.people import asked_by
from backend.values.recipes import recipe
from backend.values.runs import RunInfo
from backend.values.specs import TextSetSpec
from tests.conftest import Service
from tests.service.things import ADA, BEN, SECRET, Things

ROWS = "text,label\n" + "".join(f"the xylophonist in row {row},{'ab'[row % 2]}\n" for row in range(20))


@pytest.fixture(scope="module")
def front(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """One workbench that shares the service's cache folder, as the dashboard does, for everyone."""
    settings = replace(read_settings(), cache=service.cache, backend=service.address, token=service.token)
    workbench = open_workbench(settings)
    yield workbench
    for one in workbench.belongings():  # other tests use the service too, and see everything
        delete = {"texts": workbench.delete_text_set, "runs": workbench.delete_run}.get(one.kind)
        if delete is not None:
            delete(one.key)
    for vectors in [one.name for one in workbench.vector_sets() if one.name == "adas-vectors"]:
        workbench.delete_vectors(vectors)
    workbench.close()


@pytest.fixture(scope="module")
def ada(front: Workbench, service: Service, tmp_path_factory: pytest.TempPathFactory) -> Things:
    """What Ada has: a text set with a result, vectors, a run, selections, an upload and the job that read it."""
    file = tmp_path_factory.mktemp("ada") / "rows.csv"
    file.write_text(ROWS)
    with asked_by(ADA):
        info = front.read_texts(file, text="text", label="label", name=SECRET)
        vectors = front.add_vectors(np.random.default_rng(0).normal(size=(20, 4)), name="adas-vectors", texts=info)
        result = front.compute("anisotropy", model=vectors, texts=info)
        kept = front.keep_rows([1, 2, 5])
        front.save_rows(info, "the odd ones", [3, 5])
        blob = front.upload(ROWS.encode())
        labels = front._labels(info, "label").digest
        job = next(job for job in front.jobs() if job.kind == "AnalysisSpec")
        runs = service.cache / "runs"
        Owners(service.cache).add("runs", "adas-run", new=True)
    (runs / "adas-run").mkdir(parents=True)
    RunFolder(runs, "adas-run").write(
        RunInfo(
            "adas-run",
            "f" * 40,
            "minilm",
            "e" * 40,
            SECRET,
            info.spec.table,
            "text",
            "label",
            ("a", "b"),
            recipe("gptology", {}),
            state="done",
        )
    )
    assert result.sources[0].texts == SECRET
    spec = info.spec
    return Things(
        spec.table, spec.digest, labels, "adas-vectors", vectors.spec.commit, "adas-run", "e" * 40, runs,
        kept, "the odd ones", blob, job.id, job.id,
    )  # fmt: skip


@pytest.fixture(scope="module")
def bens(front: Workbench, request: pytest.FixtureRequest) -> TextSetSpec:
    """A text set of Ben's own, and of this module's: what he asked of it elsewhere he may be told."""
    with asked_by(BEN):
        texts = [f"a text of my own, number {row}, for {request.module.__name__}" for row in range(20)]
        return front.add_texts(texts, name="mine").spec
