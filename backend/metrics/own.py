"""Metrics of users' own: rows that join METRICS without a change to the project.

They come from installed packages (the entry points of GROUP), from the modules and files that the setting EMBEDSCOPE_METRICS
names, or, in a notebook, from ``register_metric``. Every process reads the first two: the dashboard, the service, its workers.
"""

import dataclasses
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from backend.errors import EmbedscopeError, InvalidRequest
from backend.metrics import METRICS
from backend.metrics.base import SCOPES, Metric, check_params

GROUP = "embedscope.metrics"
_LABELS, _WORKERS = ("no", "optional", "required"), ("models", "layouts")


def register_metric(row: Metric) -> Metric:
    """Add ``row`` to METRICS in this process, and return it; raises InvalidRequest where it is no metric or not the only one.

    For a notebook. A metric that the dashboard is to have comes from an entry point or from EMBEDSCOPE_METRICS.
    """
    if METRICS.get(row.name) is not row:
        _check(row)
        METRICS[row.name] = row
    return row


@lru_cache
def load_own_metrics(modules: Sequence[str]) -> tuple[str, ...]:
    """Register what installed packages and ``modules`` (names, or full paths of .py files) bring; returns the names.

    Raises InvalidRequest that says which of them cannot be loaded, and why.
    """
    found: list[str] = []
    for point in entry_points(group=GROUP):
        found += _registered(point.load, f"the entry point '{point.name}' ({point.value})", "Mend or uninstall it.")
    for name in modules:
        found += _registered(lambda name=name: _module(name), f"'{name}'", "Correct it, or EMBEDSCOPE_METRICS.")
    return tuple(found)


def _registered(load: Any, what: str, hint: str) -> list[str]:
    try:
        loaded = load()
        rows = [loaded] if isinstance(loaded, Metric) else _rows(loaded)
        for row in rows:
            register_metric(row)
    except EmbedscopeError as error:
        raise InvalidRequest(f"The metrics of {what} cannot be used: {error.message}", error.hint or hint) from error
    except Exception as error:  # whatever a module of the user's raises
        reason = f"{type(error).__name__}: {error}"
        raise InvalidRequest(f"The metrics of {what} cannot be loaded: {reason}.", hint) from error
    return [row.name for row in rows]


def _rows(module: Any) -> list[Metric]:
    """The metrics that a module holds and this project does not."""
    rows = (
        [value for value in vars(module).values() if isinstance(value, Metric)] if hasattr(module, "__dict__") else []
    )
    if not rows:
        raise InvalidRequest("There is no Metric in it.", "Give a Metric, or a module with one at its top level.")
    return [row for row in rows if METRICS.get(row.name) is not row]


def _module(name: str) -> ModuleType:
    path = Path(name)
    if path.suffix != ".py":
        return importlib.import_module(name)
    if not path.is_absolute():  # the workers' working folder is another one
        raise InvalidRequest("That is no full path.", "Write the path from the root, or the name of a module.")
    if not path.is_file():
        raise InvalidRequest("There is no such file.", "Correct EMBEDSCOPE_METRICS.")
    spec = importlib.util.spec_from_file_location(f"embedscope_own_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def _check(row: Metric) -> None:
    """Raise InvalidRequest where ``row`` breaks a promise that forms, the store or the command line rely on."""
    taken = {name for known in METRICS.values() for name in (known.name, *known.aliases)}
    clash = next((name for name in (row.name, *row.aliases) if name in taken), None)
    problem = ""
    if not row.name.isidentifier() or not row.title.strip():
        problem = "its name is no plain word such as mean_norm, or its title is empty"
    elif clash is not None:
        problem = f"there is a metric '{clash}' already"
    elif row.scope not in SCOPES or row.labels not in _LABELS or row.worker not in _WORKERS:
        problem = (
            f"scope is one of {', '.join(SCOPES)}; labels of {', '.join(_LABELS)}; worker of {', '.join(_WORKERS)}"
        )
    else:
        problem = _form_problem(row.params) or _record_problem(row.result, "result")
    if problem:
        raise InvalidRequest(f"The metric '{row.name}' cannot be registered: {problem}.", "See docs/own-metrics.md.")


def _form_problem(params: type) -> str:
    problem = _record_problem(params, "params")
    if problem:
        return problem
    for field in dataclasses.fields(params):
        if not field.metadata.get("help"):
            return f"its parameter '{field.name}' is not declared with param(default, help)"
        if isinstance(field.type, str):
            return "its parameters have types in quotes; leave out 'from __future__ import annotations'"
    try:
        check_params(params())
    except InvalidRequest as error:
        return f"its defaults are outside their limits ({error.message.rstrip('.')})"
    return ""


def _record_problem(cls: type, what: str) -> str:
    whole = dataclasses.is_dataclass(cls) and getattr(cls, "__dataclass_params__").frozen  # noqa: B009 - untyped
    return "" if whole else f"its {what} is no frozen dataclass"
