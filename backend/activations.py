"""Activations as metrics see them: rows of a matrix, and which text (and which token of it) each row is."""

import mmap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]
Report = Callable[[int, int, str], None]
"""``report(done, total, stage)``: progress and cancel point in one; it raises Cancelled when the job is to end."""


def no_report(done: int, total: int, stage: str) -> None:
    """The report of a caller who wants neither progress nor cancelling."""


@dataclass(frozen=True, slots=True, eq=False)
class Activations:
    """One matrix of activations.

    ``rows`` (n_rows, n_dims) is float32, often a read-only memory map. ``text_index`` (n_rows,) names the text of each
    row, ``token_index`` (n_rows,) its token within the text (None where a row is a whole text).
    """

    rows: npt.NDArray[np.float32]
    text_index: npt.NDArray[np.int64] | None = None
    token_index: npt.NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class LayerStack:
    """The layers of one model over one text set, in the order asked for; every matrix has the same rows."""

    model: str
    pooling: str
    layers: tuple[int, ...]
    layer_names: tuple[str, ...]
    matrices: tuple[Activations, ...]
    texts_digest: str = ""
    n_truncated: int = 0
    n_empty: int = 0
    n_distinct: int = 0

    def __len__(self) -> int:
        return len(self.matrices)

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
class Labels:
    """Labels as class numbers (n_rows,), -1 where missing, with the class names; ``split`` names each row's split."""

    values: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    split: tuple[str, ...] | None = None
