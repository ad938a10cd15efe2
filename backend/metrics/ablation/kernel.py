"""Accuracy of a classification head while dimensions of its input are taken away, one after the other.

GPTology, section 3 and figure 6. The curve for every k at once: a linear head's logits are sums over dimensions, so all
k are one cumulative sum; behind a pooler, each k is one rank-1 update of what the pooler's activation sees. Both begin
with everything removed and add dimensions back: none is taken away again, so nothing cancels, and k = n_dims is the bias
alone. (Where a dimension is set to its mean, what comes back is the rest above it: a row 1e16 times as long as the others moves all means, and
the others' logits lose their digits.)
"""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.metrics.ablation.loop import compiled_classes
from backend.metrics.ablation.there import classes_there, rows_there
from backend.metrics.shared.arrays import arrays_for
from backend.metrics.shared.degenerate import count_non_finite
from backend.metrics.shared.linalg import Floats, Ints, Matrix, as_matrix
from backend.metrics.threshold.kernel import checked_labels
from backend.values.activations import Head, HeadStage, Report, no_report

Classes = npt.NDArray[np.integer[Any] | np.bool_]
_Way = Callable[[Matrix, Ints, Floats, Floats, Floats], Classes]
MODES = ("zero", "mean")
_BLOCK_ENTRIES = (
    1 << 20
)  # of the terms of one block of rows, 8 MiB: with fewer, a sum of one dimension more is mostly its call
_ROWS = 64  # of a block behind a pooler
_WORTH_COMPILING = 300_000  # terms: below, to get what was compiled takes longer than it saves
_WORTH_POOLED = 1e8  # the same of a pooler, which takes some seconds to compile for the first time
_POOLED_ROWS = 512  # of a block of the one behind a pooler
_LOOP_ROWS = 4096  # of a block of the compiled loop, between two of which the work can be cancelled


def ablation_curve(
    x: npt.ArrayLike,
    labels: npt.ArrayLike,
    weight: npt.ArrayLike,
    bias: npt.ArrayLike,
    *,
    order: npt.ArrayLike,
    mode: str = "zero",
    mean: npt.ArrayLike | None = None,
) -> Floats:
    """Accuracy of the linear head with the first k dimensions of ``order`` removed, (len(order) + 1,), in [0, 1].

    ``x`` (n_rows, n_dims), ``labels`` (n_rows,) class numbers, ``weight`` (n_classes, n_dims), ``bias`` (n_classes,);
    ``order`` names dimensions, each once: all of them for the whole curve. ``mode`` "zero" sets a removed dimension to
    0, "mean" to its entry of ``mean`` (n_dims,), the mean of ``x`` if None. The highest logit decides, ties go to the
    lower class. Raises InvalidRequest for shapes that do not fit, missing labels, values that are not finite. GPTology,
    figure 6.
    """
    head = Head(-1, "", (HeadStage(np.asarray(weight, np.float64), np.asarray(bias, np.float64)),), ())
    return head_ablation_curve(x, labels, head, order=order, mode=mode, mean=mean)


def head_ablation_curve(
    x: npt.ArrayLike,
    labels: npt.ArrayLike,
    head: Head,
    *,
    order: npt.ArrayLike,
    mode: str = "zero",
    mean: npt.ArrayLike | None = None,
) -> Floats:
    """``ablation_curve`` for a head of any number of stages: accuracy (len(order) + 1,), in [0, 1]."""
    matrix = as_matrix(x)
    y = _class_numbers(labels, len(matrix))
    right = ablated_predictions(matrix, head, order=order, mode=mode, mean=mean) == y
    return np.asarray(right.mean(axis=1), dtype=np.float64)


