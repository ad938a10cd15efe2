"""The neighbours of one point among rows: its distance to every row, and the rank of each."""

import numpy as np

from backend.metrics.neighbors.kernel import AnyRows, Floats, Indices, unit_rows

_BLOCK = 1 << 20  # entries of the rows looked at a time


def distances_to(x: AnyRows, point: AnyRows, metric: str = "euclidean") -> Floats:
    """Distances (n_rows,) of every row of ``x`` (n_rows, n_dims) from ``point`` (n_dims,), by differences in float64.

    ``metric`` "euclidean" is in the units of the rows; "cosine" is 1 - cos, in [0, 2], taken from the rows at length 1, so that
    it is exact for near copies too; a row of norm 0 has no direction, and is 0.5 from any that has one.
    """
    here = np.asarray(point, dtype=np.float64)[None]
    if metric == "cosine":
        here = unit_rows(here)
    found = np.empty(len(x))
    size = max(1, _BLOCK // max(1, x.shape[1]))
    for start in range(0, len(x), size):
        block = x[start : start + size]
        gap = (unit_rows(block) if metric == "cosine" else np.asarray(block, dtype=np.float64)) - here
        found[start : start + size] = np.einsum("ij,ij->i", gap, gap)
    np.sqrt(found, out=found)
    return found * found / 2 if metric == "cosine" else found  # from the root, so that ties are those of the distances


def ranks_by(distances: Floats, own: int | None = None) -> tuple[Indices, Indices]:
    """Rows in the order of their ``distances`` (n_rows,), and the rank of each row, from 1: (n_others,) and (n_rows,).

    Equal distances go by the lower row, as in ``nearest_neighbours``. The row ``own`` is not its own neighbour: it is not in the
    order, and its rank is 0.
    """
    order = np.lexsort((np.arange(len(distances)), distances))
    if own is not None:
        order = order[order != own]
    ranks = np.zeros(len(distances), dtype=np.int64)
    ranks[order] = np.arange(1, len(order) + 1)
    return order.astype(np.int64), ranks
