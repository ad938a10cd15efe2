"""Where models run, in which number format, and whether there is memory for them."""

import contextlib
import ctypes
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from backend.errors import InvalidRequest, ModelError
from backend.values.specs import DTYPES

_GIB = 1024**3
_CGROUP_LIMITS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def choose_device(setting: str = "auto") -> str:
    """The device that ``setting`` (auto, cpu, cuda, cuda:1, mps) stands for here; auto is CUDA, else MPS, else CPU.

    Raises InvalidRequest for a device that this machine does not have.
    """
    if setting == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    kind, _, index = setting.partition(":")
    n_devices = {"cpu": 1, "mps": int(torch.backends.mps.is_available()), "cuda": torch.cuda.device_count()}.get(kind)
    if n_devices is None or (index and not index.isdecimal()):
        raise InvalidRequest(f"There is no device '{setting}'.", "Choose auto, cpu, cuda, cuda:1 or mps.")
    if int(index or 0) >= n_devices:
        raise InvalidRequest(f"This machine has {n_devices} {kind} devices, not '{setting}'.", "Choose auto or cpu.")
    return setting


def choose_dtype(setting: str = "auto", device: str = "cpu") -> str:
    """The number format that ``setting`` stands for on ``device``: auto is bfloat16 on CUDA, float32 elsewhere."""
    if setting == "auto":
        return "bfloat16" if device.startswith("cuda") else "float32"
    if setting not in DTYPES:
        raise InvalidRequest(f"There is no number format '{setting}'.", f"Choose auto, {', '.join(DTYPES)}.")
    return setting


def torch_dtype(dtype: str) -> torch.dtype:
    """The torch type of one of DTYPES."""
    return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[dtype]


def free_bytes(device: str) -> int | None:
    """Bytes of memory that are free for a model on ``device``; None where it cannot be known.

    On the CPU this is what the system can give without swapping, and within the limit of the container.
    """
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(torch.device(device))[0])
    found = []
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        found += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    except OSError:
        pass
    for limit, usage in _CGROUP_LIMITS:
        try:
            found.append(int(Path(limit).read_text()) - int(Path(usage).read_text()))
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return max(0, min(found)) if found else None


def check_memory(model: str, needed: int, device: str) -> None:
    """Raise ModelError, with both numbers, where ``needed`` bytes for a model are more than ``device`` has free."""
    free = free_bytes(device)
    if free is not None and needed > free:
        raise out_of_memory(model, needed, free, device)


def out_of_memory(model: str, needed: int, free: int | None, device: str) -> ModelError:
    """The error for a model that does not fit, with the bytes needed and free."""
    available = "an unknown amount" if free is None else f"{free / _GIB:.2f} GiB"
    return ModelError(
        f"Not enough memory for the model '{model}' on {device}: it needs {needed / _GIB:.2f} GiB, {available} is free.",
        "Choose a smaller model, or a smaller number format (EMBEDSCOPE_DTYPE=bfloat16), or free memory.",
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, on a GPU or on the CPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    signs = ("not enough memory", "out of memory", "can't allocate memory")
    return isinstance(error, RuntimeError) and any(sign in text for sign in signs)


@contextlib.contextmanager
def turn_on(device: str) -> Iterator[None]:
    """One batch at a time on a GPU, of all processes of this user on this machine: the memory of one must do for it.

    Jobs take turns by their reports; this holds between them too, before the first one and while one is stopping. On a CPU,
    and where no lock can be had, nothing is waited for.
    """
    if device == "cpu":
        yield
        return
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError, ImportError):
            import fcntl

            flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            file = stack.enter_context(os.fdopen(os.open(_turn_file(device), flags, 0o600), "w"))
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
        if device.startswith("cuda"):
            torch.cuda.synchronize(torch.device(device))  # what was asked of it is done only then


def _turn_file(device: str) -> Path:
    """The lock of a device; of a GPU by what it calls itself, as it has another number in a process that sees some of them alone."""
    name = device
    if device.startswith("cuda"):
        name = str(torch.cuda.get_device_properties(torch.device(device)).uuid)
    name = "".join(char if char.isalnum() else "-" for char in name)
    return Path(tempfile.gettempdir()) / f"embedscope-{os.getuid()}-{name[:100]}.lock"


def trim_memory() -> None:
    """Give freed memory back to the system where the C library is glibc; elsewhere nothing.

    Tensors of ever other shapes leave holes that glibc keeps: without this a run over 20,000 texts holds 300 MB more
    at its end than one over 1,000, all of it free.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL("libc.so.6").malloc_trim(0)
