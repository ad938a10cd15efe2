"""Vectors that somebody brings along: what a file of them holds, and what is known of those that were saved."""

import re
from dataclasses import dataclass, field

from backend.values.models import ModelInfo
from backend.values.reading import TextColumns
from backend.values.specs import GIVEN, KEY_IF_SET, ModelSpec, Request, TextSetSpec
from backend.values.texts import TextPreview

PREFIX = "vectors:"  # before a name, where a model is named
FORMATS = ("npy", "npz", "parquet", "safetensors")
NOT_KNOWN = "These vectors are imported: how they were pooled, and what their model was trained on, is not known here."


@dataclass(frozen=True, slots=True)
class FoundMatrix:
    """One array or column of a file: its name, its shape and number format, and why it cannot be a layer ("" where it can)."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class VectorsPreview:
    """What a file of vectors holds before it is saved.

    ``found`` are its arrays, ``layer_names`` what the layers are called that would be taken of them, ``first`` the first
    numbers of the first rows of the first layer. ``texts`` is what a Parquet file holds beside its vectors.
    """

    format: str
    dtype: str
    n_rows: int
    n_dims: int
    layer_names: tuple[str, ...]
    found: tuple[FoundMatrix, ...]
    first: tuple[tuple[float, ...], ...]
    notices: tuple[str, ...] = ()
    texts: TextPreview | None = None


@dataclass(frozen=True, slots=True)
class VectorsInfo:
    """One line of the list of vectors. ``commit`` is the digest of the numbers, the layers' names and the texts.

    ``alike``: each copy of a text that is there several times has the same vector, so that it does not matter which is meant.
    """

    name: str
    commit: str
    texts: TextSetSpec
    n_dims: int
    layer_names: tuple[str, ...]
    dtype: str
    n_bytes: int
    file_name: str = ""
    notices: tuple[str, ...] = ()
    created: float = 0.0
    alike: bool = False
    origin: str = ""  # of what was made here: of what, and how

    @property
    def model_name(self) -> str:
        """What they are called where a model is named."""
        return f"{PREFIX}{self.name}"

    @property
    def model(self) -> ModelInfo:
        """What stands for them where a model does."""
        return ModelInfo(
            spec=ModelSpec(self.model_name, self.commit, self.dtype),
            architecture="imported vectors",
            family="vectors",
            n_blocks=len(self.layer_names) - 1,
            n_dims=self.n_dims,
            layer_names=self.layer_names,
            n_parameters=0,
            n_bytes=self.n_bytes,
            max_length=1,
            has_cls=False,
            has_head=False,
            default_pooling=GIVEN,
            remarks=(self.origin or NOT_KNOWN, *self.notices),
            given_for=self.texts.digest,
            given_name=self.texts.name,
        )


@dataclass(frozen=True, slots=True)
class VectorsTask(Request["VectorsPreview | VectorsInfo"]):
    """Read uploaded bytes (by the digest of the stored blob) as vectors; ``save`` False gives a preview only.

    ``texts`` is the text set whose rows they are; None for a Parquet file, which brings its texts (in ``columns``).
    ``take`` names the arrays or columns that are layers, in their order; all that can be, where it is empty.
    """

    blob: str
    file_name: str
    name: str
    texts: TextSetSpec | None = None
    columns: TextColumns = field(default=TextColumns(metadata=None))
    take: tuple[str, ...] = ()
    format: str | None = field(default=None, metadata=KEY_IF_SET)
    save: bool = False


@dataclass(frozen=True, slots=True)
class SubLayersTask(Request["VectorsInfo"]):
    """Keep the parts of a model's blocks over a text set as vectors called ``name``: attention, residual between, MLP.

    ``pooling`` is one of POOLINGS, ``max_length`` in tokens.
    """

    model: ModelSpec
    texts: TextSetSpec
    name: str
    pooling: str = "mean"
    max_length: int = 256


def sub_layers_name(model: str, texts: str, pooling: str) -> str:
    """What the sub-layers of a model are called unless a person says otherwise."""
    words = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{model.rstrip('/').rpartition('/')[2]}-sublayers-{texts}-{pooling}")
    return words.strip("-.")[:80]


def rows_misfit(n_rows: int, texts: TextSetSpec) -> tuple[str, str] | None:
    """Why ``n_rows`` vectors cannot be those of a text set, and what to do about it; None where they can be."""
    if n_rows == texts.n_rows:
        return None
    return (
        f"The vectors have {n_rows:,} rows, the text set '{texts.name}' has {texts.n_rows:,}.",
        "Choose the text set whose rows these are, in the same order; rows that are dropped when texts are read have no "
        "vector either.",
    )


def set_name(name: str) -> str:
    """The name of the text set that vectors with texts of their own bring along."""
    return f"{name} texts"
