"""From the vectors of all tokens to one vector for each text."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
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


def brought(vectors: Sequence[torch.Tensor]) -> list[npt.NDArray[np.float32]]:
    """Float32 tensors on any one device as arrays. Those of one shape leave a GPU together: each copy of its own would wait for it."""
    if not vectors or vectors[0].device.type == "cpu":
        return [one.numpy() for one in vectors]
    return together(vectors)


def together(vectors: Sequence[torch.Tensor]) -> list[npt.NDArray[np.float32]]:
    """The same by one copy for each shape that there is, in the order given."""
    shapes: dict[torch.Size, list[int]] = {}
    for place, one in enumerate(vectors):
        shapes.setdefault(one.shape, []).append(place)
    found: dict[int, npt.NDArray[np.float32]] = {}
    for places in shapes.values():
        copied = torch.stack([vectors[place] for place in places]).cpu().numpy()
        found |= dict(zip(places, copied, strict=True))
    return [found[place] for place in range(len(vectors))]


def real_tokens(hidden: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Which tokens are no padding, bool (n_texts, n_tokens)."""
    return torch.arange(hidden.shape[1], device=hidden.device) < lengths.unsqueeze(-1)
