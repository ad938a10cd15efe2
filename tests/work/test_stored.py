"""Activations in half of the bytes: another pass than those in float32, with its rounding said, and metrics that read float32."""

import dataclasses
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backend import InvalidRequest, PostProcess, Settings, open_workbench, read_settings
from backend.bench.workbench import Workbench
from backend.errors import EmbedscopeError
from backend.forms.fingerprint import fingerprint
from backend.values.specs import AnalysisSpec, TokenSample
from backend.values.stored import narrowed, widened
from backend.values.texts import TextSetInfo
from backend.work.stacks import stored_rows
from tests.conftest import review_lines
from tests.models import tiny
from tests.work.crew_here import spread_bench

HALVES = ["float16", "bfloat16"]


@pytest.fixture
def opened(settings: Settings) -> Iterator[Callable[..., Workbench]]:
    """Opens workbenches over one cache (or ``cache``) that store in the format given."""
    benches = []

    def open_one(stored: str, **others: object) -> Workbench:
        benches.append(open_workbench(dataclasses.replace(settings, store_dtype=stored, batch_tokens=64, **others)))  # type: ignore[arg-type]
        return benches[-1]

    yield open_one
    for bench in benches:
        bench.close()


def _texts(bench: Workbench, folder: Path, n_rows: int = 40) -> TextSetInfo:
    path = folder / "texts.txt"
    path.write_text("\n".join(review_lines(n_rows)))
    return bench.read_texts(path)


def _asked(bench: Workbench, model: str, texts: TextSetInfo, **choice: object) -> AnalysisSpec:
    return bench.analysis("anisotropy", models=[bench.model(model)], texts=texts, params={"bands": "none"}, **choice)  # type: ignore[arg-type]


def _rows(bench: Workbench, spec: AnalysisSpec) -> list[np.ndarray]:
    found = [stored_rows(bench._store, item) for item in spec.inputs]
    return [one[1] for one in found if one is not None]


@pytest.mark.parametrize("stored", HALVES)
def test_a_half_pass_is_another_one_and_never_answers_for_float32(
    stored: str, opened: Callable[..., Workbench], model: str, tmp_path: Path
) -> None:
    half, whole = opened(stored), opened("float32")
    texts = _texts(half, tmp_path)
    asked, plain = (_asked(bench, model, texts) for bench in (half, whole))
    assert {fingerprint(item) for item in asked.inputs}.isdisjoint(fingerprint(item) for item in plain.inputs)
    assert whole.cost([plain]).n_bytes == 2 * half.cost([asked]).n_bytes
    found = half.wait(asked)
    assert whole.peek(plain) is None and whole.cost([plain]).n_tokens
    exact = whole.wait(plain)
    for less, x in zip(_rows(half, asked), _rows(whole, plain), strict=True):
        assert less.dtype == np.float32 and np.array_equal(less, widened(narrowed(x, stored), stored))
        assert not np.array_equal(less, x)
    np.testing.assert_allclose(found.values.anisotropy, exact.values.anisotropy, rtol=1e-2)
    assert any(f"stored in {stored}, rounded from float32: this moved" in note for note in found.notes)
    assert not any("rounded" in note for note in exact.notes)
    assert half.wait(plain).notes == exact.notes  # the spec says the format, whoever does it


@pytest.mark.parametrize("stored", HALVES)
def test_the_files_take_half_the_bytes(
    stored: str, opened: Callable[..., Workbench], model: str, tmp_path: Path
) -> None:
    bench = opened(stored)
    spec = _asked(bench, model, _texts(bench, tmp_path, 400))
    said = bench.cost([spec]).n_bytes
    bench.wait(spec)
    files = sum(path.stat().st_size for path in (bench.settings.cache / "arrays").rglob("*.npy"))
    assert said < files < 1.15 * said  # a header and a seal each
    assert not list((bench.settings.cache / "tmp").iterdir())


def test_the_rounding_that_is_said_is_the_one_there_is(
    opened: Callable[..., Workbench], model: str, tmp_path: Path
) -> None:
    half, whole = opened("bfloat16"), opened("float32")
    texts = _texts(half, tmp_path)
    asked, plain = (_asked(bench, model, texts, layers=[1]) for bench in (half, whole))
    note = next(note for note in half.wait(asked).notes if "bfloat16" in note)
    whole.wait(plain)
    less, x = (_rows(bench, spec)[0].astype(float) for bench, spec in ((half, asked), (whole, plain)))
    share = np.linalg.norm(less - x) / np.linalg.norm(x - x.mean(axis=0))
    assert f"up to {100 * share:.3f}\N{NO-BREAK SPACE}% of their distance" in note


