"""The output norms of real families, and the published rule planted and found."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModel, BertConfig, BertModel, GPT2Config, GPT2Model, LlamaConfig, LlamaModel

from backend import NormTask, fingerprint
from backend.bench.workbench import Workbench
from backend.forms.codec import to_json
from backend.models.loading import load
from backend.models.norms import output_norms
from backend.models.resolve import resolve
from backend.store import Store
from tests.models.tiny import tokenizer

BERT = BertConfig(
    hidden_size=48,
    num_hidden_layers=5,
    num_attention_heads=4,
    intermediate_size=64,
    vocab_size=200,
    max_position_embeddings=64,
)
TABLE = ("n_blocks", "furthest_weight", "furthest_bias")


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
    assert found.n_blocks == (5,)
    for values, furthest in ((found.weights, found.furthest_weight), (found.biases, found.furthest_bias)):
        away = [abs(line[7] - np.mean(line)) / np.std(line) for line in values]
        np.testing.assert_allclose(furthest, [max(away)], rtol=1e-9)
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
    found = output_norms(load(spec, device="cpu", roots=None))
    assert (found.name, found.weights.shape, found.biases is not None) == (norm, (2, 32), has_bias)
    assert not found.is_output and found.n_distinct == 2


def test_a_record_of_before_the_rule_had_its_table_is_made_again(bench: Workbench, tmp_path: Path) -> None:
    info = bench.model(str(_saved(BertModel(BERT), tmp_path / "old")))
    task = NormTask(info.spec, 0.5, 0)
    found = bench.wait(task)
    old = {name: value for name, value in to_json(found, {}).items() if name not in TABLE}
    store = Store(bench.settings.cache, budget=10**9)
    store.set_record(f"task/{fingerprint(task)}", old)
    store.close()
    assert bench.peek(task) is None
    again = bench.wait(task)
    assert [getattr(again, name) for name in TABLE] == [getattr(found, name) for name in TABLE]


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


SMALL = {
    **{"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 48, "vocab_size": 40},
    **{"max_position_embeddings": 64, "pad_token_id": 0},
}
OF_FAMILY = {  # the model, its last norm, whether that is the block's output, whether it has biases
    "albert": (AutoConfig.for_model("albert", embedding_size=16, **SMALL), "full_layer_layer_norm", True, True),
    "albert of two groups": (
        AutoConfig.for_model("albert", embedding_size=16, num_hidden_groups=2, **{**SMALL, "num_hidden_layers": 4}),
        "full_layer_layer_norm",
        True,
        True,
    ),
    "bert": (AutoConfig.for_model("bert", **SMALL), "output.LayerNorm", True, True),
    "roberta": (AutoConfig.for_model("roberta", **SMALL), "output.LayerNorm", True, True),
    "electra": (AutoConfig.for_model("electra", embedding_size=16, **SMALL), "output.LayerNorm", True, True),
    "deberta-v2": (AutoConfig.for_model("deberta-v2", **SMALL), "output.LayerNorm", True, True),
    "mpnet": (AutoConfig.for_model("mpnet", **SMALL), "output.LayerNorm", True, True),
    "distilbert": (
        AutoConfig.for_model("distilbert", dim=32, n_layers=3, n_heads=4, hidden_dim=48, vocab_size=40),
        "output_layer_norm",
        True,
        True,
    ),
    "openai-gpt": (
        AutoConfig.for_model("openai-gpt", n_embd=32, n_layer=3, n_head=4, vocab_size=40),
        "ln_2",
        True,
        True,
    ),
    "xlnet": (
        AutoConfig.for_model("xlnet", d_model=32, n_layer=3, n_head=4, d_inner=48, vocab_size=40),
        "ff.layer_norm",
        True,
        True,
    ),
    "mobilebert": (
        AutoConfig.for_model("mobilebert", embedding_size=16, intra_bottleneck_size=16, true_hidden_size=16, **SMALL),
        "output.bottleneck.LayerNorm",
        True,
        True,
    ),
    "opt": (AutoConfig.for_model("opt", ffn_dim=48, word_embed_proj_dim=32, **SMALL), "final_layer_norm", False, True),
    "opt, post-norm": (
        AutoConfig.for_model("opt", ffn_dim=48, word_embed_proj_dim=32, do_layer_norm_before=False, **SMALL),
        "final_layer_norm",
        True,
        True,
    ),
    "gptj, parallel": (
        AutoConfig.for_model("gptj", n_embd=32, n_layer=3, n_head=4, rotary_dim=4, vocab_size=40),
        "ln_1",
        False,
        True,
    ),
    "gpt_neox, parallel": (AutoConfig.for_model("gpt_neox", **SMALL), "post_attention_layernorm", False, True),
    "bloom": (
        AutoConfig.for_model("bloom", n_embed=32, n_layer=3, n_head=4, vocab_size=40),
        "post_attention_layernorm",
        False,
        True,
    ),
    "gemma2, sandwich": (
        AutoConfig.for_model("gemma2", num_key_value_heads=2, head_dim=8, **SMALL),
        "post_feedforward_layernorm",
        False,
        False,
    ),
    "olmo2, norms of queries": (
        AutoConfig.for_model("olmo2", num_key_value_heads=4, **SMALL),
        "post_feedforward_layernorm",
        False,
        False,
    ),
}


@pytest.mark.parametrize("family", OF_FAMILY)
def test_the_norm_that_runs_last_is_taken(family: str, tmp_path: Path) -> None:
    config, norm, is_output, has_bias = OF_FAMILY[family]
    torch.manual_seed(0)
    model = AutoModel.from_config(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name.lower() or "ln_" in name:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    spec = resolve(str(_saved(model, tmp_path / "model")), dtype="float32", roots=None)
    found = output_norms(load(spec, device="cpu", roots=None))
    n_blocks = config.num_hidden_layers
    shared = {"albert": 1, "albert of two groups": 2}.get(family, n_blocks)
    assert (found.name.rpartition("albert_layers.0.")[2], found.is_output) == (norm, is_output)
    assert (found.weights.shape, found.biases is not None, found.n_distinct) == ((n_blocks, 32), has_bias, shared)
    if family.startswith("albert"):
        groups = [group.albert_layers[0].full_layer_layer_norm for group in model.encoder.albert_layer_groups]
        for block in range(n_blocks):
            own = groups[block * len(groups) // n_blocks]
            np.testing.assert_allclose(found.weights[block], own.weight.detach(), rtol=1e-6)


def test_a_shared_norm_counts_for_every_block_that_has_it(bench: Workbench, tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = AutoConfig.for_model("albert", embedding_size=16, **{**SMALL, "hidden_size": 48, "num_hidden_layers": 5})
    model = AutoModel.from_config(config)
    layer = model.encoder.albert_layer_groups[0].albert_layers[0]
    with torch.no_grad():
        for place, norm in ((7, layer.full_layer_layer_norm), (9, layer.attention.LayerNorm)):
            norm.weight.normal_(1, 0.01)
            norm.bias.normal_(0, 0.01)
            norm.weight[place], norm.bias[place] = 0.2, -3.0
    found = bench.wait(NormTask(bench.model(str(_saved(model, tmp_path / "albert"))).spec))
    assert found.dims == (7,) and len(found.weights) == 5  # in more than three blocks, and not the attention's
    assert "The 5 blocks share one norm" in found.note
