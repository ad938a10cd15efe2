"""The door for whoever has logged in: a task may only be about what they may see. The rest is, for them, not there.

What is hidden is answered by the code and with the words that answer for what does not exist, and before anything is
looked up that was computed: neither the answer nor its time says which of the two it was.
"""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from backend.errors import InvalidRequest, ModelError, TextSetError
from backend.store import Store
from backend.values.models import ModelInfo, SeriesInfo
from backend.values.people import NOBODY, asking
from backend.values.runs import RunInfo
from backend.values.specs import ModelSpec, TextSetSpec
from backend.values.tasks import ResolveTask, SeriesTask, Task
from backend.values.texts import TextSetInfo
from backend.values.vectors import PREFIX as VECTORS
from backend.values.vectors import VectorsInfo
from backend.work.agreement import check_texts, names_are_known
from backend.work.library import Library
from backend.work.modelhost import require_vectors
from backend.work.runlist import require_seen, seen_runs
from backend.work.vectorlist import named_vectors

TABLES = ("table", "train", "test")  # what fields of tasks are called that name a text set by the digest of its table
BLOBS = ("blob",)
_T = TypeVar("_T")


def require_seen_by_asker(store: Store, library: Library, runs: Path, task: Task) -> None:
    """Raise, as for what does not exist, where ``task`` is about something that who asks may not see."""
    if asking() == NOBODY:
        return
    check_texts(library, task)
    for texts in dict.fromkeys(_within(task, TextSetSpec)):
        found = library.spec(texts)
        if found.digest != texts.digest:
            raise InvalidRequest(f"'{texts.name}' has other texts than this says.", "Build it again on its page.")
    for model in dict.fromkeys(_within(task, ModelSpec)):
        if model.name.startswith(VECTORS):
            require_vectors(store, model)
        require_seen(store, runs, model.name)
    for name, value in _fields(task):
        if name in TABLES:
            library.table(TextSetSpec(value[:10], "", 0, table=value))
        if name in BLOBS and not (store.owners.mine("blobs", value) and store.has_blob(value)):
            raise TextSetError("The uploaded file is no longer available.", "Upload it again.")
    if isinstance(task, ResolveTask | SeriesTask):
        _require_name(store, runs, task)


def _require_name(store: Store, runs: Path, task: ResolveTask | SeriesTask) -> None:
    name = task.name.strip()
    if name.startswith(VECTORS):
        named_vectors(store, name)
    require_seen(store, runs, name)
    short = isinstance(task, SeriesTask) and "/" not in name and ":" not in name and not Path(name).exists()
    if short and all(name not in (run.name, *run.former) for run in seen_runs(store, runs)):
        from backend.models.series import no_series

        raise no_series(task.name)


def may_be_told(store: Store, library: Library, runs: Path, task: Task) -> bool:
    """Whether who asks may be told of answers to ``task`` that are there: all in it is theirs to see, and known to be what it says."""
    try:
        require_seen_by_asker(store, library, runs, task)
    except (InvalidRequest, ModelError, TextSetError):
        return False
    return asking() == NOBODY or names_are_known(store, task)


def is_seen(store: Store, runs: Path, answer: object) -> bool:
    """Whether who asks may see what an answer is about: the text set, vectors, run or model that came of a task."""
    if isinstance(answer, TextSetInfo):
        return answer.builtin or (store.owners.seen("texts", answer.spec.table) and store.has_texts(answer.spec.table))
    if isinstance(answer, VectorsInfo):
        return store.owners.seen("vectors", answer.commit)
    if isinstance(answer, RunInfo):
        return store.owners.seen("runs", answer.name)
    if isinstance(answer, SeriesInfo):
        return all(is_seen(store, runs, info) for info in answer.models)
    if isinstance(answer, ModelInfo):
        return _model_is_seen(store, runs, answer.spec)
    return True


def _model_is_seen(store: Store, runs: Path, model: ModelSpec) -> bool:
    try:
        if model.name.startswith(VECTORS):
            return named_vectors(store, model.name).commit == model.commit
        require_seen(store, runs, model.name)
    except ModelError:
        return False
    return True


def _fields(task: Any) -> list[tuple[str, Any]]:
    return [(field.name, getattr(task, field.name)) for field in dataclasses.fields(task)]


def _within(value: Any, kind: type[_T]) -> Iterator[_T]:
    """All values of ``kind`` anywhere in a task."""
    if isinstance(value, kind):
        yield value
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from _within(getattr(value, field.name), kind)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _within(item, kind)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _within(item, kind)
