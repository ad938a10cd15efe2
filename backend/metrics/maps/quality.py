"""How far a map can be trusted: what is near on it against what is near in the full space."""

import numpy as np

from backend.metrics.neighbors.kernel import AnyRows, Floats, Indices, neighbours_of, shared_share
from backend.metrics.shared.rounding import distance_rounding


def quality(x: AnyRows, coords: Floats, k: int, rows: Indices, near: Indices | None = None) -> tuple[float, float]:
    """Trustworthiness, and the mean share of the ``k`` nearest neighbours that rows have on the map and in the full space.

    ``x`` (n_rows, n_dims) and ``coords`` (n_rows, n_components) hold the same rows; both are means over ``rows``, whose neighbours are
    looked for among all. ``near`` (len(rows), k) are their neighbours in the full space, where they are known.
    """
    shown = neighbours_of(coords, rows, k)[1]
    truly = neighbours_of(x, rows, k)[1] if near is None else near
    return _trustworthiness(x, shown, rows), float(shared_share(truly, shown).mean())


def trustworthiness(x: AnyRows, coords: Floats, k: int) -> float:
    """How far the ``k`` nearest neighbours in a layout are near in the full space too: at most 1, about 0.5 by chance.

    ``x`` (n_rows, n_dims) and ``coords`` (n_rows, n_components) hold the same rows; needs 2 k < n_rows. Rows that are
    equally far, but for the rounding of ``x``, share the best rank of them. Venna and Kaski (2001).
    """
    rows = np.arange(len(x))
    return _trustworthiness(x, neighbours_of(coords, rows, k)[1], rows)


def _trustworthiness(x: AnyRows, shown: Indices, rows: Indices) -> float:
    """That of some rows (n,), whose neighbours on the map are ``shown`` (n, k), ranked among all of ``x``."""
    n_rows, k = len(x), shown.shape[1]
    centred = np.asarray(x, dtype=np.float64)
    centred = centred - centred.mean(axis=0)
    squares, rounding = np.einsum("ij,ij->i", centred, centred), distance_rounding(x)
    penalty = 0.0
    size = max(1, 2**22 // n_rows)
    for begin in range(0, len(rows), size):
        block = rows[begin : begin + size]
        gaps = squares - 2 * centred[block] @ centred.T  # squared distances but for the row's own norm
        gaps[np.arange(len(block)), block] = np.inf
        for neighbour in range(k):
            limit = np.take_along_axis(gaps, shown[begin : begin + size, neighbour : neighbour + 1], axis=1)
            far = np.sqrt(np.maximum(limit[:, 0] + squares[block], 0.0))
            # as far^2 to (far - rounding)^2
            limit[:, 0] -= rounding[block] * (2 * far - np.minimum(rounding[block], far))
            ranks = (gaps < limit).sum(axis=1) + 1
            penalty += float(np.maximum(ranks - k, 0).sum())
    return float(1 - penalty * 2 / (len(rows) * k * (2 * n_rows - 3 * k - 1)))
