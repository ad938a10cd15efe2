"""Forward passes over many texts: batches of like length, memory that runs out, dimensions overwritten on the way.

Texts of like length go together, padded on the right (so positions are right whatever side the tokenizer would pad)
and masked; what comes of them does not depend on the batch size beyond the rounding of floating-point sums.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from backend.errors import EmbedscopeError, ModelError
from backend.models.architecture import forward_names
from backend.models.batching import Encoded, ExtractionPlan, Ints, batches, encode, spread_out
from backend.models.device import is_out_of_memory, trim_memory, turn_on
from backend.models.layers import LayerTap
from backend.models.pooling import pool, real_tokens
from backend.models.settling import padding_bound, settle
from backend.models.untyped import Untyped
from backend.values.activations import Report

if TYPE_CHECKING:
    from backend.models.loading import LoadedModel

SMALLER = ", in smaller batches since memory ran out"
MEAN_STAGE = "Measuring the mean to ablate with"

_TRIM_EVERY = 16  # batches
One = TypeVar("One")


class StopPass(Exception):
    """Raised inside a forward pass that has shown all that is wanted of it."""


class Batch:
    """The tensors of one batch on the model's device, and which rows they are."""

    def __init__(self, inputs: dict[str, torch.Tensor], lengths: torch.Tensor) -> None:
        self.inputs = inputs
        self.lengths = lengths
        self.token_rows: Ints = np.zeros(0, dtype=np.int64)
        self._where: tuple[torch.Tensor, torch.Tensor] | None = None

    @staticmethod
    def empty() -> "Batch":
        return Batch({}, torch.zeros(0, dtype=torch.int64))

    def fill(self, rows: Ints, encoded: list[Encoded], loaded: "LoadedModel", plan: ExtractionPlan | None) -> None:
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
        if not takes(loaded.backbone, "attention_mask"):
            del inputs["attention_mask"]
        self.inputs = {name: tensor.to(loaded.device) for name, tensor in inputs.items()}
        self.lengths = lengths.to(loaded.device)
        if plan is not None and plan.text_index is not None and plan.token_index is not None:
            among, places = plan.repeats.spread(rows)
            spans = np.searchsorted(plan.text_index, among), np.searchsorted(plan.text_index, among, side="right")
            kept = [np.arange(first, end) for first, end in zip(*spans, strict=True)]
            self.token_rows = np.concatenate(kept)
            texts = np.repeat(places, [len(part) for part in kept])
            positions = plan.token_index[self.token_rows]
            self._where = (torch.from_numpy(texts).to(loaded.device), torch.from_numpy(positions).to(loaded.device))

    def checked(self, hidden: torch.Tensor) -> torch.Tensor:
        """A layer's output without what some families pad on the right of their own accord."""
        n_texts, n_tokens = self.inputs["input_ids"].shape
        if hidden.ndim != 3 or hidden.shape[0] != n_texts or hidden.shape[1] < n_tokens:
            raise ModelError(
                f"A layer gave an output of shape {tuple(hidden.shape)} for {n_texts:,} texts of {n_tokens:,} tokens.",
                "This model family is not supported.",
            )
        return hidden

    def pool(self, hidden: torch.Tensor, pooling: str) -> torch.Tensor:
        if pooling != "tokens":
            return pool(hidden, self.lengths, pooling)
        assert self._where is not None
        return hidden[self._where].float()


def quickest(device: str) -> int:
    """How many tokens a batch has at most where nothing else is asked for.

    On a CPU what a layer reads and writes stays in its cache: minilm takes a quarter less time with 1,024 than with 8,192 tokens
    (``benchmarks.extraction``). A GPU wants larger batches.
    """
    return 1024 if device == "cpu" else 4096


