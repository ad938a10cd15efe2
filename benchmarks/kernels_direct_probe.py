"""DirectProbe on TREC questions: ours against the published way, which merges from singletons and asks an SVM each time.

The published way is told here as its paper and program tell it: the closest pair of one label (centroids), spheres around
the clusters to leave out those that cannot meet, then a hard linear support-vector machine on standardised rows for each
cluster left; pairs of clusters known to be apart are not asked again for their parts. ``--rows 1500 --dims 384 12``
takes long: the published way is what takes it. Seconds are of processor time, so that a busy machine changes no ratio.
"""

import argparse
import csv
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import backend
from backend.forms.fingerprint import fingerprint
from backend.metrics.direct_probe.kernel import direct_probe
from backend.settings import PROJECT
from backend.store import Store

SHARED = Path(os.environ.get("EMBEDSCOPE_SHARED", PROJECT.parent / "shared"))


def questions(n_rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The last layer of minilm (mean pooling) for ``n_rows`` questions of TREC, and their coarse classes."""
    lines = (SHARED / "data" / "trec" / "TREC.train").read_text(encoding="latin-1").splitlines()
    chosen = np.sort(np.random.default_rng(seed).permutation(len(lines))[:n_rows])
    rows = [lines[i].split(" ", 1) for i in chosen]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trec.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("text", "label"), *((text, label.split(":")[0]) for label, text in rows)])
        bench = backend.open_workbench()
        texts = bench.read_texts(path, text="text", label="label")
        spec = bench.analysis(
            "average_cosine", models=[bench.model("minilm")], texts=texts, pooling="mean", layers="block 6"
        )
        bench.wait(spec)
        settings = bench.settings
        bench.close()
    store = Store(settings.cache, budget=settings.cache_bytes)
    x = np.array(store.open_array(fingerprint(spec.inputs[0])), dtype=np.float64)
    store.close()
    return x, np.unique([label.split(":")[0] for label, _ in rows], return_inverse=True)[1]


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of processor time of one call, and what it returned."""
    start = time.process_time()
    result = run()
    return time.process_time() - start, result


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


def main() -> None:
    """Both ways on the same rows, in one run; the cluster counts beside the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--dims", type=int, nargs="*", default=[384, 12], help="384, or fewer by random projection")
    parser.add_argument("--at-the-end", action="store_true", help="ask of the end state alone, where labels are apart")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    x, labels = questions(options.rows)
    print(f"{'case':44s} {'ours (s)':>9s} {'published (s)':>14s} {'faster':>8s}   clusters, ours and published")
    for n_dims in options.dims:
        draw = np.random.default_rng(1).standard_normal((x.shape[1], n_dims))
        rows = x if n_dims == x.shape[1] else x @ draw
        direct_probe(rows[:20], labels[:20])
        mine, found = timed(partial(direct_probe, rows, labels))
        other, n_theirs = timed(partial(published, rows, labels, at_the_end=options.at_the_end))
        case = f"{len(rows)} TREC rows, 6 labels, {n_dims} dims"
        print(
            f"{case:44s} {mine:9.2f} {other:14.1f} {other / mine:7.0f}x   {found.n_clusters} and {n_theirs}", flush=True
        )


if __name__ == "__main__":
    main()
