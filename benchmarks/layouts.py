"""Maps: t-SNE and UMAP against scikit-learn and umap-learn, and the map of principal components of cached activations.

Ours is the metric ``projection`` as it runs in the product: neighbours exact, layers aligned, and the quality of every map measured. scikit-learn
lays out one layer after the other with its Barnes-Hut default from principal components, of the same perplexity and the same 1,000 iterations;
its trustworthiness is measured by ours. UMAP is raced in fresh processes, on the clock, as the first use after a start is.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from backend.forms.codec import to_json
from backend.metrics.base import Outcome
from backend.metrics.maps.kernel import pca_layout
from backend.metrics.maps.projection import PROJECTION
from backend.metrics.maps.quality import trustworthiness
from backend.metrics.shared.offering import listening
from backend.settings import PROJECT
from backend.store.results import result_content
from backend.values.activations import no_report
from benchmarks import made, real
from benchmarks.race import one_thread, race
from benchmarks.record import CLOCK, Ratio, Row, Side, keep

NAME = "layouts"
_UMAP_ROWS = 2000
_COLD = """
import json, resource, sys, time
began = time.perf_counter()
from benchmarks import layouts
print(json.dumps(layouts.{side}(began)))
"""


def projected(matrices: list[made.Rows], **params: Any) -> Any:
    """The metric as the product runs it."""
    return PROJECTION.run([real.stack_of(matrices)], None, PROJECTION.params(**params), 0, no_report).values


class _Shown(Exception):
    """The maps are shown: what is measured ends here, and their quality is not measured."""


def shown(matrices: list[made.Rows], place: Path) -> Any:
    """The metric as the product runs it until its maps are offered and lie in a file, from where the page draws them."""
    found: list[Any] = []

    def show(outcome: Outcome) -> None:
        arrays: dict[str, np.ndarray] = {}
        place.write_bytes(result_content(to_json(outcome, arrays), arrays))
        found.append(outcome.values)
        raise _Shown

    with suppress(_Shown), listening(show):
        projected(matrices, method="pca", max_rows=20_000)
    return found[0]


def by_sklearn(matrices: list[made.Rows]) -> list[np.ndarray]:
    """One layer after the other, with its own defaults and as many iterations."""
    from sklearn.manifold import TSNE

    return [TSNE(perplexity=30.0, init="pca", random_state=0, n_jobs=1).fit_transform(x) for x in matrices]


def _trust(matrices: list[made.Rows], mine: Any, other: list[np.ndarray]) -> str:
    theirs = [trustworthiness(x, coords.astype(np.float64), mine.k) for x, coords in zip(matrices, other, strict=True)]
    worst = min(a - b for a, b in zip(mine.trustworthiness, theirs, strict=True))
    return f"trustworthiness {np.mean(mine.trustworthiness):.4f} and {np.mean(theirs):.4f} ({worst:+.4f} at worst)"


def umap_of_ours(began: float) -> dict[str, float]:
    """Seconds until the first word of progress and until the map, in this process."""
    said: list[float] = []

    def report(*_: Any) -> None:
        said.append(time.perf_counter() - began)

    x = made.layer(_UMAP_ROWS, 384)
    ready = time.perf_counter() - began
    values = PROJECTION.run([real.stack_of([x])], None, PROJECTION.params(method="umap"), 0, report).values
    done = time.perf_counter() - began - ready
    return {"first": said[0] - ready, "done": done, "trust": float(values.trustworthiness[0])}


def umap_of_theirs(began: float) -> dict[str, float]:
    """The same of umap-learn with its defaults and a seed."""
    x = made.layer(_UMAP_ROWS, 384)
    ready = time.perf_counter() - began
    import umap

    coords = umap.UMAP(random_state=0, n_jobs=1).fit_transform(x)
    done = time.perf_counter() - began - ready
    return {"first": done, "done": done, "trust": trustworthiness(x, np.asarray(coords, np.float64), 10)}


def _cold(side: str, compiled: str) -> tuple[float, dict[str, float]]:
    """Processor seconds of a fresh process, and what it found; ``compiled`` is the folder where numba keeps what it compiled."""
    environment = os.environ | {"NUMBA_CACHE_DIR": compiled}
    before = os.times()
    done = subprocess.run([sys.executable, "-c", _COLD.format(side=side)], cwd=PROJECT, env=environment, capture_output=True, text=True, check=True)  # fmt: skip
    after = os.times()
    worked = after.children_user + after.children_system - before.children_user - before.children_system
    return worked, dict(json.loads(done.stdout.splitlines()[-1]))


def _umap() -> list[Row]:
    rows = []
    size = f"{_UMAP_ROWS:,} x 384"
    with tempfile.TemporaryDirectory() as folder:
        names = ("UMAP, first use of an installation", "UMAP, first use after a start")
        for name in names:
            mine, found = _cold("umap_of_ours", folder)
            other, theirs = _cold("umap_of_theirs", str(Path(folder) / "none"))
            quality = f"first progress after {found['first']:.1f} s; trustworthiness {found['trust']:.4f} and {theirs['trust']:.4f}"
            ratio = theirs["done"] / found["done"]
            rows.append(Row(f"{name}, {size}", "umap-learn in a fresh process", Side(mine, found["done"]), Side(other, theirs["done"]), Ratio(ratio, ratio, ratio, CLOCK), 1, quality, 3.0))  # fmt: skip
    return rows


def _components() -> list[Row]:
    """A map of 10,001 rows in 6 layers from a file that is mapped into memory, as the store gives it."""
    from sklearn.decomposition import PCA

    with tempfile.TemporaryDirectory() as folder:
        files = []
        for number, x in enumerate(made.layers(6, 10_001, 384)):
            np.save(Path(folder) / f"{number}.npy", x)
            files.append(np.load(Path(folder) / f"{number}.npy", mmap_mode="r"))
        theirs = lambda: [PCA(n_components=2, random_state=0).fit(x).explained_variance_ratio_ for x in files]  # noqa: E731
        what = "principal components of 10,001 x 384 in 6 layers, cached activations"
        return [
            race(f"{what}: the maps", "scikit-learn's PCA", lambda: [pca_layout(x, 2)[1] for x in files], theirs, quality=_shares, target=1 / 1.2),
            race(f"{what}: from the start to the maps shown", "scikit-learn's PCA", partial(shown, files, Path(folder) / "shown"), theirs, quality=_shares, target=1 / 1.2),
            race(f"{what}: the maps and their quality", "scikit-learn's PCA", lambda: projected(files, method="pca", max_rows=20_000), theirs, quality=_shares, target=1 / 1.2),
        ]  # fmt: skip


def _shares(mine: Any, other: Any) -> str:
    ratios = mine.explained_variance_ratio if hasattr(mine, "explained_variance_ratio") else mine
    gap = float(np.abs(np.array(ratios) - np.array(other)).max())
    measured = hasattr(mine, "n_compared") and np.isfinite(mine.trustworthiness).all()
    trust = f"; quality of {mine.n_compared:,} rows" if measured else ""
    return f"shares of the variance differ by {gap:.0e}{trust}"


def main() -> None:
    one_thread()
    keep(NAME, _components())
    keep(NAME, _umap())
    for n_layers, n_rows, n_dims, target, turns in (
        (1, 872, 768, 1.5, 3),
        (1, 5000, 768, 3.0, 1),
        (13, 872, 768, 4.0, 1),
    ):
        xs = made.layers(n_layers, n_rows, n_dims)
        what = f"t-SNE, {n_rows:,} x {n_dims}" + (f", {n_layers} aligned layers" if n_layers > 1 else "")
        run = partial(projected, xs, method="tsne", n_iter=750)
        keep(NAME, [race(what, "scikit-learn, one by one", run, partial(by_sklearn, xs), quality=partial(_trust, xs), target=target, turns=turns, warm=n_layers == 1)])  # fmt: skip


if __name__ == "__main__":
    main()
