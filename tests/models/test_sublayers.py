"""The parts of blocks as layers: what attention and MLP add, and the residual stream between; refused where they are not known."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backend.bench.workbench import Workbench
from backend.errors import InvalidRequest, ModelError
from backend.models.batching import plan_extraction
from backend.models.loading import LoadedModel
from backend.models.sublayers import extract_parts, part_names
from tests.models import tiny
from tests.models.sinks import extracted, loaded_model
from tests.models.zoo import tiny_config


def parts_of(loaded: LoadedModel, pooling: str = "mean", batch_tokens: int = 40) -> dict[str, np.ndarray]:
    """Every layer of ``extract_parts`` by its name."""
    most = len(part_names(loaded.layout.n_blocks))
    found = np.full((most, len(tiny.TEXTS), loaded.info.n_dims), np.nan, np.float32)

    def write(layer: int, rows: np.ndarray, block: np.ndarray) -> None:
        found[layer, rows] = block

    plan = plan_extraction(loaded.tokenizer, tiny.TEXTS, None, max_length=32)
    names = extract_parts(loaded, tiny.TEXTS, None, plan, write, pooling=pooling, batch_tokens=batch_tokens)
    assert np.isfinite(found[: len(names)]).all() and np.isnan(found[len(names) :]).all()
    return dict(zip(names, found, strict=False))


def tiny_family(family: str, folder: Path, **options: Any) -> LoadedModel:
    """A tiny random model of a family, with what is set in its configuration."""
    if family in tiny.FAMILIES:
        return loaded_model(tiny.save_family(folder, family))
    config = tiny_config(family)
    for name, value in options.items():
        setattr(config, name, value)
    return loaded_model(tiny.save(folder, config))


SEQUENTIAL = [
    *((family, {}) for family in ("gpt2", "llama", "gemma2", "t5", "opt", "bloom", "mpt")),
    ("gpt_neox", {"use_parallel_residual": False}),
    ("falcon", {"parallel_attn": False, "new_decoder_architecture": False}),
]
PARALLEL = [
    *((family, {}) for family in ("gpt_neox", "gptj", "codegen", "phi", "cohere")),
    ("falcon", {"parallel_attn": True, "new_decoder_architecture": False}),
    ("falcon", {"new_decoder_architecture": True, "num_kv_heads": 4}),
]


@pytest.mark.parametrize(("family", "options"), SEQUENTIAL, ids=lambda one: str(one))
@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_where_the_sum_goes_on_the_pooled_parts_add_up(
    family: str, options: dict[str, Any], pooling: str, tmp_path: Path
) -> None:
    loaded = tiny_family(family, tmp_path, **options)
    found, plain = parts_of(loaded, pooling), extracted(loaded, tiny.TEXTS)
    np.testing.assert_allclose(found["embedding"], plain.matrix(0, pooling), rtol=1e-4, atol=1e-4)
    for number in range(1, loaded.info.n_blocks + 1):
        before = found["embedding" if number == 1 else f"block {number - 1}"]
        attention, between, mlp = (
            found[f"block {number}, {part}"] for part in ("attention", "residual between", "MLP")
        )
        size = np.abs(found[f"block {number}"]).max()
        np.testing.assert_allclose(before + attention, between, atol=1e-4 * size)
        np.testing.assert_allclose(between + mlp, found[f"block {number}"], atol=1e-4 * size)
        np.testing.assert_allclose(found[f"block {number}"], plain.matrix(number, pooling), rtol=1e-4, atol=1e-4 * size)
        assert np.abs(attention).max() > 1e-3 * size and np.abs(mlp).max() > 1e-3 * size


@pytest.mark.parametrize(("family", "options"), PARALLEL, ids=lambda one: str(one))
def test_in_a_parallel_block_input_attention_and_mlp_add_up_and_there_is_no_stream_between(
    family: str, options: dict[str, Any], tmp_path: Path
) -> None:
    loaded = tiny_family(family, tmp_path, **options)
    found, plain = parts_of(loaded), extracted(loaded, tiny.TEXTS)
    assert tuple(found) == part_names(loaded.layout.n_blocks, parallel=True)
    assert list(found)[:4] == ["embedding", "block 1, attention", "block 1, MLP", "block 1"]
    for number in range(1, loaded.info.n_blocks + 1):
        before = found["embedding" if number == 1 else f"block {number - 1}"]
        attention, mlp, end = (found[f"block {number}{part}"] for part in (", attention", ", MLP", ""))
        size = np.abs(end).max()
        np.testing.assert_allclose(before + attention + mlp, end, atol=1e-4 * size)
        np.testing.assert_allclose(end, plain.matrix(number, "mean"), rtol=1e-4, atol=1e-4 * size)
        assert np.abs(attention).max() > 1e-3 * size and np.abs(mlp).max() > 1e-3 * size


def test_of_opt_with_norms_behind_the_sums_the_parts_are_those_before_each_norm(tmp_path: Path) -> None:
    loaded = tiny_family("opt", tmp_path, do_layer_norm_before=False)
    found = parts_of(loaded, "last")
    inputs = loaded.tokenizer(tiny.TEXTS[0], return_tensors="pt")
    seen: list[torch.Tensor] = []
    block = loaded.layout.blocks[0]
    handle = block.fc2.register_forward_hook(lambda module, args, output: seen.append(output))
    with torch.inference_mode():
        states = loaded.backbone(**inputs, output_hidden_states=True).hidden_states
        handle.remove()
        between = torch.from_numpy(found["block 1, residual between"][0])
        normed = block.self_attn_layer_norm(states[0][0, -1] + torch.from_numpy(found["block 1, attention"][0]))
        end = block.final_layer_norm(between + seen[0][-1])
    np.testing.assert_allclose(between.numpy(), normed.numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found["block 1, MLP"][0], seen[0][-1].numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found["block 1"][0], end.numpy(), rtol=1e-4, atol=1e-5)


def test_of_bert_the_parts_are_those_before_each_norm(tmp_path: Path) -> None:
    loaded = loaded_model(tiny.save_family(tmp_path, "bert"))
    found = parts_of(loaded, "cls")
    inputs = loaded.tokenizer(tiny.TEXTS[0], return_tensors="pt")
    with torch.inference_mode():
        states = loaded.backbone(**inputs, output_hidden_states=True).hidden_states
        block = loaded.layout.blocks[0]
        read = block.attention.self(states[0])
        attention = block.attention.output.dense(read[0])
        between = block.attention.output.LayerNorm(attention + states[0])
        mlp = block.output.dense(block.intermediate(between))
    for part, expected in (("attention", attention), ("residual between", between), ("MLP", mlp)):
        np.testing.assert_allclose(found[f"block 1, {part}"][0], expected[0, 0].numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", ["albert", "xlnet"])
def test_blocks_whose_parts_are_not_known_are_refused(family: str, tmp_path: Path) -> None:
    loaded = loaded_model(tiny.save(tmp_path, tiny_config(family)))
    with pytest.raises(ModelError, match="are not known"):
        parts_of(loaded)
    assert not any(block._forward_hooks for block in loaded.layout.blocks), "no hook stays behind"


def test_a_part_that_does_not_add_up_is_not_believed(tmp_path: Path) -> None:
    loaded = loaded_model(tiny.save_family(tmp_path, "gpt2"))
    for block in loaded.layout.blocks:
        block.register_forward_hook(
            lambda block, args, output: (output[0] if isinstance(output, tuple) else output) * 1.5
        )
    with pytest.raises(ModelError, match="are not known"):
        parts_of(loaded)


def test_sub_layers_are_a_model_for_every_metric(bench: Workbench, tmp_path: Path) -> None:
    texts = bench.sample_texts(bench.text_set_info("sentiment"), 40)
    info = bench.sub_layers("minilm", texts, pooling="cls")
    assert info.spec.name == "vectors:minilm-sublayers-sentiment-first-40-cls"
    assert info.layer_names[:5] == (
        "embedding",
        "block 1, attention",
        "block 1, residual between",
        "block 1, MLP",
        "block 1",
    )
    assert "parts of the blocks of minilm (pooling cls" in info.remarks[0]
    ours = bench.compute("anisotropy", model=info, texts=texts)
    plain = bench.compute("anisotropy", model="minilm", texts=texts, pooling="cls")
    np.testing.assert_allclose(ours.values.anisotropy[::4][1:], plain.values.anisotropy[1:], rtol=1e-5)
    assert bench.sub_layers("minilm", texts, pooling="cls") == info
    with pytest.raises(InvalidRequest, match="no model behind"):
        bench.sub_layers(info, texts)
