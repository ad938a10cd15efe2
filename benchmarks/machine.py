"""The machine that a benchmark runs on: what it is, and how fast it multiplies, remembers and reads, which no program can exceed."""

import functools
import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

_PACKAGES = [
    "numpy",
    "scipy",
    "scikit-learn",
    "torch",
    "transformers",
    "numba",
    "umap-learn",
    "openTSNE",
    "scikit-dimension",
    "sentence-transformers",
]
_MEMORY_NUMBERS = 2**25  # of the test of memory: 256 MB, far more than a cache holds


@functools.cache
def facts() -> dict[str, Any]:
    """Processor, cores, memory, threads of the kernels, and the versions of what is compared."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    names = [one.split(":", 1)[1].strip() for one in lines if one.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(terse=True),
        "threads": {key: os.environ.get(key, "") for key in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")},
        "gpu": _gpu(),
        "python": platform.python_version(),
        "versions": {name: found for name in _PACKAGES if (found := _version(name))},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _gpu() -> str:
    nodes = sorted(Path("/dev").glob("nvidia[0-9]*"))
    return f"{len(nodes)} of Nvidia" if nodes else "none"


def multiplying(n: int = 1536) -> float:
    """float32 operations a second in a product of two square matrices: processor seconds, the best of five."""
    a = np.random.default_rng(0).standard_normal((n, n)).astype(np.float32)
    return 2.0 * n**3 / _best(lambda: a @ a)


def remembering() -> float:
    """Bytes a second that one thread reads and writes copying an array that no cache holds: processor seconds, the best of five."""
    a = np.ones(_MEMORY_NUMBERS)
    b = np.empty_like(a)
    return 2.0 * a.nbytes / _best(lambda: np.copyto(b, a))


def writing(folder: Path, megabytes: int = 256) -> tuple[float, float]:
    """Bytes a second of writing a file to the disk itself and of reading it back, on the clock; the file's pages are dropped between."""
    path, block = folder / "written", os.urandom(2**20)
    start = time.perf_counter()
    with path.open("wb") as file:
        for _ in range(megabytes):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    written = time.perf_counter() - start
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        start = time.perf_counter()
        while file.read(2**20):
            pass
    read = time.perf_counter() - start
    path.unlink()
    return megabytes * 2**20 / written, megabytes * 2**20 / read


def _best(run: Callable[[], Any]) -> float:
    taken = []
    for _ in range(5):
        start = time.process_time()
        run()
        taken.append(time.process_time() - start)
    return max(min(taken), 1e-9)
