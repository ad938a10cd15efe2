"""What is known of models and of series of checkpoints once their names are resolved."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from backend.values.specs import ModelSpec

OBJECT_PREFIX = "module:"  # the name of a model that is an object in a notebook begins so


def short_model(name: str) -> str:
    """A model's name as it is said to people: of a local folder its last two parts, so that nobody reads where it lies."""
    return "/".join(name.rstrip("/").split("/")[-2:]) if name.startswith(("/", ".", "~")) else name


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
    every figure. Of imported vectors, behind which there is no model here, ``given_for`` is the digest of the texts that
    they belong to, and ``given_name`` the name of that text set. ``built`` are further facts of its configuration, by name.
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
    given_for: str = ""
    given_name: str = ""
    built: tuple[tuple[str, str], ...] = ()

    @property
    def is_given(self) -> bool:
        """Whether these are imported vectors: there is no model to run."""
        return bool(self.given_for)

    def last_block(self, layers: Sequence[int]) -> int:
        """The last of these layers that is a block's (or the embedding output), the last of all where none is."""
        return max((layer for layer in layers if layer <= self.n_blocks), default=layers[-1])


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

    @property
    def identity(self) -> str:
        """The digest of the members' steps and commits (40 hex digits): another one where any of the weights are other ones."""
        told = "".join(f"{member.step} {member.model.spec.commit}\n" for member in self.members)
        return hashlib.sha256(told.encode()).hexdigest()[:40]
