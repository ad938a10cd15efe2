"""From the vectors of all tokens to one vector for each text."""

import torch

from backend.errors import InvalidRequest
from backend.values.specs import POOLINGS


def pool(hidden: torch.Tensor, lengths: torch.Tensor, pooling: str) -> torch.Tensor:
    """One vector for each text, float32 (n_texts, n_dims).

    ``hidden`` is (n_texts, n_tokens, n_dims), padded on the right to ``lengths`` (n_texts,) real tokens. "cls" is the
    first real token, "last" the last real token, "mean" the mean over all real tokens, special tokens ([CLS], [SEP],
    <s>) included, as the sentence-transformers library does. Sums are in float32.
    """
    if pooling == "cls":
        return hidden[:, 0].float()
    if pooling == "last":
        return hidden[torch.arange(len(hidden), device=hidden.device), lengths - 1].float()
    if pooling == "mean":
        padding = ~real_tokens(hidden, lengths)
        return hidden.float().masked_fill(padding.unsqueeze(-1), 0.0).sum(1) / lengths.unsqueeze(-1)
    raise InvalidRequest(f"There is no pooling '{pooling}'.", f"Choose one of {', '.join(POOLINGS)}.")


def real_tokens(hidden: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Which tokens are no padding, bool (n_texts, n_tokens)."""
    return torch.arange(hidden.shape[1], device=hidden.device) < lengths.unsqueeze(-1)
