"""Spec -> digest: the only definition of "the same request".

Every value is hashed with its type and its length before it, so that no two different specs can give the same bytes.
A golden-digest test guards this file: when a digest changes, every user loses a cache.
"""

import dataclasses
import hashlib
import struct
from typing import Any

from backend.specs import ActivationSpec, AnalysisSpec, Task

EXTRACTION_VERSION = 1  # raise it when extraction computes other numbers from the same request


def fingerprint(spec: ActivationSpec | Task) -> str:
    """Digest of ``spec`` as 40 hex digits; fields marked NOT_IN_KEY do not count."""
    hasher = hashlib.blake2b(digest_size=20)
    hasher.update(_encode(spec))
    if isinstance(spec, ActivationSpec | AnalysisSpec):
        hasher.update(_encode(("extraction", EXTRACTION_VERSION)))
    return hasher.hexdigest()


def content_digest(*chunks: bytes) -> str:
    """Digest of bytes as 40 hex digits, each chunk with its length, so that ("ab", "c") and ("a", "bc") differ."""
    hasher = hashlib.blake2b(digest_size=20)
    for chunk in chunks:
        hasher.update(struct.pack(">Q", len(chunk)))
        hasher.update(chunk)
    return hasher.hexdigest()


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
            if field.metadata.get("key", True):
                parts += [_encode(field.name), _encode(getattr(value, field.name))]
        return _tagged(b"d", b"".join(parts))
    raise TypeError(f"a spec may not hold {type(value).__name__}")


def _tagged(tag: bytes, body: bytes) -> bytes:
    return tag + struct.pack(">Q", len(body)) + body
