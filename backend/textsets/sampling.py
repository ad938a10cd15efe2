"""A part of the rows of a text set: the first ones, or a draw in proportion to the labels; what it is part of goes with it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from backend.errors import TextSetError
from backend.textsets.tables import shortened
from backend.values.numbers import plural
from backend.values.reading import ROWS_BY, RowSample
from backend.values.texts import Cell, TextTable

Stratum = tuple[Cell, Cell]
Item = TypeVar("Item")


def sampled(table: TextTable, rows: RowSample, name: str = "", *, of: str = "") -> TextTable:
    """The rows of ``table`` that ``rows`` asks for, in their order, as a text set ``name`` (default: as before).

    "first": from the top. "random": drawn without replacement by the seed. "label": drawn so that every class, in every
    part of a split, has its share to within one row (largest remainders), and at least one row. ``sample`` of the new
    table says what it is part of (``of``, default the name of ``table``); where all rows are asked for, nothing changes. Raises TextSetError for no row, for an
    unknown way, for labels that are not there, and for fewer rows than classes.
    """
    check_sample(rows)
    n_rows, whole = len(table), of or table.name
    if rows.n >= n_rows:
        return replace(table, name=name or table.name)
    by = f"drawn at random (seed {rows.seed})"
    if rows.by == "first":
        kept, said = list(range(rows.n)), f"the first {rows.n:,} of {n_rows:,} rows of '{whole}'"
    else:
        if rows.by == "label":
            kept, by = _stratified(table, rows)
        else:
            kept = sorted(map(int, np.random.default_rng(rows.seed).choice(n_rows, rows.n, replace=False)))
        said = f"{rows.n:,} of {n_rows:,} rows of '{whole}', {by}"
    return _kept(table, kept, name, said)


def part_of(table: TextTable, rows: Sequence[int], name: str, said: str) -> TextTable:
    """These ``rows`` (from 0, ascending) of ``table`` as a text set ``name``; where they are all, nothing else changes.

    ``sample`` of the new table says which they are: "300 of 6,920 rows of 'sst2', " and ``said``. Raises TextSetError for
    no rows, and for one that is not there.
    """
    if not rows or not 0 <= rows[0] <= rows[-1] < len(table):
        raise TextSetError(
            f"'{shortened(table.name, 60)}' has {plural(len(table), 'row')}, not those that are asked for.",
            "Select some of its rows.",
        )
    if len(rows) == len(table):
        return replace(table, name=name)
    return _kept(table, rows, name, f"{len(rows):,} of {len(table):,} rows of '{table.name}', {said}")


def _kept(table: TextTable, kept: Sequence[int], name: str, said: str) -> TextTable:
    return replace(
        table,
        name=name or table.name,
        texts=_taken(table.texts, kept),
        pairs=None if table.pairs is None else _taken(table.pairs, kept),
        columns={column: _taken(cells, kept) for column, cells in table.columns.items()},
        spans=None if table.spans is None else _taken(table.spans, kept),
        sample=said + (f", which are {table.sample}" if table.sample else ""),
    )


def check_sample(rows: RowSample) -> None:
    """Raise TextSetError for a part that cannot be: no rows, a way that is none, a seed below 0."""
    if rows.by not in ROWS_BY:
        raise TextSetError(f"Rows are not taken by '{rows.by}'.", f"Choose one of: {', '.join(ROWS_BY)}.")
    if rows.n < 1:
        raise TextSetError(f"A text set of {rows.n} rows would be empty.", "Ask for at least one row.")
    if not 0 <= rows.seed < 2**32:
        raise TextSetError(f"The seed {rows.seed} is out of range.", "Give a whole number from 0 to 4,294,967,295.")


def _stratified(table: TextTable, rows: RowSample) -> tuple[list[int], str]:
    """The rows, and how they were drawn."""
    if table.label is None:
        raise TextSetError(
            f"'{shortened(table.name, 60)}' has no labels to take rows by.",
            "Choose its label column, or take the first rows or random ones.",
        )
    splits: Sequence[Cell] = table.columns[table.split] if table.split else (None,) * len(table)
    strata: dict[Stratum, list[int]] = {}
    for row, stratum in enumerate(zip(table.columns[table.label], splits, strict=True)):
        strata.setdefault(stratum, []).append(row)
    if rows.n < len(strata):
        parts = "classes in the parts of the split" if table.split else "classes"
        raise TextSetError(
            f"{plural(rows.n, 'row')} cannot hold {len(strata):,} {parts}.", f"Ask for at least {len(strata):,} rows."
        )
    order = sorted(strata, key=lambda stratum: tuple((cell is not None, cell or "") for cell in stratum))
    counts = _shares([len(strata[stratum]) for stratum in order], rows.n)
    rng = np.random.default_rng(rows.seed)
    kept: list[int] = []
    for stratum, count in zip(order, counts, strict=True):
        kept += map(int, rng.choice(strata[stratum], count, replace=False))
    by = f"the label '{table.label}'" + (f" and the split '{table.split}'" if table.split else "")
    return sorted(kept), f"stratified by {by} (seed {rows.seed})"


def _shares(sizes: Sequence[int], n: int) -> list[int]:
    """``n`` rows divided in proportion to ``sizes`` by largest remainders, each at least 1; the first wins a tie."""
    quotas = [n * size / sum(sizes) for size in sizes]
    counts = [max(1, int(quota)) for quota in quotas]
    while sum(counts) > n:
        counts[max((i for i in range(len(counts)) if counts[i] > 1), key=lambda i: counts[i] - quotas[i])] -= 1
    while sum(counts) < n:
        counts[max((i for i in range(len(counts)) if counts[i] < sizes[i]), key=lambda i: quotas[i] - counts[i])] += 1
    return counts


def _taken(items: Sequence[Item], kept: Sequence[int]) -> tuple[Item, ...]:
    return tuple(items[row] for row in kept)
