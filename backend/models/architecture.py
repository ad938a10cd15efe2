"""What kind of model a configuration describes, and the model class that stands for it in the transformers library."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_module_registration_hook

from backend.errors import ModelError
from backend.models.folders import WEIGHTS, broken, unusable, weight_shapes
from backend.models.untyped import Untyped

_HEAD = "ForSequenceClassification"
MOST_CLASSES = 1_000_000  # of a head
MOST_PARTS = 40_000  # modules of a network: 60 blocks of 128 experts of five parts each


@dataclass(slots=True, eq=False)
class Architecture:
    """A configuration with the class that it is loaded by; ``attention`` is the implementation that the class has.

    The class may be one of the library's automatic classes, or for an adapter the model class that it was trained on.
    """

    config: Any
    auto_class: Any
    family: str  # "encoder", "decoder" or "encoder-decoder"
    has_head: bool
    attention: str = "sdpa"
    n_parameters: int = 0


def silence() -> None:
    """Keep the transformers library from writing progress bars and warnings: what matters is raised or returned."""
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    logging.getLogger("transformers").setLevel(logging.ERROR)


def load_config(model: str, folder: Path) -> Untyped:
    """The configuration in a model's folder; raises ModelError for a type that the library does not know."""
    from transformers import CONFIG_MAPPING, AutoConfig

    from backend.models.folders import CONFIG, read_json

    silence()
    said = read_json(folder, CONFIG, model)
    model_type, n_classes = said.get("model_type"), said.get("num_labels")
    if isinstance(n_classes, int) and n_classes > MOST_CLASSES:  # the library makes a name for each
        raise ModelError(
            f"The config.json of '{model}' asks for {n_classes:,} classes; the limit is {MOST_CLASSES:,}.",
            "Check its entry num_labels, or choose another model.",
        )
    if model_type not in CONFIG_MAPPING:
        raise _unknown(model, f"model_type {model_type!r}")
    try:
        config = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except MemoryError:
        raise
    except Exception as error:
        reason = (str(error).strip().splitlines() or [""])[0][:160]
        raise unusable(model, f"config.json is refused ({type(error).__name__}: {reason})") from None
    # Whatever config.json says, nothing but the layers is wanted of a forward pass.
    for part in (config, *(getattr(config, name, None) for name in ("text_config", "encoder"))):
        if part is not None:
            part.use_cache = part.output_hidden_states = part.output_attentions = False
    return config


def describe_architecture(
    model: str, folder: Path, config: Untyped, *, trained_on: Untyped = None, labels: int | None = None
) -> Architecture:
    """The class and family for ``config``; an adapter is loaded onto the class that it was ``trained_on``.

    A sequence-classification checkpoint keeps its head if the head's weights are there, or if an adapter brings one of
    ``labels`` classes; the head of an encoder-decoder, which works on the decoder's output, is left out.
    """
    from transformers import AutoModel, AutoModelForSequenceClassification, AutoModelForTextEncoding
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
        MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
        MODEL_FOR_TEXT_ENCODING_MAPPING,
        MODEL_MAPPING,
    )

    if type(config) not in MODEL_MAPPING:
        raise _unknown(model, f"model_type '{config.model_type}'")
    if labels is not None and config.num_labels != labels:  # setting it resets the classes' names
        config.num_labels = labels
    encodes = type(config) in MODEL_FOR_TEXT_ENCODING_MAPPING and type(config) in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING
    if config.is_encoder_decoder or encodes:  # a T5 encoder that was saved alone calls itself no encoder-decoder
        plain = AutoModelForTextEncoding if encodes else AutoModel
        return Architecture(config, trained_on or plain, "encoder-decoder", False)
    can_classify = type(config) in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING
    names = [str(name) for name in config.architectures or ()]
    has_head = can_classify and any(name.endswith(_HEAD) for name in names) and _has_head_weights(model, folder)
    if trained_on is not None:
        has_head = can_classify and trained_on.__name__.endswith(_HEAD) and (has_head or labels is not None)
    auto_class: Any = AutoModelForSequenceClassification if has_head else AutoModel
    if not has_head and getattr(config, "text_config", None) is not None:
        auto_class = _saved_class(config) or auto_class  # its parts have other names in each class of the family
    return Architecture(config, trained_on or auto_class, family_of(config), has_head)


