"""Where the layers of a model are, and how they are observed: layer 0 to n_blocks, and the final norm.

``hidden_states`` of the library is not used: its last entry is before the final norm in some families and after it in
others. Hooks on the blocks say the same thing for every family.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import torch
from torch import nn

from backend.errors import ModelError
from backend.models.untyped import Untyped

# The paths from the backbone to the list of blocks, one for each way in which families name it.
BLOCKS = (
    "encoder.layer",  # BERT, RoBERTa, ELECTRA, MPNet, DeBERTa, ESM
    "transformer.layer",  # DistilBERT
    "encoder.albert_layer_groups",  # ALBERT: one group of weights, called once for each layer
    "h",  # GPT-2, GPT-J, GPT-Neo, BLOOM, Falcon
    "block",  # T5 encoder
    "decoder.layers",  # OPT
    "layers",  # Llama, Mistral, Qwen, Gemma, OLMo; GPT-NeoX, Phi; ModernBERT; the encoders of BART, mBART, Pegasus
    "blocks",  # MPT
)
SHARED_BLOCKS = ("encoder.albert_layer_groups",)

Observer = Callable[[int, torch.Tensor], torch.Tensor | None]
"""``observe(layer, hidden)`` sees one layer's output (n_texts, n_tokens, n_dims); a tensor it returns replaces it."""


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The blocks of a model in order (a shared one counts as often as it is called), and its final norm, if any.

    ``time_major``: its blocks see (n_tokens, n_texts, n_dims); observers see (n_texts, n_tokens, n_dims) all the same.
    """

    blocks: tuple[nn.Module, ...]
    n_blocks: int
    final_norm: nn.Module | None = None
    time_major: bool = False

    @property
    def layer_names(self) -> tuple[str, ...]:
        """One name for each layer number."""
        names = ("embedding", *(f"block {number}" for number in range(1, self.n_blocks + 1)))
        return (*names, "final norm") if self.final_norm is not None else names


def find_layout(backbone: nn.Module, config: Untyped, *, model: str) -> Layout:
    """The blocks of ``backbone``, without its end (``ending``); raises ModelError for a family whose blocks are not found."""
    n_layers = getattr(config, "num_hidden_layers", None)
    for path in BLOCKS:
        blocks = _child(backbone, path)
        if isinstance(blocks, nn.ModuleList) and len(blocks):
            return Layout(tuple(blocks), int(config.num_hidden_layers) if path in SHARED_BLOCKS else len(blocks))
    lists = [
        module for module in backbone.modules() if isinstance(module, nn.ModuleList) and _looks_like_blocks(module)
    ]
    longest = max(lists, key=len, default=None)
    if longest is None or len(longest) != n_layers:
        raise ModelError(
            f"The blocks of the model '{model}' ({type(backbone).__name__}) cannot be found.",
            "Embedscope does not know how this family is built. Choose a model of another family.",
        )
    return Layout(tuple(longest), len(longest))


class LayerTap:
    """While entered, shows every layer of each forward pass to an observer, and lets it replace what it sees.

    ``begin()`` goes before each forward pass and ``finish()`` after it; finish raises ModelError where the pass did
    not go through every layer once and in order.
    """

    def __init__(self, layout: Layout, observe: Observer) -> None:
        self._layout = layout
        self._observe = observe
        self._handles: list[Any] = []
        self._next = 0

    def __enter__(self) -> "LayerTap":
        for block in self._layout.blocks:
            self._handles.append(block.register_forward_pre_hook(self._before_block, with_kwargs=True))
            self._handles.append(block.register_forward_hook(self._after_block))
        if self._layout.final_norm is not None:
            self._handles.append(self._layout.final_norm.register_forward_hook(self._after_norm))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def begin(self) -> None:
        """Get ready for one forward pass."""
        self._next = 0

    def finish(self) -> None:
        """Check that the pass showed every layer."""
        expected = len(self._layout.layer_names)
        if self._next != expected:
            raise ModelError(
                f"The forward pass showed {self._next} layers instead of {expected}.",
                "This model family calls its blocks in an unusual way and is not supported.",
            )

    def _before_block(self, block: nn.Module, args: tuple[Untyped, ...], kwargs: dict[str, Any]) -> Untyped:
        if self._next != 0:
            return None
        if args:
            replaced = self._show(args[0])
            return None if replaced is None else ((replaced, *args[1:]), kwargs)
        name = next((name for name, value in kwargs.items() if _is_hidden(value)), None)
        if name is None:
            raise ModelError(
                f"The first block ({type(block).__name__}) is called without hidden states.",
                "This model family is not supported.",
            )
        replaced = self._show(kwargs[name])
        return None if replaced is None else (args, {**kwargs, name: replaced})

    def _after_block(self, block: nn.Module, args: tuple[Untyped, ...], output: Untyped) -> Untyped:
        if not isinstance(output, tuple | list):
            return self._show(output)
        replaced = self._show(output[0])
        return None if replaced is None else type(output)((replaced, *output[1:]))

    def _after_norm(self, norm: nn.Module, args: tuple[Untyped, ...], output: torch.Tensor) -> torch.Tensor | None:
        if self._next <= self._layout.n_blocks:
            return None  # a module that also serves elsewhere
        return self._show(output)

    def _show(self, hidden: Untyped) -> torch.Tensor | None:
        layer = self._next
        self._next += 1
        if not isinstance(hidden, torch.Tensor):
            raise ModelError(
                f"Layer {layer} gives {type(hidden).__name__} instead of a tensor.",
                "This model family is not supported.",
            )
        if not self._layout.time_major or hidden.ndim != 3:
            return self._observe(layer, hidden)
        replaced = self._observe(layer, hidden.transpose(0, 1))
        return None if replaced is None else replaced.transpose(0, 1)


def first_tensor(output: Untyped) -> torch.Tensor | None:
    """The first tensor of floating-point numbers among ``output``, or ``output`` itself where it is one."""
    if isinstance(output, torch.Tensor):
        return output
    values = output.values() if isinstance(output, dict) else output if isinstance(output, tuple | list) else ()
    return next((value for value in values if isinstance(value, torch.Tensor) and value.is_floating_point()), None)


def _is_hidden(value: Untyped) -> bool:
    return isinstance(value, torch.Tensor) and value.is_floating_point() and value.ndim == 3


def _looks_like_blocks(blocks: nn.ModuleList) -> bool:
    names = [type(block).__name__ for block in blocks]  # a list of attentions or norms alone is not a list of blocks
    return bool(names) and all(name.endswith(("Layer", "Block")) for name in names)


def _child(module: nn.Module, path: str) -> nn.Module | None:
    found: Any = module
    for name in path.split("."):
        found = getattr(found, name, None)
    return found if isinstance(found, nn.Module) else None
