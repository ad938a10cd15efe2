"""What a metric returns and a page draws: numbers, the reason for every undefined one, and where they came from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, cast

from backend.errors import InvalidRequest
from backend.values.models import SeriesInfo

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from typing_extensions import TypeVar

    Values = TypeVar("Values", covariant=True, default=DataclassInstance)  # a bare Result is one of whatever metric
else:
    from typing import TypeVar

    Values = TypeVar("Values", covariant=True)
Wanted = TypeVar("Wanted")


@dataclass(frozen=True, slots=True)
class Undefined:
    """A number that does not exist: which field of the result, at which index, and why."""

    field: str
    index: tuple[int, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where one stack of activations came from, as shown beside every figure."""

    model: str
    commit: str
    texts: str
    pooling: str
    layers: tuple[int, ...]
    layer_names: tuple[str, ...]
    n_rows: int
    n_dims: int
    n_truncated: int = 0
    n_empty: int = 0
    max_length: int = 0
    postprocess: tuple[str, ...] = ()
    sample: str = ""  # of a part of a text set: what it is part of


@dataclass(frozen=True, slots=True, eq=False)
class Result(Generic[Values]):
    """The result of one analysis.

    ``values`` is the metric's own result dataclass (numpy arrays, numbers, strings): `values_of`, `result_of` and
    `results_of` say which one it is, to the type checker and at run time. Every NaN in it has an entry in
    ``undefined``. ``notes`` are sentences that belong on the figure: sampling, truncation, small-sample bias.
    ``recipe`` is the JSON form of the AnalysisSpec that made it.
    """

    fingerprint: str
    metric: str
    version: int
    values: Values
    undefined: tuple[Undefined, ...] = ()
    notes: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    seed: int = 0
    recipe: dict[str, Any] = field(default_factory=dict)  # JSON
    versions: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def values_of(result: Result, kind: type[Wanted]) -> Wanted:
    """The values of ``result``, which are of class ``kind``; raises InvalidRequest where they are of another."""
    if not isinstance(result.values, kind):
        raise InvalidRequest(
            f"That is a result of '{result.metric}' ({type(result.values).__name__}), not a {kind.__name__}.",
            "Take the result of the metric that has these numbers.",
        )
    return result.values


def result_of(result: Result, kind: type[Wanted]) -> Result[Wanted]:
    """``result`` as one whose values are of class ``kind``; raises InvalidRequest where they are of another."""
    values_of(result, kind)
    return cast(Result[Wanted], result)


def results_of(results: Sequence[Result], kind: type[Wanted]) -> list[Result[Wanted]]:
    """``results`` as those whose values are of class ``kind``; raises InvalidRequest where one is of another."""
    return [result_of(result, kind) for result in results]


@dataclass(frozen=True, slots=True, eq=False)
class SeriesResult:
    """One metric over a series: a result for each of its steps, in order.

    ``joint``: the metric takes all checkpoints together, and ``results`` is that one result.
    """

    series: SeriesInfo
    results: tuple[Result, ...]
    joint: bool = False


@dataclass(frozen=True, slots=True)
class NormOutliers:
    """The published outlier rule (Kovaleva et al. 2021) on one model.

    ``norm`` names the norm within a block; ``weights`` and ``biases`` have a row of n_dims numbers for each block
    (``biases`` is empty where the norm has none, and then no dimension can be an outlier by the rule). ``dims`` are the
    dimensions beyond ``n_std`` standard deviations in weight and bias, both, in more than ``more_than`` blocks. For each of
    these, in their order: ``n_blocks`` counts the blocks where both are beyond, ``furthest_weight`` and ``furthest_bias``
    are the largest distances from the block's mean over all blocks, in standard deviations, whichever the side.
    """

    norm: str
    weights: tuple[tuple[float, ...], ...]
    biases: tuple[tuple[float, ...], ...]
    dims: tuple[int, ...]
    n_blocks: tuple[int, ...]
    furthest_weight: tuple[float, ...]
    furthest_bias: tuple[float, ...]
    n_std: float
    more_than: int
    note: str = ""

    @property
    def flat(self) -> tuple[int, ...]:
        """The blocks, counted from 1, whose weights are all equal, or their biases: the rule is undefined there."""
        pairs = zip(self.weights, self.biases or self.weights, strict=True)
        return tuple(n for n, both in enumerate(pairs, 1) if any(min(line) == max(line) for line in both))

    @property
    def undefined(self) -> bool:
        """Whether the rule could name no dimension, whatever the numbers: too few blocks are left without the flat ones."""
        return bool(self.flat) and len(self.weights) - len(self.flat) <= self.more_than
