"""What the metric ``ablation`` is asked and what it answers."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.metrics.ablation.kernel import MODES
from backend.metrics.base import param
from backend.metrics.shared.head_classes import HeadParams
from backend.metrics.shared.linalg import Floats, Ints
from backend.metrics.shared.splits import (
    SplitInfo,
    shuffles,
)


@dataclass(frozen=True, slots=True)
class AblationParams(HeadParams):
    """What is removed, and what it is set to."""

    mode: str = param(
        "auto",
        "The value of a removed dimension: 0, or its mean over the training rows; auto: 0 for the model's own head, "
        "as in GPTology, and the mean for a fitted one.",
        choices=("auto", *MODES),
    )
    dims: tuple[int, ...] = param(
        (), "Hand-picked dimensions, removed in this order.", low=0, n_items=(0, 10_000), label="Hand-picked dimensions"
    )
    n_draws: int = param(
        10, "Random orders; their mean is drawn, with a band from the lowest to the highest.", low=1, high=200
    )
    n_shuffles: int = shuffles(5)
    k: int = param(10, "Neighbours compared with the unablated space.", low=1, high=100)
    max_rows: int = param(
        1000, "Maximum number of test rows whose geometry is measured, drawn by the seed.", low=10, high=3000
    )


@dataclass(frozen=True, slots=True, eq=False)
class AblationResult:
    """Accuracy and geometry of each layer with k dimensions removed.

    ``orders`` names three orders of removal: highest variance first, lowest first, random. ``accuracy`` and ``control``
    (n_layers, 3, n_dims + 1), in [0, 1], are over the test rows, the control's a mean over shuffles of the labels with the
    standard deviation ``control_std`` (each random draw has one of the shuffles); the random ones are means over ``n_draws``
    draws, ``random_low`` and ``random_high`` (n_layers, n_dims + 1) the lowest and the
    highest of them. ``order`` (n_layers, 3, n_dims) has the dimensions as they are removed (random: the first draw; -1
    where undefined). ``anisotropy``, ``average_cosine``, ``two_nn`` and ``neighbour_overlap`` (n_layers, 3, n_grid) are
    measured at the k of ``grid`` (n_grid,), on the test rows ``sample`` (n_sample,), which are row numbers of the
    activations with the classes ``sample_classes``. ``predictions`` (n_layers, 3, n_dims + 1, n_sample) are their
    predicted classes, -1 where undefined, without layers where that would be too many. ``modes`` (n_layers) say what
    removed dimensions are set to: "zero", "mean", or "" where undefined. The fields that begin with
    ``chosen`` are the same for the hand-picked ``dims``, (n_layers, n + 1), with n_layers 0 where none were picked.
    ``sampling_error`` is the most that an accuracy may be off by chance, half a 95 % interval.
    """

    accuracy: Floats
    random_low: Floats
    random_high: Floats
    control: Floats
    control_std: Floats
    order: Ints
    variance: Floats
    anisotropy: Floats
    average_cosine: Floats
    two_nn: Floats
    neighbour_overlap: Floats
    predictions: npt.NDArray[np.int16]
    chosen_accuracy: Floats
    chosen_control: Floats
    chosen_control_std: Floats
    chosen_anisotropy: Floats
    chosen_average_cosine: Floats
    chosen_two_nn: Floats
    chosen_neighbour_overlap: Floats
    chosen_predictions: npt.NDArray[np.int16]
    grid: Ints
    chosen_grid: Ints
    sample: Ints
    sample_classes: Ints
    own_head: npt.NDArray[np.bool_]
    orders: tuple[str, ...]
    dims: tuple[int, ...]
    split: SplitInfo
    sampling_error: float
    modes: tuple[str, ...]
    n_draws: int
    n_shuffles: int
    k: int
    n_rows: int
    n_dims: int

    def right(self, order: str, layer: int = 0) -> npt.NDArray[np.bool_] | None:
        """Which texts of ``sample`` are right with the first 0, 1, 2 ... dimensions of ``order`` removed, (n + 1, n_sample).

        ``order`` is one of ``orders``, or "chosen" for the hand-picked dimensions; None where the predictions were too many.
        """
        kept = self.chosen_predictions if order == "chosen" else self.predictions
        if not len(kept):
            return None
        found = kept[layer] if order == "chosen" else kept[layer, self.orders.index(order)]
        return np.asarray(found == self.sample_classes)
