"""Parquet, read in batches under caps: a file of half a megabyte can hold 20 million rows."""

import io
import json
from typing import Any

from backend.errors import TextSetError
from backend.textsets.limits import Limits, check_cells
from backend.textsets.tables import RawTable, listed, plain_cell, unique_names
from backend.values.numbers import plural
from backend.values.texts import Cell

_BATCH = 16_384


def read_parquet(content: bytes, *, limits: Limits) -> RawTable:
    """Table of a Parquet file; columns of lists, structs or bytes cannot be chosen, and are not read.

    Numbers become text as Python writes them, dates in ISO form (a float column's 1 is "1.0"), booleans "true" and "false";
    null, NaN and "" are missing cells. Class numbers become the names that the file's metadata has for them (as the
    library datasets writes them), and a number without a name a missing cell. Raises TextSetError for a damaged file and for one that is over the limits.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Dictionaries keep one copy of a repeated text: its length is checked before anything is multiplied.
        file = pq.ParquetFile(io.BytesIO(content))
        fields = list(file.schema_arrow)
        texts = [field.name for field in fields if _is_text(field.type)]
        file = pq.ParquetFile(io.BytesIO(content), read_dictionary=texts)
        return _table(file, fields, limits)
    except MemoryError:  # Arrow's own too, which is an ArrowException as well
        raise
    except pa.ArrowException as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TextSetError(f"The Parquet file cannot be read: {first}", "Write it again, or save it as CSV.") from None
    except UnicodeDecodeError:
        raise TextSetError("A text in the Parquet file is not UTF-8.", "Write the column again as text.") from None
    except OSError as error:
        raise TextSetError(f"The Parquet file is damaged: {error}", "Write it again, or save it as CSV.") from None


def _table(file: Any, fields: list[Any], limits: Limits) -> RawTable:
    limits.check_rows(file.metadata.num_rows, at_least=False)
    columns, notices = unique_names([field.name for field in fields])
    unreadable = {
        name: f"it holds {field.type}" for name, field in zip(columns, fields, strict=True) if not _is_scalar(field)
    }
    read = [position for position, field in enumerate(fields) if _is_scalar(field)]
    check_cells(file.metadata.num_rows, len(fields))
    cells: list[list[Cell]] = [[] for _ in read]
    n_rows = n_chars = 0
    wanted = list(dict.fromkeys(fields[position].name for position in read))
    for batch in file.iter_batches(batch_size=_BATCH, columns=wanted):
        n_rows += batch.num_rows
        limits.check_rows(n_rows)
        scalar = [column for column, field in zip(batch.columns, batch.schema, strict=True) if _is_scalar(field)]
        for collected, column in zip(cells, scalar, strict=True):
            values = _values(column, limits)
            n_chars += sum(len(value) for value in values if value is not None)
            limits.check_unpacked(n_chars)
            collected.extend(values)
    missing: tuple[Cell, ...] = (None,) * n_rows
    by_position = dict(zip(read, cells, strict=True))
    for position, names in _class_names(file.schema_arrow, fields).items():
        named, notice = _with_names(by_position[position], names, columns[position])
        by_position[position] = named
        notices.append(notice)
    return RawTable(
        "parquet",
        "utf-8",
        columns,
        tuple(tuple(by_position[i]) if i in by_position else missing for i in range(len(fields))),
        n_rows,
        unreadable,
        tuple(notices),
    )


def _class_names(schema: Any, fields: list[Any]) -> dict[int, list[str]]:
    """Class names of the columns of numbers that have some, by position: the features that the library datasets notes."""
    import pyarrow as pa

    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, ValueError, TypeError, RecursionError):
        return {}
    found: dict[int, list[str]] = {}
    for position, field in enumerate(fields):
        feature = features.get(field.name) if isinstance(features, dict) else None
        names = feature.get("names") if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" else None
        whole = pa.types.is_integer(field.type) or pa.types.is_floating(field.type)  # floats where numbers are missing
        if whole and isinstance(names, list) and all(isinstance(name, str) for name in names):
            found[position] = names
    return found


def _with_names(cells: list[Cell], names: list[str], column: str) -> tuple[list[Cell], str]:
    by_number: dict[Cell, str] = {str(number): name for number, name in enumerate(names)}
    by_number |= {f"{number}.0": name for number, name in enumerate(names)}
    named = [by_number.get(cell) for cell in cells]
    n_lost = sum(cell is not None and new is None for cell, new in zip(cells, named, strict=True))
    without = f" {plural(n_lost, 'number')} without a name (such as -1) count as missing." if n_lost else ""
    return named, f'Column "{column}" has the class names of the file instead of numbers: {listed(names[:5])}.{without}'


def _values(column: Any, limits: Limits) -> list[Cell]:
    """Cells of one column of one batch; equal texts of a dictionary share one string."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_decimal(kind) or pa.types.is_temporal(kind) or pa.types.is_integer(kind):
        column = column.dictionary_encode()  # each value is written out once
    if not pa.types.is_dictionary(column.type):
        return [plain_cell(value) for value in column.to_pylist()]
    limits.check_unpacked(column.dictionary.nbytes)
    values = column.dictionary
    texts = [
        plain_cell(value) for value in (_temporal(values) if pa.types.is_temporal(values.type) else values.to_pylist())
    ]
    indices = column.indices.to_pylist()
    if any(index is not None and not 0 <= index < len(texts) for index in indices):
        raise pa.ArrowInvalid("a cell points to a value that its dictionary does not have")
    return [None if index is None else texts[index] for index in indices]


def _temporal(column: Any) -> list[Any]:
    """Dates and times as Arrow writes them; durations, and times past the year 32767, as the number in the file."""
    import pyarrow as pa

    if pa.types.is_duration(column.type):
        return list(column.cast(pa.int64()).to_pylist())
    texts = column.cast(pa.string()).to_pylist()
    if not any(text is not None and text.startswith("<") for text in texts):
        return list(texts)
    numbers = column.view(pa.int32() if column.type.bit_width == 32 else pa.int64()).to_pylist()
    return [
        str(number) if text is not None and text.startswith("<") else text
        for text, number in zip(texts, numbers, strict=True)
    ]


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_scalar(field: Any) -> bool:
    import pyarrow as pa

    kind = field.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return _is_text(kind) or bool(
        pa.types.is_boolean(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_temporal(kind)
        or pa.types.is_null(kind)
    )
