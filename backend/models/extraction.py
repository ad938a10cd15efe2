"""Activations: one forward pass over the texts fills every layer and every pooling asked for.

Texts of like length go together, padded on the right (so positions are right whatever side the tokenizer would pad)
and masked. Results go to the sink batch by batch, so memory does not grow with the number of texts; they do not depend
on the batch size beyond the rounding of floating-point sums.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from backend.activations import Report, no_report
from backend.errors import InvalidRequest, ModelError
from backend.models.architecture import forward_names
from backend.models.batching import Encoded, ExtractionPlan, Ints, batches, encode, plan_extraction
from backend.models.device import is_out_of_memory, trim_memory
from backend.models.layers import LayerTap
from backend.models.loading import LoadedModel
from backend.models.pooling import pool, real_tokens
from backend.specs import POOLINGS, Ablation

STAGE = "Extracting activations"
MEAN_STAGE = "Measuring the mean to ablate with"

_TRIM_EVERY = 16  # batches


class Sink(Protocol):
    """Where activations go as they come."""

    def write(self, layer: int, pooling: str, rows: Ints, block: npt.NDArray[np.float32]) -> None:
        """Take ``block`` (n_rows, n_dims), which are the rows number ``rows`` of one layer's matrix."""


class _StopPass(Exception):
    """Raised inside a forward pass that has shown all that is wanted of it."""


def extract(
    loaded: LoadedModel,
    texts: Sequence[str],
    pairs: Sequence[str] | None,
    plan: ExtractionPlan,
    sink: Sink,
    *,
    poolings: Sequence[str] = POOLINGS,
    batch_tokens: int = 8192,
    ablation: Ablation | None = None,
    layers: Sequence[int] | None = None,
    report: Report = no_report,
) -> None:
    """Run ``loaded`` over ``texts`` once and write every layer (or ``layers``) in each of ``poolings`` to ``sink``.

    ``plan`` is that of plan_extraction for the same texts; ``batch_tokens`` counts padding too. With pooling "tokens"
    the rows are those of the plan. With an ``ablation`` of layer l, the named dimensions of its output are overwritten
    for all tokens, with zero or with their mean over all real tokens of the texts (measured in a pass of its own up to
    that layer, so it does not depend on the batches), and the rest of the network runs on that. Memory that runs out
    halves the batch. Raises InvalidRequest for an unknown pooling, layer or dimension or a plan longer than the model
    takes; ModelError where not even one text fits or a value is not finite; Cancelled from ``report``.
    """
    _check(loaded, plan, poolings, layers, ablation)
    wanted = frozenset(range(len(loaded.info.layer_names)) if layers is None else layers)
    fill = _ablation_values(loaded, texts, pairs, plan, ablation, batch_tokens, report) if ablation else None
    pooled: dict[tuple[int, str], torch.Tensor] = {}
    batch = _Batch.empty()

    def observe(layer: int, hidden: torch.Tensor) -> torch.Tensor | None:
        hidden = batch.checked(hidden)
        if ablation is not None and fill is not None and layer == ablation.layer:
            hidden = hidden.clone()
            hidden[..., list(ablation.dims)] = fill.to(hidden)
        if layer in wanted:
            for pooling in poolings:
                pooled[layer, pooling] = batch.pool(hidden, pooling)
        return hidden if ablation is not None and layer == ablation.layer else None

    def run(rows: Ints, encoded: list[Encoded]) -> None:
        pooled.clear()
        batch.fill(rows, encoded, loaded, plan if "tokens" in poolings else None)
        tap.begin()
        _forward(loaded, batch)
        tap.finish()
        for (layer, pooling), values in pooled.items():
            target = batch.token_rows if pooling == "tokens" else rows
            if len(target):
                sink.write(layer, pooling, target, _finite(values.cpu().numpy(), loaded, layer))
        pooled.clear()

    with LayerTap(loaded.layout, observe) as tap:
        _run_batches(loaded, texts, pairs, plan, run, batch_tokens, report, STAGE)


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


