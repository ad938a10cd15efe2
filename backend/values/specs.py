"""Specs: frozen values that say what is wanted. The fingerprint of a spec is the address of its result.

A field with ``metadata=NOT_IN_KEY`` travels with the spec but does not take part in the fingerprint: a path, a display
name, anything that may differ between two requests for the same thing. One with ``KEY_IF_SET`` takes part where it is
not at its default.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from backend.values.recipes import Recipe

if TYPE_CHECKING:
    from backend.values.results import NormOutliers, Result  # noqa: F401 - these are named by the tasks below
    from backend.values.runs import RunInfo  # noqa: F401
    from backend.values.texts import Cost, TextPreview, TextSetInfo  # noqa: F401

Answer = TypeVar("Answer", covariant=True)

NOT_IN_KEY: Mapping[str, Any] = {"key": False}
KEY_IF_SET: Mapping[str, Any] = {"key": "if set"}  # a later field: at its default the digest stays as it was before

POOLINGS = ("cls", "last", "mean")  # filled together by every forward pass over texts
ALL_POOLINGS = (*POOLINGS, "words", "tokens")
DTYPES = ("float32", "bfloat16", "float16")
UNITS = ("text", "word", "word_pair")
WORD_TASKS = ("upos", "deprel", "supersense role", "supersense function")  # what a CoNLL-U file is read for
ROWS_BY = ("first", "label", "random")  # how a part of the rows of a text set is taken
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
    final norm's output where the model has one. ``max_length`` is in tokens.
    """

    model: ModelSpec
    texts: TextSetSpec
    layer: int
    pooling: str = "mean"
    max_length: int = 256
    ablation: Ablation | None = None
    tokens: TokenSample | None = None
    postprocess: tuple[PostProcess, ...] = ()


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


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is known of a resolved model without running it.

    ``layer_names`` has one name for each layer number; ``max_length`` is the model's own limit in tokens;
    ``n_bytes`` is the size of the weights in ``spec.dtype``; ``labels`` names the classes of a classification head.
    ``usual_length`` is the limit of the model's own package, taken where none is asked for; 0 where it has none.
    ``remarks`` say what is run here and ``package`` what sentence-transformers does besides, where the files leave a choice.
    ``tokenizer`` is the digest of the tokenizer, empty where it is not known: two models with the same one cut any text
    into the same tokens. ``base`` and ``base_commit`` are what the model's own card (or an adapter's configuration) says it
    was made from, empty where it says nothing. ``tuned`` says that the rows of a fine-tuning behind it are known, or
    known to be lost. ``caveats`` are sentences about the layers that belong on
    every figure.
    """

    spec: ModelSpec
    architecture: str
    family: str  # "encoder", "decoder" or "encoder-decoder"
    n_blocks: int
    n_dims: int
    layer_names: tuple[str, ...]
    n_parameters: int
    n_bytes: int
    max_length: int
    has_cls: bool
    has_head: bool
    labels: tuple[str, ...] = ()
    default_pooling: str = "mean"
    tokenizer: str = ""
    usual_length: int = 0
    remarks: tuple[str, ...] = ()
    package: tuple[str, ...] = ()
    base: str = ""
    base_commit: str = ""
    tuned: bool = False
    caveats: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SeriesMember:
    """One checkpoint of a series: the training step it was saved at, and the model."""

    step: int
    model: ModelInfo


@dataclass(frozen=True, slots=True)
class BrokenMember:
    """A checkpoint that belongs to a series and cannot be used: missing, damaged, or of another shape than the rest."""

    step: int
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class SeriesInfo:
    """An ordered list of checkpoints of one training run, by their steps; ``n_found`` counts those that exist.

    ``members`` are those that can be used, ``broken`` those that were asked for and cannot.
    """

    name: str
    members: tuple[SeriesMember, ...]
    broken: tuple[BrokenMember, ...] = ()
    n_found: int = 0

    @property
    def steps(self) -> tuple[int, ...]:
        """The training steps of the members, ascending."""
        return tuple(member.step for member in self.members)

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        """The members' models, in the order of their steps."""
        return tuple(member.model for member in self.members)


