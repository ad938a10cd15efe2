"""What some families keep from one pass to the next, or take from the longest text of a batch, and how it is undone.

BigBird attends in blocks above a number of tokens, and changes for good to full attention at the first batch below it.
Rotary frequencies of the kinds "dynamic" and "longrope" follow the longest text of a batch beyond the length that the
model was first trained on; the dynamic ones stay with the longest text so far.
"""

from collections.abc import Iterator
from typing import Any

from torch import nn

from backend.models.untyped import Untyped

UNBOUNDED = 2**62
_BY_LENGTH = ("dynamic", "longrope")


def padding_bound(config: Untyped) -> int:
    """The most tokens up to which a text's vectors depend on no longer text beside it; beyond it, they would."""
    bounds = [UNBOUNDED]
    if getattr(config, "attention_type", None) == "block_sparse":
        bounds.append((5 + 2 * int(config.num_random_blocks)) * int(config.block_size))
    for rope in _ropes(config):
        if rope.get("rope_type") in _BY_LENGTH:
            bounds.append(int(rope.get("original_max_position_embeddings") or config.max_position_embeddings))
    return min(bounds)


def settle(backbone: nn.Module, config: Untyped) -> None:
    """Bring ``backbone`` back to what it was when it was loaded, whatever ran through it since."""
    if padding_bound(config) == UNBOUNDED:
        return
    change: Any = getattr(backbone, "set_attention_type", None)
    if change is not None:
        change(config.attention_type)
    for module in backbone.modules():
        for name, original in list(vars(module).items()) + list(module.named_buffers(recurse=False)):
            if name.endswith("original_inv_freq"):
                _unscale(module, name.removesuffix("original_inv_freq"), original)


def _unscale(module: Untyped, prefix: str, original: Untyped) -> None:
    current = getattr(module, f"{prefix}inv_freq")
    module.register_buffer(f"{prefix}inv_freq", original.to(current.device).clone(), persistent=False)
    for name in (f"{prefix}max_seq_len_cached", "max_seq_len_cached"):
        if hasattr(module, name):
            setattr(module, name, module.original_max_seq_len)


def _ropes(config: Untyped) -> Iterator[dict[str, Any]]:
    """The rotary parameters of a configuration: one set, or one for each kind of layer."""
    found = getattr(config, "rope_parameters", None)
    if isinstance(found, dict):
        yield found
        yield from (one for one in found.values() if isinstance(one, dict))
