"""A result as a document: what --out writes and a page's JSON download holds."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from backend.values.json_data import Document, Json
from backend.values.results import Result, SeriesResult
from backend.values.runs import RunInfo


def result_document(result: Result) -> Document:
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


def series_document(found: SeriesResult) -> Document:
    """The JSON form of a metric over a series: under ``result`` the ``steps``, in order, and one entry a step.

    An entry is the document of that step's result. Where a metric takes all checkpoints together, its one result is
    ``joint`` and the entries name step and model alone.
    """
    members = found.series.members
    own = [{} if found.joint else result_document(result) for result in _each(found)]
    entries = [
        {"step": member.step, "model": member.model.spec.name, **document}
        for member, document in zip(members, own, strict=True)
    ]
    first = found.results[0]
    return {
        "metric": first.metric,
        "series": found.series.name,
        "result": {
            "steps": list(found.series.steps),
            "entries": entries,
            **({"joint": result_document(first)} if found.joint else {}),
        },
        "left_out": plain_values(found.series.broken),
        "notes": list(dict.fromkeys(note for result in found.results for note in result.notes)),
        "recipe": [plain_values(result.recipe) for result in found.results],
        "versions": dict(first.versions),
    }


def run_document(info: RunInfo, log: Sequence[Mapping[str, Any]]) -> Document:
    """The JSON form of a run of fine-tuning: what is known of it, without where it lies on this machine, and its ``log``, step by step."""
    known = {
        field.name: plain_values(getattr(info, field.name))
        for field in dataclasses.fields(info)
        if field.name not in ("folder", "owner")
    }
    if info.folder:
        known |= {name: str(known[name]).replace(info.folder, info.name) for name in ("error", "hint")}
    return {"run": known, "log": plain_values(list(map(dict, log)))}


def _each(found: SeriesResult) -> tuple[Result, ...]:
    return found.results * len(found.series.members) if found.joint else found.results


def plain_values(value: object) -> Json:
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
