"""A part of the rows of a text set: the widgets that say which one."""

import streamlit as st

from backend import RowSample

WAYS = {"All rows": None, "The first rows": "first", "In proportion to the label": "label", "At random": "random"}
_USUAL, _MOST_SEED = 1_000, 2**31 - 1


def rows_choice(key: str, n_rows: int, *, label: bool, all_rows: bool = True) -> RowSample | None:
    """Which rows to keep of ``n_rows``; None for all. ``label``: there is a column to take them by."""
    ways = [way for way, by in WAYS.items() if (all_rows or by) and (label or by != "label")]
    with st.container(horizontal=True):
        way = st.selectbox(
            "Rows",
            ways,
            key=f"{key}_way_{int(label)}",
            width=240,
            help="A part is faster to compute. It becomes a text set of its own, and every figure made from it says which "
            "rows it uses. In proportion to the label keeps at least one row of every class.",
        )
        by = WAYS.get(way)
        if by is None:
            return None
        n = st.number_input(
            "Number of rows", 1, max(n_rows, 1), min(_USUAL, max(n_rows // 2, 1)), key=f"{key}_n_{n_rows}", width=160
        )
        seed = 0
        if by != "first":
            seed = st.number_input(
                "Seed", 0, _MOST_SEED, 0, key=f"{key}_seed", width=120, help="The same seed draws the same rows."
            )
    return RowSample(int(n), by, int(seed))


def part_name(name: str, rows: RowSample) -> str:
    """What a part is called unless a person says otherwise."""
    how = {"first": f"first {rows.n:,}", "label": f"{rows.n:,} by label", "random": f"{rows.n:,} at random"}
    return f"{name}, {how[rows.by]}"
