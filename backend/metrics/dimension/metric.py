"""Intrinsic dimension of every layer, with bands: the metric ``intrinsic_dimension``."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.metrics.base import Metric, Outcome, param
from backend.metrics.dimension.kernel import (
    DISCARD_FRACTIONS,
    ESTIMATORS,
    N_GROUPS,
    Settings,
    estimates,
    graph_size,
    jackknife,
    mada_excess,
    neighbour_graph,
    resolvable_dimension,
    tied_shares,
)
from backend.metrics.effort import Effort, Size
from backend.metrics.neighbors.kernel import AnyRows, Floats, Indices, sampled_rows
from backend.metrics.shared.degenerate import undefined_entries, why_undefined
from backend.metrics.shared.progress import part_of
from backend.values.activations import Labels, LayerStack, Report
from backend.values.numbers import number_text

_EQUAL = "too many neighbours of a row are equally far, as on a grid: their distances say nothing about dimension"
_FEW_TIES = 0.05  # share of equal distances below which they go without saying
_MOST_EXCESS = 0.1  # of MADA, below which it goes without saying
_FEW_DISTINCT = "fewer than 3 rows are distinct"
_NOT_ASKED = "not asked for: TwoNN alone was"


@dataclass(frozen=True, slots=True)
class DimensionParams:
    """Parameters of ``intrinsic_dimension``."""

    estimators: str = param("all", "All estimators, or only the two of TwoNN (faster).", choices=("all", "two_nn"))
    preset: str = param(
        "none",
        "'paper notebook' runs TwoNN as Razzhigaev et al. did: discard fraction 0.8, shuffled batches of 4,096 rows.",
        choices=("none", "paper notebook"),
    )
    discard_fraction: float = param(
        DISCARD_FRACTIONS["usual"], "Share of the largest ratios that TwoNN drops; 0.1 is usual.", low=0.0, high=0.95
    )
    k: int = param(20, "Neighbours of a row for MLE and MADA.", low=2, high=500, label="Neighbours for MLE and MADA")
    k_moments: int = param(100, "Neighbours of a row for the method of moments.", low=2, high=500)
    bands: str = param(
        "jackknife",
        "Jackknife: 95 % interval from leaving out a tenth of the rows at a time. Batches: mean and standard deviation "
        "over shuffled batches. Or no band.",
        choices=("jackknife", "batches", "none"),
    )
    batch_rows: int = param(4096, "Minimum rows per batch (Razzhigaev et al. use 4,096).", low=64, high=1_000_000)
    max_rows: int = param(
        10_000, "Without batches: maximum number of rows used, drawn by the seed.", low=10, high=100_000
    )


@dataclass(frozen=True, slots=True, eq=False)
class IntrinsicDimension:
    """Estimates by layer, each (n_layers,), with the ends of their band.

    ``n_used`` counts the distinct rows behind an estimate (of a batch: on average), ``n_duplicates`` the identical rows
    that were dropped; ``resolvable`` is the largest dimension that so many rows can show.
    """

    two_nn: Floats
    two_nn_low: Floats
    two_nn_high: Floats
    two_nn_mle: Floats
    two_nn_mle_low: Floats
    two_nn_mle_high: Floats
    mle: Floats
    mle_low: Floats
    mle_high: Floats
    mada: Floats
    mada_low: Floats
    mada_high: Floats
    method_of_moments: Floats
    method_of_moments_low: Floats
    method_of_moments_high: Floats
    n_used: Indices
    n_duplicates: Indices
    resolvable: Floats
    n_rows: int
    n_dims: int
    n_batches: int
    discard_fraction: float
    bands: str


@dataclass(slots=True)
class _Profile:
    """The arrays of an IntrinsicDimension while they fill, why some stay NaN, and each estimator's highest ``tied_shares``."""

    arrays: dict[str, Floats]
    n_used: Indices
    n_duplicates: Indices
    reasons: dict[tuple[str, int], str] = field(default_factory=dict)
    tied: dict[str, float] = field(default_factory=dict)

    def put(self, layer: int, name: str, value: float, low: float, high: float, why_no_band: str) -> None:
        for suffix, number in (("", value), ("_low", low), ("_high", high)):
            self.arrays[name + suffix][layer] = number
        self.reasons[name, layer] = _FEW_DISTINCT if self.n_used[layer] < 3 else _EQUAL
        no_value = np.isnan(value)
        for suffix in ("_low", "_high"):
            self.reasons[name + suffix, layer] = self.reasons[name, layer] if no_value else why_no_band

    def skip(self, layer: int, names: Sequence[str], reason: str) -> None:
        for name in names:
            for suffix in ("", "_low", "_high"):
                self.reasons[name + suffix, layer] = reason


