"""Text sets as JSON for the store, exactly; and cells that a spreadsheet does not take for formulas."""

import json
import re
from typing import Any

from backend.errors import TextSetError
from backend.values.texts import Cell, TextTable

_VERSION = 1
_SURROGATE = re.compile("[\ud800-\udfff]")
_LINE = re.compile("([\n\r\v\f\x85\u2028\u2029])")
# After blanks, control characters and marks of no width too: some programs drop them.
_FORMULA = re.compile(
    r"[\s\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]*[=+\-@＝＋－＠﹦﹢﹣﹫]|\t"
)
_NUMBER = re.compile(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*")


def table_to_json(table: TextTable) -> str:
    """``table`` as JSON that encodes in UTF-8; `table_from_json` gives back the same table, surrogates included.

    A table of words holds every sentence once ("texts"), and for each row which of them it is ("text_of_row").
    """
    texts: dict[str, int] = {}
    words: dict[str, Any] = {}
    if table.spans is not None:
        words["text_of_row"] = [texts.setdefault(text, len(texts)) for text in table.texts]
        words["spans"] = table.spans
    fields = {
        "version": _VERSION,
        "name": _pack(table.name),
        "unit": table.unit,
        "texts": [_pack(text) for text in (table.texts if table.spans is None else texts)],
        **words,
        "pairs": None if table.pairs is None else [_pack(text) for text in table.pairs],
        "columns": [[_pack(name), [_pack(cell) for cell in cells]] for name, cells in table.columns.items()],
        "label": _pack(table.label),
        "split": _pack(table.split),
        "notices": [_pack(notice) for notice in table.notices],
        **({"sample": _pack(table.sample)} if table.sample else {}),
    }
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def table_from_json(text: str) -> TextTable:
    """The table that `table_to_json` wrote; raises TextSetError where the JSON is damaged or of another version."""
    try:
        fields = json.loads(text)
        if isinstance(fields["version"], int) and fields["version"] > _VERSION:
            raise TextSetError("A newer version of Embedscope saved this text set.", "Update Embedscope to read it.")
        if fields["version"] != _VERSION:
            raise ValueError(f"version {fields['version']}, not {_VERSION}")
        pairs, spans = fields["pairs"], fields.get("spans")
        texts = tuple(map(_unpack_text, fields["texts"]))
        if spans is not None:
            texts = tuple(texts[number] for number in fields["text_of_row"])
        table = TextTable(
            _unpack_text(fields["name"]),
            texts,
            None if pairs is None else tuple(map(_unpack_text, pairs)),
            {_unpack_text(name): tuple(map(_unpack, cells)) for name, cells in fields["columns"]},
            _unpack(fields["label"]),
            _unpack(fields["split"]),
            _unpack_text(fields["unit"]),
            tuple(map(_unpack_text, fields["notices"])),
            None if spans is None else tuple(map(tuple, spans)),
            _unpack_text(fields.get("sample", "")),
        )
        _check(table)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise TextSetError(f"A stored text set is damaged: {error}.", "Delete it and read its file again.") from None
    return table


def safe_cell(text: str) -> str:
    """``text`` for a CSV export: with an apostrophe before each line that a spreadsheet would take for a formula.

    A program that does not heed the quotes around a cell begins a new one at a line break. Plain numbers such as "-1.5" stay
    as they are.
    """
    return "".join(map(_safe_line, _LINE.split(text)))


def _safe_line(line: str) -> str:
    return "'" + line if _FORMULA.match(line) and not _NUMBER.fullmatch(line) else line


def _pack(cell: Cell) -> Any:
    # JSON would join two neighbouring halves into one character, and UTF-8 cannot hold one: such texts go as hex.
    if cell is None or not _SURROGATE.search(cell):
        return cell
    return {"hex": cell.encode("utf-8", "surrogatepass").hex()}


def _unpack(cell: Any) -> Cell:
    if cell is None or isinstance(cell, str):
        return cell
    return bytes.fromhex(cell["hex"]).decode("utf-8", "surrogatepass")


def _unpack_text(cell: Any) -> str:
    text = _unpack(cell)
    if text is None:
        raise ValueError("a text is null")
    return text


def _check(table: TextTable) -> None:
    lengths = {len(table), *map(len, table.columns.values()), *([] if table.pairs is None else [len(table.pairs)])}
    if len(lengths) != 1:
        raise ValueError(f"its columns have {sorted(lengths)} rows")
    if not {table.label, table.split} - {None} <= set(table.columns):
        raise ValueError("its label or split column is missing")
    if table.spans is not None:
        _check_spans(table, table.spans)


def _check_spans(table: TextTable, spans: tuple[tuple[int, ...], ...]) -> None:
    n_numbers = {"word": 2, "word_pair": 4}.get(table.unit)
    if len(spans) != len(table):
        raise ValueError(f"it has {len(table)} rows, but {len(spans)} spans")
    for text, span in zip(table.texts, spans, strict=True):
        if len(span) != n_numbers or not all(type(number) is int for number in span):
            raise ValueError(f"{span} is no span of a {table.unit}")
        if not all(0 <= start < end <= len(text) for start, end in zip(span[::2], span[1::2], strict=True)):
            raise ValueError(f"the span {span} is not within a text of {len(text)} characters")
