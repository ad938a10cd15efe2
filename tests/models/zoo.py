"""A tiny configuration of any family of the transformers library: its own defaults, every size made small."""

from typing import Any

from transformers import CONFIG_MAPPING, MODEL_MAPPING

from tests.models.tiny import N_TOKENS

N_LAYERS = 3
SMALL: dict[str, Any] = {
    **dict.fromkeys(("hidden_size", "d_model", "n_embd", "dim", "emb_dim", "model_dim"), 32),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers"), N_LAYERS),
    **dict.fromkeys(("decoder_layers", "num_decoder_layers", "num_encoder_layers"), N_LAYERS),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_heads", "encoder_attention_heads"), 4),
    **dict.fromkeys(("decoder_attention_heads", "num_key_value_heads", "num_decoder_attention_heads"), 4),
    **dict.fromkeys(("num_encoder_attention_heads", "index_n_heads", "linear_num_heads"), 4),
    **dict.fromkeys(("intermediate_size", "d_ff", "dff", "ffn_dim", "encoder_ffn_dim", "decoder_ffn_dim"), 48),
    **dict.fromkeys(
        ("n_inner", "hidden_dim", "dim_ff", "moe_intermediate_size", "shared_expert_intermediate_size"), 48
    ),
    **dict.fromkeys(("ffn_hidden_size", "expert_ffn_hidden_size", "shared_experts_intermediate_size"), 48),
    **dict.fromkeys(("moe_hidden_size", "shared_intermediate_size", "moe_shared_expert_intermediate_size"), 48),
    **dict.fromkeys(("head_dim", "d_kv", "attention_head_size", "kv_channels", "dim_head", "linear_head_dim"), 8),
    **dict.fromkeys(("v_head_dim", "qk_nope_head_dim", "qk_rope_head_dim", "index_head_dim"), 8),
    **dict.fromkeys(("kv_lora_rank", "qk_head_dim", "embedding_size", "index_topk"), 16),
    "q_lora_rank": 24,
    **dict.fromkeys(
        ("vocab_size", "src_vocab_size", "tgt_vocab_size", "n_words", "vocab_size_per_layer_input"), N_TOKENS
    ),
    **dict.fromkeys(("pronunciation_vocab_size", "shape_vocab_size", "entity_vocab_size"), N_TOKENS),
    **dict.fromkeys(("hidden_size_per_layer_input", "entity_emb_size"), 8),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "max_seq_len", "n_ctx"), 128),
    **dict.fromkeys(("num_experts", "n_routed_experts", "num_local_experts", "moe_num_experts"), 4),
    **dict.fromkeys(("num_experts_per_tok", "moe_k", "moe_topk", "top_k_experts", "zero_expert_num"), 2),
    **dict.fromkeys(("n_group", "topk_group", "first_k_dense_replace"), 1),
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
MAMBA = {"mamba_n_heads": 4, "mamba_d_head": 16, "mamba_n_groups": 1, "mamba_d_state": 8}
# What a family needs besides: sizes that must fit each other
ODD: dict[str, dict[str, Any]] = {
    "bamba": MAMBA,
    "granitemoehybrid": MAMBA,
    "mamba2": {"head_dim": 16, "n_groups": 1, "state_size": 8},
    "gptj": {"rotary_dim": 4},
    "codegen": {"rotary_dim": 4},
    "gpt_neo": {"num_layers": 2, "attention_types": [[["global", "local"], 1]]},
    "lfm2_moe": {"layer_types": ["conv", "full_attention", "conv"], "num_dense_layers": 1},
    "layoutlmv3": {"coordinate_size": 6, "shape_size": 4},
    "squeezebert": {"embedding_size": 32},
    "xmod": {"default_language": "en_XX"},
    "zaya": {"num_experts_per_tok": 1},
    "reformer": {"axial_pos_embds": False, "attn_layers": ["local", "lsh", "local"], "lsh_attn_chunk_length": 4},
    "longformer": {"attention_window": 8},
    "led": {"attention_window": 8},
    "mobilebert": {"embedding_size": 32, "true_hidden_size": 32, "intra_bottleneck_size": 32},
    **{
        family: {"sections": sections}
        for family, sections in {
            "qwen2_vl_text": [2, 1, 1],
            "qwen2_5_vl_text": [2, 1, 1],
            "glm4v_text": [2, 1, 1],
            "glm_image_text": [2, 1, 1],
            "glm_ocr_text": [2, 1, 1],
            "glm4v_moe_text": [1, 1, 0],
        }.items()
    },
}


def tiny_config(family: str) -> Any:
    """The configuration class's defaults with all sizes that it knows made small."""
    kind, odd = CONFIG_MAPPING[family], dict(ODD.get(family, {}))
    known = kind().to_dict()
    small = {name: value for name, value in SMALL.items() if name in known}
    if "sections" in odd:  # of a rotation over several axes: their sum is half of what is rotated
        small["rope_parameters"] = {**known["rope_parameters"], "mrope_section": odd.pop("sections")}
    config = kind(**{**small, **odd})
    models = MODEL_MAPPING[kind]
    config.architectures = [(models[0] if isinstance(models, tuple) else models).__name__]
    config.use_cache = False
    return config
