"""Ten nearest neighbours among very many rows: approximate, as beyond 50,000 rows, against the exact search of this project.

The rows are made up (``benchmarks/made.py``), with a power law for a spectrum, which is hard for a search that follows neighbours. What is
compiled at first use (10 s in each process, about half of it kept on disk) is not counted.
"""

from functools import partial
from typing import Any

from backend.metrics.neighbors.approximate import approximate_neighbours
from backend.metrics.neighbors.kernel import nearest_neighbours, shared_share
from benchmarks import made
from benchmarks.race import one_thread, race
from benchmarks.record import keep

NAME = "kernels_neighbours"
N_DIMS, K = 384, 10
SIZES = {20_000: 2, 50_000: 1, 100_000: 1}  # turns


def _found(ours: Any, theirs: Any) -> str:
    share = float(shared_share(ours.indices, theirs[1]).mean())
    return f"{100 * share:.1f} % of the neighbours are the exact ones; measured on {ours.n_checked:,} rows {100 * ours.recall:.1f} %"


def main() -> None:
    one_thread()
    for find in (approximate_neighbours, nearest_neighbours):
        find(made.layer(6_000, N_DIMS), K)
    for n_rows, turns in SIZES.items():
        x = made.layer(n_rows, N_DIMS)
        what = f"{K} neighbours, approximate, {n_rows:,} x {N_DIMS}"
        keep(NAME, [race(what, "the exact search", partial(approximate_neighbours, x, K), partial(nearest_neighbours, x, K), quality=_found, turns=turns, warm=False)])  # fmt: skip


if __name__ == "__main__":
    main()
