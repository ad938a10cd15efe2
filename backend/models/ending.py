"""Where a backbone ends: what stands between its last block and the library's own last hidden state.

No list of names decides. A pass is watched: which module was called after the last block, and whose output is the
``last_hidden_state`` that the library returns. Without weights the pass goes over fake tensors, which have shapes and
identities and no numbers; with weights the numbers are compared (``examination``).
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from backend.models.architecture import Architecture, from_config, select_backbone
from backend.models.layers import Layout, find_layout, first_tensor
from backend.models.untyped import Untyped

N_TEXTS, N_TOKENS = 2, 7  # of the pass over fake tensors: different, so that their axes cannot be taken for each other
_FORMATS = (
    torch.float32,
    torch.bfloat16,
)  # experts' grouped products exist for one of them only, Fourier's for the other
_known: dict[tuple[str, str], "Ending"] = {}


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a backbone, by the paths of its modules from the backbone.

    ``norm`` is the module whose output is the last layer ("" where that is the last block); ``beyond`` what the library
    applies after it to come to its last hidden state ("" for nothing); ``told`` is False where no pass could say it and
    the names of the modules did. ``time_major``: the blocks see (n_tokens, n_texts, n_dims). ``n_dims`` is the width of
    the last layer, 0 where it is not known.
    """

    norm: str = ""
    beyond: str = ""
    told: bool = False
    time_major: bool = False
    n_dims: int = 0


@dataclass(frozen=True, slots=True)
class _Call:
    path: str
    module: nn.Module
    seen: torch.Tensor | None
    output: torch.Tensor


class EndTrace:
    """While entered, watches forward passes of ``backbone``: what its last block gives, and what is called after it."""

    def __init__(self, backbone: nn.Module, layout: Layout) -> None:
        self._backbone, self._layout = backbone, layout
        self._handles: list[Any] = []
        self._calls: list[_Call] = []
        self._last: torch.Tensor | None = None
        self._state: torch.Tensor | None = None

    def __enter__(self) -> "EndTrace":
        inside = {id(module) for block in self._layout.blocks for module in block.modules()}
        for block in self._layout.blocks:
            self._handles.append(block.register_forward_hook(self._after_block))
        for path, module in self._backbone.named_modules():
            if id(module) not in inside:
                self._handles.append(module.register_forward_hook(self._watch(path), with_kwargs=True))
        return self

    def __exit__(self, *error: object) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    @property
    def state(self) -> torch.Tensor | None:
        """The library's last hidden state of the last pass, where it gave one."""
        return self._state

    def ending(self, same: Callable[[torch.Tensor, torch.Tensor], bool], n_texts: int, n_tokens: int) -> Ending | None:
        """The end of the last pass, by ``same(tensor, other)``; None where nothing observed leads to the last hidden state.

        The pass was over ``n_texts`` texts of ``n_tokens`` tokens each.
        """
        last, target = self._last, self._state
        if last is None or target is None or last.ndim != 3:
            return None
        time_major = self._time_major(last, n_texts, n_tokens)
        beyond, calls = "", list(self._calls)
        for _ in range(len(calls) + 1):
            if _equal(last, target, same):
                return Ending("", beyond, True, time_major, int(last.shape[-1]))
            found = next((call for call in calls if _equal(call.output, target, same)), None)
            if found is None:
                return None
            if _is_norm(found.path, found.module) and found.output.shape[-1] == last.shape[-1]:
                return Ending(found.path, beyond, True, time_major, int(last.shape[-1]))
            if not isinstance(found.module, nn.Dropout | nn.Identity):
                beyond = beyond or found.path
            calls = calls[: calls.index(found)]
            if found.seen is None:
                return None
            target = found.seen
        return None

    def unexplained(self, norm: str, n_texts: int, n_tokens: int) -> Ending | None:
        """What the last pass says where ``ending`` finds nothing: the axes and the width beside a guessed ``norm``."""
        last = self._last
        if last is None or last.ndim != 3:
            return None
        return Ending(norm, "", False, self._time_major(last, n_texts, n_tokens), int(last.shape[-1]))

    @staticmethod
    def _time_major(last: torch.Tensor, n_texts: int, n_tokens: int) -> bool:
        return last.shape[:2] == (n_tokens, n_texts) and n_texts != n_tokens

    def _after_block(self, block: nn.Module, args: tuple[Untyped, ...], output: Untyped) -> None:
        self._last, self._state = first_tensor(output), None
        self._calls.clear()

    def _watch(self, path: str) -> Callable[..., None]:
        def watch(module: nn.Module, args: tuple[Untyped, ...], kwargs: dict[str, Any], output: Untyped) -> None:
            if isinstance(output, torch.Tensor):
                self._calls.append(_Call(path, module, first_tensor((*args, *kwargs.values())), output))
                return
            state = getattr(output, "last_hidden_state", None)
            if isinstance(state, torch.Tensor):
                self._state = state  # the outermost module comes last
            elif not path and self._state is None:
                self._state = first_tensor(output)

        return watch


