"""A table whose rows are texts of the chosen set: those that are selected are marked in it, and can be shown alone.

Every table on the screen that lists texts by their rows is shown by ``list_rows``.
"""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from pages._kit.show.columns import show_table
from pages._kit.state import ask
from pages._kit.state.chosen import chosen_rows

MARK = "selected"
Make = Callable[[list[int]], pd.DataFrame]


def list_rows(
    rows: Sequence[int], make: Make, *, key: str, most: int | None = None, columns: dict[str, Any] | None = None
) -> int:
    """Show the texts of ``rows`` (from 0, of the chosen set) in this order; returns how many of them are beyond the first ``most``.

    ``make`` makes the table of those at some places of ``rows``, one line each. ``columns`` are those of `show_table`; ``key`` is
    that of the table, and begins those of its fields.
    """
    chosen = set(chosen_rows())
    listed = [int(row) for row in rows]
    places, marked = list(range(len(listed))), [place for place, row in enumerate(listed) if row in chosen]
    only = False
    if marked:
        only = ask.toggle(f"Selected only ({len(marked):,})", key=f"{key}_only")
    elif chosen:
        st.caption("None of the selected texts is in this list.")
    places = marked if only else places
    table = make(places[:most]).copy()
    if chosen and not only:
        table = table.rename(columns={MARK: f"{MARK} (column)"})  # of the text set
        table.insert(0, MARK, [listed[place] in chosen for place in places[:most]])
    show_table(table, columns=columns, key=key)
    return len(places) - len(places[:most])
