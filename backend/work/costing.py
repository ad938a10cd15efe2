"""What analyses will take, told at once: nothing is loaded, computed or queued for it, and nothing is written down."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from backend.errors import TextSetError
from backend.forms.codec import read_json, to_json
from backend.forms.fingerprint import content_digest, fingerprint
from backend.metrics import METRICS
from backend.metrics.effort import Effort, Size
from backend.store import Store
from backend.values.models import ModelInfo
from backend.values.specs import GIVEN, POOLINGS, ActivationSpec, AnalysisSpec
from backend.values.texts import Cost
from backend.work.kinds import FRESH
from backend.work.library import Library
from backend.work.modelhost import known_model
from backend.work.stacks import groups_of, pass_of
from backend.work.times import FORWARD, NOTHING, Estimate, Measured, fitted, note_time, times_of

PASS = Effort(work=lambda size, _params: float(size.n_tokens) * size.n_parameters, rate=4e-11, start=1.0)
_COUNTED_SPREAD = 1.5  # of a forward pass that was timed on a few of its texts
_CHARS = 4.0  # of a token
_USUAL_TOKENS, _USUAL_DIMS, _USUAL_LAYERS, _USUAL_PARAMETERS = 32, 768, 13, 100_000_000  # where nothing is known


def cost_of(store: Store, library: Library, analyses: Sequence[AnalysisSpec]) -> Cost:
    """What those of ``analyses`` will take that have no result: the forward passes that are missing, then each metric."""
    todo = [spec for spec in dict.fromkeys(analyses) if not store.has_result(fingerprint(spec))]
    total, forward = _forward(store, library, todo)
    times: dict[str, list[Measured]] = {}
    metrics = NOTHING
    for spec in todo:
        known = times.setdefault(spec.metric, times_of(store, spec.metric)) if spec.metric in METRICS else []
        metrics += metric_estimate(spec, size_of(store, library, spec), known)
    both = forward + metrics
    return replace(
        total, metric_seconds=metrics.seconds, low=both.low, high=both.high, measured=both.measured or not todo
    )


def metric_estimate(spec: AnalysisSpec, size: Size, known: Sequence[Measured]) -> Estimate:
    """Seconds of one analysis whose activations are there."""
    return fitted(_guess(spec, size), how_asked(spec), known)


def note_analysis(store: Store, library: Library, spec: AnalysisSpec, seconds: float) -> None:
    """Keep how long an analysis took that was computed now, its activations being there."""
    size = size_of(store, library, spec)
    note_time(
        store, spec.metric, size, Measured(seconds, _guess(spec, size), how_asked(spec)), METRICS[spec.metric].worker
    )


def note_pass(store: Store, spec: ActivationSpec, info: ModelInfo, n_tokens: int, seconds: float) -> None:
    """Keep how long a forward pass took."""
    size = Size(spec.texts.n_rows, info.n_dims, len(info.layer_names), 1, 0, info.n_parameters, n_tokens)
    note_time(store, FORWARD, size, Measured(seconds, PASS.guess(size, None), spec.model.commit[:12]), "models")


def note_counted(store: Store, spec: ActivationSpec, cost: Cost) -> None:
    """Keep for a while what a forward pass will take, as timed on a few of its texts."""
    store.set_record(f"pass/{fingerprint(spec)}", to_json(cost, {}), expire=FRESH)


def size_of(store: Store, library: Library, spec: AnalysisSpec) -> Size:
    """What an analysis goes through: as stored where its activations are there, else by its model and its texts."""
    first, groups = spec.inputs[0], groups_of(spec.inputs)
    digest, info = fingerprint(replace(first, postprocess=())), known_model(store, first.model)
    n_tokens = int(store.array_meta(digest).get("n_tokens", 0)) or _tokens_guess(library, first)
    shape = store.array_shape(digest) or (_rows_guess(first, n_tokens), info.n_dims if info else _USUAL_DIMS)
    return Size(
        n_rows=shape[0],
        n_dims=shape[1],
        n_layers=max(map(len, groups)),
        n_models=len(groups),
        n_classes=spec.labels.n_classes if spec.labels else 0,
        n_parameters=info.n_parameters if info else _USUAL_PARAMETERS,
        n_tokens=n_tokens,
    )


def how_asked(spec: AnalysisSpec) -> str:
    """A short digest of the parameters of an analysis and of its version: with others it takes another time."""
    return content_digest(f"{spec.version} {spec.params!r}".encode())[:12]


def _guess(spec: AnalysisSpec, size: Size) -> float:
    effort = METRICS[spec.metric].effort if spec.metric in METRICS else Effort()
    return effort.guess(size, spec.params)


def _forward(store: Store, library: Library, todo: Sequence[AnalysisSpec]) -> tuple[Cost, Estimate]:
    """The cost of the passes that are missing, and their seconds."""
    wanted = dict.fromkeys(replace(item, postprocess=()) for spec in todo for item in spec.inputs)
    run = [item for item in wanted if item.pooling != GIVEN]  # imported vectors are there
    passes = {pass_of(item): item for item in run if not store.has_array(fingerprint(item))}
    if not passes:
        return Cost(0, 0, 0, 0, 0.0, "all activations are in the cache"), NOTHING
    counted = {key: _counted(store, key) for key in passes}
    known, total, seconds = times_of(store, FORWARD), Cost(0, 0, 0, 0, 0.0), NOTHING
    for key in passes:
        one = counted[key] or _like_another(store, key, counted)
        if one is not None:
            time = Estimate(one.seconds, one.seconds / _COUNTED_SPREAD, one.seconds * _COUNTED_SPREAD, True)
        else:
            one, time = _uncounted(store, library, key, known)
        total, seconds = added(total, one), seconds + time
    return replace(total, seconds=seconds.seconds), seconds


def added(total: Cost, one: Cost) -> Cost:
    """The cost of two passes."""
    return replace(
        total,
        n_texts=total.n_texts + one.n_texts,
        n_tokens=total.n_tokens + one.n_tokens,
        n_truncated=total.n_truncated + one.n_truncated,
        n_bytes=total.n_bytes + one.n_bytes,
        seconds=total.seconds + one.seconds,
        note=one.note,
        counted=total.counted and one.counted,
    )


def _counted(store: Store, key: ActivationSpec) -> Cost | None:
    found: Cost | None = read_json(Cost, store.record(f"pass/{fingerprint(key)}"))
    return found


def _like_another(store: Store, key: ActivationSpec, counted: Mapping[ActivationSpec, Cost | None]) -> Cost | None:
    """What was counted for another model over the same texts, as for the checkpoints of a series; by its number of weights."""
    info = known_model(store, key.model)
    for other, cost in counted.items():
        about = known_model(store, other.model)
        same = replace(other, model=key.model) == key
        if cost is not None and same and info and about and info.n_parameters == about.n_parameters:
            return replace(cost, note=f"{cost.note}, of another model of the same size")
    return None


def _uncounted(store: Store, library: Library, key: ActivationSpec, known: Sequence[Measured]) -> tuple[Cost, Estimate]:
    """A pass of which nothing was counted: its tokens by the characters of the texts, its time by other passes."""
    info, n_tokens = known_model(store, key.model), _tokens_guess(library, key)
    n_dims, n_layers = (info.n_dims, len(info.layer_names)) if info else (_USUAL_DIMS, _USUAL_LAYERS)
    n_parameters = info.n_parameters if info else _USUAL_PARAMETERS
    n_rows = _rows_guess(key, n_tokens)
    n_poolings = len(POOLINGS) if key.pooling in POOLINGS else 1
    size = Size(n_rows, n_dims, n_layers, 1, 0, n_parameters, n_tokens)
    n_bytes = 4 * n_rows * n_dims * n_layers * n_poolings
    cost = Cost(key.texts.n_rows, n_tokens, 0, n_bytes, 0.0, "tokens by the characters of the texts", counted=False)
    return cost, fitted(PASS.guess(size, None), key.model.commit[:12], known)


def _tokens_guess(library: Library, spec: ActivationSpec) -> int:
    """About how many tokens a model reads of a text set."""
    try:
        lengths = library.text_lengths(spec.texts, distinct=spec.pooling == "words")
    except TextSetError:
        return _USUAL_TOKENS * spec.texts.n_rows
    return int(np.minimum(spec.max_length, 2 + lengths / _CHARS).sum())


def _rows_guess(spec: ActivationSpec, n_tokens: int) -> int:
    if spec.pooling != "tokens":
        return spec.texts.n_rows
    limit = None if spec.tokens is None else spec.tokens.limit
    return n_tokens if limit is None else min(limit, n_tokens)
