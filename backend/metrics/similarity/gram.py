"""Inner products of many Gram matrices at once, without ever holding one: what every CKA is made of.

Two routes give the same numbers. Few rows: tiles of the Gram matrices, every layer's tile beside the others, each layer
computed once. Many rows: cross-covariances of every pair of layers, linear in n. Memory is flat in n in both.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.metrics.shared.arrays import HERE, Arrays
from backend.metrics.shared.linalg import Floats, Matrix, centred, max_abs, row_mean
from backend.metrics.shared.rounding import step_of
from backend.values.activations import Report

_TILE_ROWS = 512
_COVARIANCE_ROWS = 2048
_READY_BYTES = 256 * 2**20  # of centred copies kept; beyond, blocks are centred again whenever they are read
_REDUCTION_COST = 80  # of one entry's share in the L x L products, in multiply-adds of the Gram product


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One layer as both routes read it: centred in float64, scaled to at most 1, and then in ``dtype``.

    ``noise`` is the rounding of the rows as they are given, relative to what is left of them after centring. ``width`` is the RBF kernel's 1 / (2 sigma^2) in the scaled space, None for the linear kernel; ``shifted`` asks for
    that kernel minus 1, which centring makes the same and which keeps the digits of a wide kernel. ``arrays`` is where its
    products are done; ``ready`` is the whole matrix as ``rows`` gives it, where there is room to keep it there.
    """

    x: Matrix
    mean: Floats
    scale: float
    dtype: npt.DTypeLike
    noise: float
    width: float | None = None
    shifted: bool = False
    arrays: Arrays = HERE
    ready: Any = None  # an array of ``arrays``

    def rows(self, block: slice) -> Any:  # an array of ``arrays``
        """The given rows, centred and scaled; products of them cannot overflow."""
        if self.ready is not None:
            return self.ready[block]
        return self.arrays.given((centred(self.x, self.mean, block) * self.scale).astype(self.dtype))


@dataclass(slots=True, eq=False)
class GramMoments:
    """Sums over Gram matrices K_i (xs) and L_j (ys), their diagonals kept apart.

    ``cross`` (n_xs, n_ys), ``own_x`` (n_xs,) and ``own_y`` (n_ys,) are inner products over i != j, ``sums_*`` the row
    sums over i != j and ``diagonal_*`` the diagonals, both (n_layers, n_rows).
    """

    cross: Floats
    own_x: Floats
    own_y: Floats
    sums_x: Floats
    sums_y: Floats
    diagonal_x: Floats
    diagonal_y: Floats


def view(
    x: Matrix, *, n_layers: int = 1, precise: bool = False, by_median: bool = False, arrays: Arrays = HERE
) -> View:
    """``x`` ready for the linear kernel, as one of ``n_layers``; its rows must be finite and not all identical.

    ``precise`` takes float64 whatever ``x`` is. ``by_median`` centres at the median of each dimension: what only looks at
    distances does not mind, and keeps the digits of the many beside a few rows far away.
    """
    mean = np.median(x, axis=0).astype(np.float64) if by_median else row_mean(x)
    blocks, dtype = _slices(x.shape[0], _COVARIANCE_ROWS), np.dtype(np.float64) if precise else x.dtype
    room = arrays.free_bytes() if arrays.apart else _READY_BYTES
    ready = arrays.empty(x.shape, dtype) if x.size * dtype.itemsize * n_layers <= room else None
    largest = squares = 0.0
    for block in blocks:
        rows = centred(x, mean, block)
        squares += float(np.vdot(rows, rows))
        largest = max(largest, max_abs(rows))
        if ready is not None:
            ready[block, ...] = arrays.given(rows)
    scale = 2.0 ** -math.frexp(largest)[1]  # a power of two, so that scaling rounds nothing
    if ready is not None:
        ready *= scale
    offset = np.sqrt(x.shape[0] * float(mean @ mean) / squares) if squares > 0 else np.inf
    return View(x, mean, scale, dtype, float(step_of(x) * (1.0 + offset)), arrays=arrays, ready=ready)