class _Batch:
    """The tensors of one batch on the model's device, and which rows they are."""

    def __init__(self, inputs: dict[str, torch.Tensor], lengths: torch.Tensor) -> None:
        self.inputs = inputs
        self.lengths = lengths
        self.token_rows: Ints = np.zeros(0, dtype=np.int64)
        self._where: tuple[torch.Tensor, torch.Tensor] | None = None

    @staticmethod
    def empty() -> "_Batch":
        return _Batch({}, torch.zeros(0, dtype=torch.int64))

    def fill(self, rows: Ints, encoded: list[Encoded], loaded: LoadedModel, plan: ExtractionPlan | None) -> None:
        """Take the tokens of one batch; with a ``plan``, also where the rows of its pooling "tokens" are."""
        n_tokens = max(len(one.ids) for one in encoded)
        ids = torch.full((len(encoded), n_tokens), _padding_id(loaded), dtype=torch.int64)
        types = torch.zeros_like(ids)
        for row, one in enumerate(encoded):
            ids[row, : len(one.ids)] = torch.tensor(one.ids)
            if one.types is not None:
                types[row, : len(one.ids)] = torch.tensor(one.types)
        lengths = torch.tensor([len(one.ids) for one in encoded])
        inputs = {"input_ids": ids, "attention_mask": real_tokens(ids, lengths).long()}
        if encoded[0].types is not None and "token_type_ids" in forward_names(loaded.backbone):
            inputs["token_type_ids"] = types
        self.inputs = {name: tensor.to(loaded.device) for name, tensor in inputs.items()}
        self.lengths = lengths.to(loaded.device)
        if plan is not None and plan.text_index is not None and plan.token_index is not None:
            spans = np.searchsorted(plan.text_index, rows), np.searchsorted(plan.text_index, rows, side="right")
            kept = [np.arange(first, end) for first, end in zip(*spans, strict=True)]
            self.token_rows = np.concatenate(kept)
            texts = np.repeat(np.arange(len(rows)), [len(part) for part in kept])
            positions = plan.token_index[self.token_rows]
            self._where = (torch.from_numpy(texts).to(loaded.device), torch.from_numpy(positions).to(loaded.device))

    def checked(self, hidden: torch.Tensor) -> torch.Tensor:
        """A layer's output without what some families pad on the right of their own accord."""
        n_texts, n_tokens = self.inputs["input_ids"].shape
        if hidden.ndim != 3 or hidden.shape[0] != n_texts or hidden.shape[1] < n_tokens:
            raise ModelError(
                f"A layer gave an output of shape {tuple(hidden.shape)} for {n_texts} texts of {n_tokens} tokens.",
                "This family of models is not supported.",
            )
        return hidden

    def pool(self, hidden: torch.Tensor, pooling: str) -> torch.Tensor:
        if pooling != "tokens":
            return pool(hidden, self.lengths, pooling)
        assert self._where is not None
        return hidden[self._where].float()


def _run_batches(
    loaded: LoadedModel,
    texts: Sequence[str],
    pairs: Sequence[str] | None,
    plan: ExtractionPlan,
    run: Callable[[Ints, list[Encoded]], None],
    batch_tokens: int,
    report: Report,
    stage: str,
) -> None:
    """Call ``run(rows, encoded)`` for all texts in batches; where memory runs out, in halves from then on."""
    n_done, most = 0, len(texts)
    report(0, plan.n_texts, stage)
    for number, batch in enumerate(batches(plan.lengths, batch_tokens=batch_tokens)):
        if number % _TRIM_EVERY == 0:
            trim_memory()
        start = 0
        while start < len(batch):
            rows = batch[start : start + most]
            encoded = encode(
                loaded.tokenizer,
                [texts[row] for row in rows],
                [pairs[row] for row in rows] if pairs is not None else None,
                max_length=plan.max_length,
            )
            if _fits(run, rows, encoded, loaded):
                start += len(rows)
                n_done += len(rows)
                report(n_done, plan.n_texts, stage)
                continue
            if len(rows) == 1:
                raise ModelError(
                    f"Not enough memory on {loaded.device} for one text of {len(encoded[0].ids)} tokens.",
                    "Choose a smaller model or a lower limit of tokens, or free memory.",
                )
            most = len(rows) // 2


def _fits(run: Callable[[Ints, list[Encoded]], None], rows: Ints, encoded: list[Encoded], loaded: LoadedModel) -> bool:
    """Run one batch; False where memory ran out (its rows are then run, and written, again)."""
    try:
        with torch.inference_mode():
            run(rows, encoded)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    else:
        return True
    if loaded.device.startswith("cuda"):
        torch.cuda.empty_cache()  # outside the except clause, whose traceback holds on to the tensors
    return False


