"""Which labels a figure of paths draws in colour."""

from collections.abc import Sequence

import numpy as np

from backend import MovementResult
from pages._kit.charts.paths import MOST_NAMED
from pages._kit.state import ask

FEW = 3  # so many need no choice
FIRST_NAMED = 6
CERTAIN_ROWS = 10  # of a label, to be drawn in colour to begin with


def choose_named(values: MovementResult, key: str) -> Sequence[int]:
    """The labels drawn in colour: all to begin with where they have a look each, else those that move farthest."""
    known = [int(label) for label in np.flatnonzero(values.counts)]
    if len(known) <= FEW:
        return known
    many = len(known) > MOST_NAMED
    farthest = (
        f" Initially those with {CERTAIN_ROWS} rows or more that move farthest."
        if many
        else " Choose a few, such as three that lie close together, to follow them."
    )
    chosen: list[int] = ask.multiselect(
        f"Labels in colour (of {len(known)})",
        known,
        default=_farthest(values, known) if many else known,
        format_func=values.classes.__getitem__,
        max_selections=MOST_NAMED,
        key=f"{key}_{len(values.classes)}",
        help=f"Up to {MOST_NAMED}; the others are grey, with their names on hover.{farthest}",
    )
    return chosen


def _farthest(values: MovementResult, known: Sequence[int]) -> list[int]:
    lengths = values.difference[-1] if len(values.difference) else values.displacement[0]
    certain = [label for label in known if values.counts[label] >= CERTAIN_ROWS] or known
    order = np.argsort(-np.nan_to_num(lengths, nan=-1.0), kind="stable")
    return [int(label) for label in order if label in certain][:FIRST_NAMED]
