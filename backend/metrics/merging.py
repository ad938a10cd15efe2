"""Merging the clusters of one label while their hull stays apart from every other label's (DirectProbe, Zhou & Srikumar).

Memory: the rows twice in float64 (rows and centroids), and one byte for each pair of rows of a label: n_rows^2 / n_labels
bytes where the labels are alike. A step needs at most ``BLOCK_ENTRIES`` numbers more.
"""

import numpy as np
import numpy.typing as npt

from backend.activations import Report
from backend.metrics.hulls import TOLERANCE, meet
from backend.metrics.linalg import BLOCK_ENTRIES, Floats, Ints

_TIE = 1.0 + 1e-10  # distances closer than this are equal, and the lower index wins
_ALONE = -1
_REMEMBERED = 1 << 23  # numbers in the remembered hyperplanes: 64 MiB


def merge_apart(rows: Floats, labels: Ints, overlaps: npt.NDArray[np.bool_], report: Report) -> Ints:
    """The cluster of each row (n_rows,), named by its lowest row.

    ``rows`` are scaled, ``labels`` are 0 to n_labels - 1, ``overlaps`` (n_labels, n_labels) says whose hulls overlap. A
    label that overlaps with none is one cluster: all its merges succeed and none stands in another's way.
    """
    free: npt.NDArray[np.bool_] = ~np.any(overlaps, axis=1)
    clusters = np.arange(len(rows))
    for label in np.flatnonzero(free):
        mine = np.flatnonzero(labels == label)
        clusters[mine] = mine[:1]
    tied = np.flatnonzero(~free[labels])
    if len(tied):
        clusters[tied] = tied[_Merging(rows[tied], labels[tied], overlaps).run(report)]
    return clusters


