"""What each dimension is for each class: the spikes of a layer by class, and on how few dimensions the classes differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.metrics.base import Metric, Outcome, param
from backend.metrics.effort import Effort
from backend.metrics.rogue.kernel import dimension_variance, highest
from backend.metrics.shared.degenerate import named, undefined_entries, why_undefined
from backend.metrics.shared.in_use import classes_in_use
from backend.metrics.shared.linalg import Floats, Ints, as_matrix, centred, row_blocks, row_mean
from backend.metrics.shared.unseen import mostly_seen
from backend.values.activations import Labels, LayerStack, Report

_MOST_BYTES = 1 << 28  # of the means of all classes, and of their standard deviations


@dataclass(frozen=True, slots=True)
class ClassSpikesParams:
    """How many dimensions count as leading, and which rows take part."""

    top: int = param(10, "Number of leading dimensions.", low=1, high=1000)
    split: str = param("", "Name of a split, to use only its rows; empty: all labelled rows.", label="Rows of split")


@dataclass(frozen=True, slots=True, eq=False)
class ClassSpikesResult:
    """The values of each dimension by class, and where the classes differ, for each layer.

    ``classes`` names the classes that have rows. ``mean`` and ``std`` (n_layers, n_classes, n_dims) are over the rows of each, in units of the activations, the variance
    divided by n; ``counts`` (n_classes,) are these rows. Of each dimension (n_layers, n_dims): ``variance`` over all rows that take
    part; ``explained``, the part of it that lies between the classes, in [0, 1]; ``share``, the dimension's part of what lies
    between the classes on all dimensions together, which sums to 1. Of each layer (n_layers,): ``principal``, the dimension of
    highest variance, -1 where there is none, and ``principal_share``, its share; ``top_share``, that of the ``top`` dimensions of
    highest variance together; ``n_for_half``, how few dimensions hold half of what lies between the classes, -1 where nothing does.
    ``warnings`` say what makes the numbers doubtful.
    """

    classes: tuple[str, ...]
    counts: Ints
    mean: Floats
    std: Floats
    variance: Floats
    explained: Floats
    share: Floats
    principal: Ints
    principal_share: Floats
    top_share: Floats
    n_for_half: Ints
    top: int
    split: str
    n_used: int
    n_unlabelled: int
    n_rows: int
    n_dims: int
    warnings: tuple[str, ...] = ()

    def apart(self, layer: int, count: int) -> tuple[int, ...]:
        """The ``count`` dimensions on which the classes differ most in a layer, the first first; none where they do not differ."""
        share = self.share[layer]
        return tuple(highest(share, count).tolist()) if np.isfinite(share).all() else ()


def class_moments(x: npt.ArrayLike, classes: npt.ArrayLike, n_classes: int) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each dimension of ``x`` (n_rows, n_dims) over the rows of each class.

    ``classes`` (n_rows,) are class numbers, -1 for rows that take no part. Returns two (n_classes, n_dims), NaN for a class
    without rows. Variances are divided by n and taken of centred rows.
    """
    matrix, numbers = as_matrix(x), np.asarray(classes, dtype=np.int64)
    mean = np.full((n_classes, matrix.shape[1]), np.nan)
    std = np.full_like(mean, np.nan)
    for label in range(n_classes):
        rows = matrix[numbers == label]
        if not len(rows):
            continue
        mean[label] = row_mean(rows)
        squares = sum(np.square(centred(rows, mean[label], block)).sum(axis=0) for block in row_blocks(rows))
        std[label] = np.sqrt(squares / len(rows))
    return mean, std


def between_classes(mean: Floats, counts: Ints) -> Floats:
    """The part of the variance of each dimension that lies between the classes, (n_dims,): sum_c n_c (mean_c - mean)^2 / n.

    ``mean`` (n_classes, n_dims), ``counts`` (n_classes,) the rows of each; classes without rows count for nothing.
    """
    used = counts > 0
    weights = counts[used] / counts[used].sum()
    middle = weights @ mean[used]
    out: Floats = weights @ np.square(mean[used] - middle)
    return out


