"""Selections of rows of a text set: how two go together, and what is kept of one that has a name."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend.errors import InvalidRequest

HOWS = (
    "replace",
    "add",
    "keep only",
    "take away",
)  # how what is selected next goes with what is selected: itself, or, and, not
MOST_NAME = 100  # characters of the name of a selection
MOST_STORY = 500  # characters of how it came about


@dataclass(frozen=True, slots=True)
class NamedRows:
    """A selection that was saved: ``runs`` are first and last row of each run, in one list, of the text set of ``table``.

    ``story`` says how it came about.
    """

    name: str
    table: str
    runs: tuple[int, ...]
    story: str = ""
    created: float = 0.0

    @property
    def rows(self) -> tuple[int, ...]:
        """The rows, from 0, ascending."""
        return rows_of(self.runs)

    @property
    def n_rows(self) -> int:
        """How many rows it has."""
        return sum(last - first + 1 for first, last in zip(self.runs[::2], self.runs[1::2], strict=True))


def rows_of(runs: Sequence[int]) -> tuple[int, ...]:
    """The rows of runs, each given by its first and its last."""
    return tuple(row for first, last in zip(runs[::2], runs[1::2], strict=True) for row in range(first, last + 1))


def combine_rows(before: Sequence[int], found: Sequence[int], how: str) -> tuple[int, ...]:
    """Rows ``found``, taken with those selected ``before``: "replace", "add" (or), "keep only" (and), "take away" (not).

    Ascending, each once. Raises InvalidRequest for another way.
    """
    if how not in HOWS:
        raise InvalidRequest(f"Rows are not combined by '{how[:40]}'.", f"Choose one of: {', '.join(HOWS)}.")
    old, new = np.asarray(before, np.int64), np.asarray(found, np.int64)
    if how == "add":
        both = np.union1d(old, new)
    elif how == "keep only":
        both = np.intersect1d(old, new)
    elif how == "take away":
        both = np.setdiff1d(old, new)
    else:
        both = np.unique(new)
    return tuple(both.tolist())


def other_rows(rows: Sequence[int], n_rows: int) -> tuple[int, ...]:
    """All rows of ``n_rows`` but these, ascending."""
    rest = np.ones(n_rows, bool)
    rest[np.asarray(rows, np.int64)] = False
    return tuple(np.flatnonzero(rest).tolist())
