"""Exact distances of rows to their candidates, by differences in float64, and the order of these."""

import functools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from backend.metrics.shared.compiled import compiled

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
AnyRows = npt.NDArray[np.floating]

CACHE_BYTES = 2**20  # of what is made of rows at a time: it stays in the processor's cache
_WORTH_COMPILING = 50_000_000  # differences of all rows: below, compiling takes longer than it saves


def exact_distances(x: AnyRows, rows: Indices, near: Indices) -> Floats:
    """float64 distances (n, m) of rows ``rows`` (n,) to their own candidates ``near`` (n, m), by differences.

    Which of two loops does it, which add up in another order, goes by all rows of ``x``: so the digits do not depend on the blocks.
    """
    if float(x.size) * near.shape[1] >= _WORTH_COMPILING and x.dtype in (np.float32, np.float64):
        compiled = _compiled_distances()
        if compiled is not None:
            return compiled(np.ascontiguousarray(x), rows, near, np.empty(near.shape))
    distances = np.empty(near.shape)
    width = min(near.shape[1], max(1, CACHE_BYTES // (8 * x.shape[1])))
    gathered, gap = np.empty((width, x.shape[1]), dtype=x.dtype), np.empty((width, x.shape[1]))
    for i, row in enumerate(rows):
        for start in range(0, near.shape[1], width):
            part = near[i, start : start + width]
            here = gap[: len(part)]
            np.take(x, part, axis=0, out=gathered[: len(part)], mode="clip")  # "raise" would make a copy first
            np.subtract(gathered[: len(part)], x[row], out=here, dtype=np.float64)
            distances[i, start : start + width] = np.einsum("ij,ij->i", here, here)
    return np.sqrt(distances, out=distances)


@functools.cache
def _compiled_distances() -> Callable[[AnyRows, Indices, Indices, Floats], Floats] | None:
    """The same loop compiled, five times faster; None where numba is not there.

    It takes no threads of numba's own and lets go of the interpreter, so the threads of ``_search`` run it side by side.
    """
    return compiled(_distances_loop, fastmath={"reassoc", "contract"})


def _distances_loop(x: AnyRows, rows: Indices, near: Indices, distances: Floats) -> Floats:
    for i in range(near.shape[0]):
        for j in range(near.shape[1]):
            total = 0.0
            for dim in range(x.shape[1]):
                gap = np.float64(x[rows[i], dim]) - np.float64(x[near[i, j], dim])
                total += gap * gap
            distances[i, j] = np.sqrt(total)
    return distances


def ascending(distances: Floats, indices: Indices) -> tuple[Floats, Indices]:
    """Both sorted by distance within each row, equal distances by the lower row number."""
    order = np.lexsort((indices, distances), axis=1)
    return np.take_along_axis(distances, order, axis=1), np.take_along_axis(indices, order, axis=1)
