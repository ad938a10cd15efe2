"""What a model's configuration says of how it is built."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from torch import nn

from backend.bench.workbench import Workbench
from backend.models.built import built
from tests.models import tiny


@pytest.mark.parametrize(
    ("family", "activation", "positions"),
    [("bert", "gelu", "a vector for each place"), ("gpt2", "gelu_new", "a vector for each place"), ("llama", "silu", "rotary")],
)  # fmt: skip
def test_heads_activation_vocabulary_and_positions(
    family: str, activation: str, positions: str, bench: Workbench, tmp_path: Path
) -> None:
    folder = tiny.save_family(tmp_path / family, family)
    info = bench.model(str(folder))
    facts = dict(info.built)
    assert facts["Activation"] == activation and facts["Positions"] == positions
    assert facts["Vocabulary"].endswith(" tokens") and facts["Attention heads"][0].isdigit()


def test_fewer_heads_of_keys_and_values_are_said_and_what_nobody_says_is_left_out(
    bench: Workbench, tmp_path: Path
) -> None:
    config = tiny.llama_config()
    assert config.num_key_value_heads < config.num_attention_heads
    folder = tiny.save(tmp_path / "grouped", config)
    heads = f"{config.num_attention_heads}, keys and values {config.num_key_value_heads}"
    assert dict(bench.model(str(folder)).built)["Attention heads"] == heads
    assert built(SimpleNamespace(num_attention_heads=2), nn.Linear(1, 1)) == (("Attention heads", "2"),)
