"""The metric ``average_cosine``: the mean cosine of all pairs of rows, as they are and centred, with its band."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.metrics.anisotropy.bands import BAND_HELP, BANDS, Banded, banded, batch_size, layer_step
from backend.metrics.anisotropy.cosine import averages, averages_with_errors, directions, why_no_cosine
from backend.metrics.anisotropy.isotropic import isotropic_average_cosine
from backend.metrics.base import Metric, Outcome, param
from backend.metrics.effort import Effort, Size, entries
from backend.metrics.shared.degenerate import named, undefined_entries
from backend.metrics.shared.linalg import Floats, as_matrix
from backend.values.activations import Labels, LayerStack, Report

_STAGE = "Average cosine"


@dataclass(frozen=True, slots=True)
class AverageCosineParams:
    """How the band is made."""

    bands: str = param("jackknife", BAND_HELP, choices=BANDS)
    n_bootstrap: int = param(50, "Resamples of the bootstrap.", low=2, high=1000)
    batch_rows: int = param(4096, "Fewest rows of a batch (Razzhigaev et al. use 4,096).", low=2, high=1_000_000)


@dataclass(frozen=True, slots=True, eq=False)
class AverageCosineResult:
    """Average cosine for each layer, all (n_layers,): as it is and centred, with bands and an isotropic Gaussian's value.

    ``n_zero_rows`` and ``n_zero_rows_centred`` count the rows without a direction, which are left out.
    """

    average_cosine: Floats
    average_cosine_low: Floats
    average_cosine_high: Floats
    average_cosine_isotropic: Floats
    average_cosine_centred: Floats
    average_cosine_centred_low: Floats
    average_cosine_centred_high: Floats
    average_cosine_centred_isotropic: Floats
    n_zero_rows: npt.NDArray[np.int64]
    n_zero_rows_centred: npt.NDArray[np.int64]
    bands: str
    n_batches: int
    n_rows: int
    n_dims: int


def run(
    stacks: Sequence[LayerStack], _labels: Labels | None, params: AverageCosineParams, seed: int, report: Report
) -> Outcome[AverageCosineResult]:
    stack = stacks[0]
    n_rows, n_dims = stack.rows[0].shape
    layers: list[Banded] = []
    bad: list[str | None] = []
    zeros = np.zeros((2, len(stack)), dtype=np.int64)
    for index, x in enumerate(map(as_matrix, stack.rows)):
        report(index, len(stack), _STAGE)
        bad.append(why_no_cosine(x))
        if bad[-1]:
            nothing = np.full(2, np.nan)
            layers.append(Banded(nothing, nothing, nothing))
            continue
        zeros[:, index] = [n_rows - directions(x, centre=centre).n_rows for centre in (False, True)]
        layers.append(
            banded(
                x,
                averages,
                lambda x=x: averages_with_errors(x),  # type: ignore[misc]
                kind=params.bands,
                n_bootstrap=params.n_bootstrap,
                batch_rows=params.batch_rows,
                seed=seed,
                step=layer_step(report, index, len(stack), _STAGE),
            )
        )
    result = _result(layers, zeros, params, n_rows, n_dims)

    def why(field: str, index: tuple[int, ...]) -> str:
        layer = index[0]
        reason = bad[layer]
        left = n_rows - int(zeros[1 if "centred" in field else 0, layer])
        if reason is None and left < 2:
            reason = f"only {left:,} {'row has' if left == 1 else 'rows have'} a direction; needs at least 2"
        return named(stack, layer, reason) if reason else layers[layer].reason or "undefined in a batch or resample"

    return Outcome(result, undefined_entries(result, why), _notes(zeros))


def _result(
    layers: list[Banded], zeros: npt.NDArray[np.int64], params: AverageCosineParams, n: int, d: int
) -> AverageCosineResult:
    size = batch_size(n, params.bands, params.batch_rows)
    fields: dict[str, Any] = {}
    for column, name in enumerate(("average_cosine", "average_cosine_centred")):
        fields[name] = np.array([layer.value[column] for layer in layers])
        fields[f"{name}_low"] = np.clip([layer.low[column] for layer in layers], -1.0, 1.0)
        fields[f"{name}_high"] = np.clip([layer.high[column] for layer in layers], -1.0, 1.0)
        fields[f"{name}_isotropic"] = np.full(len(layers), isotropic_average_cosine(size, centred=column == 1))
    return AverageCosineResult(
        **fields,
        n_zero_rows=zeros[0],
        n_zero_rows_centred=zeros[1],
        bands=params.bands,
        n_batches=n // params.batch_rows if size < n else 1,
        n_rows=n,
        n_dims=d,
    )


def _notes(zeros: npt.NDArray[np.int64]) -> tuple[str, ...]:
    if not zeros[0].any():
        return ()
    return (f"Rows of norm 0 have no direction and are left out (up to {int(zeros[0].max()):,} in a layer).",)


def _work(size: Size, params: AverageCosineParams) -> float:
    """Numbers looked at, again for each resample of a bootstrap."""
    return entries(size, params) * (1 + (params.n_bootstrap if params.bands == "bootstrap" else 0))


AVERAGE_COSINE = Metric(
    name="average_cosine",
    version=1,
    title="Average cosine",
    scope="stack",
    params=AverageCosineParams,
    result=AverageCosineResult,
    run=run,
    aliases=("cosine",),
    effort=Effort(_work, rate=4e-8, start=0.02, each=0.001),
)
