"""What counts as rounding: one rule for rows that are one point, for constant dimensions and for equal distances.

A step is the distance from 1 to the next number of a format: 2^-23 in float32, 2^-10 in float16, 2^-7 in bfloat16. A
network leaves more of it than one step. Measured on one text alone and among longer ones (minilm, a GPT-2 and a Llama of 64
to 384 dimensions, every layer): the root mean square over the dimensions of the difference, each relative to its entry
or to the row's typical one, is up to 18 steps in float32 and grows as the square root of the width; in 16 bits it is
up to 3.6 steps. Two different texts are 1e5 steps apart in float32 and 6 in bfloat16.
"""

import numpy as np
import numpy.typing as npt

from backend.metrics.shared.linalg import Floats, Ints, Matrix, row_blocks

SINGLE = float(np.finfo(np.float32).eps)
_BLOCK = 1 << 21  # entries of the rows compared at a time
_STEPS_OF_FORMAT = 5.0  # of a row, in any format
_STEPS_OF_SUMS = 2.0  # of a row, in float32, in which all sums are: times the square root of the width
_STEPS_OF_CONSTANT = 8.0  # of a dimension, in float32
_SUMS = 1e-12  # of a mean: what adding up many equal numbers in float64 leaves
_TAIL = 2.0  # of a single entry's error, to the root mean square of all
_HALF = 0.5  # of a dimension, in its format: entries that lie on two neighbouring numbers deviate by half a step
_STEPS_OF_DISTANCE = 8.0  # of a distance, in the format of the matrix


def step_of(x: npt.ArrayLike, step: float | None = None) -> float:
    """``step``, or where it is not known in what format the rows were computed, that of float64 or float32 as ``x`` is.

    Rows given in float16 are taken as they are: that they were rounded to it is no noise of a network.
    """
    if step is not None:
        return step
    kind = np.asarray(x).dtype
    return SINGLE if kind.kind == "f" and kind.itemsize < 8 else float(np.finfo(np.float64).eps)


def row_rounding(n_dims: int, step: float) -> float:
    """How far two rows of ``n_dims`` entries that are one point may be apart, relative to their entries."""
    return _STEPS_OF_FORMAT * step + _STEPS_OF_SUMS * float(np.sqrt(n_dims)) * min(step, SINGLE)


def row_reach(n_dims: int, step: float) -> float:
    """How far apart two rows that are one point may be at all, relative to their norm: one large entry can make all of it."""
    return _TAIL * row_rounding(n_dims, step)


def constant_below(mean: Floats, step: float) -> Floats:
    """The standard deviation (n_dims,) up to which a dimension of mean ``mean`` (n_dims,) is constant but for rounding.

    A real signal of any size is above, as long as the dimension's mean does not drown it.
    """
    return np.asarray(max(_HALF * step + _STEPS_OF_CONSTANT * min(step, SINGLE), _SUMS) * np.abs(mean))


def inverse_spread(std: Floats, mean: Floats, step: float, scale: float | None = None) -> Floats:
    """1 / ``std`` (n_dims,), or 1 / ``scale``, of each dimension, and 0 where it is constant but for rounding."""
    whole = std if scale is None else np.full_like(std, scale)
    return np.divide(1.0, whole, out=np.zeros_like(std), where=std > constant_below(mean, step))