def run(
    stacks: Sequence[LayerStack], labels: Labels | None, params: DimensionParams, seed: int, report: Report
) -> Outcome[IntrinsicDimension]:
    """Estimate the intrinsic dimension of every layer of one stack; the neighbour graph of a layer is shared."""
    stack, params = stacks[0], _with_preset(params)
    settings = Settings(params.discard_fraction, params.k, params.k_moments)
    if params.estimators == "two_nn":
        settings = Settings(params.discard_fraction, 2, 2)
    n_rows, n_layers = len(stack.rows[0]), len(stack)
    batches = _batches(n_rows, params, seed)
    names = [name + suffix for name in ESTIMATORS for suffix in ("", "_low", "_high")]
    profile = _Profile(
        {name: np.full(n_layers, np.nan) for name in names},
        np.zeros(n_layers, dtype=np.int64),
        np.zeros(n_layers, dtype=np.int64),
    )
    asked = ESTIMATORS if params.estimators == "all" else ESTIMATORS[:2]
    for layer, x in enumerate(stack.rows):
        inner = part_of(report, layer, n_layers, stack.layer_names[layer])
        inner(0, 1, "")
        reason = why_undefined(x, min_rows=3, step=stack.step)
        profile.skip(layer, ESTIMATORS, reason or _NOT_ASKED)
        if reason is not None:  # too few rows, or one point
            n_taken = sum(map(len, batches))
            profile.n_used[layer] = 1 if n_rows >= 3 else n_rows
            profile.n_duplicates[layer] = n_taken - len(batches) if n_rows >= 3 else 0
        else:
            _fill(profile, layer, x, batches, asked, settings, params, stack.step, seed, inner)
    report(n_layers, n_layers, "")
    values = IntrinsicDimension(
        **profile.arrays,
        n_used=profile.n_used,
        n_duplicates=profile.n_duplicates,
        resolvable=np.array([resolvable_dimension(int(n)) for n in profile.n_used]),
        n_rows=n_rows,
        n_dims=stack.rows[0].shape[1],
        n_batches=len(batches),
        discard_fraction=params.discard_fraction,
        bands=params.bands,
    )
    undefined = undefined_entries(values, lambda name, index: profile.reasons[name, index[0]])
    notes = _notes(values, stack, batches, asked, settings, params)
    return Outcome(values, undefined, (*notes, *_tie_notes(profile.tied)))


def _with_preset(params: DimensionParams) -> DimensionParams:
    if params.preset == "none":
        return params
    if params.discard_fraction not in DISCARD_FRACTIONS.values():
        raise InvalidRequest(
            f"The preset '{params.preset}' and a discard fraction of {params.discard_fraction} were both asked for.",
            "Choose one of the two.",
        )
    return DimensionParams(
        estimators=params.estimators,
        discard_fraction=DISCARD_FRACTIONS["paper notebook"],
        k=params.k,
        k_moments=params.k_moments,
        bands="batches",
        batch_rows=4096,
        max_rows=params.max_rows,
    )