def ablated_predictions(
    x: npt.ArrayLike,
    head: Head,
    *,
    order: npt.ArrayLike,
    mode: str = "zero",
    mean: npt.ArrayLike | None = None,
    report: Report = no_report,
) -> npt.NDArray[np.int16]:
    """The class that ``head`` gives each row with the first k dimensions of ``order`` removed: (len(order) + 1, n_rows).

    Arguments as for ``ablation_curve``; ``report`` counts blocks of rows.
    """
    matrix, first = as_matrix(x), head.stages[0]
    dims = _checked_order(matrix, head, order)
    fill = _filling(matrix, mode, mean)
    out = np.empty((len(dims) + 1, matrix.shape[0]), dtype=np.int16)
    linear = len(head.stages) == 1 and first.activation == "none"
    if linear and len(first.bias) == 2 and np.isfinite(first.bias).any():  # only which logit is higher counts
        first = HeadStage(np.diff(first.weight, axis=0), np.diff(first.bias))
    back, others = dims[::-1].copy(), np.setdiff1d(np.arange(matrix.shape[1]), dims)
    going, staying = first.weight[:, dims], first.weight[:, others]
    removed = (fill[None, dims] @ going.T)[:, _first_alike(going)] + first.bias
    alike = _first_alike(staying)
    returning = first.weight[:, back].T.copy()
    way, step = _way(len(matrix), returning, head.stages, linear=linear)
    for start in range(0, matrix.shape[0], step):
        report(start, matrix.shape[0], "Ablation")
        rows = matrix[start : start + step]
        bare = (rows[:, others].astype(np.float64) @ staying.T)[:, alike] + removed
        out[::-1, start : start + step] = way(rows, back, fill, bare, returning)
    return out


def _first_alike(weight: Floats) -> list[int]:
    """The first row of ``weight`` (n_out, n_dims) that is equal to each (n_out,).

    Its products stand for those of all: a library of products rounds its columns differently, and two classes of one
    weight would not tie.
    """
    known: dict[bytes, int] = {}
    return [known.setdefault(one.tobytes(), number) for number, one in enumerate(weight)]


