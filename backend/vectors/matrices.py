"""The layers that a file of vectors holds: what each array could be, and its numbers as float32 once they are wanted."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.textsets.classes import natural_order
from backend.vectors.limits import VectorLimits

Rows = npt.NDArray[np.float32]
FLOATS = ("float16", "bfloat16", "float32", "float64")
_CONVERT = (
    "Convert it to floating-point numbers before you save it, if they are quantised vectors; token numbers are none."
)
_LONGEST_NAME = 80
_UNNAMED = re.compile(r"arr_\d+")  # as np.savez calls what has no name
_FEW = 5
_BLOCK = 2**16  # rows that are looked at together


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """One array of a file. ``load`` gives its numbers in that shape; ``dtype`` is the format they have in the file.

    ``problem`` says why it cannot be one layer or several, "" where it can, and ``hint`` what to do about it.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    load: Callable[[], npt.NDArray[np.generic]]
    problem: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Matrices:
    """The layers of a file, in order, all of one shape: ``load(layer)`` gives the numbers of one (n_rows, n_dims).

    ``dtype`` is the number format that a model would have given them in: the file's, float32 for float64.
    """

    format: str
    found: tuple[Found, ...]
    layer_names: tuple[str, ...]
    n_rows: int
    n_dims: int
    dtype: str
    sources: tuple[tuple[Found, int | None], ...]
    notices: tuple[str, ...] = ()

    def load(self, layer: int) -> Rows:
        """Layer number ``layer`` as float32; raises InvalidRequest where a number is not finite, with its row."""
        found, place = self.sources[layer]
        whole = found.load()
        numbers = whole if place is None else whole[place]
        return _checked(numbers, self.layer_names[layer])


def judged(
    name: str, shape: Sequence[int], dtype: str, load: Callable[[], npt.NDArray[np.generic]], *, most: int = 3
) -> Found:
    """One array of a file, with what keeps it from being a layer, or from being several (``most`` 3: layers of rows)."""
    problem, hint = "", ""
    if dtype not in FLOATS:
        problem = f"it holds {dtype}, and {', '.join(FLOATS[:-1])} and {FLOATS[-1]} are read"
        hint = _CONVERT
    elif len(shape) not in range(2, most + 1):
        problem = f"its shape is {_shape(shape)}"
        hint = "A matrix has a row for each text: rows x dimensions, or layers x rows x dimensions for several layers."
    return Found(name, tuple(shape), dtype, load, problem, hint)


def layers_of(
    format_name: str, found: Sequence[Found], take: Sequence[str], limits: VectorLimits, *, alone: bool = False
) -> Matrices:
    """The layers that ``found`` make: those in ``take`` in that order, or all that can be, in natural order of their names.

    A matrix is a layer, or one array of three dimensions is all of them; ``alone``: the one array has no name of its own.
    Raises InvalidRequest where there is none, where shapes differ, and for what is over a limit.
    """
    chosen, notices = _chosen(found, take)
    shapes = {item.shape for item in chosen}
    if len(chosen) > 1 and any(len(shape) == 3 for shape in shapes):
        raise InvalidRequest(
            f"There are several arrays, and '{next(one.name for one in chosen if len(one.shape) == 3)}' has three dimensions.",
            "Give one matrix a layer, or all layers in one array of layers x rows x dimensions.",
        )
    if len(shapes) > 1:
        one, other = chosen[0], next(item for item in chosen if item.shape != chosen[0].shape)
        raise InvalidRequest(
            f"The layers have different shapes: '{one.name}' is {_shape(one.shape)}, '{other.name}' {_shape(other.shape)}.",
            "Every layer needs the same rows and the same number of dimensions: choose layers that have them.",
        )
    first = replace(chosen[0], load=cache(chosen[0].load)) if len(chosen[0].shape) == 3 else chosen[0]
    n_rows, n_dims = first.shape[-2:]
    sources: list[tuple[Found, int | None]] = [(item, None) for item in chosen]
    names = tuple(item.name for item in chosen)
    if len(first.shape) == 3:
        limits.check_shape(first.shape[0], n_rows, n_dims)
        sources = [(first, place) for place in range(first.shape[0])]
    if len(first.shape) == 3 or alone or all(map(_UNNAMED.fullmatch, names)):
        names = tuple(f"layer {place}" for place in range(len(sources)))
    limits.check_shape(len(sources), n_rows, n_dims)
    _check_names(names)
    formats = {item.dtype for item in chosen}
    if "float64" in formats:
        notices.append("float64 numbers are rounded to float32, as all activations are.")
    dtype = formats.pop() if len(formats) == 1 else "float32"
    dtype = "float32" if dtype == "float64" else dtype
    return Matrices(format_name, tuple(found), names, n_rows, n_dims, dtype, tuple(sources), tuple(notices))


