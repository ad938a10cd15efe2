"""What the metric ``direct_probe`` is asked and answers, why a number of it is missing, and what is said beside it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.metrics.base import param
from backend.metrics.direct_probe.kernel import LEAST_PAIRS, DirectProbe
from backend.metrics.shared.degenerate import named
from backend.metrics.shared.linalg import Floats, Ints
from backend.metrics.shared.splits import SplitInfo, SplitParams, shuffles
from backend.values.activations import LayerStack

Bools = npt.NDArray[np.bool_]
Found = DirectProbe | str  # or why there is none

_NEARLY_ALL = 0.9  # of the pairs of labels
_CONTROL_HELP = "Check whether the hulls of shuffled labels are also separable: what to expect by chance."


@dataclass(frozen=True, slots=True)
class DirectProbeParams(SplitParams):
    """Parameters of ``direct_probe``."""

    control: bool = param(True, _CONTROL_HELP, label="Compare with shuffled labels")
    n_shuffles: int = shuffles(5)
    max_rows: int = param(
        2_000,
        "Maximum rows of each split; beyond it, a share of every class is drawn by the seed.",
        low=10,
        high=20_000,
    )


@dataclass(frozen=True, slots=True, eq=False)
class DirectProbeResult:
    """Clusters of training rows whose hulls do not overlap, and the distances between labels, for each layer.

    Labels are the classes of ``split``, ``pairs`` (n_pairs, 2) any two of them. ``n_clusters`` (n_layers,) is to be seen
    beside ``n_labels``; ``clusters`` (n_layers, n_used) is the cluster of each training row in use (``row_index`` in the
    text set, of class ``row_label``), -1 where it was left out, and ``cluster_size`` the rows in it (0); ``outside`` marks the rows that are not in the largest
    cluster of their label, ``conflict`` those left out because a row of another label is the same point. ``distances`` (n_layers,
    n_pairs) are the least between clusters of two labels, ``minimum`` (n_layers, n_labels) the least from a label to any
    other, ``growth`` (n_labels,) that of the last layer that has one less that of the first. ``n_left_out`` (n_layers,) counts the
    rows of ``conflict``. ``apart`` is the share of pairs of labels whose whole hulls are, ``control_apart`` that with shuffled labels, the mean
    over shuffles, and ``control_apart_std`` their standard deviation.
    ``test_n_clusters`` and ``test_distances`` are of the test rows alone, ``train_test`` (n_layers,) the correlation of
    both parts' distances, ``similarity`` (n_layers, n_layers) that of two layers'. The fields ``other_`` are of the
    second stack, if any, and ``across`` (n_layers, n_other_layers) its correlation with the first. ``gap`` is the worst
    relative gap between the proven bounds of a distance. ``warnings`` say of what rows the clusters are that a model was trained on.
    """

    n_labels: int
    n_clusters: Floats
    clusters: Ints
    cluster_size: Ints
    row_index: Ints
    row_label: Ints
    outside: Bools
    conflict: Bools
    n_left_out: Ints
    pairs: Ints
    distances: Floats
    minimum: Floats
    growth: Floats
    apart: Floats
    control_apart: Floats
    control_apart_std: Floats
    test_n_labels: int
    test_n_clusters: Floats
    test_distances: Floats
    train_test: Floats
    similarity: Floats
    other_n_clusters: Floats
    other_distances: Floats
    other_minimum: Floats
    other_train_test: Floats
    across: Floats
    gap: float
    n_used: int
    n_test_used: int
    split: SplitInfo
    n_rows: int
    n_dims: int
    warnings: tuple[str, ...] = ()

    @property
    def random_labels_too(self) -> Bools:
        """Of each layer (n_layers,) whether (nearly) all pairs of shuffled labels are apart too; false without a control."""
        return self.control_apart > _NEARLY_ALL

    @property
    def counts_say_nothing(self) -> bool:
        """Whether all labels are apart in a layer in which (nearly) all random ones are too."""
        return bool(np.any((self.n_clusters == self.n_labels) & self.random_labels_too))

    def linear(self, layer: int, *, other: bool = False) -> str:
        """Whether a linear classifier can tell all labels apart in ``layer`` (its place), of the ``other`` model if asked.

        "yes", "no", "random" where shuffled labels would be told apart as well (known of the first model alone), "" where it is not known.
        """
        found = float((self.other_n_clusters if other else self.n_clusters)[layer])
        if not np.isfinite(found):
            return ""
        if found != self.n_labels:
            return "no"
        return "random" if not other and self.random_labels_too[layer] else "yes"

    def labels_in_pieces(self, layer: int) -> tuple[str, ...]:
        """The labels of more than one cluster in ``layer`` (its place), by name."""
        return tuple(sorted({self.split.classes[label] for label in self.row_label[self.outside[layer]]}))


_CORRELATED = (
    f"fewer than {LEAST_PAIRS} pairs of labels have a distance on both sides (that needs three labels), or all of one "
    "side are equal"
)


def why_missing(
    field: str,
    index: tuple[int, ...],
    stack: LayerStack,
    other: LayerStack | None,
    found: dict[str, list[Found]],
    values: DirectProbeResult,
) -> str:
    """Why the number of ``field`` at ``index`` does not exist; ``found`` is by part: "" for training, test, other."""
    if field == "growth":
        return "the label has no distance in two layers"
    layer = index[0]
    side = field.partition("_")[0] if field.startswith(("test_", "other_")) else ""
    of = other if side == "other" and other is not None else stack
    looked_at = [(of, found[side][layer], layer)]
    if field == "train_test":
        looked_at.append((stack, found["test"][layer], layer))
    if field == "other_train_test":
        looked_at.append((of, found["other test"][layer], layer))
    if field == "similarity" and len(index) > 1:
        looked_at.append((stack, found[""][index[1]], index[1]))
    if field == "across" and len(index) > 1 and other is not None:
        looked_at.append((other, found["other"][index[1]], index[1]))
    for whose, one, place in looked_at:
        if isinstance(one, str):
            return named(whose, place, one)
    if field.startswith("control_apart"):
        return "one shuffle has no spread" if np.isfinite(values.control_apart[layer]) else "no control was asked for"
    if field in ("train_test", "other_train_test", "similarity", "across"):
        return named(of, layer, _CORRELATED)
    if field in ("n_clusters", "apart"):
        return named(of, layer, "no label has any rows left")
    return named(of, layer, _why_no_distance(field, index, looked_at[0][1], values))


def _why_no_distance(field: str, index: tuple[int, ...], one: Found, values: DirectProbeResult) -> str:
    """Why a layer's distance of two labels, or the least of a label, is missing."""
    classes = values.split.classes
    if len(index) < 2 or isinstance(one, str):
        return "no two labels have rows"
    concerned = values.pairs[index[1]].tolist() if "distances" in field else [index[1]]
    given = set(one.labels)
    left = {one.labels[number] for number in one.cluster_labels.tolist()}
    for number in concerned:
        if number not in given:
            return f"no row in use is of class '{classes[number]}'"
        if number not in left:
            return f"every row of class '{classes[number]}' is one point with a row of another"
    return "the nearest points of the hulls were not found within the tolerance"


