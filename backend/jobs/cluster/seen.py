"""What is known of the Ray cluster without asking it: whether its address answers, and what a worker saw of it last.

The service has no connection to the cluster, its workers do: they leave what they see as a record for ``health`` to read.
"""

import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from backend.errors import StoreError
from backend.store import Store
from backend.values.json_data import Json

_RECORD = "cluster"
_ANSWER, _BELIEVED = 0.5, 10.0  # seconds: in which an address has to answer, and for which it is not asked again
_LONG = 300  # characters of a problem


def summary(address: str, nodes: Sequence[Mapping[str, Any]], n_ready: int) -> dict[str, Json]:
    """What to leave behind of a cluster: its ``nodes`` as Ray lists them, and how many processes of ours have started there."""
    alive = [node["Resources"] for node in nodes if node["Alive"]]
    return {
        "address": bare(address),
        "n_nodes": len(alive),
        "n_cpus": int(sum(has.get("CPU", 0) for has in alive)),
        "n_gpus": int(sum(has.get("GPU", 0) for has in alive)),
        "n_ready": n_ready,
    }


def leave(store: Store, found: Mapping[str, Json]) -> None:
    """Leave what was seen for the service; where the disk is full it stays untold."""
    try:
        store.set_record(_RECORD, {**found, "time": time.time()})
    except (OSError, StoreError):
        return


def bare(address: str) -> str:
    """``address`` without a scheme, and without what might be a name and a password."""
    return address.rpartition("://")[2].rpartition("@")[2]


class ClusterSeen:
    """For ``health``: a line about the cluster at the ``address`` of the settings."""

    def __init__(self, store: Store, address: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._address, self._clock = store, bare(address), clock
        self._lock = threading.Lock()
        self._asked: tuple[float, str, str] | None = None  # when, which address, and what came of it

    def __call__(self) -> dict[str, str]:
        """``{"cluster": ...}``: where it is, whether it answers, and what was seen of it last."""
        found = self._store.record(_RECORD)
        seen: dict[str, Any] = found if isinstance(found, dict) else {}
        where = self._address
        if where == "auto":
            where = str(seen.get("address") or where)
        named = f"auto, {where}" if self._address == "auto" != where else where
        return {"cluster": f"Ray at {named}{self._answer(where)}. {_said(seen)}"}

    def _answer(self, where: str) -> str:
        with self._lock:
            now = self._clock()
            if self._asked is None or now - self._asked[0] > _BELIEVED or self._asked[1] != where:
                self._asked = now, where, _tried(where)
            return self._asked[2]


def _tried(where: str) -> str:
    """Whether something listens there, as the end of a sentence; nothing where no port is known."""
    host, _, port = where.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        return ""
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER).close()
    except OSError as error:
        return f", which does not answer ({error.strerror or 'no answer in time'})"
    return ", which answers"


def _said(seen: Mapping[str, Any]) -> str:
    if not seen:
        return "No work was given to it yet."
    try:
        ago = f"{max(0.0, time.time() - float(seen['time'])):,.0f} s ago"
        if seen.get("problem"):
            return f"{ago} a worker found: {str(seen['problem'])[:_LONG]}"
        has = [_count(int(seen[key]), word) for key, word in (("n_cpus", "core"), ("n_gpus", "GPU"))]
        nodes, ready = _count(int(seen["n_nodes"]), "node"), _count(int(seen["n_ready"]), "process", "processes")
    except (KeyError, TypeError, ValueError):
        return "What was seen of it cannot be read: another version wrote it."
    return f"{ago} a worker saw {nodes} with {has[0]} and {has[1]}, and {ready} of this instance there."


def _count(number: int, one: str, more: str = "") -> str:
    return f"{number:,} {one if number == 1 else more or f'{one}s'}"
