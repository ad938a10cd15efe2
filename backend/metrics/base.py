"""The shape of a metric: its parameters describe their own form, its result says what is undefined and why."""

import csv
import dataclasses
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic

from backend.errors import InvalidRequest
from backend.metrics.effort import PLAIN, Effort
from backend.values.activations import Labels, LayerStack, Report
from backend.values.results import Undefined, Values
from backend.values.specs import KEY_IF_SET

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from typing_extensions import TypeVar

    Params = TypeVar("Params", default=Any)  # a bare Metric is any row of the table, each with a class of its own
else:
    from typing import TypeVar

    Params = TypeVar("Params")

SCOPES = ("stack", "pair", "models")
Given = TypeVar("Given", bound="DataclassInstance")
AFTER_FIRST, BEFORE_FIRST = (
    "after first",
    "before first",
)  # in which order a metric takes two models of which one was made from the other


@dataclass(frozen=True, slots=True, eq=False)
class Outcome(Generic[Values]):
    """What a metric's ``run`` returns: the values, the reason for each NaN, and sentences for the figure."""

    values: Values
    undefined: tuple[Undefined, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Metric(Generic[Params, Values]):
    """One row of METRICS.

    ``scope`` says what ``run`` is given: "stack" one stack, "pair" one or two, "models" any number. ``params`` and
    ``result`` are frozen dataclasses; ``worker`` is the process that runs it ("models" for dense linear algebra, "layouts"
    for scikit-learn, UMAP and t-SNE). ``labels`` is "no", "optional" or "required"; ``aliases`` are other names it answers
    to. With ``head`` each stack brings its model's own classification head, with ``network`` a way to run the model again;
    with ``basis`` a stack may be followed by one of the same model over a second text set. ``effort`` says how its time grows.
    """

    name: str
    version: int
    title: str
    scope: str
    params: type[Params]
    result: type[Values]
    run: Callable[[Sequence[LayerStack], Labels | None, Params, int, Report], Outcome[Values]]
    worker: str = "models"
    labels: str = "no"
    aliases: tuple[str, ...] = ()
    head: bool = False
    network: bool = False
    basis: bool = False
    direction: str = ""
    effort: Effort = PLAIN


def param(
    default: Any,  # of the type of the field
    help: str,  # noqa: A002 - the word that users see
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[Any, ...] | None = None,  # likewise
    label: str | None = None,
    later: bool = False,
    n_items: tuple[int, int] | None = None,
) -> Any:  # a dataclasses.field, which stands for a value of any type
    """Declare one user-facing parameter: its default, help and limits feed form, validation, command line and docs.

    Of a list of numbers ``low`` and ``high`` bound every one, ``n_items`` how many there are. One that came ``later``
    than the metric's first results takes part in their address only where it is set.
    """
    metadata = {"help": help, "low": low, "high": high, "choices": choices, "label": label, "n_items": n_items}
    metadata |= KEY_IF_SET if later else {}
    return dataclasses.field(default=default, metadata=metadata)


def parse_params(cls: type[Given], given: dict[str, Any]) -> Given:
    """Make ``cls`` from ``given`` (strings or values); raises InvalidRequest for unknown names and bad values."""
    known = {f.name: f for f in dataclasses.fields(cls)}
    values = {}
    for name, value in given.items():
        if name not in known:
            names = ", ".join(known) or "none"
            raise InvalidRequest(f"Unknown parameter '{name}'.", f"The parameters of this metric are: {names}.")
        values[name] = _checked(known[name], value)
    return cls(**values)


def check_params(params: Given) -> Given:
    """``params``, if every one of them could have been given in a form; raises InvalidRequest that names the first not.

    For parameters that come ready made, in a recipe or from a notebook: types and limits are those of `parse_params`.
    """
    for field in dataclasses.fields(params):
        value, kind = getattr(params, field.name), str if field.type == tuple[str, ...] else int
        if type(value) is not type(field.default) or (
            isinstance(value, tuple) and any(type(item) is not kind for item in value)
        ):
            raise _no_value(field, value)
        _within(field, value)
    return params


def _checked(field: Any, value: Any) -> Any:
    value = _converted(field, value)
    _within(field, value)
    return value


def _within(field: Any, value: Any) -> None:
    """Raise InvalidRequest where ``value``, of the right type, is outside the limits of ``field``."""
    meta = field.metadata
    choices, n_items = meta.get("choices"), meta.get("n_items")
    if choices is not None and value not in choices:
        listed = ", ".join(map(str, choices))
        raise InvalidRequest(f"Parameter '{field.name}' cannot be {_shown(value)}.", f"Choose one of: {listed}.")
    if isinstance(value, str):
        return
    items = value if isinstance(value, tuple) else (value,)
    if n_items is not None and not n_items[0] <= len(items) <= n_items[1]:
        wanted = f"{n_items[0]}" if n_items[0] == n_items[1] else f"{n_items[0]} to {n_items[1]:,}"
        raise InvalidRequest(f"Parameter '{field.name}' has {len(items)} values.", f"Give {wanted}.")
    low, high = meta.get("low"), meta.get("high")
    for item in items:
        too_low, too_high = low is not None and not item >= low, high is not None and not item <= high
        if too_low or too_high or (isinstance(item, float) and not math.isfinite(item)):
            raise InvalidRequest(
                f"Parameter '{field.name}' is {_shown(item)}, outside its range.",
                f"Give {'values' if isinstance(value, tuple) else 'a value'} from "
                f"{'any' if low is None else low} to {'any' if high is None else high}.",
            )


def _converted(field: Any, value: Any) -> Any:
    """``value`` in the type of the field's default; text such as "true" or "0.5" comes from the command line."""
    kind = type(field.default)
    try:
        if kind is bool:
            if isinstance(value, str):
                return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[value.lower()]
            if value not in (0, 1):
                raise ValueError
            return bool(value)
        if kind is int:
            return _whole(value)
        if kind is float:
            if isinstance(value, bool | bytes):
                raise ValueError
            return float(value)
        if kind is tuple and field.type == tuple[str, ...]:
            if isinstance(value, str):
                value = next(csv.reader([value], skipinitialspace=True), [])
            if not all(isinstance(item, str) for item in value):
                raise ValueError
            return tuple(item.strip() for item in value if item.strip())
        if kind is tuple:
            items = value.split(",") if isinstance(value, str) else value
            return tuple(_whole(item) for item in items if str(item).strip())
        if not isinstance(value, str):
            raise ValueError
        return value
    except (ValueError, TypeError, KeyError, OverflowError):
        raise _no_value(field, value) from None


def _whole(value: Any) -> int:
    """A whole number given as such, as text or as a float; raises ValueError for anything else."""
    if isinstance(value, bool):
        raise ValueError
    if isinstance(value, float | str):
        number = float(value)
        if not number.is_integer():
            raise ValueError
        return int(number)
    return operator.index(value)


def _no_value(field: Any, value: Any) -> InvalidRequest:
    wanted = f"It takes a value like {field.default!r}."
    return InvalidRequest(f"Parameter '{field.name}' cannot be {_shown(value)}.", wanted)


def _shown(value: Any) -> str:
    """``value`` as it was written, cut where it is long."""
    try:
        text = repr(value)
    except ValueError:  # a whole number with more digits than Python writes
        return "a number of thousands of digits"
    return text if len(text) <= 60 else text[:57] + "..."
