"""Spec -> digest: the only definition of "the same request".

Every value is hashed with its type and its length before it, so that no two different specs can give the same bytes.
A golden-digest test guards this file: when a digest changes, every user loses a cache.
"""

import dataclasses
import hashlib
import struct
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from backend.values.specs import ActivationSpec, AnalysisSpec, LabelSpec, Request, TextSetSpec
from backend.values.texts import Cell, TextTable

EXTRACTION_VERSION = 2  # raise it when extraction computes other numbers from the same request


def fingerprint(spec: ActivationSpec | Request[object]) -> str:
    """Digest of ``spec`` as 40 hex digits; fields marked NOT_IN_KEY do not count."""
    hasher = hashlib.blake2b(digest_size=20)
    hasher.update(_encode(spec))
    if isinstance(spec, ActivationSpec | AnalysisSpec):
        hasher.update(_encode(("extraction", EXTRACTION_VERSION)))
    return hasher.hexdigest()


def content_digest(*chunks: bytes) -> str:
    """Digest of bytes as 40 hex digits, each chunk with its length, so that ("ab", "c") and ("a", "bc") differ."""
    return _digest(chunks)


def _digest(chunks: Iterable[bytes]) -> str:
    """The same of chunks that are made one by one: a sentence of many words is a chunk of each of them."""
    hasher = hashlib.blake2b(digest_size=20)
    for chunk in chunks:
        hasher.update(struct.pack(">Q", len(chunk)))
        hasher.update(chunk)
    return hasher.hexdigest()


def text_set_spec(table: TextTable) -> TextSetSpec:
    """The identity of a text set: one digest of its texts (with pairs or spans), one of the whole table."""
    rows = (_cells(table.texts), (b"pairs",), _cells(table.pairs or ()), _spans(table.spans))
    texts = _digest(chain((table.unit.encode(),), *rows))
    roles = [text.encode() for text in (table.name, table.label or "", table.split or "")]
    columns = (chain((name.encode(),), _cells(cells)) for name, cells in table.columns.items())
    part = [b"sample", table.sample.encode("utf-8", "surrogatepass")] if table.sample else []
    whole = _digest(chain((texts.encode(), *roles), chain.from_iterable(columns), part))
    return TextSetSpec(table.name, texts, len(table), table.unit, whole, table.sample)


def label_spec(table: TextTable, column: str) -> LabelSpec:
    """The identity of one column of labels, with the split that goes with it."""
    cells = table.columns[column]
    split = table.columns[table.split] if table.split else ()
    digest = _digest(chain(_cells(cells), (b"split",), _cells(split)))
    return LabelSpec(column, digest, len({cell for cell in cells if cell is not None}))


def _spans(spans: tuple[tuple[int, ...], ...] | None) -> Iterator[bytes]:
    """Nothing where a row is a text, so that such a set keeps the digest that it had before there were spans."""
    if spans is not None:
        yield b"spans"
        yield from (struct.pack(f">{len(span)}Q", *span) for span in spans)


def _cells(cells: tuple[Cell, ...]) -> Iterator[bytes]:
    last, chunk = None, b"-"
    for cell in cells:
        if cell is not last:  # the words of a sentence share it
            last, chunk = cell, b"-" if cell is None else b"+" + cell.encode("utf-8", "surrogatepass")
        yield chunk


def _encode(value: Any) -> bytes:
    if value is None:
        return _tagged(b"n", b"")
    if isinstance(value, bool):
        return _tagged(b"b", b"1" if value else b"0")
    if isinstance(value, int):
        return _tagged(b"i", str(value).encode())
    if isinstance(value, float):
        return _tagged(b"f", struct.pack(">d", value))
    if isinstance(value, str):
        return _tagged(b"s", value.encode("utf-8", "surrogatepass"))
    if isinstance(value, tuple):
        return _tagged(b"t", b"".join(_encode(item) for item in value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = [_encode(type(value).__name__)]
        for field in dataclasses.fields(value):
            in_key = field.metadata.get("key", True)
            if in_key == "if set" and getattr(value, field.name) == field.default:
                continue
            if in_key:
                parts += [_encode(field.name), _encode(getattr(value, field.name))]
        return _tagged(b"d", b"".join(parts))
    raise TypeError(f"a spec may not hold {type(value).__name__}")


def _tagged(tag: bytes, body: bytes) -> bytes:
    return tag + struct.pack(">Q", len(body)) + body
