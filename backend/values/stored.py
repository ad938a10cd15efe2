"""Activations in half of the bytes: to the number format that they are stored in and back, and how far that moves the rows."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest

Floats = npt.NDArray[np.float32]
Kept = npt.NDArray[np.generic]

KEPT_AS: dict[str, npt.DTypeLike] = {"float32": np.float32, "float16": np.float16, "bfloat16": np.uint16}
"""What the numbers of each format are to numpy, which has no bfloat16: there it is the upper half of a float32."""
_LARGEST = {"float16": "65,504", "bfloat16": "3.39e+38"}
_BLOCK = 2**20  # numbers at a time


def bytes_of(stored: str) -> int:
    """Bytes of a number in the format ``stored``."""
    return np.dtype(KEPT_AS[stored]).itemsize


def narrowed(x: Floats, stored: str, where: str = "An activation") -> Kept:
    """``x``, finite and of any shape, rounded to the nearest numbers of the format ``stored``, ties to even.

    Raises InvalidRequest, which begins with ``where``, for a number that is too large for the format: it is never infinite.
    """
    if stored == "float32":
        return x
    found, fits = _half(x) if stored == "float16" else _upper_half(x)
    if not fits:
        raise InvalidRequest(
            f"{where} is {float(np.abs(x).max()):,.6g} in size; {stored}, in which activations are stored here, holds at most "
            f"{_LARGEST[stored]}.",
            f"Set EMBEDSCOPE_STORE_DTYPE to {'bfloat16 or float32' if stored == 'float16' else 'float32'}.",
        )
    return found


def _half(x: Floats) -> tuple[Kept, bool]:
    with np.errstate(over="ignore"):
        found = x.astype(np.float16)
    return found, bool(np.isfinite(found).all())


def _upper_half(x: Floats) -> tuple[Kept, bool]:
    bits = np.ascontiguousarray(x, dtype=np.float32).view(np.uint32)
    found = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return found, bool(((found & 0x7F80) != 0x7F80).all())


def widened(kept: npt.NDArray[Any], stored: str) -> Floats:
    """The numbers behind ``kept``, which is as ``narrowed`` gives it: float32, exact."""
    if stored == "bfloat16":
        return (kept.astype(np.uint32) << 16).view(np.float32)
    return np.asarray(kept, dtype=np.float32)


def widened_blocks(kept: npt.NDArray[Any], stored: str) -> Iterator[Floats]:
    """The rows of ``kept`` (n_rows, n_dims) as float32, some at a time."""
    for rows in _blocks(kept):
        yield widened(kept[rows], stored)


class Rounding:
    """How far rounding has moved rows that come in blocks."""

    def __init__(self) -> None:
        self._n = 0
        self._first: npt.NDArray[np.float64] | None = None
        self._total: Any = 0.0
        self._squares = self._lost = 0.0

    def add(self, rows: Floats, kept: Kept, stored: str) -> None:
        """Count ``rows`` (n_rows, n_dims), of which ``kept`` is what is stored."""
        for part in _blocks(rows):
            x = rows[part].astype(np.float64)
            lost = x - widened(kept[part], stored)
            if self._first is None:
                self._first = x[0].copy()
            x -= self._first  # so that a large offset cancels nothing
            self._n += len(x)
            self._total = self._total + x.sum(axis=0)
            self._squares += float(np.einsum("ij,ij->", x, x))
            self._lost += float(np.einsum("ij,ij->", lost, lost))

    @property
    def share(self) -> float:
        """Root mean square of the moves over that of the rows' distances from their mean, at most 1; 0 where nothing moved."""
        if self._lost == 0.0:
            return 0.0
        spread = self._squares - float(np.sum(np.square(self._total))) / self._n
        return min(1.0, math.sqrt(self._lost / spread)) if spread > 0 else 1.0


def _blocks(rows: npt.NDArray[Any]) -> Iterator[slice]:
    size = max(1, _BLOCK // max(1, rows.shape[1]))
    for start in range(0, len(rows), size):
        yield slice(start, start + size)
