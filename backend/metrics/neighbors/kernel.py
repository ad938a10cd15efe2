"""Exact nearest neighbours, and how many of them two representations of the same texts share."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.metrics.neighbors.distances import CACHE_BYTES, ascending, exact_distances
from backend.metrics.neighbors.there import candidates_there
from backend.metrics.neighbors.tiles import candidates
from backend.values.activations import Report, no_report
from backend.values.working import most_threads

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
AnyRows = npt.NDArray[np.floating]

_BLOCK_BYTES = 32 * 2**20  # of one block of the float32 search; a few such arrays live at the same time
_MOST_THREADS = 8
_NORM_ROWS = 256  # whose lengths are taken at a time: in float64 they stay in the processor's cache
_EXTRA = 16  # most candidates beyond k, so that almost every row is certain after one pass
_WORTH_TILES = 1e10  # multiplications of all rows with all: below, halving them gains less than compiling takes
_MOST_BY_TILES = 160  # candidates of a row up to which the lists of all rows fit beside the rows
_FEW = 64  # candidates up to which looking for the smallest again and again takes less than one partition


def nearest_neighbours(x: AnyRows, k: int, *, report: Report = no_report) -> tuple[Floats, Indices]:
    """The ``k`` nearest other rows of every row, exact in float64 whatever the offset or the spread of a column.

    ``x`` is (n_rows, n_dims) of any float type. Returns Euclidean distances (n_rows, k), ascending, and row numbers
    (n_rows, k); a row is never its own neighbour, a copy of it is one at distance 0, ties go to the lower number.
    Memory grows with n_rows, not with its square. Raises InvalidRequest unless 1 <= k < n_rows and all is finite.
    """
    x = checked_rows(x)
    if not 1 <= k < len(x):
        raise InvalidRequest(
            f"{k} nearest neighbours were asked for among {len(x)} rows.", "Give a k from 1 to one less than the rows."
        )
    first, group = distinct_rows(x)
    if len(first) == len(x):
        return _search(x, k, report)
    distances, indices = np.zeros((len(first), 0)), np.zeros((len(first), 0), dtype=np.int64)
    if len(first) > 1:
        distances, indices = _search(x[first], min(k, len(first) - 1), report)
    return with_copies(distances, indices, group, k)


def nearest_of(x: AnyRows, rows: Indices, k: int) -> tuple[Floats, Indices]:
    """As ``neighbours_of_distinct``, of some rows alone: distances and row numbers (len(rows), k)."""
    matrix = _search_matrix(x)
    distances, indices = np.empty((len(rows), k)), np.empty((len(rows), k), dtype=np.int64)
    found = candidates_there(matrix.rows, rows, _n_candidates(len(x), k), no_report)
    size = max(1, _BLOCK_BYTES // (4 * len(x)))
    for start in range(0, len(rows), size):
        part = slice(start, start + size)
        if found is None:
            distances[part], indices[part] = _search_block(x, matrix, rows[part], k)
        else:
            distances[part], indices[part] = _proved_of(x, matrix, rows[part], k, found[0][part], found[1][part])
    return distances, indices


def neighbours_of(x: AnyRows, rows: Indices, k: int) -> tuple[Floats, Indices]:
    """As ``nearest_neighbours``, of some rows alone, among all of them: distances and row numbers (len(rows), k)."""
    x = checked_rows(x)
    if len(rows) == len(x):
        distances, indices = nearest_neighbours(x, k)
        return distances[rows], indices[rows]
    first, group = distinct_rows(x)
    if len(first) == len(x):
        return nearest_of(x, rows, k)
    near, own = min(k, len(first) - 1), np.unique(group[rows])
    distances, indices = np.zeros((len(first), near)), np.zeros((len(first), near), dtype=np.int64)
    if near:
        distances[own], indices[own] = nearest_of(x[first], own, near)
    distances, indices = with_copies(distances, indices, group, k, own)
    return distances[rows], indices[rows]


def neighbours_of_distinct(x: AnyRows, k: int, *, report: Report = no_report) -> tuple[Floats, Indices]:
    """As ``nearest_neighbours``, of rows that are known to be finite and to differ; ``k`` is from 1 to n_rows - 1."""
    return _search(x, k, report)


def checked_rows(x: AnyRows) -> AnyRows:
    """``x`` itself when it is a matrix of finite numbers; raises InvalidRequest otherwise."""
    x = np.asarray(x)
    if x.ndim != 2 or not np.issubdtype(x.dtype, np.floating):
        raise InvalidRequest(
            f"A matrix of floats is needed, not {x.dtype} of shape {x.shape}.", "Give rows by dimensions."
        )
    if not all(np.isfinite(x[start : start + 4096]).all() for start in range(0, len(x), 4096)):
        raise InvalidRequest("Some activations are not finite numbers.", "Run the model in float32 or bfloat16.")
    return x


def distinct_rows(x: AnyRows) -> tuple[Indices, Indices]:
    """Rows that differ: the first row of each (n_distinct,), ascending, and for every row its place there (n_rows,).

    Rows are told apart by a weighted sum of their bits, and where that is the same by a 128-bit digest of their values; 0 and -0 are the same value.
    """
    sums = _bit_sums(x)
    _, first, inverse, counts = np.unique(sums, return_index=True, return_inverse=True, return_counts=True)
    if len(first) == len(x):
        return np.arange(len(x)), np.arange(len(x))
    keys = np.stack([sums, np.zeros_like(sums)], axis=1)
    for i in np.flatnonzero(counts[inverse.ravel()] > 1):
        digest = hashlib.blake2b((x[i] + 0).tobytes(), digest_size=16).digest()
        keys[i] = np.frombuffer(digest, dtype=np.uint64)
    _, first, inverse = np.unique(
        keys.view([("high", np.uint64), ("low", np.uint64)]).ravel(), return_index=True, return_inverse=True
    )
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return first[order].astype(np.int64), place[inverse.ravel()].astype(np.int64)


def _bit_sums(x: AnyRows) -> npt.NDArray[np.uint64]:
    """A number for each row that is the same for the same values (n_rows,); of others it is almost never."""
    kind = {2: np.uint16, 4: np.uint32, 8: np.uint64}.get(x.dtype.itemsize)
    if kind is None:  # a format that not all of its bits are of
        return np.zeros(len(x), dtype=np.uint64)
    weights = np.random.default_rng(0).integers(1 << 62, size=x.shape[1], dtype=np.uint64) * 2 + 1
    sums, size = np.empty(len(x), dtype=np.uint64), max(1, CACHE_BYTES // (8 * max(1, x.shape[1])))
    for start in range(0, len(x), size):
        bits = (np.ascontiguousarray(x[start : start + size]) + 0).view(kind)
        sums[start : start + size] = (bits * weights).sum(axis=1, dtype=np.uint64)
    return sums


def neighbour_overlap(x: AnyRows, y: AnyRows, k: int) -> Floats:
    """Share of the ``k`` nearest neighbours that each row has in both ``x`` and ``y``: (n_rows,), in [0, 1].

    The rows of both are the same texts in the same order; widths may differ. Unrelated representations share
    ``k / (n_rows - 1)`` of them by chance. Raises InvalidRequest where the row counts differ.
    """
    if len(x) != len(y):
        raise InvalidRequest(
            f"The two sides have {len(x)} and {len(y)} rows.", "Compare representations of the same texts."
        )
    return shared_share(nearest_neighbours(x, k)[1], nearest_neighbours(y, k)[1])


def shared_share(a: Indices, b: Indices) -> Floats:
    """Share of equal row numbers between the rows of ``a`` and ``b``, both (n_rows, k): (n_rows,), in [0, 1]."""
    both = np.sort(np.concatenate([a, b], axis=1), axis=1)
    return np.asarray((both[:, 1:] == both[:, :-1]).sum(axis=1) / a.shape[1], dtype=np.float64)


def sampled_rows(n_rows: int, max_rows: int, seed: int) -> Indices:
    """Row numbers to work on, ascending: all of them, or ``max_rows`` drawn without replacement."""
    if n_rows <= max_rows:
        return np.arange(n_rows, dtype=np.int64)
    return np.sort(np.random.default_rng(seed).choice(n_rows, max_rows, replace=False)).astype(np.int64)


def row_norms(x: AnyRows) -> Floats:
    """The Euclidean length of every row (n_rows,), in float64; NaN for a row with entries that are no finite numbers."""
    norms, wide = np.empty(len(x)), np.empty((min(len(x), _NORM_ROWS), x.shape[1]))
    for start in range(0, len(x), _NORM_ROWS):
        block = x[start : start + _NORM_ROWS]
        norms[start : start + _NORM_ROWS] = _norms(block, wide[: len(block)])
    return norms


def _norms(x: AnyRows, scaled: Floats) -> Floats:
    """Those of the rows of ``x``, each brought to a largest entry of 1 in ``scaled`` meanwhile."""
    np.copyto(scaled, x)
    largest = np.maximum(scaled.max(axis=1, initial=0.0), -scaled.min(axis=1, initial=0.0)) + 0.0  # no -0
    with np.errstate(invalid="ignore"):  # of an infinity over itself, and of NaN, comes NaN
        np.divide(scaled, np.where(largest > 0, largest, 1.0)[:, None], out=scaled)
        return np.asarray(largest * np.sqrt(np.einsum("ij,ij->i", scaled, scaled)))


def unit_rows(x: AnyRows) -> Floats:
    """Every row divided by its norm, in float64; a row of norm 0 stays 0. The scale of a row does not overflow."""
    wide = np.asarray(x, dtype=np.float64)
    largest = np.abs(wide).max(axis=1, initial=0.0, keepdims=True)
    wide = np.divide(wide, largest, out=np.zeros_like(wide), where=largest > 0)
    norms = np.linalg.norm(wide, axis=1, keepdims=True)
    return np.asarray(np.divide(wide, norms, out=np.zeros_like(wide), where=norms > 0), dtype=np.float64)


def _search(x: AnyRows, k: int, report: Report) -> tuple[Floats, Indices]:
    """Neighbours among distinct rows, block by block, on all processors; of many rows each product of two is computed once."""
    n_rows = len(x)
    distances, indices = np.empty((n_rows, k)), np.empty((n_rows, k), dtype=np.int64)
    matrix = _search_matrix(x)
    n_threads = min(_MOST_THREADS, most_threads())
    n_candidates = _n_candidates(n_rows, k)
    found = candidates_there(matrix.rows, np.arange(n_rows), n_candidates, report)
    if found is None and n_candidates <= _MOST_BY_TILES and float(n_rows) ** 2 * x.shape[1] >= _WORTH_TILES:
        found = candidates(matrix.rows, n_candidates, n_threads, report)
    size = max(1, min(-(-n_rows // n_threads), _BLOCK_BYTES // (4 * n_rows)))
    blocks = [np.arange(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]

    def one(rows: Indices) -> tuple[Floats, Indices]:
        if found is None:
            return _search_block(x, matrix, rows, k)
        return _proved_of(x, matrix, rows, k, found[0][rows], found[1][rows])

    with ThreadPoolExecutor(n_threads) as pool:
        try:
            done = pool.map(one, blocks)
            for rows in blocks:
                report(int(rows[0]) if found is None else n_rows, n_rows, "searching neighbours")
                distances[rows], indices[rows] = next(done)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    report(n_rows, n_rows, "searching neighbours")
    return distances, indices


def _n_candidates(n_rows: int, k: int) -> int:
    return min(k + min(2 + 2 * k, _EXTRA), n_rows - 1)


@dataclass(frozen=True, slots=True, eq=False)
class _SearchMatrix:
    """Centred rows in float32, divided by their largest entry ``1 / scale``.

    ``rows`` is (n_rows, n_dims + 1), the last column holding the lowered squared norm of each row.
    """

    rows: npt.NDArray[np.float32]
    scale: float


def _search_matrix(x: AnyRows) -> _SearchMatrix:
    """The matrix that candidates are searched in, with room for rounding in its squared norms.

    Rounding of the rows and of their products moves a squared distance by less than ``slack (|a|^2 + |b|^2)``: so
    squared distances from norms lowered by that share are lower bounds. The growth of rounding errors with the square
    root of the number of terms, and a factor for safety, are those of Higham and Mary (2019).
    """
    mean = x.mean(axis=0, dtype=np.float64)
    blocks = [slice(start, start + 4096) for start in range(0, len(x), 4096)]
    ends = np.stack([(x[block].max(axis=0), x[block].min(axis=0)) for block in blocks]).astype(np.float64)
    largest = float(np.abs(ends - mean).max(initial=0.0))
    scale = 1.0 / largest if largest > 0 else 1.0
    slack = 2 * float(np.finfo(np.float32).eps) * (2 * np.sqrt(x.shape[1]) + 8)
    rows = np.empty((len(x), x.shape[1] + 1), dtype=np.float32)
    for block in blocks:
        part = (x[block] - mean) * scale
        rows[block, :-1] = part
        rows[block, -1] = np.einsum("ij,ij->i", part, part) * (1 - slack)
    return _SearchMatrix(rows, scale)


def _search_block(x: AnyRows, matrix: _SearchMatrix, rows: Indices, k: int) -> tuple[Floats, Indices]:
    """Neighbours of some rows: candidates by their lower bounds, exact distances for those, and a proof."""
    bound = _bounds(matrix, rows)
    near, edge = _smallest(bound, _n_candidates(len(x), k))
    return _proved(x, matrix, rows, k, near, edge, lambda some: bound[some])


def _bounds(matrix: _SearchMatrix, rows: Indices) -> AnyRows:
    """Lower bounds of the squared distances of some rows to all (n, n_rows), but for the row's own norm; infinite to itself."""
    left = matrix.rows[rows] * np.float32(-2)
    left[:, -1] = 1
    bound = left @ matrix.rows.T
    bound[np.arange(len(rows)), rows] = np.inf
    return bound


