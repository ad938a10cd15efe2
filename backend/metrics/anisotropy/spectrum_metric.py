"""The metric ``spectrum``: how a layer's variance is spread over its principal components."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend.metrics.anisotropy.explained_variance import components_for
from backend.metrics.anisotropy.kernel import spectrum
from backend.metrics.base import Metric, Outcome, param
from backend.metrics.effort import Effort, spectra
from backend.metrics.shared.degenerate import named, undefined_entries, why_undefined
from backend.metrics.shared.linalg import Floats, Ints
from backend.values.activations import Labels, LayerStack, Report


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

    def off_scale(self, n_decades: int) -> tuple[int, int]:
        """The most components of a layer that hold no variance, and that hold some, but ``n_decades`` below the highest share."""
        floor = float(np.nanmax(self.ratios, initial=0.0)) * 10.0**-n_decades
        nothing = np.sum(self.ratios == 0, axis=1)
        little = np.sum((self.ratios > 0) & (self.ratios < floor), axis=1)
        return int(nothing.max(initial=0)), int(little.max(initial=0))


def spectra_of(stack: LayerStack, count: int, report: Report, start: int, total: int) -> Floats:
    """(n_layers, count) explained-variance ratios, all components where ``count`` is 0."""
    rows = []
    for index, x in enumerate(stack.rows):
        report(start + index, total, "Spectrum")
        ratios = spectrum(x)
        rows.append(ratios[:count] if count else ratios)
    return np.array(rows)


def run(
    stacks: Sequence[LayerStack], _labels: Labels | None, params: SpectrumParams, _seed: int, report: Report
) -> Outcome[SpectrumResult]:
    stack = stacks[0]
    ratios = spectra_of(stack, params.n_components, report, 0, len(stack))
    summed = np.cumsum(ratios, axis=1)
    n_for_90 = np.array([components_for(line, 0.9) for line in summed], dtype=np.int64)
    result = SpectrumResult(ratios, summed, n_for_90, *stack.rows[0].shape)

    def why(_field: str, index: tuple[int, ...]) -> str:
        return named(stack, index[0], str(why_undefined(stack.rows[index[0]], step=stack.step)))

    return Outcome(result, undefined_entries(result, why))


SPECTRUM = Metric(
    name="spectrum",
    version=2,
    title="Spectrum (explained variance)",
    scope="stack",
    params=SpectrumParams,
    result=SpectrumResult,
    run=run,
    effort=Effort(spectra, rate=1.8e-10, start=0.02, each=0.001),
)
