"""From a ModelSpec to a model in memory, or to what is known of it without its weights.

Safetensors only, no code from the model's folder, no network beyond the hub's files, and no randomly initialised
backbone: a checkpoint that lacks a tensor of the backbone is refused.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from backend.errors import EmbedscopeError, ModelError
from backend.models.adapters import AdapterPlan, merge_adapter, plan_adapter
from backend.models.architecture import (
    Architecture,
    build,
    check_missing,
    describe_architecture,
    load_config,
    remarks,
    select_backbone,
    silence,
)
from backend.models.batching import PADDED
from backend.models.built import built
from backend.models.device import check_memory, free_bytes, is_out_of_memory, out_of_memory, torch_dtype
from backend.models.ending import Ending, ending_of, with_ending
from backend.models.examination import examined
from backend.models.folders import TOKENIZER, unusable
from backend.models.layers import Layout, find_layout
from backend.models.origin import read_origin
from backend.models.package import lower_case, lowers_case, read_package
from backend.models.resolve import ModelFiles, Roots, model_files
from backend.models.untyped import Untyped
from backend.values.models import ModelInfo
from backend.values.specs import ModelSpec

_OVERHEAD = 1.05  # buffers, and the tensor that is being converted


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A model in memory, ready to be run: in evaluation mode, without gradients.

    ``module`` is the whole model (with a classification head where it has one), ``backbone`` the part whose layers
    are observed (of an encoder-decoder: the encoder), ``layout`` where those layers are, ``files`` what it was read from.
    ``batching`` says which texts may share a batch (PADDED, SAME_LENGTH or SINGLE), as the model was tried. ``whole`` is
    the object of a model that was handed over in memory, for which there are no files.
    """

    spec: ModelSpec
    info: ModelInfo
    module: nn.Module
    backbone: nn.Module
    layout: Layout
    tokenizer: Any
    device: str
    files: ModelFiles
    batching: str = PADDED
    whole: nn.Module | None = None

    @property
    def n_bytes(self) -> int:
        """Bytes of the parameters and buffers in memory."""
        tensors = (*self.module.parameters(), *self.module.buffers())
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def describe(spec: ModelSpec, *, roots: Roots, runs: Path | None = None) -> ModelInfo:
    """What is known of a model without its weights: its architecture is built on no device, only the tokenizer is read.

    Raises ModelError as resolve does, and for an unknown architecture or one whose blocks cannot be found.
    """
    files = model_files(spec, roots=roots, weights=False, runs=runs)
    return _described(spec, files)[0]


def load(spec: ModelSpec, *, device: str, roots: Roots, runs: Path | None = None) -> LoadedModel:
    """The model of ``spec`` on ``device``, in its number format.

    Raises ModelError: as resolve and describe do; not enough memory (with needed and free bytes); weights that do not
    fit the configuration or lack a tensor of the backbone; an adapter where the package peft is missing.
    """
    files = model_files(spec, roots=roots, runs=runs)
    info, architecture, tokenizer, adapter = _described(spec, files)
    # An adapter is merged in float32: its product is small beside the weights and would be lost in 16 bits.
    dtype = torch.float32 if files.adapter else torch_dtype(spec.dtype)
    needed = int(architecture.n_parameters * dtype.itemsize * _OVERHEAD)
    check_memory(spec.name, needed, "cpu")
    check_memory(spec.name, int(architecture.n_parameters * torch_dtype(spec.dtype).itemsize * _OVERHEAD), device)
    with _loading_errors(spec.name, needed, device):
        silence()
        module, report = architecture.auto_class.from_pretrained(
            str(files.folder),
            config=architecture.config,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            attn_implementation=architecture.attention,
            ignore_mismatched_sizes=True,  # they are refused below, by name
            output_loading_info=True,
        )
        check_missing(spec.name, module, architecture, report, adapter=files.adapter is not None)
        if adapter is not None:
            module = merge_adapter(spec.name, module, adapter, select_backbone(module, architecture)[0])
        module, backbone = select_backbone(module, architecture)
        module.to(device=device, dtype=torch_dtype(spec.dtype)).eval().requires_grad_(False)
    ending = ending_of(architecture, model=spec.name)
    config = getattr(backbone, "config", architecture.config)
    layout = with_ending(find_layout(backbone, config, model=spec.name), backbone, ending)
    with _memory_errors(spec.name, needed, device):
        return examined(LoadedModel(spec, info, module, backbone, layout, tokenizer, device, files), ending)


