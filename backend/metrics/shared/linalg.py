"""Dense linear algebra that every metric shares: widening, centring in float64, and blocks of rows.

Moments are taken of centred rows, never corrected afterwards: with a dimension at +200 the uncentred float32 route
loses every digit of a debiased CKA.
"""

import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.metrics.shared.arrays import Arrays, arrays_for

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Matrix = npt.NDArray[np.floating]  # float32 or float64, (n_rows, n_dims)

BLOCK_ENTRIES = 1 << 21  # entries of one block of rows: 16 MiB in float64


def as_matrix(x: npt.ArrayLike) -> Matrix:
    """``x`` (n_rows, n_dims) in float32 or wider; float16 is widened, as a column at 300 overflows in its variance.

    Raises InvalidRequest where ``x`` is not a matrix of numbers.
    """
    array = np.asarray(x)
    if array.ndim != 2 or array.dtype.kind not in "fiub":
        raise InvalidRequest(
            f"Activations have shape {array.shape} and type {array.dtype}.", "Give a matrix (rows, dimensions)."
        )
    if array.dtype in (np.float32, np.float64):
        return array
    return array.astype(np.float32 if array.dtype == np.float16 else np.float64)


def row_blocks(x: Matrix, *, entries: int = BLOCK_ENTRIES) -> Iterator[slice]:
    """Slices over the rows of ``x``, each of about ``entries`` entries, so that memory stays flat in n.

    Where ``x`` is a memory map, the pages of a block go back to the system when the next one is asked for.
    """
    step = max(1, entries // max(1, x.shape[1]))
    mapped = _map_behind(x) if x.shape[0] > step else None
    for start in range(0, x.shape[0], step):
        yield slice(start, min(start + step, x.shape[0]))
        if mapped is not None:
            mapped.madvise(mmap.MADV_DONTNEED)  # clean pages of a file: whoever still looks reads them again


def _map_behind(x: Matrix) -> mmap.mmap | None:
    """The read-only file map that ``x`` is a view of, if it is one."""
    base: object = x
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap):
            mapped = getattr(base, "_mmap", None)
            return mapped if base.mode == "r" and hasattr(mmap, "MADV_DONTNEED") else None
        base = base.base
    return None


def row_mean(x: Matrix) -> Floats:
    """Mean row (n_dims,), in float64."""
    total = np.zeros(x.shape[1])
    for block in row_blocks(x):
        total += x[block].sum(axis=0, dtype=np.float64)
    mean: Floats = total / max(1, x.shape[0])
    return mean


def centred(x: Matrix, mean: Floats, rows: slice = slice(None)) -> Floats:
    """The given rows of ``x`` minus ``mean``, in float64."""
    out: Floats = x[rows].astype(np.float64)  # a copy, so the input stays as it is
    out -= mean
    return out


def eigenvalues(x: Matrix, mean: Floats, *, add_mean: bool = False) -> Floats:
    """Eigenvalues of the centred second moments in float64 (min(n_rows, n_dims),), ascending.

    These are of the dimensions, or of the Gram matrix where the rows are fewer: both have the same that are not 0. With ``add_mean``
    of the moments of the rows as they are, which is ``n mu mu^T`` more.
    """
    arrays = _arrays(x)
    return np.asarray(arrays.taken(arrays.xp.linalg.eigvalsh(_scatter(x, mean, arrays, add_mean=add_mean))), np.float64)


def eigenvectors(x: Matrix, mean: Floats) -> tuple[Floats, Floats]:
    """The same, and the eigenvectors as columns: over the dimensions of ``x``, or over its rows where these are fewer."""
    arrays = _arrays(x)
    values, vectors = arrays.xp.linalg.eigh(_scatter(x, mean, arrays))
    return arrays.taken(values), arrays.taken(vectors)


def singular_vectors(x: Matrix, mean: Floats) -> tuple[Floats, Floats]:
    """Singular values of the centred rows of ``x``, descending, and their directions among its dimensions as rows."""
    arrays = _arrays(x)
    _, values, vectors = arrays.xp.linalg.svd(centred_there(arrays, x, mean), full_matrices=False)
    return arrays.taken(values), arrays.taken(vectors)


def along_axes(x: Matrix, mean: Floats, axes: Floats) -> Floats:
    """The centred rows of ``x`` along each of the ``axes`` (n_dims, n_axes): (n_rows, n_axes)."""
    arrays = arrays_for(float(x.size) * axes.shape[1])
    out: Floats = arrays.taken(centred_there(arrays, x, mean) @ arrays.given(axes))
    return out


def weighted_rows(x: Matrix, mean: Floats, weights: Floats) -> Floats:
    """Sums of the centred rows of ``x``, each column of ``weights`` (n_rows, n_sums) for one: (n_dims, n_sums)."""
    arrays = arrays_for(float(x.size) * weights.shape[1])
    out: Floats = arrays.taken(centred_there(arrays, x, mean).T @ arrays.given(weights))
    return out


def centred_there(arrays: Arrays, x: Matrix, mean: Floats, rows: slice = slice(None)) -> Any:  # an array of ``arrays``
    """As ``centred``, where ``arrays`` are."""
    if not arrays.apart:
        return centred(x, mean, rows)
    out = arrays.xp.astype(arrays.given(x[rows]), arrays.xp.float64)
    out -= arrays.given(mean)
    return out


def _arrays(x: Matrix) -> Arrays:
    """Where the second moments of ``x`` are taken."""
    return arrays_for(float(x.shape[0]) * x.shape[1] * min(x.shape))


def _scatter(x: Matrix, mean: Floats, arrays: Arrays, *, add_mean: bool = False) -> Any:  # an array of ``arrays``
    """The moments whose eigenvalues these are: (n_dims, n_dims), or (n_rows, n_rows) where that is smaller."""
    n_rows, n_dims = x.shape
    along_mean = arrays.given(mean)
    if n_rows < n_dims:
        rows = centred_there(arrays, x, mean)
        gram = rows @ rows.T
        if add_mean:
            along = rows @ along_mean
            gram += along[:, None] + along[None, :] + along_mean @ along_mean
        return gram
    total = arrays.zeros(n_dims, n_dims)
    for block in row_blocks(x, entries=BLOCK_ENTRIES * arrays.larger):
        rows = centred_there(arrays, x, mean, block)
        total += rows.T @ rows
    if add_mean:
        total += n_rows * (along_mean[:, None] * along_mean[None, :])
    return total


def max_abs(x: Matrix) -> float:
    """Largest absolute entry of ``x`` (0 where it is empty)."""
    return float(max(x.max(initial=0.0), -x.min(initial=0.0)))
