"""The weights and biases of each block's output norm: where the published rule looks for outlier dimensions."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from backend.errors import ModelError
from backend.models.batching import encode
from backend.models.loading import LoadedModel
from backend.models.passes import Batch, forward
from backend.models.untyped import Untyped

Floats = npt.NDArray[np.float64]
_TEXT = "The house by the sea."
_MAX_TOKENS = 16


@dataclass(frozen=True, slots=True, eq=False)
class OutputNorms:
    """The norm that ran last in every block: its name within the block, weights and biases (n_blocks, n_dims), or None
    for norms without biases. ``is_output`` says whether its output is the block's, and ``n_distinct`` how many norms
    the blocks have between them: fewer than blocks where they share their weights."""

    name: str
    weights: Floats
    biases: Floats | None
    is_output: bool
    n_distinct: int


def output_norms(loaded: LoadedModel) -> OutputNorms:
    """The last norm of every block, in the order in which a forward pass runs them.

    In BERT-like models that is the block's output LayerNorm; in pre-norm models (GPT-2, Llama) the norm before the
    feed-forward layer, in models with a norm after it (Gemma 2) that one. A block that several layers share (ALBERT) counts
    for each of them. Norms without biases (RMSNorm) give None. Raises ModelError where a block runs no norm of the model's
    width.
    """
    watch = _Watch(loaded)
    with watch:
        batch = Batch.empty()
        limit = min(_MAX_TOKENS, loaded.info.max_length)
        batch.fill(np.zeros(1, dtype=np.int64), encode(loaded.tokenizer, [_TEXT], max_length=limit), loaded, None)
        with torch.inference_mode():
            forward(loaded, batch)
    norms = [norm for norm in watch.last if norm is not None]
    if len(norms) != loaded.info.n_blocks or len(watch.last) != len(norms):
        raise ModelError(
            f"The blocks of '{loaded.spec.name}' have no norm with a weight for each dimension.",
            "The rule over LayerNorm weights does not apply to this family.",
        )
    biases = [getattr(norm, "bias", None) for norm in norms]
    return OutputNorms(
        " or ".join(dict.fromkeys(watch.names[norm] for norm in norms)),
        np.stack([_numbers(norm.weight) for norm in norms]),
        None if any(bias is None for bias in biases) else np.stack([_numbers(bias) for bias in biases]),
        all(watch.is_output),
        len(set(norms)),
    )


class _Watch:
    """While entered, notes for each call of a block which norm ran last in it, and whether its output is the block's.

    Which norm is a block's last cannot be told from the order of its parts: ALBERT declares its output norm first.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        self._blocks = tuple(dict.fromkeys(loaded.layout.blocks))
        self.names: dict[nn.Module, str] = {}
        for block in self._blocks:
            inner = ((name, child) for name, child in block.named_modules() if _is_norm(child, loaded.info.n_dims))
            self.names.update({child: name for name, child in inner})
        self.last: list[Any] = []
        self.is_output: list[bool] = []
        self._ran: tuple[nn.Module, torch.Tensor] | None = None
        self._handles: list[Any] = []

    def __enter__(self) -> "_Watch":
        for norm in self.names:
            self._handles.append(norm.register_forward_hook(self._after_norm))
        for block in self._blocks:
            self._handles.append(block.register_forward_pre_hook(self._before_block))
            self._handles.append(block.register_forward_hook(self._after_block))
        return self

    def __exit__(self, *error: object) -> None:
        for handle in self._handles:
            handle.remove()

    def _before_block(self, block: nn.Module, args: tuple[Untyped, ...]) -> None:
        self._ran = None

    def _after_norm(self, norm: nn.Module, args: tuple[Untyped, ...], output: torch.Tensor) -> None:
        self._ran = (norm, output)

    def _after_block(self, block: nn.Module, args: tuple[Untyped, ...], output: Untyped) -> None:
        hidden = output[0] if isinstance(output, tuple | list) else output
        norm, made = self._ran or (None, None)
        self.last.append(norm)
        self.is_output.append(made is not None and made.shape == hidden.shape and torch.equal(made, hidden))


def _is_norm(module: nn.Module, n_dims: int) -> bool:
    weight = getattr(module, "weight", None)
    return "norm" in type(module).__name__.lower() and isinstance(weight, nn.Parameter) and weight.shape == (n_dims,)


def _numbers(parameter: nn.Parameter) -> Floats:
    numbers: Floats = parameter.detach().to("cpu").double().numpy()
    return numbers
