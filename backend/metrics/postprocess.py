"""Steps applied to an activation matrix before any metric sees it."""

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.metrics.neighbors import AnyRows, Floats, checked_rows
from backend.specs import POSTPROCESS_STEPS, PostProcess

_WITH_COUNT = ("remove_rogue", "remove_components")


def postprocess(x: AnyRows, steps: tuple[PostProcess, ...]) -> npt.NDArray[np.float32]:
    """``x`` (n_rows, n_dims) after ``steps``, in order; computed in float64, returned in float32, the width kept.

    centre             subtract the mean row
    standardise        centre, then divide every dimension by its standard deviation; constant dimensions become 0
    remove_rogue       set the k dimensions of highest variance to 0 (ties: the lower index goes first)
    remove_components  centre, then project out the first k principal components (Mu and Viswanath 2018)
    whiten             centre, then give every principal direction of the rank variance 1, axes unturned (ZCA); directions
                       without variance stay 0

    Variances are over n_rows. Raises InvalidRequest for an unknown step, a k out of range or rows that are not finite.
    """
    rows = checked_rows(x).astype(np.float64)
    for step in steps:
        _check(step, rows.shape[1])
        rows = _STEPS[step.kind](rows, step.k)
    return rows.astype(np.float32)


def describe(steps: tuple[PostProcess, ...]) -> tuple[str, ...]:
    """The steps as short names with their counts, such as "remove_rogue 3"."""
    return tuple(f"{step.kind} {step.k}" if step.kind in _WITH_COUNT else step.kind for step in steps)


def _check(step: PostProcess, n_dims: int) -> None:
    if step.kind not in _STEPS:
        raise InvalidRequest(
            f"There is no post-processing step '{step.kind}'.", f"The steps are: {', '.join(POSTPROCESS_STEPS)}."
        )
    if step.kind in _WITH_COUNT and not 1 <= step.k < n_dims:
        raise InvalidRequest(
            f"'{step.kind}' was asked to remove {step.k} of {n_dims} dimensions.", f"Give a k from 1 to {n_dims - 1}."
        )
    if step.kind not in _WITH_COUNT and step.k != 0:
        raise InvalidRequest(f"'{step.kind}' takes no count, but was given {step.k}.", "Leave the count out.")


def _centre(rows: Floats, k: int = 0) -> Floats:
    return np.asarray(rows - rows.mean(axis=0)) if len(rows) else rows


def _standardise(rows: Floats, k: int) -> Floats:
    centred = _centre(rows)
    deviations = np.sqrt((centred**2).mean(axis=0)) if len(rows) else np.zeros(rows.shape[1])
    largest = np.abs(rows).max(axis=0, initial=0.0)
    varies = deviations > largest * np.finfo(np.float32).eps * 1e-3  # below, the deviation is the mean's own rounding
    return np.divide(centred, deviations, out=np.zeros_like(centred), where=varies)


def _remove_rogue(rows: Floats, k: int) -> Floats:
    variances = (_centre(rows) ** 2).sum(axis=0)
    out = rows.copy()
    out[:, np.argsort(-variances, kind="stable")[:k]] = 0
    return out


def _remove_components(rows: Floats, k: int) -> Floats:
    centred = _centre(rows)
    _, directions = _principal(centred)
    first = directions[:, :k]
    return np.asarray(centred - (centred @ first) @ first.T)


def _whiten(rows: Floats, k: int) -> Floats:
    centred = _centre(rows)
    variances, directions = _principal(centred)
    return np.asarray((centred @ directions / np.sqrt(variances)) @ directions.T)


def _principal(centred: Floats) -> tuple[Floats, Floats]:
    """Variances, descending, and orthonormal directions (n_dims, rank) of the numerical rank.

    Directions whose spread is below what float32 activations resolve, relative to the largest, are rounding and do not
    count: whitening would blow them up to full size.
    """
    n_rows, n_dims = centred.shape
    if n_rows == 0:
        return np.zeros(0), np.zeros((n_dims, 0))
    _, singular, right = np.linalg.svd(centred, full_matrices=False)
    tolerance = singular.max(initial=0.0) * max(n_rows, n_dims) * np.finfo(np.float32).eps / 8
    rank = int((singular > tolerance).sum())
    return np.asarray(singular[:rank] ** 2 / n_rows), np.asarray(right[:rank].T)


_STEPS = {
    "centre": _centre,
    "standardise": _standardise,
    "remove_rogue": _remove_rogue,
    "remove_components": _remove_components,
    "whiten": _whiten,
}
