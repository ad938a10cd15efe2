"""Adapters (LoRA and its relatives, through the optional package peft): merged into their base model on loading."""

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from backend.errors import ModelError
from backend.models.architecture import from_config
from backend.models.folders import (
    ADAPTER_CONFIG,
    ADAPTER_WEIGHTS,
    broken,
    file_names,
    has_tokenizer,
    read_json,
    tensor_shapes,
)
from backend.models.untyped import Untyped

# The kinds that merge into plain weights and give the same vectors then; the others change the input or the forward pass.
MERGEABLE = (
    *(
        "LORA",
        "ADALORA",
        "LOHA",
        "LOKR",
        "IA3",
        "OFT",
        "BOFT",
        "VERA",
        "LN_TUNING",
        "TRAINABLE_TOKENS",
        "FOURIERFT",
        "HRA",
    ),
    *(
        "VBLORA",
        "RANDLORA",
        "SHIRA",
        "C3A",
        "MISS",
        "ROAD",
        "DELORA",
        "GRALORA",
        "WAVEFT",
        "OSF",
        "TINYLORA",
        "UNILORA",
    ),
    *("PVERA", "GLORA", "HIRA", "PSOFT", "PEANUT", "SUPERTUNING", "DEFT", "BEFT", "FROD", "ADAMSS"),
)
_TASKS = {
    "SEQ_CLS": "AutoModelForSequenceClassification",
    "CAUSAL_LM": "AutoModelForCausalLM",
    "SEQ_2_SEQ_LM": "AutoModelForSeq2SeqLM",
    "TOKEN_CLS": "AutoModelForTokenClassification",
    "QUESTION_ANS": "AutoModelForQuestionAnswering",
    "FEATURE_EXTRACTION": "AutoModel",
}
_UNTYPED = (
    *("AutoModel", "AutoModelForCausalLM", "AutoModelForMaskedLM", "AutoModelForSeq2SeqLM", "AutoModelForTextEncoding"),
    *("AutoModelForSequenceClassification", "AutoModelForTokenClassification", "AutoModelForQuestionAnswering"),
    *("AutoModelForMultipleChoice", "AutoModelForImageTextToText", "AutoModelForPreTraining"),
)
_WRAPPED = "base_model.model."  # what peft puts before the name of every tensor
_OTHER_FILES = ("corda", "eva", "lora_ga")  # ways of setting an adapter up, which read files of their own
_HEAD_WEIGHTS = ("classifier.weight", "classifier.out_proj.weight", "score.weight", "qa_outputs.weight")


@dataclass(frozen=True, slots=True, eq=False)
class AdapterPlan:
    """What an adapter goes onto: the model class it was trained on, with a head of ``n_labels`` classes if it brings one.

    ``of_task`` says whether that is the class of the task it declares. ``n_tokens`` is the size of the vocabulary after
    training, None where the base's stays; ``tokenizer`` the folder of the tokenizer, None where that is the base's too.
    """

    folder: Path
    model_class: Any
    of_task: bool
    n_labels: int | None
    n_tokens: int | None
    tokenizer: Path | None


def plan_adapter(model: str, folder: Path, config: Untyped) -> AdapterPlan:
    """What the adapter in ``folder`` was trained on, given the ``config`` of its base.

    The class is the one of its task or the one it names, and where it has neither, the first whose parts have the names
    that the adapter's weights have. Raises ModelError where no class of the base has those parts.
    """
    table = read_json(folder, ADAPTER_CONFIG, model)
    shapes = tensor_shapes(model, folder / ADAPTER_WEIGHTS)
    names = [name.removeprefix(_WRAPPED) for name in shapes if name.startswith(_WRAPPED)]
    n_labels = next((shape[0] for name, shape in shapes.items() if name.endswith(_HEAD_WEIGHTS)), None)
    odd = ""
    for model_class in _candidates(table, config):
        try:
            with torch.device("meta"):
                skeleton = from_config(model_class, config)
        except (ImportError, RuntimeError, TypeError, ValueError):
            continue  # what is wrong with the configuration is said where the base itself is described
        odd = next((name for name in names if not _has_place(skeleton, name)), "")
        if not odd:
            of_task = model_class in _of_task(table, config)
            n_tokens = _n_tokens(skeleton, shapes, table)
            tokenizer = folder if has_tokenizer(model, folder, file_names(folder)) else None
            return AdapterPlan(folder, model_class, of_task, n_labels, n_tokens, tokenizer)
    raise ModelError(
        f"The adapter '{model}' does not fit its base model: the base has no place for its tensor {odd or 'at all'}.",
        f"Check that base_model_name_or_path in {ADAPTER_CONFIG} names the model that the adapter was trained on.",
    )


def _candidates(table: dict[str, Any], config: Untyped) -> Iterator[Any]:
    """The model classes that an adapter of the configuration ``table`` may have been trained on, the likeliest first."""
    import transformers

    named = table.get("auto_mapping") or {}
    name = str(named.get("base_model_class")) if isinstance(named, dict) else ""
    every = [*_of_task(table, config), getattr(transformers, name, None)]
    every += [model_class for auto in _UNTYPED for model_class in _classes(auto, config)]
    for model_class in dict.fromkeys(every):
        if getattr(model_class, "config_class", None) is type(config):
            yield model_class


