"""Which dimensions go first, how many of them, and the means over random draws."""

from collections.abc import Mapping, Sequence

import numpy as np

from backend.errors import InvalidRequest
from backend.metrics.shared.linalg import Floats, Ints

ORDERS = ("highest", "lowest", "random")
GIVEN = "given"
N_STEPS = 7  # numbers of dimensions beside 0, where nobody names them


def lines_of(
    names: Sequence[str], ranking: Ints, given: Sequence[int], n_dims: int, n_draws: int, seed: int
) -> dict[str, list[Ints]]:
    """For each order the lines of dimensions to go along: several for random ones, none where there is no order."""
    wrong = [dim for dim in given if not 0 <= dim < n_dims]
    if wrong:
        raise InvalidRequest(f"There is no dimension {wrong[0]} of {n_dims}.", f"They go from 0 to {n_dims - 1}.")
    known = ranking[0] >= 0
    lines = {
        GIVEN: [np.array(list(dict.fromkeys(given)), dtype=np.int64)],
        "highest": [ranking] if known else [],
        "lowest": [ranking[::-1]] if known else [],
        "random": [np.random.default_rng([seed, 3, draw]).permutation(n_dims) for draw in range(n_draws)],
    }
    return {name: lines[name] for name in names}


def steps_of(wanted: Sequence[int], most: int) -> list[int]:
    """Numbers of dimensions from 0 to ``most``, ascending: those ``wanted``, or about eight; 0 is always among them."""
    wrong = [k for k in wanted if not 0 <= k <= most]
    if wrong:
        raise InvalidRequest(f"{wrong[0]} of {most} dimensions cannot be overwritten.", f"Give steps from 0 to {most}.")
    if wanted:
        return sorted({0, *wanted})
    if most <= N_STEPS:
        return list(range(most + 1))
    return [0, *(int(k) for k in np.unique(np.round(np.geomspace(1, most, N_STEPS))))]


def set_of(line: Ints, k: int) -> tuple[int, ...]:
    """The first ``k`` dimensions of a line, ascending: equal sets are one and the same."""
    return tuple(sorted(int(dim) for dim in line[:k]))


def n_sets(n_lines: int, steps: Sequence[int], n_dims: int) -> int:
    """How many different sets of dimensions ``n_lines`` lines have at ``steps``: none and all are the same in every line."""
    return sum(1 if k in (0, n_dims) else n_lines for k in steps)


def grids_of(
    orders: Mapping[str, Sequence[Ints]], steps: Sequence[int], measured: Mapping[tuple[int, ...], Sequence[float]]
) -> list[tuple[Floats, Floats]]:
    """Mean and standard deviation over the lines of each order, (n_orders, n_k) each, of every measured number.

    NaN where an order has no line; the deviation of a single line is 0.
    """
    grids = []
    for which in range(len(next(iter(measured.values())))):
        mean, std = (np.full((len(orders), len(steps)), np.nan) for _ in range(2))
        for row, lines in enumerate(orders.values()):
            if lines:
                found = np.array([[measured[set_of(line, k)][which] for k in steps] for line in lines])
                mean[row], std[row] = found.mean(axis=0), found.std(axis=0, ddof=int(len(lines) > 1))
        grids.append((mean, std))
    return grids