def run_batches(
    loaded: "LoadedModel",
    texts: Sequence[str],
    pairs: Sequence[str] | None,
    plan: ExtractionPlan,
    run: Callable[[Ints, list[Encoded]], None],
    batch_tokens: int,
    report: Report,
    stage: str,
    *,
    spread: bool = False,
) -> None:
    """Call ``run(rows, encoded)`` for all texts in batches; where memory runs out, with half of the tokens from then on.

    With ``spread`` the batches, which are the same, come in the order of ``spread_out``; otherwise the longest texts come first.

    Of texts with equal tokens only the first is run: ``plan.repeats.spread(rows)`` says whose numbers they are. The stage
    that is reported says so where memory ran out. Raises ModelError where there is too little for one text.
    """
    n_done, first = 0, plan.repeats.first
    whole = most = batch_tokens or quickest(loaded.device)
    report(0, plan.n_texts, stage)
    in_order = batches_of(loaded, plan, whole)

    def tokens(batch: Ints) -> list[Encoded]:
        rows = first[batch]
        others = [pairs[row] for row in rows] if pairs is not None else None
        return encode(loaded.tokenizer, [texts[row] for row in rows], others, max_length=plan.max_length)

    for number, (batch, found) in enumerate(made_ahead(spread_out(list(in_order)) if spread else in_order, tokens)):
        if number % _TRIM_EVERY == 0:
            trim_memory()
        start = 0
        while start < len(batch):
            longest = int(plan.lengths[first[batch[start]]])  # of those that are left: the longest come first
            here = slice(start, start + max(1, most // max(1, longest)))
            rows, encoded = first[batch[here]], found[here]
            if _fits(run, rows, encoded, loaded):
                start += len(rows)
                n_done += int(plan.repeats.counts(rows).sum())
                report(n_done, plan.n_texts, stage if most == whole else stage + SMALLER)
                continue
            if len(rows) == 1:
                raise ModelError(
                    f"Not enough memory on {loaded.device} for one text of {len(encoded[0].ids)} tokens.",
                    "Choose a smaller model or a lower token limit, or free memory.",
                )
            most = max(1, len(rows) * longest // 2)


def made_ahead(batches: Iterable[Ints], make: Callable[[Ints], One]) -> Iterator[tuple[Ints, One]]:
    """Each batch with what ``make`` gives for it, which a thread makes of the next one while this one is being used."""
    with ThreadPoolExecutor(1, "tokens") as pool:
        waiting: tuple[Ints, Future[One]] | None = None
        for batch in batches:
            coming = batch, pool.submit(make, batch)
            if waiting is not None:
                yield waiting[0], waiting[1].result()
            waiting = coming
        if waiting is not None:
            yield waiting[0], waiting[1].result()


def batches_of(loaded: "LoadedModel", plan: ExtractionPlan, batch_tokens: int) -> Iterator[Ints]:
    """The batches in which ``loaded`` runs the texts of ``plan``: numbers into ``plan.repeats.first``.

    With ``batch_tokens`` 0 a batch has as many tokens as run quickest on the model's device.
    """
    batch_tokens = batch_tokens or quickest(loaded.device)
    lengths, bound = plan.lengths[plan.repeats.first], padding_bound(_config(loaded))
    return batches(lengths, batch_tokens=batch_tokens, sharing=loaded.batching, bound=bound)


def _fits(
    run: Callable[[Ints, list[Encoded]], None], rows: Ints, encoded: list[Encoded], loaded: "LoadedModel"
) -> bool:
    """Run one batch; False where memory ran out (its rows are then run, and written, again)."""
    try:
        with torch.inference_mode(), turn_on(loaded.device):
            run(rows, encoded)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    else:
        return True
    if loaded.device.startswith("cuda"):
        torch.cuda.empty_cache()  # outside the except clause, whose traceback holds on to the tensors
    return False


def forward(loaded: "LoadedModel", batch: Batch, module: nn.Module | None = None) -> Untyped:
    """The output of the backbone (or of ``module``, which is built on it) for one batch; None where it was stopped."""
    settle(loaded.backbone, _config(loaded))
    try:
        return (loaded.backbone if module is None else module)(**batch.inputs)
    except StopPass:
        return None
    except EmbedscopeError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        highest, size = int(batch.inputs["input_ids"].max()), _n_tokens(loaded)
        if size is not None and highest >= size:
            raise ModelError(
                f"The tokenizer of '{loaded.spec.name}' gives token {highest}, but the model has only {size} tokens.",
                "Use the tokenizer that belongs to the model; tokens that were added later need vectors in the model too.",
            ) from None
        n_texts, n_tokens = batch.inputs["input_ids"].shape
        tokens = f"{n_tokens:,} {'token' if n_tokens == 1 else 'tokens'}"
        said = f"one text of {tokens}" if n_texts == 1 else f"{n_texts:,} texts of up to {tokens}"
        reason = (str(error).strip().splitlines() or [""])[0][:160]
        raise ModelError(
            f"'{loaded.spec.name}' ({loaded.info.architecture}) cannot be run on {said} "
            f"({type(error).__name__}: {reason}).",
            "This model family is not supported for texts of that length, or needs more than tokens: choose another.",
        ) from None


def takes(module: nn.Module, name: str) -> bool:
    """Whether a module's forward takes an argument of that name, by itself or among others."""
    import inspect

    parameters = inspect.signature(module.forward).parameters
    return name in parameters or any(one.kind is one.VAR_KEYWORD for one in parameters.values())


def _n_tokens(loaded: "LoadedModel") -> int | None:
    """How many tokens the model knows; None where it has no table of them."""
    try:
        table: Any = loaded.backbone.get_input_embeddings()
    except (AttributeError, NotImplementedError):
        return None
    size = getattr(table, "num_embeddings", None)
    return size if isinstance(size, int) else None


def token_mean(
    loaded: "LoadedModel",
    texts: Sequence[str],
    pairs: Sequence[str] | None,
    plan: ExtractionPlan,
    layer: int,
    batch_tokens: int,
    report: Report,
) -> npt.NDArray[np.float64]:
    """Mean of every dimension (n_dims,) of one layer over all real tokens of ``texts``, by a pass up to that layer."""
    batch = Batch.empty()
    total = torch.zeros(loaded.info.n_dims, dtype=torch.float64)
    seen = torch.zeros_like(total)
    counts = torch.zeros(0, dtype=torch.int64)

    def observe(number: int, hidden: torch.Tensor) -> None:
        if number == layer:
            values = batch.checked(hidden).cpu().double()  # MPS has no float64
            padding = ~real_tokens(values, batch.lengths.cpu())
            sums = values.masked_fill(padding.unsqueeze(-1), 0.0).sum(1)
            seen.copy_(counts.double() @ sums)
            raise StopPass

    def run(rows: Ints, encoded: list[Encoded]) -> None:
        nonlocal counts
        batch.fill(rows, encoded, loaded, None)
        counts = torch.from_numpy(plan.repeats.counts(rows))
        tap.begin()
        forward(loaded, batch)
        total.add_(seen)

    with LayerTap(loaded.layout, observe) as tap:
        run_batches(loaded, texts, pairs, plan, run, batch_tokens, report, MEAN_STAGE)
    mean: npt.NDArray[np.float64] = (total / int(plan.lengths.sum())).numpy()
    return mean


def overwritten(hidden: torch.Tensor, dims: Sequence[int], values: npt.NDArray[np.float64]) -> torch.Tensor:
    """``hidden`` (n_texts, n_tokens, n_dims) with ``values`` (n_overwritten,) on the dimensions ``dims`` of all tokens."""
    hidden = hidden.clone()
    hidden[..., list(dims)] = torch.from_numpy(values).to(hidden.dtype).to(hidden.device)
    return hidden


def not_finite(loaded: "LoadedModel", where: str) -> ModelError:
    """The error for values that are not finite."""
    return ModelError(
        f"The model '{loaded.spec.name}' gives values that are not finite at {where} in {loaded.spec.dtype}.",
        "Run it in float32 (EMBEDSCOPE_DTYPE=float32). If it happens there too, compare with another copy of its weights.",
    )


def _config(loaded: "LoadedModel") -> Untyped:
    return getattr(loaded.backbone, "config", None)  # FSMT's encoder has none


def _padding_id(loaded: "LoadedModel") -> int:
    """Any token will do, since it is masked, but RoBERTa and its kin count positions by the padding token's id."""
    for value in (getattr(_config(loaded), "pad_token_id", None), loaded.tokenizer.pad_token_id):
        if isinstance(value, int) and value >= 0:
            return value
    return 0
