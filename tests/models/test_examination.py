"""What a model is tried for when it is loaded: where it ends, what its batches may hold, and that no error is raw."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from backend.errors import ModelError
from backend.models.batching import PADDED, SAME_LENGTH, SINGLE, batches
from backend.models.ending import Ending, EndTrace, ending_of, guessed_norm
from backend.models.examination import examined
from backend.models.heads import own_head
from backend.models.layers import find_layout
from backend.models.loading import LoadedModel, describe
from backend.models.resolve import resolve
from tests.models import tiny
from tests.models.sinks import extracted, loaded_model, relative_error

SMALL = {"vocab_size": tiny.N_TOKENS, "max_position_embeddings": 64, "pad_token_id": 0, **tiny.SIZE}


def saved(folder: Path, family: str, auto: Any = transformers.AutoModel, **options: Any) -> Path:
    return tiny.save(folder, transformers.AutoConfig.for_model(family, **{**SMALL, **options}), auto)


def test_what_is_said_without_weights_is_what_is_found_with_them(tmp_path: Path) -> None:
    for family, last in (("mamba", "final norm"), ("longformer", "block 3"), ("jetmoe", "final norm")):
        folder = saved(tmp_path / family, family, **({"attention_window": 8} if family == "longformer" else {}))
        spec = resolve(str(folder), dtype="float32", roots=None)
        info = describe(spec, roots=None)
        assert info.layer_names[-1] == last and info.caveats == ()
        assert loaded_model(folder).info == info


def test_a_map_after_the_last_layer_is_said() -> None:
    class Projected(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = torch.nn.ModuleList(torch.nn.Linear(8, 8) for _ in range(2))
            self.norm, self.dropout, self.out = torch.nn.LayerNorm(8), torch.nn.Dropout(), torch.nn.Linear(8, 5)

        def forward(self, hidden: Any) -> Any:
            for layer in self.layers:
                hidden = layer(hidden)
            return Output(self.out(self.dropout(self.norm(hidden))))

    class Output:
        def __init__(self, state: Any) -> None:
            self.last_hidden_state = state

    model = Projected().eval()
    layout = find_layout(model, transformers.BertConfig(num_hidden_layers=2), model="projected")
    with EndTrace(model, layout) as trace:
        model(torch.randn(2, 3, 8))
    assert trace.ending(torch.equal, 2, 3) == Ending("norm", "out", True, False, 8)
    assert guessed_norm(model, layout) == "norm"


def test_a_map_after_the_last_layer_stands_on_every_figure(tmp_path: Path) -> None:
    folder = saved(tmp_path, "opt", ffn_dim=48, word_embed_proj_dim=16)
    loaded = loaded_model(folder)
    assert loaded.info.n_dims == 32 and loaded.info.layer_names[-1] == "final norm"
    (caveat,) = loaded.info.caveats
    assert "After its final norm this model applies 'decoder.project_out'" in caveat
    extracted(loaded, tiny.TEXTS)


def test_layers_that_end_elsewhere_are_refused(tmp_path: Path) -> None:
    loaded = loaded_model(saved(tmp_path, "mamba", state_size=4))
    info = replace(loaded.info, layer_names=loaded.info.layer_names[:-1])
    wrong = replace(loaded, layout=replace(loaded.layout, final_norm=None), info=info)
    with pytest.raises(ModelError, match="is not the model's own last hidden state, and 'norm_f' lies between the two"):
        examined(wrong, Ending("", "", False))


def test_tokens_before_a_texts_own_are_refused(tmp_path: Path) -> None:
    """CPM-Ant puts a prompt of its own before every text: the first positions are none of the text's tokens."""
    config = transformers.CpmAntConfig(
        vocab_size=tiny.N_TOKENS, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, dim_head=8, dim_ff=48
    )
    with pytest.raises(ModelError, match="not the model's own last hidden state"):
        loaded_model(tiny.save(tmp_path, config))