def load_tokenizer(model: str, folder: Path, config: Untyped = None) -> Untyped:
    """The tokenizer in a model's folder, cutting long texts at their end; raises ModelError where it is damaged.

    ``config`` is that of the model where the folder holds none: an adapter's.
    """

    silence()
    try:
        tokenizer = _read_tokenizer(folder, config)
        tokenizer("a")
    except ImportError as error:
        raise ModelError(f"The tokenizer of '{model}' needs a package: {_first_line(error)}", "Install it.") from None
    except MemoryError:
        raise
    except Exception as error:
        raise unusable(model, f"its tokenizer cannot be read ({_first_line(error)})") from None
    tokenizer.truncation_side = "right"
    if lowers_case(model, folder):
        lower_case(tokenizer)
    return tokenizer


def _read_tokenizer(folder: Path, config: Untyped) -> Untyped:
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        return AutoTokenizer.from_pretrained(str(folder), **options, **({} if config is None else {"config": config}))
    except ValueError:
        if not (folder / TOKENIZER).is_file():
            raise
        return PreTrainedTokenizerFast.from_pretrained(str(folder), **options)  # it names a class of its own


class LoadedModels:
    """The models that a worker keeps in memory: up to ``n_bytes``, the least recently used goes first.

    A model larger than the budget is loaded all the same, alone.
    """

    def __init__(self, n_bytes: int) -> None:
        self._budget = n_bytes
        self._models: OrderedDict[tuple[str, str, str], LoadedModel] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, spec: ModelSpec, *, device: str, roots: Roots, runs: Path | None = None) -> LoadedModel:
        """The model of ``spec`` on ``device``, loaded if need be; raises what load raises."""
        key = (spec.commit, spec.dtype, device)
        with self._lock:
            if key not in self._models:
                self._make_room(describe(spec, roots=roots, runs=runs).n_bytes)
                self._models[key] = load(spec, device=device, roots=roots, runs=runs)
            self._models.move_to_end(key)
            return self._models[key]

    def clear(self) -> None:
        """Let go of every model."""
        with self._lock:
            self._models.clear()
            self._release()

    @property
    def n_bytes(self) -> int:
        """Bytes of the models that are held."""
        return sum(model.n_bytes for model in self._models.values())

    def __len__(self) -> int:
        return len(self._models)

    def _make_room(self, needed: int) -> None:
        evicted = False
        while self._models and self.n_bytes + needed > self._budget:
            self._models.popitem(last=False)
            evicted = True
        if evicted:
            self._release()

    def _release(self) -> None:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _described(spec: ModelSpec, files: ModelFiles) -> tuple[ModelInfo, Architecture, Any, AdapterPlan | None]:
    """As _describe, whatever the code of a family raises while its model is built without weights."""
    try:
        return _describe(spec, files)
    except (EmbedscopeError, MemoryError):
        raise
    except Exception as error:
        raise unusable(
            spec.name, f"its family is built in a way that is not known here ({_first_line(error)})"
        ) from None