def ending_of(architecture: Architecture, *, model: str) -> Ending:
    """The end of an architecture's backbone, without weights; raises ModelError where its blocks cannot be found.

    Where its forward pass needs numbers (it branches on them), the modules' names and order say it, and ``told`` is False.
    """
    key = (architecture.auto_class.__name__, architecture.config.to_json_string(use_diff=False))
    if key not in _known:
        _known[key] = _traced(architecture, model) or _named(architecture, model)
    return _known[key]


def with_ending(layout: Layout, backbone: nn.Module, ending: Ending) -> Layout:
    """``layout`` with the final norm that ``ending`` names."""
    norm = backbone.get_submodule(ending.norm) if ending.norm else None
    return Layout(layout.blocks, layout.n_blocks, norm, ending.time_major)


def guessed_norm(backbone: nn.Module, layout: Layout) -> str:
    """The path of the norm that stands beside the blocks, after them, by the order of the modules; "" for none."""
    inside = {id(module) for block in layout.blocks for module in block.modules()}
    paths = [path for path, module in backbone.named_modules() if module is layout.blocks[-1]]
    after, found, parent = False, "", paths[0].rpartition(".")[0].rpartition(".")[0]
    for path, module in backbone.named_modules():
        after = after or id(module) in inside
        beside = path.rpartition(".")[0] in (parent, "")
        if after and beside and id(module) not in inside and _is_norm(path, module) and "emb" not in path.lower():
            found = found or path
    return found


def _traced(architecture: Architecture, model: str) -> Ending | None:
    from torch._subclasses.fake_tensor import FakeTensorMode
    from transformers.initialization import no_init_weights

    logging.getLogger("torch._subclasses.fake_tensor").setLevel(logging.CRITICAL)  # a format that fails is no error
    for number_format in _FORMATS:
        try:
            with FakeTensorMode(), torch.no_grad():
                kind, config, attention = architecture.auto_class, architecture.config, architecture.attention
                with no_init_weights():  # a truncated normal distribution looks at its numbers
                    module = from_config(kind, config, attn_implementation=attention, dtype=number_format).eval()
                _, backbone = select_backbone(module, architecture)
                layout = find_layout(backbone, getattr(backbone, "config", architecture.config), model=model)
                ids = torch.ones((N_TEXTS, N_TOKENS), dtype=torch.int64)
                with EndTrace(backbone, layout) as trace:
                    backbone(input_ids=ids, attention_mask=torch.ones_like(ids))
                found = trace.ending(_same_memory, N_TEXTS, N_TOKENS)
                return found or trace.unexplained(guessed_norm(backbone, layout), N_TEXTS, N_TOKENS)
        except Exception:  # whatever a family's code does with tensors that have no numbers
            continue
    return None


def _named(architecture: Architecture, model: str) -> Ending:
    with torch.device("meta"):
        module = from_config(architecture.auto_class, architecture.config, attn_implementation=architecture.attention)
    _, backbone = select_backbone(module, architecture)
    return Ending(
        guessed_norm(backbone, find_layout(backbone, getattr(backbone, "config", architecture.config), model=model))
    )


def _equal(tensor: torch.Tensor, state: torch.Tensor, same: Callable[[torch.Tensor, torch.Tensor], bool]) -> bool:
    """Whether ``tensor`` is ``state``, up to padding on the right that a family cuts off again, and swapped axes."""
    if tensor.ndim != 3 or state.ndim != 3 or tensor.shape[-1] != state.shape[-1]:
        return False
    if tensor.shape[:2] != state.shape[:2]:
        if tensor.shape[:2] == state.shape[1::-1]:
            tensor = tensor.transpose(0, 1)
        elif tensor.shape[0] == state.shape[0] and tensor.shape[1] > state.shape[1]:
            tensor = tensor[:, : state.shape[1]]
        else:
            return False
    return same(tensor, state)


def _same_memory(tensor: torch.Tensor, other: torch.Tensor) -> bool:
    return tensor is other or tensor.untyped_storage()._cdata == other.untyped_storage()._cdata


def _is_norm(path: str, module: nn.Module) -> bool:
    return "norm" in type(module).__name__.lower() or "norm" in path.rpartition(".")[2].lower()
