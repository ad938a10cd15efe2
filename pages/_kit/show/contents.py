"""What values hold, as one word: the same for values that hold the same, another one as soon as anything differs."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from hashlib import blake2b
from types import FunctionType
from typing import Any, Protocol

import numpy as np

_PLAIN = (type(None), bool, int, float, complex, str, bytes)


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...


class Untold(TypeError):
    """A value of a kind whose contents are not known here."""


def contents_of(*values: object) -> str:
    """The word for all ``values``, in their order.

    Numbers, texts, arrays, functions by name, and what is made of them: sequences, mappings (in their order), dataclasses, and so
    results. Raises Untold for anything else.
    """
    told = blake2b(digest_size=20)
    for value in values:
        _tell(value, told)
    return told.hexdigest()


def _tell(value: object, told: _Hash) -> None:
    if isinstance(value, (Enum, *_PLAIN)):
        _write(told, type(value).__qualname__, repr(value))
    elif isinstance(value, np.ndarray | np.generic):
        _tell_array(np.asarray(value), told)
    elif isinstance(value, Mapping):
        _write(told, "mapping", str(len(value)))
        _tell_each([part for pair in value.items() for part in pair], told)
    elif isinstance(value, set | frozenset):
        _write(told, "set", str(len(value)))
        _tell_each(sorted(value, key=repr), told)
    elif isinstance(value, Sequence | range):
        _tell_each(value, told)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        _write(told, "dataclass", type(value).__qualname__)
        _tell_each([getattr(value, field.name) for field in dataclasses.fields(value)], told)
    elif isinstance(value, FunctionType) and _by_name(value):
        _write(told, "function", f"{value.__module__}.{value.__qualname__}")
    else:
        raise Untold(type(value).__qualname__)


def _tell_array(values: np.ndarray[Any, Any], told: _Hash) -> None:
    if values.dtype.hasobject:
        _tell_each(values.ravel().tolist(), told)
    _write(told, "array", f"{values.dtype.str} {values.shape}")
    if not values.dtype.hasobject:
        told.update(values.tobytes())


def _tell_each(values: Sequence[object], told: _Hash) -> None:
    _write(told, type(values).__qualname__, str(len(values)))
    if all(type(value) in _PLAIN for value in values):  # many texts at once
        _write(told, "plain", repr(list(values)))
        return
    for value in values:
        _tell(value, told)


def _by_name(function: Callable[..., Any]) -> bool:
    """Whether its name says all of it: not one that was made in another function, of whatever that held."""
    return "<" not in function.__qualname__


def _write(told: _Hash, kind: str, text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    told.update(f"{kind} {len(data)} ".encode())
    told.update(data)
