"""Adapters: whatever an adapter's folder brings counts, and the vectors are those of peft's own model."""

import functools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.numpy import load_file, save_file

from backend.errors import ModelError
from backend.models.loading import load
from backend.models.resolve import resolve
from backend.values.specs import ModelSpec
from tests.models import tiny
from tests.models.sinks import extracted, loaded_model, plain_loop, pooled, relative_error

NEW = ["<extra>", "<more>"]
WITH_NEW = [*tiny.TEXTS, "the <extra> sat", "the <more> sat", "<extra> <more>"]


@pytest.fixture(scope="module")
def base(tmp_path_factory: Any) -> Path:
    return tiny.save(tmp_path_factory.mktemp("base"), tiny.bert_config(), seed=5)


@pytest.fixture(scope="module")
def bases(base: Path, tmp_path_factory: Any) -> dict[str, Path]:
    saved = {family: tiny.save_family(tmp_path_factory.mktemp(family), family) for family in tiny.FAMILIES}
    return {**saved, "bert": base}


@pytest.fixture(scope="module")
def plain(bases: dict[str, Path]) -> Callable[[str], tuple[Any, Any]]:
    """The base of a family without any adapter, loaded once, and its vectors of tiny.TEXTS."""

    @functools.cache
    def found(family: str) -> tuple[Any, Any]:
        loaded = loaded_model(bases[family])
        return loaded, extracted(loaded, tiny.TEXTS)

    return found


def spec_of(folder: Any) -> ModelSpec:
    return resolve(str(folder), dtype="float32", roots=None)


def refusal(folder: Path) -> ModelError:
    with pytest.raises(ModelError) as caught:
        loaded_model(folder)
    assert caught.value.hint
    return caught.value


def message(folder: Path) -> str:
    return refusal(folder).message


def adapted(model: Any, folder: Path, **options: Any) -> Any:
    """``model`` with a LoRA adapter that changes much, saved in ``folder``; the model as peft has it."""
    peft = pytest.importorskip("peft")
    torch.manual_seed(7)
    config = peft.LoraConfig(r=2, init_lora_weights=False, **options)
    tuned = peft.get_peft_model(model, config).eval()
    with torch.no_grad():  # as training would: heads and vectors of new tokens move too
        for parameter in tuned.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    tuned.save_pretrained(folder)
    return tuned


def save_adapter(folder: Path, base: Path, task: str = "FEATURE_EXTRACTION") -> tuple[Path, Any]:
    auto = transformers.AutoModelForSequenceClassification if task == "SEQ_CLS" else transformers.AutoModel
    options = {"num_labels": 3} if task == "SEQ_CLS" else {}
    model = auto.from_pretrained(base, **options)
    return folder, adapted(model, folder, target_modules=["query", "value"], task_type=task)


def final(tuned: Any, tokenizer: Any, text: str) -> Any:
    """The last token vectors of peft's model for one text: of its backbone, or of its encoder."""
    model = tuned.get_base_model()
    part = model.get_encoder() if model.config.is_encoder_decoder else model.base_model
    with torch.no_grad():
        return part(input_ids=torch.tensor([tokenizer(text).input_ids])).last_hidden_state[0].numpy()


def check_same(folder: Path, tuned: Any, tokenizer: Any, texts: list[str] = tiny.TEXTS) -> tuple[Any, Any]:
    """The model of an adapter's folder and its vectors of ``texts``, which are those of peft's model."""
    loaded = loaded_model(folder)
    last = len(loaded.info.layer_names) - 1
    found = extracted(loaded, texts)
    for row, text in enumerate(texts):
        own = final(tuned, tokenizer, text)
        assert relative_error(found.matrix(last, "mean")[row], pooled(own, "mean")) < 1e-4
    return loaded, found


# The class that the adapter was trained on

