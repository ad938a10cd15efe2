"""A model over its texts, ready to be run again with dimensions overwritten between two blocks."""

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from backend.errors import InvalidRequest
from backend.models.batching import Encoded, ExtractionPlan, Ints, plan_extraction
from backend.models.causal import language_model
from backend.models.extraction import check_ablation, extract
from backend.models.layers import LayerTap
from backend.models.loading import LoadedModel
from backend.models.passes import Batch, forward, not_finite, overwritten, quickest, run_batches, token_mean
from backend.values.activations import Report
from backend.values.specs import POOLINGS, Ablation, ActivationSpec
from backend.values.stored import narrowed, widened
from backend.values.texts import TextTable

LOSS_STAGE = "Predicting tokens"
_LOGITS = 2**26  # entries of the logits of one batch: 256 MiB in float32


class TextNetwork:
    """The network behind a stack (``backend.values.activations.Network``): the model of ``spec`` over the texts of ``table``.

    ``spec`` is the stack's last layer; ``load`` gives its model, loaded or still loaded. Tokens, length limit and batches
    are those of the extraction, so running it with nothing overwritten gives the rows of the store, rounded as those are. Raises
    InvalidRequest for activations that are not what comes out of the network: post-processed ones.
    """

    def __init__(
        self, load: Callable[[], LoadedModel], spec: ActivationSpec, table: TextTable, batch_tokens: int
    ) -> None:
        if spec.postprocess or spec.ablation is not None:
            raise InvalidRequest(
                "These activations are post-processed; inside the network there are only the model's own.",
                "Remove the steps before the metric.",
            )
        self._load, self._spec, self._table, self._batch_tokens = load, spec, table, batch_tokens
        self._key: tuple[int, ...] = ()
        self._planned: ExtractionPlan | None = None
        self._means: dict[int, npt.NDArray[np.float64]] = {}
        self._source: Ints | None = None
        self._passing: tuple[object, npt.NDArray[np.float32]] | None = None

    def fill_from(self, texts: npt.NDArray[np.int64]) -> None:
        """Take the means that dimensions are overwritten with over all real tokens of these texts."""
        self._source, self._means = texts, {}

    @property
    def can_predict_tokens(self) -> bool:
        """Whether it is a causal language model whose checkpoint holds the weights to predict tokens with."""
        return self._language_model is not None

    def final_rows(
        self, texts: npt.NDArray[np.int64], layer: int | None, dims: Sequence[int], mode: str, report: Report
    ) -> npt.NDArray[np.float32]:
        """The stack's last layer in its pooling (n_texts, n_dims), for the texts of those numbers.

        ``dims`` of layer number ``layer`` (None: of none) are overwritten with zero or their mean over all real tokens of
        these texts. Raises what extraction raises, and InvalidRequest for a pooling with many rows for a text.
        """
        self._require_one_row()
        loaded, plan = self._load(), self._plan(texts)
        ablation = None if layer is None else Ablation(layer, tuple(dims), mode)
        if self._passing is not None and self._passing[0] == (self._key, ablation):
            return self._as_stored(self._passing[1])
        rows = _Rows(len(texts), loaded.info.n_dims)
        extract(
            loaded,
            self._texts(texts),
            self._pairs(texts),
            plan,
            rows,
            poolings=(self._spec.pooling,),
            batch_tokens=self._batch_tokens,
            ablation=ablation,
            fill=None if ablation is None else self._fill(ablation, texts, report),
            layers=(self._spec.layer,),
            report=report,
        )
        return self._as_stored(rows.matrix)

    def rows_of(self, text: str, layers: Sequence[int]) -> tuple[npt.NDArray[np.float32], tuple[str, ...]]:
        """The row of ``text``, which need not be of the table, in each of ``layers`` (n_layers, n_dims), in the stack's pooling.

        And what is to be said of it: that it was cut, that it holds no token. Raises as ``final_rows`` does.
        """
        self._require_one_row()
        loaded = self._load()
        plan = plan_extraction(loaded.tokenizer, [text], max_length=self._spec.max_length)
        rows = _Layers(layers, loaded.info.n_dims)
        extract(loaded, [text], None, plan, rows, poolings=(self._spec.pooling,), layers=layers)
        notes = []
        if plan.n_truncated:
            notes.append(f"The typed text was cut after {plan.max_length:,} tokens.")
        if plan.n_empty:
            notes.append("The typed text has no token of its own: the model read special ones.")
        if self._table.pairs is not None:
            notes.append("The rows of the text set are pairs of texts; the typed text was read alone.")
        return self._as_stored(rows.matrix), tuple(notes)

    def _as_stored(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return widened(narrowed(rows, self._spec.stored), self._spec.stored)

    def _require_one_row(self) -> None:
        if self._spec.pooling not in POOLINGS:
            raise InvalidRequest(
                f"With the pooling '{self._spec.pooling}' a text has many rows.",
                "Choose the pooling cls, last or mean.",
            )

    def token_loss(
        self, texts: npt.NDArray[np.int64], layer: int | None, dims: Sequence[int], mode: str, report: Report
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Summed cross-entropy (nats) of each text's tokens after the first, float64 (n_texts,), and their number.

        The logits are the model's, widened to float32; special tokens count, padding does not. The last layer's rows of
        the same pass are kept for ``final_rows``. Raises InvalidRequest where the model predicts no tokens.
        """
        model, loaded, plan = self._language_model, self._load(), self._plan(texts)
        if model is None:
            raise InvalidRequest(
                f"'{loaded.spec.name}' is not a causal language model with a head.", "Choose GPT-2, Llama or the like."
            )
        ablation = None if layer is None else Ablation(layer, tuple(dims), mode)
        fill = None if ablation is None else self._fill(ablation, texts, report)
        loss, kept = np.zeros(len(texts)), _Rows(len(texts), loaded.info.n_dims)
        batch, pooling, pooled = Batch.empty(), self._spec.pooling, [torch.zeros(0)]

        def observe(number: int, hidden: torch.Tensor) -> torch.Tensor | None:
            hidden = batch.checked(hidden)
            replaced = None
            if ablation is not None and fill is not None and number == ablation.layer:
                hidden = replaced = overwritten(hidden, ablation.dims, fill)
            if number == self._spec.layer and pooling in POOLINGS:
                pooled[0] = batch.pool(hidden, pooling)
            return replaced

        def run(rows: Ints, encoded: list[Encoded]) -> None:
            batch.fill(rows, encoded, loaded, None)
            tap.begin()
            logits = forward(loaded, batch, model).logits
            tap.finish()
            ids = batch.inputs["input_ids"]
            found = [_loss(logits[i, : len(one.ids)], ids[i, : len(one.ids)]) for i, one in enumerate(encoded)]
            if not np.isfinite(found).all():
                raise not_finite(loaded, "its token probabilities")
            numbers, places = plan.repeats.spread(rows)
            loss[numbers] = np.array(found)[places]
            if pooling in POOLINGS:
                kept.write(self._spec.layer, pooling, numbers, pooled[0].cpu().numpy()[places])

        n_vocabulary = len(loaded.backbone.get_input_embeddings().weight)
        most = max(1, min(self._batch_tokens or quickest(loaded.device), _LOGITS // n_vocabulary))
        with LayerTap(loaded.layout, observe) as tap:
            run_batches(loaded, self._texts(texts), self._pairs(texts), plan, run, most, report, LOSS_STAGE)
        if pooling in POOLINGS:
            self._passing = ((self._key, ablation), kept.matrix)
        return loss, plan.lengths - 1

    @cached_property
    def _language_model(self) -> nn.Module | None:
        return language_model(self._load())

    def _texts(self, numbers: Ints) -> list[str]:
        return [self._table.texts[number] for number in numbers]

    def _pairs(self, numbers: Ints) -> list[str] | None:
        pairs = self._table.pairs
        return None if pairs is None else [pairs[number] for number in numbers]

    def _plan(self, numbers: Ints) -> ExtractionPlan:
        """The plan for these texts; the last one is kept, and with it the means over its tokens."""
        key = tuple(map(int, numbers))
        if self._planned is None or key != self._key:
            self._key = key
            if self._source is None:
                self._means = {}
            self._planned = plan_extraction(
                self._load().tokenizer, self._texts(numbers), self._pairs(numbers), max_length=self._spec.max_length
            )
        return self._planned

    def _fill(self, ablation: Ablation, numbers: Ints, report: Report) -> npt.NDArray[np.float64]:
        """What to overwrite with (n_overwritten,); the means are measured once for a layer and its texts."""
        loaded, plan = self._load(), self._plan(numbers)
        check_ablation(loaded.info, ablation)
        if ablation.mode == "zero":
            return np.zeros(len(ablation.dims))
        if ablation.layer not in self._means:
            numbers = numbers if self._source is None else self._source
            texts, pairs = self._texts(numbers), self._pairs(numbers)
            if self._source is not None:
                plan = plan_extraction(loaded.tokenizer, texts, pairs, max_length=self._spec.max_length)
            mean = token_mean(loaded, texts, pairs, plan, ablation.layer, self._batch_tokens, report)
            self._means[ablation.layer] = mean
        return self._means[ablation.layer][list(ablation.dims)]


class _Rows:
    """Takes the rows of one layer."""

    def __init__(self, n_rows: int, n_dims: int) -> None:
        self.matrix = np.empty((n_rows, n_dims), dtype=np.float32)

    def write(self, layer: int, pooling: str, rows: Ints, block: npt.NDArray[np.float32]) -> None:
        self.matrix[rows] = block


class _Layers:
    """Takes the row of one text in several layers."""

    def __init__(self, layers: Sequence[int], n_dims: int) -> None:
        self._places = {layer: place for place, layer in enumerate(layers)}
        self.matrix = np.empty((len(layers), n_dims), dtype=np.float32)

    def write(self, layer: int, pooling: str, rows: Ints, block: npt.NDArray[np.float32]) -> None:
        self.matrix[self._places[layer]] = block[0]


def _loss(logits: torch.Tensor, ids: torch.Tensor) -> float:
    """Summed cross-entropy of one text's tokens after the first: logits (n_tokens, n_vocabulary), ids (n_tokens,)."""
    before = logits[:-1].float()
    lost = torch.logsumexp(before, -1) - before.gather(-1, ids[1:, None])[:, 0]
    return float(lost.cpu().double().sum())
