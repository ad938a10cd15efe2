"""The language-model head of a causal checkpoint, put on the backbone that is loaded already."""

from collections.abc import Collection
from typing import Any

import torch
from torch import nn

from backend.models.device import torch_dtype
from backend.models.folders import read_tensors, tensor_shapes
from backend.models.loading import LoadedModel

_OUTPUT = "lm_head.weight"
_SAVED_AS = {"embed_out.weight": _OUTPUT}  # GPT-NeoX (Pythia) keeps its old name in files


def language_model(loaded: LoadedModel) -> nn.Module | None:
    """The causal language model of a checkpoint, built on ``loaded.backbone``; None where there is none.

    Its class is the library's for the family, so that scalings and caps of the logits are the model's own. The head's
    weights are the checkpoint's, or the input embeddings where the configuration ties the two. None for encoders, and for
    checkpoints with neither, such as a classifier whose untied head was thrown away.
    """
    from transformers import AutoModelForCausalLM
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

    config: Any = loaded.backbone.config
    if loaded.info.family != "decoder" or type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        return None
    if loaded.whole is not None:  # an object: there are no files to read a head from
        return loaded.whole if type(loaded.whole) is MODEL_FOR_CAUSAL_LM_MAPPING[type(config)] else None
    try:
        with torch.device("meta"):
            model: Any = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    except Exception:  # a configuration that gives the backbone alone
        return None
    prefix = model.base_model_prefix
    if type(getattr(model, prefix, None)) is not type(loaded.backbone):
        return None
    setattr(model, prefix, loaded.backbone)
    tied = getattr(config.get_text_config(), "tie_word_embeddings", False)
    wanted = [name for name, tensor in model.named_parameters(remove_duplicate=False) if tensor.is_meta]
    found = _stored(loaded, wanted)
    for name in wanted:
        owner, _, leaf = name.rpartition(".")
        module = model.get_submodule(owner)
        tensor = found.get(name)
        if tensor is None and tied and name == _OUTPUT:
            tensor = model.get_input_embeddings().weight
        if tensor is None or tensor.shape != getattr(module, leaf).shape:
            return None
        tensor = tensor.detach().to(device=loaded.device, dtype=torch_dtype(loaded.spec.dtype))
        setattr(module, leaf, nn.Parameter(tensor, requires_grad=False))
    complete = not any(tensor.is_meta for tensor in (*model.parameters(), *model.buffers()))
    return model.eval() if complete else None


def _stored(loaded: LoadedModel, wanted: Collection[str]) -> dict[str, torch.Tensor]:
    """Those of the tensors called ``wanted`` that the checkpoint holds; none where an adapter changes any of them."""
    name, folder, adapter = loaded.spec.name, loaded.files.folder, loaded.files.adapter
    owners = {one.rpartition(".")[0] for one in wanted}
    if adapter is not None:
        brought = [key for path in adapter.glob("*.safetensors") for key in tensor_shapes(name, path)]
        if any(owner in key for owner in owners for key in brought):
            return {}
    found = read_tensors(name, folder, {*wanted, *_SAVED_AS})
    for saved, here in _SAVED_AS.items():
        if saved in found:
            found.setdefault(here, found[saved])
    return found
