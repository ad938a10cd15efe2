"""The one array module that dense kernels are written for: numpy on the processor, torch on a GPU, by the array API standard.

A kernel asks ``arrays_for`` where its products are to be done, brings what they are of there with ``given``, and takes its
sums back with ``taken``. What a metric takes and returns is numpy. A GPU is used where one is put in force with ``using``, for work
that is worth the way there; products are as exact there as here, float32 ones too.
"""

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

PROCESSOR = "cpu"
_WORTH = 2e10  # multiplications: about a second of one core, many times what the way to a GPU and back takes
_DRIVERS = ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg", "/dev/kfd")
_ROOM = 0.5  # of a GPU's free memory, for what is kept there while a kernel works: models may be loaded beside it
_LARGER = 8  # times as many rows at a time as on the processor, so that a GPU has something to do


@dataclass(frozen=True, slots=True)
class Arrays:
    """A namespace ``xp`` of the array API standard, and the ``device`` on which its arrays lie ("cpu" for numpy's)."""

    xp: Any  # a module: numpy, or array_api_compat.torch
    device: str = PROCESSOR

    @property
    def apart(self) -> bool:
        """Whether arrays have to be brought there: they are not numpy's."""
        return self.xp is not np

    @property
    def larger(self) -> int:
        """Factor for blocks that are measured for a processor's cache."""
        return _LARGER if self.apart else 1

    def given(self, x: npt.NDArray[Any]) -> Any:  # an array of ``xp``
        """``x`` as an array of ``xp`` on its device, of the same type; ``x`` itself where that is numpy's."""
        return self.xp.tensor(np.ascontiguousarray(x), device=self.device) if self.apart else x

    def taken(self, x: Any) -> Any:  # an array of ``xp``
        """``x`` as a numpy array."""
        return x.cpu().numpy() if self.apart else x

    def zeros(self, *shape: int) -> Any:  # an array of ``xp``
        """Zeros in float64."""
        return self.xp.zeros(shape, dtype=self.xp.float64, **self._where)

    def empty(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Any:  # an array of ``xp``
        """An array to be filled, of the type that numpy calls ``dtype``."""
        return self.xp.empty(shape, dtype=getattr(self.xp, np.dtype(dtype).name), **self._where)

    @property
    def _where(self) -> dict[str, str]:
        return {"device": self.device}

    def smallest(self, x: Any, m: int) -> tuple[Any, Any]:  # arrays of ``xp``
        """The ``m`` smallest entries of each row of ``x``, in no certain order, and their columns, both (n_rows, m); not of numpy's."""
        found = self.xp.topk(x, m, dim=1, largest=False, sorted=False)
        return found.values, found.indices

    def log_sigmoid(self, x: Any) -> Any:  # arrays of ``xp``
        """log(1 / (1 + exp(-x))), also where that is far below 0."""
        if self.apart:
            return self.xp.nn.functional.logsigmoid(x)
        from scipy.special import log_expit

        return log_expit(x)

    def sigmoid(self, x: Any) -> Any:  # arrays of ``xp``
        """1 / (1 + exp(-x))."""
        if self.apart:
            return self.xp.sigmoid(x)
        from scipy.special import expit

        return expit(x)

    def free_bytes(self) -> int:
        """Bytes that may be kept there while a kernel works; none on the processor, whose kernels have bounds of their own."""
        if not self.apart:
            return 0
        if not self.device.startswith("cuda"):
            return 2**30
        return int(_ROOM * self.xp.cuda.mem_get_info(self.device)[0])


HERE = Arrays(np)


@functools.cache
def torch_arrays(device: str) -> Arrays:
    """torch's arrays on ``device``, for float64 and for float32 whose products keep all of its digits."""
    import array_api_compat.torch as xp

    return Arrays(xp, device)


class InForce:
    """Where the large products of one metric are done; ``arrays`` is None as long as none of its kernels had any."""

    def __init__(self, find: Callable[[], Arrays], least: float) -> None:
        self._find, self._least = find, least
        self._precision = ""
        self.arrays: Arrays | None = None

    def arrays_for(self, multiplications: float) -> Arrays:
        """As the function of this name."""
        if multiplications < self._least:
            return HERE
        if self.arrays is None:
            self.arrays = self._find()
            self._keep_digits()
        return self.arrays

    def _keep_digits(self) -> None:
        """Do without TensorFloat-32, which rounds the factors of float32 products to 10 bits, whatever others have chosen."""
        if self.arrays is not None and self.arrays.device.startswith("cuda"):
            import torch

            self._precision = torch.get_float32_matmul_precision()
            torch.set_float32_matmul_precision("highest")

    def end(self) -> None:
        """Let float32 products be as they were before, and others have what torch has kept of a GPU's memory."""
        if self._precision:
            import torch

            torch.set_float32_matmul_precision(self._precision)
            torch.cuda.empty_cache()


_IN_FORCE: ContextVar[InForce | None] = ContextVar("arrays", default=None)


@contextlib.contextmanager
def using(find: Callable[[], Arrays], least: float | None = None) -> Iterator[InForce]:
    """Do the products of kernels by the arrays that ``find`` gives, where they are of ``least`` multiplications or more (None: as many as pay).

    ``find`` is asked when the first kernel has so many.
    """
    force = InForce(find, _WORTH if least is None else least)
    before = _IN_FORCE.set(force)
    try:
        yield force
    finally:
        _IN_FORCE.reset(before)
        force.end()


def arrays_for(multiplications: float) -> Arrays:
    """Where a kernel with so many multiplications does them. To be asked by the thread that runs the metric."""
    force = _IN_FORCE.get()
    return HERE if force is None else force.arrays_for(multiplications)


def accelerated(setting: str) -> Arrays:
    """The arrays of the GPU that models run on by ``setting`` (auto, cpu, cuda, cuda:1, mps), or numpy's where there is none.

    torch is imported only where it is there already or a driver is. Not "mps", which has no float64.
    """
    if setting != "auto" and not setting.startswith("cuda"):
        return HERE
    if "torch" not in sys.modules and not any(map(os.path.exists, _DRIVERS)):
        return HERE
    import torch

    if not torch.cuda.is_available():
        return HERE
    return torch_arrays("cuda" if setting == "auto" else setting)


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` says that a GPU has no memory left."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(error, torch.OutOfMemoryError)


def name_of(device: str) -> str:
    """What the maker calls a device."""
    if device.startswith("cuda"):
        import torch

        return str(torch.cuda.get_device_name(device))
    return device
