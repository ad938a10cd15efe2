"""Specs: frozen values that say what is wanted. The fingerprint of a spec is the address of its result.

A field with ``metadata=NOT_IN_KEY`` travels with the spec but does not take part in the fingerprint: a path, a display
name, anything that may differ between two requests for the same thing. One with ``KEY_IF_SET`` takes part where it is
not at its default.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from backend.values.results import Result  # noqa: F401 - what an AnalysisSpec asks for

Answer = TypeVar("Answer", covariant=True)

NOT_IN_KEY: Mapping[str, Any] = {"key": False}
KEY_IF_SET: Mapping[str, Any] = {"key": "if set"}  # a later field: at its default the digest stays as it was before

POOLINGS = ("cls", "last", "mean")  # filled together by every forward pass over texts
GIVEN = "given"  # of imported vectors: one a row, as they came
ALL_POOLINGS = (*POOLINGS, "words", "tokens", GIVEN)
DTYPES = ("float32", "bfloat16", "float16")
UNITS = ("text", "word", "word_pair")
POSTPROCESS_STEPS = ("centre", "standardise", "remove_rogue", "remove_components", "whiten", "remove_dims")


class Request(Generic[Answer]):
    """What can be asked for; ``Answer`` is the class of what comes back. For type checkers: it has no field of its own."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One exact set of weights: the name it was asked by, its identity, and the number format it is run in.

    ``commit`` is a 40-hex hub commit, or the digest of a local folder's files (40 hex digits too): never a branch.
    For an adapter it is the digest of the adapter's and its base's identities.
    """

    name: str = field(metadata=NOT_IN_KEY)
    commit: str
    dtype: str = "float32"


@dataclass(frozen=True, slots=True)
class TextSetSpec:
    """One exact list of texts. ``digest`` is of the texts alone, ``table`` of the whole table (labels, metadata).

    ``sample`` says of a part of a text set what it is part of. It is in the key: the sentence goes with every result.
    """

    name: str = field(metadata=NOT_IN_KEY)
    digest: str
    n_rows: int
    unit: str = "text"
    table: str = field(default="", metadata=NOT_IN_KEY)
    sample: str = field(default="", metadata=KEY_IF_SET)


@dataclass(frozen=True, slots=True)
class LabelSpec:
    """One column of labels, by its content: two columns with equal values are the same labels."""

    column: str = field(metadata=NOT_IN_KEY)
    digest: str
    n_classes: int


@dataclass(frozen=True, slots=True)
class Ablation:
    """Dimensions overwritten inside the network after block ``layer``, with zero or with their mean."""

    layer: int
    dims: tuple[int, ...]
    mode: str = "zero"


@dataclass(frozen=True, slots=True)
class TokenSample:
    """Which token vectors to keep with pooling "tokens": all (``limit`` None) or a seeded sample of ``limit``."""

    limit: int | None = None
    seed: int = 0
    special: bool = False


@dataclass(frozen=True, slots=True)
class PostProcess:
    """One step applied to the activation matrix before any metric sees it.

    ``k`` counts removed dimensions; ``dims`` are those that "remove_dims" sets to 0.
    """

    kind: str
    k: int = 0
    dims: tuple[int, ...] = field(default=(), metadata=KEY_IF_SET)


@dataclass(frozen=True, slots=True)
class ActivationSpec:
    """One activation matrix (n_rows, n_dims): a model, its texts, a layer and a pooling.

    ``layer`` 0 is the embedding output (the input of the first block), i the output of block i, and n_blocks + 1 the
    final norm's output where the model has one. ``max_length`` is in tokens. ``stored`` is the number format, one of DTYPES,
    that the matrix is stored in, whatever the model ran in.
    """

    model: ModelSpec
    texts: TextSetSpec
    layer: int
    pooling: str = "mean"
    max_length: int = 256
    ablation: Ablation | None = None
    tokens: TokenSample | None = None
    postprocess: tuple[PostProcess, ...] = ()
    stored: str = field(default="float32", metadata=KEY_IF_SET)


@dataclass(frozen=True, slots=True)
class AnalysisSpec(Request["Result"]):
    """One metric on one or more activation matrices. ``version`` is the metric's own.

    ``beside`` are fine-tuned models that the result is compared with: rows that they were trained on are no test rows
    here either, so that all that are compared have the same test rows.
    """

    metric: str
    version: int
    params: Any
    inputs: tuple[ActivationSpec, ...]
    labels: LabelSpec | None = None
    seed: int = 0
    beside: tuple[ModelSpec, ...] = field(default=(), metadata=KEY_IF_SET)


def pooling_of(inputs: Sequence[ActivationSpec]) -> str:
    """The pooling of an analysis: that of the models which pool; GIVEN where all vectors are imported."""
    return next((item.pooling for item in inputs if item.pooling != GIVEN), GIVEN)