def _proved_of(
    x: AnyRows, matrix: _SearchMatrix, rows: Indices, k: int, near: Indices, edge: AnyRows
) -> tuple[Floats, Indices]:
    """As ``_proved``, with bounds that are taken again of the rows that need them."""
    return _proved(x, matrix, rows, k, near, edge, lambda some: _bounds(matrix, rows[some]))


def _proved(
    x: AnyRows,
    matrix: _SearchMatrix,
    rows: Indices,
    k: int,
    near: Indices,
    edge: AnyRows,
    bounds: Callable[[Indices], AnyRows],
) -> tuple[Floats, Indices]:
    """The ``k`` nearest of some rows (n,) from their candidates ``near`` (n, m), of which the largest bound is ``edge`` (n,).

    A row whose k-th exact distance is below the bound of every row that was not looked at is done; the few others
    look at all rows whose bound (``bounds``) is not above it.
    """
    distances, near = ascending(exact_distances(x, rows, near), near)
    limit = (distances[:, k - 1] * matrix.scale) ** 2 * (1 + 1e-6) - matrix.rows[rows, -1]
    unsure = np.flatnonzero(edge <= limit) if near.shape[1] < len(x) - 1 else rows[:0]
    if len(unsure):
        for i, bound in zip(unsure, bounds(unsure), strict=True):
            wider = np.flatnonzero(bound <= limit[i])[None]
            sure, wider = ascending(exact_distances(x, rows[i : i + 1], wider), wider)
            distances[i, :k], near[i, :k] = sure[0, :k], wider[0, :k]
    return distances[:, :k], near[:, :k]


