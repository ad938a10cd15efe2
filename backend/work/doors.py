"""The door: whether a task could have come from a form. Nothing is read and nothing is computed to find out.

A task may come from a page, a notebook, a recipe that somebody edited, or from anywhere over HTTP. All of its values
are checked here, by the limits that the forms have; what must be looked at to be known (does that table hash to that
digest?) is `agreement`'s.
"""

import dataclasses
from typing import Any

from backend.errors import InvalidRequest
from backend.forms.fingerprint import fingerprint
from backend.values.tasks import Task
from backend.work.tasks import codec, kind_of


def check_task(task: Task) -> None:
    """Raise InvalidRequest where a value of ``task`` is of a wrong type, outside its limits or unlike another of them."""
    _check_types(task)
    kind_of(task).check(task)


def _check_types(task: Task) -> None:
    """What is not the same after a way through JSON has a field of another type than it says, and another address."""
    known = codec()
    try:
        back = known.task_from_json(known.task_to_json(task))
        same = back == task and fingerprint(back) == fingerprint(task)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise InvalidRequest(f"This is no task: {error}.", "Build it with the workbench.") from None
    if not same:
        where = _difference(task, back, type(task).__name__)
        raise InvalidRequest(f"{where}.", "Give a value of the field's type: 1.0 is a number, 1 a whole number.")


def _difference(given: Any, wanted: Any, where: str) -> str:
    """The first place where two values of one shape differ in type or value."""
    if dataclasses.is_dataclass(given) and type(given) is type(wanted):
        for field in dataclasses.fields(given):
            one, other = getattr(given, field.name), getattr(wanted, field.name)
            if type(one) is not type(other) or one != other:
                return _difference(one, other, f"{where}.{field.name}")
    if isinstance(given, tuple) and isinstance(wanted, tuple) and len(given) == len(wanted):
        for number, (one, other) in enumerate(zip(given, wanted, strict=True)):
            if type(one) is not type(other) or one != other:
                return _difference(one, other, f"{where}[{number}]")
    return f"{where} cannot be {str(given)[:60]!r} of type {type(given).__name__}"
