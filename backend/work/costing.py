"""What analyses will take, told at once: nothing is loaded, computed or queued for it, and nothing is written down."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from backend.errors import TextSetError
from backend.forms.codec import read_json, to_json
from backend.forms.fingerprint import content_digest, fingerprint
from backend.metrics import METRICS
from backend.metrics.effort import Effort, Size
from backend.store import Store
from backend.values.models import ModelInfo
from backend.values.specs import GIVEN, POOLINGS, ActivationSpec, AnalysisSpec
from backend.values.stored import bytes_of
from backend.values.texts import Cost
from backend.work.fitting import CALM, NOTHING, Estimate, Measured, Pace, fitted
from backend.work.kinds import FRESH
from backend.work.library import Library
from backend.work.modelhost import known_model
from backend.work.speed import machine_speed
from backend.work.stacks import groups_of, pass_of
from backend.work.times import FORWARD, latest_of, note_time, pace_of, speed_of, times_of

CHARS = 4.0  # of a token
_PRODUCT, _TOKEN = (
    5e-11,
    1.5e-8,
)  # seconds for a multiplication, and for a number of a token in a block, on the machine of docs/benchmarks.md
_STORED, _LOADED = 1e-8, 1e-9  # seconds for a number that is pooled and written down, and for a weight that is read


def network_work(n_dims: int, n_blocks: int, n_tokens: float) -> float:
    """Seconds of passing tokens through the blocks of a model, as a first guess; a block has about 12 n_dims^2 weights."""
    return n_tokens * max(1, n_blocks) * n_dims * (12.0 * n_dims * _PRODUCT + _TOKEN)


def n_poolings(spec: ActivationSpec) -> int:
    """How many poolings a pass fills for ``spec``."""
    return len(POOLINGS) if spec.pooling in POOLINGS else 1


def _work_of_pass(size: Size, spec: ActivationSpec) -> float:
    """Seconds of the blocks, of what is kept of them, and of the weights, which may have to be loaded first."""
    kept = float(size.n_rows) * size.n_dims * size.n_layers * n_poolings(spec)
    return network_work(size.n_dims, size.n_layers - 1, size.n_tokens) + _STORED * kept + _LOADED * size.n_parameters


PASS = Effort(_work_of_pass, rate=1.0, start=0.4, each=0.01)
_USUAL_TOKENS, _USUAL_DIMS, _USUAL_LAYERS, _USUAL_PARAMETERS = 32, 768, 13, 100_000_000  # where nothing is known


def cost_of(store: Store, library: Library, analyses: Sequence[AnalysisSpec]) -> Cost:
    """What those of ``analyses`` will take that have no result: the forward passes that are missing, then each metric."""
    todo = [spec for spec in dict.fromkeys(analyses) if not store.has_result(fingerprint(spec))]
    here = here_now(store) if todo else ANYWHERE
    total, forward = _forward(store, library, todo, here)
    times: dict[str, list[Measured]] = {}
    metrics = NOTHING
    for spec in todo:
        known = times.setdefault(spec.metric, times_of(store, spec.metric)) if spec.metric in METRICS else []
        metrics += metric_estimate(spec, size_of(store, library, spec), known, here)
    both = forward + metrics
    return replace(
        total, metric_seconds=metrics.seconds, low=both.low, high=both.high, measured=both.measured or not todo
    )


@dataclass(frozen=True, slots=True)
class Here:
    """How fast this instance is: its ``pace`` at present, and the logarithm of what first guesses are multiplied by."""

    pace: Pace = CALM
    speed: float = 0.0


ANYWHERE = Here()


def here_now(store: Store) -> Here:
    """How fast this instance is, by what it has measured and by a small test of the machine."""
    latest = latest_of(store)
    return Here(pace_of(latest), speed_of(latest, machine_speed()))


def metric_estimate(spec: AnalysisSpec, size: Size, known: Sequence[Measured], here: Here = ANYWHERE) -> Estimate:
    """Seconds of one analysis whose activations are there."""
    effort = _effort(spec)
    guess, before = effort.guess(size, spec.params), effort.before(size)
    return fitted(guess, how_asked(spec), known, start=before, speed=here.speed, pace=here.pace)


def note_analysis(store: Store, library: Library, spec: AnalysisSpec, seconds: float, worked: float = math.nan) -> None:
    """Keep how long an analysis took that was computed now, its activations being there, and how long the processor worked."""
    size, effort = size_of(store, library, spec), _effort(spec)
    guess, before = effort.guess(size, spec.params), effort.before(size)
    measured = Measured(seconds, guess, how_asked(spec), before, worked)
    note_time(store, spec.metric, size, measured, METRICS[spec.metric].worker)


def note_pass(
    store: Store, spec: ActivationSpec, info: ModelInfo, n_tokens: int, seconds: float, worked: float = math.nan
) -> None:
    """Keep how long a forward pass took, and how long the processor worked on it (NaN: not known)."""
    size = Size(spec.texts.n_rows, info.n_dims, len(info.layer_names), 1, 0, info.n_parameters, n_tokens)
    how = spec.model.commit[:12]
    measured = Measured(seconds, PASS.guess(size, spec), how, PASS.before(size), worked)
    note_time(store, FORWARD, size, measured, "models")


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


def _effort(spec: AnalysisSpec) -> Effort:
    return METRICS[spec.metric].effort if spec.metric in METRICS else Effort()


def _forward(store: Store, library: Library, todo: Sequence[AnalysisSpec], here: Here) -> tuple[Cost, Estimate]:
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
        size = _size_of_pass(store, library, key, one)
        time = _pass_estimate(key, size, one, known, here)
        total, seconds = added(total, one or _uncounted(key, size)), seconds + time
    return replace(total, seconds=seconds.seconds), seconds


def _pass_estimate(
    key: ActivationSpec, size: Size, counted: Cost | None, known: Sequence[Measured], here: Here
) -> Estimate:
    """Seconds of one pass; one that was timed on a few of its texts is a measurement as good as another."""
    guess, before, how = PASS.guess(size, key), PASS.before(size), key.model.commit[:12]
    if counted is not None:
        timed = counted.seconds * math.exp(
            -here.pace.of(counted.seconds)[0]
        )  # it was timed a moment ago, on the machine as it is
        known = [*known, Measured(before * math.exp(here.speed) + timed, guess, how, before)]
    return fitted(guess, how, known, start=before, speed=here.speed, pace=here.pace)


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


def _size_of_pass(store: Store, library: Library, key: ActivationSpec, counted: Cost | None) -> Size:
    """What a pass goes through; its tokens by the characters of the texts where nobody has counted them."""
    info = known_model(store, key.model)
    n_tokens = counted.n_tokens if counted is not None else _tokens_guess(library, key)
    n_dims, n_layers = (info.n_dims, len(info.layer_names)) if info else (_USUAL_DIMS, _USUAL_LAYERS)
    return Size(
        n_rows=_rows_guess(key, n_tokens),
        n_dims=n_dims,
        n_layers=n_layers,
        n_parameters=info.n_parameters if info else _USUAL_PARAMETERS,
        n_tokens=n_tokens,
    )


def _uncounted(key: ActivationSpec, size: Size) -> Cost:
    """The cost of a pass of which nothing was counted."""
    n_bytes = bytes_of(key.stored) * size.n_rows * size.n_dims * size.n_layers * n_poolings(key)
    return Cost(
        key.texts.n_rows, size.n_tokens, 0, n_bytes, 0.0, "tokens by the characters of the texts", counted=False
    )


def _tokens_guess(library: Library, spec: ActivationSpec) -> int:
    """About how many tokens a model reads of a text set."""
    try:
        lengths = library.text_lengths(spec.texts, distinct=spec.pooling == "words")
    except TextSetError:
        return _USUAL_TOKENS * spec.texts.n_rows
    return int(np.minimum(spec.max_length, 2 + lengths / CHARS).sum())


def _rows_guess(spec: ActivationSpec, n_tokens: int) -> int:
    if spec.pooling != "tokens":
        return spec.texts.n_rows
    limit = None if spec.tokens is None else spec.tokens.limit
    return n_tokens if limit is None else min(limit, n_tokens)
