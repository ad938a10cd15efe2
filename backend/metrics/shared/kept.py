"""What was computed from the very same numbers a moment ago, kept for as long as there is room.

Over the steps of a series the model that every step is compared with is the same: what a metric finds of it alone is found once.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

Found = TypeVar("Found")


class Kept(Generic[Found]):
    """Answers by what they were computed from, the latest used of them, up to ``n_bytes`` of their arrays in this process."""

    def __init__(self, n_bytes: int, size: Callable[[Found], int]) -> None:
        self._most, self._size = n_bytes, size
        self._found: OrderedDict[bytes, Found] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: bytes, make: Callable[[], Found]) -> Found:
        """The answer under ``key``, made where it is not kept; whoever gets it leaves it as it is."""
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
                return self._found[key]
        made = make()
        with self._lock:
            self._found[key] = made
            while sum(map(self._size, self._found.values())) > self._most:
                self._found.popitem(last=False)
        return made


def key_of(*parts: npt.NDArray[Any] | float | str) -> bytes:
    """What stands for arrays and numbers: equal where all of them are, bit for bit and in their form."""
    digest = hashlib.blake2b(digest_size=32)
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype.str}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).tobytes())
        else:
            digest.update(repr(part).encode())
    return digest.digest()
