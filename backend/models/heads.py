"""A loaded checkpoint's own sequence-classification head as numbers: which layer it reads, and what it makes of it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from backend.errors import EmbedscopeError
from backend.models.batching import encode
from backend.models.layers import LayerTap
from backend.models.loading import LoadedModel
from backend.models.passes import Batch, forward
from backend.models.untyped import Untyped
from backend.values.activations import ACTIVATIONS, Head, HeadStage

_TEXTS = ("a", "The old house by the sea was not very bright.")  # one token and many: the head is tried on both
_TOLERANCE = {"float32": 1e-4, "bfloat16": 2e-2, "float16": 5e-3}  # of the largest logit plus 1
_MAX_TOKENS = 16

Reading = tuple[str, tuple[HeadStage, ...]]
Reader = Callable[[Any], list[Reading]]
"""From a model with a head to the pooling and the stages that this head may have; none where it is of another kind."""


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
    candidates = [found for read in READERS for found in read(loaded.module)]
    if not candidates:
        return None, f"the model's own is of a kind that cannot be read ({loaded.info.architecture})"
    for pooling, stages in candidates:
        head = Head(len(loaded.info.layer_names) - 1, pooling, stages, loaded.info.labels)
        deviation, largest = _tried(loaded, head)
        if deviation <= _TOLERANCE[loaded.spec.dtype] * (1.0 + largest):
            return replace(head, deviation=deviation), ""
    pooling = candidates[0][0]
    return None, f"what the model's own reads is not the last layer's {pooling} token ({loaded.info.architecture})"


def _score(module: Untyped) -> list[Reading]:
    """GPT-2, Llama and all decoders after them: one linear map of the last token's vector, after the final norm."""
    score = getattr(module, "score", None)
    return [("last", (_stage(score),))] if isinstance(score, nn.Linear) else []


def _classifier(module: Untyped) -> list[Reading]:
    """CTRL and FNet's kin: one linear map of the last or the first token's vector, called a classifier."""
    out = getattr(module, "classifier", None)
    between = [
        one for one in module.children() if one not in (module.base_model, out) and not isinstance(one, nn.Dropout)
    ]
    if between or not isinstance(out, nn.Linear):
        return []
    return [(pooling, (_stage(out),)) for pooling in ("last", "cls")]


def _dense_and_out(module: Untyped) -> list[Reading]:
    """RoBERTa, CamemBERT, XLM-RoBERTa, MPNet (tanh), ELECTRA (gelu), BigBird, ConvBERT (as configured): two maps."""
    head = getattr(module, "classifier", None)
    dense, out = getattr(head, "dense", None), getattr(head, "out_proj", None)
    if not isinstance(dense, nn.Linear) or not isinstance(out, nn.Linear):
        return []
    if head is not None and hasattr(head, "activation"):
        names = [_name(head.activation)]
    else:
        names = ["tanh", _name(getattr(module.config, "hidden_act", None))]
    return [("cls", (_stage(dense, name), _stage(out))) for name in dict.fromkeys(names) if name is not None]


def _pre_classifier(module: Untyped) -> list[Reading]:
    """DistilBERT: two maps of the first token's vector with a ReLU between them."""
    first, out = getattr(module, "pre_classifier", None), getattr(module, "classifier", None)
    if not isinstance(first, nn.Linear) or not isinstance(out, nn.Linear):
        return []
    return [("cls", (_stage(first, "relu"), _stage(out)))]


def _pooler(module: Untyped) -> list[Reading]:
    """BERT, ALBERT (tanh) and DeBERTa (gelu): the pooler's map of the first token's vector, then the classifier's."""
    out = getattr(module, "classifier", None)
    backbone = getattr(module, "base_model", None)
    pooler = getattr(module, "pooler", None) or getattr(backbone, "pooler", None)
    if not isinstance(out, nn.Linear):
        return []
    if isinstance(pooler, nn.Linear):  # ALBERT keeps the activation beside its pooler
        dense, activation = pooler, _name(getattr(backbone, "pooler_activation", None))
    else:
        dense = getattr(pooler, "dense", None)
        given = getattr(module.config, "pooler_hidden_act", None)
        activation = _name(getattr(pooler, "activation", given))
    if not isinstance(dense, nn.Linear) or activation is None:
        return []
    return [("cls", (_stage(dense, activation), _stage(out)))]


READERS: tuple[Reader, ...] = (_score, _pre_classifier, _dense_and_out, _pooler, _classifier)


def _name(activation: Untyped) -> str | None:
    """The name of an activation among ACTIVATIONS, or None; it is told by what it does to numbers, not by its class."""
    from transformers.activations import ACT2FN

    if activation is None:
        return None
    try:
        function = ACT2FN[activation] if isinstance(activation, str) else activation
        x = torch.linspace(-4.0, 4.0, 81, dtype=torch.float64)
        y = function(x).numpy()
    except (KeyError, TypeError, RuntimeError, AttributeError):
        return None
    return next((name for name, known in ACTIVATIONS.items() if np.allclose(known(x.numpy()), y, atol=1e-9)), None)


def _stage(linear: nn.Linear, activation: str = "none") -> HeadStage:
    weight = linear.weight.detach().cpu().double().numpy()
    bias = np.zeros(len(weight)) if linear.bias is None else linear.bias.detach().cpu().double().numpy()
    return HeadStage(weight, bias, activation)


def _tried(loaded: LoadedModel, head: Head) -> tuple[float, float]:
    """The largest difference between the head's logits and the model's own on a few texts, and the largest logit.

    The rows come from the backbone run by itself, as activations do: some models run it otherwise for their head.
    """
    seen: list[torch.Tensor] = []

    def observe(layer: int, hidden: torch.Tensor) -> None:
        if layer == head.layer:
            seen.append(hidden)

    deviation = largest = 0.0
    batch = Batch.empty()
    for one in encode(loaded.tokenizer, _TEXTS, max_length=min(_MAX_TOKENS, loaded.info.max_length)):
        batch.fill(np.zeros(1, dtype=np.int64), [one], loaded, None)
        seen.clear()
        try:
            with LayerTap(loaded.layout, observe) as tap, torch.inference_mode():
                tap.begin()
                forward(loaded, batch)
                tap.finish()
            with torch.inference_mode():
                own = forward(loaded, batch, loaded.module).logits.cpu().double().numpy()
            rows = seen[0][0, [0 if head.pooling == "cls" else len(one.ids) - 1]]
            gap = np.abs(head.logits(rows.cpu().double().numpy()) - own)
        except (EmbedscopeError, AttributeError, IndexError, RuntimeError, TypeError, ValueError):
            return np.inf, 0.0  # not applied in a way that is known here
        deviation, largest = max(deviation, float(gap.max())), max(largest, float(np.abs(own).max()))
    return deviation, largest
