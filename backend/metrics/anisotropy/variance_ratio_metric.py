"""The metric ``variance_ratio``: what fine-tuning does to the spread of a layer's variance over its components."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend.errors import InvalidRequest
from backend.metrics.anisotropy.explained_variance import components_above_one, divided
from backend.metrics.anisotropy.spectrum_metric import spectra_of
from backend.metrics.base import AFTER_FIRST, Metric, Outcome, param
from backend.metrics.effort import Effort, spectra
from backend.metrics.shared.degenerate import named, same_rows, undefined_entries, why_undefined
from backend.metrics.shared.linalg import Floats, Ints
from backend.values.activations import Labels, LayerStack, Report


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


def run(
    stacks: Sequence[LayerStack], _labels: Labels | None, params: VarianceRatioParams, _seed: int, report: Report
) -> Outcome[VarianceRatioResult]:
    if len(stacks) != 2 or len(stacks[0]) != len(stacks[1]):
        raise InvalidRequest(
            f"The variance ratio compares the layers of two models one by one; it was given {_listed(stacks)}.",
            "Choose the fine-tuned model first, its base second, with the same layers.",
        )
    same_rows(stacks)
    tuned_stack, base_stack = stacks
    total = len(tuned_stack) * 2
    tuned = spectra_of(tuned_stack, params.n_components, report, 0, total)
    base = spectra_of(base_stack, params.n_components, report, len(tuned_stack), total)
    count = min(tuned.shape[1], base.shape[1])
    tuned, base = tuned[:, :count], base[:, :count]
    ratio = divided(tuned, base)
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


VARIANCE_RATIO = Metric(
    name="variance_ratio",
    version=1,
    title="Variance ratio, tuned over base",
    scope="pair",
    params=VarianceRatioParams,
    result=VarianceRatioResult,
    run=run,
    direction=AFTER_FIRST,
    effort=Effort(spectra, rate=1.8e-10, start=0.02, each=0.001),
)