def probe_notes(values: DirectProbeResult, found: Sequence[Found], seed: int) -> list[str]:
    """Sentences for the figure: rows drawn, too few rows, conflicts, and what a distance is where labels are split."""
    notes = []
    for n_used, n_all, name in (
        (values.n_used, values.split.n_train, values.split.train_name),
        (values.n_test_used, values.split.n_test, values.split.test_name),
    ):
        if 0 < n_used < n_all:
            notes.append(f"{n_used:,} of {n_all:,} {name} rows were drawn, class by class (seed {seed}).")
    n_directions = max((one.n_directions for one in found if not isinstance(one, str)), default=0)
    enough = 2 * (n_directions + 1)
    if values.n_used < enough:
        notes.append(
            f"{values.n_used:,} rows that vary in {n_directions} directions are fewer than 2(d + 1) = {enough:,}: random "
            "labels would be separable as well, so the number of clusters says nothing (Cover 1965)."
        )
    else:
        sizes = np.bincount(values.row_label, minlength=len(values.split.classes))
        here = [(i, j) for i, j in values.pairs.tolist() if sizes[i] and sizes[j]]
        n_few = sum(sizes[i] + sizes[j] < enough for i, j in here)
        if n_few:
            notes.append(
                f"{n_few:,} of {len(here):,} pairs of labels have fewer than 2(d + 1) = {enough:,} rows: that these are apart "
                "says nothing, random labels would be as well (Cover 1965)."
            )
    n_conflicts = int(values.conflict.any(axis=0).sum())
    if n_conflicts:
        rows = values.row_index[values.conflict.any(axis=0)]
        shown = ", ".join(map(str, (rows[:8] + 1).tolist())) + (" ..." if len(rows) > 8 else "")
        notes.append(
            f"{n_conflicts:,} rows have the same vector as a row of another label in some layer; no hyperplane can split "
            f"them, so they are left out there (rows {shown}, counted from 1)."
        )
    split_up = [one for one in found if not isinstance(one, str) and not one.apart.all()]
    if split_up:
        notes.append(
            "Where there are more clusters than labels, the distance between two labels is the minimum between their clusters; "
            "the paper defines it for as many clusters as labels only."
        )
    return notes