def same_points(a: Matrix, b: Matrix, step: float) -> npt.NDArray[np.bool_]:
    """Whether each row of ``a`` (n_rows, n_dims) is the same point as that of ``b`` (n_rows or 1, n_dims), to rounding.

    Differences are taken relative to the larger entry, or to the median of those that differ where they are smaller: so
    a large dimension hides nothing, and a small signal beside constant dimensions is no rounding.
    """
    same = np.empty(len(a), dtype=bool)
    size = max(1, _BLOCK // max(1, a.shape[1]))
    for start in range(0, len(a), size):
        part = slice(start, start + size)
        same[part] = _same(a[part].astype(np.float64), (b if len(b) == 1 else b[part]).astype(np.float64), step)
    return same


def _same(a: Floats, b: Floats, step: float) -> npt.NDArray[np.bool_]:
    limit = row_rounding(a.shape[1], step)
    gap = np.abs(a - b)
    longer = np.maximum(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1))
    near: npt.NDArray[np.bool_] = np.linalg.norm(gap, axis=1) <= row_reach(a.shape[1], step) * longer
    rows = np.flatnonzero(near & gap.any(axis=1))
    if not len(rows):
        return near
    gap = gap[rows]
    scale = np.maximum(np.abs(a[rows]), np.abs(b if len(b) == 1 else b[rows]))
    differs = gap > 0
    n_differ = differs.sum(axis=1)
    ordered = np.sort(np.where(differs, scale, np.inf), axis=1)
    typical = np.take_along_axis(ordered, (n_differ[:, None] - 1) // 2, axis=1)
    relative = np.divide(gap, np.maximum(scale, typical), out=np.zeros_like(gap), where=differs)
    near[rows] = (relative**2).sum(axis=1) <= limit**2 * n_differ
    return near


def same_pairs(x: Matrix, labels: Ints, step: float) -> Ints:
    """Pairs of rows (n_pairs, 2), in order, of different ``labels`` (n_rows,) that are one point but for rounding.

    No hyperplane can split such a point, and a hair's breadth between its two copies is no distance.
    """
    norms = np.linalg.norm(x.astype(np.float64), axis=1)
    direction = np.random.default_rng(0).standard_normal(x.shape[1])
    direction /= max(float(np.linalg.norm(direction)), 1e-300)
    along = x.astype(np.float64) @ direction
    order = np.argsort(along, kind="stable")
    reach = 1.01 * row_reach(x.shape[1], step) * norms.max(initial=0.0)  # so far apart along it are they at most
    ends = np.searchsorted(along[order], along[order] + reach, side="right")
    found: list[tuple[int, int]] = []
    for place in np.flatnonzero(ends > np.arange(len(x)) + 1).tolist():
        row, others = int(order[place]), order[place + 1 : ends[place]]
        others = others[labels[others] != labels[row]]
        close = others[same_points(x[others], x[row : row + 1], step)]
        found += [(min(row, other), max(row, other)) for other in close.tolist()]
    return np.array(sorted(found), dtype=np.int64).reshape(-1, 2)


def distance_rounding(x: Matrix, step: float | None = None) -> Floats:
    """How far two distances from each row of ``x`` (n_rows, n_dims) may be apart and still be equal (n_rows,).

    The entries are rounded to the type of ``x`` (or to ``step``); errors of the dimensions are independent, so that a distance has the
    error of one typical entry among those that vary.
    """
    varies = np.zeros(x.shape[1], dtype=bool)
    for block in row_blocks(x):
        varies |= (x[block] != x[:1]).any(axis=0)
    typical = np.empty(len(x))
    for block in row_blocks(x):
        rows = np.asarray(x[block] if varies.all() else x[block][:, varies], dtype=np.float64)
        typical[block] = np.sqrt(np.einsum("ij,ij->i", rows, rows) / max(1, rows.shape[1]))
    typical = np.maximum(
        typical, np.median(typical) if len(typical) else 0.0
    )  # a row near 0 is as far as the others' entries
    return np.asarray(_STEPS_OF_DISTANCE * step_of(x, step) * typical)


def tied(distances: Floats, rounding: Floats) -> Floats:
    """``distances`` (n_rows, k), ascending, with those that are equal to ``rounding`` (n_rows,) made so."""
    out = distances.copy()
    for place in range(1, out.shape[1]):
        before = out[:, place - 1]
        out[:, place] = np.where(out[:, place] - before <= rounding, before, out[:, place])
    return out
