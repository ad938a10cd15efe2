"""The metric ``anisotropy``: how unevenly a layer uses its space, all from one decomposition a layer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backend.metrics.anisotropy.bands import BAND_HELP, BANDS, Banded, banded, batch_size, layer_step
from backend.metrics.anisotropy.isotropic import (
    isotropic_anisotropy,
    isotropic_effective_rank,
    isotropic_isoscore,
    isotropic_participation_ratio,
)
from backend.metrics.anisotropy.kernel import (
    MEASURES,
    decompose,
    measures,
    measures_of,
    participation_ratio_corrected,
    standard_errors,
)
from backend.metrics.base import Metric, Outcome, param
from backend.metrics.effort import Effort, Size, spectra
from backend.metrics.shared.degenerate import named, undefined_entries, why_undefined
from backend.metrics.shared.linalg import Floats, Matrix, as_matrix
from backend.values.activations import Labels, LayerStack, Report

BIAS_NOTE = (
    "Bands show how much the numbers vary over samples of this many rows. They leave out the bias of small samples, which lowers effective "
    "rank, participation ratio and IsoScore and raises anisotropy, and so may miss the value for infinitely many rows: "
    "compare with isotropic data of the same size, or read the corrected participation ratio and IsoScore."
)
_IDENTICAL = "all rows are identical"


@dataclass(frozen=True, slots=True)
class AnisotropyParams:
    """How the band is made."""

    bands: str = param("jackknife", BAND_HELP, choices=BANDS)
    n_bootstrap: int = param(50, "Resamples of the bootstrap.", low=2, high=1000)
    batch_rows: int = param(4096, "Minimum rows per batch (Razzhigaev et al. use 4,096).", low=2, high=1_000_000)


@dataclass(frozen=True, slots=True, eq=False)
class AnisotropyResult:
    """Spectral measures for each layer, all (n_layers,): the value, its band, and an isotropic Gaussian's value.

    The isotropic reference has the same number of rows and dimensions as each value was computed from. ``..._corrected``
    estimate the population's IsoScore and participation ratio, from all rows, without the bias of few of them.
    """

    anisotropy: Floats
    anisotropy_low: Floats
    anisotropy_high: Floats
    anisotropy_isotropic: Floats
    anisotropy_uncentred: Floats
    anisotropy_uncentred_low: Floats
    anisotropy_uncentred_high: Floats
    anisotropy_uncentred_isotropic: Floats
    isoscore: Floats
    isoscore_low: Floats
    isoscore_high: Floats
    isoscore_isotropic: Floats
    isoscore_corrected: Floats
    participation_ratio: Floats
    participation_ratio_low: Floats
    participation_ratio_high: Floats
    participation_ratio_isotropic: Floats
    effective_rank: Floats
    effective_rank_low: Floats
    effective_rank_high: Floats
    effective_rank_isotropic: Floats
    participation_ratio_corrected: Floats
    bands: str
    n_batches: int
    n_rows: int
    n_dims: int


def _profiles(
    stack: LayerStack, params: AnisotropyParams, seed: int, report: Report
) -> tuple[list[Banded], list[str | None], Floats]:
    """The measures of every layer with their bands, for each degenerate layer the reason, and corrected ratios."""
    layers, reasons, corrected = [], [], np.full(len(stack), np.nan)
    for index, x in enumerate(map(as_matrix, stack.rows)):
        report(index, len(stack), "Anisotropy")
        reason = why_undefined(x, step=stack.step)
        reasons.append(reason)
        if reason:
            value = _undefined_measures(x, reason)
            layers.append(Banded(value, value, value))
            continue
        corrected[index] = participation_ratio_corrected(x)
        layers.append(
            banded(
                x,
                _layer_measures,
                lambda x=x: _with_errors(x),  # type: ignore[misc]
                kind=params.bands,
                n_bootstrap=params.n_bootstrap,
                batch_rows=params.batch_rows,
                seed=seed,
                step=layer_step(report, index, len(stack), "Anisotropy"),
            )
        )
    return layers, reasons, corrected


def _layer_measures(x: Matrix) -> Floats:
    """MEASURES of one layer, NaN where undefined; identical rows lie on one direction, so uncentred they score 1."""
    reason = why_undefined(x)
    return measures(x) if reason is None else _undefined_measures(x, reason)


def _undefined_measures(x: Matrix, reason: str) -> Floats:
    values = np.full(len(MEASURES), np.nan)
    if reason == _IDENTICAL and np.any(x[0]):
        values[1] = 1.0
    return values


def _with_errors(x: Matrix) -> tuple[Floats, Floats]:
    parts = decompose(x)
    return measures_of(parts), standard_errors(x, parts)


def run(
    stacks: Sequence[LayerStack], _labels: Labels | None, params: AnisotropyParams, seed: int, report: Report
) -> Outcome[AnisotropyResult]:
    stack = stacks[0]
    layers, reasons, corrected = _profiles(stack, params, seed, report)
    n_rows, n_dims = stack.rows[0].shape
    size = batch_size(n_rows, params.bands, params.batch_rows)
    references = {
        "anisotropy": isotropic_anisotropy(size, n_dims),
        "anisotropy_uncentred": isotropic_anisotropy(size, n_dims, centred=False),
        "isoscore": isotropic_isoscore(size, n_dims),
        "participation_ratio": isotropic_participation_ratio(size, n_dims),
        "effective_rank": isotropic_effective_rank(size, n_dims),
    }
    fields: dict[str, Any] = {}
    for column, name in enumerate(MEASURES):
        top = 1.0 if column < 3 else float(n_dims)
        low = 0.0 if column < 3 else 1.0
        fields[name] = np.array([layer.value[column] for layer in layers])
        fields[f"{name}_low"] = np.clip([layer.low[column] for layer in layers], low, top)
        fields[f"{name}_high"] = np.clip([layer.high[column] for layer in layers], low, top)
        fields[f"{name}_isotropic"] = np.full(len(layers), references[name])
    fields["participation_ratio_corrected"] = corrected
    fields["isoscore_corrected"] = (corrected - 1.0) / (n_dims - 1) if n_dims > 1 else np.full(len(layers), np.nan)
    n_batches = n_rows // params.batch_rows if size < n_rows else 1
    result = AnisotropyResult(**fields, bands=params.bands, n_batches=n_batches, n_rows=n_rows, n_dims=n_dims)

    def why(field: str, index: tuple[int, ...]) -> str:
        if field.endswith("_isotropic"):
            return f"no reference for {n_rows:,} rows of {n_dims:,} dimensions"
        layer = index[0]
        if field.endswith("_corrected") and not reasons[layer] and n_dims > 1:
            return named(stack, layer, f"nothing is left of {n_rows:,} rows once their bias is taken out")
        if reasons[layer]:
            return named(stack, layer, str(reasons[layer]))
        if n_dims == 1 and field.startswith("isoscore"):
            return "only 1 dimension; IsoScore needs at least 2"
        return layers[layer].reason or "undefined in a batch or resample"

    return Outcome(result, undefined_entries(result, why), _notes(params, n_rows, n_dims, layers))


def _notes(params: AnisotropyParams, n_rows: int, n_dims: int, layers: list[Banded]) -> tuple[str, ...]:
    notes = []
    if n_rows < 2 * n_dims:
        notes.append(
            f"{n_rows:,} rows are few for {n_dims:,} dimensions: compare with what isotropic rows of this size would give, not with 0 or 1."
        )
    if any(np.isfinite(layer.low).any() for layer in layers):
        notes.append(BIAS_NOTE)
    missing = sorted({layer.reason for layer in layers if layer.reason})
    if params.bands == "batches":
        notes += [f"No band: {reason}." for reason in missing]
    return tuple(notes)


def _work(size: Size, params: AnisotropyParams) -> float:
    """Multiplications of the decompositions: one a layer, and one for each resample of a bootstrap."""
    return spectra(size, params) * (1 + (params.n_bootstrap if params.bands == "bootstrap" else 0))


ANISOTROPY = Metric(
    name="anisotropy",
    version=3,
    title="Anisotropy and effective dimensions",
    scope="stack",
    params=AnisotropyParams,
    result=AnisotropyResult,
    run=run,
    aliases=("isoscore", "participation_ratio", "effective_rank"),
    effort=Effort(_work, rate=6e-10, start=0.02, each=0.005),
)