def _describe(spec: ModelSpec, files: ModelFiles) -> tuple[ModelInfo, Architecture, Any, AdapterPlan | None]:
    config = load_config(spec.name, files.folder)
    adapter = plan_adapter(spec.name, files.adapter, config) if files.adapter is not None else None
    if adapter is None:
        architecture = describe_architecture(spec.name, files.folder, config)
        tokenizer = load_tokenizer(spec.name, files.folder)
    else:
        architecture = describe_architecture(
            spec.name, files.folder, config, trained_on=adapter.model_class, labels=adapter.n_labels
        )
        tokenizer = load_tokenizer(spec.name, adapter.tokenizer or files.folder, config)
    package = read_package(spec.name, files.package or files.folder)
    skeleton = build(spec.name, architecture)
    module, backbone = select_backbone(skeleton, architecture)
    labels = class_names(config) if architecture.has_head else ()
    config = getattr(backbone, "config", config)  # of text and images: the language model's own
    ending = ending_of(architecture, model=spec.name)
    layout = with_ending(find_layout(backbone, config, model=spec.name), backbone, ending)
    n_dims = ending.n_dims or getattr(config, "hidden_size", None)
    if not isinstance(n_dims, int):
        raise unusable(spec.name, f"the width of its vectors is not known (no hidden_size in {type(config).__name__})")
    n_parameters = sum(parameter.numel() for parameter in module.parameters())
    limit = max_length(backbone, config, tokenizer)
    base, base_commit = read_origin(files.folder, files.adapter)
    info = ModelInfo(
        spec=spec,
        architecture=type(module).__name__,
        family=architecture.family,
        n_blocks=layout.n_blocks,
        n_dims=n_dims,
        layer_names=layout.layer_names,
        n_parameters=n_parameters,
        n_bytes=n_parameters * torch_dtype(spec.dtype).itemsize,
        max_length=limit,
        has_cls=puts_cls(tokenizer),
        has_head=architecture.has_head,
        labels=labels,
        default_pooling=package.pooling or ("last" if architecture.family == "decoder" else "mean"),
        tokenizer=tokenizer_digest(tokenizer),
        usual_length=min(package.max_length or 0, limit),
        remarks=remarks(architecture.config, backbone),
        package=package.remarks,
        base=base,
        base_commit=base_commit,
        caveats=_caveats(ending),
        built=built(config, backbone),
    )
    architecture.n_parameters = sum(parameter.numel() for parameter in skeleton.parameters())
    return info, architecture, tokenizer, adapter


def _caveats(ending: Ending) -> tuple[str, ...]:
    """What has to be said of the layers on every figure."""
    if ending.beyond:
        last = "final norm" if ending.norm else "last block"
        return (
            f"After its {last} this model applies '{ending.beyond}' to produce its output; that output is not a layer here.",
        )
    return ()


def max_length(backbone: nn.Module, config: Untyped, tokenizer: Untyped) -> int:
    """The most tokens that the model takes: the tokenizer's limit or the number of positions, whichever is less."""
    limits = [2**20]
    if 0 < tokenizer.model_max_length < 2**20:
        limits.append(int(tokenizer.model_max_length))
    for name in ("max_position_embeddings", "n_positions", "seq_length", "max_seq_len"):
        positions = getattr(config, name, None)
        if isinstance(positions, int) and positions > 0:
            limits.append(positions)
    for name, module in backbone.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding) and module.padding_idx is not None:
            limits.append(module.num_embeddings - module.padding_idx - 1)  # RoBERTa counts positions from there
    return min(limits)


def tokenizer_digest(tokenizer: Untyped) -> str:
    """The digest of all that decides how texts are cut, or "" for a tokenizer that is not one of the library's fast ones."""
    fast = getattr(tokenizer, "backend_tokenizer", None)
    if fast is None:
        return ""
    fast.no_truncation()  # both are settings of the last call, not of the tokenizer, and every call sets them anew
    fast.no_padding()
    return hashlib.sha256(fast.to_str().encode()).hexdigest()[:40]


def puts_cls(tokenizer: Untyped) -> bool:
    """Whether a special token stands before every text."""
    mask = tokenizer("a", return_special_tokens_mask=True)["special_tokens_mask"]
    return len(mask) > 1 and mask[0] == 1


def class_names(config: Untyped) -> tuple[str, ...]:
    """The names of the classes of a classification head."""
    return tuple(str(name) for _, name in sorted(config.id2label.items(), key=lambda item: int(item[0])))


@contextmanager
def _memory_errors(model: str, needed: int, device: str) -> Iterator[None]:
    """Where memory runs out in the first passes of a model that has just found room, it is the model that does not fit."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise out_of_memory(model, needed, free_bytes(device), device) from None


@contextmanager
def _loading_errors(model: str, needed: int, device: str) -> Iterator[None]:
    try:
        yield
    except EmbedscopeError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise out_of_memory(model, needed, free_bytes(device), device) from None
        raise unusable(model, f"its weights cannot be read into the model ({_first_line(error)})") from None


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:160]}"
