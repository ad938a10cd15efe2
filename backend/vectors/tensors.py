"""safetensors: every tensor of a file, by its name; bfloat16 too, which numpy does not have."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.values.stored import widened
from backend.vectors.matrices import Found, judged

_NAMES = {"F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64"}
_NUMPY = {"F16": "<f2", "F32": "<f4", "F64": "<f8"}


def read_safetensors(content: bytes, file_name: str) -> list[Found]:
    """The tensors of a safetensors file; raises InvalidRequest for a file that is none or is cut off."""
    from safetensors import SafetensorError, deserialize

    try:
        tensors: list[tuple[str, dict[str, Any]]] = deserialize(content)  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        raise InvalidRequest(
            f"'{file_name}' is no safetensors file, or is cut off: {str(error)[:120]}.",
            "Write it with safetensors.numpy.save_file or safetensors.torch.save_file.",
        ) from None
    return [
        judged(name, tensor["shape"], _NAMES.get(tensor["dtype"], str(tensor["dtype"])), _loader(tensor))
        for name, tensor in tensors
    ]


def _loader(tensor: dict[str, Any]) -> Callable[[], npt.NDArray[np.generic]]:
    return partial(_numbers, tensor["data"], tensor["dtype"], tuple(tensor["shape"]))


def _numbers(data: bytearray, dtype: str, shape: tuple[int, ...]) -> npt.NDArray[np.generic]:
    if dtype != "BF16":
        return np.frombuffer(data, dtype=_NUMPY[dtype]).reshape(shape)
    return widened(np.frombuffer(data, dtype="<u2"), "bfloat16").reshape(shape)
