"""The curve of a linear head in one compiled loop: a few rows at a time, whose logits stay in the processor's cache."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from backend.metrics.shared.compiled import compiled

_TOGETHER = 64  # rows


@functools.cache
def compiled_classes() -> Callable[..., Any] | None:
    """The loop below, compiled; None where numba is not there."""
    return compiled(_loop)


def _loop(rows: Any, back: Any, fill: Any, bare: Any, weight: Any, out: Any) -> Any:
    """Classes (n_dims + 1, n_rows), in ``out``, while dimensions of ``rows`` (n_rows, all dimensions) come back, one after the other.

    ``back`` (n_dims,) names them and ``fill`` has what each was set to. ``bare`` (n_rows, n_out) is what the head gives with all of them removed,
    ``weight`` (n_dims, n_out) what each adds. Ties go to the lower class, and an undefined logit is the highest, as numpy's
    argmax has it; with one output, which is a difference of two logits, the class is whether it is above 0.
    """
    n_rows, n_out = bare.shape
    logits, values = np.empty((n_out, _TOGETHER)), np.empty(_TOGETHER)
    best, which = np.empty(_TOGETHER), np.empty(_TOGETHER, np.int64)
    for start in range(0, n_rows, _TOGETHER):
        m = min(_TOGETHER, n_rows - start)
        for number in range(n_out):
            for r in range(m):
                logits[number, r] = bare[start + r, number]
        for k in range(len(back) + 1):
            if k > 0:
                dim = back[k - 1]
                for r in range(m):
                    values[r] = np.float64(rows[start + r, dim]) - fill[dim]
                for number in range(n_out):
                    slope = weight[k - 1, number]
                    for r in range(m):
                        logits[number, r] += values[r] * slope
            if n_out == 1:
                for r in range(m):
                    out[k, start + r] = logits[0, r] > 0
                continue
            for r in range(m):
                best[r], which[r] = logits[0, r], 0
            for number in range(1, n_out):
                for r in range(m):
                    one = logits[number, r]
                    higher = (one > best[r]) | (np.isnan(one) & ~np.isnan(best[r]))
                    best[r] = one if higher else best[r]
                    which[r] = number if higher else which[r]
            for r in range(m):
                out[k, start + r] = which[r]
    return out