TASKS = [
    ("bert", "AutoModelForMaskedLM", None, ["query"]),
    ("bert", "AutoModelForTokenClassification", "TOKEN_CLS", ["query"]),
    ("bert", "AutoModelForTokenClassification", None, ["query"]),
    ("bert", "AutoModelForQuestionAnswering", "QUESTION_ANS", ["query"]),
    ("bert", "AutoModelForSequenceClassification", "SEQ_CLS", ["query"]),
    ("bert", "AutoModelForSequenceClassification", None, ["query"]),
    ("bert", "AutoModel", None, ["query"]),
    ("bert", "AutoModel", "FEATURE_EXTRACTION", ["query"]),
    ("bert", "AutoModelForMaskedLM", "FEATURE_EXTRACTION", ["query"]),
    ("gpt2", "AutoModelForCausalLM", "CAUSAL_LM", ["c_attn"]),
    ("gpt2", "AutoModelForCausalLM", None, ["c_attn"]),
    ("gpt2", "AutoModel", None, ["c_attn"]),
    ("llama", "AutoModelForCausalLM", "CAUSAL_LM", ["q_proj", "v_proj"]),
    ("llama", "AutoModelForCausalLM", "CAUSAL_LM", "all-linear"),
    ("llama", "AutoModelForCausalLM", "CAUSAL_LM", r"model\.layers\.[02]\.self_attn\.(q|k)_proj"),
    ("llama", "AutoModelForTokenClassification", "TOKEN_CLS", ["q_proj"]),
    ("llama", "AutoModelForSequenceClassification", "SEQ_CLS", ["q_proj"]),
    ("t5", "AutoModelForSeq2SeqLM", "SEQ_2_SEQ_LM", ["q", "v"]),
    ("t5", "AutoModelForSeq2SeqLM", None, ["q", "v"]),
    ("t5", "AutoModelForTextEncoding", "FEATURE_EXTRACTION", ["q", "v"]),
    ("t5", "AutoModel", "FEATURE_EXTRACTION", ["q", "v"]),
]


@pytest.mark.parametrize("named", [True, False], ids=["class named", "no class named"])
@pytest.mark.parametrize(("family", "auto", "task", "targets"), TASKS)
def test_adapters_of_every_class_give_pefts_own_vectors(
    family: str, auto: str, task: str | None, targets: Any, named: bool, bases: Any, plain: Any, tmp_path: Path
) -> None:
    model = getattr(transformers, auto).from_pretrained(bases[family])
    tuned = adapted(model, tmp_path, task_type=task, target_modules=targets)
    if not named:
        change_adapter(tmp_path, auto_mapping=None)
    base, own = plain(family)
    loaded, found = check_same(tmp_path, tuned, base.tokenizer)
    assert loaded.info.layer_names == base.info.layer_names and loaded.info.family == base.info.family
    assert loaded.info.has_head == (task == "SEQ_CLS")  # else nobody has its weights
    last = len(loaded.info.layer_names) - 1
    assert relative_error(found.matrix(last, "mean"), own.matrix(last, "mean")) > 0.01


KINDS = {
    "LORA": {"use_dora": True, "r": 2},
    "ADALORA": {"total_step": 10},
    "IA3": {"feedforward_modules": []},
    "LOHA": {"r": 2},
    "LOKR": {"r": 2},
    "OFT": {"r": 4, "oft_block_size": 0},
    "BOFT": {"boft_block_size": 4},
    "VERA": {"r": 4},
    "LN_TUNING": {"target_modules": ["LayerNorm"]},
    "HRA": {"r": 2},
    "FOURIERFT": {"n_frequency": 8},
    "VBLORA": {"r": 2, "vector_length": 4, "num_vectors": 8},
    "RANDLORA": {"r": 4},
    "SHIRA": {"r": 2},
    "C3A": {"block_size": 8},
    "MISS": {"r": 4},
    "ROAD": {"group_size": 8},
    "DELORA": {"r": 2},
    "GRALORA": {"r": 4},
    "WAVEFT": {"n_frequency": 16},
    "TRAINABLE_TOKENS": {"token_indices": [5, 6], "target_modules": ["word_embeddings"]},
    **{kind: {} for kind in ("OSF", "TINYLORA", "UNILORA", "PVERA", "GLORA", "HIRA", "PSOFT", "PEANUT", "SUPERTUNING")},
    **{kind: {} for kind in ("DEFT", "BEFT", "FROD", "ADAMSS")},
}


