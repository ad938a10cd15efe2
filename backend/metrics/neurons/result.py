"""What the metric ``neurons`` is asked and what it answers."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.metrics.base import param
from backend.metrics.neurons.kernel import (
    POOLED,
    SCORES,
)
from backend.metrics.shared.linalg import Floats, Ints
from backend.metrics.shared.splits import (
    SplitInfo,
    SplitParams,
    shuffles,
)

MOST_SELECTED = 50


@dataclass(frozen=True, slots=True)
class NeuronsParams(SplitParams):
    """How many dimensions are chosen, on which rows, and how many texts on the wrong side are listed."""

    n_shuffles: int = shuffles(3)
    n_select: int = param(
        0, "Number of dimensions to choose; 0: one per class, at least 5 and at most 50.", low=0, high=MOST_SELECTED
    )
    max_rows: int = param(
        4_000,
        "Maximum number of training rows used to choose the dimensions: a sample of each class.",
        low=20,
        high=200_000,
    )
    n_folds: int = param(5, "Folds of the cross-validation.", low=2, high=20)
    score: str = param(
        POOLED,
        "What is cross-validated: the accuracy over all held-out rows together, or the mean of the folds' accuracies, as in "
        "Matton & de Oliveira. They differ if the folds differ in size.",
        choices=SCORES,
        label="Cross-validated accuracy",
        later=True,
    )
    n_bins: int = param(40, "Bins in the histogram of the best dimension.", low=5, high=200)
    n_listed: int = param(100, "Number of texts on the wrong side of the best dimension to list.", low=0, high=1_000)


@dataclass(frozen=True, slots=True, eq=False)
class NeuronsResult:
    """Salient dimensions of each layer.

    ``dimensions`` (n_layers, n_select) in the order chosen (-1 where a layer is degenerate), ``cross_validated`` the
    accuracy on held-out training rows with those up to each, ``screened`` where only the most promising candidates
    were cross-validated. ``test_accuracy`` (n_layers, 4): test accuracy with all dimensions, the best one, the best
    five, and as many as there are classes; ``against_all`` McNemar's exact p of each against the first. ``right`` (n_layers,
    4, n_test) says which test rows (``test_rows``, row numbers) each gets right, without layers where that would be too many.
    ``single_train`` and ``single_test`` (n_layers, n_dims): accuracy of each dimension alone. With shuffled labels, mean and
    standard deviation over shuffles: ``control_cross_validated``, ``control_accuracy`` and their ``..._std``;
    ``control_single_test`` (n_layers, n_shuffles, n_dims) of each shuffle; with no layer where they were not asked for. All
    accuracies are in [0, 1]; ``sampling_error`` is the most that one on the test rows may be off by chance, half a 95 % interval.

    Of the best dimension (the first chosen): ``edges`` (n_layers, n_bins + 1) and ``train_counts``, ``test_counts``
    (n_layers, n_classes, n_bins) of its values; the fitted borders, one entry each: at ``cut_value`` in layer number
    ``cut_layer`` of the result, class ``cut_below`` gives way to ``cut_above``. ``n_wrong`` (n_layers,) test rows are
    on the wrong side; those furthest on it, most wrong first, are listed with their text ``wrong_text``, value,
    margin (the logit of their class minus the highest other, negative), class and guess.
    """

    dimensions: Ints
    cross_validated: Floats
    screened: npt.NDArray[np.bool_]
    test_accuracy: Floats
    single_train: Floats
    single_test: Floats
    against_all: Floats
    right: npt.NDArray[np.bool_]
    test_rows: Ints
    control_cross_validated: Floats
    control_cross_validated_std: Floats
    control_accuracy: Floats
    control_accuracy_std: Floats
    control_single_test: Floats
    edges: Floats
    train_counts: Ints
    test_counts: Ints
    cut_layer: Ints
    cut_value: Floats
    cut_below: Ints
    cut_above: Ints
    n_wrong: Ints
    wrong_layer: Ints
    wrong_text: Ints
    wrong_value: Floats
    wrong_margin: Floats
    wrong_class: Ints
    wrong_guess: Ints
    split: SplitInfo
    sampling_error: float
    n_chosen_on: int
    n_folds: int
    n_shuffles: int
    n_rows: int
    n_dims: int