class _Merging:
    """The state between two merges. A cluster is named by its lowest row, which stays its name when it grows."""

    def __init__(self, rows: Floats, labels: Ints, overlaps: npt.NDArray[np.bool_]) -> None:
        n_rows = len(rows)
        self.rows, self.labels, self.overlaps = rows, labels, overlaps
        self.members = [np.array([row]) for row in range(n_rows)]
        self.clusters = np.arange(n_rows)
        self.alive = np.ones(n_rows, dtype=bool)
        self.centres = rows.copy()
        self.own = np.einsum("ij,ij->i", rows, rows)  # of each row, along the centre of its cluster
        self.place = np.zeros(n_rows, dtype=np.int64)  # of each row, among those of its label
        self.of_label = [np.flatnonzero(labels == label) for label in range(len(overlaps))]
        for mine in self.of_label:
            self.place[mine] = np.arange(len(mine))
        self.refused = [np.zeros((len(mine), len(mine)), dtype=bool) for mine in self.of_label]
        self.best = np.full(n_rows, np.inf)
        self.partner = np.full(n_rows, _ALONE)
        self.blocker = np.full(n_rows, _ALONE)  # a row of the cluster that last stood in the way of this one
        self.normals: dict[tuple[int, int], Floats] = {}  # what parted two clusters, by their names

    def run(self, report: Report) -> Ints:
        """Merge until no pair is left that may; the cluster of each row."""
        n_rows = len(self.rows)
        for row in range(n_rows):
            self._find_partner(row)
        n_merged = n_refused = 0
        while True:
            nearest = float(self.best.min())
            if not np.isfinite(nearest):
                return self.clusters
            first = int(np.argmax(self.best <= nearest * _TIE))
            second = int(self.partner[first])
            if (n_merged + n_refused) % 16 == 0:
                report(n_merged, n_rows, f"merging, {n_rows - n_merged} clusters, {n_refused} pairs refused")
            together = np.concatenate([self.members[first], self.members[second]])
            blocker = self._blocker(first, second, together)
            if blocker == _ALONE:
                self._merge(first, second, together)
                n_merged += 1
            else:
                self._refuse(first, second, blocker)
                n_refused += 1

    def _find_partner(self, row: int) -> None:
        """The nearest cluster of the same label and a higher name that ``row`` may still be merged with."""
        label = self.labels[row]
        others = self.of_label[label][self.place[row] + 1 :]
        others = others[self.alive[others] & ~self.refused[label][self.place[row], self.place[row] + 1 :]]
        self.best[row], self.partner[row] = np.inf, _ALONE
        if len(others):
            away = self._away(row, others)
            found = int(np.argmax(away <= away.min() * _TIE))
            self.best[row], self.partner[row] = away[found], others[found]

    def _away(self, row: int, others: Ints) -> Floats:
        """Squared distances of centres."""
        apart = self.centres[others] - self.centres[row]
        away: Floats = np.einsum("ij,ij->i", apart, apart)
        return away

    def _refuse(self, first: int, second: int, blocker: int) -> None:
        """Never again: whatever the two grow into overlaps with whatever the blocker grows into."""
        a, b = self.place[first], self.place[second]
        refused = self.refused[self.labels[first]]
        refused[a, b] = refused[b, a] = True
        self.blocker[first] = self.blocker[second] = blocker
        self._find_partner(first)

    def _merge(self, first: int, second: int, together: Ints) -> None:
        label = self.labels[first]
        a, b = self.place[first], self.place[second]
        refused = self.refused[label]
        refused[a] |= refused[b]
        refused[:, a] |= refused[:, b]
        self.alive[second] = False
        self.best[second] = np.inf
        self.members[first], self.members[second] = together, together[:0]
        self.clusters[together] = first
        self.centres[first] = self.rows[together].mean(axis=0)
        self.own[together] = self.rows[together] @ self.centres[first]
        if self.blocker[first] == _ALONE:
            self.blocker[first] = self.blocker[second]
        self._find_partner(first)
        lower = self.of_label[label][:b]
        lower = lower[self.alive[lower] & (lower != first)]
        stale = (self.partner[lower] == first) | (self.partner[lower] == second)
        for row in lower[stale].tolist():
            self._find_partner(row)
        others = lower[~stale & (lower < first) & ~refused[self.place[lower], a]]
        if len(others):
            away = self._away(first, others)
            closer = away * _TIE < self.best[others]
            equal = ~closer & (away <= self.best[others] * _TIE) & (self.partner[others] > first)
            changed = closer | equal
            self.best[others[changed]], self.partner[others[changed]] = away[changed], first

    def _blocker(self, first: int, second: int, together: Ints) -> int:
        """A row of a cluster whose hull overlaps with that of the rows ``together``, or _ALONE."""
        points = self.rows[together]
        hints = {int(self.clusters[row]) for row in (self.blocker[first], self.blocker[second]) if row != _ALONE}
        for hint in sorted(hints):
            if not meet(points, self.rows[self.members[hint]]).apart:
                return hint
        partners = self.overlaps[self.labels[first]]
        near = np.flatnonzero(self.alive & partners[self.labels])
        near = near[~np.isin(near, list(hints))] if hints else near
        for start in range(0, len(near), step := max(1, BLOCK_ENTRIES // len(points))):
            found = self._blocker_among(first, second, points, near[start : start + step])
            if found != _ALONE:
                return found
        return _ALONE

    def _blocker_among(self, first: int, second: int, points: Floats, names: Ints) -> int:
        """Split off what a hyperplane across the line of centres, or a remembered one, proves apart; compare the rest.

        Each hyperplane that is found on the way is tried on all that are left, and remembered.
        """
        centre = points.mean(axis=0)
        width = np.linalg.norm(centre - self.centres[names], axis=1)
        low = (points @ centre)[:, None] - points @ self.centres[names].T
        highest = np.full(len(self.rows), -np.inf)
        np.maximum.at(highest, self.clusters, self.rows @ centre - self.own)
        slab = low.min(axis=0) - highest[names]
        left = slab <= TOLERANCE * width
        slab, names = slab[left] / np.maximum(width[left], TOLERANCE), names[left]
        names = self._not_remembered(first, second, points, names[np.argsort(slab, kind="stable")])
        while len(names):
            name, names = int(names[0]), names[1:]
            met = meet(points, self.rows[self.members[name]])
            if not met.apart:
                return name
            self._remember(first, name, met.normal)
            if len(names):
                rows, starts = self._rows_of(names)
                slab = (points @ met.normal).min() - np.maximum.reduceat(self.rows[rows] @ met.normal, starts)
                beyond = slab > TOLERANCE * np.linalg.norm(met.normal)
                for other in names[beyond].tolist():
                    self._remember(first, other, met.normal)
                names = names[~beyond]
        return _ALONE

    def _not_remembered(self, first: int, second: int, points: Floats, names: Ints) -> Ints:
        """Those of ``names`` that no hyperplane that once parted them from one of the two still does."""
        for mine in (first, second):
            known = np.array([(mine, name) in self.normals for name in names.tolist()], dtype=bool)
            if not known.any():
                continue
            tried = names[known]
            normals = np.stack([self.normals[mine, name] for name in tried.tolist()])
            rows, starts = self._rows_of(tried)
            sizes = np.diff(np.append(starts, len(rows)))
            highest = np.maximum.reduceat(
                np.einsum("ij,ij->i", self.rows[rows], np.repeat(normals, sizes, axis=0)), starts
            )
            slab = (points @ normals.T).min(axis=0) - highest
            parted = slab > TOLERANCE * np.linalg.norm(normals, axis=1)
            if mine == second:
                for name, normal in zip(tried[parted].tolist(), normals[parted], strict=True):
                    self._remember(first, name, normal)
            known[known] = parted
            names = names[~known]
        return names

    def _remember(self, mine: int, name: int, normal: Floats) -> None:
        self.normals[mine, name] = normal
        if len(self.normals) * len(normal) > _REMEMBERED:
            del self.normals[next(iter(self.normals))]

    def _rows_of(self, names: Ints) -> tuple[Ints, Ints]:
        """The rows of these clusters, one cluster after the other, and where each begins."""
        found = [self.members[name] for name in names.tolist()]
        starts = np.cumsum([0, *map(len, found[:-1])])
        return np.concatenate(found), starts