def _chosen(found: Sequence[Found], take: Sequence[str]) -> tuple[list[Found], list[str]]:
    """The arrays that are taken, and a notice for each that is left out because it cannot be."""
    by_name = {item.name: item for item in found}
    for name in take:
        if name not in by_name:
            listed = ", ".join(f"'{other}'" for other in list(by_name)[:_FEW]) or "nothing"
            raise InvalidRequest(f"The file has no '{name[:80]}'.", f"It holds: {listed}.")
        if by_name[name].problem:
            raise InvalidRequest(f"'{name}' cannot be a layer: {by_name[name].problem}.", by_name[name].hint)
    if take:
        return [by_name[name] for name in dict.fromkeys(take)], []
    usable = {item.name: item for item in found if not item.problem}
    if not usable:
        if not found:
            raise InvalidRequest("There are no vectors in the file.", "Give a matrix with a row for each text.")
        first = found[0]
        more = f", and {len(found) - 1:,} more that cannot be either" if len(found) > 1 else ""
        raise InvalidRequest(
            f"There are no vectors in the file: '{first.name}' cannot be a layer, as {first.problem}{more}.", first.hint
        )
    left = [item for item in found if item.problem]
    notices = [f"Left out '{item.name}': {item.problem}." for item in left[:_FEW]]
    if len(left) > _FEW:
        notices.append(f"Left out {len(left) - _FEW:,} more for such reasons.")
    return [usable[name] for name in natural_order(usable)], notices


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
            raise InvalidRequest(
                f"A layer cannot be called '{name[:_LONGEST_NAME]}'.",
                f"Name the arrays with up to {_LONGEST_NAME} printable characters.",
            )


def _checked(numbers: npt.NDArray[np.generic], layer: str) -> Rows:
    """``numbers`` as float32 in rows one after the other; raises InvalidRequest for what is not finite."""
    with np.errstate(over="ignore"):
        rows: Rows = np.ascontiguousarray(numbers, dtype=np.float32)
    for start in range(0, len(rows), _BLOCK):
        finite = np.isfinite(rows[start : start + _BLOCK]).all(axis=1)
        if not finite.all():
            _refuse(numbers, rows, start, layer)
    return rows


def _refuse(numbers: npt.NDArray[np.generic], rows: Rows, start: int, layer: str) -> None:
    bad = np.flatnonzero(~np.isfinite(rows[start:]).all(axis=1)) + start
    n_more = len(bad) - 1
    more = f" and in {n_more:,} more {'row' if n_more == 1 else 'rows'}" if n_more else ""
    value = numbers[bad[0]]
    if np.isfinite(np.asarray(value, dtype=np.float64)).all():
        what, hint = "is too large for float32", "Scale the vectors down."
    else:
        what, hint = "is not finite (NaN or infinite)", "Leave out that text and its row, or compute its vector again."
    raise InvalidRequest(f"A number in row {bad[0] + 1:,} of '{layer}' {what}{more}.", hint)


def _shape(shape: Sequence[int]) -> str:
    """A shape as people write it: "12 x 384"."""
    return " x ".join(f"{size:,}" for size in shape) if shape else "that of a single number"
