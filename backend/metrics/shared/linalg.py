"""Dense linear algebra that every metric shares: widening, centring in float64, and blocks of rows.

Moments are taken of centred rows, never corrected afterwards: with a dimension at +200 the uncentred float32 route
loses every digit of a debiased CKA.
"""

import mmap
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest

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


def scatter(x: Matrix, mean: Floats, *, add_mean: bool = False) -> Floats:
    """Centred second moments in float64: (n_dims, n_dims), or the Gram matrix (n_rows, n_rows) where that is smaller.

    Both have the same non-zero eigenvalues. With ``add_mean`` the moments of the rows as they are, which is
    ``n mu mu^T`` more.
    """
    n_rows, n_dims = x.shape
    if n_rows < n_dims:
        rows = centred(x, mean)
        gram: Floats = rows @ rows.T
        if add_mean:
            along = rows @ mean
            gram += along[:, None] + along[None, :] + mean @ mean
        return gram
    total = np.zeros((n_dims, n_dims))
    for block in row_blocks(x):
        rows = centred(x, mean, block)
        total += rows.T @ rows
    if add_mean:
        total += n_rows * np.outer(mean, mean)
    return total


def max_abs(x: Matrix) -> float:
    """Largest absolute entry of ``x`` (0 where it is empty)."""
    return float(max(x.max(initial=0.0), -x.min(initial=0.0)))
