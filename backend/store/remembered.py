"""Entries of the store as this process decoded them, for as long as their files stay as they are."""

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

from backend.store.files import Stamp

T = TypeVar("T")


class Remembered(Generic[T]):
    """Values by key, each for one state of one file; those used last stay, up to ``most_bytes`` of files.

    What is evicted from the store, deleted or written anew has another stamp or none, and so is not found here.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._kept: OrderedDict[str, tuple[Stamp, T]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str, stamp: Stamp | None) -> T | None:
        """The value of ``key`` if its file is as ``stamp`` says; else it is forgotten."""
        with self._lock:
            found = self._kept.pop(key, None)
            if found is None or found[0] != stamp:
                return None
            self._kept[key] = found
            return found[1]

    def keep(self, key: str, stamp: Stamp | None, value: T) -> None:
        """Keep ``value``, and let go of those not used for longest; one that is larger than all the room is not kept."""
        if stamp is None or stamp[1] > self._most:
            return
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = stamp, value
            while sum(kept[0][1] for kept in self._kept.values()) > self._most:
                self._kept.popitem(last=False)
