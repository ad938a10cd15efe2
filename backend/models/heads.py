"""A loaded checkpoint's own sequence-classification head as numbers: which layer it reads, and what it makes of it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from backend.activations import Head, HeadStage
from backend.errors import EmbedscopeError
from backend.models.batching import encode
from backend.models.layers import LayerTap
from backend.models.loading import LoadedModel

_TEXTS = ("a", "The old house by the sea was not very bright.")  # one token and many: the head is tried on both
_TOLERANCE = {"float32": 1e-4, "bfloat16": 2e-2, "float16": 5e-3}  # of the largest logit plus 1
_MAX_TOKENS = 16

Reader = Callable[[Any], tuple[str, tuple[HeadStage, ...]] | None]
"""From a model with a head to the pooling and the stages of that head; None where it is of another kind."""


def own_head(loaded: LoadedModel) -> tuple[Head | None, str]:
    """The classification head of ``loaded`` as numbers, and "" - or None and why there is none that can be used.

    The head is tried before it is given out: on two short texts its logits, from the activations that are observed,
    must be the model's own (to 1e-4 in float32, relative to the largest; 2e-2 in bfloat16). Regressions and heads that give
    several labels at once are no classifiers.
    """
    if not loaded.info.has_head:
        return None, "the model has none of its own"
    config: Any = loaded.backbone.config
    kind = str(getattr(config, "problem_type", None) or "")
    if len(loaded.info.labels) < 2 or kind == "regression":
        return None, "the model's own is a regression, not a classifier"
    if kind == "multi_label_classification":
        return None, "the model's own gives several labels at once"
    found = next((read for reader in READERS if (read := reader(loaded.module)) is not None), None)
    if found is None:
        return None, f"the model's own is of a kind that cannot be read ({loaded.info.architecture})"
    pooling, stages = found
    head = Head(len(loaded.info.layer_names) - 1, pooling, stages, loaded.info.labels)
    deviation, largest = _tried(loaded, head)
    if not deviation <= _TOLERANCE[loaded.spec.dtype] * (1.0 + largest):
        return None, f"what the model's own reads is not the last layer's {pooling} token ({loaded.info.architecture})"
    return Head(head.layer, head.pooling, head.stages, head.classes, deviation), ""


def _score(module: Any) -> tuple[str, tuple[HeadStage, ...]] | None:
    """GPT-2, Llama and all decoders after them: one linear map of the last token's vector, after the final norm."""
    score = getattr(module, "score", None)
    return ("last", (_stage(score),)) if isinstance(score, nn.Linear) else None


def _dense_and_out(module: Any) -> tuple[str, tuple[HeadStage, ...]] | None:
    """RoBERTa, CamemBERT, XLM-RoBERTa, MPNet (tanh) and ELECTRA (gelu): two maps of the first token's vector."""
    head = getattr(module, "classifier", None)
    dense, out = getattr(head, "dense", None), getattr(head, "out_proj", None)
    if not isinstance(dense, nn.Linear) or not isinstance(out, nn.Linear):
        return None
    activation = _name(getattr(head, "activation", None)) if hasattr(head, "activation") else "tanh"
    return None if activation is None else ("cls", (_stage(dense, activation), _stage(out)))


def _pre_classifier(module: Any) -> tuple[str, tuple[HeadStage, ...]] | None:
    """DistilBERT: two maps of the first token's vector with a ReLU between them."""
    first, out = getattr(module, "pre_classifier", None), getattr(module, "classifier", None)
    if not isinstance(first, nn.Linear) or not isinstance(out, nn.Linear):
        return None
    return "cls", (_stage(first, "relu"), _stage(out))


def _pooler(module: Any) -> tuple[str, tuple[HeadStage, ...]] | None:
    """BERT, ALBERT (tanh) and DeBERTa (gelu): the pooler's map of the first token's vector, then the classifier's."""
    out = getattr(module, "classifier", None)
    backbone = getattr(module, "base_model", None)
    pooler = getattr(module, "pooler", None) or getattr(backbone, "pooler", None)
    if not isinstance(out, nn.Linear):
        return None
    if isinstance(pooler, nn.Linear):  # ALBERT keeps the activation beside its pooler
        dense, activation = pooler, _name(getattr(backbone, "pooler_activation", None))
    else:
        dense = getattr(pooler, "dense", None)
        given = getattr(module.config, "pooler_hidden_act", None)
        activation = _name(getattr(pooler, "activation", given))
    if not isinstance(dense, nn.Linear) or activation is None:
        return None
    return "cls", (_stage(dense, activation), _stage(out))


READERS: tuple[Reader, ...] = (_score, _pre_classifier, _dense_and_out, _pooler)


def _name(activation: Any) -> str | None:
    """The name of an activation among those that a HeadStage knows, or None."""
    if isinstance(activation, str):
        return activation if activation in ("tanh", "relu", "gelu") else None
    names = {"Tanh": "tanh", "ReLU": "relu", "GELUActivation": "gelu", "GELU": "gelu"}
    return names.get(type(activation).__name__)


def _stage(linear: nn.Linear, activation: str = "none") -> HeadStage:
    weight = linear.weight.detach().cpu().double().numpy()
    bias = np.zeros(len(weight)) if linear.bias is None else linear.bias.detach().cpu().double().numpy()
    return HeadStage(weight, bias, activation)


def _tried(loaded: LoadedModel, head: Head) -> tuple[float, float]:
    """The largest difference between the head's logits and the model's own on a few texts, and the largest logit."""
    seen: list[torch.Tensor] = []

    def observe(layer: int, hidden: torch.Tensor) -> None:
        if layer == head.layer:
            seen.append(hidden)

    deviation = largest = 0.0
    with LayerTap(loaded.layout, observe) as tap, torch.inference_mode():
        for one in encode(loaded.tokenizer, _TEXTS, max_length=min(_MAX_TOKENS, loaded.info.max_length)):
            ids = torch.tensor([one.ids], device=loaded.device)
            seen.clear()
            tap.begin()
            try:
                output = loaded.module(input_ids=ids, attention_mask=torch.ones_like(ids))
                tap.finish()
                rows = seen[0][0, [0 if head.pooling == "cls" else len(one.ids) - 1]]
                own = output.logits.cpu().double().numpy()
                gap = np.abs(head.logits(rows.cpu().double().numpy()) - own)
            except (EmbedscopeError, AttributeError, IndexError, RuntimeError, TypeError, ValueError):
                return np.inf, 0.0  # not applied in a way that is known here
            deviation, largest = max(deviation, float(gap.max())), max(largest, float(np.abs(own).max()))
    return deviation, largest
