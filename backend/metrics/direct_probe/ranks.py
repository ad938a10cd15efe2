"""Which labels' least distance grows most and least, and which of them bear a rank."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.metrics.direct_probe.kernel import growth
from backend.metrics.shared.linalg import Floats

_TIE = 1e-9  # of the largest distance: nearer changes are the same


@dataclass(frozen=True, slots=True)
class Extreme:
    """One of the labels whose least distance grows most (``most``) or least: its number, its change, its place there from 0.

    ``ranked`` is false of two labels, whose distance is one and the same, and of a label that ties with one outside its group.
    """

    label: int
    change: float
    most: bool
    place: int
    ranked: bool


def least_distance_extremes(minimum: npt.NDArray[np.floating], n_each: int = 3) -> tuple[Extreme, ...]:
    """The labels of ``minimum`` (n_steps, n_labels) that grow most, in falling order, then those that grow least, in rising order.

    ``n_each`` on each side, of fewer labels half; no label is on both. A change is that of the last known step from the first.
    """
    change = growth(minimum)
    most, least = _sides(change, n_each)
    finite = np.isfinite(minimum)
    several = finite.any(axis=0).sum() > 2
    near = _TIE * float(np.max(np.abs(minimum[finite]), initial=0.0))

    def ranked(label: int, group: list[int]) -> bool:
        same = np.flatnonzero(np.abs(change - change[label]) <= near)
        return bool(several and (change[label] == 0 or set(same.tolist()) <= set(group)))

    return tuple(
        Extreme(label, float(change[label]), group is most, place, ranked(label, group))
        for group in (most, least)
        for place, label in enumerate(group)
        if group is most or label not in most
    )


def _sides(change: Floats, n_each: int) -> tuple[list[int], list[int]]:
    known = [int(label) for label in np.argsort(change, kind="stable") if np.isfinite(change[label])]
    n = min(n_each, len(known) // 2) if len(known) > 1 else len(known)
    return known[::-1][:n], known[:n]
