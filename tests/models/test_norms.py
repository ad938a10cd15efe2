"""The output norms of real families, and the published rule planted and found."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel, GPT2Config, GPT2Model, LlamaConfig, LlamaModel

from backend import NormTask
from backend.models.loading import load
from backend.models.norms import output_norms
from backend.models.resolve import resolve
from backend.workbench import Workbench
from tests.models.tiny import tokenizer

BERT = BertConfig(
    hidden_size=48,
    num_hidden_layers=5,
    num_attention_heads=4,
    intermediate_size=64,
    vocab_size=200,
    max_position_embeddings=64,
)


def _saved(model: torch.nn.Module, folder: Path) -> Path:
    model.save_pretrained(folder)  # type: ignore[operator]
    tokenizer().save_pretrained(folder)
    return folder


def test_bert_gives_its_output_layer_norm_and_the_rule_finds_what_was_planted(bench: Workbench, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = BertModel(BERT)
    with torch.no_grad():
        for number, layer in enumerate(model.encoder.layer):
            layer.output.LayerNorm.weight.normal_(1, 0.01)
            layer.output.LayerNorm.bias.normal_(0, 0.01)
            layer.output.LayerNorm.weight[7], layer.output.LayerNorm.bias[7] = 0.2, -3.0
            if number < 3:  # in three layers only: not more than three
                layer.output.LayerNorm.weight[9], layer.output.LayerNorm.bias[9] = 1.8, 3.0
    info = bench.model(str(_saved(model, tmp_path / "bert")))
    found = bench.wait(NormTask(info.spec))
    assert found.norm == "output.LayerNorm"
    assert found.dims == (7,)
    np.testing.assert_allclose(found.biases[4], model.encoder.layer[4].output.LayerNorm.bias.detach(), rtol=1e-6)


@pytest.mark.parametrize(
    ("model", "norm", "has_bias"),
    [
        (GPT2Model(GPT2Config(n_embd=32, n_layer=2, n_head=2, vocab_size=200, n_positions=32)), "ln_2", True),
        (
            LlamaModel(
                LlamaConfig(
                    hidden_size=32,
                    num_hidden_layers=2,
                    num_attention_heads=2,
                    intermediate_size=48,
                    vocab_size=200,
                    max_position_embeddings=32,
                )
            ),
            "post_attention_layernorm",
            False,
        ),
    ],
)
def test_pre_norm_families_give_the_last_norm_of_the_block(
    model: torch.nn.Module, norm: str, has_bias: bool, tmp_path: Path
) -> None:
    spec = resolve(str(_saved(model, tmp_path / "model")), dtype="float32", roots=None)
    name, weights, biases = output_norms(load(spec, device="cpu", roots=None))
    assert (name, weights.shape, biases is not None) == (norm, (2, 32), has_bias)


def test_an_untrained_norm_leaves_the_rule_undefined(bench: Workbench, tmp_path: Path) -> None:
    info = bench.model(str(_saved(BertModel(BERT), tmp_path / "untrained")))
    found = bench.wait(NormTask(info.spec))
    assert (found.dims, found.flat, found.undefined) == ((), (1, 2, 3, 4, 5), True)
    assert "In every block all weights or all biases of 'output.LayerNorm' are equal" in found.note


def test_some_flat_blocks_are_named_and_the_rest_still_counts(bench: Workbench, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = BertModel(BERT)
    with torch.no_grad():
        for layer in model.encoder.layer[1:]:
            layer.output.LayerNorm.weight.normal_(1, 0.01)
            layer.output.LayerNorm.bias.normal_(0, 0.01)
            layer.output.LayerNorm.weight[7], layer.output.LayerNorm.bias[7] = 0.2, -3.0
    info = bench.model(str(_saved(model, tmp_path / "half")))
    found = bench.wait(NormTask(info.spec))
    assert (found.dims, found.flat, found.undefined) == ((7,), (1,), False)
    assert found.note.startswith("In block 1 all weights")
    assert bench.wait(NormTask(info.spec, 3.0, 4)).undefined  # four blocks can never be more than four
