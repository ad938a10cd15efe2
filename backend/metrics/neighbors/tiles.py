"""Candidates for the nearest rows of every row, each product of two rows computed once and read for both.

What numba compiles here is kept on disk from one process to the next, where it can write.
"""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.metrics.shared.compiled import compiled
from backend.values.activations import Report

Bounds = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
_TILE_ROWS = 1024
_AHEAD = 4  # tiles that wait for each thread at most: each holds its rows' products


def candidates(rows: Bounds, m: int, n_threads: int, report: Report) -> tuple[Rows, Bounds] | None:
    """The ``m`` other rows with the least bounds of every row (n_rows, m), in no certain order, and the largest of those (n_rows,).

    ``rows`` (n_rows, n_dims + 1) are vectors with a number each behind them, their lowered squared norm; the bound of two rows, but for the own
    number, is the other's number less twice their product. None without numba.
    """
    take = _compiled_take()
    if take is None:
        return None
    n_rows = len(rows)
    vectors, norms = rows[:, :-1], np.ascontiguousarray(rows[:, -1])
    bounds, near = np.full((n_rows, m), np.inf, dtype=np.float32), np.full((n_rows, m), -1, dtype=np.int64)
    starts = range(0, n_rows, _TILE_ROWS)
    locks = {start: threading.Lock() for start in starts}

    def one(pair: tuple[int, int]) -> None:
        left, right = (slice(start, start + _TILE_ROWS) for start in pair)
        products = vectors[left] @ vectors[right].T
        with contextlib.ExitStack() as held:
            for start in sorted(set(pair)):
                held.enter_context(locks[start])
            take(products, norms, bounds, near, *pair)

    pairs = [(a, b) for a in starts for b in starts if b >= a]
    with ThreadPoolExecutor(n_threads) as pool:
        try:
            for done, _ in enumerate(_in_turn(pool, one, pairs, _AHEAD * n_threads)):
                report(n_rows * done // len(pairs), n_rows, "searching neighbours")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return near, bounds.max(axis=1)


def _in_turn(
    pool: ThreadPoolExecutor, one: Callable[[tuple[int, int]], None], pairs: list[tuple[int, int]], ahead: int
) -> Iterator[None]:
    """Do ``one`` of every pair, with no more than ``ahead`` waiting."""
    left = iter(pairs)
    waiting = [pool.submit(one, pair) for pair in islice(left, ahead)]
    while waiting:
        waiting.pop(0).result()
        waiting += [pool.submit(one, pair) for pair in islice(left, 1)]
        yield


@functools.cache
def _compiled_take() -> Callable[..., Any] | None:
    return compiled(_take)


def _take(products: Any, norms: Any, bounds: Any, near: Any, first: int, second: int) -> None:
    """Read the products (n_left, n_right) of the rows from ``first`` and from ``second`` on for both sides.

    A row's candidates are a heap: the worst stands first, and what is nearer takes its place and sinks.
    """
    m = bounds.shape[1]
    for i in range(products.shape[0]):
        for j in range(i + 1 if first == second else 0, products.shape[1]):
            twice = np.float32(-2) * products[i, j]
            for turn in range(2):
                row, other = (first + i, second + j) if turn == 0 else (second + j, first + i)
                bound = twice + norms[other]
                if bound < bounds[row, 0]:
                    place = 0
                    while True:
                        child = 2 * place + 1
                        if child >= m:
                            break
                        if child + 1 < m and bounds[row, child + 1] > bounds[row, child]:
                            child += 1
                        if bounds[row, child] <= bound:
                            break
                        bounds[row, place], near[row, place] = bounds[row, child], near[row, child]
                        place = child
                    bounds[row, place], near[row, place] = bound, other
