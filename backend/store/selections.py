"""Selections of rows that are too long for an address: kept in files under their digest, so that the address has that."""

import json
import time
from itertools import pairwise
from typing import Any

from backend.errors import InvalidRequest
from backend.forms.fingerprint import content_digest
from backend.store.store import Store

MOST_KEPT = 500  # selections; the oldest go first
MOST_RUNS = 200_000  # of neighbouring rows in one
MOST_ROWS = 1_000_000
_HIGHEST = 10**9
_PREFIX = "selection/"


def keep_selection(store: Store, runs: Any) -> str:  # Any: of whoever asks
    """Keep a selection and return its digest (40 hex digits); ``runs`` are first and last row of each run, in one list.

    Raises InvalidRequest for anything but ascending whole numbers, two for each run, and for more than MOST_RUNS.
    """
    checked = checked_runs(runs)
    digest = content_digest(json.dumps(checked).encode())
    store.owners.add("selections", digest, new=store.record(_PREFIX + digest) is None)
    store.set_record(_PREFIX + digest, {"runs": checked, "time": time.time()})
    known = store.record_keys(_PREFIX)
    if len(known) > MOST_KEPT:
        ages = sorted((_age(store, key), key) for key in known)
        for _, key in ages[: len(known) - MOST_KEPT]:
            store.delete_record(key)
            store.owners.forget("selections", key.removeprefix(_PREFIX))
    return digest


def kept_selection(store: Store, digest: str) -> list[int] | None:
    """The runs of a selection; None where it is not here, or no longer, or not for who asks to see."""
    found = store.record(_PREFIX + store.owners.as_seen("selections", digest))
    try:
        return checked_runs(found["runs"]) if isinstance(found, dict) else None
    except (InvalidRequest, KeyError):
        return None


def checked_runs(runs: Any) -> list[int]:  # Any: of whoever asks
    """``runs`` as they are kept; raises InvalidRequest for anything but first and last row of each run, ascending, and for too many."""
    whole = isinstance(runs, list) and all(type(row) is int and 0 <= row < _HIGHEST for row in runs)
    if not whole or len(runs) % 2 or any(low > high for low, high in pairwise(runs)):
        raise InvalidRequest("That is no selection of rows.", "Give ascending whole numbers, two for each run of rows.")
    n_rows = sum(last - first + 1 for first, last in zip(runs[::2], runs[1::2], strict=True))
    if len(runs) > 2 * MOST_RUNS or n_rows > MOST_ROWS:
        raise InvalidRequest(
            f"A selection of {n_rows:,} rows in {len(runs) // 2:,} runs is too long to be kept.",
            f"At most {MOST_ROWS:,} rows in {MOST_RUNS:,} runs are.",
        )
    return list(runs)


def _age(store: Store, key: str) -> float:
    found = store.record(key)
    when = found.get("time") if isinstance(found, dict) else None
    return float(when) if isinstance(when, int | float) else 0.0
