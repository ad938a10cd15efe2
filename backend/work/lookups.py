"""Doing a ResolveTask and a SeriesTask: what the name of a model or of a series stands for now; which local ones there are."""

import threading
import time
from pathlib import Path

from backend.values.activations import Report
from backend.values.local import LocalModels
from backend.values.models import ModelInfo, SeriesInfo
from backend.values.specs import DTYPES
from backend.values.tasks import ResolveTask, SeriesTask
from backend.work.checks import MOST_TASKS, check_text, one_of, within
from backend.work.kinds import FRESH, Hands


def resolve(hands: Hands, task: ResolveTask, report: Report) -> ModelInfo:
    """The model that a name stands for."""
    return hands.models.resolve(task.name, task.dtype)


def resolved_for(task: ResolveTask, found: ModelInfo) -> float | None:
    """How long the answer holds: a name with its commit in it always means the same.

    An answer of a version that did not ask how a model is built holds as long as any.
    """
    fixed = task.name == "minilm" or task.name.endswith(f"@{found.spec.commit}")
    return None if fixed and (found.built or found.is_given) else FRESH


def resolve_title(task: ResolveTask) -> str:
    """What the job is called."""
    return f"look up {task.name}"


def check_resolve(task: ResolveTask) -> None:
    """Raise InvalidRequest for a name or a number format that is none."""
    check_text("a model", task.name)
    one_of("number format", task.dtype, ("auto", *DTYPES))


def find_series(hands: Hands, task: SeriesTask, report: Report) -> SeriesInfo:
    """The checkpoints that a name stands for."""
    return hands.models.series(task, report)


def series_title(task: SeriesTask) -> str:
    """What the job is called."""
    return f"look up the checkpoints of {task.name}"


def check_series(task: SeriesTask) -> None:
    """Raise InvalidRequest for a name, a number format or a step that is none."""
    check_text("a model", task.name)
    one_of("number format", task.dtype, ("auto", *DTYPES))
    within("'at_most'", task.at_most, 0, MOST_TASKS)
    for step in task.steps:
        within("a step", step, 0, 2**53)


class LocalList:
    """The models below some folders; who asks again within half a minute is told the same, and waits for no second walk."""

    _SECONDS = 30.0

    def __init__(self, roots: tuple[Path, ...]) -> None:
        self._roots = roots
        self._lock = threading.Lock()
        self._known: tuple[float, LocalModels] | None = None

    def models(self) -> LocalModels:
        """What is there, as it was looked up last."""
        from backend.models.local import find_local_models

        with self._lock:
            if self._known is None or time.monotonic() - self._known[0] > self._SECONDS:
                found = find_local_models(self._roots) if self._roots else LocalModels()
                self._known = time.monotonic(), found
            return self._known[1]
