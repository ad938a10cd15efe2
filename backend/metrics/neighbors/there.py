"""Candidates for the nearest rows where a GPU is in force: it does the products, the processor proves what comes of them.

Exact distances are taken by the processor alone, so neighbours do not depend on where they were searched.
"""

import numpy as np
import numpy.typing as npt

from backend.metrics.shared.arrays import arrays_for
from backend.values.activations import Report

_BLOCK_ENTRIES = 1 << 28  # bounds of one block of rows, 1 GiB
_SHARE = 8  # of the memory that is free: a block, its products and the choice of the smallest are there together
_MOST_ENTRIES = 1 << 27  # candidates of all rows together, 1 GiB of row numbers on the processor


def candidates_there(
    matrix: npt.NDArray[np.float32], rows: npt.NDArray[np.int64], m: int, report: Report
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]] | None:
    """The ``m`` other rows with the least bounds for each of ``rows`` (n, m), in no certain order, and the largest of those (n,).

    ``matrix`` (n_rows, n_dims + 1) has a number behind each vector; the bound is the other's number less twice the product
    of the vectors. None where no GPU is in force, or none with room for them.
    """
    arrays = arrays_for(float(len(rows)) * matrix.size)
    free = arrays.free_bytes()
    if not arrays.apart or matrix.nbytes > free // 2 or len(rows) * m > _MOST_ENTRIES:
        return None
    there = arrays.given(matrix)
    vectors, norms = there[:, :-1], there[:, -1]
    near, edge = np.empty((len(rows), m), dtype=np.int64), np.empty(len(rows), dtype=np.float32)
    size = max(1, min(_BLOCK_ENTRIES, free // (_SHARE * 4)) // len(matrix))
    for start in range(0, len(rows), size):
        report(start, len(rows), "searching neighbours")
        part = slice(start, start + size)
        own = arrays.given(rows[part])
        bounds = (vectors[own, :] * -2.0) @ vectors.T
        bounds += norms[None, :]
        bounds[arrays.xp.arange(len(own), device=arrays.device), own] = float("inf")
        values, columns = arrays.smallest(bounds, m)
        near[part], edge[part] = arrays.taken(columns), arrays.taken(arrays.xp.max(values, axis=1))
    return near, edge
