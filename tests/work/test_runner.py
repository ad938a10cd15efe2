"""What is computed once is never computed again, and what cannot exist is null with a reason."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from backend import PostProcess, Settings, open_workbench
from backend.bench.wiring import wire_runner
from backend.bench.workbench import Workbench
from backend.store import Store
from backend.values.activations import no_report
from backend.values.tasks import ResolveTask
from tests.conftest import ROOT, review_lines


class ForwardCounter:
    """Counts the forward passes of whole models, by torch's own global hook."""

    def __init__(self) -> None:
        import torch
        from transformers import PreTrainedModel

        self.n = 0

        def count(module: torch.nn.Module, inputs: object) -> None:
            self.n += isinstance(module, PreTrainedModel)

        self.handle = torch.nn.modules.module.register_module_forward_pre_hook(count)


@pytest.fixture
def forwards() -> Iterator[ForwardCounter]:
    counter = ForwardCounter()
    yield counter
    counter.handle.remove()


def test_one_pass_fills_every_layer_and_pooling(bench: Workbench, reviews: Path, forwards: ForwardCounter) -> None:
    texts = bench.read_texts(reviews, text="text", label="label")
    first = bench.compute("cka", model="minilm", texts=texts)
    n_first = forwards.n
    assert n_first > 0
    again = bench.compute("cka", model="minilm", texts=texts)
    assert forwards.n == n_first, "the second identical request computes nothing"
    np.testing.assert_array_equal(first.values.matrix, again.values.matrix)
    other = bench.compute("cka", model="minilm", texts=texts, pooling="last")
    bench.compute("anisotropy", model="minilm", texts=texts, pooling="cls")
    assert forwards.n == n_first, "another pooling, another metric: no forward pass"
    assert not np.array_equal(first.values.matrix, other.values.matrix)


def test_another_process_gets_the_cached_result(bench: Workbench, reviews: Path) -> None:
    texts = bench.read_texts(reviews, text="text")
    result = bench.compute("cka", model="minilm", texts=texts)
    code = (
        "import sys, json, backend\n"
        "bench = backend.open_workbench()\n"
        "texts = bench.text_set_info(sys.argv[1])\n"
        "r = bench.peek(bench.analysis('cka', models=[bench.model('minilm')], texts=texts))\n"
        "print(json.dumps([r.fingerprint, r.seconds, 'torch' in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, texts.spec.table],
        cwd=ROOT,
        env={"EMBEDSCOPE_CACHE": str(bench.settings.cache), "EMBEDSCOPE_DEVICE": "cpu", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == [result.fingerprint, result.seconds, False]


def test_cls_pooling_of_the_embedding_layer_is_undefined(bench: Workbench, reviews: Path) -> None:
    texts = bench.read_texts(reviews, text="text")
    result = bench.compute("cka", model="minilm", texts=texts, pooling="cls")
    assert np.isnan(result.values.matrix[0]).all() and np.isnan(result.values.matrix[:, 0]).all()
    assert np.isfinite(result.values.matrix[1:, 1:]).all()
    reasons = {entry.reason for entry in result.undefined if 0 in entry.index}
    assert any("identical" in reason for reason in reasons)
    dims = bench.compute("intrinsic_dimension", model="minilm", texts=texts, pooling="cls")
    assert np.isnan(dims.values.two_nn[0])
    assert any("identical" in entry.reason for entry in dims.undefined)


def test_post_processing_has_an_address_of_its_own(bench: Workbench, reviews: Path, forwards: ForwardCounter) -> None:
    texts = bench.read_texts(reviews, text="text")
    plain = bench.compute("anisotropy", texts=texts)
    n_first = forwards.n
    steps = [PostProcess("centre"), PostProcess("remove_components", 3)]
    cleaned = bench.compute("anisotropy", texts=texts, postprocess=steps)
    assert forwards.n == n_first
    assert cleaned.fingerprint != plain.fingerprint
    ratios = bench.compute("spectrum", texts=texts).values.ratios
    np.testing.assert_allclose(cleaned.values.anisotropy, ratios[:, 3] / (1 - ratios[:, :3].sum(axis=1)), rtol=1e-4)
    assert any("without the top 3 principal components" in note for note in cleaned.notes)


def test_what_does_not_fit_the_budget_is_said_before_the_run(settings: Settings, reviews: Path) -> None:
    bench = open_workbench(dataclasses.replace(settings, cache_bytes=100_000))
    texts = bench.read_texts(reviews, text="text")
    job = bench.start(bench.analysis("cka", models=[bench.model("minilm")], texts=texts))
    assert job.state == "failed" and "This needs 1.94 MB in the cache" in job.error
    assert "EMBEDSCOPE_CACHE_BYTES" in job.hint
    assert not list((settings.cache / "tmp").iterdir())
    bench.close()


def test_the_cost_is_known_before_and_nothing_after(bench: Workbench, reviews: Path) -> None:
    from backend import EstimateTask

    texts = bench.read_texts(reviews, text="text")
    spec = bench.analysis("cka", models=[bench.model("minilm")], texts=texts)
    cost = bench.wait(EstimateTask(spec.inputs))
    assert cost.n_texts == 60 and cost.n_tokens > 60 * 4
    assert cost.n_bytes == 7 * 3 * 60 * 384 * 4
    assert 0 < cost.seconds < 120
    bench.wait(spec)
    assert bench.peek(EstimateTask(spec.inputs)).n_bytes == 0


def test_a_planted_pickle_in_place_of_activations_is_refused(bench: Workbench, reviews: Path, tmp_path: Path) -> None:
    from backend import fingerprint

    texts = bench.read_texts(reviews, text="text")
    spec = bench.analysis("cka", models=[bench.model("minilm")], texts=texts)
    bench.wait(spec)
    digest = fingerprint(spec.inputs[0])
    path = bench.settings.cache / "arrays" / digest[:2] / f"{digest}.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    store = Store(bench.settings.cache, budget=1)
    assert store.open_array(digest) is None and [row["key"] for row in store.set_aside()] == [digest]


def test_review_lines_are_distinct() -> None:
    assert len(set(review_lines(4000))) == 4000


def test_a_model_that_was_looked_up_can_be_loaded_before_it_is_asked_for(settings: Settings) -> None:
    store = Store(settings.cache, budget=settings.cache_bytes)
    runner = wire_runner(store, settings, roots=())
    task = ResolveTask("minilm")
    runner.run(task, no_report)
    runner.load_ahead(task)
    held = runner.models._loaded
    assert held is not None and len(held) == 1
    spec = runner.models.resolve("minilm", "auto").spec
    assert runner.models.load(spec) is runner.models.load(spec)
    runner.load_ahead(ResolveTask("nobody has looked this up"))
    assert len(held) == 1
