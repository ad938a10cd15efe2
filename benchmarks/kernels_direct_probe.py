"""DirectProbe: ours against the published way, which merges from singletons and asks a support-vector machine each time.

The published way is told here as its paper and program tell it: the closest pair of one label (centroids), spheres around
the clusters to leave out those that cannot meet, then a hard linear support-vector machine on standardised rows for each
cluster left; pairs of clusters known to be apart are not asked again for their parts. Of 1,500 rows it is run as its later program
begins, for labels that are apart: merged without asking, and the end state asked alone. Labels of SST-2 overlap in the last layer; there is no
published result to wait for, and the row says within which time ours ends.
"""

import time
import warnings
from functools import partial
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from backend.errors import Cancelled
from backend.metrics.direct_probe.kernel import direct_probe
from benchmarks import real
from benchmarks.race import one_thread, race, taken
from benchmarks.record import Ratio, Row, Side, keep, missing

NAME = "kernels_direct_probe"
_MOST_SECONDS = 300.0
_SVM, _END = (
    "published: a support-vector machine at every merge",
    "published: a support-vector machine for the end state alone",
)


def overlap_by_svm(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether a hard linear SVM, stopped after 500,000 iterations as in the published program, fails to part them."""
    rows = StandardScaler().fit_transform(np.concatenate([a, b]))
    y = np.r_[np.zeros(len(a)), np.ones(len(b))]
    return bool(SVC(tol=1e-5, C=10_000, kernel="linear", max_iter=500_000).fit(rows, y).score(rows, y) != 1.0)


def published(x: np.ndarray, labels: np.ndarray, *, at_the_end: bool = False) -> int:
    """Number of clusters by the published way; with ``at_the_end`` as its later program begins, for labels that are apart.

    That program first merges all that can be without asking, and asks of the end state alone; 0 where that overlaps.
    """
    n_rows = len(x)
    members = {row: [row] for row in range(n_rows)}
    centres, radius = x.copy(), np.zeros(n_rows)
    gaps = np.full((n_rows, n_rows), np.inf)
    for row in range(n_rows):
        mine = np.flatnonzero(labels[row + 1 :] == labels[row]) + row + 1
        gaps[row, mine] = np.linalg.norm(x[mine] - x[row], axis=1)
    while np.isfinite(least := gaps.min()):
        i, j = divmod(int((gaps <= least).argmax()), n_rows)
        together = members[i] + members[j]
        centre = x[together].mean(axis=0)
        reach = np.linalg.norm(x[together] - centre, axis=1).max()
        near = np.linalg.norm(centres - centre, axis=1) < radius + reach
        others = [] if at_the_end else [k for k in members if near[k] and labels[k] != labels[i]]
        blocked = False
        for k in others:
            if overlap_by_svm(x[together], x[members[k]]):
                blocked = True
                break
        if blocked:
            gaps[i, j] = np.inf
            continue
        members[i], centres[i], radius[i] = together, centre, reach
        del members[j]
        gaps[j], gaps[:, j] = np.inf, np.inf
        centres[j], radius[j] = np.inf, 0.0
        for k in [k for k in members if labels[k] == labels[i] and k != i]:
            gaps[min(i, k), max(i, k)] = np.linalg.norm(centres[k] - centre)
    pairs = [(a, b) for a in members for b in members if a < b and labels[a] != labels[b]]
    if at_the_end and any(overlap_by_svm(x[members[a]], x[members[b]]) for a, b in pairs):
        return 0
    return len(members)


def _clusters(mine: Any, other: int) -> str:
    return f"{mine.n_clusters} and {other} clusters"


def main() -> None:
    one_thread()
    if not real.has_data():
        keep(NAME, [missing("DirectProbe", _SVM, real.ABSENT)])
        return
    warnings.simplefilter("ignore", ConvergenceWarning)
    texts, labels = real.trec(1500)
    x = real.layer_of(texts).astype(np.float64)
    direct_probe(x[:20], labels[:20])
    run, other = partial(direct_probe, x, labels), partial(published, x, labels, at_the_end=True)
    keep(NAME, [race("TREC, 6 labels, 1,500 rows x 384", _END, run, other, quality=_clusters, target=30.0, turns=3, warm=False)])  # fmt: skip
    draw = np.random.default_rng(1).standard_normal((x.shape[1], 12))
    small = np.sort(np.random.default_rng(0).permutation(len(x))[:200])
    run, other = (
        partial(direct_probe, x[small] @ draw, labels[small]),
        partial(published, x[small] @ draw, labels[small]),
    )
    keep(NAME, [race("TREC, 6 labels, 200 rows projected to 12 dimensions", _SVM, run, other, quality=_clusters, target=30.0, turns=2, warm=False)])  # fmt: skip
    keep(NAME, [_overlapping()])


def _overlapping() -> Row:
    """2,000 rows whose labels overlap: a minute against what ours takes; it is stopped after five, and said how far it was."""
    texts, labels = real.sst2(2000)
    x = real.layer_of(texts).astype(np.float64)
    began, last = time.process_time(), ""

    def report(done: int, total: int, stage: str) -> None:
        nonlocal last
        last = f"{done / max(1, total):.0%}, {stage}"
        if time.process_time() - began > _MOST_SECONDS:
            raise Cancelled

    def run() -> str:
        try:
            answer = direct_probe(x, labels, report=report)
        except Cancelled:
            return f"stopped at {last}"
        met = "overlap" if not answer.apart.all() else "are apart"
        return f"{answer.n_clusters} clusters of {answer.n_rows:,} rows; labels {met}"

    found = taken(run)
    ratio = 60.0 / found.processor
    return Row("SST-2, 2 labels that overlap, 2,000 rows x 384", "one minute", Side(found.processor, found.clock, found.peak_mb), Side(60.0, 60.0), Ratio(ratio, ratio, ratio), 1, found.result, 1.0)  # fmt: skip


if __name__ == "__main__":
    main()
