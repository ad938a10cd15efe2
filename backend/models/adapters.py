"""Adapters (LoRA and its relatives, through the optional package peft): merged into their base model on loading."""

import warnings
from pathlib import Path
from typing import Any

from backend.errors import ModelError
from backend.models.folders import ADAPTER_CONFIG, ADAPTER_WEIGHTS, broken, read_json, tensor_shapes

MERGEABLE = ("LORA", "ADALORA", "LOHA", "LOKR", "IA3", "OFT", "BOFT", "VERA")
_HEAD_WEIGHTS = ("classifier.weight", "classifier.out_proj.weight", "score.weight")


def adapter_labels(model: str, folder: Path) -> int | None:
    """Number of classes of the classification head that an adapter brings, None where it brings none."""
    if read_json(folder, ADAPTER_CONFIG, model).get("task_type") != "SEQ_CLS":
        return None
    for name, shape in tensor_shapes(model, folder / ADAPTER_WEIGHTS).items():
        if name.endswith(_HEAD_WEIGHTS):
            return shape[0]
    return None


def merge_adapter(model: str, module: Any, folder: Path) -> Any:
    """``module`` with the adapter in ``folder`` merged into its weights, as a plain model again.

    Raises ModelError where peft is not installed, for a kind of adapter that cannot be merged (prompts, prefixes), for
    an adapter that would read further files, and for one that does not fit its base.
    """
    config = read_json(folder, ADAPTER_CONFIG, model)
    kind = str(config.get("peft_type"))
    if kind not in MERGEABLE:
        raise ModelError(
            f"The adapter '{model}' is of the kind {kind}, which cannot be merged into its base model.",
            f"Adapters of these kinds can be used: {', '.join(MERGEABLE)}.",
        )
    if config.get("megatron_config") or config.get("init_lora_weights") in ("corda", "eva", "lora_ga"):
        raise ModelError(
            f"The adapter '{model}' would load further code or files.", "Save it again as a plain LoRA adapter."
        )
    try:
        import peft
    except ImportError:
        raise ModelError(
            f"The model '{model}' is an adapter, and the package peft is not installed.", "Run: pip install peft"
        ) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what peft warns of is checked, and refused, below
            wrapped = peft.PeftModel.from_pretrained(
                module, str(folder), is_trainable=False, autocast_adapter_dtype=False, torch_device="cpu"
            )
        expected = set(peft.get_peft_model_state_dict(wrapped, save_embedding_layers=False))
        missing = sorted(expected - set(tensor_shapes(model, folder / ADAPTER_WEIGHTS)))
        if missing:  # peft only warns, and goes on with the base model as it was
            raise broken(model, f"its adapter lacks {len(missing)} tensors, such as {missing[0]}")
        return wrapped.merge_and_unload(safe_merge=True)
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        reason = (str(error).strip().splitlines() or [""])[0][:160]
        raise broken(model, f"its adapter does not fit its base model ({type(error).__name__}: {reason})") from None
