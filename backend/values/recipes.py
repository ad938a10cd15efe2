"""Recipes of fine-tuning: every number of a run as a field, and the recipes of the papers by name."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from backend.errors import InvalidRequest

SCHEDULES = ("linear", "slanted", "constant")


def _setting(
    default: Any,
    help: str,  # noqa: A002 - the word that users see
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[Any, ...] | None = None,
    label: str | None = None,
) -> Any:
    """One field of a recipe: its default, help and limits feed form, check and command line, as for a metric."""
    metadata = {"help": help, "low": low, "high": high, "choices": choices, "label": label}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is fine-tuned. A step is one update of the weights, of ``batch_size * accumulation`` rows."""

    epochs: int = _setting(3, "Passes over the training rows.", low=1, high=1000)
    batch_size: int = _setting(
        32, "Texts per forward pass; for words, sentences with all their words.", low=1, high=4096
    )
    accumulation: int = _setting(1, "Forward passes whose gradients are accumulated into one step.", low=1, high=1024)
    learning_rate: float = _setting(5e-5, "Peak learning rate, of the last layer and the head.", low=0.0)
    layer_decay: float = _setting(
        1.0, "Each layer's learning rate is that of the layer above times this; 1: the same for all.", low=0.1, high=1.0
    )
    schedule: str = _setting(
        "linear",
        "After the warm-up the learning rate falls to 0 (linear; slanted is a triangle of one cycle), or stays constant.",
        choices=SCHEDULES,
    )
    warmup: float = _setting(0.0, "Share of the steps over which the learning rate rises from 0.", low=0.0, high=1.0)
    weight_decay: float = _setting(0.0, "AdamW's weight decay; norms and biases have none.", low=0.0, high=1.0)
    dropout: float | None = _setting(
        None, "Dropout on the vector that the head reads; empty: the model's own.", low=0.0, high=0.9
    )
    held_out: float = _setting(
        0.1,
        "Share of the training rows held out for validation, if the texts have no validation rows.",
        low=0.01,
        high=0.9,
    )
    drop_single: bool = _setting(
        False, "Leave out classes of one row, if the split is drawn here.", label="Leave out classes of one row"
    )
    patience: int = _setting(
        0, "Stop after this many epochs without a better accuracy, and keep the best; 0: never.", low=0, high=100
    )
    max_length: int = _setting(
        512, "Tokens read of each text, or the limit of the model or its package if that is lower.", low=2, high=65536
    )
    max_grad_norm: float = _setting(1.0, "Gradients are clipped to this norm; 0: never.", low=0.0)
    seed: int = _setting(0, "Determines the new head, the order of the rows and the dropout.", low=0, high=2**31 - 1)
    max_steps: int = _setting(0, "Stop after this many steps; 0: after the epochs.", low=0, high=2**31 - 1)

    @property
    def n_together(self) -> int:
        """Rows (for words: sentences) that make one step."""
        return self.batch_size * self.accumulation


RECIPES: dict[str, Recipe] = {
    "gptology": Recipe(epochs=10, batch_size=32, accumulation=4),
    "matton": Recipe(
        epochs=4,
        batch_size=16,
        accumulation=2,
        learning_rate=2e-5,
        layer_decay=0.95,
        schedule="slanted",
        warmup=0.1,
        weight_decay=0.01,
        dropout=0.1,
        held_out=0.1,
        patience=1,
    ),
    "zhou": Recipe(epochs=10, batch_size=32, learning_rate=3e-5, warmup=0.1),
    "zhou-base": Recipe(epochs=3, batch_size=32, learning_rate=3e-5, warmup=0.1),
}
"""The papers' recipes; where each number comes from, and which are ours, is said in docs/finetuning.md."""


def recipe(name: str, changes: Mapping[str, Any] | None = None) -> Recipe:
    """The recipe of that name with fields changed; raises InvalidRequest for an unknown name and as ``changed``."""
    if name not in RECIPES:
        raise InvalidRequest(f"There is no recipe '{name}'.", f"Choose one of: {', '.join(RECIPES)}.")
    return changed(RECIPES[name], changes or {})


def changed(base: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """``base`` with fields set to values or to text such as "3e-5"; raises InvalidRequest where one cannot be."""
    known = {f.name: f for f in dataclasses.fields(Recipe)}
    values = {}
    for name, value in changes.items():
        if name not in known:
            raise InvalidRequest(f"A recipe has no field '{name}'.", f"Its fields are: {', '.join(known)}.")
        values[name] = _converted(known[name], value)
    return checked(replace(base, **values))


def checked(given: Recipe) -> Recipe:
    """``given``, if all its fields are of their type and within their limits; raises InvalidRequest otherwise."""
    for f in dataclasses.fields(Recipe):
        value: Any = getattr(given, f.name)
        choices, low, high = f.metadata["choices"], f.metadata["low"], f.metadata["high"]
        if choices is not None and value not in choices:
            raise InvalidRequest(f"'{f.name}' cannot be {value!r}.", f"Choose one of: {', '.join(choices)}.")
        if choices is not None or (value is None and f.default is None):
            continue
        kind = float if f.default is None else type(f.default)
        if type(value) is not kind:
            raise InvalidRequest(f"'{f.name}' cannot be {value!r}.", f"It takes a value like {f.default!r}.")
        if not isinstance(value, int | float):
            continue
        if (low is not None and not value >= low) or (high is not None and not value <= high) or value == math.inf:
            to = "any" if high is None else f"{high:g}"
            raise InvalidRequest(f"'{f.name}' is {value}, outside its range.", f"Give a value from {low:g} to {to}.")
    if not given.learning_rate > 0.0:
        raise InvalidRequest(f"A learning rate of {given.learning_rate} has no effect.", "Give one above 0.")
    return given


def _converted(f: Any, value: Any) -> Any:
    try:
        if f.type is str or isinstance(f.default, str):
            return str(value)
        if f.name == "dropout":
            return None if value is None or str(value).lower() in ("", "none") else float(value)
        if isinstance(f.default, bool):
            return _truth(value)
        if isinstance(f.default, int):
            if isinstance(value, bool) or float(value) != int(float(value)):
                raise ValueError
            return int(float(value))
        return float(value)
    except (ValueError, TypeError, OverflowError):
        raise InvalidRequest(f"'{f.name}' cannot be {value!r}.", f"It takes a value like {f.default!r}.") from None


def _truth(value: Any) -> bool:
    text = str(value).strip().lower()
    if text not in ("true", "false", "1", "0", "yes", "no"):
        raise ValueError
    return text in ("true", "1", "yes")


def saved_steps(n_train: int, recipe: Recipe) -> tuple[tuple[int, ...], int, int]:
    """The steps that are saved (0, powers of two below one epoch, the end of every epoch), steps in an epoch, and all."""
    in_epoch = math.ceil(math.ceil(n_train / recipe.batch_size) / recipe.accumulation)
    total = in_epoch * recipe.epochs
    total = min(total, recipe.max_steps) if recipe.max_steps else total
    early = [2**power for power in range(in_epoch.bit_length()) if 2**power < in_epoch]
    steps = {0, total, *early, *(epoch * in_epoch for epoch in range(1, recipe.epochs + 1))}
    return tuple(sorted(step for step in steps if step <= total)), in_epoch, total
