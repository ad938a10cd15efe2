"""JSON that is not one object per line: rows in a list or under a key, columns, and the forms that pandas writes."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from backend.errors import TextSetError
from backend.textsets.decoding import Decoded, first_line, iter_lines
from backend.textsets.headers import KNOWN, guess_header
from backend.textsets.jsonl import DECODER, Collector, Pairs, check_keys, check_values, read_jsonl
from backend.textsets.limits import Limits, check_cells
from backend.textsets.roles import SPLIT_VALUES
from backend.textsets.tables import RawTable, listed, shortened
from backend.values.reading import ReadOptions
from backend.values.texts import Guess

_ROWS = ("rows", "data", "values", "records", "items", "examples", "instances", "results", "documents", "texts")
_HEADERS = ("columns", "header", "headers", "fields", "names")
_DEEPEST = 5  # wrappers around the rows
_HINT = (
    'Give one object per line, such as {"text": "...", "label": "..."}; a list of objects; an object with that list under'
    ' one key; or the columns as lists, {"text": [...], "label": [...]}.'
)


@dataclass(frozen=True, slots=True)
class _Found:
    """Rows (objects, lists or texts), how they were found, and the split of each where they came in several parts."""

    rows: list[Any]
    how: str
    splits: list[str] | None = None
    sure: bool = True


def read_json(decoded: Decoded, options: ReadOptions, *, limits: Limits) -> RawTable:
    """Table of a JSON file: one object per line as `read_jsonl`, or one document that holds the rows in some form.

    The forms: a list of objects, of lists of cells or of texts; such a list under a key, however deep; lists under keys
    that name splits (a column "split" tells them apart); columns as lists; pandas' columns, index, split and table.
    Raises TextSetError where the rows cannot be told, with what there is.
    """
    if _is_lines(decoded.text):
        return read_jsonl(decoded, limits=limits)
    document, n_values = _document(decoded.text, limits)
    found = _rows_of(document)
    limits.check_rows(len(found.rows), at_least=False)
    if n_values > 1:
        found = _Found(found.rows, f"{n_values:,} JSON values, one after the other")
    kinds = {_kind(row) for row in found.rows}
    if not found.rows:
        raise TextSetError("The JSON document holds no rows.", _HINT)
    if len(kinds) > 1:
        other = next(number for number, row in enumerate(found.rows, 1) if _kind(row) != _kind(found.rows[0]))
        raise TextSetError(
            f"Row {other:,} is {_kind(found.rows[other - 1])}, the first is {_kind(found.rows[0])}.", _HINT
        )
    rows, header = _as_objects(found.rows, options)
    collector = Collector(limits)
    for number, row in enumerate(rows):
        cells = row if found.splits is None else {**row, "split": found.splits[number]}
        collector.add(cells.items(), f"row {number + 1:,}")
    said = f"The rows were found as {found.how}. If that is wrong, write them as a list of objects."
    guess = () if found.sure else (Guess("form", found.how, "write the rows as a list of objects", said),)
    table = collector.table("json", decoded, [f"Read as {found.how}."], guess)
    return RawTable(
        table.format,
        table.encoding,
        table.columns,
        table.cells,
        table.n_rows,
        table.unreadable,
        table.notices,
        guess,
        header,
    )


def _is_lines(text: str) -> bool:
    """Whether each line is an object of its own: the first one is, and it is no document that holds rows."""
    first = first_line(text)
    check_values(first, "The first line")
    try:
        value = DECODER.decode(first)
    except (ValueError, RecursionError):
        # a first line that is cut off, above lines that are objects, is a fault of that line
        second = next((line for line in iter_lines(text) if line.strip() and line != first), "")
        return first.lstrip().startswith("{") and second.startswith("{") and first.rstrip()[-1:] in ("}", '"')
    if not isinstance(value, Pairs):
        return not isinstance(value, list | str) or (isinstance(value, str) and not first.lstrip().startswith('"'))
    if text.strip() != first.strip():
        return True
    return not any(isinstance(item, list | Pairs) for _, item in value.items) or not _holds_rows(_plain(value, ""))


def _holds_rows(document: Any) -> bool:
    if any(isinstance(value, str) and value for key, value in document.items() if key.lower() in KNOWN):
        return False  # an object with a text of its own is a row
    try:
        return bool(_rows_of(document).rows)
    except TextSetError:
        return True  # refused, with what it holds


def _document(text: str, limits: Limits) -> tuple[Any, int]:
    """The document, or a list of the values where there are several, one after the other; and how many there are."""
    values: list[Any] = []
    at = 0
    check_values(text, "The document")
    stripped = text.strip()
    while at < len(stripped):
        limits.check_rows(len(values))
        try:
            value, end = DECODER.raw_decode(stripped, at)
        except RecursionError:
            raise TextSetError("The JSON is nested too deeply.", _HINT) from None
        except json.JSONDecodeError as error:
            offset = text.index(stripped[:1]) if stripped else 0
            line = text.count("\n", 0, offset + error.pos) + 1
            raise TextSetError(f"Line {line:,} is not JSON: {error.msg} at column {error.colno:,}.", _HINT) from None
        values.append(_plain(value, "The document" if not values else f"Value {len(values) + 1:,}"))
        at = end
        while at < len(stripped) and stripped[at] in " \t\r\n,":
            at += 1
    return (values[0] if len(values) == 1 else values), len(values)


def _plain(value: Any, where: str) -> Any:
    if isinstance(value, Pairs):
        check_keys(value, where or "An object")
        return {key: _plain(item, where) for key, item in value.items}
    if isinstance(value, list):
        return [_plain(item, where) for item in value]
    return value


def _rows_of(value: Any, depth: int = 0) -> _Found:
    """The rows that ``value`` holds; raises TextSetError where there are none, or more than one list of them."""
    if isinstance(value, list):
        return _Found(value, "one JSON list of rows")
    if not isinstance(value, dict):
        raise TextSetError(f"The JSON document is {_kind(value)}, which holds no rows.", _HINT)
    header = next((value[key] for key in _HEADERS if _are(value.get(key), str)), None)
    cells = next((value[key] for key in _ROWS if _are(value.get(key), list)), None)
    if header is not None and cells is not None:
        return _Found(_under(header, cells), "rows with their column names given separately")
    lists = {key: item for key, item in value.items() if _are(item, dict) or _are(item, list)}
    if lists:
        return _under_keys({key: _Found(rows, "") for key, rows in lists.items()}, "rows under the key")
    columns = _columns(value)
    if columns is not None:
        return columns
    if value and all(isinstance(item, dict) for item in value.values()):
        crossed = _crossed(value)
        if crossed is not None:
            return crossed
    inner: dict[str, _Found] = {}
    if depth < _DEEPEST:
        for key, item in value.items():
            if isinstance(item, dict) and (found := _try(item, depth + 1)) is not None:
                inner[key] = found
    if inner:
        return _under_keys(inner, "what is under the key")
    keys = listed(value)
    raise TextSetError(f"The JSON document is one object that holds no list of rows; its keys are {keys}.", _HINT)


def _under(header: list[str], cells: list[list[Any]]) -> list[dict[str, Any]]:
    for number, row in enumerate(cells, 1):
        if len(row) != len(header):
            raise TextSetError(f"Row {number:,} has {len(row)} values for {len(header)} columns.", _HINT)
    return [dict(zip(header, row, strict=True)) for row in cells]


def _try(value: dict[str, Any], depth: int) -> _Found | None:
    try:
        found = _rows_of(value, depth)
    except TextSetError:
        return None
    return found if found.rows else None


def _under_keys(parts: dict[str, _Found], how: str) -> _Found:
    if len(parts) == 1:
        key, found = next(iter(parts.items()))
        said = f'{how} "{shortened(key, 40)}"' + (f" ({found.how})" if found.how else "")
        return _Found(found.rows, said, found.splits, sure=False)
    if all(key.strip().lower() in SPLIT_VALUES for key in parts):
        splits = [key for key, found in parts.items() for _ in found.rows]
        rows = [row for found in parts.values() for row in found.rows]
        return _Found(rows, f"rows under the keys {listed(parts)}, which became the column split", splits, sure=False)
    usual = [key for key in parts if key.strip().lower() in _ROWS]
    if len(usual) == 1:
        return _under_keys({usual[0]: parts[usual[0]]}, how)
    counts = ", ".join(f'"{shortened(key, 30)}" ({len(found.rows):,})' for key, found in list(parts.items())[:8])
    raise TextSetError(f"The JSON document has several lists of rows: {counts}.", "Keep the one that holds the texts.")


def _columns(value: dict[str, Any]) -> _Found | None:
    """Columns as lists of one length; lists of texts of several lengths are classes with their texts."""
    lists = {key: item for key, item in value.items() if isinstance(item, list)}
    if not lists or any(isinstance(item, dict) for item in value.values()):
        return None
    lengths = {len(item) for item in lists.values()}
    if len(lengths) == 1:
        rows = [dict(zip(lists, cells, strict=True)) for cells in zip(*lists.values(), strict=True)]
        return _Found(rows, f"columns, {len(lists)} lists of {lengths.pop():,} values", sure=False)
    if any(key.lower() in KNOWN and len(key) > 1 for key in lists):
        counts = ", ".join(f'"{shortened(key, 30)}" {len(item):,}' for key, item in list(lists.items())[:8])
        raise TextSetError(
            f"The columns have different numbers of values: {counts}.", "Give each column one value per row."
        )
    rows = [{"text": text, "label": key} for key, item in lists.items() for text in item]
    return _Found(rows, f"texts by class, the classes being the keys {listed(lists)}", sure=False)


def _crossed(value: dict[str, dict[str, Any]]) -> _Found | None:
    """Objects of objects: pandas' columns (by column, then by row) or index (by row, then by column)."""
    inner = [list(item) for item in value.values()]
    keys = list(dict.fromkeys(key for item in inner for key in item))
    scalars = all(not isinstance(cell, dict | list) for item in value.values() for cell in item.values())
    if not keys or not scalars:
        return None
    by_column = all(key.isdigit() for key in keys) or any(key.lower() in KNOWN for key in value)
    if any(key.lower() in KNOWN for key in keys) or (all(key.isdigit() for key in value) and not by_column):
        by_column = False
    if by_column:
        check_cells(len(keys), len(value))
        rows = [{name: cells.get(key) for name, cells in value.items()} for key in keys]
        return _Found(rows, "columns, each an object with a value for every row", sure=False)
    return _Found(list(value.values()), "rows, each an object under its own key", sure=False)


