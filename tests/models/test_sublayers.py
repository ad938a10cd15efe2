"""The parts of blocks as layers: what attention and MLP add, and the residual stream between; refused where they are not known."""

from pathlib import Path

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
    names = part_names(loaded.layout.n_blocks)
    found = {name: np.full((len(tiny.TEXTS), loaded.info.n_dims), np.nan, np.float32) for name in names}

    def write(layer: int, rows: np.ndarray, block: np.ndarray) -> None:
        found[names[layer]][rows] = block

    plan = plan_extraction(loaded.tokenizer, tiny.TEXTS, None, max_length=32)
    extract_parts(loaded, tiny.TEXTS, None, plan, write, pooling=pooling, batch_tokens=batch_tokens)
    return found


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma2", "t5"])
@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_where_the_sum_goes_on_the_pooled_parts_add_up(family: str, pooling: str, tmp_path: Path) -> None:
    folder = tiny.save_family(tmp_path, family) if family in tiny.FAMILIES else tiny.save(tmp_path, tiny_config(family))
    loaded = loaded_model(folder)
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


@pytest.mark.parametrize("family", ["gpt_neox", "albert", "falcon"])
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