def _batches(n_rows: int, params: DimensionParams, seed: int) -> list[Indices]:
    """Row numbers of each batch: shuffled, of at least ``batch_rows`` rows each; or one batch of (sampled) rows."""
    if params.bands != "batches":
        return [sampled_rows(n_rows, params.max_rows, seed)]
    order = np.random.default_rng(seed).permutation(n_rows).astype(np.int64)
    return [np.sort(part) for part in np.array_split(order, max(1, n_rows // params.batch_rows))]


def _fill(
    profile: _Profile,
    layer: int,
    x: AnyRows,
    batches: list[Indices],
    asked: Sequence[str],
    settings: Settings,
    params: DimensionParams,
    number_step: float,
    seed: int,
    report: Report,
) -> None:
    k = graph_size(settings) if params.bands == "jackknife" else max(settings.k, settings.k_moments)
    graphs, found = [], []
    for i, rows in enumerate(batches):
        stage = f"batch {i + 1} of {len(batches)}" if len(batches) > 1 else ""
        inner = part_of(report, i, len(batches), stage)
        graph = neighbour_graph(_taken(x, rows), k, step=number_step, report=inner)
        found.append(estimates(graph, settings))
        for name, share in tied_shares(graph, settings).items():
            profile.tied[name] = max(share, profile.tied.get(name, 0.0)) if name in asked else 0.0
        graphs.append((len(graph.rows), graph.n_duplicates))
    profile.n_used[layer] = round(float(np.mean([n for n, _ in graphs])))
    profile.n_duplicates[layer] = sum(n for _, n in graphs)
    bands = jackknife(graph, settings, seed=seed) if params.bands == "jackknife" else {}
    for name in asked:
        values = np.array([one[name] for one in found])
        value, low, high, why = float(values.mean()), float("nan"), float("nan"), "no band was asked for"
        if params.bands == "jackknife":
            (low, high), why = bands[name], f"fewer than {3 * N_GROUPS} distinct rows: too few to leave some out"
        elif params.bands == "batches":
            spread = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
            low, high, why = value - spread, value + spread, "one batch alone has no spread"
        profile.put(layer, name, value, low, high, why)


def _taken(x: AnyRows, rows: Indices) -> AnyRows:
    return x if len(rows) == len(x) else np.asarray(x[rows])


def _notes(
    values: IntrinsicDimension,
    stack: LayerStack,
    batches: list[Indices],
    asked: Sequence[str],
    settings: Settings,
    params: DimensionParams,
) -> tuple[str, ...]:
    notes = []
    size = len(batches[0])
    if params.bands == "batches":
        if len(batches) > 1:
            notes.append(f"Mean and standard deviation over {len(batches)} shuffled batches of about {size:,} rows.")
        else:
            notes.append(f"No band: {size:,} rows make fewer than two batches of {params.batch_rows:,}.")
        if size < 4096:
            said = "A batch has" if len(batches) > 1 else "The one batch has"
            notes.append(f"{said} {size:,} rows; the published profiles use batches of at least 4,096.")
    elif size < values.n_rows:
        notes.append(f"{size:,} of {values.n_rows:,} rows were drawn by the seed.")
    if params.bands == "jackknife":
        notes.append(
            "Bands are 95 % jackknife intervals of the spread over samples of this size, up to twice too wide for TwoNN and MADA; what "
            "the estimators leave out or add by themselves (see their bias) is not in them."
        )
    if values.n_duplicates.any():
        notes.append(f"Identical rows count once: up to {values.n_duplicates.max():,} rows were dropped from a layer.")
    if params.preset != "none":
        notes.append("TwoNN with a discard fraction of 0.8, as in the notebook of Razzhigaev et al.")
    used = values.n_used[values.n_used > 2]
    if "mle" in asked and len(used) and max(settings.k, settings.k_moments) >= used.min():
        notes.append(f"A layer has {used.min():,} distinct rows: the number of neighbours was lowered to one less.")
    if "mada" in asked and len(used) and (excess := mada_excess(min(settings.k, int(used.min()) - 1))) > _MOST_EXCESS:
        notes.append(
            f"MADA over so few neighbours lies about {number_text(excess, 'share')} too high."
            if np.isfinite(excess)
            else "MADA over two neighbours has no expectation: its mean over the rows does not settle."
        )
    return (*notes, *_small_sample_notes(values, stack, asked))


def _tie_notes(tied: dict[str, float]) -> tuple[str, ...]:
    """What equal neighbour distances, as quantised activations have them, do to the estimates."""
    largest = max(tied.values(), default=0.0)
    if largest < _FEW_TIES:
        return ()
    return (
        f"Up to {number_text(largest, 'share')} of successive neighbours are equally far, as on a grid: read the estimates as rough (up to a "
        "third too high); where most are, there is none.",
    )


def _small_sample_notes(values: IntrinsicDimension, stack: LayerStack, asked: Sequence[str]) -> list[str]:
    notes = []
    has = values.n_used > 2
    if has.any() and values.n_used[has].min() < 200:
        notes.append(f"{values.n_used[has].min():,} distinct rows are few: the estimates are rough below about 200.")
    above: npt.NDArray[np.bool_] = has & np.any([getattr(values, name) > values.resolvable for name in asked], axis=0)
    if above.any():
        listed = ", ".join(stack.layer_names[i] for i in np.flatnonzero(above)[:4])
        more = f" and {above.sum() - 4} more" if above.sum() > 4 else ""
        limit = values.resolvable[above].min()
        notes.append(
            f"Read the estimates of {listed}{more} as lower bounds: {values.n_used[above].min():,} rows resolve about "
            f"{number_text(limit)} dimensions (2 log10 n), and larger ones are underestimated."
        )
    return notes


_ROW = 5e5  # multiplications in whose time a row's estimates are made of its distances


def _work(size: Size, params: DimensionParams) -> float:
    """Multiplications of the distances of all pairs of rows (in batches those of one batch after the other), and each row's own."""
    batched = params.bands == "batches" or params.preset != "none"
    together = min(size.n_rows, params.batch_rows if batched else params.max_rows)
    rows = size.n_rows if batched else together
    return float(size.n_matrices * rows) * (together * (size.n_dims + 100.0) + _ROW)


INTRINSIC_DIMENSION = Metric(
    name="intrinsic_dimension",
    version=3,
    title="Intrinsic dimension",
    scope="stack",
    params=DimensionParams,
    result=IntrinsicDimension,
    run=run,
    aliases=("two_nn", "mle", "mada", "method_of_moments"),
    effort=Effort(_work, rate=2.7e-10, start=0.02, each=0.014),
)
