"""A checkpoint's own classification head as numbers: its logits are the model's own, or it is not given out."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from backend.models.heads import own_head
from backend.models.loading import LoadedModel
from tests.models import tiny
from tests.models.sinks import extracted, loaded_model

AUTO = transformers.AutoModelForSequenceClassification
NAMES = {0: "dull", 1: "bright", 2: "neither"}
OPTIONS = {"id2label": NAMES, "label2id": {name: number for number, name in NAMES.items()}}
COMMON = {"vocab_size": tiny.N_TOKENS, "max_position_embeddings": 64, "pad_token_id": 0, **tiny.SIZE, **OPTIONS}
# family -> its configuration, the options of its tokenizer, and the pooling that its head reads
FAMILIES: dict[str, tuple[Any, dict[str, Any], str]] = {
    "gpt2": (tiny.gpt2_config(pad_token_id=2, **OPTIONS), {"template": "$A", "pad": False}, "last"),
    "llama": (tiny.llama_config(pad_token_id=0, **OPTIONS), {"template": "<s> $A", "side": "left"}, "last"),
    "bert": (tiny.bert_config(**OPTIONS), {"model_input_names": tiny.SEGMENTS}, "cls"),
    "roberta": (transformers.RobertaConfig(**COMMON), {}, "cls"),
    "distilbert": (
        transformers.DistilBertConfig(
            vocab_size=tiny.N_TOKENS,
            dim=32,
            n_layers=3,
            n_heads=4,
            hidden_dim=48,
            max_position_embeddings=64,
            **OPTIONS,
        ),
        {},
        "cls",
    ),
    "mistral": (transformers.MistralConfig(num_key_value_heads=2, **COMMON), {"template": "<s> $A"}, "last"),
    "electra": (transformers.ElectraConfig(embedding_size=16, **COMMON), {}, "cls"),
    "albert": (transformers.AlbertConfig(embedding_size=16, **COMMON), {}, "cls"),
    "mpnet": (transformers.MPNetConfig(**COMMON), {}, "cls"),
    "deberta-v2": (transformers.DebertaV2Config(**COMMON), {}, "cls"),
}


def saved(folder: Path, family: str, dtype: str = "float32", **changes: Any) -> LoadedModel:
    config, options, _ = FAMILIES[family]
    tiny.save(folder, type(config).from_dict({**config.to_dict(), **changes}), AUTO, **options)
    return loaded_model(folder, dtype)


def own_logits(loaded: LoadedModel) -> Any:
    """The model's own logits for all texts in one padded batch, on the side that its tokenizer pads."""
    tokenizer = loaded.tokenizer
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    inputs = tokenizer(tiny.TEXTS, return_tensors="pt", padding=True)
    assert not inputs["attention_mask"].all(), "without padding this would show nothing"
    with torch.no_grad():
        output = loaded.module(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"])
    return output.logits.double().numpy()


@pytest.mark.parametrize("family", FAMILIES)
def test_its_logits_are_the_models_own(tmp_path: Path, family: str) -> None:
    loaded = saved(tmp_path, family)
    head, why = own_head(loaded)
    assert head is not None and why == ""
    assert head.pooling == FAMILIES[family][2] and head.classes == tuple(NAMES.values())
    rows = extracted(loaded, tiny.TEXTS, batch_tokens=40).matrix(head.layer, head.pooling)
    expected = own_logits(loaded)
    assert np.ptp(expected, axis=0).min() > 0.1, "the texts differ"
    np.testing.assert_allclose(head.logits(rows), expected, atol=1e-4)
    assert head.deviation < 1e-4


@pytest.mark.parametrize("family", ["gpt2", "bert"])
def test_in_sixteen_bits_the_rounding_is_told(tmp_path: Path, family: str) -> None:
    loaded = saved(tmp_path, family, "bfloat16")
    head, _ = own_head(loaded)
    assert head is not None and head.deviation > 0
    rows = extracted(loaded, tiny.TEXTS).matrix(head.layer, head.pooling)
    expected = own_logits(loaded)
    np.testing.assert_allclose(head.logits(rows), expected, atol=0.1 * np.abs(expected).max())


def test_a_decoder_without_a_padding_token_is_read_too(tmp_path: Path) -> None:
    loaded = saved(tmp_path, "gpt2", pad_token_id=None)
    head, _ = own_head(loaded)
    assert head is not None
    rows = extracted(loaded, tiny.TEXTS).matrix(head.layer, "last")
    for text, row in zip(tiny.TEXTS, rows, strict=True):
        with torch.no_grad():
            expected = loaded.module(**loaded.tokenizer(text, return_tensors="pt")).logits[0].double().numpy()
        np.testing.assert_allclose(head.logits(row[None])[0], expected, atol=1e-4)


def test_a_head_that_skips_the_last_token_is_not_taken_for_one_that_reads_it(tmp_path: Path) -> None:
    config, _, _ = FAMILIES["gpt2"]  # its padding token is </s>, with which this tokenizer ends every text
    tiny.save(tmp_path, config, AUTO, template="$A </s>", pad=False)
    head, why = own_head(loaded_model(tmp_path))
    assert head is None and "last token" in why and "GPT2ForSequenceClassification" in why


def test_a_kind_of_head_that_is_not_known_is_named(tmp_path: Path) -> None:
    special = {"cls_token_id": 1, "sep_token_id": 2, "bos_token_id": 1, "eos_token_id": 2}
    tiny.save(tmp_path, transformers.ModernBertConfig(**COMMON, **special), AUTO)
    head, why = own_head(loaded_model(tmp_path))
    assert head is None and "kind that cannot be read (ModernBertForSequenceClassification)" in why


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"id2label": {0: "score"}, "label2id": {"score": 0}, "num_labels": 1}, "regression"),
        ({"problem_type": "regression"}, "regression"),
        ({"problem_type": "multi_label_classification"}, "several labels"),
    ],
)
def test_what_is_no_classifier_is_not_taken_for_one(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    head, why = own_head(saved(tmp_path, "bert", **changes))
    assert head is None and said in why


def test_a_model_without_a_head_has_none(tmp_path: Path) -> None:
    head, why = own_head(loaded_model(tiny.save_family(tmp_path, "bert")))
    assert head is None and "none of its own" in why


def test_weights_that_are_not_those_in_use_are_noticed(tmp_path: Path) -> None:
    loaded = saved(tmp_path, "bert")
    pooler: Any = loaded.backbone.pooler
    pooler.activation = torch.nn.ReLU()  # now the module does what its type does not say
    head, _ = own_head(loaded)
    assert head is not None and head.stages[0].activation == "relu"
    pooler.forward = lambda hidden: torch.sin(pooler.dense(hidden[:, 0]))
    head, why = own_head(dataclasses.replace(loaded))
    assert head is None and "cls token" in why
