"""JSONL: one JSON object a line. Numbers are kept as they are written."""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from backend.errors import TextSetError
from backend.textsets.decoding import Decoded, iter_lines
from backend.textsets.limits import MOST_CELLS, Limits, check_cells
from backend.textsets.tables import RawTable, shortened, unique_names, without_surrogates
from backend.values.json_data import Json
from backend.values.numbers import plural
from backend.values.texts import Cell, Guess

MOST_NESTED = 1_000_000  # lists and objects: five for each row, at the usual limit of rows
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_ONE_A_LINE = 'JSONL has one JSON object on each line, such as {"text": "...", "label": "..."}.'


class Collector:
    """Rows of keys and values as they come, put together as the columns of a table."""

    def __init__(self, limits: Limits) -> None:
        self.n_rows = 0
        self._limits = limits
        self._cells: dict[str, list[Cell]] = {}
        self._unreadable: dict[str, str] = {}
        self._n_padded = self._n_repaired = 0

    def add(self, pairs: Iterable[tuple[str, Any]], where: str) -> None:
        """One row; ``where`` names it in messages ("line 3")."""
        for key, value in pairs:
            column = self._cells.setdefault(key, [])
            self._n_padded += self.n_rows - len(column)
            check_cells(self._n_padded, 1)
            check_cells(1, len(self._cells))
            column.extend([None] * (self.n_rows - len(column)))
            cell, repaired = _cell(value)
            self._n_repaired += repaired
            column.append(cell)
            if isinstance(value, list | dict):
                self._unreadable.setdefault(key, f"{where} holds a nested value there")
        self.n_rows += 1
        self._limits.check_rows(self.n_rows)

    def table(self, format_name: str, decoded: Decoded, notices: Sequence[str], guesses: tuple[Guess, ...]) -> RawTable:
        """The table of all rows; a key that a row lacks is a missing cell."""
        check_cells(self.n_rows, len(self._cells))
        for column in self._cells.values():
            column.extend([None] * (self.n_rows - len(column)))
        keys = list(self._cells)
        columns, renamed = unique_names([without_surrogates(key)[0] for key in keys])
        said = [*decoded.notices, *renamed]
        if self._n_repaired:
            said.append(f"{plural(self._n_repaired, 'cell')} held half of a surrogate pair: it was replaced by U+FFFD.")
        reasons = {
            name: self._unreadable[key] for name, key in zip(columns, keys, strict=True) if key in self._unreadable
        }
        cells = tuple(tuple(self._cells[key]) for key in keys)
        return RawTable(
            format_name,
            decoded.encoding,
            columns,
            cells,
            self.n_rows,
            reasons,
            (*said, *notices),
            guesses,
        )


def read_jsonl(decoded: Decoded, *, limits: Limits) -> RawTable:
    """Table of a JSONL file: the columns are the objects' keys in the order they appear.

    A key that a line lacks, null and "" are missing cells. A column with lists or objects in it cannot be chosen.
    Raises TextSetError with the line number for a line that is not one JSON object with keys that differ.
    """
    rows, n_blank = Collector(limits), 0
    for number, line in enumerate(iter_lines(decoded.text), start=1):
        if not line.strip():
            n_blank += 1
            limits.check_blank(n_blank)
            continue
        rows.add(parsed(line, number), f"line {number:,}")
    return rows.table("jsonl", decoded, [f"Skipped {plural(n_blank, 'blank line')}."] if n_blank else [], ())


def parsed(line: str, number: int) -> list[tuple[str, Any]]:
    """The keys and values of one line, numbers as text; raises TextSetError with the line where it is no object."""
    value = decoded_line(line, number)
    if not isinstance(value, Pairs):
        kinds = {list: "a list", str: "a string or a number", bool: "true or false"}
        kind = kinds.get(type(value), "null")
        raise TextSetError(f"Line {number:,} is {kind}, not an object.", _ONE_A_LINE)
    check_keys(value, f"Line {number:,}")
    return [(key, _plain(item)) for key, item in value.items]


def decoded_line(line: str, number: int) -> Json:
    """The value of one line, objects as Pairs, numbers as text; raises TextSetError with the line."""
    check_values(line, f"Line {number:,}")
    try:
        return DECODER.decode(line)
    except RecursionError:
        raise TextSetError(f"Line {number:,} is nested too deeply.", _ONE_A_LINE) from None
    except ValueError as error:
        reason = f"{error.msg} at column {error.colno:,}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise TextSetError(f"Line {number:,} is not JSON: {reason}.", _ONE_A_LINE) from None


def check_keys(value: "Pairs", where: str) -> None:
    """Raise TextSetError for an object that has a key twice."""
    seen: set[str] = set()
    for key, _ in value.items:
        if key in seen:
            raise TextSetError(f'{where} has the key "{shortened(key, 40)}" twice.', "Rename or remove one of the two.")
        seen.add(key)


def check_values(text: str, where: str) -> None:
    """Raise TextSetError for JSON of more values, or lists and objects, than any table of texts: before they take memory."""
    if len(text) <= MOST_NESTED:
        return
    bare = _STRING.sub("", text)
    n_values, n_nested = bare.count(","), bare.count("[") + bare.count("{")
    for count, most, what in ((n_values, MOST_CELLS, "values"), (n_nested, MOST_NESTED, "lists and objects")):
        if count > most:
            raise TextSetError(
                f"{where} holds {count:,} {what}; the limit is {most:,}.",
                "Use only some of the rows, or leave out what is not needed.",
            )


class Pairs:
    """An object as its pairs, so that a key that is there twice is seen."""

    __slots__ = ("items",)

    def __init__(self, items: list[tuple[str, Any]]) -> None:
        self.items = items


# Numbers stay text: "1" must not become "1.0", and thousands of digits must not be converted at all.
DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=Pairs)


def _plain(value: Any) -> Any:
    return dict(value.items) if isinstance(value, Pairs) else value


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
