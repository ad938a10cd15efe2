"""The shape of a metric: its parameters describe their own form, its result says what is undefined and why."""

import csv
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from backend.activations import Labels, LayerStack, Report
from backend.errors import InvalidRequest
from backend.results import Undefined
from backend.specs import KEY_IF_SET

SCOPES = ("layer", "stack", "pair", "models")
AFTER_FIRST, BEFORE_FIRST = (
    "after first",
    "before first",
)  # in which order a metric takes two models of which one was made from the other


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What a metric's ``run`` returns: the values, the reason for each NaN, and sentences for the figure."""

    values: Any
    undefined: tuple[Undefined, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of METRICS.

    ``scope`` says what ``run`` is given: "layer" one stack of exactly one layer, "stack" one stack, "pair" one stack
    or two, "models" any number of stacks. ``params`` and ``result`` are frozen dataclasses; ``worker`` is the process
    that runs it ("models" for dense linear algebra, "layouts" for scikit-learn, UMAP and t-SNE). ``labels`` is "no",
    "optional" or "required"; ``aliases`` are other names it answers to. With ``head`` each stack brings its model's own
    classification head, with ``network`` a way to run the model again; with ``basis`` a stack may be followed by one of
    the same model over a second text set.
    """

    name: str
    version: int
    title: str
    scope: str
    params: type
    result: type
    run: Callable[[Sequence[LayerStack], Labels | None, Any, int, Report], Outcome]
    worker: str = "models"
    labels: str = "no"
    aliases: tuple[str, ...] = ()
    head: bool = False
    network: bool = False
    basis: bool = False
    direction: str = ""


def param(
    default: Any,
    help: str,  # noqa: A002 - the word that users see
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[Any, ...] | None = None,
    label: str | None = None,
    later: bool = False,
) -> Any:
    """Declare one user-facing parameter: its default, help and limits feed form, validation, command line and docs.

    One that came ``later`` than the metric's first results takes part in their address only where it is set.
    """
    metadata = {"help": help, "low": low, "high": high, "choices": choices, "label": label}
    metadata |= KEY_IF_SET if later else {}
    return dataclasses.field(default=default, metadata=metadata)


def parse_params(cls: type, given: dict[str, Any]) -> Any:
    """Make ``cls`` from ``given`` (strings or values); raises InvalidRequest for unknown names and bad values."""
    known = {f.name: f for f in dataclasses.fields(cls)}
    values = {}
    for name, value in given.items():
        if name not in known:
            names = ", ".join(known) or "none"
            raise InvalidRequest(f"Unknown parameter '{name}'.", f"The parameters of this metric are: {names}.")
        values[name] = _checked(known[name], value)
    return cls(**values)


def _checked(field: Any, value: Any) -> Any:
    value = _converted(field, value)
    meta = field.metadata
    choices, low, high = meta.get("choices"), meta.get("low"), meta.get("high")
    if choices is not None and value not in choices:
        listed = ", ".join(map(str, choices))
        raise InvalidRequest(f"Parameter '{field.name}' cannot be {value!r}.", f"Choose one of: {listed}.")
    too_low = low is not None and value is not None and not value >= low
    too_high = high is not None and value is not None and not value <= high
    if too_low or too_high:
        raise InvalidRequest(
            f"Parameter '{field.name}' is {value}, outside its range.",
            f"Give a value from {'any' if low is None else low} to {'any' if high is None else high}.",
        )
    return value


def _converted(field: Any, value: Any) -> Any:
    """``value`` in the type of the field's default; text such as "true" or "0.5" comes from the command line."""
    kind = type(field.default)
    try:
        if kind is bool:
            if isinstance(value, str):
                return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[value.lower()]
            return bool(value)
        if kind is int:
            if isinstance(value, bool) or float(value) != int(float(value)):
                raise ValueError
            return int(float(value))
        if kind is float:
            return float(value)
        if kind is tuple and field.type == tuple[str, ...]:
            if isinstance(value, str):
                value = next(csv.reader([value], skipinitialspace=True), [])
            return tuple(str(item).strip() for item in value if str(item).strip())
        if kind is tuple:
            items = value.split(",") if isinstance(value, str) else value
            return tuple(int(item) for item in items if str(item).strip())
        return value
    except (ValueError, TypeError, KeyError, OverflowError):
        raise InvalidRequest(
            f"Parameter '{field.name}' cannot be {value!r}.", f"It takes a value like {field.default!r}."
        ) from None