def build(model: str, architecture: Architecture) -> Untyped:
    """The model of an architecture on the meta device: every shape, no memory; settles ``architecture.attention``."""
    from transformers import AutoModel, AutoModelForTextEncoding

    for attention in ("sdpa", "eager", "sdpa", "eager"):
        architecture.attention = attention
        try:
            with torch.device("meta"), most_parts(model):
                return from_config(architecture.auto_class, architecture.config, attn_implementation=attention)
        except (ModelError, MemoryError):
            raise
        except Exception as error:
            if attention == "sdpa" and "scaled_dot_product" in str(error):
                continue  # the family has no such implementation
            if architecture.auto_class is AutoModelForTextEncoding:
                architecture.auto_class = AutoModel  # T5Gemma's encoder alone is refused for an encoder-decoder
                continue
            reason = (str(error).strip().splitlines() or [""])[0][:160]
            if isinstance(error, ImportError):
                raise ModelError(f"The model '{model}' needs a package: {reason}", "Install it.") from None
            raise unusable(
                model, f"no model can be built from config.json ({type(error).__name__}: {reason})"
            ) from None
    raise AssertionError("unreachable")


@contextmanager
def most_parts(model: str) -> Iterator[None]:
    """Let no network be built of more parts than any that people train: raises ModelError while they are still few."""
    count = 0

    def counted(*_: Untyped) -> None:
        nonlocal count
        count += 1
        if count > MOST_PARTS:
            raise ModelError(
                f"The config.json of '{model}' asks for a network of more than {MOST_PARTS:,} parts, which is the limit.",
                "Check its number of layers, heads and experts, or choose another model.",
            )

    handle = register_module_module_registration_hook(counted)
    try:
        yield
    finally:
        handle.remove()


def from_config(auto_class: Untyped, config: Untyped, **options: Untyped) -> Untyped:
    """A model of an automatic class or of a model class, with random weights."""
    make = getattr(auto_class, "from_config", None)
    return (
        auto_class._from_config(config, **options) if make is None else make(config, trust_remote_code=False, **options)
    )


def select_backbone(module: Untyped, architecture: Architecture) -> tuple[nn.Module, nn.Module]:
    """The module to keep and, in it, the backbone whose layers are observed.

    Of an encoder-decoder only the encoder is kept, and of a class that an adapter was trained on nothing but the
    backbone, unless its head classifies texts. Raises ModelError where the backbone takes no tokens.
    """
    if architecture.family == "encoder-decoder":
        module = module.get_encoder()
    backbone = text_part(module)
    if backbone is module and architecture.family != "encoder-decoder":
        backbone = module.base_model
    module = module if architecture.has_head else backbone
    if "input_ids" not in forward_names(backbone):
        raise ModelError(
            f"The model class {type(backbone).__name__} takes no tokens: it is not a text model.",
            "Choose a text encoder or decoder.",
        )
    return module, backbone


def text_part(module: nn.Module) -> nn.Module:
    """The language model within a model of text and images or sound (or its text encoder); else the module itself."""
    text = getattr(getattr(module, "config", None), "text_config", None)
    found = module if text is None else _first_of(module, type(text)) or module
    if found is module:
        return module
    if found.config.is_encoder_decoder:
        return found.get_encoder()
    if getattr(found, "base_model", found) is not found:
        return found.base_model
    inner = _first_of(found, type(text)) if found.get_output_embeddings() is not None else None
    return inner or found


def _first_of(module: nn.Module, config_class: type) -> Untyped:
    """The outermost part of ``module`` that has a configuration of ``config_class`` and takes tokens, or None."""
    inner = (child for child in module.modules() if child is not module)
    of_class = (child for child in inner if type(getattr(child, "config", None)) is config_class)
    return next((child for child in of_class if "input_ids" in forward_names(child)), None)


def _saved_class(config: Untyped) -> Untyped:
    """The library's model class that a checkpoint was saved from, or None where it is not known."""
    import transformers

    names = [str(name) for name in config.architectures or ()]
    found = getattr(transformers, names[0], None) if names else None
    return found if getattr(found, "config_class", None) is type(config) else None


