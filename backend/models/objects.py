"""A model that somebody has in memory already: a module and its tokenizer, run as they are, changed in nothing.

A model of the transformers library is observed as one from a folder is, by hooks on its blocks. Any other module is run
for the ``hidden_states`` that its forward gives, which become its layers.
"""

import copy
import hashlib
import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from backend.errors import EmbedscopeError, ModelError
from backend.models.architecture import Architecture, family_of, select_backbone
from backend.models.ending import Ending, ending_of, with_ending
from backend.models.examination import examined
from backend.models.layers import Layout, find_layout
from backend.models.loading import LoadedModel, class_names, max_length, puts_cls, tokenizer_digest
from backend.models.passes import takes
from backend.models.resolve import ModelFiles
from backend.models.untyped import Untyped
from backend.values.models import OBJECT_PREFIX, ModelInfo
from backend.values.specs import ModelSpec

_HEAD = "ForSequenceClassification"
_ONES = ("torch.", "transformers.")  # modules of these libraries are known by their names
_HOOKS = ("_forward_hooks", "_forward_pre_hooks")
_MANY = 2**20  # numbers of a tensor that are hashed at a time
HOOKED = (
    "The object has forward hooks of its own, which are run too; its activations are not remembered for another call."
)


@contextmanager
def borrowed(module: object, tokenizer: Untyped) -> Iterator[LoadedModel]:
    """The object as a loaded model, in evaluation mode until the end, and then as it was.

    Raises ModelError for what is no module, has no tokenizer, takes no tokens, or shows no layers.
    """
    if not isinstance(module, nn.Module):
        raise ModelError(
            f"{type(module).__name__} is neither the name of a model nor a torch module.",
            "Give a name, or a module with its tokenizer.",
        )
    if tokenizer is None:
        raise ModelError(
            f"{type(module).__name__} was given without its tokenizer.",
            "Give it too: compute(..., tokenizer=tokenizer).",
        )
    tokenizer = copy.deepcopy(tokenizer)
    tokenizer.truncation_side = "right"
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield _loaded(module, tokenizer)
    finally:
        for part, mode in modes.items():
            part.training = mode


def _loaded(module: nn.Module, tokenizer: Untyped) -> LoadedModel:
    first = next((one for one in module.parameters() if one.is_floating_point()), None)
    if first is None or first.is_meta:
        raise ModelError(f"{type(module).__name__} has no weights in memory.", "Load them before it is given here.")
    dtype = {torch.float16: "float16", torch.bfloat16: "bfloat16"}.get(first.dtype, "float32")
    commit = identity(module, tokenizer)
    spec = ModelSpec(f"{OBJECT_PREFIX}{type(module).__name__}-{commit[:6]}", commit, dtype)
    files = ModelFiles(spec.name, commit, Path())
    inner = module.get_base_model() if hasattr(module, "get_base_model") else module  # peft's, with its adapters in it
    parts = _of_library(spec, inner) or _of_states(spec, inner, tokenizer, str(first.device))
    kept, backbone, layout, ending, facts = parts
    config = getattr(backbone, "config", None)
    info = ModelInfo(
        spec=spec,
        architecture=type(module).__name__,
        n_blocks=layout.n_blocks,
        n_parameters=sum(one.numel() for one in module.parameters()),
        n_bytes=sum(one.numel() * one.element_size() for one in module.parameters()),
        max_length=max_length(backbone, config, tokenizer),
        has_cls=puts_cls(tokenizer),
        tokenizer=tokenizer_digest(tokenizer),
        caveats=(HOOKED,) if _is_hooked(module) else (),
        **facts,
    )
    loaded = LoadedModel(spec, info, kept, backbone, layout, tokenizer, str(first.device), files, whole=inner)
    with torch.inference_mode():
        return examined(loaded, ending)


_Parts = tuple[nn.Module, nn.Module, Layout, Ending, dict[str, Any]]


def _of_library(spec: ModelSpec, module: Untyped) -> _Parts | None:
    """The parts of a model of the transformers library, as those of one in a folder; None for another, or an unknown build."""
    from transformers import PreTrainedModel

    if not isinstance(module, PreTrainedModel):
        return None
    config = module.config
    has_head = type(module).__name__.endswith(_HEAD)
    encodes = bool(config.is_encoder_decoder)
    family = "encoder-decoder" if encodes else family_of(config)
    attention = str(getattr(config, "_attn_implementation", None) or "sdpa")
    architecture = Architecture(config, type(module), family, has_head and not encodes, attention)
    try:
        kept, backbone = select_backbone(module, architecture)
        own = getattr(backbone, "config", config)
        layout = find_layout(backbone, own, model=spec.name)
        ending = ending_of(architecture, model=spec.name)
        layout = with_ending(layout, backbone, ending)
    except EmbedscopeError:
        return None
    n_dims = ending.n_dims or getattr(own, "hidden_size", 0)
    facts = {
        "family": family,
        "n_dims": int(n_dims),
        "layer_names": layout.layer_names,
        "has_head": architecture.has_head,
        "labels": class_names(config) if architecture.has_head else (),
        "default_pooling": "last" if family == "decoder" else "mean",
    }
    return kept, backbone, layout, ending, facts


