"""DirectProbe: clusters of one label each whose convex hulls do not overlap, and the distances between them.

Zhou & Srikumar (2021), as summarised and used in "A Closer Look at How Fine-tuning Changes BERT", section 2.2.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.metrics.direct_probe.hulls import CONVERGED, FINE, Meeting, distance, meet, n_directions, scaled
from backend.metrics.direct_probe.merging import merge_apart
from backend.metrics.shared.degenerate import count_non_finite
from backend.metrics.shared.linalg import Floats, Ints, as_matrix
from backend.metrics.shared.progress import part_of
from backend.metrics.shared.rounding import same_pairs, step_of
from backend.values.activations import Report, no_report

LEAST_PAIRS = 3  # of labels, for a correlation of their distances: of two, it is 1 or -1 whatever they are
LEFT_OUT = -1
_ROUNDING = 1e-9  # distances that differ by less, relatively, are equal: that is how exactly they are found


@dataclass(frozen=True, slots=True, eq=False)
class DirectProbe:
    """What ``direct_probe`` found.

    ``clusters`` (n_rows,): the cluster of each row, numbered by label, then by first row; -1 for a row that was not
    drawn or is in conflict. ``distances`` (n_clusters, n_clusters): Euclidean distance of their hulls, twice the margin
    of the widest separator, in the units of the rows; NaN within a label, and where it was not found: there ``floors``
    has the proven lower bound, and infinity elsewhere.
    ``cluster_labels`` (n_clusters,) index ``labels``. ``conflicts`` (n_pairs, 2): rows of different labels that are one
    point. ``apart`` (n_labels, n_labels): whether the whole labels' hulls are. ``gap`` is the largest relative
    distance between the proven bounds of a distance; ``n_rows`` rows are in use, which vary in ``n_directions``.
    """

    clusters: Ints
    distances: Floats
    floors: Floats
    labels: tuple[Any, ...]
    cluster_labels: Ints
    conflicts: Ints
    apart: npt.NDArray[np.bool_]
    gap: float
    n_rows: int
    n_directions: int

    @property
    def n_clusters(self) -> int:
        """Number of clusters; as many as labels where every label's hull is apart from every other's."""
        return len(self.cluster_labels)

    @property
    def too_few(self) -> bool:
        """Whether random labels would be apart as well: fewer than 2(d + 1) rows in d directions (Cover)."""
        return self.n_rows < 2 * (self.n_directions + 1)

    def label_distances(self) -> Floats:
        """Least distance of the clusters of two labels (n_labels, n_labels).

        NaN on the diagonal, for lost labels, and where clusters whose distance was not found may be nearer.
        """
        return _unless_nearer(self._least(self.distances), self._least(self.floors))

    def least_distances(self) -> Floats:
        """Least distance of each label's clusters to any other label's (n_labels,); NaN as for ``label_distances``."""
        known, floors = (self._least(matrix).min(axis=1, initial=np.inf) for matrix in (self.distances, self.floors))
        return _unless_nearer(known, floors)

    def _least(self, matrix: Floats) -> Floats:
        """The least entry of ``matrix`` (n_clusters, n_clusters) for each two labels; infinity where there is none."""
        out = np.full((len(self.labels),) * 2, np.inf)
        known = np.where(np.isnan(matrix), np.inf, matrix)
        np.minimum.at(out, (self.cluster_labels[:, None], self.cluster_labels[None]), known)
        return out


def _unless_nearer(known: Floats, floors: Floats) -> Floats:
    return np.where(np.isinf(known) | (floors < known), np.nan, known)


def direct_probe(
    x: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    seed: int = 0,
    max_rows: int | None = None,
    step: float | None = None,
    report: Report = no_report,
) -> DirectProbe:
    """Merge singletons into clusters of one label while their hulls stay apart from every other label's clusters.

    ``x`` (n_rows, n_dims), ``labels`` (n_rows,) of any kind. The closest pair of clusters of a label (centroids, ties to
    the lower rows) is merged unless the merged hull overlaps with a cluster of another label; a refused pair is never
    tried again. Where every label's hull is apart from all others, that is the answer and nothing is merged one by one.
    Overlap is decided by linear programming (``hulls``). Rows that are one point under different labels, but for the
    rounding of the format of ``step`` (``rounding.same_points``), are left out. ``max_rows`` are drawn label by label with ``seed``. Raises InvalidRequest for labels or rows that are missing or
    not finite. Zhou & Srikumar (2021).
    """
    matrix, names, numbers = _checked(x, labels)
    used = sample_rows(numbers, max_rows, seed)
    rows, longest = scaled(matrix[used])
    report(0, 3, "rows that are one point")
    conflicts = same_pairs(matrix[used], numbers[used], step_of(matrix, step))
    kept = np.setdiff1d(np.arange(len(used)), conflicts.ravel())
    rows, mine = rows[kept], numbers[used[kept]]
    met = label_meetings(rows, mine, part_of(report, 0, 3, "labels"))
    apart = np.ones((len(names), len(names)), dtype=bool)
    for (i, j), meeting in met.items():
        apart[i, j] = apart[j, i] = meeting.apart
    found = merge_apart(rows, mine, ~apart, part_of(report, 1, 3, ""))
    first, cluster = np.unique(found, return_inverse=True)
    order = np.lexsort((first, mine[first]))
    cluster, first = np.argsort(order)[cluster], first[order]
    clusters = np.full(len(matrix), LEFT_OUT)
    clusters[used[kept]] = cluster
    distances, floors, gap = _distances(rows, cluster, mine[first], met, part_of(report, 2, 3, "distances"))
    report(3, 3, "")
    return DirectProbe(
        clusters=clusters,
        distances=distances * longest,
        floors=floors * longest,
        labels=names,
        cluster_labels=mine[first],
        conflicts=used[conflicts],
        apart=apart,
        gap=gap,
        n_rows=len(kept),
        n_directions=n_directions(rows),
    )


def _checked(x: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[Any, tuple[Any, ...], Ints]:
    matrix, given = as_matrix(x), np.asarray(labels)
    if given.shape != (len(matrix),):
        raise InvalidRequest(
            f"There are {len(matrix)} rows and labels of shape {given.shape}.", "Give one label for each row."
        )
    missing = [row for row, label in enumerate(given.tolist()) if label is None or label != label]
    if missing:
        raise InvalidRequest(
            f"{len(missing)} labels are missing, the first in row {missing[0]}.", "Leave these rows out."
        )
    n_bad = count_non_finite(matrix)
    if n_bad:
        raise InvalidRequest(f"{n_bad:,} rows hold a NaN or an infinity.", "Leave these rows out.")
    names, numbers = np.unique(given, return_inverse=True)
    return matrix, tuple(names.tolist()), numbers.astype(np.int64)


def sample_rows(labels: Ints, max_rows: int | None, seed: int) -> Ints:
    """At most ``max_rows`` row numbers, in order: of each label its share, rounded, and one at least."""
    if max_rows is None or len(labels) <= max_rows:
        return np.arange(len(labels))
    rng = np.random.default_rng([seed, 2])
    kept = []
    for label in np.unique(labels):
        mine = np.flatnonzero(labels == label)
        n_kept = max(1, int(len(mine) * max_rows / len(labels)))
        kept.append(rng.permutation(mine)[:n_kept])
    return np.sort(np.concatenate(kept))


def label_meetings(
    rows: Floats, labels: Ints, report: Report, *, distances: bool = True
) -> dict[tuple[int, int], Meeting]:
    """Each two labels' whole hulls compared, in scaled rows; with their ``distances``, or only whether they are apart."""
    present = [(int(label), rows[labels == label]) for label in np.unique(labels)]
    pairs = list(combinations(present, 2))
    met = {}
    for done, ((i, a), (j, b)) in enumerate(pairs):
        report(done, len(pairs), f"pair {done + 1} of {len(pairs)}")
        met[i, j] = distance(a, b) if distances else meet(a, b)
    return met


