"""Nearest neighbours of very many rows, most of them and not all: by NN-descent, with the share that was found measured.

An exact search compares every row with every other. This one begins with trees of random cuts and goes from neighbours to their
neighbours for as long as that brings nearer ones (Dong, Charikar & Li 2011, as pynndescent does it).
"""

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.metrics.neighbors.distances import ascending, exact_distances
from backend.metrics.neighbors.kernel import (
    AnyRows,
    Floats,
    Indices,
    checked_rows,
    distinct_rows,
    nearest_of,
    sampled_rows,
    with_copies,
)
from backend.metrics.shared.compiled import keep_compiled
from backend.values.activations import Report, no_report

N_CHECKED = 500  # rows whose neighbours are searched exactly as well
STAGE = "searching neighbours, not exactly"
_LEAST_WIDTH = 30  # neighbours that are followed at least: with fewer the search stops too early
_BLOCK = 4096
_SAME = 1e-9  # relative difference of equal distances, which are summed in another order where they are many


@dataclass(frozen=True, slots=True, eq=False)
class Approximate:
    """Neighbours (n_rows, k) as ``nearest_neighbours`` gives them, the nearest first, some of which may not be the nearest.

    ``distances`` are exact for the rows named. ``recall``, in [0, 1], is the share of the true neighbours of ``n_checked``
    distinct rows that is among those found; a row that is as near as the farthest true one counts as true.
    """

    distances: Floats
    indices: Indices
    recall: float
    n_checked: int


def approximate_neighbours(x: AnyRows, k: int, *, seed: int = 0, report: Report = no_report) -> Approximate:
    """The ``k`` nearest other rows of every row of ``x`` (n_rows, n_dims), as far as NN-descent finds them.

    The same at each run with the same ``seed``, on one thread, since more would find other ones. A copy of a row is at distance 0, ties
    go to the lower number. Memory grows with n_rows. Raises InvalidRequest unless 1 <= k < n_rows and all is finite.
    """
    x = checked_rows(x)
    if not 1 <= k < len(x):
        raise InvalidRequest(
            f"{k} nearest neighbours were asked for among {len(x)} rows.", "Give a k from 1 to one less than the rows."
        )
    first, group = distinct_rows(x)
    if len(first) == 1:
        return Approximate(*with_copies(np.zeros((1, 0)), np.zeros((1, 0), dtype=np.int64), group, k), 1.0, 0)
    here = x if len(first) == len(x) else x[first]
    near = min(k, len(here) - 1)
    distances, indices = _search(here, near, seed, report)
    checked = sampled_rows(len(here), N_CHECKED, seed)
    truly, _ = nearest_of(here, checked, near)
    recall = float((distances[checked] <= truly[:, -1:] * (1 + _SAME)).mean())
    report(len(x), len(x), STAGE)
    if len(here) < len(x):
        distances, indices = with_copies(distances, indices, group, k)
    return Approximate(distances, indices, recall, len(checked))


def _search(x: AnyRows, k: int, seed: int, report: Report) -> tuple[Floats, Indices]:
    """Neighbours among distinct rows; where fewer than ``k`` were found of a row, its own exactly."""
    report(0, len(x), STAGE)
    found = _descended(x, min(max(2 * k, _LEAST_WIDTH), len(x) - 1), seed)
    distances, indices = np.empty((len(x), k)), np.empty((len(x), k), dtype=np.int64)
    for start in range(0, len(x), _BLOCK):
        report(start, len(x), STAGE)
        rows = np.arange(start, min(start + _BLOCK, len(x)))
        near = found[rows]
        absent = (near < 0) | (near == rows[:, None])
        gaps = exact_distances(x, rows, np.where(absent, rows[:, None], near))
        gaps, near = ascending(np.where(absent, np.inf, gaps), near)
        distances[rows], indices[rows] = gaps[:, :k], near[:, :k]
    short = np.flatnonzero(~np.isfinite(distances[:, -1]))
    if len(short):
        distances[short], indices[short] = nearest_of(x, short, k)
    return distances, indices


def _descended(x: AnyRows, width: int, seed: int) -> Indices:
    """Row numbers (n_rows, width + 1) of near rows of each row, itself among them, -1 where none was found."""
    import pynndescent

    keep_compiled("pynndescent")
    mean = x.mean(axis=0, dtype=np.float64)
    centred: npt.NDArray[np.float32] = np.empty(x.shape, dtype=np.float32)
    for start in range(0, len(x), _BLOCK):
        centred[start : start + _BLOCK] = x[start : start + _BLOCK] - mean
    largest = float(np.abs(centred).max())
    centred /= largest if largest > 0 else 1.0
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # that some of it is compiled anew in each process, and that few rows were found of one
        index = pynndescent.NNDescent(centred, n_neighbors=width + 1, random_state=seed, n_jobs=1)
    return np.asarray(index.neighbor_graph[0], dtype=np.int64)
