"""What the service tells a Prometheus server: jobs, the cache, memory. Numbers and kinds alone, no name and no text."""

import re
import shutil
import subprocess
from collections import Counter as Tally
from collections.abc import Iterator, Mapping

import psutil
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from backend.jobs.base import Executor
from backend.store import Store

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_STATES = ("queued", "running", "done", "failed", "cancelled")
_GPU_SECONDS = 5
_MIB = 2**20


class Measures:
    """The measures of one service: what is counted as it happens, and what is looked up when somebody asks."""

    def __init__(self, executor: Executor, store: Store, budget: int) -> None:
        self._registry = CollectorRegistry()
        self._started = Counter(
            "embedscope_requests",
            "Requests for work, by whether the answer was stored already.",
            ["answer"],
            registry=self._registry,
        )
        for answer in ("stored", "to be made"):
            self._started.labels(answer)
        self._registry.register(_Now(executor, store, budget))

    def asked(self, *, stored: bool) -> None:
        """Count a request for work, answered by what is ``stored`` or with a job."""
        self._started.labels("stored" if stored else "to be made").inc()

    def text(self) -> bytes:
        """All measures in Prometheus's text format."""
        return generate_latest(self._registry)


class _Now(Collector):
    """What is looked up at the moment of asking."""

    def __init__(self, executor: Executor, store: Store, budget: int) -> None:
        self._executor, self._store, self._budget = executor, store, budget

    def collect(self) -> Iterator[GaugeMetricFamily]:
        tally = Tally(job.state for job in self._executor.jobs())
        jobs = GaugeMetricFamily("embedscope_jobs", "Jobs in the list of jobs, by state.", labels=["state"])
        for state in _STATES:
            jobs.add_metric([state], tally[state])
        yield jobs
        size = GaugeMetricFamily("embedscope_cache_bytes", "Bytes in the cache folder, by kind.", labels=["kind"])
        for usage in self._store.usage_lately():
            size.add_metric([usage.kind], usage.n_bytes)
        yield size
        yield GaugeMetricFamily(
            "embedscope_cache_limit_bytes", "Most bytes that the cache may take.", value=self._budget
        )
        health = self._executor.health()
        yield GaugeMetricFamily(
            "embedscope_healthy",
            "1 where the service says that it is well, else 0.",
            value=health.get("status", "ok") == "ok",
        )
        yield from _memory(health)


def _memory(health: Mapping[str, str]) -> Iterator[GaugeMetricFamily]:
    """Memory of the worker processes that ``health`` names, and what they hold of a GPU's."""
    held = gpu_bytes()
    memory = GaugeMetricFamily("embedscope_worker_memory_bytes", "Resident memory of workers.", labels=["worker"])
    gpu = GaugeMetricFamily("embedscope_worker_gpu_memory_bytes", "GPU memory held by workers.", labels=["worker"])
    for name, said in health.items():
        if name.startswith("worker "):
            pids = [int(pid) for pid in re.findall(r"pid (\d+)", said)]
            kind = name.removeprefix("worker ")
            memory.add_metric([kind], sum(map(_resident, pids)))
            if held is not None:
                gpu.add_metric([kind], sum(held.get(pid, 0) for pid in pids))
    yield memory
    if held is not None:
        yield gpu


def _resident(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:  # it has just ended
        return 0


def gpu_bytes() -> dict[int, int] | None:
    """Bytes of GPU memory by process, as NVIDIA's own tool says; None where there is no such tool or it does not answer."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    command = [tool, "--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=_GPU_SECONDS, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found: dict[int, int] = {}
    for pid, used in re.findall(r"^\s*(\d+)\s*,\s*(\d+)\s*$", said, re.MULTILINE):
        found[int(pid)] = found.get(int(pid), 0) + int(used) * _MIB
    return found
