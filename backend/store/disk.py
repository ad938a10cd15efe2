"""diskcache without pickle. By default diskcache unpickles what it finds (CVE-2025-69872); this refuses both ways."""

from typing import Any

import diskcache
from diskcache.core import MODE_PICKLE

from backend.errors import StoreError

_HINT = "Delete the cache folder, or the entry: something other than Embedscope wrote it."


class PlainDisk(diskcache.Disk):  # type: ignore[misc]
    """Keys are text, values are text, bytes or numbers; anything that would be pickled or unpickled is refused."""

    def put(self, key: Any) -> Any:  # as in diskcache, which has no types
        if type(key) is not str:
            raise StoreError(f"A key of the store is text, not {type(key).__name__}.", _HINT)
        return super().put(key)

    def get(self, key: Any, raw: bool) -> Any:  # as in diskcache, which has no types
        if not raw:
            raise StoreError("The cache holds a pickled key, which is never loaded.", _HINT)
        return super().get(key, raw)

    def store(self, value: Any, read: bool, key: Any = diskcache.UNKNOWN) -> Any:  # as in diskcache, which has no types
        if type(value) not in (str, bytes, int, float):
            raise StoreError(f"The store takes text, bytes and numbers, not {type(value).__name__}.", _HINT)
        return super().store(value, read, key=key)

    def fetch(self, mode: int, filename: Any, value: Any, read: bool) -> Any:  # as in diskcache, which has no types
        if mode == MODE_PICKLE:
            raise StoreError("The cache holds a pickled value, which is never loaded.", _HINT)
        return super().fetch(mode, filename, value, read)


def open_cache(folder: str) -> Any:  # as in diskcache, which has no types
    """A diskcache.Cache that neither pickles nor evicts: eviction is the store's own, by bytes and last use."""
    return diskcache.Cache(folder, disk=PlainDisk, eviction_policy="none", cull_limit=0, size_limit=2**62)