@pytest.mark.parametrize("kind", KINDS)
def test_adapters_of_every_kind_that_merges(kind: str, base: Path, plain: Any, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    make = peft.mapping.PEFT_TYPE_TO_CONFIG_MAPPING[kind]
    options = {"target_modules": ["query"], **KINDS[kind]}
    torch.manual_seed(1)
    tuned = peft.get_peft_model(transformers.AutoModel.from_pretrained(base), make(**options)).eval()
    with torch.no_grad():
        for parameter in tuned.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    tuned.save_pretrained(tmp_path)
    unchanged, own = plain("bert")
    _, found = check_same(tmp_path, tuned, unchanged.tokenizer)
    assert not np.allclose(found.matrix(3, "mean"), own.matrix(3, "mean"), atol=1e-6)


# What it brings beside its weights


def longer(base: Path, auto: Any, n_tokens: int = tiny.N_TOKENS + len(NEW)) -> tuple[Any, Any]:
    tokenizer = transformers.AutoTokenizer.from_pretrained(base)
    tokenizer.add_tokens(NEW)
    model = auto.from_pretrained(base)
    model.resize_token_embeddings(n_tokens, mean_resizing=False)
    return model, tokenizer


@pytest.mark.parametrize(
    ("family", "auto", "options"),
    [
        ("bert", "AutoModel", {"target_modules": ["query"]}),
        ("bert", "AutoModel", {"target_modules": ["query"], "modules_to_save": ["word_embeddings"]}),
        ("bert", "AutoModel", {"target_modules": ["query", "word_embeddings"]}),
        ("bert", "AutoModelForMaskedLM", {"target_modules": ["query"]}),
        ("gpt2", "AutoModelForCausalLM", {"target_modules": ["c_attn"], "task_type": "CAUSAL_LM"}),
        ("llama", "AutoModelForCausalLM", {"target_modules": ["q_proj"], "task_type": "CAUSAL_LM"}),
        (
            "llama",
            "AutoModelForCausalLM",
            {"target_modules": ["q_proj"], "modules_to_save": ["embed_tokens", "lm_head"]},
        ),
        ("llama", "AutoModelForSequenceClassification", {"target_modules": ["q_proj"], "task_type": "SEQ_CLS"}),
        ("t5", "AutoModelForSeq2SeqLM", {"target_modules": ["q"], "task_type": "SEQ_2_SEQ_LM"}),
    ],
)
def test_added_tokens_count(
    family: str, auto: str, options: dict[str, Any], bases: dict[str, Path], plain: Any, tmp_path: Path
) -> None:
    model, tokenizer = longer(bases[family], getattr(transformers, auto))
    tuned = adapted(model, tmp_path, **options)
    tokenizer.save_pretrained(tmp_path)
    loaded, vectors = check_same(tmp_path, tuned, tokenizer, WITH_NEW)
    assert loaded.info.tokenizer != plain(family)[0].info.tokenizer
    found = vectors.matrix(len(loaded.info.layer_names) - 1, "mean")
    assert relative_error(found[len(tiny.TEXTS)], found[len(tiny.TEXTS) + 1]) > 0.01


def test_vectors_of_single_new_tokens(bases: dict[str, Path], tmp_path: Path) -> None:
    model, tokenizer = longer(bases["llama"], transformers.AutoModelForCausalLM)
    indices = [tiny.N_TOKENS, tiny.N_TOKENS + 1]
    tuned = adapted(
        model,
        tmp_path,
        task_type="CAUSAL_LM",
        target_modules=["q_proj"],
        trainable_token_indices={"embed_tokens": indices},
    )
    tokenizer.save_pretrained(tmp_path)
    assert any("trainable_tokens" in name for name in tuned.state_dict())
    check_same(tmp_path, tuned, tokenizer, WITH_NEW)


def test_a_new_token_within_the_vocabulary(base: Path, tmp_path: Path) -> None:
    """Bases often have more vectors than tokens: a new token then takes one that is there."""
    own = tiny.save(tmp_path / "own", tiny.bert_config(vocab_size=tiny.N_TOKENS + 8))
    model, tokenizer = longer(own, transformers.AutoModel, tiny.N_TOKENS + 8)
    tuned = adapted(model, tmp_path / "adapter", target_modules=["query"])
    tokenizer.save_pretrained(tmp_path / "adapter")
    check_same(tmp_path / "adapter", tuned, tokenizer, WITH_NEW)


def test_the_tokenizer_alone_counts(base: Path, tmp_path: Path) -> None:
    folder, tuned = save_adapter(tmp_path / "adapter", base)
    before = spec_of(folder).commit
    tokenizer = tiny.tokenizer(template="$A </s>")
    tokenizer.save_pretrained(folder)
    assert spec_of(folder).commit != before
    check_same(folder, tuned, tokenizer)


def test_a_token_without_a_vector_is_refused_where_it_is_used(base: Path, tmp_path: Path) -> None:
    folder, tuned = save_adapter(tmp_path / "adapter", base)
    tokenizer = transformers.AutoTokenizer.from_pretrained(base)
    tokenizer.add_tokens(NEW)
    tokenizer.save_pretrained(folder)
    loaded, _ = check_same(folder, tuned, tokenizer)
    with pytest.raises(ModelError, match=f"gives token {tiny.N_TOKENS}, but the model has only {tiny.N_TOKENS}"):
        extracted(loaded, ["the <extra> sat"])


def test_whole_modules_that_are_saved_count(base: Path, tmp_path: Path) -> None:
    model = transformers.AutoModelForMaskedLM.from_pretrained(base)
    tuned = adapted(model, tmp_path, target_modules=["query"], modules_to_save=["intermediate"])
    check_same(tmp_path, tuned, transformers.AutoTokenizer.from_pretrained(base))


# Onto its base


def test_an_adapter_is_loaded_onto_its_base(base: Path, tmp_path: Path) -> None:
    folder, model = save_adapter(tmp_path / "adapter", base)
    loaded = loaded_model(folder)
    assert loaded.info.architecture == "BertModel" and loaded.info.n_blocks == 3
    found, plain = extracted(loaded, tiny.TEXTS), extracted(loaded_model(base), tiny.TEXTS)
    for row, text in enumerate(tiny.TEXTS):
        states = plain_loop(model, loaded.tokenizer, text)
        assert relative_error(found.matrix(3, "mean")[row], pooled(states[3], "mean")) < 1e-4
    assert not np.allclose(found.matrix(3, "mean"), plain.matrix(3, "mean"), rtol=0.01)


def test_an_adapters_identity_is_its_own_and_its_bases(base: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(base, tmp_path / "base"))
    folder, _ = save_adapter(tmp_path / "adapter", own)
    spec = spec_of(folder)
    assert spec.commit not in (spec_of(own).commit, spec_of(base).commit) and spec_of(folder) == spec
    tensors = load_file(own / "model.safetensors")
    save_file({**tensors, "pooler.dense.bias": tensors["pooler.dense.bias"] + 1}, own / "model.safetensors")
    assert spec_of(folder).commit != spec.commit
    with pytest.raises(ModelError, match="changed since it was resolved"):
        load(spec, device="cpu", roots=None)


def test_an_adapter_brings_its_head(base: Path, tmp_path: Path) -> None:
    folder, model = save_adapter(tmp_path / "adapter", base, "SEQ_CLS")
    loaded = loaded_model(folder)
    assert loaded.info.has_head and len(loaded.info.labels) == 3
    ids = {"input_ids": torch.tensor([loaded.tokenizer("the cat sat").input_ids])}
    with torch.no_grad():
        assert torch.allclose(loaded.module(**ids).logits, model(**ids).logits, atol=1e-5)


def test_the_base_of_an_adapter_is_judged_by_the_same_roots(base: Path, tmp_path: Path) -> None:
    folder, _ = save_adapter(tmp_path / "root" / "adapter", base)
    with pytest.raises(ModelError, match=r"The base model of the adapter .* may not be opened"):
        resolve(str(folder), dtype="float32", roots=(tmp_path / "root",))


def change_adapter(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps({**config, **changes}))


def test_adapters_that_are_refused(base: Path, tmp_path: Path) -> None:
    folder, _ = save_adapter(tmp_path / "adapter", base)

    def copy(name: str) -> Path:
        return Path(shutil.copytree(folder, tmp_path / name))

    change_adapter(prompt := copy("prompt"), peft_type="PREFIX_TUNING", num_virtual_tokens=3)
    assert "of the kind PREFIX_TUNING" in message(prompt)
    change_adapter(code := copy("code"), megatron_config={"a": 1})
    assert "load further code" in message(code)
    (pickled := copy("pickled") / "adapter_model.safetensors").rename(pickled.with_suffix(".bin"))
    assert "only pickle weights" in message(pickled.parent)
    change_adapter(nested := copy("nested"), base_model_name_or_path=str(folder))
    assert "is an adapter, but another adapter names it" in message(nested)
    change_adapter(other := copy("other"), target_modules=["key"])
    assert "lacks 6 tensors" in message(other)
    change_adapter(none := copy("none"), target_modules=["nothing"])
    assert "cannot be applied to its base model" in message(none)
    change_adapter(lost := copy("lost"), base_model_name_or_path="/nothing/here")
    assert "The base model of the adapter" in message(lost) and "no folder '/nothing/here'" in message(lost)
    hint = refusal(lost).hint
    assert "base_model_name_or_path" in hint and "adapter_config.json" in hint and "Check the path" not in hint


@pytest.mark.parametrize("name", ["../base", "./inner/base", "inner/base"])
def test_a_relative_base_starts_from_the_adapters_folder(name: str, base: Path, tmp_path: Path) -> None:
    folder, tuned = save_adapter(tmp_path / "adapter", base)
    shutil.copytree(base, folder / name)
    change_adapter(folder, base_model_name_or_path=name)
    check_same(folder, tuned, transformers.AutoTokenizer.from_pretrained(base))
    assert resolve(str(folder), dtype="float32", roots=(tmp_path,)) == spec_of(folder)
    if name.startswith(".."):
        with pytest.raises(ModelError, match="may not be opened"):
            resolve(str(folder), dtype="float32", roots=(folder,))


def test_an_adapter_without_peft_says_what_to_install(base: Path, tmp_path: Path, monkeypatch: Any) -> None:
    folder, _ = save_adapter(tmp_path, base)
    monkeypatch.setitem(__import__("sys").modules, "peft", None)
    assert "peft is not installed" in message(folder)
