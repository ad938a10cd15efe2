"""Checkpoints that name code of their own (auto_map): never run; the library's own class is taken where it has one."""

from collections.abc import Collection
from functools import lru_cache
from typing import Any


def needs_own_code(config: dict[str, Any]) -> bool:
    """Whether the configuration of a model asks for code that the transformers library does not have itself.

    It has it where it knows both the type and every class that the checkpoint was saved from: a JinaBertForMaskedLM is
    no BERT, whatever its type says. (MPTForCausalLM is the library's MptForCausalLM.)
    """
    if not config.get("auto_map"):
        return False
    from transformers import CONFIG_MAPPING

    if config.get("model_type") not in CONFIG_MAPPING:
        return True
    return any(str(name).lower() not in _library_names() for name in config.get("architectures") or ())


def tokenizer_needs_own_code(table: dict[str, Any], config: dict[str, Any], files: Collection[str]) -> bool:
    """Whether tokenizer_config.json (``table``) asks for code that the library does not have itself.

    A tokenizer.json says all that a tokenizer does. Without it the library must have the class that is named, or one
    for the type of the model.
    """
    if not table.get("auto_map") or "tokenizer.json" in files:
        return False
    from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES

    if str(table.get("tokenizer_class")).lower() in _library_names():
        return False
    return bool(table.get("tokenizer_class")) or not TOKENIZER_MAPPING_NAMES.get(str(config.get("model_type")))


@lru_cache
def _library_names() -> frozenset[str]:
    import transformers

    return frozenset(name.lower() for name in dir(transformers))