def remarks(config: Untyped, backbone: nn.Module) -> tuple[str, ...]:
    """What must be said of the part of a checkpoint that is run, where there is another or where it asks for code."""
    name = type(backbone).__name__
    said = []
    if getattr(config, "text_config", None) is not None:
        said.append(f"Only the text part of this model ({config.model_type}) is run: {name}.")
    if getattr(config, "auto_map", None):
        said.append(
            f"config.json names the model's own code, which is never run; the transformers library's {name} is used instead."
        )
    return tuple(said)


def forward_names(module: nn.Module) -> tuple[str, ...]:
    """Names of the arguments that a module's forward takes."""
    import inspect

    return tuple(inspect.signature(module.forward).parameters)


def check_missing(model: str, module: Untyped, architecture: Architecture, report: Untyped, *, adapter: bool) -> None:
    """Raise ModelError where the checkpoint lacked a tensor that a forward pass needs, so that it would be random.

    A missing pooler is fine, for no layer depends on it; so is a missing decoder where only the encoder is used, and
    a missing head where an adapter brings it.
    """
    kept, backbone = select_backbone(module, architecture)
    modules = dict(module.named_modules(remove_duplicate=False))
    prefixes = [name for name, child in modules.items() if child is kept]
    backbones = [name for name, child in modules.items() if child is backbone]

    def needed(key: str) -> bool:
        if "pooler." in key or key.endswith("position_ids"):
            return architecture.has_head and "pooler." in key  # the head of BERT works on the pooler's output
        if adapter and not any(_below(key, name) for name in backbones):
            return False
        return key.startswith("shared.") or any(_below(key, name) for name in prefixes)

    missing = sorted(key for key in report["missing_keys"] if needed(key))
    wrong = sorted(key for key in report["mismatched_keys"] if needed(str(key[0])))
    if missing:
        raise _lacking(model, type(module).__name__, missing, sorted(report["unexpected_keys"]))
    if wrong or report["error_msgs"]:
        detail = str((*report["error_msgs"], "")[0])[:160]
        if wrong:
            name, stored, wanted = wrong[0]
            detail = f"{len(wrong)} tensors have another shape, such as {name}: {tuple(stored)}, not {tuple(wanted)}"
        raise broken(model, f"its weights do not fit its configuration ({detail})")


def _lacking(model: str, class_name: str, missing: list[str], others: list[str]) -> ModelError:
    """The error for weights that lack tensors: of which some may be there by ``others`` names."""
    lacks = f"its weights lack {len(missing)} of the model's tensors, such as {missing[0]}"
    prefix = next((one.removesuffix(name) for name in missing for one in others if one.endswith(f".{name}")), "")
    if prefix:
        return ModelError(
            f"The weight names of the model '{model}' begin with '{prefix}', so {class_name} does not find them.",
            "They were saved from a wrapped model (DataParallel, torch.compile, a training module): save the model inside "
            "it with save_pretrained, or remove the prefix.",
        )
    if not others:
        return broken(model, lacks)
    return unusable(model, f"{lacks}, and hold {len(others)} that {class_name} does not have, such as {others[0]}")


def _below(key: str, prefix: str) -> bool:
    return not prefix or key.startswith(f"{prefix}.")


def _has_head_weights(model: str, folder: Path) -> bool:
    """Whether the weights hold a classification head; taken as given while the weights are not there yet."""
    if not (folder / WEIGHTS).exists() and not any(folder.glob("*.safetensors")):
        return True
    keys = weight_shapes(model, folder)
    return any(key.startswith(("classifier.", "score.", "sequence_summary.", "logits_proj.", "head.")) for key in keys)


def family_of(config: Untyped) -> str:
    """Whether a configuration is that of an "encoder" or of a "decoder"."""
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES,
        MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    )

    text = getattr(config, "text_config", None)
    if getattr(config, "is_decoder", False) or getattr(text, "is_decoder", False):
        return "decoder"
    types = {config.model_type, getattr(text, "model_type", config.model_type)}
    causal = types & set(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
    if text is not None:  # it answers questions about images, so it writes texts
        causal |= types & set(MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES)
    return "decoder" if causal and not types & set(MODEL_FOR_MASKED_LM_MAPPING_NAMES) else "encoder"


def _unknown(model: str, what: str) -> ModelError:
    import transformers

    return ModelError(
        f"The architecture of the model '{model}' ({what}) is unknown to transformers {transformers.__version__}.",
        "Choose a text model of a known architecture.",
    )
