"""What a result of any metric holds, sorted by how it can be shown: single numbers, and arrays that can be drawn."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from backend import Result, number_label

MOST_DRAWN = 400_000  # numbers of one field in one figure
MOST_AXES = 3  # the first of which a slider can stand for
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """``single``: name -> number, text or truth value; ``drawn``: name -> array of one to three axes, those by layer first;
    ``rest``: name -> the shape in words of what is not drawn.

    ``layers`` are the names of the layers of the first model, ``other_layers`` those of the last.
    """

    layers: tuple[str, ...]
    other_layers: tuple[str, ...]
    single: dict[str, Any]
    drawn: dict[str, Floats]
    rest: dict[str, str]

    def by_layer(self, name: str) -> bool:
        """Whether a field has one number a layer, and no more."""
        return self.drawn[name].ndim == 1 and len(self.drawn[name]) == len(self.layers)

    def ticks(self, name: str) -> list[list[str]]:
        """What the places of each axis of a field are called: layers where there are as many, else numbers from 1."""
        shape = self.drawn[name].shape
        layered = [axis for axis, size in enumerate(shape) if size == len(self.layers)]
        found = [[str(place) for place in range(1, size + 1)] for size in shape]
        if layered:
            found[layered[0]] = list(self.layers)
        if len(shape) > 1 and shape[1] == len(self.other_layers) and (not layered or layered[0] == 0):
            found[1] = list(self.other_layers)
        return found

    def table(self) -> pd.DataFrame:
        """One row a layer, one column for each field of one number a layer."""
        columns = {number_label(name): values for name, values in self.drawn.items() if self.by_layer(name)}
        return pd.DataFrame({"layer": list(self.layers), **columns})


def numbers_of(result: Result) -> Numbers:
    """The fields of ``result.values``; an axis as long as there are layers is taken to be the layers."""
    stacks = list(dict.fromkeys(source.layer_names for source in result.sources))
    found = Numbers(stacks[0], stacks[-1], {}, {}, {})
    for field in dataclasses.fields(result.values):
        value = getattr(result.values, field.name)
        if isinstance(value, str | bool | int | float | None):
            found.single[field.name] = value
            continue
        array = _array(value)
        if array is not None and array.ndim <= MOST_AXES and 0 < _in_one_figure(array) <= MOST_DRAWN:
            found.drawn[field.name] = array
        else:
            found.rest[field.name] = _shape(value)
    order = sorted(
        found.drawn, key=lambda name: (not found.by_layer(name), len(found.layers) not in found.drawn[name].shape)
    )
    return dataclasses.replace(found, drawn={name: found.drawn[name] for name in order})


def long_table(result: Result, numbers: Numbers) -> pd.DataFrame:
    """One row for each number of a result that is not drawn: its field, its place in it (from 0, axis by axis), and the number.

    Fields that hold no numbers, such as a split, are in the JSON file alone.
    """
    parts = []
    for name in (*numbers.single, *numbers.rest):
        held = getattr(result.values, name)
        value = np.asarray(held) if isinstance(held, bool | int | float) else _array(held)
        if value is not None and value.dtype.kind in "biuf":
            places = [" ".join(map(str, index)) for index in np.ndindex(value.shape)]
            parts.append(
                pd.DataFrame({"field": number_label(name), "place": places, "number": value.astype(np.float64).ravel()})
            )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["field", "place", "number"])


def _in_one_figure(array: Floats) -> int:
    return array[0].size if array.ndim == MOST_AXES and len(array) else array.size


def _array(value: Any) -> Floats | None:
    """Numbers as an array; None for anything else."""
    if isinstance(value, tuple):
        numbers = bool(value) and all(isinstance(item, int | float) for item in value)
        return np.asarray(value, np.float64) if numbers else None
    if isinstance(value, np.ndarray) and value.ndim and value.dtype.kind in "biuf":
        return value.astype(np.float64)
    return None


def _shape(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return " × ".join(f"{n:,}" for n in value.shape)
    return f"{len(value):,} entries" if isinstance(value, tuple) else "several fields"
