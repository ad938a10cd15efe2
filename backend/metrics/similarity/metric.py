"""The metric ``cka``: how alike the layers of one model, or of two, place the same texts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend.metrics.base import Metric, Outcome, param
from backend.metrics.effort import Effort, Size
from backend.metrics.shared.degenerate import named, same_rows, undefined_entries
from backend.metrics.shared.linalg import Floats
from backend.metrics.similarity.kernel import KERNELS, Comparison, chance_level, compare
from backend.values.activations import Labels, LayerStack, Report
from backend.values.numbers import number_text

_PAIR = 1e6  # multiplications in whose time a pair of small layers is compared


@dataclass(frozen=True, slots=True)
class CkaParams:
    """How to compare two layers."""

    kernel: str = param("linear", "Kernel: linear (dot products) or rbf (Gaussian of the distance).", choices=KERNELS)
    debiased: bool = param(True, "Remove the small-sample bias (needs at least 4 rows).")
    bandwidth: float = param(
        0.5, "Width of the rbf kernel, in square roots of the median squared distance.", low=0.1, high=10.0
    )


@dataclass(frozen=True, slots=True, eq=False)
class CkaResult:
    """CKA of layers, ``matrix`` (n_xs, n_ys): rows are the first stack's layers, columns the second's (or the first's).

    ``baseline`` (n_xs, n_ys) is what independent isotropic Gaussians of the same sizes score: 0 when debiased.
    """

    matrix: Floats
    baseline: Floats
    kernel: str
    debiased: bool
    bandwidth: float
    within: bool
    n_rows: int
    n_dims: int
    n_dims_y: int


def run(
    stacks: Sequence[LayerStack], _labels: Labels | None, params: CkaParams, _seed: int, report: Report
) -> Outcome[CkaResult]:
    """CKA within one stack, or between two given the same rows."""
    same_rows(stacks)
    first, second = stacks[0], stacks[-1]
    how = Comparison(params.kernel, params.debiased, params.bandwidth)
    matrix, reasons = compare(
        first.rows, second.rows if len(stacks) > 1 else None, how, report, (first.step, second.step)
    )
    n, dx, dy = first.rows[0].shape[0], first.rows[0].shape[1], second.rows[0].shape[1]
    biased = chance_level(n, dx, dy, kernel=params.kernel, bandwidth=params.bandwidth)
    baseline = np.full(matrix.shape, 0.0 if params.debiased else biased)
    result = CkaResult(matrix, baseline, params.kernel, params.debiased, params.bandwidth, len(stacks) == 1, n, dx, dy)

    def why(_field: str, index: tuple[int, ...]) -> str:
        if ("x", index[0]) in reasons:
            return named(first, index[0], reasons["x", index[0]])
        side = "y" if len(stacks) > 1 else "x"
        column = index[1] if len(index) > 1 else 0
        if (side, column) in reasons:
            return named(second, column, reasons[side, column])
        return (
            "nothing is left after centring: every pair of rows is equally similar, or a few rows are so long that all "
            "others vanish beside them"
        )

    return Outcome(result, undefined_entries(result, why), _notes(params, n, biased))


def _notes(params: CkaParams, n: int, biased: float) -> tuple[str, ...]:
    notes = [f"{'Debiased' if params.debiased else 'Biased'} {params.kernel} CKA over {n:,} rows."]
    if not params.debiased:
        notes.append(f"Biased CKA of independent data at this size is about {number_text(biased)}, not 0.")
    return tuple(notes)


def _work(size: Size, params: CkaParams) -> float:
    """Multiplications: the Gram matrix of each layer, then each pair of them; of many rows the products of each two layers."""
    pairs = size.n_layers * (size.n_layers if size.n_models > 1 else (size.n_layers + 1) / 2)
    kernel = 1.0 if params.kernel == "linear" else 3.0
    by_rows = kernel * size.n_rows**2 * (size.n_matrices * size.n_dims + 4.0 * pairs)
    by_dims = pairs * size.n_rows * float(size.n_dims) ** 2
    return (min(by_rows, by_dims) if params.kernel == "linear" else by_rows) + _PAIR * pairs


CKA = Metric(
    name="cka",
    version=3,
    title="Similarity of layers (CKA)",
    scope="pair",
    params=CkaParams,
    result=CkaResult,
    run=run,
    aliases=("linear_cka", "rbf_cka", "similarity"),
    effort=Effort(_work, rate=6e-11, start=0.02, each=0.001),
)
