"""When a number does not exist, and how to say so: NaN in the result, and the reason beside it.

A degenerate layer is normal: with CLS pooling, layer 0 of a BERT is the same vector for every text.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.metrics.shared.linalg import Matrix, as_matrix, row_blocks
from backend.metrics.shared.rounding import same_points, step_of
from backend.values.activations import LayerStack
from backend.values.results import Undefined

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_PROBE = 16  # rows looked at before all of them: two different rows are found there, unless the layer is degenerate
_OTHER_TOKENS = "Use a pooling with one row a text (mean, last or cls), or models that share a tokenizer."


def why_undefined(x: npt.ArrayLike, *, min_rows: int = 2, step: float | None = None) -> str | None:
    """Why nothing can be computed from ``x`` (n_rows, n_dims), or None where it can.

    Too few rows, no dimension, NaN or infinity among the activations, or rows that are identical to the rounding of the
    format that they were computed in (``step``, as in ``rounding``; that of ``x`` where it is not given).
    """
    matrix, step = as_matrix(x), step_of(x, step)
    n_rows, n_dims = matrix.shape
    if n_rows < min_rows:
        return f"only {n_rows:,} {_plural('row', n_rows)}; needs at least {min_rows:,}"
    if n_dims == 0:
        return "the rows have no dimensions"
    n_bad = count_non_finite(matrix)
    if n_bad:
        return f"non-finite activations ({n_bad:,} {_plural('row', n_bad)})"
    if n_rows > 1 and all_identical(matrix, step):
        return "all rows are identical"
    return None


def count_non_finite(x: Matrix) -> int:
    """Number of rows that hold a NaN or an infinity."""
    return sum(int(np.count_nonzero(~np.isfinite(x[block]).all(axis=1))) for block in row_blocks(x))


def all_identical(x: Matrix, step: float | None = None) -> bool:
    """Whether every row equals the first to rounding (padding changes the last bits of a batch's rows)."""
    step = step_of(x, step)

    def same(rows: Matrix) -> bool:
        return bool(same_points(rows, x[:1], step).all())

    return same(x[:_PROBE]) and all(same(x[block]) for block in row_blocks(x))


def undefined_entries(
    values: "DataclassInstance", reason: Callable[[str, tuple[int, ...]], str]
) -> tuple[Undefined, ...]:
    """One entry for each NaN in the float fields of the result dataclass ``values``.

    ``reason(field, index)`` says why. Where a whole row of an array is NaN (all dimensions of a layer), one entry with
    the row's index stands for all of it: an entry covers every index that begins with its own.
    """
    entries: list[Undefined] = []
    for field in dataclasses.fields(values):
        value = getattr(values, field.name)
        if isinstance(value, float | np.floating) and np.isnan(value):
            entries.append(Undefined(field.name, (), reason(field.name, ())))
        elif isinstance(value, np.ndarray) and value.dtype.kind == "f":
            entries += [Undefined(field.name, i, reason(field.name, i)) for i in _nan_indices(value)]
    return tuple(entries)


def _nan_indices(array: Any) -> list[tuple[int, ...]]:
    missing = np.isnan(array)
    found: list[tuple[int, ...]] = []
    if not missing.any():
        return found
    for first in range(array.shape[0]):
        if array.ndim > 1 and missing[first].all() and missing[first].size > 1:
            found.append((first,))
        else:
            found += [(first, *map(int, rest)) for rest in np.argwhere(missing[first])]
    return found


def named(stack: LayerStack, index: int, reason: str) -> str:
    """``reason`` with the layer it concerns in front."""
    return f"{stack.model}, {stack.layer_names[index]}: {reason}"


def same_rows(stacks: Sequence[LayerStack]) -> None:
    """Raises InvalidRequest unless all layers of all stacks have the same rows (texts, and tokens) in the same order."""
    first = stacks[0]
    lengths = {matrix.rows.shape[0] for stack in stacks for matrix in stack.matrices}
    hint = "Compare activations of the same texts in the same order."
    token_rows = any(matrix.token_index is not None for stack in stacks for matrix in stack.matrices)
    if len(lengths) > 1 and token_rows:
        models = " and ".join(dict.fromkeys(stack.model for stack in stacks))
        counts = " and ".join(f"{stack.matrices[0].rows.shape[0]:,}" for stack in stacks)
        raise InvalidRequest(
            f"{models} cut the texts into different tokens: {counts} rows, which cannot be paired.", _OTHER_TOKENS
        )
    if len(lengths) > 1:
        raise InvalidRequest(f"The two sides have different numbers of rows: {sorted(lengths)}.", hint)
    for other in stacks[1:]:
        if other.texts_digest != first.texts_digest:
            raise InvalidRequest(f"{first.model} and {other.model} were given different texts.", hint)
        for left, right in zip(first.matrices[:1], other.matrices[:1], strict=False):
            for name in ("text_index", "token_index"):
                a, b = getattr(left, name), getattr(right, name)
                if a is not None and b is not None and not np.array_equal(a, b):
                    raise InvalidRequest(
                        f"The rows of {first.model} and {other.model} are different tokens.", _OTHER_TOKENS
                    )


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"
