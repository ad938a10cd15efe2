"""What a result of any metric holds, sorted by how it can be shown: single numbers, one number a layer, and the rest."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from backend import Result


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """``single``: name -> number, text or truth value; ``layered``: name -> (n_layers,); ``rest``: name -> its shape in words."""

    layers: tuple[str, ...]
    single: dict[str, Any]
    layered: dict[str, npt.NDArray[np.float64]]
    rest: dict[str, str]

    def table(self) -> pd.DataFrame:
        """One row a layer, one column a field."""
        columns = {name_of(name): values for name, values in self.layered.items()}
        return pd.DataFrame({"layer": list(self.layers), **columns})


def numbers_of(result: Result) -> Numbers:
    """The fields of ``result.values``; those as long as there are layers are taken to be one number a layer."""
    names = {source.layer_names for source in result.sources}
    layers = next(iter(names)) if len(names) == 1 else ()
    found = Numbers(layers, {}, {}, {})
    for field in dataclasses.fields(result.values):
        value = getattr(result.values, field.name)
        if isinstance(value, str | bool | int | float | None):
            found.single[field.name] = value
            continue
        line = _line(value)
        if line is not None and 0 < len(line) == len(layers):
            found.layered[field.name] = line
        else:
            found.rest[field.name] = _shape(value)
    return found


def long_table(result: Result, numbers: Numbers) -> pd.DataFrame:
    """One row for each number that is of no layer: its field, its place in it (from 0, axis by axis), and the number.

    Fields that hold no numbers, such as a split, are in the JSON file alone.
    """
    parts = []
    for name in (*numbers.single, *numbers.rest):
        held = getattr(result.values, name)
        value = np.asarray(held) if isinstance(held, np.ndarray | bool | int | float) else _line(held)
        if value is not None and value.dtype.kind in "biuf":
            places = [" ".join(map(str, index)) for index in np.ndindex(value.shape)]
            parts.append(
                pd.DataFrame({"field": name_of(name), "place": places, "number": value.astype(np.float64).ravel()})
            )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["field", "place", "number"])


def name_of(field: str) -> str:
    """A field as people read it."""
    return field.replace("_", " ")


def _line(value: Any) -> npt.NDArray[np.float64] | None:
    """A list of numbers as an array; None for anything else."""
    if isinstance(value, tuple):
        numbers = bool(value) and all(isinstance(item, int | float) for item in value)
        return np.asarray(value, np.float64) if numbers else None
    if isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.kind in "biuf":
        return value.astype(np.float64)
    return None


def _shape(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return " × ".join(f"{n:,}" for n in value.shape)
    return f"{len(value):,} entries" if isinstance(value, tuple) else "several fields"