def test_steps_before_the_metric_and_tokens_read_the_rounded_rows(
    opened: Callable[..., Workbench], model: str, tmp_path: Path
) -> None:
    bench = opened("float16")
    texts = _texts(bench, tmp_path)
    plain = _asked(bench, model, texts, layers=[2])
    centred = _asked(bench, model, texts, layers=[2], postprocess=[PostProcess("centre")])
    bench.wait(plain), bench.wait(centred)
    x, moved = _rows(bench, plain)[0], _rows(bench, centred)[0]
    np.testing.assert_allclose(moved, x - x.mean(axis=0, dtype=float), atol=1e-6)
    tokens = _asked(bench, model, texts, layers=[2], pooling="tokens", tokens=TokenSample(50))
    assert bench.wait(tokens).sources[0].n_rows == 50


@pytest.mark.parametrize("stored", HALVES)
def test_a_pass_in_shards_stores_and_says_the_same(
    stored: str, settings: Settings, opened: Callable[..., Workbench], model: str, tmp_path: Path
) -> None:
    other = dataclasses.replace(
        settings, cache=tmp_path / "other", model_roots=(tmp_path,), batch_tokens=64, store_dtype=stored
    )
    here = opened(stored)
    spec = _asked(here, model, _texts(here, tmp_path))
    there, crew = spread_bench(other, shard_tokens=128)
    same = _asked(there, model, _texts(there, tmp_path))
    assert fingerprint(same) == fingerprint(spec)
    assert there.wait(same).notes == here.wait(spec).notes
    assert crew.kinds.count("shard") > 2
    assert all(map(np.array_equal, _rows(there, same), _rows(here, spec)))


def _with_rogue_dimension(folder: Path, size: float) -> str:
    """A tiny model whose embedding has one dimension of that size."""
    from transformers import BertModel

    path = str(tiny.save_family(folder / "rogue", "bert"))
    network = BertModel.from_pretrained(path)
    with torch.no_grad():
        network.embeddings.LayerNorm.bias[3] = size
    network.save_pretrained(path)
    return path


def test_a_rogue_dimension_beyond_float16_is_refused_and_bfloat16_takes_it(
    opened: Callable[..., Workbench], tmp_path: Path
) -> None:
    model = _with_rogue_dimension(tmp_path, 80_000.0)
    half = opened("float16")
    texts = _texts(half, tmp_path)
    with pytest.raises(
        EmbedscopeError, match=r"A number of layer 0 is (79,999|80,000)\S* in size; float16, .* at most 65,504"
    ) as refused:
        half.wait(_asked(half, model, texts))
    assert "bfloat16" in refused.value.hint
    assert not list((half.settings.cache / "arrays").rglob("*.npy"))
    wide = opened("bfloat16")
    spec = _asked(wide, model, texts)
    wide.wait(spec)
    x = _rows(wide, spec)[0]
    assert np.isfinite(x).all() and x[:, 3].min() > 79_000


def test_the_command_and_the_python_store_in_the_same_format(
    opened: Callable[..., Workbench], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMBEDSCOPE_CACHE", str(tmp_path / "theirs"))
    bench = opened("bfloat16")
    form = bench.written(_asked(bench, "minilm", _texts(bench, tmp_path)))
    assert form is not None
    assert shlex.split(form.command)[:2] == ["EMBEDSCOPE_STORE_DTYPE=bfloat16", "python"]
    names: dict[str, Any] = {}
    exec(form.python.rpartition("\nresult = ")[0], names)
    assert names["bench"].settings.store_dtype == "bfloat16"
    names["bench"].close()


def test_formats_that_there_are_none_of_are_refused(
    opened: Callable[..., Workbench], model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = opened("float32")
    spec = _asked(bench, model, _texts(bench, tmp_path))
    odd = dataclasses.replace(spec, inputs=tuple(dataclasses.replace(item, stored="int8") for item in spec.inputs))
    with pytest.raises(InvalidRequest, match="no number format to store in 'int8'"):
        bench.wait(odd)
    mixed = (dataclasses.replace(spec.inputs[0], stored="float16"), *spec.inputs[1:])
    with pytest.raises(InvalidRequest, match="differ in 'stored'"):
        bench.wait(dataclasses.replace(spec, inputs=mixed))
    monkeypatch.setenv("EMBEDSCOPE_STORE_DTYPE", "half")
    with pytest.raises(InvalidRequest, match="EMBEDSCOPE_STORE_DTYPE is 'half'"):
        read_settings()
