"""What a task says twice must agree: the table of a text set with the digest of its texts, a name with its model.

The address of a result holds the digest of the texts, that of the labels and the commit of the model. Beside them a
task carries what leads to them: the table to read, the column in it, the name of the model. An edited recipe may have
the one of one set and the other of another; carried out, it would put the numbers of these texts under the address of
those, for everybody. So nothing is computed, and nothing that is there is handed out, before both were compared.
"""

import json
from collections.abc import Iterator

from backend.errors import InvalidRequest, ModelError
from backend.forms.codec import to_json
from backend.metrics.postprocess import check_step
from backend.store import Store
from backend.values.models import OBJECT_PREFIX, ModelInfo
from backend.values.specs import ActivationSpec, LabelSpec, ModelSpec, TextSetSpec
from backend.values.tasks import Task
from backend.work.given import require_plain
from backend.work.kinds import About
from backend.work.library import Library
from backend.work.modelhost import ModelHost, knows_name
from backend.work.tasks import kind_of


def check_texts(library: Library, task: Task) -> None:
    """Raise InvalidRequest where a text set or a label column of ``task`` is not what its digests say.

    Raises TextSetError for a text set that is not there. A table is read once in a process.
    """
    for texts, labels in dict.fromkeys(kind_of(task).about(task).texts):
        _check_set(library, texts)
        if labels is not None:
            _check_labels(library, texts, labels)


def names_are_known(store: Store, task: Task) -> bool:
    """Whether every name in ``task`` was found to stand for its commit before, so that nobody need look."""
    return all(knows_name(store, model) for model in models_of(task))


def check_models(models: ModelHost, task: Task) -> None:
    """Raise InvalidRequest where the name of a model stands for other weights than its commit, or lacks what is asked."""
    about = kind_of(task).about(task)
    for model in dict.fromkeys(_models_of(about)):
        _check_name(models, model)
    for item in dict.fromkeys(about.inputs):
        _check_input(item, models.known(item.model))


def of_objects(task: Task) -> bool:
    """Whether a model of ``task`` is an object in the memory of one process, which no other has."""
    return any(model.name.startswith(OBJECT_PREFIX) for model in models_of(task))


def models_of(task: Task) -> tuple[ModelSpec, ...]:
    """The models that ``task`` names, each once."""
    return tuple(dict.fromkeys(_models_of(kind_of(task).about(task))))


def _check_set(library: Library, texts: TextSetSpec) -> None:
    found = library.spec(texts)
    if found == texts:
        return
    pairs = (
        (name, getattr(texts, name), getattr(found, name)) for name in ("name", "digest", "n_rows", "unit", "sample")
    )
    listed = ", ".join(
        f"'{name}' is {_short(given)} and not {_short(held)}" for name, given, held in pairs if given != held
    )
    raise InvalidRequest(
        f"What this says about its texts is inconsistent: 'table' is the text set '{found.name}', but {listed}.",
        f"For that text set write: {json.dumps(to_json(found, {}), ensure_ascii=False)}",
    )


def _check_labels(library: Library, texts: TextSetSpec, labels: LabelSpec) -> None:
    found = library.label_spec(texts, labels.column)
    if found != labels:
        raise InvalidRequest(
            f"What this says about its labels is inconsistent: the column '{labels.column}' of '{texts.name}' has "
            f"{found.n_classes} classes and the digest {found.digest[:12]}..., not {labels.n_classes} and "
            f"{labels.digest[:12]}....",
            f"For that column write: {json.dumps(to_json(found, {}), ensure_ascii=False)}",
        )


def _check_name(models: ModelHost, model: ModelSpec) -> None:
    try:
        models.confirm(model)
    except ModelError as error:
        raise InvalidRequest(
            f"The model '{model.name}' is not the one with the commit {model.commit[:12]}...: {error.message}",
            "Write name and commit of one and the same model (python -m backend models NAME says both). " + error.hint,
        ) from None


def _check_input(item: ActivationSpec, info: ModelInfo) -> None:
    require_plain(item, info)
    n_layers = len(info.layer_names)
    if item.layer >= n_layers:
        raise InvalidRequest(
            f"{item.model.name} has no layer {item.layer}.",
            f"Its layers are 0 ({info.layer_names[0]}) to {n_layers - 1} ({info.layer_names[-1]}).",
        )
    if item.max_length > info.max_length:
        raise InvalidRequest(
            f"{item.model.name} takes at most {info.max_length:,} tokens, but {item.max_length:,} are asked for.",
            f"Write {info.max_length} or less as 'max_length'.",
        )
    for step in item.postprocess:
        check_step(step, info.n_dims)


def _models_of(about: About) -> Iterator[ModelSpec]:
    yield from (item.model for item in about.inputs)
    yield from about.models


def _short(value: object) -> str:
    text = str(value)
    return f"'{text[:12]}...'" if len(text) == 40 else f"'{text[:60]}'"
