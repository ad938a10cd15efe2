"""The door: whether a task could have come from a form. Nothing is read and nothing is computed to find out.

A task may come from a page, a notebook, a recipe that somebody edited, or from anywhere over HTTP. All of its values
are checked here, by the limits that the forms have; what must be looked at to be known (does that table hash to that
digest?) is `agreement`'s.
"""

import dataclasses
import math
import re
from typing import Any

from backend.errors import InvalidRequest
from backend.forms.codec import Codec
from backend.forms.fingerprint import fingerprint
from backend.metrics import METRICS, PARAMS
from backend.metrics.base import Metric, check_params
from backend.metrics.postprocess import check_step
from backend.models.runfolder import check_name
from backend.textsets.records import mark_of
from backend.textsets.tables import FORMATS
from backend.values.recipes import checked
from backend.values.specs import (
    ALL_POOLINGS,
    DTYPES,
    ROWS_BY,
    UNITS,
    WORD_TASKS,
    ActivationSpec,
    AnalysisSpec,
    BatchTask,
    EstimateTask,
    FinetuneTask,
    HubReadTask,
    JoinTask,
    LabelSpec,
    ModelSpec,
    NormTask,
    PostProcess,
    ReadTask,
    ResolveTask,
    RowSample,
    SampleTask,
    SeriesTask,
    Task,
    TextSetSpec,
)
from backend.work.analyses import COUNTS, check_unit
from backend.work.stacks import groups_of

MOST_SEED = 2**31 - 1
_MOST_TOKENS, _MOST_NAME, _MOST_TASKS = 2**24, 4096, 10_000
_DIGEST = re.compile(r"[0-9a-f]{40}")
_CODEC = Codec(PARAMS, {})
_AGAIN = "Export the recipe again, or copy the value from one that works."


def check_task(task: Task) -> None:
    """Raise InvalidRequest where a value of ``task`` is of a wrong type, outside its limits or unlike another of them."""
    _check_types(task)
    if isinstance(task, BatchTask):
        _within("the number of analyses", len(task.analyses), 1, _MOST_TASKS)
        for spec in task.analyses:
            _check_analysis(spec)
    elif isinstance(task, AnalysisSpec):
        _check_analysis(task)
    elif isinstance(task, EstimateTask):
        _within("the number of inputs", len(task.inputs), 1, _MOST_TASKS)
        for item in task.inputs:
            _check_input(item)
    elif isinstance(task, FinetuneTask):
        _check_finetuning(task)
    elif isinstance(task, NormTask):
        _check_model(task.model)
        _within("'n_std'", task.n_std, 0.5, 20.0)
        _within("'more_than'", task.more_than, 0, 10_000)
    elif isinstance(task, ResolveTask | SeriesTask):
        _check_lookup(task)
    else:
        _check_reading(task)


def _check_types(task: Task) -> None:
    """What is not the same after a way through JSON has a field of another type than it says, and another address."""
    try:
        back = _CODEC.task_from_json(_CODEC.task_to_json(task))
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


# Analyses


def _check_analysis(spec: AnalysisSpec) -> None:
    row = METRICS[spec.metric]  # the codec knows no other
    if spec.version != row.version:
        raise InvalidRequest(
            f"This asks for version {spec.version} of '{row.name}'; version {row.version} is computed here.",
            f"Write {row.version} as its 'version' to compute it again"
            + (
                ", or update Embedscope."
                if spec.version > row.version
                else ": the numbers may differ from the old ones."
            ),
        )
    check_params(spec.params)
    _within("'seed'", spec.seed, 0, MOST_SEED)
    _within("the number of inputs", len(spec.inputs), 1, _MOST_TASKS)
    for item in spec.inputs:
        _check_input(item)
    _check_together(row, spec)
    if spec.labels is not None:
        _check_labels(spec.labels)
    if row.labels == "no" and spec.labels is not None:
        raise InvalidRequest(f"'{row.name}' uses no labels.", "Write null as 'labels'.")
    if row.labels == "required" and spec.labels is None:
        raise InvalidRequest(f"'{row.name}' needs labels.", "Name a label column of the text set.")


def _check_together(row: Metric, spec: AnalysisSpec) -> None:
    """Whether the inputs are what one request would have made of one or more models and one or two text sets."""
    first = spec.inputs[0]
    sets = list(dict.fromkeys(item.texts for item in spec.inputs))  # equal in every field, the name and the table too
    if len(sets) > 1 + row.basis:
        names = " and ".join(f"'{texts.name}'" for texts in sets[:3])
        raise InvalidRequest(
            f"The inputs of '{row.name}' are of {len(sets)} text sets: {names}.",
            "Write the same 'texts' in every input" + (", or two in turn." if row.basis else "."),
        )
    for name in ("pooling", "postprocess", "tokens", "ablation"):
        if any(getattr(item, name) != getattr(first, name) for item in spec.inputs):
            raise InvalidRequest(f"The inputs differ in '{name}'.", "Write the same in every input.")
    for item in spec.inputs:
        check_unit(row, item.texts, item.pooling, spec.labels)
    groups = groups_of(spec.inputs)
    n_models, uneven = divmod(len(groups), len(sets))
    fits, wanted = COUNTS[row.scope]
    if uneven or not fits(n_models):
        raise InvalidRequest(
            f"'{row.name}' takes {wanted}, and these {len(spec.inputs)} inputs are {len(groups)} stacks of layers.",
            "Order them by model, then by text set, then by layer, ascending.",
        )