def _of_task(table: dict[str, Any], config: Untyped) -> tuple[Untyped, ...]:
    return _classes(_TASKS.get(str(table.get("task_type")), ""), config)


def _classes(auto: str, config: Untyped) -> tuple[Untyped, ...]:
    """The model classes that an automatic class has for a configuration: none, one or (rarely) several."""
    import transformers

    mapping: Any = getattr(transformers, auto)._model_mapping if auto else {}
    found = mapping.get(type(config), ())
    return found if isinstance(found, tuple) else (found,)


def _has_place(skeleton: nn.Module, name: str) -> bool:
    """Whether the deepest part of ``skeleton`` that a tensor's name leads to is one that has weights of its own."""
    place: Any = skeleton
    for part in name.split("."):
        children = dict(place.named_children())
        if part not in children:
            break
        place = children[part]
    return place is not skeleton and any(True for _ in place.parameters(recurse=False))


def _n_tokens(skeleton: Untyped, shapes: dict[str, tuple[int, ...]], table: dict[str, Any]) -> int | None:
    """The size of the vocabulary after training, where that is another than the base's."""
    embeddings = skeleton.get_input_embeddings()
    own = int(embeddings.weight.shape[0])
    path = next(name for name, child in skeleton.named_modules() if child is embeddings)
    place = re.compile(re.escape(_WRAPPED + path) + r"\.(?:base_layer\.|modules_to_save\.)?weight")
    found = next((shape[0] for name, shape in shapes.items() if place.fullmatch(name)), None)
    if found is None:
        found = next((shape[1] for name, shape in shapes.items() if name.endswith(path + ".lora_embedding_A")), None)
    if found is None:  # vectors of single tokens: those at the end of a longer vocabulary too
        indices = table.get("trainable_token_indices") or table.get("token_indices") or []
        lists = indices.values() if isinstance(indices, dict) else [indices]
        found = max((int(index) + 1 for one in lists for index in one), default=own)
        found = max(found, own)
    return None if found == own else found


def merge_adapter(model: str, module: Untyped, plan: AdapterPlan, kept: nn.Module) -> Untyped:
    """``module`` with an adapter merged into its weights, as a plain model again, its vocabulary as long as the adapter's.

    Raises ModelError where peft is not installed, for a kind of adapter that cannot be merged, for one that would read
    further files, and for one that lacks a tensor of the part of ``module`` that is ``kept``.
    """
    _check_kind(model, read_json(plan.folder, ADAPTER_CONFIG, model))
    try:
        import peft
    except ImportError:
        raise ModelError(
            f"The model '{model}' is an adapter, and the package peft is not installed.", "Run: pip install peft"
        ) from None
    prefix = next(name for name, child in module.named_modules() if child is kept)
    try:
        if plan.n_tokens is not None:
            module.resize_token_embeddings(plan.n_tokens, mean_resizing=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what peft warns of is checked, and refused, below
            config = peft.PeftConfig.from_pretrained(str(plan.folder))
            if not plan.of_task:
                config.task_type = None
            wrapped = peft.PeftModel.from_pretrained(
                module, str(plan.folder), config=config, autocast_adapter_dtype=False, torch_device="cpu"
            )
        expected = set(peft.get_peft_model_state_dict(wrapped, save_embedding_layers=False))
        missing = sorted(expected - set(tensor_shapes(model, plan.folder / ADAPTER_WEIGHTS)))
        missing = [name for name in missing if name.startswith(f"{_WRAPPED}{prefix}")]
        if missing:  # peft only warns, and goes on with the base model as it was
            raise broken(model, f"its adapter lacks {len(missing)} tensors, such as {missing[0]}")
        return wrapped.merge_and_unload(safe_merge=True)
    except NotImplementedError as error:
        raise _not_mergeable(model, str(error).strip().splitlines()[0][:160] if str(error).strip() else "") from None
    except (AttributeError, RuntimeError, ValueError, KeyError, TypeError) as error:
        reason = (str(error).strip().splitlines() or [""])[0][:160]
        raise ModelError(
            f"The adapter '{model}' cannot be applied to its base model ({type(error).__name__}: {reason}).",
            f"Check that base_model_name_or_path in {ADAPTER_CONFIG} names the model that it was trained on, "
            "or merge the adapter into its base with the software that trained it.",
        ) from None


def _check_kind(model: str, table: dict[str, Any]) -> None:
    kind = str(table.get("peft_type"))
    if kind not in MERGEABLE:
        raise ModelError(
            f"The adapter '{model}' is of the kind {kind}, which cannot be merged into its base model.",
            f"Adapters of these kinds can be used: {', '.join(MERGEABLE)}.",
        )
    if table.get("megatron_config") or table.get("arrow_config") or table.get("init_lora_weights") in _OTHER_FILES:
        raise ModelError(
            f"The adapter '{model}' would load further code or files.", "Save it again as a plain LoRA adapter."
        )
    for setting in ("layer_replication", "alora_invocation_tokens"):
        if table.get(setting):
            raise _not_mergeable(model, f"{setting} is set")


def _not_mergeable(model: str, reason: str) -> ModelError:
    return ModelError(
        f"The adapter '{model}' cannot be merged into the weights of its base model ({reason}).",
        "Embedscope applies adapters by merging them. Use another adapter, or the base model alone.",
    )