def run(
    stacks: Sequence[LayerStack], labels: Labels | None, params: ClassSpikesParams, _seed: int, report: Report
) -> Outcome[ClassSpikesResult]:
    assert labels is not None
    stack, classes = stacks[0], classes_in_use(labels, params.split)
    used = np.flatnonzero(classes >= 0)
    present, numbers, counts = np.unique(classes[used], return_inverse=True, return_counts=True)
    (n_rows, n_dims), n_classes = stack.rows[0].shape, len(present)
    _check_size(len(stack), n_classes, n_dims)
    mean, std = (np.full((len(stack), n_classes, n_dims), np.nan) for _ in range(2))
    variance, between = (np.full((len(stack), n_dims), np.nan) for _ in range(2))
    reasons: list[str | None] = []
    for index, rows in enumerate(map(as_matrix, stack.rows)):
        report(index, len(stack), "Spikes by class")
        x = rows if len(used) == len(rows) else rows[used]
        reasons.append(why_undefined(x, step=stack.step))
        if reasons[-1] not in (None, "all rows are identical"):
            continue
        mean[index], std[index] = class_moments(x, numbers, n_classes)
        if reasons[-1] is None:
            variance[index], between[index] = dimension_variance(x), between_classes(mean[index], counts)
    values = _values(mean, std, variance, between, params)
    result = ClassSpikesResult(
        classes=tuple(labels.classes[label] for label in present),
        counts=counts.astype(np.int64),
        mean=mean,
        std=std,
        variance=variance,
        **values,
        top=min(params.top, n_dims),
        split=params.split,
        n_used=len(used),
        n_unlabelled=int((np.asarray(labels.values) < 0).sum()),
        n_rows=n_rows,
        n_dims=n_dims,
        warnings=mostly_seen(labels, used, "the means"),
    )

    def why(field: str, index: tuple[int, ...]) -> str:
        reason = reasons[index[0]]
        if field == "explained" and reason is None:
            reason = "the dimension has the same value in all rows"
        return named(stack, index[0], reason or "the classes have the same mean on every dimension")

    return Outcome(
        result, undefined_entries(result, why), _notes(result, sorted(set(labels.classes) - set(result.classes)))
    )


def _values(
    mean: Floats, std: Floats, variance: Floats, between: Floats, params: ClassSpikesParams
) -> dict[str, Any]:  # arrays of numbers and of whole numbers
    """What is made of the moments, by field."""
    n_layers, n_dims = variance.shape
    whole = between.sum(axis=1)
    share = between / np.where(whole > 0, whole, np.nan)[:, None]
    principal, half = np.full(n_layers, -1), np.full(n_layers, -1)
    top, first = np.full(n_layers, np.nan), np.full(n_layers, np.nan)
    for layer in range(n_layers):
        if not np.isfinite(share[layer]).all():
            continue
        leading = highest(variance[layer], min(params.top, n_dims))
        principal[layer], first[layer] = leading[0], share[layer][leading[0]]
        top[layer] = min(1.0, share[layer][leading].sum())
        half[layer] = int(np.searchsorted(np.cumsum(np.sort(share[layer])[::-1]), 0.5 - 1e-12)) + 1
    for layer in np.flatnonzero((principal < 0) & (np.nan_to_num(variance).max(axis=1, initial=0.0) > 0)).tolist():
        principal[layer] = int(np.argmax(variance[layer]))
    return {
        "explained": np.clip(between / np.where(variance > 0, variance, np.nan), 0.0, 1.0),
        "share": share,
        "principal": principal.astype(np.int64),
        "principal_share": first,
        "top_share": top,
        "n_for_half": half.astype(np.int64),
    }


def _check_size(n_layers: int, n_classes: int, n_dims: int) -> None:
    n_bytes = 2 * 8 * n_layers * n_classes * n_dims
    if n_bytes > _MOST_BYTES:
        raise InvalidRequest(
            f"The values of {n_classes:,} classes on {n_dims:,} dimensions of {n_layers} layers take {n_bytes / 2**20:,.0f} MiB.",
            "Choose fewer layers, or a label column of fewer classes.",
        )


def _notes(values: ClassSpikesResult, empty: Sequence[str]) -> tuple[str, ...]:
    whose = f" of the split '{values.split}'" if values.split else " with a label"
    more = f" and {len(empty) - 12:,} more" if len(empty) > 12 else ""
    left = (f"Classes without a row that takes part are left out: {', '.join(empty[:12])}{more}.",) if empty else ()
    return (f"From {values.n_used:,} rows{whose}, of {values.n_rows:,}.", *left)


CLASS_SPIKES = Metric(
    name="class_spikes",
    version=1,
    title="Spikes by class",
    scope="stack",
    params=ClassSpikesParams,
    result=ClassSpikesResult,
    run=run,
    labels="required",
    effort=Effort(rate=1e-8, start=0.02, each=0.0005),
)