def _check_input(item: ActivationSpec) -> None:
    _check_model(item.model)
    _check_texts(item.texts)
    _within("'layer'", item.layer, 0, 10_000)
    _one_of("pooling", item.pooling, ALL_POOLINGS)
    _within("'max_length'", item.max_length, 1, _MOST_TOKENS)
    for step in item.postprocess:
        _check_step(step)
    if (item.pooling == "tokens") != (item.tokens is not None):
        raise InvalidRequest(
            f"With the pooling '{item.pooling}' 'tokens' is {'given' if item.tokens else 'missing'}.",
            "It says which token vectors are kept with the pooling 'tokens', and is null otherwise.",
        )
    if item.tokens is not None:
        if item.tokens.limit is not None:
            _within("'limit' of the tokens", item.tokens.limit, 1, 2**31 - 1)
        _within("'seed' of the tokens", item.tokens.seed, 0, MOST_SEED)
    if item.ablation is not None:
        _one_of("mode", item.ablation.mode, ("zero", "mean"))
        _within("'layer' of the ablation", item.ablation.layer, 0, 10_000)
        _check_dims("ablation", item.ablation.dims)


def _check_step(step: PostProcess) -> None:
    check_step(step)
    if step.kind == "remove_dims":
        _check_dims(step.kind, step.dims)


def _check_dims(what: str, dims: tuple[int, ...]) -> None:
    _within(f"the number of dimensions of '{what}'", len(dims), 1, 1_000_000)
    for dim in dims:
        _within(f"a dimension of '{what}'", dim, 0, 1_000_000)
    if len(set(dims)) < len(dims):
        raise InvalidRequest(f"'{what}' names a dimension twice.", "Name each dimension once.")


def _check_model(model: ModelSpec) -> None:
    _check_text("a model", model.name)
    _check_digest("'commit' of the model", model.commit)
    _one_of("number format", model.dtype, DTYPES)


def _check_texts(texts: TextSetSpec) -> None:
    _check_digest("'digest' of the texts", texts.digest)
    _check_digest("'table' of the texts", texts.table)
    _one_of("kind of row", texts.unit, UNITS)
    _within("'n_rows' of the texts", texts.n_rows, 0, 2**31 - 1)


def _check_labels(labels: LabelSpec) -> None:
    _check_digest("'digest' of the labels", labels.digest)
    _within("'n_classes' of the labels", labels.n_classes, 0, 2**31 - 1)


# The other tasks


def _check_finetuning(task: FinetuneTask) -> None:
    check_name(task.name)
    checked(task.recipe)
    _check_model(task.base)
    _check_texts(task.texts)
    _check_labels(task.labels)


def _check_lookup(task: ResolveTask | SeriesTask) -> None:
    _check_text("a model", task.name)
    _one_of("number format", task.dtype, ("auto", *DTYPES))
    if isinstance(task, SeriesTask):
        _within("'at_most'", task.at_most, 0, _MOST_TASKS)
        for step in task.steps:
            _within("a step", step, 0, 2**53)


def _check_reading(task: ReadTask | HubReadTask | JoinTask | SampleTask) -> None:
    if isinstance(task, SampleTask):
        _check_digest("'table'", task.table)
        _check_text("a text set", task.name)
        _check_rows(task.rows)
        return
    if isinstance(task, JoinTask):
        _check_digest("'train'", task.train)
        _check_digest("'test'", task.test)
        _check_text("a text set", task.name)
        return
    if isinstance(task, HubReadTask):
        columns = task.columns
        _check_text("a data set", task.path)
        _check_text("a text set", task.name)
    else:
        columns = task.options.columns
        _check_digest("'blob'", task.blob)
        _check_text("a file", task.file_name)
        if task.save:
            _check_text("a text set", task.name)
        if task.options.format is not None:
            _one_of("format", task.options.format, FORMATS)
        if task.options.task is not None:
            _one_of("task", task.options.task, WORD_TASKS)
        if task.options.separator is not None:
            mark_of(task.options.separator)
    rows = task.rows if isinstance(task, HubReadTask) else task.options.rows
    if rows is not None:
        _check_rows(rows)
    for column in (columns.text, columns.pair, columns.label, columns.split, *columns.metadata):
        if isinstance(column, int):
            _within("the number of a column", column, 0, 1_000_000)


def _check_rows(rows: RowSample) -> None:
    _one_of("way of taking rows", rows.by, ROWS_BY)
    _within("the number of rows", rows.n, 1, 2**31 - 1)
    _within("the seed", rows.seed, 0, 2**32 - 1)


# The kinds of values


def _within(what: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high or not math.isfinite(value):
        raise InvalidRequest(
            f"{what[0].upper()}{what[1:]} is {str(value)[:40]}, outside its range.",
            f"Give a value from {low} to {high}.",
        )


def _one_of(what: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InvalidRequest(f"There is no {what} '{value[:80]}'.", f"Choose one of: {', '.join(choices)}.")


def _check_digest(what: str, value: str) -> None:
    if not _DIGEST.fullmatch(value):
        raise InvalidRequest(f"{what[0].upper()}{what[1:]} is '{value[:60]}', which is not a digest.", _AGAIN)


def _check_text(what: str, value: str) -> None:
    """A name that can be shown, stored and looked for."""
    if (
        not value.strip()
        or len(value) > _MOST_NAME
        or any(ord(char) < 32 or 0xD800 <= ord(char) < 0xE000 for char in value)
    ):
        raise InvalidRequest(
            f"The name of {what} is empty, longer than {_MOST_NAME} characters, or holds control characters.",
            "Give it a name of printable characters.",
        )
