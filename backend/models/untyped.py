"""What the libraries below bring no types for."""

from typing import Any

Untyped = Any  # a configuration, model, tokenizer or trainer of transformers, tokenizers or peft: no types of their own