def _of_states(spec: ModelSpec, module: nn.Module, tokenizer: Untyped, device: str) -> _Parts:
    """The parts of any module whose forward gives ``hidden_states``: one more than it has blocks."""
    if not takes(module, "input_ids"):
        raise ModelError(
            f"The forward of {type(module).__name__} takes no 'input_ids'.",
            "Give a model of the transformers library, or a module whose forward takes input_ids and gives hidden_states.",
        )
    ids = torch.tensor([tokenizer("a")["input_ids"] or [0]], device=device)
    with torch.inference_mode():
        shown = _states(module, {"input_ids": ids, "attention_mask": torch.ones_like(ids)})
    backbone = _WithStates(module, len(shown) - 1)
    layout = Layout(tuple(backbone.shown), len(shown) - 1)
    facts = {
        "family": "encoder",
        "n_dims": int(shown[0].shape[-1]),
        "layer_names": tuple(f"hidden state {place}" for place in range(len(shown))),
        "has_head": False,
        "default_pooling": "mean",
    }
    return backbone, backbone.eval(), layout, Ending(told=True), facts


class _Shown(nn.Module):  # type: ignore[misc]
    """Stands where a block would: what comes out of it is ``after``."""

    def forward(self, before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
        return after


class _WithStates(nn.Module):  # type: ignore[misc]
    """A module whose hidden states go through one part each, where they can be observed."""

    def __init__(self, module: nn.Module, n_blocks: int) -> None:
        super().__init__()
        self.module = module
        self.shown = nn.ModuleList(_Shown() for _ in range(n_blocks))
        self.config = getattr(module, "config", None)

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
    ) -> SimpleNamespace:
        given = {"input_ids": input_ids, "attention_mask": attention_mask, "token_type_ids": token_type_ids}
        states = _states(self.module, {name: one for name, one in given.items() if one is not None})
        for part, before, after in zip(self.shown, states, states[1:], strict=False):
            part(before, after)
        return SimpleNamespace(last_hidden_state=states[-1])


def _states(module: nn.Module, inputs: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, ...]:
    options: dict[str, Any] = {name: one for name, one in inputs.items() if takes(module, name)}
    if takes(module, "output_hidden_states"):
        options["output_hidden_states"] = True
    output = module(**options)
    found = output.get("hidden_states") if isinstance(output, dict) else getattr(output, "hidden_states", None)
    if not isinstance(found, tuple | list) or len(found) < 2:
        raise ModelError(
            f"The forward of {type(module).__name__} gives no hidden_states.",
            "Let it return them (an attribute or a key 'hidden_states': the input of the first block, then the output of each).",
        )
    return tuple(found)


def identity(module: nn.Module, tokenizer: Untyped) -> str:
    """The digest of an object (40 hex digits): its weights, its configuration, its own code, and its tokenizer.

    One with forward hooks of its own is another one at every call: what they do cannot be read.
    """
    hasher = hashlib.blake2b(digest_size=20)
    for name, tensor in sorted(module.state_dict().items()):
        if isinstance(tensor, torch.Tensor):
            hasher.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            flat = tensor.detach().contiguous().reshape(-1)
            for start in range(0, flat.numel(), _MANY):
                hasher.update(flat[start : start + _MANY].cpu().view(torch.uint8).numpy().tobytes())
    config: Any = getattr(module, "config", None)
    told = config.to_json_string(use_diff=False) if hasattr(config, "to_json_string") else repr(config)
    hasher.update(told.encode())
    for kind in dict.fromkeys(type(part) for part in module.modules()):
        hasher.update(_code(kind).encode())
    for name, part in module.named_modules():
        plain = {key: value for key, value in vars(part).items() if isinstance(value, int | float | str)}
        hasher.update(f"{name} {sorted((key, value) for key, value in plain.items() if key != 'training')}".encode())
    hasher.update((tokenizer_digest(tokenizer) or repr(sorted(tokenizer.get_vocab().items()))).encode())
    if _is_hooked(module):
        hasher.update(repr(id(object())).encode() + torch.rand(4).numpy().tobytes())
    return hasher.hexdigest()


def _code(kind: type) -> str:
    """What a class is known by: its name, and of one that is in no library its code, where that can be read."""
    name = f"{kind.__module__}.{kind.__qualname__}"
    if name.startswith(_ONES):
        return name
    try:
        return f"{name} {inspect.getsource(kind)}"
    except (OSError, TypeError):
        return name


def _is_hooked(module: nn.Module) -> bool:
    return any(getattr(part, name) for part in module.modules() for name in _HOOKS)
