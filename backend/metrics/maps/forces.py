"""The two forces of t-SNE between the points of a map, compiled: all pairs where an approximation would take longer.

Repulsion is exact: every pair of points once, in tiles that stay in the cache. Up to some 25,000 points that is less work than
a tree or a grid of interpolation, which are 2 to 10 % off. Gaps and weights are float32, and a tile's sums of them are added up in float64:
about 2e-6 of the largest force. In one thread, so the same whatever the machine has.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from backend.metrics.neighbors.kernel import Floats
from backend.metrics.shared.compiled import keep_compiled

_TILE = 1024
_ANY_ORDER = {"reassoc", "contract", "arcp", "nsz"}  # of sums and products; NaN and infinity stay what they are


@njit(nogil=True, fastmath=_ANY_ORDER, error_model="numpy")
def repel(y: Floats, forces: Floats) -> float:  # pragma: no cover - compiled
    """Set ``forces`` (n, 2) to the sum over the other points of ``y`` (n, 2) of q^2 times the gap, q = 1 / (1 + gap^2).

    Returns the sum of q over all ordered pairs, which the forces are to be divided by (van der Maaten and Hinton 2008, eq. 5).
    """
    n = len(y)
    across, up = np.empty(n, np.float32), np.empty(n, np.float32)
    for i in range(n):
        across[i], up[i] = y[i, 0], y[i, 1]
    forces[:] = 0
    total = 0.0
    back_across, back_up = np.empty(_TILE, np.float32), np.empty(_TILE, np.float32)
    for first in range(0, n, _TILE):
        for start in range(first, n, _TILE):
            stop = min(start + _TILE, n)
            back_across[:] = 0
            back_up[:] = 0
            for i in range(first, min(first + _TILE, n)):
                begin = i + 1 if start == first else start  # a pair within a tile is met once
                # views from 0 on: only then does the compiler see that the loop's steps can be done eight at a time
                other_across, other_up = across[begin:stop], up[begin:stop]
                their_across, their_up = back_across[begin - start :], back_up[begin - start :]
                own_across, own_up, near = np.float32(0), np.float32(0), np.float32(0)
                for j in range(len(other_across)):
                    dx, dy = across[i] - other_across[j], up[i] - other_up[j]
                    q = np.float32(1) / (np.float32(1) + dx * dx + dy * dy)
                    near += q
                    fx, fy = q * q * dx, q * q * dy
                    own_across += fx
                    own_up += fy
                    their_across[j] -= fx
                    their_up[j] -= fy
                forces[i, 0] += own_across
                forces[i, 1] += own_up
                total += float(near)
            for j in range(stop - start):
                forces[start + j, 0] += back_across[j]
                forces[start + j, 1] += back_up[j]
    return 2 * total


@njit(nogil=True, fastmath=_ANY_ORDER, error_model="numpy")
def attract(
    indices: NDArray[Any], starts: NDArray[Any], weights: Floats, y: Floats, forces: Floats
) -> None:  # pragma: no cover - compiled
    """Set ``forces`` (n, 2) to the sum over the neighbours of p q times the gap; the p of each row are a row of a sparse matrix."""
    for i in range(len(y)):
        own, p = indices[starts[i] : starts[i + 1]], weights[starts[i] : starts[i + 1]]
        fx, fy = 0.0, 0.0
        for k in range(len(own)):
            dx, dy = y[i, 0] - y[own[k], 0], y[i, 1] - y[own[k], 1]
            pull = p[k] / (1.0 + dx * dx + dy * dy)
            fx += pull * dx
            fy += pull * dy
        forces[i, 0], forces[i, 1] = fx, fy


def gradient(embedding: Floats, joint: csr_matrix, **_: object) -> tuple[float, Floats]:
    """NaN in the place of the divergence, which nobody asks for, and its gradient (n, 2) at a map (n, 2), for openTSNE's descent.

    ``joint`` (n, n) are the probabilities of pairs. As openTSNE has it, without the factor 4, and for one degree of freedom.
    """
    y = np.ascontiguousarray(embedding).view(np.ndarray)
    pull, push = np.empty(y.shape), np.empty(y.shape)
    attract(joint.indices, joint.indptr, joint.data, y, pull)
    total = repel(y, push)
    return float("nan"), pull - push / total


keep_compiled("backend")
