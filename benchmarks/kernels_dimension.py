"""The four intrinsic-dimension estimates from one neighbour graph, against four scikit-dimension calls; TwoNN alone, and its search.

Both sides get the same rows, scikit-dimension in float64 (in float32 its own distances are off). scikit-learn's search is the brute force
that its documentation names for many dimensions, for two neighbours, in float32, and finds neighbours only, without copies left out and
without the estimate.
"""

import warnings
from functools import partial
from typing import Any

import numpy as np

from backend.metrics.dimension.kernel import Settings, estimates, neighbour_graph
from benchmarks import made
from benchmarks.race import one_thread, race
from benchmarks.record import keep, largest

NAME = "kernels_dimension"
NAMES = ("two_nn", "mle", "mada", "method_of_moments")


def rows_like_a_layer(n_rows: int, n_dims: int) -> np.ndarray:
    """Rows of 12 strong and many weak directions with one dimension at +200, as in a transformer's middle layers."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n_rows, 12)) @ rng.normal(size=(12, n_dims)) + 0.1 * rng.normal(size=(n_rows, n_dims))
    rows[:, 7] += 200
    return rows.astype(np.float32)


def ours(x: np.ndarray) -> dict[str, float]:
    settings = Settings()
    return estimates(neighbour_graph(x, settings.k_moments), settings)


def theirs(x: np.ndarray) -> dict[str, float]:
    import skdim

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = (
            skdim.id.TwoNN().fit(x),
            skdim.id.MLE().fit(x, n_neighbors=20),
            skdim.id.MADA().fit(x, n_neighbors=20),
            skdim.id.MOM().fit(x, n_neighbors=100),
        )
    return {name: float(one.dimension_) for name, one in zip(NAMES, found, strict=True)}


def two_nn(x: np.ndarray) -> float:
    """TwoNN by its two neighbours alone, as the metric takes it where no other estimator is asked for."""
    return estimates(neighbour_graph(x, 2), Settings())["two_nn"]


def two_nn_of_library(x: np.ndarray) -> float:
    import skdim

    return float(skdim.id.TwoNN().fit(x).dimension_)


def nearest_two(x: np.ndarray) -> np.ndarray:
    """Distances (n_rows, 2) by scikit-learn's brute force in float32."""
    from sklearn.neighbors import NearestNeighbors

    found: np.ndarray = NearestNeighbors(n_neighbors=2, algorithm="brute").fit(x).kneighbors()[0]
    return found


def _relative(mine: Any, other: Any) -> str:
    pairs = [(mine[name], other[name]) for name in NAMES] if isinstance(mine, dict) else [(mine, other)]
    return largest([abs(a - b) / abs(b) for a, b in pairs]) + ", relative"


def _by_distances(x: np.ndarray, mine: float, distances: np.ndarray) -> str:
    """What TwoNN would be by the peer's distances, which are rounded to float32 before they are compared."""
    ratios = np.sort(np.log(distances[:, 1] / distances[:, 0]))[: int(0.9 * len(x))]
    fit = -np.log1p(-np.arange(1, len(ratios) + 1) / len(x))
    return (
        f"TwoNN of its distances differs by {abs(float(ratios @ fit / (ratios @ ratios)) - mine) / mine:.0e}, relative"
    )


def main() -> None:
    one_thread()
    for n_rows, n_dims, target in ((4096, 768, 15.0), (872, 768, None), (2000, 384, None)):
        x = made.layer(n_rows, n_dims)
        what = f"TwoNN, MLE, MADA and moments, {n_rows:,} x {n_dims}"
        keep(NAME, [race(what, "four scikit-dimension calls", partial(ours, x), partial(theirs, x.astype(np.float64)), quality=_relative, target=target)])  # fmt: skip
    for n_rows, target, turns in ((4096, 1.5, 5), (10_000, 2.0, 3), (50_000, 3.0, 1)):
        x = made.layer(n_rows, 768)
        what, mine = f"TwoNN, {n_rows:,} x 768", partial(two_nn, x)
        keep(NAME, [race(what, "scikit-learn's search alone (brute force, k = 2, float32)", mine, partial(nearest_two, x), quality=partial(_by_distances, x), target=target, turns=turns, warm=turns > 1)])  # fmt: skip
        wide = x.astype(np.float64)
        keep(NAME, [race(what, "scikit-dimension", mine, partial(two_nn_of_library, wide), quality=_relative, target=target, turns=turns, warm=turns > 1)])  # fmt: skip


if __name__ == "__main__":
    main()
