"""Parquet: columns of lists of numbers are layers, the others are read as a text set."""

import io
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.vectors.limits import VectorLimits
from backend.vectors.matrices import Found, judged

_BATCH = 4_096


def read_columns(content: bytes, file_name: str, limits: VectorLimits) -> list[Found]:
    """The columns of a Parquet file whose cells are lists of numbers, as matrices of n_rows x their length.

    Raises InvalidRequest for a file that is none, for lists of different lengths and for missing ones, with the row.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(io.BytesIO(content))
        fields = [field for field in file.schema_arrow if _is_list(field.type)]
        names = file.schema_arrow.names
        twice = next((field.name for field in fields if names.count(field.name) > 1), None)
        if twice is not None:
            raise InvalidRequest(
                f"'{file_name}' holds two columns called '{twice[:80]}'.", "Rename or remove one of the two."
            )
        n_rows = file.metadata.num_rows
        if n_rows > limits.max_rows:
            limits.check_shape(1, n_rows, 1)
        return [_column(file, field, n_rows, limits) for field in fields]
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
        raise InvalidRequest(f"'{file_name}' cannot be read as Parquet: {said}.", "Write it again.") from None


def _column(file: Any, field: Any, n_rows: int, limits: VectorLimits) -> Found:
    kind = field.type.value_type
    name = {"halffloat": "float16", "float": "float32", "double": "float64"}.get(str(kind), str(kind))
    if name not in ("float16", "float32", "float64"):
        return judged(field.name, (n_rows, 0), f"lists of {name}", _never)
    width = _width(file, field, n_rows, limits)
    return judged(field.name, (n_rows, width), name, partial(_numbers, file, field.name, n_rows, width, name))


def _width(file: Any, field: Any, n_rows: int, limits: VectorLimits) -> int:
    """How many numbers the lists of a column have; raises InvalidRequest where they do not all have as many."""
    width, row = -1, 0
    for batch in file.iter_batches(batch_size=_BATCH, columns=[field.name]):
        cells = _lists(batch, field.name)
        lengths = np.asarray(cells.value_lengths().fill_null(-1))
        if width < 0 and len(lengths):
            width = int(lengths[0])
            limits.check_shape(1, n_rows, max(1, width))
        bad = np.flatnonzero(lengths != width) if width >= 0 else np.flatnonzero(lengths < 0)
        if len(bad):
            at = int(bad[0])
            has = (
                "has no vector"
                if lengths[at] < 0
                else f"has a vector of {lengths[at]:,} numbers, row 1 one of {width:,}"
            )
            raise InvalidRequest(
                f"Row {row + at + 1:,} of column '{field.name}' {has}.",
                "Every row needs a vector of the same length: correct the rows, or leave out that column.",
            )
        if cells.flatten().null_count:
            at = next(place for place, cell in enumerate(cells.to_pylist()) if None in cell)
            raise InvalidRequest(
                f"A number is missing in row {row + at + 1:,} of column '{field.name}'.",
                "Fill it in, or leave out the row.",
            )
        row += batch.num_rows
    return max(0, width)


def _numbers(file: Any, name: str, n_rows: int, width: int, dtype: str) -> npt.NDArray[np.generic]:
    out = np.empty((n_rows, width), dtype=dtype)
    row = 0
    for batch in file.iter_batches(batch_size=_BATCH, columns=[name]):
        values = _lists(batch, name).flatten().to_numpy(zero_copy_only=False)
        out[row : row + batch.num_rows] = values.reshape(batch.num_rows, width)
        row += batch.num_rows
    return out


def _lists(batch: Any, name: str) -> Any:
    """A column as lists of any length, whatever kind of list it is; a missing list is null."""
    import pyarrow as pa

    cells = batch.column(batch.schema.get_field_index(name))
    return cells.cast(pa.large_list(cells.type.value_type))


def _is_list(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _never() -> npt.NDArray[np.generic]:
    raise AssertionError("a column that is no layer is not loaded")
