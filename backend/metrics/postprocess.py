"""Steps applied to an activation matrix before any metric sees it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.metrics.neighbors.kernel import AnyRows, Floats, checked_rows
from backend.metrics.shared.rounding import constant_below, step_of
from backend.values.specs import POSTPROCESS_STEPS, PostProcess

Map = Callable[[Floats], Floats]
Fit = tuple[Map, Floats]  # a step as a map, and the rounding that it leaves in each dimension

_WITH_COUNT = ("remove_rogue", "remove_components")
_WIDEST = 1_000_000  # no model is wider
_BLOCK_ENTRIES = 2**21  # of the rows worked on at a time: 16 MiB in float64


def postprocess(
    x: AnyRows,
    steps: tuple[PostProcess, ...],
    fit: npt.NDArray[np.int64] | None = None,
    *,
    step: float | None = None,
) -> npt.NDArray[np.float32]:
    """``x`` (n_rows, n_dims) after ``steps``, in order; computed in float64, returned in float32, the width kept.

    centre             subtract the mean row
    standardise        centre, then divide every dimension by its standard deviation; constant ones (but for the rounding of the format of
                       ``step``, as in ``rounding``) become 0
    remove_rogue       set the k dimensions of highest variance to 0 (ties: the lower index goes first)
    remove_components  centre, then project out the first k principal components (Mu and Viswanath 2018)
    remove_dims        set the dimensions named in ``dims`` to 0
    whiten             centre, then give every principal direction of the rank variance 1, axes unturned (ZCA); directions
                       without variance stay 0

    Means, variances and components are those of the rows with the numbers ``fit`` (n_fit,), of all where it is None; every
    row is changed alike. Besides the result, memory is of order n_dims squared, and of the rows ``fit``. Raises InvalidRequest for an
    unknown step, a k out of range or rows that are not finite.
    """
    x = checked_rows(x)
    learnt = x if fit is None else x[fit]
    rows = _Rows(learnt, (), constant_below(_Rows(learnt, (), np.zeros(0)).mean(), step_of(x, step)))
    for one in steps:
        check_step(one, x.shape[1])
        change, noise = _FITS[one.kind](rows, one)
        rows = _Rows(learnt, (*rows.maps, change), noise)
    if steps:
        rows = _Rows(learnt, (*rows.maps, _flattened(rows)), rows.noise)
    out = np.empty(x.shape, dtype=np.float32)
    start = 0
    for block in replace(rows, x=x):
        out[start : start + len(block)] = block
        start += len(block)
    return out


def check_step(step: PostProcess, n_dims: int | None = None) -> None:
    """Raise InvalidRequest where ``step`` cannot be done; ``n_dims`` None: in no space of whatever width."""
    if step.kind not in _FITS:
        raise InvalidRequest(
            f"There is no post-processing step '{step.kind}'.", f"The steps are: {', '.join(POSTPROCESS_STEPS)}."
        )
    if step.kind in _WITH_COUNT and not 1 <= step.k < (n_dims or _WIDEST):
        of = "" if n_dims is None else f" of {n_dims}"
        raise InvalidRequest(
            f"'{step.kind}' was asked to remove {step.k}{of} dimensions.",
            f"Give a k from 1 to {'less than the width' if n_dims is None else n_dims - 1}.",
        )
    if step.kind not in _WITH_COUNT and step.k != 0:
        raise InvalidRequest(f"'{step.kind}' takes no count, but was given {step.k}.", "Leave the count out.")
    if (step.kind == "remove_dims") != bool(step.dims):
        raise InvalidRequest(
            f"'{step.kind}' was given the dimensions {list(step.dims)}.",
            "Name dimensions with remove_dims, at least one, and with no other step.",
        )
    wrong = [dim for dim in step.dims if not 0 <= dim < (n_dims or _WIDEST)]
    if wrong:
        last = "less than the width" if n_dims is None else n_dims - 1
        of = "" if n_dims is None else f" of {n_dims}"
        raise InvalidRequest(f"There is no dimension {wrong[0]}{of}.", f"They go from 0 to {last}.")


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """The rows of ``x`` after ``maps``, in float64, a block at a time; ``noise`` (n_dims,) is the deviation by rounding."""

    x: AnyRows
    maps: tuple[Map, ...]
    noise: Floats

    def __iter__(self) -> Iterator[Floats]:
        step = max(1, _BLOCK_ENTRIES // max(1, self.x.shape[1]))
        for start in range(0, len(self.x), step):
            block: Floats = self.x[start : start + step].astype(np.float64)
            for change in self.maps:
                block = change(block)
            yield block

    def mean(self) -> Floats:
        return np.asarray(sum((block.sum(axis=0) for block in self), np.zeros(self.x.shape[1])) / max(1, len(self.x)))

    def variances(self, mean: Floats) -> Floats:
        total = sum((((block - mean) ** 2).sum(axis=0) for block in self), np.zeros(self.x.shape[1]))
        return np.asarray(total / max(1, len(self.x)))


def _flattened(rows: _Rows) -> Map:
    """Dimensions that vary by rounding alone become constant: once centred, their rounding could no more be told."""
    mean = rows.mean()
    flat = np.sqrt(rows.variances(mean)) <= rows.noise
    return lambda block: np.where(flat, mean, block)


def _centre(rows: _Rows, step: PostProcess) -> Fit:
    mean = rows.mean()
    return lambda block: block - mean, rows.noise


def _standardise(rows: _Rows, step: PostProcess) -> Fit:
    mean = rows.mean()
    deviations = np.sqrt(rows.variances(mean))
    factors = np.divide(1.0, deviations, out=np.zeros_like(deviations), where=deviations > rows.noise)
    return lambda block: (block - mean) * factors, rows.noise * factors


def _remove_rogue(rows: _Rows, step: PostProcess) -> Fit:
    variances = rows.variances(rows.mean())
    keep = np.ones(len(variances))
    keep[np.argsort(-variances, kind="stable")[: step.k]] = 0
    return lambda block: block * keep, rows.noise * keep


def _remove_dims(rows: _Rows, step: PostProcess) -> Fit:
    keep = np.ones(rows.x.shape[1])
    keep[list(step.dims)] = 0
    return lambda block: block * keep, rows.noise * keep


def _remove_components(rows: _Rows, step: PostProcess) -> Fit:
    mean = rows.mean()
    first = _principal(rows, mean)[1][:, : step.k]
    kept = np.eye(len(mean)) - first @ first.T
    return lambda block: _without(block - mean, first), np.sqrt(kept**2 @ rows.noise**2)


def _without(centred: Floats, directions: Floats) -> Floats:
    return np.asarray(centred - (centred @ directions) @ directions.T)


def _whiten(rows: _Rows, step: PostProcess) -> Fit:
    mean = rows.mean()
    variances, directions = _principal(rows, mean)
    matrix = (directions / np.sqrt(variances)) @ directions.T
    return lambda block: np.asarray((block - mean) @ matrix), np.sqrt(rows.noise**2 @ matrix**2)


def _principal(rows: _Rows, mean: Floats) -> tuple[Floats, Floats]:
    """Variances, descending, and orthonormal directions (n_dims, rank) of the numerical rank.

    Directions whose spread is below what float32 activations resolve, relative to the largest, are rounding and do not
    count: whitening would blow them up to full size.
    """
    n_rows, n_dims = rows.x.shape
    if n_rows < n_dims:
        blocks = [block - mean for block in rows]
        _, singular, right = np.linalg.svd(np.concatenate([np.zeros((0, n_dims)), *blocks]), full_matrices=False)
        values, directions = singular**2 / max(1, n_rows), right.T
    else:
        scatter = sum(((block - mean).T @ (block - mean) for block in rows), np.zeros((n_dims, n_dims)))
        values, directions = np.linalg.eigh(scatter / n_rows)
        values, directions = values[::-1], directions[:, ::-1]
    largest = max(float(values.max(initial=0.0)), 0.0)
    tolerance = max(n_rows, n_dims) ** 0.5 * float(np.finfo(np.float32).eps) / 2
    rank = int((values > largest * tolerance**2).sum()) if largest > 1e-20 * float(mean @ mean) else 0
    return np.asarray(values[:rank]), np.asarray(directions[:, :rank])


_FITS: dict[str, Callable[[_Rows, PostProcess], Fit]] = {
    "centre": _centre,
    "standardise": _standardise,
    "remove_rogue": _remove_rogue,
    "remove_components": _remove_components,
    "whiten": _whiten,
    "remove_dims": _remove_dims,
}