def _forward(loaded: LoadedModel, batch: _Batch) -> None:
    try:
        loaded.backbone(**batch.inputs)
    except _StopPass:
        pass
    except (IndexError, RuntimeError) as error:
        highest = int(batch.inputs["input_ids"].max())
        size = loaded.backbone.get_input_embeddings().num_embeddings
        if is_out_of_memory(error) or highest < size:
            raise
        raise ModelError(
            f"The tokenizer of '{loaded.spec.name}' gives token {highest}, but the model has only {size} tokens.",
            "The tokenizer belongs to another model: save both together again.",
        ) from None


def _ablation_values(
    loaded: LoadedModel,
    texts: Sequence[str],
    pairs: Sequence[str] | None,
    plan: ExtractionPlan,
    ablation: Ablation,
    batch_tokens: int,
    report: Report,
) -> torch.Tensor:
    """What to overwrite the ablated dimensions with, float64 (n_ablated,): zero, or the mean over all real tokens."""
    dims = list(ablation.dims)
    total = torch.zeros(len(dims), dtype=torch.float64)
    if ablation.mode == "zero":
        return total
    batch = _Batch.empty()
    seen = torch.zeros_like(total)

    def observe(layer: int, hidden: torch.Tensor) -> None:
        if layer == ablation.layer:
            values = batch.checked(hidden)[..., dims].cpu().double()  # MPS has no float64
            padding = ~real_tokens(values, batch.lengths.cpu())
            seen.copy_(values.masked_fill(padding.unsqueeze(-1), 0.0).sum((0, 1)))
            raise _StopPass

    def run(rows: Ints, encoded: list[Encoded]) -> None:
        batch.fill(rows, encoded, loaded, None)
        tap.begin()
        _forward(loaded, batch)
        total.add_(seen)

    with LayerTap(loaded.layout, observe) as tap:
        _run_batches(loaded, texts, pairs, plan, run, batch_tokens, report, MEAN_STAGE)
    return total / plan.n_tokens


def _check(
    loaded: LoadedModel,
    plan: ExtractionPlan,
    poolings: Sequence[str],
    layers: Sequence[int] | None,
    ablation: Ablation | None,
) -> None:
    info = loaded.info
    for pooling in poolings:
        if pooling not in (*POOLINGS, "tokens"):
            raise InvalidRequest(f"There is no pooling '{pooling}'.", f"Choose {', '.join(POOLINGS)} or tokens.")
        if pooling == "tokens" and plan.text_index is None:
            raise InvalidRequest("Pooling 'tokens' was not planned for.", "Plan the extraction with a TokenSample.")
    n_layers = len(info.layer_names)
    for layer in (*(layers or ()), *((ablation.layer,) if ablation else ())):
        if not 0 <= layer < n_layers:
            raise InvalidRequest(
                f"The model '{info.spec.name}' has no layer {layer}.", f"Its layers are 0 to {n_layers - 1}."
            )
    if ablation is not None and not all(0 <= dim < info.n_dims for dim in ablation.dims):
        raise InvalidRequest(
            f"The ablation names a dimension beyond the model's {info.n_dims}.", f"Choose from 0 to {info.n_dims - 1}."
        )
    if ablation is not None and ablation.mode not in ("zero", "mean"):
        raise InvalidRequest(f"There is no ablation mode '{ablation.mode}'.", "Choose zero or mean.")
    if plan.n_texts and int(plan.lengths.max()) > info.max_length:
        raise InvalidRequest(
            f"The model '{info.spec.name}' takes {info.max_length} tokens, but the limit is {plan.max_length}.",
            f"Set the limit to {info.max_length} or less.",
        )


def _padding_id(loaded: LoadedModel) -> int:
    """Any token will do, since it is masked, but RoBERTa and its kin count positions by the padding token's id."""
    config: Any = loaded.backbone.config
    for value in (getattr(config, "pad_token_id", None), loaded.tokenizer.pad_token_id):
        if isinstance(value, int) and value >= 0:
            return value
    return 0


def _finite(block: npt.NDArray[np.float32], loaded: LoadedModel, layer: int) -> npt.NDArray[np.float32]:
    if not np.isfinite(block).all():
        name = loaded.info.layer_names[layer]
        raise ModelError(
            f"The model '{loaded.spec.name}' gives values that are not finite at {name} in {loaded.spec.dtype}.",
            "Run it in float32 (EMBEDSCOPE_DTYPE=float32); if it happens there too, its weights are damaged.",
        )
    return block