def _as_objects(rows: list[Any], options: ReadOptions) -> tuple[Iterable[dict[str, Any]], bool]:
    """Rows as objects, and whether their columns have names."""
    if isinstance(rows[0], dict):
        return _unwrapped(rows), True
    if not isinstance(rows[0], list):
        return ({"text": row} for row in rows), True
    width = len(rows[0])
    for number, row in enumerate(rows, 1):
        if len(row) != width:
            raise TextSetError(f"Row {number:,} has {len(row)} values, the first has {width}.", _HINT)
    if not width:
        raise TextSetError("The rows are empty lists.", _HINT)
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows[:200]]
    chosen = [item for item in (options.columns.text, options.columns.label) if isinstance(item, str)]
    named, sure = guess_header(cells, chosen)
    header = options.header if options.header is not None else named and sure
    names: Sequence[str] = cells[0] if header else [str(number) for number in range(width)]
    return (dict(zip(names, row, strict=True)) for row in rows[bool(header) :]), bool(header)


def _unwrapped(rows: list[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """Rows that are each wrapped in an object ({"row_idx": 0, "row": {...}}) without the wrapper."""
    wrappers = [key for key, item in rows[0].items() if isinstance(item, dict)]
    if len(wrappers) != 1 or any(key.lower() in KNOWN - {"id", "index", "idx"} for key in rows[0]):
        return rows
    key = wrappers[0]
    if not all(isinstance(row.get(key), dict) for row in rows):
        return rows
    return ({**row[key]} for row in rows)


def _are(value: Any, kind: type) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, kind) for item in value)


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "a null or truth value" if value is None else "a truth value"
    if isinstance(value, dict):
        return "an object"
    return "a list" if isinstance(value, list) else "a text or number"
