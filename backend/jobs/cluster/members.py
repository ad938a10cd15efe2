"""The members of a cluster: which nodes have room for how many, starting them, and noticing that one is gone.

Members are named after their node and shared by all processes that work for one cache folder; they outlive whoever started
them. A node that joins gets its members while work goes on.
"""

import hashlib
import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from backend.errors import ServiceError
from backend.jobs.cluster.member import Do, Member
from backend.jobs.cluster.seen import leave, summary
from backend.settings import Settings
from backend.store import Store
from backend.values.json_data import Json
from backend.version import __version__

_LOOK_EVERY = 3.0  # seconds between two looks at the nodes
_TELL_EVERY = 30.0  # seconds between two records of what is as it was
_MOST_FAILURES = 5  # members that could not be started, one after another, after which it is said why
_ANSWER = 5.0  # seconds in which a cluster has to answer at its address
_CROWDED = 5.0  # seconds without a member after which idle ones of others are asked to give up their place
_SPACES = "embedscope-"
_GREETING = 3.0  # seconds in which members say that they are there
_PATIENCE = 120.0  # seconds that a cluster may take to give its first member


class Members:
    """The members that this process can give parts to."""

    def __init__(self, settings: Settings, wire: Callable[[Settings], Do], store: Store) -> None:
        self._settings, self._wire = replace(settings, token="", user_secret=""), wire
        self._space = f"{_SPACES}{store.id[:16]}"
        self._kind, self._store = wire.__name__, store
        self._told: tuple[float, dict[str, Json]] = 0.0, {}
        self._mark = hashlib.blake2b(f"{__version__} {self._settings!r}".encode(), digest_size=6).hexdigest()
        self._starting: dict[str, tuple[Any, Any]] = {}  # by name: the actor, and what is there once it has started
        self._ready: dict[str, Any] = {}
        self._looked = 0.0
        self._failures, self._why = 0, ""
        self._since, self._asked_for_room = time.monotonic(), False
        self._connect()

    def ready(self) -> dict[str, Any]:
        """The actors that have started, by name; raises ServiceError where the cluster has room for none, or none starts."""
        now = time.monotonic()
        if now - self._looked > _LOOK_EVERY:
            self._looked = now
            self._look()
        for name, (actor, started) in list(self._starting.items()):
            if ray.wait([started], timeout=0)[0]:
                del self._starting[name]
                self._begin(name, actor, started)
        if self._ready:
            self._failures, self._since, self._asked_for_room = 0, now, False
        elif self._failures >= _MOST_FAILURES:
            raise ServiceError(f"No process can be started on the Ray cluster: {self._why}.", _INSTALL)
        elif now - self._since > _CROWDED and not self._asked_for_room:
            self._asked_for_room = True
            self._retire(lambda one: one["namespace"].startswith(_SPACES))
        elif now - self._since > _PATIENCE:
            raise ServiceError(
                f"The Ray cluster gave no process in {_PATIENCE:.0f} seconds.",
                "Others may have its cores or GPUs: 'ray status' says who. Then run it again.",
            )
        return self._ready

    @property
    def n_nodes(self) -> int:
        """How many nodes have a member that has started."""
        return len({name.split("-")[2] for name in self._ready})

    def tell(self) -> None:
        """Leave what the cluster has now for the service's ``health``: what is new at once, what is not now and then."""
        found = summary(ray.get_runtime_context().gcs_address, ray.nodes(), len(self._ready))
        when, told = self._told
        if found != told or time.monotonic() - when > _TELL_EVERY:
            self._told = time.monotonic(), found
            leave(self._store, found)

    def greet(self) -> None:
        """Forget those that have ended since they were last given something: for want of work, or with their node."""
        asked = {name: actor.asked.remote("") for name, actor in self._ready.items()}
        if asked:
            ray.wait(list(asked.values()), num_returns=len(asked), timeout=_GREETING)
        for name, answer in asked.items():
            try:
                ray.get(answer, timeout=0)
            except GetTimeoutError:
                continue  # it is slow to answer, or its node has just gone: what it is given will say
            except RayError:
                self._ready.pop(name)
        self._looked, self._told = 0.0, (0.0, {})
        self._since = time.monotonic()

    def lost(self, name: str) -> None:
        """Note that a member does not answer any more; one of the same name is started where its node is still there."""
        self._ready.pop(name, None)
        self._looked = min(self._looked, time.monotonic() - _LOOK_EVERY + 1.0)

    def _retire(self, which: Callable[[dict[str, str]], bool]) -> None:
        """Let members end, once they are idle, that are not ours: of other settings, or of another cache folder."""
        own = f"{self._kind}-{self._mark}-"
        for one in ray.util.list_named_actors(all_namespaces=True):
            if which(one) and not (one["namespace"] == self._space and one["name"].startswith(own)):
                try:
                    ray.get_actor(one["name"], one["namespace"]).retire.remote()
                except (RayError, ValueError):
                    continue

    def _connect(self) -> None:
        if not ray.is_initialized():
            try:
                _require_answer(self._settings.ray_address)
                os.environ["RAY_TQDM_PATCH_PRINT"] = "0"  # numba compiles nothing where print is Ray's
                ray.init(
                    address=self._settings.ray_address,
                    namespace=self._space,
                    log_to_driver=False,
                    configure_logging=False,
                    logging_level="error",
                )
            except (OSError, RayError, RuntimeError, ValueError) as error:
                raise ServiceError(
                    f"The Ray cluster at '{self._settings.ray_address}' cannot be reached: {_first_line(error)}",
                    "Start it (ray start --head, and ray start --address on the other machines), or correct EMBEDSCOPE_RAY_ADDRESS.",
                ) from None
        kind = f"{self._kind}-"  # of an earlier service on this cache folder, with other settings
        self._retire(lambda one: one["namespace"] == self._space and one["name"].startswith(kind))

    def _look(self) -> None:
        """Start the members that lack, and forget those of nodes that are gone."""
        wanted = dict(self._places())
        if not wanted:
            raise ServiceError(
                f"The Ray cluster has no node with {self._settings.ray_cpus} cores"
                f"{f' and {self._settings.ray_gpus} GPUs' if self._settings.ray_gpus else ''} for a process.",
                "Add nodes, or lower EMBEDSCOPE_RAY_CPUS and EMBEDSCOPE_RAY_GPUS.",
            )
        for name in [name for name in (*self._starting, *self._ready) if name not in wanted]:
            self._starting.pop(name, None)
            self._ready.pop(name, None)
        for name, node in wanted.items():
            if name not in self._starting and name not in self._ready:
                self._start(name, node)
        self.tell()

    def _places(self) -> Iterator[tuple[str, str]]:
        """The names of all members that there is room for, and the node of each."""
        cpus, gpus = max(1, self._settings.ray_cpus), self._settings.ray_gpus
        for node in ray.nodes():
            if node["Alive"]:
                has = Counter(node["Resources"])
                n_here = min(has["CPU"] // cpus, has["GPU"] // gpus) if gpus else has["CPU"] // cpus
                for number in range(int(n_here)):
                    yield f"{self._kind}-{self._mark}-{node['NodeID'][:16]}-{number}", node["NodeID"]

    def _start(self, name: str, node: str) -> None:
        made = ray.remote(Member).options(
            name=name,
            namespace=self._space,
            lifetime="detached",
            get_if_exists=True,
            num_cpus=max(1, self._settings.ray_cpus),
            num_gpus=self._settings.ray_gpus,
            max_concurrency=8,
            max_restarts=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
        )
        try:
            actor = made.remote(self._settings, self._wire)
            self._starting[name] = actor, actor.asked.remote("")
        except (RayError, ValueError) as error:
            self._failed(error)

    def _begin(self, name: str, actor: Any, started: Any) -> None:
        try:
            ray.get(started)
        except RayError as error:
            self._failed(error)
        else:
            self._ready[name] = actor

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        self._why = _first_line(error)


_INSTALL = "Each node needs this version of Embedscope with the packages of requirements.txt and requirements-ray.txt."


def _require_answer(address: str) -> None:
    """Raise OSError where nothing listens at ``host:port``, which Ray would try to reach for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=_ANSWER).close()


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    return (lines or [type(error).__name__])[-1 if isinstance(error, RayError) else 0][:300].rstrip(".")