@pytest.mark.parametrize("family", ["fnet", "convbert", "nystromformer", "yoso", "mobilebert"])
def test_a_texts_vectors_do_not_depend_on_the_texts_beside_it(tmp_path: Path, family: str) -> None:
    options = {"use_tpu_fourier_optimizations": False} if family == "fnet" else {}
    if family in ("convbert", "mobilebert"):
        options = {"embedding_size": 32}
    if family == "mobilebert":
        options |= {"true_hidden_size": 32, "intra_bottleneck_size": 32}
    loaded = loaded_model(saved(tmp_path, family, **options))
    assert loaded.batching == SAME_LENGTH
    together, padded = extracted(loaded, tiny.TEXTS), extracted(replace(loaded, batching=PADDED), tiny.TEXTS)
    last = len(loaded.info.layer_names) - 1
    alone = np.vstack([extracted(loaded, [text]).matrix(last, "mean") for text in tiny.TEXTS])
    assert relative_error(together.matrix(last, "mean"), alone) < 1e-5
    assert relative_error(padded.matrix(last, "mean"), alone) > 1e-3, "padding would have done harm"


class Restless(torch.nn.Module):
    """Adds what depends on the number of texts, or on chance, to what a block gives."""

    def __init__(self, inner: torch.nn.Module, kind: str) -> None:
        super().__init__()
        self.inner, self.kind = inner, kind

    def forward(self, *args: Any, **options: Any) -> Any:
        output = self.inner(*args, **options)
        hidden = output[0] if isinstance(output, tuple) else output
        changed = hidden + (len(hidden) if self.kind == "number" else torch.randn(())) * 0.1
        return (changed, *output[1:]) if isinstance(output, tuple) else changed


def restless(loaded: LoadedModel, kind: str) -> LoadedModel:
    backbone: Any = loaded.backbone
    backbone.encoder.layer[1] = Restless(backbone.encoder.layer[1], kind)
    layout = find_layout(backbone, backbone.config, model="restless")
    return examined(replace(loaded, layout=layout), Ending("", "", True, False, 32))


def test_texts_that_share_no_batch_go_alone(tmp_path: Path) -> None:
    loaded = restless(loaded_model(tiny.save_family(tmp_path, "bert")), "number")
    assert loaded.batching == SINGLE
    one = extracted(loaded, tiny.TEXTS[:1]).matrix(2, "mean")
    np.testing.assert_allclose(extracted(loaded, tiny.TEXTS).matrix(2, "mean")[:1], one, rtol=1e-6)


def test_a_model_that_draws_random_numbers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="gives the same text a different vector each time"):
        restless(loaded_model(tiny.save_family(tmp_path, "bert")), "chance")


def test_batches_of_one_length_hold_no_padding() -> None:
    lengths = np.array([3, 5, 3, 3, 5, 9])
    padded = [list(batch) for batch in batches(lengths, batch_tokens=10)]
    assert padded == [[5], [1, 4], [0, 2, 3]]
    same = [list(batch) for batch in batches(lengths, batch_tokens=27, sharing=SAME_LENGTH)]
    assert same == [[5], [1, 4], [0, 2, 3]]
    assert [list(batch) for batch in batches(lengths, batch_tokens=27)] == [[5, 1, 4], [0, 2, 3]]
    assert all(len(batch) == 1 for batch in batches(lengths, batch_tokens=27, sharing=SINGLE))


def test_a_family_that_wants_more_than_tokens_is_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path / "bros", "bros", dim_bbox=8)
    with pytest.raises(ModelError, match=r"\(BrosModel\) cannot be run on .* \(ValueError: You have to specify bbox\)"):
        loaded_model(folder)
    config = transformers.XmodConfig(languages=["en_XX", "de_DE"], **SMALL)
    with pytest.raises(ModelError, match="Input language unknown"):
        loaded_model(tiny.save(tmp_path / "xmod", config))
    config.default_language = "de_DE"
    assert loaded_model(tiny.save(tmp_path / "spoken", config)).info.n_blocks == 3


def test_a_head_whose_model_runs_its_backbone_otherwise_is_not_taken(tmp_path: Path) -> None:
    """Longformer's classifier lets its first token see all others; activations come from the backbone by itself."""
    auto = transformers.AutoModelForSequenceClassification
    loaded = loaded_model(saved(tmp_path, "longformer", auto, attention_window=8, num_labels=3))
    head, why = own_head(loaded)
    assert head is None and "what the model's own reads is not the last layer's cls token" in why


def test_the_ending_is_told_without_weights_for_most() -> None:
    from backend.models.architecture import Architecture

    config = transformers.LlamaConfig(num_key_value_heads=4, **SMALL)
    found = ending_of(Architecture(config, transformers.AutoModel, "decoder", False), model="llama")
    assert found == Ending("norm", "", True, False, 32)