def _way(n_rows: int, returning: Floats, stages: tuple[HeadStage, ...], *, linear: bool) -> tuple[_Way, int]:
    """How the classes of a block of rows are found, and how many rows a block has: on a GPU, compiled, or by numpy."""
    terms = float(n_rows) * (returning.size + len(returning) * sum(stage.weight.size for stage in stages[1:]))
    arrays = arrays_for(terms)
    if arrays.apart:
        return partial(_of_columns, partial(classes_there, arrays, stages)), rows_there(arrays, len(returning), stages)
    if not linear:
        if terms >= _WORTH_POOLED and [stage.activation for stage in stages] == ["tanh", "none"]:
            from backend.metrics.ablation.pooled import LOOP, pooled_classes  # it brings numba

            if LOOP is not None:
                return partial(pooled_classes, stages), _POOLED_ROWS
        return partial(_of_columns, partial(_staged_classes, stages)), _ROWS
    loop = compiled_classes() if terms >= _WORTH_COMPILING else None
    if loop is not None:
        return partial(_looped, loop), _LOOP_ROWS
    return partial(_of_columns, _linear_classes), max(1, _BLOCK_ENTRIES // max(1, returning.size))


def _looped(loop: Callable[..., Any], rows: Matrix, back: Ints, fill: Floats, bare: Floats, weight: Floats) -> Classes:
    """By ``loop``, which is compiled for arrays that lie in order and may be written."""
    out = np.empty((len(back) + 1, len(rows)), dtype=np.int16)
    found: Classes = loop(np.array(rows, order="C"), back, fill, bare, weight, out)
    return found


def _of_columns(
    classes: Callable[[Floats, Floats, Floats], Classes],
    rows: Matrix,
    back: Ints,
    fill: Floats,
    bare: Floats,
    weight: Floats,
) -> Classes:
    """By what takes the dimensions that come back as (n_dims, n_rows), each less what it was set to."""
    columns = np.ascontiguousarray(rows.T)[back].astype(np.float64)
    if fill.any():
        columns -= fill[back, None]
    return classes(columns, bare, weight)


def _linear_classes(columns: Floats, bare: Floats, weight: Floats) -> Classes:
    """Classes (n_dims + 1, n_rows) while the dimensions ``columns`` (n_dims, n_rows) come back, one after the other.

    ``bare`` (n_rows, n_out) is what the stage gives with all of them removed, ``weight`` (n_dims, n_out) what each
    adds.
    """
    logits = np.empty((len(columns) + 1, *bare.T.shape))
    logits[0] = bare.T
    np.multiply(columns[:, None, :], weight[:, :, None], out=logits[1:])
    for before, after in pairwise(logits):  # numpy's own cumulative sum goes through the rows one by one
        np.add(before, after, out=after)
    return logits[:, 0] > 0 if bare.shape[1] == 1 else _highest(logits)


def _highest(logits: Floats) -> Classes:
    """Which of the classes (n_dims + 1, n_classes, n_rows) has the highest logit, ties to the lower: (n_dims + 1, n_rows)."""
    if not np.isfinite(logits[-1]).all():  # sums that overflowed: an undefined one counts as the highest
        undefined: Classes = logits.argmax(axis=1)
        return undefined
    best = logits[:, 0].copy()
    out, higher = np.zeros(best.shape, dtype=np.int16), np.empty(best.shape, dtype=np.int16)
    for number in range(1, logits.shape[1]):
        np.greater(logits[:, number], best, out=higher, casting="unsafe")
        np.maximum(logits[:, number], best, out=best)
        np.multiply(higher, number, out=higher)
        np.maximum(out, higher, out=out)  # the numbers rise
    return out


def _staged_classes(stages: tuple[HeadStage, ...], columns: Floats, bare: Floats, weight: Floats) -> Classes:
    """The same where further stages follow: each dimension is one rank-1 update of what the first activation sees."""
    before = bare.copy()
    out = np.empty((len(columns) + 1, len(bare)), dtype=np.int16)
    for k in range(len(columns) + 1):
        if k:
            before += columns[k - 1, :, None] * weight[k - 1]
        logits = stages[0].activated(before)
        for stage in stages[1:]:
            logits = stage(logits)
        out[k] = logits.argmax(axis=1)
    return out


def _class_numbers(labels: npt.ArrayLike, n_rows: int) -> Ints:
    y = checked_labels(labels, "given")
    if len(y) != n_rows or y.dtype.kind not in "iub":
        raise InvalidRequest(
            f"{len(y):,} labels of type {y.dtype} were given for {n_rows:,} rows.",
            "Give one class number for each row.",
        )
    return y.astype(np.int64)


def _checked_order(x: Matrix, head: Head, order: npt.ArrayLike) -> Ints:
    dims, first = np.asarray(order), head.stages[0]
    n_dims = x.shape[1]
    if first.weight.ndim != 2 or first.weight.shape[1] != n_dims or first.bias.shape != first.weight.shape[:1]:
        raise InvalidRequest(
            f"The head's weight is {first.weight.shape}, its bias {first.bias.shape}, and rows have {n_dims} dimensions.",
            "Give weights (classes, dimensions) and biases (classes).",
        )
    if not dims.size:
        dims = dims.astype(np.int64)
    if dims.ndim != 1 or dims.dtype.kind not in "iu" or len(np.unique(dims)) != len(dims):
        raise InvalidRequest(
            "The order of the ablation names a dimension twice, or is no list of numbers.", "Name each dimension once."
        )
    wrong = dims[(dims < 0) | (dims >= n_dims)]
    if len(wrong):
        raise InvalidRequest(f"There is no dimension {wrong[0]} of {n_dims}.", f"They go from 0 to {n_dims - 1}.")
    if count_non_finite(x):
        raise InvalidRequest(f"{count_non_finite(x)} rows hold values that are not finite.", "Leave those rows out.")
    return dims.astype(np.int64)


def _filling(x: Matrix, mode: str, mean: npt.ArrayLike | None) -> Floats:
    """What removed dimensions are set to, (n_dims,)."""
    if mode not in MODES:
        raise InvalidRequest(f"There is no mode '{mode}'.", f"Choose one of: {', '.join(MODES)}.")
    if mode == "zero":
        return np.zeros(x.shape[1])
    fill = x.mean(axis=0, dtype=np.float64) if mean is None else np.asarray(mean, dtype=np.float64)
    if fill.shape != (x.shape[1],) or not np.isfinite(fill).all():
        raise InvalidRequest(
            f"The means have shape {fill.shape} or are not finite, and rows have {x.shape[1]} dimensions.",
            "Give one mean for each dimension.",
        )
    return fill
