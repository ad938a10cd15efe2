"""What a task says of the choice that it was made by: in words, for its title, and as a page must be told to draw it."""

import dataclasses
from typing import Any

from backend.metrics import METRICS
from backend.values.jobs import Choice
from backend.values.labels import field_label, value_words
from backend.values.specs import AnalysisSpec, pooling_of
from backend.values.tasks import BatchTask, FinetuneTask, NormTask

_MOST_WORDS = 6  # parameters that a title names
_MOST_CHARS = 60  # of a value in a title, such as a typed text


def analysis_words(task: AnalysisSpec) -> str:
    """An analysis in one line: metric, models, texts, pooling, layers, what was done to the rows, parameters that were set."""
    row = METRICS.get(task.metric)
    first = task.inputs[0]
    models = " and ".join(dict.fromkeys(spec.model.name for spec in task.inputs))
    parts = [pooling_of(task.inputs), _layers(sorted({spec.layer for spec in task.inputs}))]
    parts += [step.kind.replace("_", " ") for step in first.postprocess]
    parts += [f"seed {task.seed}"] if task.seed else []
    changed = _changed(task.params)
    parts += [
        f"{field_label(field)}: {_shortened(value_words(field.name, value))}" for field, value in changed[:_MOST_WORDS]
    ]
    parts += [f"{len(changed) - _MOST_WORDS} more settings"] if len(changed) > _MOST_WORDS else []
    return f"{row.title if row else task.metric} of {models} on {first.texts.name} ({'; '.join(parts)})"


def of_analysis(task: AnalysisSpec) -> Choice:
    """The choice that an analysis was made by."""
    first = task.inputs[0]
    return Choice(
        metrics=(task.metric,),
        models=tuple(dict.fromkeys(spec.model.name for spec in task.inputs)),
        texts=first.texts.table,
        pooling=pooling_of(task.inputs),
        layers=tuple(sorted({spec.layer for spec in task.inputs})),
        label=task.labels.column if task.labels else "",
        seed=task.seed,
        tokens=next((spec.tokens for spec in task.inputs if spec.tokens is not None), None),
        postprocess=first.postprocess,
        params=tuple((field.name, _written(value)) for field, value in _changed(task.params)),
    )


def of_batch(task: BatchTask) -> Choice:
    """The choice that the analyses of a batch have in common: all their metrics, models and layers, no parameters."""
    parts = [of_analysis(spec) for spec in task.analyses]
    return dataclasses.replace(
        parts[0],
        metrics=tuple(dict.fromkeys(name for part in parts for name in part.metrics)),
        models=tuple(dict.fromkeys(name for part in parts for name in part.models)),
        layers=tuple(sorted({layer for part in parts for layer in part.layers})),
        label=next((part.label for part in parts if part.label), ""),
        params=(),
    )


def of_norms(task: NormTask) -> Choice:
    """The choice that the outlier rule was asked by."""
    return Choice(metrics=("norm_outliers",), models=(task.model.name,))


def of_finetuning(task: FinetuneTask) -> Choice:
    """The run that a fine-tuning makes."""
    return Choice(run=task.name)


def _changed(params: Any) -> list[tuple[Any, Any]]:  # fields of a dataclass, each with its value
    """The parameters that are not at their defaults."""
    if not dataclasses.is_dataclass(params):
        return []
    pairs = [(field, getattr(params, field.name)) for field in dataclasses.fields(params)]
    return [(field, value) for field, value in pairs if value != field.default]


def _written(value: object) -> str:
    """A value as a form takes it from an address."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _shortened(words: str) -> str:
    return words if len(words) <= _MOST_CHARS else words[: _MOST_CHARS - 1].rstrip() + "…"


def _layers(layers: list[int]) -> str:
    if len(layers) == 1:
        return f"layer {layers[0]}"
    whole = layers == list(range(layers[0], layers[-1] + 1))
    return f"layers {layers[0]} to {layers[-1]}" if whole else f"layers {', '.join(map(str, layers))}"