def _distances(
    rows: Floats, clusters: Ints, labels: Ints, met: dict[tuple[int, int], Meeting], report: Report
) -> tuple[Floats, Floats, float]:
    """The hull distance of every two clusters of different labels (``labels`` of the clusters), and the worst gap.

    Where a distance was not found the second matrix has its lower bound, infinity elsewhere.
    """
    n_clusters = len(labels)
    out, worst = np.full((n_clusters, n_clusters), np.nan), 0.0
    floors = np.full((n_clusters, n_clusters), np.inf)
    points = [rows[clusters == number] for number in range(n_clusters)]
    alone = np.bincount(labels, minlength=1) == 1
    for i in range(n_clusters):
        report(i, n_clusters, f"cluster {i + 1} of {n_clusters}")
        for j in range(i + 1, n_clusters):
            if labels[i] == labels[j]:
                continue
            whole = alone[labels[i]] and alone[labels[j]]
            found = met[int(labels[i]), int(labels[j])] if whole else distance(points[i], points[j])
            gap = (found.high - found.low) / found.high if found.high > 0 else 0.0
            if found.apart and (gap <= CONVERGED or found.high - found.low <= FINE):
                worst = max(worst, gap)
                out[i, j] = out[j, i] = found.high
            else:
                floors[i, j] = floors[j, i] = found.low if found.apart else 0.0
    return out, floors, worst


def spatial_similarity(distances_a: npt.ArrayLike, distances_b: npt.ArrayLike) -> float:
    """Pearson correlation of two representations' distances between the same labels, in [-1, 1].

    Each is the square matrix of distances (n_labels, n_labels), of which the part above the diagonal counts, or the
    vector of those entries. Pairs undefined on either side are left out; NaN for fewer than 3 pairs or where all
    distances of a side are equal. Raises InvalidRequest where the shapes differ. Zhou & Srikumar, section 2.2.
    """
    a, b = np.asarray(distances_a, dtype=np.float64), np.asarray(distances_b, dtype=np.float64)
    if a.shape != b.shape or a.ndim not in (1, 2) or (a.ndim == 2 and a.shape[0] != a.shape[1]):
        raise InvalidRequest(
            f"The distances have shapes {a.shape} and {b.shape}.",
            "Give the distances of the same labels on both sides.",
        )
    if a.ndim == 2:
        above = np.triu_indices(len(a), 1)
        a, b = a[above], b[above]
    both = np.isfinite(a) & np.isfinite(b)
    a, b = a[both], b[both]
    if len(a) < LEAST_PAIRS:
        return float("nan")
    spread_a, spread_b = a - a.mean(), b - b.mean()
    norm_a, norm_b = float(np.linalg.norm(spread_a)), float(np.linalg.norm(spread_b))
    if norm_a <= _ROUNDING * np.linalg.norm(a) or norm_b <= _ROUNDING * np.linalg.norm(b):
        return float("nan")
    return float(np.clip(spread_a @ spread_b / (norm_a * norm_b), -1.0, 1.0))


def growth(minimum: npt.NDArray[np.floating]) -> Floats:
    """How much each label's least distance grows over the first axis of ``minimum`` (n_steps, n_labels), (n_labels,).

    The steps may be layers, models or checkpoints: the last known distance minus the first; NaN where fewer than two are known.
    """
    change = np.full(minimum.shape[1], np.nan)
    for label in range(minimum.shape[1]):
        known = minimum[np.isfinite(minimum[:, label]), label]
        if len(known) > 1:
            change[label] = known[-1] - known[0]
    return change
