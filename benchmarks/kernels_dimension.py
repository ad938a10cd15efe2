"""Time of the four intrinsic-dimension estimates from one neighbour graph, against four scikit-dimension calls; of TwoNN alone too.

Run with ``python benchmarks/kernels_dimension.py [--repeat 3]``. Both sides get the same float32 rows; the best of the
repeats counts, the two sides taking turns; "less work" compares processor seconds, which hold on a busy machine too.
Values must agree to 1e-6.
"""

import argparse
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np

from backend.metrics.dimension.kernel import Settings, estimates, neighbour_graph

SIZES = ((2000, 384), (4096, 768), (872, 768))
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


def two_nn_alone(n_rows: int, n_dims: int, repeat: int) -> str:
    """A line of processor seconds: TwoNN by its two neighbours alone, scikit-dimension, and scikit-learn's search without the fit."""
    import skdim
    from sklearn.neighbors import NearestNeighbors

    x = rows_like_a_layer(n_rows, n_dims)
    wide = x.astype(np.float64)

    def searched(rows: np.ndarray) -> dict[str, float]:
        NearestNeighbors(n_neighbors=2, algorithm="brute").fit(rows).kneighbors()
        return {}

    runs = [
        (
            timed(lambda rows: estimates(neighbour_graph(rows, 2), Settings()), x),
            timed(lambda rows: {"two_nn": float(skdim.id.TwoNN().fit(rows).dimension_)}, wide),
            timed(searched, x),
        )
        for _ in range(repeat)
    ]
    mine, library, search = (statistics.median(one[side][1] for one in runs) for side in range(3))
    value, other = (runs[0][side][2]["two_nn"] for side in (0, 1))
    ratios = f"{library / mine:5.2f} {search / mine:5.2f}"
    return f"{n_rows:5d} x {n_dims:4d}   {mine:9.3f} {library:9.3f} {search:9.3f}   {ratios}   {abs(value - other) / other:.1e}"


def timed(run: Callable[[np.ndarray], dict[str, float]], x: np.ndarray) -> tuple[float, float, dict[str, float]]:
    """Seconds on the clock, seconds of all processors together, and the values."""
    clock, work = time.perf_counter(), time.process_time()
    found = run(x)
    return time.perf_counter() - clock, time.process_time() - work, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=3)
    repeat = parser.parse_args().repeat
    for run in (ours, theirs):
        run(rows_like_a_layer(2000, 384))  # compile and load
    print("rows x dims     ours (s)  library (s)  times faster  times less work  largest relative difference")
    for n_rows, n_dims in SIZES:
        x = rows_like_a_layer(n_rows, n_dims)
        wide = x.astype(np.float64)  # in float32 the library's own distances are off
        runs = [(timed(ours, x), timed(theirs, wide)) for _ in range(repeat)]
        mine, other = (min(pair[side][0] for pair in runs) for side in (0, 1))
        work, other_work = (min(pair[side][1] for pair in runs) for side in (0, 1))
        values, expected = runs[0][0][2], runs[0][1][2]
        gap = max(abs(values[name] - expected[name]) / expected[name] for name in NAMES)
        ratios = f"{other / mine:12.1f}  {other_work / work:15.1f}"
        print(f"{n_rows:5d} x {n_dims:4d}   {mine:9.3f}  {other:11.3f}  {ratios}  {gap:.1e}")

    print("TwoNN alone, processor seconds: ours, scikit-dimension, scikit-learn's search; times less work; difference")
    for n_rows in (4096, 10_000):
        print(two_nn_alone(n_rows, 768, repeat))


if __name__ == "__main__":
    main()