@dataclass(frozen=True, slots=True)
class TextColumns:
    """Which columns of a table hold what. A column is a name, or a number from 0 (for tables without a header).

    ``metadata`` are further columns to keep; None keeps all that can be kept.
    """

    text: str | int | None = None
    pair: str | int | None = None
    label: str | int | None = None
    split: str | int | None = None
    metadata: tuple[str | int, ...] | None = ()


@dataclass(frozen=True, slots=True)
class RowSample:
    """A part of the rows of a text set: ``n`` of them, ``by`` one of ROWS_BY: the first; at random; in proportion to the label."""

    n: int
    by: str = "first"
    seed: int = 0


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read a table of texts: None means "find out from the bytes and the file's name".

    ``task``, one of WORD_TASKS, says what a CoNLL-U file's words are labelled with; None is "upos".
    """

    columns: TextColumns = TextColumns()
    format: str | None = None  # csv, tsv, jsonl, json, parquet, txt, labelled, conllu, conllulex, words
    header: bool | None = None
    encoding: str | None = None
    clean_wikitext: bool = False  # drop headings, undo <unk> and the spaced @-@ of WikiText
    task: str | None = field(default=None, metadata=KEY_IF_SET)
    separator: str | None = field(default=None, metadata=KEY_IF_SET)  # of cells: a sign, or its name
    rows: RowSample | None = field(default=None, metadata=KEY_IF_SET)  # the part to keep, of the rows that have a text


# Tasks: what an executor can be asked to do. AnalysisSpec above is one of them.


@dataclass(frozen=True, slots=True)
class ResolveTask(Request["ModelInfo"]):
    """Find out what a model name stands for: the result is a ModelInfo."""

    name: str
    dtype: str = "auto"


@dataclass(frozen=True, slots=True)
class ReadTask(Request["TextPreview | TextSetInfo"]):
    """Read uploaded bytes (by the digest of the stored blob) into a text set; ``save`` False gives a preview only."""

    blob: str
    file_name: str
    name: str
    options: ReadOptions = ReadOptions()
    save: bool = False


@dataclass(frozen=True, slots=True)
class HubReadTask(Request["TextSetInfo"]):
    """Read a data set from the hub into a text set."""

    path: str
    name: str
    config: str | None = None
    split: str | None = None
    columns: TextColumns = TextColumns()
    rows: RowSample | None = field(default=None, metadata=KEY_IF_SET)


@dataclass(frozen=True, slots=True)
class SampleTask(Request["TextSetInfo"]):
    """Keep a part of a text set, by the digest of its table, as a text set of its own."""

    table: str
    name: str
    rows: RowSample


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


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person chose to get an analysis, as far as a page must be told to draw it.

    ``metrics`` and ``models`` by name, ``texts`` by the digest of the table, ``layers`` by number; ``params`` are the
    parameters away from their defaults, each as it is written in a form. ``run`` names a run of fine-tuning instead.
    """

    metrics: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    texts: str = ""
    pooling: str = ""
    layers: tuple[int, ...] = ()
    label: str = ""
    seed: int = 0
    tokens: TokenSample | None = None
    postprocess: tuple[PostProcess, ...] = ()
    params: tuple[tuple[str, str], ...] = ()
    run: str = ""


@dataclass(frozen=True, slots=True)
class JobStatus:
    """Where a job stands. ``id`` is the fingerprint of its task; times are seconds since the epoch.

    While it waits for its worker, ``place`` is its place in that queue, from 1, and ``waits_for`` the title of the job that
    the worker does. ``choice`` is what draws its figure, where it has one.
    """

    id: str
    title: str
    state: str  # queued, running, done, failed, cancelled
    done: int = 0
    total: int = 0
    stage: str = ""
    eta_seconds: float | None = None
    error: str = ""
    hint: str = ""
    created: float = 0.0
    started: float | None = None
    finished: float | None = None
    kind: str = ""  # the name of the task's class
    owner: str = ""  # the process that does it, as backend.store names processes
    place: int = 0
    waits_for: str = ""
    choice: Choice | None = None

    @property
    def active(self) -> bool:
        """Whether the job still waits or works."""
        return self.state in ("queued", "running")
