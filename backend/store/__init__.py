"""The store on disk: arrays, results, text sets and job records, all without pickle."""

from backend.store.arrays import ArrayWriter
from backend.store.room import Usage
from backend.store.store import Store

__all__ = ["ArrayWriter", "Store", "Usage"]