def gram_moments(
    xs: Sequence[View], ys: Sequence[View] | None, report: Report, stage: str, *, by_tiles: bool = False
) -> GramMoments:
    """The sums for all pairs of ``xs`` and ``ys`` (within ``xs`` where ``ys`` is None), by the cheaper route.

    That is the tiles where ``by_tiles`` says so: rows that are not centred at their mean need them.
    """
    everything = [*xs, *(ys or ())]
    n = everything[0].x.shape[0]
    widths = [v.x.shape[1] for v in everything]
    n_layers = len(everything)
    tiles = n * n / 2 * (sum(widths) + _REDUCTION_COST * n_layers)
    pairs = [(i, j) for i in range(n_layers) for j in range(n_layers) if _wanted(i, j, len(xs), ys is None)]
    covariances = n * sum(widths[i] * widths[j] for i, j in pairs)
    if by_tiles or any(v.width is not None for v in everything) or tiles <= covariances:
        return _from_tiles(xs, ys, report, stage)
    return _from_covariances(xs, ys, report, stage)


def _wanted(i: int, j: int, n_xs: int, within: bool) -> bool:
    """Whether the pair of layers (i, j) of xs + ys takes part: each against itself, and xs against ys."""
    return i <= j if within else i == j or (i < n_xs <= j)


