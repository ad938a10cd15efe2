"""Models of text and images or sound: their language model; and checkpoints that name code of their own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from backend.errors import ModelError
from tests.models import tiny
from tests.models.sinks import extracted, loaded_model, pooled, relative_error

IMAGE = {"image_token_id": 27, "image_token_index": 27}
TEXT = {
    **{"vocab_size": tiny.N_TOKENS, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4},
    **{"num_key_value_heads": 2, "intermediate_size": 48, "max_position_embeddings": 64},
    **{"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2},
}
VISION = {
    **{"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16},
    **{"image_size": 28, "patch_size": 14},
}
QWEN_VISION = {"depth": 1, "hidden_size": 16, "num_heads": 2, "intermediate_size": 16, "out_hidden_size": 32}
ROPE = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 1, 1]}
MROPE = {**TEXT, "rope_parameters": ROPE}
OPT = {
    **{"model_type": "opt", "vocab_size": tiny.N_TOKENS, "hidden_size": 32, "num_hidden_layers": 2},
    **{"num_attention_heads": 4, "ffn_dim": 48, "max_position_embeddings": 64, "word_embed_proj_dim": 32},
}
QFORMER = {
    **{"vocab_size": 8, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16},
    "encoder_hidden_size": 16,
}


def of(name: str, text: dict[str, Any], vision: dict[str, Any], **options: Any) -> Callable[[], Any]:
    def make() -> Any:
        config_class = getattr(transformers, name)
        known = {key: value for key, value in IMAGE.items() if key in str(config_class.__dict__)}
        return config_class(text_config=dict(text), vision_config=dict(vision), **{**known, **options})

    return make


SEEING = {
    "gemma3": of("Gemma3Config", {**TEXT, "head_dim": 8, "sliding_window": 16}, VISION, mm_tokens_per_image=4),
    "qwen2-vl": of("Qwen2VLConfig", MROPE, {"depth": 1, "embed_dim": 16, "num_heads": 2, "hidden_size": 32}),
    "qwen2.5-vl": of("Qwen2_5_VLConfig", MROPE, QWEN_VISION),
    "qwen3-vl": of("Qwen3VLConfig", {**MROPE, "head_dim": 8}, {**QWEN_VISION, "deepstack_visual_indexes": [0]}),
    "llama4": of(
        "Llama4Config",
        {**TEXT, "head_dim": 8, "num_local_experts": 2, "intermediate_size_mlp": 48},
        {**VISION, "vision_output_dim": 16, "projector_input_dim": 16, "projector_output_dim": 16},
    ),
    "mistral3": of(
        "Mistral3Config", {"model_type": "mistral", **TEXT, "head_dim": 8}, {"model_type": "pixtral", **VISION}
    ),
    "llava": of("LlavaConfig", {"model_type": "llama", **TEXT}, {"model_type": "clip_vision_model", **VISION}),
    "llava with pixtral": of("LlavaConfig", {"model_type": "mistral", **TEXT}, {"model_type": "pixtral", **VISION}),
    "blip-2": of("Blip2Config", OPT, VISION, qformer_config=QFORMER, num_query_tokens=2),
    "modernvbert": of(
        "ModernVBertConfig", {"model_type": "modernbert", **TEXT}, {"model_type": "siglip_vision_model", **VISION}
    ),
}


def of_class(config: Any) -> Any:
    mapping = transformers.AutoModelForImageTextToText._model_mapping
    return transformers.AutoModelForImageTextToText if type(config) in mapping else transformers.AutoModel


@pytest.mark.parametrize("family", SEEING)
def test_a_model_of_text_and_images_shows_its_language_model(family: str, tmp_path: Path) -> None:
    config = SEEING[family]()
    auto = of_class(config)
    tiny.save(tmp_path, config, auto)
    loaded = loaded_model(tmp_path)
    info = loaded.info
    assert (info.n_blocks, info.n_dims, info.family) == (2, 32, "encoder" if family == "modernvbert" else "decoder")
    assert info.layer_names[-1] == "final norm" and info.max_length == 64
    whole = auto.from_pretrained(tmp_path).eval()
    assert info.n_parameters < sum(parameter.numel() for parameter in whole.parameters())
    found = extracted(loaded, tiny.TEXTS)
    for row, text in enumerate(tiny.TEXTS):
        ids = torch.tensor([loaded.tokenizer(text).input_ids])
        part = whole.language_model if family == "blip-2" else whole  # as a whole it takes no text without an image
        with torch.no_grad():
            states = part(input_ids=ids, output_hidden_states=True).hidden_states
        assert relative_error(found.matrix(3, "mean")[row], pooled(states[-1][0].numpy(), "mean")) < 1e-4
        assert relative_error(found.matrix(1, "last")[row], states[1][0, -1].numpy()) < 1e-4


def test_paligemma_shows_its_language_model_alone(tmp_path: Path) -> None:
    config = of("PaliGemmaConfig", {"model_type": "gemma", **TEXT, "head_dim": 8}, VISION, projection_dim=32)()
    tiny.save(tmp_path, config, transformers.AutoModelForImageTextToText)
    loaded = loaded_model(tmp_path)
    whole = transformers.AutoModelForImageTextToText.from_pretrained(tmp_path).eval()
    found = extracted(
        loaded, tiny.TEXTS, batch_tokens=1
    )  # it attends in both directions, but not where there is padding
    for row, text in enumerate(tiny.TEXTS):
        with torch.no_grad():
            own = whole.model.language_model(
                input_ids=torch.tensor([loaded.tokenizer(text).input_ids])
            ).last_hidden_state
        assert relative_error(found.matrix(3, "mean")[row], pooled(own[0].numpy(), "mean")) < 1e-4


def test_the_encoder_of_t5gemma(tmp_path: Path) -> None:
    part = {**TEXT, "head_dim": 8, "sliding_window": 16}
    config = transformers.T5GemmaConfig(encoder=dict(part), decoder=dict(part), vocab_size=tiny.N_TOKENS)
    tiny.save(tmp_path, config, transformers.AutoModelForSeq2SeqLM)
    loaded = loaded_model(tmp_path)
    assert loaded.info.family == "encoder-decoder" and loaded.info.layer_names[-1] == "final norm"
    encoder = transformers.AutoModelForSeq2SeqLM.from_pretrained(tmp_path).eval().get_encoder()
    found = extracted(loaded, tiny.TEXTS)
    for row, text in enumerate(tiny.TEXTS):
        with torch.no_grad():
            own = encoder(input_ids=torch.tensor([loaded.tokenizer(text).input_ids])).last_hidden_state[0].numpy()
        assert relative_error(found.matrix(3, "mean")[row], pooled(own, "mean")) < 1e-4


# Code of their own

CODED = {
    "phi3": (lambda: transformers.Phi3Config(**TEXT), "Phi3ForCausalLM"),
    "falcon": (lambda: transformers.FalconConfig(**TEXT), "FalconForCausalLM"),
    "mpt": (
        lambda: transformers.MptConfig(d_model=32, n_heads=4, n_layers=2, max_seq_len=64, vocab_size=tiny.N_TOKENS),
        "MPTForCausalLM",
    ),
}


def give_code(folder: Path, architecture: str) -> None:
    for name, changes in (
        ("config.json", {"auto_map": {"AutoModel": "modeling_x.X"}, "architectures": [architecture]}),
        (
            "tokenizer_config.json",
            {"auto_map": {"AutoTokenizer": ["token_x.X", None]}, "tokenizer_class": "XTokenizer"},
        ),
    ):
        table = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**table, **changes}))
    (folder / "modeling_x.py").write_text("raise SystemExit")
    (folder / "token_x.py").write_text("raise SystemExit")


@pytest.mark.parametrize("family", CODED)
def test_a_family_that_the_library_knows_needs_no_code(family: str, tmp_path: Path) -> None:
    make, architecture = CODED[family]
    tiny.save(tmp_path, make())
    before = extracted(loaded_model(tmp_path), tiny.TEXTS).matrix(2, "mean")
    give_code(tmp_path, architecture)
    assert (extracted(loaded_model(tmp_path), tiny.TEXTS).matrix(2, "mean") == before).all()


def test_a_class_that_the_library_does_not_know_needs_it(tmp_path: Path) -> None:
    tiny.save(tmp_path, tiny.bert_config())
    give_code(tmp_path, "JinaBertForMaskedLM")
    with pytest.raises(ModelError, match=r"needs code of its own \(config.json"):
        loaded_model(tmp_path)
