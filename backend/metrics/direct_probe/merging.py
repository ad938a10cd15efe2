"""Merging the clusters of one label while their hull stays apart from every other label's (DirectProbe, Zhou & Srikumar).

Memory: the rows twice in float64 (rows and centroids), and one byte for each pair of rows of a label: n_rows^2 / n_labels
bytes where the labels are alike. A step needs at most ``BLOCK_ENTRIES`` numbers more.
"""

import numpy as np
import numpy.typing as npt

from backend.metrics.direct_probe.hulls import TOLERANCE, Meeting, meet, meet_from
from backend.metrics.direct_probe.nearest import beyond
from backend.metrics.shared.linalg import BLOCK_ENTRIES, Floats, Ints
from backend.values.activations import Report

_TIE = 1.0 + 1e-10  # distances closer than this are equal, and the lower index wins
_ALONE = -1
_REMEMBERED = 1 << 23  # numbers in the remembered hyperplanes, and in the remembered weights: 64 MiB each
_LARGE = 2e7  # rows times squared dimensions from which on a comparison is not begun afresh
_SOME = 24  # rows of a cluster from which on it is compared with all rows of a label at once


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
        self.bound = np.zeros(n_rows, dtype=bool)  # whether ``best`` is but a lower bound
        self.blocker = np.full(n_rows, _ALONE)  # a row of the cluster that last stood in the way of this one
        self.crossed = np.zeros((n_rows, len(overlaps)), dtype=bool)  # whose hull reaches into that of a whole label
        self.crossing = np.zeros(len(overlaps), dtype=bool)  # the same of the two clusters in question, together
        self.normals: dict[tuple[int, int], Floats] = {}  # what parted two clusters, by their names
        self.nearest: dict[tuple[int, int], Floats] = {}  # the weights of the nearest points, of two large clusters

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
            if self.bound[first]:
                self._find_partner(first)
                continue
            second = int(self.partner[first])
            if (n_merged + n_refused) % 16 == 0:
                report(n_merged, n_rows, f"merging, {n_rows - n_merged:,} clusters, {n_refused:,} pairs refused")
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
        self.best[row], self.partner[row], self.bound[row] = np.inf, _ALONE, False
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
        self.crossed[first] |= self.crossing
        if self.blocker[first] == _ALONE:
            self.blocker[first] = self.blocker[second]
        self._find_partner(first)
        lower = self.of_label[label][:b]
        lower = lower[self.alive[lower] & (lower != first)]
        # Their nearest is one that moved or went: all others are at least as far as it was, so it is a lower bound.
        self.bound[lower] |= (self.partner[lower] == first) | (self.partner[lower] == second)
        others = lower[(lower < first) & ~refused[self.place[lower], a]]
        if len(others):
            away, best = self._away(first, others), self.best[others]
            equal = (away <= best * _TIE) & (self.bound[others] | (self.partner[others] >= first))
            changed = others[(away * _TIE < best) | equal]
            self.best[changed], self.partner[changed] = away[(away * _TIE < best) | equal], first
            self.bound[changed] = False

    def _blocker(self, first: int, second: int, together: Ints) -> int:
        """A row of a cluster whose hull overlaps with that of the rows ``together``, or _ALONE."""
        points = self.rows[together]
        hints = {int(self.clusters[row]) for row in (self.blocker[first], self.blocker[second]) if row != _ALONE}
        for hint in sorted(hints):
            if not self._meet(first, second, together, hint).apart:
                return hint
        partners = self.overlaps[self.labels[first]].copy()
        self.crossing = self.crossed[first] | self.crossed[second]
        for label in np.flatnonzero(partners & ~self.crossing).tolist() if len(points) >= _SOME else ():
            partners[label] = not self._beyond(first, second, together, label)
        near = np.flatnonzero(self.alive & partners[self.labels])
        near = near[~np.isin(near, list(hints))] if hints else near
        for start in range(0, len(near), step := max(1, BLOCK_ENTRIES // len(points))):
            found = self._blocker_among(first, second, together, near[start : start + step])
            if found != _ALONE:
                return found
        return _ALONE

    def _beyond(self, first: int, second: int, together: Ints, label: int) -> bool:
        """Whether a hyperplane parts these rows from all of a label, which no larger cluster is once this one is not."""
        name = -1 - label
        if not len(self._not_remembered(first, second, self.rows[together], np.array([name]))):
            return True
        met = self._meet(first, second, together, name)
        if met.apart:
            self._remember(first, name, met.normal)
        else:
            self.crossing[label] = True
        return met.apart

    def _blocker_among(self, first: int, second: int, together: Ints, names: Ints) -> int:
        """Split off what a hyperplane across the line of centres, or a remembered one, proves apart; compare the rest.

        Each hyperplane that is found on the way is tried on all that are left, and remembered.
        """
        points = self.rows[together]
        centre = points.mean(axis=0)
        line = centre - self.centres[names]
        width = np.linalg.norm(line, axis=1)
        low = (points @ centre)[:, None] - points @ self.centres[names].T
        highest = np.full(len(self.rows), -np.inf)
        np.maximum.at(highest, self.clusters, self.rows @ centre - self.own)
        slab = low.min(axis=0) - highest[names]
        left = ~beyond(slab, line, TOLERANCE)
        slab, names = slab[left] / np.maximum(width[left], TOLERANCE), names[left]
        names = self._not_remembered(first, second, points, names[np.argsort(slab, kind="stable")])
        while len(names):
            name, names = int(names[0]), names[1:]
            met = self._meet(first, second, together, name)
            if not met.apart:
                return name
            self._remember(first, name, met.normal)
            if len(names):
                rows, starts = self._rows_of(names)
                slab = (points @ met.normal).min() - np.maximum.reduceat(self.rows[rows] @ met.normal, starts)
                parted = beyond(slab, met.normal, TOLERANCE)
                for other in names[parted].tolist():
                    self._remember(first, other, met.normal)
                names = names[~parted]
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
            parted = beyond(slab, normals, TOLERANCE)
            if mine == second:
                for name, normal in zip(tried[parted].tolist(), normals[parted], strict=True):
                    self._remember(first, name, normal)
            known[known] = parted
            names = names[~known]
        return names

    def _meet(self, first: int, second: int, together: Ints, name: int) -> Meeting:
        """Compare, where both hulls are large beginning with the nearest points of one of the two and ``name``."""
        theirs = self._members(name)
        points, others = self.rows[together], self.rows[theirs]
        if (len(points) + len(others)) * points.shape[1] ** 2 < _LARGE:
            return meet(points, others)
        start = next((self.nearest[mine, name] for mine in (first, second) if (mine, name) in self.nearest), None)
        met = meet_from(points, others, None if start is None else (start[together], start[theirs]))
        met = met or meet(points, others)
        if met.apart and met.weights is not None:
            found = np.zeros(len(self.rows))
            found[together], found[theirs] = met.weights
            self.nearest[first, name] = found
            if len(self.nearest) * len(found) > _REMEMBERED:
                del self.nearest[next(iter(self.nearest))]
        return met

    def _remember(self, mine: int, name: int, normal: Floats) -> None:
        self.normals[mine, name] = normal
        if len(self.normals) * len(normal) > _REMEMBERED:
            del self.normals[next(iter(self.normals))]

    def _members(self, name: int) -> Ints:
        """The rows of a cluster; of all of a label where ``name`` is -1 - label."""
        return self.members[name] if name >= 0 else self.of_label[-1 - name]

    def _rows_of(self, names: Ints) -> tuple[Ints, Ints]:
        """The rows of these clusters, one cluster after the other, and where each begins."""
        found = [self._members(name) for name in names.tolist()]
        starts = np.cumsum([0, *map(len, found[:-1])])
        return np.concatenate(found), starts
