"""An analysis as a person would write it: as a command, and as lines of Python, that compute the same result."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from backend.values.labels import command_word
from backend.values.specs import (
    GIVEN,
    ActivationSpec,
    AnalysisSpec,
    PostProcess,
    TextSetSpec,
    TokenSample,
    pooling_of,
)
from backend.values.texts import TextSetInfo

_DIGITS = 12  # of a text set's digest
_SETTING = "EMBEDSCOPE_STORE_DTYPE"


@dataclass(frozen=True, slots=True)
class Written:
    """One analysis as a command line and as lines of Python."""

    command: str
    python: str


@dataclass(frozen=True, slots=True)
class _Parts:
    """What an analysis asks for, as ``Workbench.compute`` takes it; ``max_length`` and ``tokens`` are None where it says nothing."""

    models: tuple[str, ...]
    texts: str
    basis: str | None
    layers: tuple[int, ...] | None  # None: all
    max_length: int | None
    params: Mapping[str, Any]


def written(spec: AnalysisSpec, text_sets: Sequence[TextSetInfo]) -> Written | None:
    """``spec`` in both forms; None for one that only its recipe can say.

    A text set is named where its name means it alone among ``text_sets``, else by its digest; a model by its name.
    """
    first = spec.inputs[0]
    parts = _parts(spec, text_sets)
    if parts is None or first.ablation is not None:
        return None
    if first.tokens is not None and (first.tokens.special or first.tokens.seed != spec.seed):
        return Written("", _python(spec, parts))
    return Written(_command(spec, parts), _python(spec, parts))


def _parts(spec: AnalysisSpec, text_sets: Sequence[TextSetInfo]) -> _Parts | None:
    by_model: dict[tuple[str, str], list[ActivationSpec]] = {}
    for item in spec.inputs:
        by_model.setdefault((item.model.name, item.model.commit), []).append(item)
    layers = [tuple(dict.fromkeys(item.layer for item in items)) for items in by_model.values()]
    whole = all(chosen == tuple(range(len(chosen))) for chosen in layers)
    lengths: set[int | None] = {item.max_length for item in spec.inputs if item.pooling != GIVEN} or {None}
    if len(lengths) > 1 or (len(set(layers)) > 1 and not whole):
        return None
    sets = list(dict.fromkeys(item.texts for item in spec.inputs))
    names = [_named(texts, text_sets) for texts in sets]
    defaults = type(spec.params)()
    given = {field.name: getattr(spec.params, field.name) for field in fields(spec.params)}
    return _Parts(
        tuple(name for name, _ in by_model),
        names[0],
        names[1] if len(names) > 1 else None,
        layers[0] if len(set(layers)) == 1 else None,
        lengths.pop(),
        {name: value for name, value in given.items() if value != getattr(defaults, name)},
    )


def _named(texts: TextSetSpec, text_sets: Sequence[TextSetInfo]) -> str:
    alike = [info for info in text_sets if texts.name in (info.spec.name, info.shown_name)]
    if not texts.table or (len(alike) == 1 and alike[0].spec.table == texts.table):
        return texts.name
    return texts.table[:_DIGITS]


def _command(spec: AnalysisSpec, parts: _Parts) -> str:
    first = spec.inputs[0]
    words = ["--metric", spec.metric]
    for model in parts.models:
        words += ["--model", model]
    words += ["--texts", parts.texts]
    if parts.basis is not None:
        words += ["--basis-texts", parts.basis]
    if spec.labels is not None:
        words += ["--label", spec.labels.column]
    for other in spec.beside:
        words += ["--beside", other.name]
    words += ["--pooling", pooling_of(spec.inputs)]
    if parts.layers is not None:
        words += ["--layers", ",".join(map(str, parts.layers))]
    for name, value in parts.params.items():
        words += ["--param", f"{name}={command_word(value)}"]
    for step in first.postprocess:
        words += ["--post", _step(step)]
    if parts.max_length is not None:
        words += ["--max-length", str(parts.max_length)]
    if first.tokens is not None and first.tokens.limit is not None:
        words += ["--tokens", str(first.tokens.limit)]
    if spec.seed:
        words += ["--seed", str(spec.seed)]
    stored = _stored(spec)
    setting = [] if stored == "float32" else [f"{_SETTING}={stored}"]
    return shlex.join([*setting, "python", "-m", "backend", "analyse", *words])


def _stored(spec: AnalysisSpec) -> str:
    """The number format that the models' activations are stored in; imported vectors are in float32."""
    return next((item.stored for item in spec.inputs if item.pooling != GIVEN), "float32")


def _step(step: PostProcess) -> str:
    more = ",".join(map(str, step.dims)) if step.dims else str(step.k or "")
    return f"{step.kind}:{more}" if more else step.kind


def _python(spec: AnalysisSpec, parts: _Parts) -> str:
    first = spec.inputs[0]
    models = parts.models[0] if len(parts.models) == 1 else list(parts.models)
    asked: dict[str, Any] = {"model": models, "texts": parts.texts}
    if parts.basis is not None:
        asked["basis"] = parts.basis
    asked["pooling"] = pooling_of(spec.inputs)
    if parts.layers is not None:
        asked["layers"] = list(parts.layers)
    if spec.labels is not None:
        asked["label"] = spec.labels.column
    if spec.beside:
        asked["beside"] = [model.name for model in spec.beside]
    if parts.params:
        asked["params"] = dict(parts.params)
    if first.postprocess:
        asked["postprocess"] = [
            _Call("PostProcess", _set_in(step, PostProcess(step.kind))) for step in first.postprocess
        ]
    if parts.max_length is not None:
        asked["max_length"] = parts.max_length
    if first.tokens is not None and first.tokens != TokenSample():
        asked["tokens"] = _Call("TokenSample", _set_in(first.tokens, TokenSample()))
    if spec.seed:
        asked["seed"] = spec.seed
    listed = ", ".join(f"{name}={value!r}" for name, value in asked.items())
    stored = _stored(spec)
    if stored == "float32":
        opened = "import backend\n\nbench = backend.open_workbench()"
    else:
        settings = f"dataclasses.replace(backend.read_settings(), store_dtype={stored!r})"
        opened = f"import dataclasses\n\nimport backend\n\nbench = backend.open_workbench({settings})"
    return f"{opened}\nresult = bench.compute({spec.metric!r}, {listed})\n"


@dataclass(frozen=True, slots=True)
class _Call:
    """A value that is written as a call of a class of ``backend``."""

    name: str
    given: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"backend.{self.name}({', '.join(f'{name}={value!r}' for name, value in self.given.items())})"


def _set_in(value: Any, default: Any) -> dict[str, Any]:
    """The fields of a dataclass that differ from those of ``default``, and all that have no default."""
    given = {field.name: getattr(value, field.name) for field in fields(value)}
    return {name: item for name, item in given.items() if name == "kind" or item != getattr(default, name)}
