"""Activations as metrics see them: rows of a matrix, and which text (and which token of it) each row is."""

import mmap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]
NUMBER_STEPS = {"float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
"""From 1 to the next number of each format that a model runs in."""


def number_step(*formats: str) -> float:
    """From 1 to the next number of the coarsest of ``formats``."""
    return max(NUMBER_STEPS[name] for name in formats)


Report = Callable[[int, int, str], None]
"""``report(done, total, stage)``: progress and cancel point in one; it raises Cancelled when the job is to end."""


def no_report(done: int, total: int, stage: str) -> None:
    """The report of a caller who wants neither progress nor cancelling."""


@dataclass(frozen=True, slots=True, eq=False)
class Activations:
    """One matrix of activations.

    ``rows`` (n_rows, n_dims) is float32, often a read-only memory map. ``text_index`` (n_rows,) names the text of each
    row, ``token_index`` (n_rows,) its token within the text (None where a row is no token). Where a row is a word, or a
    pair of words, ``text_index`` is its row in the text set, which names its sentence.
    """

    rows: npt.NDArray[np.float32]
    text_index: npt.NDArray[np.int64] | None = None
    token_index: npt.NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TokenNames:
    """What the tokens of pooling "tokens" are: ``ids`` (n_rows,) are the tokenizer's, ``names`` the text of each id.

    ``spans`` (n_rows, 2) are the characters of its text that a token stands for, -1 where it stands for none of them; None where
    that is not known.
    """

    ids: npt.NDArray[np.int64]
    names: Mapping[int, str]
    spans: npt.NDArray[np.int64] | None = None

    def of(self, rows: npt.NDArray[np.int64]) -> tuple[str, ...]:
        """The text of the tokens in these rows."""
        return tuple(self.names.get(int(number), "") for number in self.ids[rows])

    def spans_of(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The characters of these rows' tokens (n_rows, 2); no rows where that is not known."""
        found = np.zeros((0, 2)) if self.spans is None else self.spans[rows]
        return np.asarray(found, dtype=np.int64)


def _gelu(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    from scipy.special import ndtr

    return np.asarray(x * ndtr(x))


def _silu(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    from scipy.special import expit

    return np.asarray(x * expit(x))


def _gelu_tanh(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(0.5 * x * (1.0 + np.tanh(np.sqrt(2.0 / np.pi) * (x + 0.044715 * x**3))))


ACTIVATIONS: dict[str, Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]] = {
    "none": lambda x: x,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0.0),
    "gelu": _gelu,  # the exact one: x times the normal distribution function of x
    "gelu_tanh": _gelu_tanh,  # Hendrycks & Gimpel's approximation of it
    "silu": _silu,
}
"""What a stage of a head may do to its outputs, by name."""


@dataclass(frozen=True, slots=True, eq=False)
class HeadStage:
    """One step of a head: ``activation`` of ``weight`` (n_out, n_in) times x plus ``bias``.

    The activation is one of ACTIVATIONS.
    """

    weight: npt.NDArray[np.float64]
    bias: npt.NDArray[np.float64]
    activation: str = "none"

    def __call__(self, x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """(n_rows, n_in) -> (n_rows, n_out)."""
        return self.activated(x @ self.weight.T + self.bias)

    def activated(self, out: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The activation of ``out``, element by element; the one place that knows what its name means."""
        return ACTIVATIONS[self.activation](out)


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A model's own sequence-classification head, as numbers: what it reads, and what it makes of it.

    It reads layer number ``layer`` with pooling ``pooling`` ("cls" or "last"); ``classes`` are the names of its outputs.
    ``deviation`` is the largest difference between its logits and the model's own, where that was tried: rounding.
    """

    layer: int
    pooling: str
    stages: tuple[HeadStage, ...]
    classes: tuple[str, ...]
    deviation: float = 0.0

    def logits(self, x: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """(n_rows, n_dims) -> (n_rows, n_classes), in float64."""
        out = np.asarray(x, dtype=np.float64)
        for stage in self.stages:
            out = stage(out)
        return out


class Network(Protocol):
    """The model behind a stack, ready to run its texts again with dimensions overwritten between two blocks.

    ``layer`` None runs it as it is; ``mode`` is "zero" or "mean" (over all real tokens of the texts given to ``fill_from``, or else of those that are run).
    """

    def fill_from(self, texts: npt.NDArray[np.int64]) -> None:
        """Take the means of ``mode`` "mean" over the tokens of these texts, whatever texts are run."""
        ...

    @property
    def can_predict_tokens(self) -> bool:
        """Whether it is a causal language model, so that ``token_loss`` exists."""
        ...

    def final_rows(
        self, texts: npt.NDArray[np.int64], layer: int | None, dims: Sequence[int], mode: str, report: Report
    ) -> npt.NDArray[np.float32]:
        """The last layer of the stack for the texts of those numbers, in the stack's pooling: (n_texts, n_dims)."""
        ...

    def rows_of(self, text: str, layers: Sequence[int]) -> tuple[npt.NDArray[np.float32], tuple[str, ...]]:
        """What the model makes of a text that is none of its own, in the stack's pooling: (n_layers, n_dims), and notes."""
        ...

    def token_loss(
        self, texts: npt.NDArray[np.int64], layer: int | None, dims: Sequence[int], mode: str, report: Report
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Summed next-token cross-entropy (nats) of each text (n_texts,), and how many tokens were predicted."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class LayerStack:
    """The layers of one model over one text set, in the order asked for; every matrix has the same rows.

    Where rows are words, ``n_sentences`` counts what the model read; ``n_lost`` words (the first of them ``lost_at``)
    were left out because their sentence was cut, ``n_bare`` because they have no token. The model ran in ``dtype``; the
    rows were ``stored`` in another format, which moved those of a layer by at most ``rounding`` (``stored.Rounding``).
    ``head`` and ``network`` are there only for the metrics that ask for them; ``head`` None: the model has none, or
    none that can be used, and ``why_no_head`` says why. ``caveats`` are the model's, about its layers. ``tokens`` are what the rows are with pooling "tokens", if
    that is known.
    """

    model: str
    pooling: str
    layers: tuple[int, ...]
    layer_names: tuple[str, ...]
    matrices: tuple[Activations, ...]
    texts_digest: str = ""
    n_truncated: int = 0
    n_empty: int = 0
    n_distinct: int = 0
    n_sentences: int = 0
    n_lost: int = 0
    n_bare: int = 0
    lost_at: str = ""
    dtype: str = "float32"
    stored: str = "float32"
    rounding: float = 0.0
    head: Head | None = None
    network: Network | None = None
    why_no_head: str = ""
    caveats: tuple[str, ...] = ()
    tokens: TokenNames | None = None

    def __len__(self) -> int:
        return len(self.matrices)

    @property
    def step(self) -> float:
        """From 1 to the next number of the coarser format, the model's or the store's: what rounding of the rows is measured by."""
        return number_step(self.dtype, self.stored)

    @property
    def rows(self) -> Sequence[npt.NDArray[np.float32]]:
        """The bare matrices, one for each layer; going through them keeps one at a time in memory."""
        return _InTurn(self.matrices)


class _InTurn(Sequence[npt.NDArray[np.float32]]):
    """The matrices of a stack. Iterating gives a memory map's pages back to the system once its turn is over."""

    def __init__(self, matrices: tuple[Activations, ...]) -> None:
        self._matrices = matrices

    def __len__(self) -> int:
        return len(self._matrices)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [matrix.rows for matrix in self._matrices[index]]
        return self._matrices[index].rows

    def __iter__(self) -> Iterator[npt.NDArray[np.float32]]:
        for matrix in self._matrices:
            yield matrix.rows
            mapped = getattr(matrix.rows, "_mmap", None)  # only a memory map has one
            if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
                mapped.madvise(mmap.MADV_DONTNEED)  # clean pages of a file: whoever still looks reads them again


@dataclass(frozen=True, slots=True, eq=False)
class SeenRows:
    """Which rows the fine-tunings behind the models of an analysis know, each array (n_rows,) of booleans.

    ``seen`` in training by one of them at least; ``held`` out by one and seen by none; ``chose``: they decided at which
    step one of them stopped; ``near``: not seen, but their sentence, or one text of their pair, was. ``runs`` are the
    names of the fine-tunings, ``unknown`` those of which nobody knows the rows.
    """

    runs: tuple[str, ...]
    unknown: tuple[str, ...]
    seen: npt.NDArray[np.bool_]
    held: npt.NDArray[np.bool_]
    chose: npt.NDArray[np.bool_]
    near: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Labels as class numbers (n_rows,), -1 where missing, with the class names; ``split`` names each row's split.

    Rows with the same number in ``copies`` (n_rows,) have the same text; None: no two have. ``seen`` says what the models
    were trained on; None: on nothing that is known.
    """

    values: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    split: tuple[str, ...] | None = None
    copies: npt.NDArray[np.int64] | None = None
    seen: SeenRows | None = None

    def taken(self, rows: npt.NDArray[np.int64]) -> "Labels":
        """The labels of these rows, in this order."""
        seen = self.seen
        if seen is not None:
            marks = {name: getattr(seen, name)[rows] for name in ("seen", "held", "chose", "near")}
            seen = replace(seen, **marks)
        split = None if self.split is None else tuple(self.split[row] for row in rows)
        copies = None if self.copies is None else self.copies[rows]
        return Labels(self.values[rows], self.classes, split, copies, seen)
