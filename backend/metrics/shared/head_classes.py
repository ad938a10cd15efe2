"""Which output of a model's own head stands for which class of the labels, and when that cannot be told."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from backend.errors import InvalidRequest
from backend.metrics.base import param
from backend.metrics.shared.splits import SplitParams

HEADS = ("auto", "fitted")
_NUMBER = re.compile(r"(\d{1,6})(\.0*)?")  # a class number, as whole-number columns with a gap write it too: 1.0
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class HeadParams(SplitParams):
    """What every metric that reads a classification head can be asked."""

    head: str = param(
        "auto",
        "The model's own head if it reads this layer and these classes, otherwise a fitted one; or always a fitted one.",
        choices=HEADS,
    )
    classes: tuple[str, ...] = param(
        (),
        "The labels' classes in the order of the outputs of the model's own head, each once, with commas between them; "
        "needed only where the checkpoint does not name its outputs as the labels do.",
        label="Classes in the order of the head's outputs",
        later=True,
        n_items=(0, 10_000),
    )


@dataclass(frozen=True, slots=True)
class Order:
    """The output (its number) of each class, how that is known ("names", "numbers" or "given"), and the outputs left over."""

    outputs: tuple[int, ...]
    known_by: str
    others: tuple[int, ...]


def output_order(outputs: Sequence[str], classes: Sequence[str], given: Sequence[str] = ()) -> Order | str:
    """Which output stands for each of ``classes``, or the reason why that cannot be told.

    By ``given``, the classes in the order of the outputs; else by names that are the same but for case and white space; else,
    where the outputs are called LABEL_0, LABEL_1, ..., by number, if the classes are the numbers 0 to n - 1 of all n outputs.
    Raises InvalidRequest for a ``given`` order that lacks a class, names one twice, or is not as long as ``outputs``.
    """
    if given:
        return _given(outputs, classes, given)
    names, wanted = [plain_name(name) for name in outputs], [plain_name(name) for name in classes]
    distinct = len(set(names)) == len(names) and len(set(wanted)) == len(wanted)
    if distinct and set(wanted) <= set(names):
        return _order([names.index(name) for name in wanted], "names", len(names))
    numbers = _numbers(classes)
    if names == [f"label_{number}" for number in range(len(names))]:
        if numbers is not None and sorted(numbers) == list(range(len(names))):
            return _order(numbers, "numbers", len(names))
        which = f"outputs, LABEL_0 to LABEL_{len(names) - 1}, have no names"
    else:
        which = f"outputs are called {_listed(outputs)}"
    return (
        f"the model's own {which}, the labels' classes are {_listed(classes)}, and which is which cannot be told: give the "
        "order of the classes to have it read"
    )


def check_given(given: Sequence[str], classes: Sequence[str]) -> list[int]:
    """The place in ``given`` of each of ``classes``; raises InvalidRequest where one is missing or named twice."""
    exact = len({plain_name(name) for name in classes}) < len(set(classes))  # two classes that differ in case alone
    names, wanted = (
        [name.strip() if exact else plain_name(name) for name in those] for those in (tuple(given), tuple(classes))
    )
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise InvalidRequest(
            f"The order of the classes names '{given[names.index(twice)]}' twice.", "Name each class once."
        )
    missing = [name for name, key in zip(classes, wanted, strict=True) if key not in names]
    if missing:
        raise InvalidRequest(
            f"The order of the classes ({_listed(given)}) lacks {_listed(missing)}.",
            f"Name each class of the labels once: {_listed(classes, most=20)}.",
        )
    return [names.index(key) for key in wanted]


def plain_name(name: str) -> str:
    """``name`` as it is compared: without case, compatibility forms and white space at its ends; one space between words."""
    return " ".join(unicodedata.normalize("NFKC", str(name)).casefold().split())


def said_of(order: Order, outputs: Sequence[str], classes: Sequence[str]) -> str:
    """What is to be said of a head that is read in this order, beginning with a space; empty where it goes without saying."""
    said = ""
    if order.known_by == "numbers":
        said = f" Its outputs have no names; they are the labels' numbers 0 to {len(classes) - 1}."
    elif order.known_by == "given":
        names = dict(zip(order.outputs, classes, strict=True))
        placed = [names.get(number, "no class of these labels") for number in range(len(outputs))]
        said = f" Its outputs are read in the order that was given: {_listed(placed, most=20)}."
        if _contradicts(outputs, placed, classes):
            said = f" The model names its outputs {_listed(outputs, most=20)}: the order that was given contradicts it.{said}"
    if order.others:
        those = _listed([outputs[number] for number in order.others])
        said += f" Outputs that stand for no label ({those}): a row given to one counts as wrong."
    return said


def _contradicts(outputs: Sequence[str], placed: Sequence[str], classes: Sequence[str]) -> bool:
    """Whether an output that bears the name of a class, or its number (LABEL_1), is read as another."""
    known = {plain_name(name) for name in classes}
    unnamed = output_order(outputs, classes)
    if isinstance(unnamed, Order) and unnamed.known_by == "numbers":
        return any(placed[number] != name for number, name in zip(unnamed.outputs, classes, strict=True))
    pairs = [(plain_name(name), plain_name(read)) for name, read in zip(outputs, placed, strict=True)]
    return any(name in known and name != read for name, read in pairs)


def _given(outputs: Sequence[str], classes: Sequence[str], given: Sequence[str]) -> Order:
    places = check_given(given, classes)
    if len(given) != len(outputs):
        raise InvalidRequest(
            f"The order of the classes names {len(given)}, and the model's own head has {len(outputs)} outputs "
            f"({_listed(outputs)}).",
            "Name one class for each output, in their order.",
        )
    return _order(places, "given", len(outputs))


def _order(places: Sequence[int], known_by: str, n_outputs: int) -> Order:
    others = tuple(number for number in range(n_outputs) if number not in set(places))
    return Order(tuple(places), known_by, others)


def _numbers(classes: Sequence[str]) -> list[int] | None:
    """The classes as numbers, or None where one is no number."""
    found = [_NUMBER.fullmatch(name.strip()) for name in classes]
    return None if None in found else [int(one.group(1)) for one in found if one is not None]


def _listed(names: Sequence[str], *, most: int = _SHOWN) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
