"""JSONL: one JSON object a line. Numbers are kept as they are written."""

import json
from typing import Any

from backend.errors import TextSetError
from backend.texts import Cell
from backend.textsets.decoding import Decoded, iter_lines
from backend.textsets.limits import Limits, check_cells
from backend.textsets.tables import RawTable, plural, shortened, unique_names, without_surrogates

_ONE_A_LINE = 'JSONL has one JSON object on each line, such as {"text": "...", "label": "..."}.'


def read_jsonl(decoded: Decoded, *, limits: Limits) -> RawTable:
    """Table of a JSONL file: the columns are the objects' keys in the order they appear.

    A key that a line lacks, null and "" are missing cells. A column with lists or objects in it cannot be chosen.
    Raises TextSetError with the line number for a line that is not one JSON object with keys that differ.
    """
    cells: dict[str, list[Cell]] = {}
    unreadable: dict[str, str] = {}
    n_rows = n_blank = n_padded = n_repaired = 0
    for number, line in enumerate(iter_lines(decoded.text), start=1):
        if not line.strip():
            n_blank += 1
            limits.check_blank(n_blank)
            continue
        for key, value in parsed(line, number):
            column = cells.setdefault(key, [])
            n_padded += n_rows - len(column)
            check_cells(n_padded, 1)
            check_cells(1, len(cells))
            column.extend([None] * (n_rows - len(column)))
            cell, repaired = _cell(value)
            n_repaired += repaired
            column.append(cell)
            if isinstance(value, list | dict):
                unreadable.setdefault(key, f"line {number:,} holds a nested value there")
        n_rows += 1
        limits.check_rows(n_rows)
    check_cells(n_rows, len(cells))
    for column in cells.values():
        column.extend([None] * (n_rows - len(column)))
    keys = list(cells)
    columns, renamed = unique_names([without_surrogates(key)[0] for key in keys])
    notices = [*decoded.notices, *renamed]
    if n_repaired:
        notices.append(f"{plural(n_repaired, 'cell')} held half of a surrogate pair: it was replaced by U+FFFD.")
    if n_blank:
        notices.append(f"Skipped {plural(n_blank, 'blank line')}.")
    reasons = {name: unreadable[key] for name, key in zip(columns, keys, strict=True) if key in unreadable}
    return RawTable(
        "jsonl", decoded.encoding, columns, tuple(tuple(cells[key]) for key in keys), n_rows, reasons, tuple(notices)
    )


def parsed(line: str, number: int) -> list[tuple[str, Any]]:
    """The keys and values of one line, numbers as text; raises TextSetError with the line where it is no object."""
    try:
        value = _DECODER.decode(line)
    except RecursionError:
        raise TextSetError(f"Line {number:,} is nested too deeply.", _ONE_A_LINE) from None
    except ValueError as error:
        reason = f"{error.msg} at column {error.colno:,}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise TextSetError(f"Line {number:,} is not JSON: {reason}.", _ONE_A_LINE) from None
    if not isinstance(value, _Pairs):
        kinds = {list: "a list", str: "a string or a number", bool: "true or false"}
        kind = kinds.get(type(value), "null")
        raise TextSetError(f"Line {number:,} is {kind}, not an object.", _ONE_A_LINE)
    keys = [key for key, _ in value.items]
    if len(set(keys)) < len(keys):
        twice = next(key for position, key in enumerate(keys) if key in keys[:position])
        raise TextSetError(
            f'Line {number:,} has the key "{shortened(twice, 40)}" twice.', "Rename or remove one of the two."
        )
    return [(key, _plain(item)) for key, item in value.items]


class _Pairs:
    """An object as its pairs, so that a key that is there twice is seen."""

    __slots__ = ("items",)

    def __init__(self, items: list[tuple[str, Any]]) -> None:
        self.items = items


# Numbers stay text: "1" must not become "1.0", and thousands of digits must not be converted at all.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=_Pairs)


def _plain(value: Any) -> Any:
    return dict(value.items) if isinstance(value, _Pairs) else value


def _cell(value: Any) -> tuple[Cell, bool]:
    if value is None or value == "":
        return None, False
    if isinstance(value, bool):
        return ("true" if value else "false"), False
    if isinstance(value, list):
        return f"[{plural(len(value), 'value')}]", False
    if isinstance(value, dict):
        return f"{{{plural(len(value), 'field')}}}", False
    return without_surrogates(value)
