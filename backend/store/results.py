"""A result as bytes: its JSON and its arrays, in safetensors' format."""

import json
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.store.seal import Damage
from backend.values.json_data import Json

Arrays = dict[str, npt.NDArray[np.generic]]


def result_content(data: Json, arrays: dict[str, npt.NDArray[Any]]) -> bytes:
    """The bytes that `load_result` reads."""
    from safetensors.numpy import save

    return bytes(save(arrays, metadata={"json": json.dumps(data)}))


def load_result(content: bytes) -> tuple[Json, dict[str, npt.NDArray[Any]]]:
    """JSON and arrays; raises Damage where the bytes are no result."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        length = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + length])["__metadata__"]
        return json.loads(header["json"]), load(content)
    except (ValueError, KeyError, TypeError, SafetensorError, MemoryError) as error:
        raise Damage(f"it is no result ({type(error).__name__})") from error
