"""A sink that keeps everything, and the plain loop over single texts that extraction must agree with."""

from collections import defaultdict
from typing import Any

import numpy as np
import torch

from backend.models.batching import plan_extraction
from backend.models.extraction import extract
from backend.models.loading import LoadedModel, load
from backend.models.resolve import resolve


class Matrices:
    """Collects the blocks by layer and pooling; a row that is written twice or never is an error."""

    def __init__(self) -> None:
        self.blocks: dict[tuple[int, str], list[tuple[Any, Any]]] = defaultdict(list)

    def write(self, layer: int, pooling: str, rows: Any, block: Any) -> None:
        assert block.dtype == np.float32 and rows.dtype == np.int64 and len(rows) == len(block)
        self.blocks[layer, pooling].append((rows.copy(), block.copy()))

    def matrix(self, layer: int, pooling: str) -> Any:
        rows = np.concatenate([rows for rows, _ in self.blocks[layer, pooling]])
        block = np.concatenate([block for _, block in self.blocks[layer, pooling]])
        assert sorted(rows) == list(range(len(rows)))
        return block[np.argsort(rows)]


def loaded_model(folder: Any, dtype: str = "float32") -> LoadedModel:
    return load(resolve(str(folder), dtype=dtype, roots=None), device="cpu", roots=None)


def extracted(loaded: LoadedModel, texts: Any, pairs: Any = None, **options: Any) -> Matrices:
    """Everything that extract gives for ``texts``."""
    max_length = options.pop("max_length", min(64, loaded.info.max_length))
    plan = plan_extraction(loaded.tokenizer, texts, pairs, max_length=max_length, tokens=options.pop("tokens", None))
    sink = Matrices()
    extract(loaded, texts, pairs, plan, sink, **options)
    return sink


def plain_loop(module: Any, tokenizer: Any, text: str, pair: str | None = None, max_length: int = 64) -> list[Any]:
    """The library's own hidden states for one unpadded text: (n_layers, n_tokens, n_dims)."""
    inputs = tokenizer(text, pair, return_tensors="pt", truncation=True, max_length=max_length)
    names = ("input_ids", "attention_mask", "token_type_ids")
    with torch.no_grad():
        output = module(**{name: inputs[name] for name in names if name in inputs}, output_hidden_states=True)
    return [hidden[0].numpy() for hidden in output.hidden_states]


def pooled(hidden: Any, pooling: str) -> Any:
    """One text's vector from its token vectors, written out."""
    return {"cls": hidden[0], "last": hidden[-1], "mean": hidden.astype(np.float64).mean(0)}[pooling]


def relative_error(actual: Any, expected: Any) -> float:
    """Largest deviation of a row, relative to that row's norm."""
    gap = np.linalg.norm(np.asarray(actual, np.float64) - expected, axis=-1)
    return float((gap / np.linalg.norm(expected, axis=-1)).max())
