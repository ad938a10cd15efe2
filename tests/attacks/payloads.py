"""Tasks that nobody would ask for: made from the annotations of every kind of task, then changed at random."""

import dataclasses
import json
import random
import types
import typing
from copy import deepcopy
from typing import Any

from tests.attacks.made import TAME, WORDS

NAMES = (
    "minilm",
    "sentiment",
    "mean",
    "cls",
    "cka",
    "auto",
    "float32",
    "all",
    "a" * 40,
    "b" * 40,
    "run:x",
    "vectors:y",
)
WILD = (
    None,
    True,
    -1,
    0,
    2**31,
    2**63,
    10**400,
    -0.5,
    1e308,
    "",
    [],
    {},
    [[]],
    {"a": 1},
    {"array": "a0"},
    "inf",
    "-inf",
    "nan",
)


def task_text(kinds: dict[str, type], params: dict[str, type], seed: int) -> str:
    """The JSON text of a task of any kind: half of them as their annotations say, half changed in up to four places."""
    draw = random.Random(f"task {seed}")
    cls = kinds[draw.choice(sorted(kinds))]
    task = {"type": cls.__name__, **_value(cls, draw, params)}
    if draw.random() < 0.5:
        for _ in range(draw.randrange(1, 5)):
            _change(task, draw)
    text = json.dumps(task)
    if draw.random() < 0.05:
        at = draw.randrange(len(text))
        text = text[:at] + draw.choice(("", "[" * 3000, "NaN", "Infinity", '"', "9" * 5000, "\ud800")) + text[at + 1 :]
    return text


def _value(kind: Any, draw: random.Random, params: dict[str, type]) -> Any:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _fields(kind, draw, params)
    if origin in (types.UnionType, typing.Union):
        return _value(draw.choice(args), draw, params)
    if origin is tuple:
        kinds = [args[0]] * draw.randrange(3) if len(args) == 2 and args[1] is Ellipsis else args
        return [_value(one, draw, params) for one in kinds]
    if origin is dict:
        return {draw.choice(NAMES): _value(args[1], draw, params) for _ in range(draw.randrange(3))}
    made = {
        str: lambda: draw.choice(NAMES if draw.random() < 0.7 else draw.choice((TAME, WORDS))),
        int: lambda: draw.choice((0, 1, 2, 5, 20, -1, 2**40)),
        float: lambda: draw.choice((0.0, 0.1, 1.0, -1.0, 1e300, None, "inf")),
        bool: lambda: draw.random() < 0.5,
        type(None): lambda: None,
    }
    return made.get(kind, lambda: deepcopy(draw.choice(WILD)))()


def _fields(cls: type, draw: random.Random, params: dict[str, type]) -> dict[str, Any]:
    hints, made = typing.get_type_hints(cls), {}
    for field in dataclasses.fields(cls):
        needed = field.default is field.default_factory is dataclasses.MISSING
        if needed or draw.random() < 0.4:
            made[field.name] = _value(hints[field.name], draw, params)
    if cls.__name__ == "AnalysisSpec":
        made["metric"] = draw.choice(sorted(params))
        made["params"] = _fields(params[made["metric"]], draw, params)
    return made


def _change(task: dict[str, Any], draw: random.Random) -> None:
    """Change one place of a task: another value, a field less, a field more."""
    at: Any = task
    for _ in range(draw.randrange(4)):
        inner = [one for one in (at.values() if isinstance(at, dict) else at) if isinstance(one, dict | list) and one]
        if not inner:
            break
        at = draw.choice(inner)
    keys = list(at) if isinstance(at, dict) else list(range(len(at)))
    if not keys:
        return
    how, key = draw.randrange(5), draw.choice(keys)
    if how == 0:
        del at[key]
    elif how == 1 and isinstance(at, dict):
        at[draw.choice(WORDS)] = deepcopy(draw.choice(WILD))
    elif how == 2:
        at[key] = draw.choice(WORDS)
    elif how == 3 and isinstance(at, list):
        at.extend([at[0]] * draw.choice((1, 50)))
    else:
        at[key] = deepcopy(draw.choice(WILD))
