"""Tasks: what an executor can be asked to do. The most frequent one, AnalysisSpec, is with the specs that it is made of."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from backend.values.models import ModelInfo, SeriesInfo
from backend.values.reading import ReadOptions, RowSample, TextColumns
from backend.values.recipes import Recipe
from backend.values.specs import (
    KEY_IF_SET,
    NOT_IN_KEY,
    ActivationSpec,
    AnalysisSpec,
    LabelSpec,
    ModelSpec,
    Request,
    TextSetSpec,
)

if TYPE_CHECKING:
    from backend.values.results import NormOutliers, Result  # noqa: F401 - these are named by the tasks below
    from backend.values.runs import RunInfo  # noqa: F401
    from backend.values.texts import Cost, TextPreview, TextSetInfo  # noqa: F401


@dataclass(frozen=True, slots=True)
class ResolveTask(Request[ModelInfo]):
    """Find out what a model name stands for: the result is a ModelInfo."""

    name: str
    dtype: str = "auto"


@dataclass(frozen=True, slots=True)
class ReadTask(Request["TextPreview | TextSetInfo"]):
    """Read uploaded bytes (by the digest of the stored blob) into a text set; ``save`` False gives a preview only."""

    blob: str
    file_name: str
    name: str
    options: ReadOptions = field(default=ReadOptions())
    save: bool = False


@dataclass(frozen=True, slots=True)
class HubReadTask(Request["TextSetInfo"]):
    """Read a data set from the hub into a text set."""

    path: str
    name: str
    config: str | None = None
    split: str | None = None
    columns: TextColumns = field(default=TextColumns())
    rows: RowSample | None = field(default=None, metadata=KEY_IF_SET)


@dataclass(frozen=True, slots=True)
class SampleTask(Request["TextSetInfo"]):
    """Keep a part of a text set, by the digest of its table, as a text set of its own."""

    table: str
    name: str
    rows: RowSample


@dataclass(frozen=True, slots=True)
class RenameClassesTask(Request["TextSetInfo"]):
    """Keep a text set, by the digest of its table, as one in whose ``column`` the classes ``before`` are called ``after``."""

    table: str
    name: str
    column: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PartTask(Request["TextSetInfo"]):
    """Keep certain rows of a text set, by the digest of its table, as a text set of its own.

    ``runs`` are the first and the last row (from 0) of each run of neighbouring rows, in one list, ascending; ``said``
    says which rows they are, in words.
    """

    table: str
    name: str
    runs: tuple[int, ...]
    said: str = "selected"


@dataclass(frozen=True, slots=True)
class JoinTask(Request["TextSetInfo"]):
    """Join two text sets into one with a split column: "train" for the rows of the first, "test" for the second's.

    ``train`` and ``test`` are the digests of the two tables: of the labels too, which a TextSetSpec's identity is not.
    """

    train: str
    test: str
    name: str


@dataclass(frozen=True, slots=True)
class EstimateTask(Request["Cost"]):
    """What the activations of these inputs will cost: texts, tokens, bytes on disk, seconds (from a measured sample)."""

    inputs: tuple[ActivationSpec, ...]


@dataclass(frozen=True, slots=True)
class NormTask(Request["NormOutliers"]):
    """The published outlier rule over the weights and biases of each block's output norm: a NormOutliers."""

    model: ModelSpec
    n_std: float = 3.0
    more_than: int = 3


@dataclass(frozen=True, slots=True)
class SeriesTask(Request[SeriesInfo]):
    """Find the checkpoints that a name stands for: the result is a SeriesInfo.

    ``name`` is a run of fine-tuning, a folder of checkpoints, or a hub id with a pattern of revisions
    (``owner/name@step*``). ``steps`` takes
    these alone; else ``at_most`` (0: no limit) takes that many, spread evenly over the logarithm of the step.
    """

    name: str
    dtype: str = "auto"
    steps: tuple[int, ...] = ()
    at_most: int = 0


@dataclass(frozen=True, slots=True)
class BatchTask(Request["tuple[Result, ...]"]):
    """Several analyses as one job, in order. Each has its own result, so what was done before a cancel stays done."""

    analyses: tuple[AnalysisSpec, ...]
    title: str = field(default="", metadata=NOT_IN_KEY)


@dataclass(frozen=True, slots=True)
class FinetuneTask(Request["RunInfo"]):
    """Fine-tune ``base`` on labelled texts: a run called ``name``, with its checkpoints in a folder of that name."""

    base: ModelSpec
    texts: TextSetSpec
    labels: LabelSpec
    recipe: Recipe
    name: str


Task = Request[Any]  # of any kind: the table of them is backend.work.tasks
