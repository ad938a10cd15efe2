"""From what a person asks for to an AnalysisSpec: names checked, layers counted, the length limit settled."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from backend.errors import InvalidRequest
from backend.metrics import METRICS
from backend.metrics.base import Metric, check_params, parse_params
from backend.metrics.shared.splits import SplitParams
from backend.values.models import ModelInfo
from backend.values.specs import (
    ALL_POOLINGS,
    GIVEN,
    ActivationSpec,
    AnalysisSpec,
    LabelSpec,
    ModelSpec,
    PostProcess,
    TextSetSpec,
    TokenSample,
    pooling_of,
)
from backend.work.checks import MOST_SEED, MOST_TASKS, check_input, check_labels, within
from backend.work.stacks import groups_of

_LONGEST = 512  # tokens taken of a text where nobody says otherwise, however long the model's own limit


def analysis_spec(
    row: Metric,
    *,
    models: Sequence[ModelInfo],
    texts: TextSetSpec,
    pooling: str | None,
    layers: str | Sequence[int],
    labels: LabelSpec | None,
    params: Mapping[str, Any],
    seed: int,
    postprocess: Sequence[PostProcess],
    max_length: int | None,
    tokens: TokenSample | None,
    basis: TextSetSpec | None = None,
    beside: Sequence[ModelInfo] = (),
    stored: str = "float32",
) -> AnalysisSpec:
    """The spec of one metric on one or more models; raises InvalidRequest where the request makes no sense.

    Of the models ``beside`` those count that were fine-tuned, and only where the metric has test rows.
    """
    _check_scope(row, models)
    pooling = _pooling(pooling, models, texts)
    check_given(row, models, pooling)
    check_unit(row, texts, pooling, labels)
    if basis is not None and not row.basis:
        raise InvalidRequest(f"'{row.name}' does not use a second text set.", "Leave the second text set out.")
    if basis is not None and basis.unit != texts.unit:
        raise InvalidRequest(
            f"'{texts.name}' and '{basis.name}' are of different kinds: {_rows_of(texts)} and {_rows_of(basis)}.",
            "Choose a second text set of the same kind.",
        )
    if max_length is not None and max_length < 1:
        raise InvalidRequest(f"A limit of {max_length} tokens leaves nothing.", "Give 1 or more.")
    inputs = tuple(
        ActivationSpec(
            model=info.spec,
            texts=chosen,
            layer=layer,
            pooling=GIVEN if info.is_given else pooling,
            max_length=min(max_length or info.usual_length or _LONGEST, info.max_length),
            tokens=(tokens or TokenSample()) if pooling == "tokens" and not info.is_given else None,
            postprocess=tuple(postprocess),
            stored="float32" if info.is_given else stored,
        )
        for info in models
        for chosen in (texts, basis)
        if chosen is not None
        for layer in layer_numbers(layers, info)
    )
    judged = labels is not None and issubclass(row.params, SplitParams)
    others = _tuned_beside(models, beside) if judged else ()
    return AnalysisSpec(row.name, row.version, parse_params(row.params, dict(params)), inputs, labels, seed, others)


def _tuned_beside(models: Sequence[ModelInfo], beside: Sequence[ModelInfo]) -> tuple[ModelSpec, ...]:
    """The fine-tuned ones that are not analysed themselves, each once, in one order whatever the order they came in."""
    own = {info.spec.commit for info in models}
    found = {info.spec.commit: info.spec for info in beside if info.tuned and info.spec.commit not in own}
    return tuple(found[commit] for commit in sorted(found))


def check_unit(row: Metric, texts: TextSetSpec, pooling: str, labels: LabelSpec | None) -> None:
    """Raise InvalidRequest where rows of ``texts`` with ``pooling`` are not what the metric can be asked about."""
    if texts.n_rows < 2 and pooling != "tokens":
        raise InvalidRequest(
            f"The text set '{texts.name}' has only {texts.n_rows:,} text.",
            "Geometry compares texts with each other: give at least two, and a few hundred for stable numbers.",
        )
    if labels is not None and row.labels == "required" and pooling == "tokens":
        raise InvalidRequest(
            f"'{row.name}' needs one row for each label, but with pooling 'tokens' a text has many rows.",
            "Choose the pooling cls, last or mean.",
        )
    if row.network and texts.unit != "text":
        raise InvalidRequest(
            f"'{row.name}' runs the network over whole texts, but the rows of '{texts.name}' are {_rows_of(texts)}.",
            "Choose a text set of texts.",
        )
    _check_pooling(pooling, texts)


def check_given(row: Metric, models: Sequence[ModelInfo], pooling: str) -> None:
    """Raise InvalidRequest where imported vectors are among ``models`` and a model is needed."""
    given = [info.spec.name for info in models if info.is_given]
    if not given:
        return
    if row.network:
        raise InvalidRequest(
            f"'{row.name}' runs the network, and {given[0]} are imported vectors: there is no model behind them here.",
            "Choose a model, or another metric: all that look at vectors alone take them.",
        )
    if pooling == "tokens":
        raise InvalidRequest(
            f"{given[0]} are imported vectors, one for each row; with the pooling 'tokens' a text has many rows.",
            "Choose the pooling cls, last or mean for the models beside them.",
        )


def layer_numbers(layers: str | Sequence[int], info: ModelInfo) -> Sequence[int]:
    """The layer numbers that ``layers`` stands for: "all", numbers, or numbers and names with commas between them.

    Raises InvalidRequest for a layer that ``info`` has not.
    """
    n_layers = len(info.layer_names)
    if isinstance(layers, str):
        if layers == "all":
            return range(n_layers)
        layers = [_layer(part.strip(), info) for part in layers.split(",") if part.strip()]
    chosen = sorted(set(layers))
    wrong = [layer for layer in chosen if not 0 <= layer < n_layers]
    if wrong or not chosen:
        raise InvalidRequest(
            f"{info.spec.name} has no layer {wrong[0]}." if wrong else "No layer was chosen.",
            f"Its layers are 0 ({info.layer_names[0]}) to {n_layers - 1} ({info.layer_names[-1]}); 'all' takes all.",
        )
    return chosen


def _layer(text: str, info: ModelInfo) -> int:
    if text in info.layer_names:
        return info.layer_names.index(text)
    try:
        number = int(text)
    except ValueError:
        names = ", ".join(info.layer_names)
        raise InvalidRequest(
            f"'{text}' is not a layer of {info.spec.name}.", f"Give numbers from 0, or: {names}."
        ) from None
    return number + len(info.layer_names) if -len(info.layer_names) <= number < 0 else number


def _pooling(pooling: str | None, models: Sequence[ModelInfo], texts: TextSetSpec) -> str:
    of_words, pooled = texts.unit != "text", [info for info in models if not info.is_given]
    if not pooled and pooling != "tokens":
        return GIVEN  # whatever was asked for: there is nothing to pool
    if pooling is None:
        return "words" if of_words else pooled[0].default_pooling
    if pooling == GIVEN:
        raise InvalidRequest(
            f"The pooling '{GIVEN}' is that of imported vectors, and {pooled[0].spec.name} is a model.",
            "Choose cls, last, mean or tokens, or leave it out.",
        )
    if pooling not in ALL_POOLINGS:
        raise InvalidRequest(f"There is no pooling '{pooling}'.", f"Choose one of: {', '.join(ALL_POOLINGS)}.")
    return pooling


def _check_pooling(pooling: str, texts: TextSetSpec) -> None:
    of_words = texts.unit != "text"
    if pooling == GIVEN:
        return  # one vector for each row, whatever a row is
    if of_words and pooling != "words":
        raise InvalidRequest(
            f"The rows of '{texts.name}' are {_rows_of(texts)}: the pooling '{pooling}' would give one vector per text.",
            "Choose the pooling words, or leave it out.",
        )
    if pooling == "words" and not of_words:
        raise InvalidRequest(
            f"The rows of '{texts.name}' are texts, so the pooling 'words' does not apply.",
            "Choose cls, last, mean or tokens, or a text set of words (a CoNLL-U file, or lists of words).",
        )


def _rows_of(texts: TextSetSpec) -> str:
    return {"word": "words", "word_pair": "pairs of words"}.get(texts.unit, "texts")


COUNTS: dict[str, tuple[Callable[[int], bool], str]] = {
    "stack": (lambda n: n == 1, "one model"),
    "pair": (lambda n: n in (1, 2), "one model or two"),
    "models": (lambda n: n >= 1, "one model or more"),
}


def _check_scope(row: Metric, models: Sequence[ModelInfo]) -> None:
    fits, wanted = COUNTS[row.scope]
    if not fits(len(models)):
        raise InvalidRequest(
            f"'{row.name}' takes {wanted}, not {len(models)}.", "Run it once for each model, or choose fewer."
        )


# The same rules, for an analysis that came from elsewhere


def check_analysis(spec: AnalysisSpec) -> None:
    """Raise InvalidRequest where an analysis is not one that ``analysis_spec`` could have made."""
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
    within("'seed'", spec.seed, 0, MOST_SEED)
    within("the number of inputs", len(spec.inputs), 1, MOST_TASKS)
    for item in spec.inputs:
        check_input(item)
    _check_together(row, spec)
    if spec.labels is not None:
        check_labels(spec.labels)
    if row.labels == "no" and spec.labels is not None:
        raise InvalidRequest(f"'{row.name}' uses no labels.", "Write null as 'labels'.")
    if row.labels == "required" and spec.labels is None:
        raise InvalidRequest(f"'{row.name}' needs labels.", "Name a label column of the text set.")


def _check_together(row: Metric, spec: AnalysisSpec) -> None:
    """Whether the inputs are what one request would have made of one or more models and one or two text sets."""
    sets = list(dict.fromkeys(item.texts for item in spec.inputs))  # equal in every field, the name and the table too
    if len(sets) > 1 + row.basis:
        names = " and ".join(f"'{texts.name}'" for texts in sets[:3])
        raise InvalidRequest(
            f"The inputs of '{row.name}' are of {len(sets)} text sets: {names}.",
            "Write the same 'texts' in every input" + (", or two in turn." if row.basis else "."),
        )
    pooled = [item for item in spec.inputs if item.pooling != GIVEN]
    for name, items in (
        ("pooling", pooled),
        ("postprocess", spec.inputs),
        ("tokens", pooled),
        ("ablation", spec.inputs),
        ("stored", pooled),
    ):
        if any(getattr(item, name) != getattr(items[0], name) for item in items):
            raise InvalidRequest(f"The inputs differ in '{name}'.", "Write the same in every input.")
    if len(pooled) < len(spec.inputs) and pooling_of(spec.inputs) == "tokens":
        raise InvalidRequest(
            "Imported vectors are one for each row; with the pooling 'tokens' a text has many rows.",
            "Choose the pooling cls, last or mean.",
        )
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
