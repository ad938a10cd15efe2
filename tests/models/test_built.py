"""What a model's configuration says of how it is built."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import pytest
from torch import nn

from backend.bench.workbench import Workbench
from backend.forms.fingerprint import EXTRACTION_VERSION
from backend.models.built import built
from backend.values.tasks import ResolveTask
from backend.work.kinds import FRESH
from backend.work.lookups import resolved_for
from backend.work.modelhost import ModelHost
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


def test_facts_that_an_earlier_version_has_kept_are_looked_up_again(bench: Workbench, tmp_path: Path) -> None:
    folder = str(tiny.save_family(tmp_path / "bert", "bert"))
    spec = bench.model(folder).spec
    store = bench._store
    key = f"model/{EXTRACTION_VERSION}/{spec.commit}/{spec.dtype}"
    kept = store.record(key)
    assert kept is not None and kept["built"]
    store.set_record(key, {name: value for name, value in kept.items() if name != "built"})
    host = ModelHost(store, bench.settings, None)
    assert host.known(spec).built == () and host.resolve(folder, spec.dtype).built == host.known(spec).built != ()
    fixed, info = ResolveTask("minilm"), host.known(spec)
    assert resolved_for(fixed, info) is None
    assert resolved_for(fixed, dataclasses.replace(info, built=())) == FRESH
