"""The curve of an ablation where a GPU is in force: all rows at once, one dimension after the other, as on the processor."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.metrics.shared.arrays import Arrays
from backend.values.activations import HeadStage

_MOST_ROWS = 16_384  # of a block: between two blocks the work can be cancelled


def rows_there(arrays: Arrays, n_dims: int, stages: tuple[HeadStage, ...]) -> int:
    """Rows of a block that have room there, with ``n_dims`` entries each and what a head of ``stages`` makes of them."""
    width = n_dims + 4 * max(len(stage.bias) for stage in stages)
    return max(1, min(_MOST_ROWS, arrays.free_bytes() // (16 * width)))


def classes_there(
    arrays: Arrays,
    stages: tuple[HeadStage, ...],
    columns: npt.NDArray[np.float64],
    bare: npt.NDArray[np.float64],
    weight: npt.NDArray[np.float64],
) -> npt.NDArray[np.int16]:
    """Classes (n_dims + 1, n_rows) while the dimensions ``columns`` (n_dims, n_rows) come back, one after the other.

    ``bare`` (n_rows, n_out) is what the first of ``stages`` gives before its activation with all of them removed, ``weight`` (n_dims, n_out)
    what each adds; with one output it is the difference of two logits.
    """
    xp, before = arrays.xp, arrays.given(bare)
    values, slopes = arrays.given(columns), arrays.given(weight)
    later = [(arrays.given(stage.weight).T, arrays.given(stage.bias), stage.activation) for stage in stages[1:]]
    out = arrays.empty((len(columns) + 1, len(bare)), np.int16)
    for k in range(len(columns) + 1):
        if k:
            before = before + values[k - 1, :, None] * slopes[k - 1]  # in two roundings, as numpy does it
        logits = _activated(xp, before, stages[0].activation)
        for turned, bias, activation in later:
            logits = _activated(xp, logits @ turned + bias, activation)
        out[k, ...] = logits[:, 0] > 0 if logits.shape[1] == 1 else xp.argmax(logits, axis=1)
    found: npt.NDArray[np.int16] = arrays.taken(out)
    return found


def _activated(xp: Any, x: Any, activation: str) -> Any:  # a module and its arrays
    return ACTIVATIONS_THERE[activation](xp, x)


def _gelu_tanh(xp: Any, x: Any) -> Any:
    return 0.5 * x * (1.0 + xp.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))


ACTIVATIONS_THERE: dict[str, Callable[[Any, Any], Any]] = {
    "none": lambda xp, x: x,
    "tanh": lambda xp, x: xp.tanh(x),
    "relu": lambda xp, x: xp.clip(x, min=0.0),
    "gelu": lambda xp, x: x * xp.special.ndtr(x),
    "gelu_tanh": _gelu_tanh,
    "silu": lambda xp, x: x * xp.sigmoid(x),
}
"""What ``values.activations.ACTIVATIONS`` does, by the same names."""
