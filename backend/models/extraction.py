"""Activations: one forward pass over the texts fills every layer and every pooling asked for.

Texts of like length go together, padded on the right (so positions are right whatever side the tokenizer would pad)
and masked; the batches come in an order in which the texts done so far are of all lengths. Results go to the sink batch
by batch, so memory does not grow with the number of texts; they do not depend on the batch size beyond the rounding of
floating-point sums, and on the order of the batches not at all.
"""

import time
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from backend.errors import InvalidRequest
from backend.models.batching import Encoded, ExtractionPlan, Ints, plan_extraction
from backend.models.layers import LayerTap
from backend.models.loading import LoadedModel
from backend.models.passes import Batch, forward, not_finite, overwritten, run_batches, token_mean
from backend.models.pooling import brought
from backend.models.words import WordBatch
from backend.values.activations import Report, no_report
from backend.values.models import ModelInfo
from backend.values.specs import ALL_POOLINGS, POOLINGS, Ablation

STAGE = "Extracting activations"


class Sink(Protocol):
    """Where activations go as they come."""

    def write(self, layer: int, pooling: str, rows: Ints, block: npt.NDArray[np.float32]) -> None:
        """Take ``block`` (n_rows, n_dims), which are the rows number ``rows`` of one layer's matrix."""


def extract(
    loaded: LoadedModel,
    texts: Sequence[str],
    pairs: Sequence[str] | None,
    plan: ExtractionPlan,
    sink: Sink,
    *,
    poolings: Sequence[str] = POOLINGS,
    batch_tokens: int = 0,
    ablation: Ablation | None = None,
    fill: npt.NDArray[np.float64] | None = None,
    layers: Sequence[int] | None = None,
    report: Report = no_report,
) -> None:
    """Run ``loaded`` over ``texts`` once and write every layer (or ``layers``) in each of ``poolings`` to ``sink``.

    ``plan`` is that of plan_extraction for the same texts; ``batch_tokens`` counts padding too (0: see batches_of). Texts with equal tokens
    are run once and their rows are equal bit for bit. With pooling "tokens"
    the rows are those of the plan, and with "words" those of plan_words, for the sentences that it gave. With an
    ``ablation`` of layer l, the named dimensions of its output are overwritten for all tokens, with zero or with their
    mean over all real tokens of the texts (measured in a pass of its own up to that layer, so it does not depend on the
    batches; or given as ``fill``), and the rest of the network runs on that. Memory that runs out halves the batch.
    Raises InvalidRequest for an unknown pooling, layer or dimension or a plan longer than the model takes; ModelError
    where not even one text fits or a value is not finite; Cancelled from ``report``.
    """
    _check(loaded, plan, poolings, layers, ablation)
    wanted = frozenset(range(len(loaded.info.layer_names)) if layers is None else layers)
    if ablation is not None and fill is None:
        fill = np.zeros(len(ablation.dims))
        if ablation.mode == "mean":
            mean = token_mean(loaded, texts, pairs, plan, ablation.layer, batch_tokens, report)
            fill = mean[list(ablation.dims)]
    pooled: dict[tuple[int, str], torch.Tensor] = {}
    batch = Batch.empty()
    words: WordBatch | None = None

    def observe(layer: int, hidden: torch.Tensor) -> torch.Tensor | None:
        hidden = batch.checked(hidden)
        if ablation is not None and fill is not None and layer == ablation.layer:
            hidden = overwritten(hidden, ablation.dims, fill)
        if layer in wanted:
            for pooling in poolings:
                pooled[layer, pooling] = words.pool(hidden) if words is not None else batch.pool(hidden, pooling)
        return hidden if ablation is not None and layer == ablation.layer else None

    def run(rows: Ints, encoded: list[Encoded]) -> None:
        nonlocal words
        pooled.clear()
        texts_here, places = plan.repeats.spread(rows)
        words = None
        if "words" in poolings and plan.words is not None:
            words = WordBatch(plan.words, texts_here, places, loaded.device)
        batch.fill(rows, encoded, loaded, plan if "tokens" in poolings else None)
        tap.begin()
        forward(loaded, batch)
        tap.finish()
        for (layer, pooling), block in zip(pooled, brought(list(pooled.values())), strict=True):
            _require_finite(block, loaded, layer)
            if words is None and pooling != "tokens":
                sink.write(layer, pooling, texts_here, block if len(rows) == len(texts_here) else block[places])
            elif len(target := batch.token_rows if words is None else words.rows):
                sink.write(layer, pooling, target, block)
        pooled.clear()

    with LayerTap(loaded.layout, observe) as tap:
        run_batches(loaded, texts, pairs, plan, run, batch_tokens, report, STAGE, spread=True)


