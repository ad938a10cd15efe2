"""What the metric ``probing`` is asked and answers, and what is said beside it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.metrics.base import param
from backend.metrics.probing.kernel import EXPONENTS, SIZES, Setting
from backend.metrics.shared.linalg import Floats, Ints
from backend.metrics.shared.splits import SplitInfo, SplitParams, shuffles

GRIDS = ("halving", "full", "fixed")


@dataclass(frozen=True, slots=True)
class ProbingParams(SplitParams):
    """How the networks are chosen, and on how many rows."""

    grid: str = param(
        "halving",
        "halving: every setting on few rows, the better ones on more; full: every setting on all rows (several times "
        "slower); fixed: no search, the network given below.",
        choices=GRIDS,
    )
    n_shuffles: int = shuffles(5)
    n_seeds: int = param(
        5,
        "Number of trainings of the chosen network, each from a different random start.",
        low=1,
        high=50,
        label="Trainings",
    )
    max_rows: int = param(
        2_000,
        "Maximum rows of each split; beyond it, a share of every class is drawn by the seed.",
        low=10,
        high=20_000,
    )
    sizes: tuple[int, ...] = param(
        SIZES,
        "Sizes that the search tries for each of the two hidden layers.",
        low=1,
        high=1_024,
        n_items=(1, 1_024),
        label="Searched: hidden sizes",
    )
    exponents: tuple[int, ...] = param(
        EXPONENTS,
        "The search tries ten to each of these powers as the L2 weight.",
        low=-12,
        high=4,
        n_items=(1, 17),
        label="Searched: powers of the L2 weight",
    )
    hidden: tuple[int, ...] = param(
        (64, 64),
        "Sizes of the two hidden layers, if there is no search.",
        low=1,
        high=1_024,
        n_items=(2, 2),
        label="Fixed: hidden sizes",
    )
    exponent: int = param(
        -4,
        "The L2 weight is ten to this power, if there is no search.",
        low=-12,
        high=4,
        label="Fixed: power of the L2 weight",
    )


@dataclass(frozen=True, slots=True, eq=False)
class ProbingResult:
    """Networks of two hidden layers and a linear classifier, fitted on the training rows of each layer.

    Arrays (n_layers,): ``accuracy`` and ``train_accuracy``, the means over ``n_seeds`` trainings on test and training
    rows, ``accuracy_std`` and ``train_std`` their standard deviations (n - 1 in the denominator), ``runs`` and
    ``train_runs`` (n_layers, n_seeds) each training. ``linear_accuracy`` and ``linear_train`` of the linear one.
    ``control_accuracy`` and ``linear_control``: test accuracy with shuffled labels, the means over shuffles (one training each)
    with standard deviations ``control_std`` and ``linear_control_std``; ``selectivity`` and ``linear_selectivity``: accuracy
    minus that. ``right`` (n_layers, n_test_used) is the share of the trainings that get each test row (``test_rows``) right,
    ``linear_right`` whether the linear classifier does. ``hidden`` (n_layers, 2) and ``weight``: the setting that was used (0 and
    NaN where there is none); ``held_accuracy`` its accuracy in the search. ``n_fits`` networks were trained for a layer,
    ``n_unconverged`` of them stopped at 1,000 passes. Accuracies in [0, 1]. ``grid``: how the setting was chosen;
    ``n_used`` and ``n_test_used`` rows took part, guessing the largest class gives ``majority`` on the latter, and an accuracy
    on them may be off by chance by ``sampling_error`` at most, half a 95 % interval.
    """

    accuracy: Floats
    accuracy_std: Floats
    train_accuracy: Floats
    train_std: Floats
    runs: Floats
    train_runs: Floats
    linear_accuracy: Floats
    linear_train: Floats
    control_accuracy: Floats
    control_std: Floats
    linear_control: Floats
    linear_control_std: Floats
    selectivity: Floats
    linear_selectivity: Floats
    hidden: Ints
    weight: Floats
    held_accuracy: Floats
    n_fits: Ints
    n_unconverged: Ints
    grid: str
    n_settings: int
    n_seeds: int
    n_shuffles: int
    right: npt.NDArray[np.float32]
    linear_right: npt.NDArray[np.bool_]
    test_rows: Ints
    majority: float
    sampling_error: float
    n_used: int
    n_test_used: int
    split: SplitInfo
    n_rows: int
    n_dims: int


def probing_notes(
    params: ProbingParams,
    result: ProbingResult,
    settings: Sequence[Setting],
    layer_names: Sequence[str],
    seed: int,
) -> list[str]:
    """Rows drawn, how the setting was chosen, fits that did not converge, and winners on the edge of the grid."""
    notes = []
    for n_used, n_all, name in (
        (result.n_used, result.split.n_train, result.split.train_name),
        (result.n_test_used, result.split.n_test, result.split.test_name),
    ):
        if n_used < n_all:
            notes.append(f"{n_used:,} of {n_all:,} {name} rows were drawn, class by class (seed {seed}).")
    times = (
        "once" if params.n_seeds == 1 else f"{params.n_seeds} times from different starts (standard deviation: n - 1)"
    )
    chosen = {
        "halving": f"the best of {len(settings)} by successive halving over rows, judged on a fifth of the training rows",
        "full": f"the best of {len(settings)}, judged on a fifth of the training rows",
        "fixed": "fixed beforehand, without a search",
    }[params.grid]
    notes.append(f"Network: two hidden layers, {chosen}; then trained {times} on all of them.")
    if params.control:
        times = "one shuffle" if params.n_shuffles == 1 else f"{params.n_shuffles} shuffles (standard deviation: n - 1)"
        notes.append(
            f"Shuffled labels: the mean over {times}, one training each with the setting chosen for the true ones. Selectivity is "
            "accuracy minus this."
        )
    n_fits, n_over = int(result.n_fits.sum()), int(result.n_unconverged.sum())
    if n_over:
        notes.append(f"{n_over:,} of {n_fits:,} trainings were stopped at 1,000 epochs, before they converged.")
    if params.grid != "fixed":
        ends = {max(one.weight for one in settings), min(one.weight for one in settings)}
        edge = [name for name, weight in zip(layer_names, result.weight, strict=True) if weight in ends]
        if edge and len(ends) > 1:
            notes.append(
                f"In {len(edge)} of {len(layer_names)} layers the chosen L2 weight is at an end of its range: a wider range might do better."
            )
    return notes
