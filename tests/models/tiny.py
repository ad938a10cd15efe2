"""Tiny random models of real families, saved as a user would save them: config, tokenizer, safetensors."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

WORDS = [
    "the",
    "a",
    "cat",
    "dog",
    "sat",
    "ran",
    "on",
    "mat",
    "log",
    "film",
    "was",
    "good",
    "bad",
    "dull",
    "bright",
    "and",
    "not",
    "very",
    "old",
    "new",
    "house",
    "sea",
    "sky",
    "is",
    "it",
]
SPECIAL = ["<pad>", "<s>", "</s>", "<unk>"]
SEGMENTS = ["input_ids", "token_type_ids", "attention_mask"]
N_TOKENS = len(SPECIAL) + len(WORDS)
TEXTS = [
    "the cat sat on the mat",
    "dog",
    "a very old house and a new sea",
    "the film was not good it was very very dull and bad and old",
    "it is",
    "bright sky",
    "the dog ran on the log and the cat sat on the mat and it was good",
]
SIZE = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 48}


def tokenizer(*, template: str = "<s> $A </s>", pad: bool = True, side: str = "right", **options: Any) -> Any:
    """A word tokenizer; ``template`` says which special tokens it adds ("$A" for none)."""
    vocabulary = {word: number for number, word in enumerate([*SPECIAL, *WORDS])}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    if template != "$A":
        pair = "<s> $A </s> $B:1 </s>:1" if "</s>" in template else "<s> $A $B:1"
        inner.post_processor = processors.TemplateProcessing(
            single=template, pair=pair, special_tokens=[("<s>", 1), ("</s>", 2)]
        )
    if pad:
        options["pad_token"] = "<pad>"
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        padding_side=side,
        **options,
    )


def save(folder: Path, config: Any, auto: Any = transformers.AutoModel, *, seed: int = 0, **options: Any) -> Path:
    """A model of ``config`` with random weights, large enough that layers differ, saved with its tokenizer."""
    torch.manual_seed(seed)
    model = auto.from_config(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1:
                parameter.normal_(0.0, 0.3)
            else:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    model.save_pretrained(folder)
    tokenizer(**options).save_pretrained(folder)
    return folder


def bert_config(**options: Any) -> Any:
    return transformers.BertConfig(
        **{"vocab_size": N_TOKENS, "max_position_embeddings": 64, "pad_token_id": 0, **SIZE, **options}
    )


def gpt2_config(**options: Any) -> Any:
    return transformers.GPT2Config(
        vocab_size=N_TOKENS, n_positions=64, n_embd=32, n_layer=3, n_head=4, bos_token_id=1, eos_token_id=2, **options
    )


def llama_config(**options: Any) -> Any:
    return transformers.LlamaConfig(
        vocab_size=N_TOKENS, max_position_embeddings=64, num_key_value_heads=2, **{**SIZE, **options}
    )


def t5_config(**options: Any) -> Any:
    return transformers.T5Config(
        vocab_size=N_TOKENS, d_model=32, d_kv=8, d_ff=48, num_layers=3, num_heads=4, decoder_start_token_id=0, **options
    )


# Each family with its auto class and the tokenizer that goes with it.
FAMILIES: dict[str, tuple[Callable[[], Any], Any, dict[str, Any]]] = {
    "bert": (bert_config, transformers.AutoModelForMaskedLM, {"model_input_names": SEGMENTS}),
    "gpt2": (gpt2_config, transformers.AutoModelForCausalLM, {"template": "$A", "pad": False}),
    "llama": (llama_config, transformers.AutoModelForCausalLM, {"template": "<s> $A", "side": "left"}),
    "t5": (t5_config, transformers.AutoModelForSeq2SeqLM, {"template": "$A </s>"}),
}


def save_family(folder: Path, family: str) -> Path:
    """One of FAMILIES in ``folder``."""
    config, auto, options = FAMILIES[family]
    return save(folder, config(), auto, **options)
