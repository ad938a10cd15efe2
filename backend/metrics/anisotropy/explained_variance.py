"""How a layer's variance is spread over its principal components, and what fine-tuning does to it.

Matton & de Oliveira: the ratio of explained variances, tuned over base, stays above 1 for about as many components as
there are classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.metrics.anisotropy.metric import spectrum
from backend.metrics.base import AFTER_FIRST, Metric, Outcome, param
from backend.metrics.shared.degenerate import named, same_rows, undefined_entries, why_undefined
from backend.metrics.shared.linalg import Floats, Ints
from backend.values.activations import Labels, LayerStack, Report


def variance_ratio(x_tuned: npt.ArrayLike, x_base: npt.ArrayLike) -> Floats:
    """Ratio of the i-th explained-variance ratio, tuned over base, (min of the two numbers of components,).

    ``x_tuned`` (n_rows, n_dims), ``x_base`` (n_rows, its own n_dims); NaN where the base explains nothing and for
    degenerate inputs. Matton & de Oliveira, figure 4.
    """
    tuned, base = spectrum(x_tuned), spectrum(x_base)
    count = min(len(tuned), len(base))
    return _divided(tuned[:count], base[:count])


def _divided(tuned: Floats, base: Floats) -> Floats:
    out = np.full(tuned.shape, np.nan)
    np.divide(tuned, base, out=out, where=base > 0)
    return out


def components_above_one(ratios: Floats) -> int:
    """Number of leading components before the ratio first falls below 1 (or is undefined): 0 where the first does."""
    below = np.flatnonzero(~(ratios >= 1))
    return int(below[0]) if below.size else len(ratios)


def components_for(summed: Floats, share: float) -> int:
    """Number of leading components that hold ``share`` of the variance, ``summed`` (n_components,) ascending; -1 if none do."""
    enough = np.flatnonzero(summed >= share)
    return int(enough[0]) + 1 if enough.size else -1


@dataclass(frozen=True, slots=True)
class SpectrumParams:
    """How much of the spectrum is kept."""

    n_components: int = param(0, "Components kept of each layer; 0 keeps all.", low=0, high=100_000)


@dataclass(frozen=True, slots=True, eq=False)
class SpectrumResult:
    """Explained-variance ratios, ``ratios`` (n_layers, n_components), descending; all components sum to 1.

    ``summed`` (n_layers, n_components) are the shares that the first 1, 2, 3 ... components hold together, ``n_for_90``
    (n_layers,) the number of components that hold 90 % of the variance: -1 where those kept hold less, or none is defined.
    """

    ratios: Floats
    summed: Floats
    n_for_90: Ints
    n_rows: int
    n_dims: int


@dataclass(frozen=True, slots=True)
class VarianceRatioParams:
    """How many components are compared."""

    n_components: int = param(20, "Leading components compared (20 in Matton & de Oliveira).", low=1, high=100_000)


@dataclass(frozen=True, slots=True, eq=False)
class VarianceRatioResult:
    """Explained-variance ratios, tuned over base, for each layer.

    ``ratio``, ``tuned`` and ``base`` are (n_layers, n_components); ``n_above_one`` (n_layers,) counts the leading
    components before the ratio first falls below 1: in the paper about the number of classes.
    """

    ratio: Floats
    tuned: Floats
    base: Floats
    n_above_one: Ints
    n_rows: int
    n_dims: int


def _spectra(stack: LayerStack, count: int, report: Report, start: int, total: int) -> Floats:
    """(n_layers, count) explained-variance ratios, all components where ``count`` is 0."""
    rows = []
    for index, x in enumerate(stack.rows):
        report(start + index, total, "Spectrum")
        ratios = spectrum(x)
        rows.append(ratios[:count] if count else ratios)
    return np.array(rows)


def _run_spectrum(
    stacks: Sequence[LayerStack], _labels: Labels | None, params: Any, _seed: int, report: Report
) -> Outcome:
    stack = stacks[0]
    ratios = _spectra(stack, params.n_components, report, 0, len(stack))
    summed = np.cumsum(ratios, axis=1)
    n_for_90 = np.array([components_for(line, 0.9) for line in summed], dtype=np.int64)
    result = SpectrumResult(ratios, summed, n_for_90, *stack.rows[0].shape)

    def why(_field: str, index: tuple[int, ...]) -> str:
        return named(stack, index[0], str(why_undefined(stack.rows[index[0]], step=stack.step)))

    return Outcome(result, undefined_entries(result, why))


def _run_ratio(
    stacks: Sequence[LayerStack], _labels: Labels | None, params: Any, _seed: int, report: Report
) -> Outcome:
    if len(stacks) != 2 or len(stacks[0]) != len(stacks[1]):
        raise InvalidRequest(
            f"The variance ratio compares the layers of two models one by one; it was given {_listed(stacks)}.",
            "Choose the fine-tuned model first, its base second, with the same layers.",
        )
    same_rows(stacks)
    tuned_stack, base_stack = stacks
    total = len(tuned_stack) * 2
    tuned = _spectra(tuned_stack, params.n_components, report, 0, total)
    base = _spectra(base_stack, params.n_components, report, len(tuned_stack), total)
    count = min(tuned.shape[1], base.shape[1])
    tuned, base = tuned[:, :count], base[:, :count]
    ratio = _divided(tuned, base)
    n_above = np.array([components_above_one(row) for row in ratio], dtype=np.int64)
    result = VarianceRatioResult(ratio, tuned, base, n_above, *tuned_stack.rows[0].shape)

    def why(_field: str, index: tuple[int, ...]) -> str:
        for stack in stacks:
            reason = why_undefined(stack.rows[index[0]], step=stack.step)
            if reason:
                return named(stack, index[0], reason)
        return named(base_stack, index[0], "the base explains no variance with this component")

    return Outcome(result, undefined_entries(result, why))


def _listed(stacks: Sequence[LayerStack]) -> str:
    return " and ".join(f"{len(stack)} layers of {stack.model}" for stack in stacks)


SPECTRUM = Metric(
    name="spectrum",
    version=2,
    title="Spectrum (explained variance)",
    scope="stack",
    params=SpectrumParams,
    result=SpectrumResult,
    run=_run_spectrum,
)

VARIANCE_RATIO = Metric(
    name="variance_ratio",
    version=1,
    title="Variance ratio, tuned over base",
    scope="pair",
    params=VarianceRatioParams,
    result=VarianceRatioResult,
    run=_run_ratio,
    direction=AFTER_FIRST,
)