def _smallest(bound: AnyRows, m: int) -> tuple[Indices, AnyRows]:
    """Columns (n_rows, m) of the ``m`` smallest entries of each row, in no certain order, and the largest of those (n_rows,)."""
    if m > _FEW:
        near = np.argpartition(bound, m - 1, axis=1)[:, :m]
        return near, np.take_along_axis(bound, near, axis=1).max(axis=1)
    every = np.arange(len(bound))
    near, values = np.empty((len(bound), m), dtype=np.int64), np.empty((len(bound), m), dtype=bound.dtype)
    for j in range(m):
        near[:, j] = bound.argmin(axis=1)
        values[:, j] = bound[every, near[:, j]]
        bound[every, near[:, j]] = np.inf
    for j in reversed(range(m)):  # as it was; a column that was taken twice, where all left are infinite, too
        bound[every, near[:, j]] = values[:, j]
    return near, values[:, -1]


def with_copies(
    distances: Floats, indices: Indices, group: Indices, k: int, groups: Indices | None = None
) -> tuple[Floats, Indices]:
    """Neighbours of all rows, from those of the distinct rows: copies at distance 0, then every neighbour's copies.

    With ``groups``, places of distinct rows, those of their copies alone: what is there for other rows means nothing.
    """
    by_group = np.argsort(group, kind="stable")
    members = np.split(by_group, np.flatnonzero(np.diff(group[by_group])) + 1)
    out, found = np.empty((len(group), k)), np.empty((len(group), k), dtype=np.int64)
    for own in range(len(members)) if groups is None else groups:
        copies = members[own]
        parts = [copies[: k + 1], *(members[j][:k] for j in indices[own])]
        others = np.concatenate(parts)
        gaps = np.repeat(np.concatenate([[0.0], distances[own]]), [len(part) for part in parts])
        order = np.lexsort((others, gaps))[: k + 1]
        others, gaps = others[order], gaps[order]
        for row in copies:
            keep = others != row
            out[row], found[row] = gaps[keep][:k], others[keep][:k]
    return out, found
