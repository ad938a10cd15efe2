"""Dataclasses to JSON and back, by their annotations: how specs travel, how results are stored, what a recipe is.

Nothing is ever unpickled: a class is chosen by the annotation of the field it goes into, never by the data. Arrays are
moved into a side table and leave ``{"array": name}`` behind; NaN and infinities survive as null and "inf"/"-inf".
"""

import dataclasses
import json
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backend.errors import InvalidRequest
from backend.values.json_data import Json
from backend.values.preparing import PrepareTask
from backend.values.results import Result
from backend.values.specs import AnalysisSpec
from backend.values.tasks import BatchTask, Task

Arrays = dict[str, np.ndarray[Any, Any]]

Wanted = typing.TypeVar("Wanted")


@dataclass(frozen=True)
class Codec:
    """What the vocabulary leaves open: the parameter and result classes of each metric, and the classes of tasks, by name."""

    params: Mapping[str, type]
    results: Mapping[str, type]
    tasks: Mapping[str, type[Task]] = field(default_factory=dict)

    def task_to_json(self, task: Task) -> dict[str, Any]:
        """The JSON form of a task; for an analysis it is its recipe."""
        return {"type": type(task).__name__, **to_json(task, {})}

    def task_from_json(self, data: Json) -> Task:
        """The task that ``data`` describes; raises InvalidRequest where it is not one."""
        if not isinstance(data, dict) or not isinstance(data.get("type"), str) or data["type"] not in self.tasks:
            raise InvalidRequest("That is not a task.", f"'type' must be one of: {', '.join(self.tasks)}.")
        cls = self.tasks[data["type"]]
        body = {key: value for key, value in data.items() if key != "type"}
        if cls is BatchTask or cls is PrepareTask:
            return cls(*self._several_from_json(body))
        overrides: dict[str, Any] = {}
        if cls is AnalysisSpec:
            metric = body.get("metric")
            if not isinstance(metric, str) or metric not in self.params:
                raise InvalidRequest(
                    f"There is no metric '{str(metric)[:60]}'.", f"Choose one of: {', '.join(self.params)}."
                )
            overrides["params"] = self.params[metric]
        return typing.cast(Task, _dataclass_from_json(cls, body, {}, overrides))

    def _several_from_json(self, body: dict[str, Any]) -> tuple[tuple[AnalysisSpec, ...], str]:
        """The analyses of one job, and its title."""
        items, title = body.get("analyses"), body.get("title", "")
        if not isinstance(items, list) or not items or not isinstance(title, str):
            raise InvalidRequest("That batch has no analyses.", "Check the recipe.")
        tasks = [
            self.task_from_json({**item, "type": "AnalysisSpec"} if isinstance(item, dict) else item) for item in items
        ]
        return tuple(typing.cast(AnalysisSpec, task) for task in tasks), title

    def result_to_parts(self, result: Result) -> tuple[dict[str, Any], Arrays]:
        """A result as JSON and the arrays that it refers to."""
        arrays: Arrays = {}
        return to_json(result, arrays), arrays

    def result_from_parts(self, data: Mapping[str, Any], arrays: Arrays) -> Result:
        """The result again, from the two parts."""
        kinds = {"values": self.results[data["metric"]]}
        return typing.cast(Result, _dataclass_from_json(Result, dict(data), arrays, kinds))


def to_json(value: object, arrays: Arrays) -> Json:
    """``value`` as JSON types; each numpy array goes into ``arrays`` under a name of its own."""
    if isinstance(value, np.ndarray):
        name = f"a{len(arrays)}"
        arrays[name] = np.ascontiguousarray(value)
        return {"array": name}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, tuple | list):
        return [to_json(item, arrays) for item in value]
    if isinstance(value, dict):
        return {str(key): to_json(item, arrays) for key, item in value.items()}
    if dataclasses.is_dataclass(value):
        return {f.name: to_json(getattr(value, f.name), arrays) for f in dataclasses.fields(value)}
    raise TypeError(f"cannot be stored: {type(value).__name__}")


def from_json(kind: type[Wanted], data: Json, arrays: Arrays | None = None) -> Wanted:
    """The value of type ``kind`` that ``data`` describes; raises InvalidRequest where it does not fit."""
    return typing.cast(Wanted, _value(kind, data, arrays or {}, str(getattr(kind, "__name__", kind))))


