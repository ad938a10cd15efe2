"""A tiny configuration of any family of the transformers library: its own defaults, every size made small."""

from typing import Any

from transformers import CONFIG_MAPPING

from tests.models.tiny import N_TOKENS

N_LAYERS = 3
SMALL: dict[str, Any] = {
    **dict.fromkeys(("hidden_size", "d_model", "n_embd", "dim", "emb_dim", "model_dim", "hidden_dim_model"), 32),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers"), N_LAYERS),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_heads", "encoder_attention_heads"), 4),
    **dict.fromkeys(("decoder_layers", "num_decoder_layers", "num_encoder_layers"), N_LAYERS),
    **dict.fromkeys(("decoder_attention_heads", "num_key_value_heads", "num_decoder_attention_heads"), 4),
    **dict.fromkeys(("num_encoder_attention_heads",), 4),
    **dict.fromkeys(("intermediate_size", "d_ff", "dff", "ffn_dim", "encoder_ffn_dim", "decoder_ffn_dim"), 48),
    **dict.fromkeys(("n_inner", "hidden_dim", "moe_intermediate_size", "shared_expert_intermediate_size"), 48),
    **dict.fromkeys(("head_dim", "d_kv", "attention_head_size", "kv_channels"), 8),
    **dict.fromkeys(("vocab_size", "src_vocab_size", "tgt_vocab_size", "n_words"), N_TOKENS),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "max_seq_len", "n_ctx"), 128),
    **dict.fromkeys(("num_experts", "n_routed_experts", "num_local_experts", "moe_num_experts"), 4),
    **dict.fromkeys(("num_experts_per_tok", "moe_k", "moe_topk", "top_k_experts"), 2),
    "embedding_size": 16,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def tiny_config(model_type: str) -> Any:
    """The configuration class's defaults with all sizes that it knows made small."""
    kind = CONFIG_MAPPING[model_type]
    known = kind().to_dict()
    small = {name: value for name, value in SMALL.items() if name in known}
    return kind(**small)
