"""Classes as colours: which have one, which are grey together, and what each looks like."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pages._kit.charts.base import PALETTE, SYMBOLS, Floats

NO_LABEL = "no label"
MOST_CLASSES = 24
N_SHADES = 7  # of the palette: its last is a grey, as what has no class is


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Points of one trace; ``place`` says which colour and marker they have, -1 what is grey."""

    name: str
    rows: npt.NDArray[np.int64]
    place: int = 0


def shade(place: int) -> str:
    """The colour of the ``place``-th class; it comes round again after seven."""
    return PALETTE[place % N_SHADES]


def symbol(place: int) -> str:
    """The marker of the ``place``-th class: the next one each time that the colours come round."""
    return SYMBOLS[max(place, 0) // N_SHADES % len(SYMBOLS)]


def class_sizes(labels: Sequence[str | None]) -> dict[str, int]:
    """The rows of each class, the largest class first, then by name."""
    found: dict[str, int] = {}
    for label in labels:
        if label is not None:
            found[label] = found.get(label, 0) + 1
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def class_groups(
    labels: Sequence[str | None] | None, n_rows: int, chosen: Sequence[str] = (), order: Sequence[str] | None = None
) -> list[Group]:
    """The classes, what is grey first and so at the back, then by size, or in the ``order`` given (of all classes there are).

    Beyond 24 the rarest share one grey; with ``chosen``, all others do. A class looks the same whatever is chosen beside it, as
    far as there are looks, and with an ``order`` whichever rows are there.
    """
    if not labels:
        return [Group("", np.arange(n_rows))]
    rows: dict[str | None, list[int]] = {}
    for row, label in enumerate(labels):
        rows.setdefault(label, []).append(row)
    ordered = list(class_sizes(labels) if order is None else order)
    most = MOST_CLASSES - (None in rows)
    named = [name for name in ordered if name in chosen]
    named = named or (ordered if len(ordered) <= most else ordered[: most - 1])
    rest = set(ordered) - set(named)
    places = dict(zip(named, _looks([ordered.index(name) for name in named]), strict=True))
    others = sorted(row for name in rest for row in rows.get(name, ()))
    said = f"other ({len(rest)} {'class' if len(rest) == 1 else 'classes'})"
    grey = [(said, others), (NO_LABEL, rows.get(None, []))]
    return [
        *(Group(name, np.array(some, np.int64), -1) for name, some in grey if some),
        *(Group(name, np.array(rows[name], np.int64), place) for name, place in places.items() if name in rows),
    ]


def measured_groups(numbers: Floats) -> list[Group]:
    """Points without a number, which are grey, and those that have one, in any place of ``numbers`` (..., n_rows)."""
    known = np.isfinite(numbers).reshape(-1, numbers.shape[-1]).any(axis=0)
    groups = [Group(NO_LABEL, np.flatnonzero(~known), -1), Group("", np.flatnonzero(known), 0)]
    return [group for group in groups if len(group.rows)]


def _looks(places: Sequence[int]) -> list[int]:
    """A look for each place: its own, or the next that is free."""
    n_looks = N_SHADES * len(SYMBOLS)
    taken: list[int] = []
    for place in places:
        look = place % n_looks
        while look in taken and len(taken) < n_looks:
            look = (look + 1) % n_looks
        taken.append(look)
    return taken