def read_json(kind: type[Wanted], data: Json) -> Wanted | None:
    """The value of type ``kind``, or None where another version wrote ``data`` in a form that does not fit it."""
    try:
        return from_json(kind, data)
    except (InvalidRequest, TypeError, ValueError, KeyError):
        return None


def _dataclass_from_json(cls: type, data: Any, arrays: Arrays, overrides: Mapping[str, Any]) -> Any:
    if not isinstance(data, dict):
        raise InvalidRequest(f"{cls.__name__} must be a JSON object, not {type(data).__name__}.", "Check the recipe.")
    hints = typing.get_type_hints(cls)
    names = {f.name for f in dataclasses.fields(cls)}
    unknown = sorted(set(data) - names)
    if unknown:
        raise InvalidRequest(
            f"{cls.__name__} has no field '{unknown[0][:60]}'.", f"Its fields: {', '.join(sorted(names))}."
        )
    values = {
        name: _value(overrides.get(name, hints[name]), item, arrays, f"{cls.__name__}.{name}")
        for name, item in data.items()
    }
    try:
        return cls(**values)
    except TypeError:
        needed = [f.name for f in dataclasses.fields(cls) if f.default is f.default_factory is dataclasses.MISSING]
        missing = ", ".join(name for name in needed if name not in data)
        raise InvalidRequest(f"{cls.__name__} lacks: {missing}.", "Check the recipe.") from None


def _value(kind: Any, data: Any, arrays: Arrays, where: str) -> Any:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _dataclass_from_json(kind, data, arrays, {})
    if kind is Any:
        return data
    if kind is np.ndarray or origin is np.ndarray:
        return _array(data, arrays, where)
    if origin in (types.UnionType, typing.Union):
        return _union(args, data, arrays, where)
    if origin is tuple:
        return _tuple(args, data, arrays, where)
    if origin is dict or kind is dict:
        _expect(isinstance(data, dict), data, where, "an object")
        item_kind = args[1] if args else Any
        return {key: _value(item_kind, item, arrays, where) for key, item in data.items()}
    return _scalar(kind, data, where)


def _scalar(kind: Any, data: Any, where: str) -> Any:
    if kind is float:
        if data is None:
            return math.nan
        if isinstance(data, str) and data in ("inf", "-inf"):
            return float(data)
        _expect(isinstance(data, int | float) and not isinstance(data, bool), data, where, "a number")
        _expect(isinstance(data, float) or abs(data) < 2**1000, data, where, "a number of fewer digits")
        return float(data)
    if kind is int:
        _expect(isinstance(data, int) and not isinstance(data, bool), data, where, "a whole number")
    elif kind is bool:
        _expect(isinstance(data, bool), data, where, "true or false")
    elif kind is str:
        _expect(isinstance(data, str), data, where, "text")
    elif kind is type(None):
        _expect(data is None, data, where, "null")
    elif kind is tuple:
        _expect(isinstance(data, list), data, where, "a list")
        return tuple(data)
    else:
        raise TypeError(f"{where}: no JSON form for {kind}")
    return data


def _union(args: tuple[Any, ...], data: Any, arrays: Arrays, where: str) -> Any:
    if data is None and type(None) in args:
        return None
    problem: InvalidRequest | None = None
    for kind in args:
        if kind is type(None):
            continue
        try:
            return _value(kind, data, arrays, where)
        except InvalidRequest as error:
            problem = problem or error
    raise problem or InvalidRequest(f"{where} may not be {data!r}.", "Check the recipe.")


def _tuple(args: tuple[Any, ...], data: Any, arrays: Arrays, where: str) -> tuple[Any, ...]:
    _expect(isinstance(data, list), data, where, "a list")
    if len(args) == 2 and args[1] is Ellipsis:
        return tuple(_value(args[0], item, arrays, where) for item in data)
    _expect(len(data) == len(args), data, where, f"a list of {len(args)}")
    return tuple(_value(kind, item, arrays, where) for kind, item in zip(args, data, strict=True))


def _array(data: Any, arrays: Arrays, where: str) -> np.ndarray[Any, Any]:
    known = isinstance(data, dict) and isinstance(data.get("array"), str) and data["array"] in arrays
    _expect(known, data, where, "a stored array")
    return arrays[data["array"]]


def _expect(fits: bool, data: Any, where: str, wanted: str) -> None:
    if not fits:
        shown = json.dumps(data, default=str)
        shown = shown if len(shown) <= 60 else shown[:57] + "..."
        raise InvalidRequest(f"{where} must be {wanted}, not {shown}.", "Check the recipe.")
