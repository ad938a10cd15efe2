"""Real activations: minilm's layers of public text sets in the folder of shared data, extracted as the product does it."""

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from backend.models.batching import plan_extraction
from backend.models.extraction import extract
from backend.models.loading import LoadedModel, load
from backend.models.resolve import resolve
from backend.settings import PROJECT
from backend.values.activations import Activations, LayerStack

SHARED = Path(os.environ.get("EMBEDSCOPE_SHARED", PROJECT.parent / "shared"))
Rows = npt.NDArray[np.float32]
Classes = npt.NDArray[np.int64]
ABSENT = "the folder of shared data is not there"
LENGTH = 256


class Kept:
    """Takes the arrays of an extraction as the store would, in memory."""

    def __init__(self, n_texts: int) -> None:
        self.arrays: dict[tuple[int, str], Rows] = {}
        self._n_texts = n_texts

    def write(self, layer: int, pooling: str, rows: npt.NDArray[np.int64], block: npt.NDArray[np.floating]) -> None:
        if (layer, pooling) not in self.arrays:
            self.arrays[layer, pooling] = np.empty((self._n_texts, block.shape[1]), np.float32)
        self.arrays[layer, pooling][rows] = block


def extracted(loaded: LoadedModel, texts: Sequence[str], *, length: int = LENGTH, most: int = 0) -> Kept:
    """All layers in three poolings, with ``most`` tokens a batch (0: as the product chooses)."""
    kept = Kept(len(texts))
    plan = plan_extraction(loaded.tokenizer, texts, max_length=length)
    extract(loaded, texts, None, plan, kept, batch_tokens=most)
    return kept


@cache
def minilm() -> LoadedModel:
    """The default model on this machine's processor."""
    return load(resolve("minilm", dtype="float32", roots=None), device="cpu", roots=None)


def has_data() -> bool:
    """Whether the text sets are there."""
    return (SHARED / "data").is_dir()


def sst2(n_rows: int) -> tuple[list[str], Classes]:
    """The first sentences of SST-2's train file and their labels."""
    lines = (SHARED / "data" / "sst2" / "train.tsv").read_text("utf-8").splitlines()[:n_rows]
    return [line.split("\t")[0] for line in lines], np.array([int(line.split("\t")[1]) for line in lines])


def trec(n_rows: int, *, fine: bool = False) -> tuple[list[str], Classes]:
    """Questions of TREC's train file, drawn with seed 0 in their order, and their coarse or fine classes."""
    lines = (SHARED / "data" / "trec" / "TREC.train").read_text("latin-1").splitlines()
    chosen = np.sort(np.random.default_rng(0).permutation(len(lines))[:n_rows])
    pairs = [lines[i].split(" ", 1) for i in chosen]
    names = [label if fine else label.split(":")[0] for label, _ in pairs]
    return [text for _, text in pairs], np.unique(names, return_inverse=True)[1]


def roles(n_rows: int) -> tuple[list[str], Classes]:
    """Sentences of STREUSLE's labelled units and the scene role of the unit: as many classes as the relations of a text set."""
    path = SHARED / "data" / "streusle" / "prepositions_train.tsv"
    fields = [line.split("\t") for line in path.read_text("utf-8").splitlines()[1 : n_rows + 1]]
    return [one[6] for one in fields], np.unique([one[4] for one in fields], return_inverse=True)[1]


def layer_of(texts: Sequence[str], layer: int = 6, pooling: str = "mean") -> Rows:
    """One layer of minilm."""
    return extracted(minilm(), texts).arrays[layer, pooling]


def stack_of(matrices: Sequence[Rows]) -> LayerStack:
    """Matrices as the layers of one model, as a metric is given them."""
    numbers = tuple(range(len(matrices)))
    return LayerStack("model", "mean", numbers, tuple(map(str, numbers)), tuple(map(Activations, matrices)))