def measure(loaded: LoadedModel, texts: Sequence[str], pairs: Sequence[str] | None = None, *, max_length: int) -> float:
    """Seconds for each token of a forward pass with pooling, measured on ``texts``: give a small, typical sample."""
    plan = plan_extraction(loaded.tokenizer, texts, pairs, max_length=min(max_length, loaded.info.max_length))
    extract(loaded, texts, pairs, plan, _Nowhere())  # the first pass also pays for what is set up once
    start = time.perf_counter()
    extract(loaded, texts, pairs, plan, _Nowhere())
    return (time.perf_counter() - start) / max(1, plan.n_tokens)


class _Nowhere:
    def write(self, layer: int, pooling: str, rows: Ints, block: npt.NDArray[np.float32]) -> None:
        """Take nothing."""


def _check(
    loaded: LoadedModel,
    plan: ExtractionPlan,
    poolings: Sequence[str],
    layers: Sequence[int] | None,
    ablation: Ablation | None,
) -> None:
    info = loaded.info
    for pooling in poolings:
        if pooling not in ALL_POOLINGS:
            raise InvalidRequest(f"There is no pooling '{pooling}'.", f"Choose {', '.join(ALL_POOLINGS)}.")
        if pooling == "words" and (plan.words is None or len(poolings) > 1):
            raise InvalidRequest(
                "Pooling 'words' goes alone, with a plan of words.", "Plan the extraction with plan_words."
            )
        if pooling == "tokens" and plan.text_index is None:
            raise InvalidRequest("Pooling 'tokens' was not planned for.", "Plan the extraction with a TokenSample.")
    for layer in layers or ():
        _check_layer(info, layer)
    if ablation is not None:
        check_ablation(info, ablation)
    if plan.n_texts and int(plan.lengths.max()) > info.max_length:
        raise InvalidRequest(
            f"The model '{info.spec.name}' takes {info.max_length} tokens, but the limit is {plan.max_length}.",
            f"Set the limit to {info.max_length} or less.",
        )


def check_ablation(info: ModelInfo, ablation: Ablation) -> None:
    """Raise InvalidRequest where the model has no such layer or dimension, or there is no such mode."""
    _check_layer(info, ablation.layer)
    if not all(0 <= dim < info.n_dims for dim in ablation.dims):
        raise InvalidRequest(
            f"The ablation names a dimension beyond the model's {info.n_dims}.", f"Choose from 0 to {info.n_dims - 1}."
        )
    if ablation.mode not in ("zero", "mean"):
        raise InvalidRequest(f"There is no ablation mode '{ablation.mode}'.", "Choose zero or mean.")


def _check_layer(info: ModelInfo, layer: int) -> None:
    last = len(info.layer_names) - 1
    if not 0 <= layer <= last:
        raise InvalidRequest(f"The model '{info.spec.name}' has no layer {layer}.", f"Its layers are 0 to {last}.")


def _require_finite(block: npt.NDArray[np.float32], loaded: LoadedModel, layer: int) -> None:
    if not np.isfinite(block).all():
        raise not_finite(loaded, loaded.info.layer_names[layer])
