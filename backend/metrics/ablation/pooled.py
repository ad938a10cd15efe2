"""The curve of an ablation behind a pooler (a layer with tanh, then a linear one), compiled: near values first, exact ones at a near tie.

Which of the logits is the highest is what counts. Logits from a tanh that is right to 1e-6 say it for all but the few rows of which two
are closer than that allows; those are computed once more with the exact one. So the classes are those of float64.
To be imported where it is used: it brings numba.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from backend.metrics.shared.compiled import compiled
from backend.values.activations import HeadStage

TANH_ERROR = 1e-6  # of ``near_tanh``, at most: 3.5e-7 was the most on two million points
_TOGETHER = 8  # rows, whose sums stay in the processor's cache
_END = np.float32(8.5)  # beyond, tanh is 1 to 8e-8
_ONE = np.float32(1)
_ANY_ORDER = {"reassoc", "contract", "nsz"}  # of sums and products; NaN and infinity stay what they are

# x P(x^2) / Q(x^2), fitted here by least squares with weights that even the errors out (Lawson), on Chebyshev points up to _END: 1.1e-8 off
_P0, _P1, _P2, _P3, _P4 = map(
    np.float32, (0.9999999455210753, 0.13406205356234313, 0.003525818501575308, 2.1121559373752694e-05, 1.4099232086153594e-08)
)  # fmt: skip
_Q1, _Q2, _Q3, _Q4 = map(
    np.float32, (0.4673951674232779, 0.025991132511324365, 0.000333568912819357, 8.07361334556738e-07)
)


def _near_tanh(x: Any, out: Any) -> None:  # pragma: no cover - compiled
    for j in range(len(x)):
        one = np.float32(x[j])
        one = _END if one > _END else one
        one = -_END if one < -_END else one
        square = one * one
        above = (((_P4 * square + _P3) * square + _P2) * square + _P1) * square + _P0
        below = (((_Q4 * square + _Q3) * square + _Q2) * square + _Q1) * square + _ONE
        out[j] = one * above / below


def _add(sums: Any, value: float, slopes: Any) -> None:  # pragma: no cover - compiled
    for j in range(len(sums)):
        sums[j] += value * slopes[j]  # in two roundings, as numpy does it


def _dot(x: Any, weight: Any) -> float:  # pragma: no cover - compiled
    total = 0.0
    for j in range(len(x)):
        total += np.float64(x[j]) * weight[j]
    return total


near_tanh: Any = compiled(_near_tanh, error_model="numpy", fastmath=_ANY_ORDER)
_add_there: Any = compiled(_add, error_model="numpy")
_dot_there: Any = compiled(_dot, error_model="numpy", fastmath=_ANY_ORDER)


def _classes(
    rows: Any, back: Any, fill: Any, bare: Any, weight: Any, last: Any, bias: Any, closest: float, out: Any
) -> int:  # pragma: no cover - compiled
    """As ``pooled_classes``, in ``out``; how many classes took the exact tanh."""
    n_rows, n_hidden = bare.shape
    sums, near = np.empty((_TOGETHER, n_hidden)), np.empty(n_hidden, np.float32)
    n_exact = 0
    for start in range(0, n_rows, _TOGETHER):
        m = min(_TOGETHER, n_rows - start)
        sums[:m] = bare[start : start + m]
        for k in range(len(back) + 1):
            for r in range(m):
                if k > 0:
                    dim = back[k - 1]
                    _add_there(sums[r], np.float64(rows[start + r, dim]) - fill[dim], weight[k - 1])
                near_tanh(sums[r], near)
                best, second, which, undefined = -np.inf, -np.inf, 0, False
                for number in range(len(bias)):
                    logit = _dot_there(near, last[number]) + bias[number]
                    undefined |= np.isnan(logit)
                    if logit > best:
                        best, second, which = logit, best, number
                    elif logit > second:
                        second = logit
                if undefined or not best - second > closest:
                    n_exact += 1
                    best, which = -np.inf, 0
                    for number in range(len(bias)):
                        logit = bias[number]
                        for j in range(n_hidden):
                            logit += np.tanh(sums[r, j]) * last[number, j]
                        if logit > best or (np.isnan(logit) and not np.isnan(best)):
                            best, which = logit, number
                out[k, start + r] = which
    return n_exact


LOOP: Any = compiled(_classes, error_model="numpy")
"""The loop behind ``pooled_classes``; None where numba is not there."""


def pooled_classes(
    stages: tuple[HeadStage, ...],
    rows: npt.NDArray[np.floating],
    back: npt.NDArray[np.int64],
    fill: npt.NDArray[np.float64],
    bare: npt.NDArray[np.float64],
    weight: npt.NDArray[np.float64],
) -> npt.NDArray[np.int16]:
    """Classes (n_dims + 1, n_rows) while the dimensions ``back`` (n_dims,) of ``rows`` come back, one after the other.

    ``fill`` has what each dimension was set to, ``bare`` (n_rows, n_hidden) what the first of two ``stages`` sums up with all of them removed,
    ``weight`` (n_dims, n_hidden) what each adds. Ties go to the lower class.
    """
    last = stages[1]
    out = np.empty((len(back) + 1, len(rows)), dtype=np.int16)
    rounding = 4 * np.finfo(np.float64).eps * np.abs(last.bias[np.isfinite(last.bias)]).max(initial=0.0)
    closest = 2 * float(TANH_ERROR * np.abs(last.weight).sum(axis=1).max() + rounding)
    LOOP(
        np.array(rows, order="C"), back, fill, bare, weight, np.ascontiguousarray(last.weight), last.bias, closest, out
    )
    return out
