"""A result as a document: what --out writes and a page's JSON download holds."""

import dataclasses
import math
from typing import Any

import numpy as np

from backend.results import Result


def result_document(result: Result) -> dict[str, Any]:
    """The JSON form of ``result``: arrays as nested lists, null where a number does not exist, the recipe beside it.

    An entry of ``undefined`` gives the reason for every number whose index begins with its own.
    """
    return {
        "metric": result.metric,
        "version": result.version,
        "fingerprint": result.fingerprint,
        "result": plain_values(result.values),
        "undefined": plain_values(result.undefined),
        "notes": list(result.notes),
        "sources": plain_values(result.sources),
        "seed": result.seed,
        "seconds": result.seconds,
        "recipe": plain_values(result.recipe),
        "versions": dict(result.versions),
    }


def plain_values(value: Any) -> Any:
    """``value`` in JSON's own types: dataclasses as objects, arrays as nested lists, NaN and infinities as null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain_values(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, np.ndarray | np.generic):
        return plain_values(value.tolist())
    if isinstance(value, dict):
        return {str(name): plain_values(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_values(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
