"""The layers of many families: found, in order, of the right width, and ending where the model's own output does."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from backend.errors import ModelError
from backend.models.layers import find_layout
from tests.models import tiny
from tests.models.sinks import extracted, loaded_model, plain_loop, relative_error

COMMON = {"vocab_size": tiny.N_TOKENS, "max_position_embeddings": 64, "pad_token_id": 0, **tiny.SIZE}
DECODER = {**COMMON, "num_key_value_heads": 2, "head_dim": 8}
SEQ2SEQ = {
    "vocab_size": tiny.N_TOKENS,
    "d_model": 32,
    "encoder_layers": 3,
    "decoder_layers": 1,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}
# model type -> its options, and whether it ends in a norm after the last block
FAMILIES: dict[str, tuple[dict[str, Any], bool]] = {
    "bert": (COMMON, False),
    "roberta": (COMMON, False),
    "xlm-roberta": (COMMON, False),
    "xlm-roberta-xl": (COMMON, True),
    "roberta-prelayernorm": (COMMON, True),
    "camembert": (COMMON, False),
    "electra": ({**COMMON, "embedding_size": 16}, False),
    "albert": ({**COMMON, "embedding_size": 16}, False),
    "mpnet": (COMMON, False),
    "deberta": ({**COMMON, "relative_attention": True, "pos_att_type": ["c2p", "p2c"]}, False),
    "deberta-v2": (
        {**COMMON, "relative_attention": True, "norm_rel_ebd": "layer_norm", "position_buckets": 8},
        False,
    ),
    "distilbert": ({"vocab_size": tiny.N_TOKENS, "dim": 32, "n_layers": 3, "n_heads": 4, "hidden_dim": 48}, False),
    "modernbert": ({**COMMON, "cls_token_id": 1, "sep_token_id": 2, "bos_token_id": 1, "eos_token_id": 2}, True),
    "gpt2": ({"vocab_size": tiny.N_TOKENS, "n_positions": 64, "n_embd": 32, "n_layer": 3, "n_head": 4}, True),
    "gptj": (
        {"vocab_size": tiny.N_TOKENS, "n_positions": 64, "n_embd": 32, "n_layer": 3, "n_head": 4, "rotary_dim": 4},
        True,
    ),
    "gpt_neo": (
        {
            **{"vocab_size": tiny.N_TOKENS, "max_position_embeddings": 64, "hidden_size": 32, "num_layers": 2},
            **{"num_heads": 4, "attention_types": [[["global", "local"], 1]]},
        },
        True,
    ),
    "gpt_neox": (COMMON, True),
    "bloom": ({"vocab_size": tiny.N_TOKENS, "hidden_size": 32, "n_layer": 3, "n_head": 4}, True),
    "falcon": ({**COMMON, "alibi": False}, True),
    "mpt": ({"vocab_size": tiny.N_TOKENS, "d_model": 32, "n_layers": 3, "n_heads": 4, "max_seq_len": 64}, True),
    "opt": ({**COMMON, "ffn_dim": 48, "word_embed_proj_dim": 32}, True),
    "llama": (DECODER, True),
    "mistral": (DECODER, True),
    "qwen2": (DECODER, True),
    "qwen3": (DECODER, True),
    "gemma": (DECODER, True),
    "gemma2": (DECODER, True),
    "phi": ({**COMMON, "num_key_value_heads": 4}, True),
    "olmo2": (DECODER, True),
    "stablelm": ({**COMMON, "num_key_value_heads": 2}, True),
    "t5": ({"vocab_size": tiny.N_TOKENS, "d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 3, "num_heads": 4}, True),
    "mamba": ({**COMMON, "state_size": 4}, True),
    "falcon_mamba": ({**COMMON, "state_size": 4}, True),
    "clip_text_model": ({**COMMON, "bos_token_id": 1, "eos_token_id": 2}, True),
    "ctrl": (
        {"vocab_size": tiny.N_TOKENS, "n_positions": 64, "n_embd": 32, "dff": 48, "n_layer": 3, "n_head": 4},
        True,
    ),
    "rwkv": ({**COMMON, "attention_hidden_size": 32}, True),
    "lfm2": ({**DECODER, "full_attn_idxs": [1]}, True),
    "megatron-bert": (COMMON, True),
    "xlnet": ({"vocab_size": tiny.N_TOKENS, "d_model": 32, "n_layer": 3, "n_head": 4, "d_inner": 48}, False),
    "fnet": ({**COMMON, "use_tpu_fourier_optimizations": False}, False),
    "convbert": ({**COMMON, "embedding_size": 32}, False),
    "nystromformer": (COMMON, False),
    "yoso": (COMMON, False),
    "mobilebert": ({**COMMON, "embedding_size": 32, "true_hidden_size": 32, "intra_bottleneck_size": 32}, False),
    "fsmt": (
        {**SEQ2SEQ, "langs": ["en", "de"], "src_vocab_size": tiny.N_TOKENS, "tgt_vocab_size": tiny.N_TOKENS},
        False,
    ),
    "bigbird_pegasus": ({**SEQ2SEQ, "attention_type": "original_full"}, True),
    "bart": (SEQ2SEQ, False),
    "mbart": (SEQ2SEQ, True),
    "pegasus": (SEQ2SEQ, True),
}


NO_EMBEDDING = ("albert", "electra", "bloom", "mpt", "mamba", "falcon_mamba", "rwkv", "xlnet", "fsmt", "mobilebert")
MIX_OVER_PADDING = ("fnet", "convbert", "nystromformer", "yoso", "mobilebert")


@pytest.mark.parametrize("family", list(FAMILIES))
def test_layers_end_where_the_model_does_whatever_the_batch(family: str, tmp_path: Path) -> None:
    options, has_norm = FAMILIES[family]
    folder = tiny.save(tmp_path, transformers.AutoConfig.for_model(family, **options))
    loaded = loaded_model(folder)
    n_blocks = loaded.info.n_blocks
    assert n_blocks == transformers.AutoConfig.from_pretrained(folder).num_hidden_layers
    assert loaded.info.layer_names[-1] == ("final norm" if has_norm else f"block {n_blocks}")
    assert loaded.batching == ("same length" if family in MIX_OVER_PADDING else "padded")
    found = extracted(loaded, tiny.TEXTS, batch_tokens=60)
    module = transformers.AutoModel.from_pretrained(folder).eval()
    module = module.get_encoder() if loaded.info.family == "encoder-decoder" else module
    for row, text in enumerate(tiny.TEXTS):
        with torch.no_grad():
            ids = torch.tensor([loaded.tokenizer(text).input_ids])
            last = module(input_ids=ids).last_hidden_state[0]
        expected = last.double().mean(0).numpy()
        assert relative_error(found.matrix(n_blocks + has_norm, "mean")[row], expected) < 1e-4
        if family not in NO_EMBEDDING:  # where the library shows what the first block gets
            first = plain_loop(module, loaded.tokenizer, text)[0]
            assert relative_error(found.matrix(0, "last")[row], first[-1]) < 1e-4
    assert all(found.matrix(layer, "cls").shape == (len(tiny.TEXTS), 32) for layer in range(n_blocks + 1 + has_norm))
    assert (
        len({found.matrix(layer, "mean").tobytes() for layer in range(n_blocks + 1 + has_norm)})
        == n_blocks + 1 + has_norm
    )


def test_a_family_of_unknown_names_is_found_by_its_list_of_blocks() -> None:
    class OddBlock(torch.nn.Linear):
        pass

    class Odd(torch.nn.Module):
        def __init__(self, blocks: Any) -> None:
            super().__init__()
            self.norms = torch.nn.ModuleList(torch.nn.LayerNorm(4) for _ in range(5))
            self.tower = torch.nn.ModuleDict({"floors": torch.nn.ModuleList(blocks)})

    config = transformers.BertConfig(num_hidden_layers=3)
    layout = find_layout(Odd(OddBlock(4, 4) for _ in range(3)), config, model="odd")
    assert layout.n_blocks == 3 and layout.final_norm is None and isinstance(layout.blocks[0], OddBlock)
    for blocks in ([], [OddBlock(4, 4)], [torch.nn.Linear(4, 4) for _ in range(3)]):
        with pytest.raises(ModelError, match="blocks of the model 'odd' \\(Odd\\) cannot be found"):
            find_layout(Odd(blocks), config, model="odd")


def test_the_embedding_layer_is_constant_for_cls_in_bert(tmp_path: Path) -> None:
    loaded = loaded_model(tiny.save_family(tmp_path, "bert"))
    rows = extracted(loaded, tiny.TEXTS).matrix(0, "cls")
    assert np.ptp(rows, axis=0).max() == 0.0