def _slices(n: int, most: int) -> list[slice]:
    """Blocks of at most ``most`` of n rows, all of about the same size."""
    step = -(-n // max(1, -(-n // most)))
    return [slice(start, min(start + step, n)) for start in range(0, n, step)]


def _from_tiles(xs: Sequence[View], ys: Sequence[View] | None, report: Report, stage: str) -> GramMoments:
    views = [*xs, *(ys or ())]
    n, n_layers, arrays, norms = views[0].x.shape[0], len(views), views[0].arrays, _diagonals(views)
    products, sums = arrays.zeros(n_layers, n_layers), arrays.zeros(n_layers, n)
    slices = _slices(n, _tile_rows(arrays, n_layers))
    total, done = len(slices) * (len(slices) + 1) // 2, 0
    for a, rows in enumerate(slices):
        left = [v.rows(rows) for v in views]
        for b in range(a, len(slices)):
            report(done, total, stage)
            tiles = _tiles(views, left, norms, rows, slices[b])
            flat = tiles.reshape(n_layers, -1)
            products += (1.0 if a == b else 2.0) * (flat @ flat.T)
            sums[:, rows] += arrays.xp.sum(tiles, axis=2)
            if a != b:
                sums[:, slices[b]] += arrays.xp.sum(tiles, axis=1)
            done += 1
    diagonal: Floats = arrays.taken(norms)
    for index, one in enumerate(views):
        if one.width is not None:
            diagonal[index] = 0.0 if one.shifted else 1.0  # a row's kernel with itself
    return _moments(arrays.taken(products), arrays.taken(sums), diagonal, len(xs), ys is None)


def _tile_rows(arrays: Arrays, n_layers: int) -> int:
    """Rows of a tile: few for a processor's cache, more for a GPU, as long as four tiles of every layer have room there."""
    if not arrays.apart:
        return _TILE_ROWS
    return max(1, min(_TILE_ROWS * arrays.larger, math.isqrt(arrays.free_bytes() // (4 * 8 * n_layers))))


def _tiles(views: Sequence[View], left: list[Any], norms: Any, rows: slice, columns: slice) -> Any:
    """The kernels' entries for one block of rows and columns, (n_layers, n_block, n_block), 0 on the diagonal."""
    arrays = views[0].arrays
    xp, out = arrays.xp, arrays.zeros(len(views), rows.stop - rows.start, columns.stop - columns.start)
    for index, (one, block) in enumerate(zip(views, left, strict=True)):
        gram = block @ (block if rows == columns else one.rows(columns)).T
        if one.width is None:
            out[index, ...] = gram
        else:
            distances = _squared_distances(arrays, gram, norms[index, rows], norms[index, columns])
            out[index, ...] = (xp.expm1 if one.shifted else xp.exp)(-one.width * distances)
    if rows == columns:
        own = xp.arange(rows.stop - rows.start)
        out[:, own, own] = 0.0
    return out


def _squared_distances(arrays: Arrays, gram: Any, left: Any, right: Any) -> Any:
    """Squared distances of a tile from its Gram entries and the two sides' squared norms."""
    out = gram * -2.0
    out += arrays.xp.astype(left, gram.dtype)[:, None]
    out += arrays.xp.astype(right, gram.dtype)[None, :]
    return arrays.xp.clip(out, min=0.0)


def _diagonals(views: Sequence[View]) -> Any:
    """Squared norms of the rows of every layer, (n_layers, n_rows), in float64."""
    n, arrays = views[0].x.shape[0], views[0].arrays
    out = arrays.zeros(len(views), n)
    for index, one in enumerate(views):
        for block in _slices(n, _COVARIANCE_ROWS):
            rows = arrays.xp.astype(one.rows(block), arrays.xp.float64)
            out[index, block] = arrays.xp.einsum("ij,ij->i", rows, rows)
    return out


def _from_covariances(xs: Sequence[View], ys: Sequence[View] | None, report: Report, stage: str) -> GramMoments:
    views = [*xs, *(ys or ())]
    n, n_layers, arrays = views[0].x.shape[0], len(views), views[0].arrays
    products, diagonal = np.zeros((n_layers, n_layers)), arrays.taken(_diagonals(views))
    slices = _slices(n, _COVARIANCE_ROWS * arrays.larger)
    total = n_layers * len(slices)
    for i, one in enumerate(views):
        partners = [j for j in range(i, n_layers) if _wanted(i, j, len(xs), ys is None)]
        crossed = {j: arrays.zeros(one.x.shape[1], views[j].x.shape[1]) for j in partners}
        for b, block in enumerate(slices):
            left = one.rows(block).T
            for j in partners:
                report(i * len(slices) + b, total, stage)
                crossed[j] += left @ (left.T if i == j else views[j].rows(block))
        for j, matrix in crossed.items():
            flat = matrix.reshape(-1)
            products[i, j] = products[j, i] = float(flat @ flat)
    products -= diagonal @ diagonal.T  # the diagonals' part, so that both routes say the same
    return _moments(products, -diagonal, diagonal, len(xs), ys is None)  # a centred Gram's rows sum to 0


def _moments(products: Floats, sums: Floats, diagonal: Floats, n_xs: int, within: bool) -> GramMoments:
    x = slice(0, n_xs)
    y = x if within else slice(n_xs, products.shape[0])
    own = np.diagonal(products)
    return GramMoments(products[x, y], own[x], own[y], sums[x], sums[y], diagonal[x], diagonal[y])


def median_squared_distance(one: View, report: Report, stage: str) -> float:
    """Median of all n^2 squared distances of the scaled rows, the zero diagonal included, exact and flat in memory.

    Non-negative float32 numbers sort like their bits: one pass counts the upper 16 bits, one the lower.
    """
    n = one.x.shape[0]
    ranks = ((n * n - 1) // 2, n * n // 2)
    upper = _count_bits(one, None, report, stage)
    ends = np.cumsum(upper)
    picked = [int(np.searchsorted(ends, rank, side="right")) for rank in ranks]
    lower = {bucket: np.cumsum(_count_bits(one, bucket, report, stage)) for bucket in set(picked)}
    values = []
    for rank, bucket in zip(ranks, picked, strict=True):
        within = rank - int(ends[bucket] - upper[bucket])
        bits = (bucket << 16) | int(np.searchsorted(lower[bucket], within, side="right"))
        values.append(float(np.uint32(bits).view(np.float32)))
    return sum(values) / 2


def _count_bits(one: View, bucket: int | None, report: Report, stage: str) -> np.ndarray:
    """How many squared distances have each upper half of bits; with ``bucket``, each lower half among that upper one."""
    counts, arrays = np.zeros(1 << 16, dtype=np.int64), one.arrays
    norms = _diagonals([one])[0]
    slices = _slices(one.x.shape[0], _tile_rows(arrays, 1))
    for a, rows in enumerate(slices):
        report(a, len(slices), stage)
        left = one.rows(rows)
        for columns in slices[a:]:
            right = left if rows == columns else one.rows(columns)
            distances = _squared_distances(arrays, left @ right.T, norms[rows], norms[columns])
            distances = arrays.taken(arrays.xp.astype(distances, arrays.xp.float32))
            if rows == columns:
                np.fill_diagonal(distances, 0.0)
            bits = distances.view(np.uint32).ravel() & 0x7FFFFFFF
            chosen = bits >> 16 if bucket is None else bits[bits >> 16 == bucket] & 0xFFFF
            counts += (1 if rows == columns else 2) * np.bincount(chosen, minlength=1 << 16)
    return counts
