"""What the columns of tables hold, by their names: which are shares, counts or probabilities, and how each is written."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from backend import NO_NUMBER, chance_text, number_text
from pages._kit.show.wording import count
from pages._kit.state.session import problems_shown

# Names of columns (or of fields of results) that hold shares: each alternative is the whole name, or what stands before a comma.
_SHARES = re.compile(
    r".*(accurac|selectivity|overlap|common to all|labels apart|neighbours kept|variance shown).*"
    r"|(?!dimensions, ).*(shuffled|control).*|(?!loss).*±.*"
    r"|.*(?<!cosine )share.*|share of (the class|average cosine).*|first \d+"
    r"|(all|random) dimensions.*|(these|general) texts|best \d+.*|highest variance, (before|after)"
    r"|linear, (test|training)|chosen at|low|high|(lowest|highest) draw"
    r"|cut (of|,).*|fitted head.*|own head|largest class|(head on the )?frozen base|fine-tuned.*|gain"
    r"|top (\d+ dimensions|in common)|\d+ nearest neighbours"
)
_COUNTS = re.compile(r"(test )?clusters(, .*)?|.*n_clusters.*|rows( .*|, .*)?|epoch")  # also where some are undefined
_CHANCES = re.compile(r"p( .*)?")
_INDICES = re.compile(r".*\b(dimension|removed last|seed|k|component|cluster)")
_LEAST = 0.001
OPEN_AT_FIRST = False  # folded tables
_MOST_SENT = 2_000  # characters of a cell


def unit_of(name: str, values: Any = None, unit: str = "number") -> str:  # an array, a column, or one number
    """The unit of a column of this name: "share", "chance", "count", "dimension" (an index), or ``unit`` where it says nothing."""
    whole = np.asarray(values).dtype.kind in "iu" or isinstance(getattr(values, "dtype", None), pd.Int64Dtype)
    if _COUNTS.fullmatch(name):
        return "count"
    if values is not None and whole:
        return "dimension" if _INDICES.fullmatch(name) else "count"
    if _CHANCES.fullmatch(name):
        return "chance"
    return "share" if _SHARES.fullmatch(name) else unit


def cell_text(name: str, value: Any, unit: str = "number") -> str:  # any number
    """One number of a column of this name (of ``unit`` where that says nothing), for reading; a dash where it is undefined."""
    unit = unit_of(name, value, unit)
    number = float(value)
    return chance_text(number) if unit == "chance" and np.isfinite(number) else number_text(number, unit)


def column_of(name: str, values: "pd.Series[Any]") -> Any:  # what st.column_config gives
    """How a table on the screen writes a column of numbers: as `cell_text` does, in the language of the browser.

    Shares have up to two decimals there, other numbers up to three. With a step below 1 Streamlit would cut decimals off instead of
    rounding them: 99 of 112 would be 88.3 %.
    """
    unit = unit_of(name, values)
    if unit == "share":
        return st.column_config.NumberColumn(format="percent")
    if unit == "count":
        return st.column_config.NumberColumn(format="localized", step=1)
    if unit == "dimension":
        return st.column_config.NumberColumn(format="%d")
    numbers = np.abs(pd.to_numeric(values, errors="coerce").to_numpy(float, na_value=np.nan))
    tiny = bool(((numbers > 0) & (numbers < _LEAST)).any())
    return st.column_config.NumberColumn(format="%.3g") if tiny else st.column_config.NumberColumn(format="localized")


def show_table(
    table: pd.DataFrame, *, columns: dict[str, Any] | None = None, hide_index: bool = True, key: str | None = None
) -> None:
    """A table on the screen, its numbers in the one form of their units, a dash where there is none.

    ``columns`` of its own where a column needs more.
    """
    numbers = [
        name for name, dtype in table.dtypes.items() if pd.api.types.is_numeric_dtype(dtype) and dtype.kind != "b"
    ]
    formats = {str(name): column_of(str(name), table[name]) for name in numbers}
    look = {**formats, **(columns or {})}
    show_cells(table, hide_index=hide_index, column_config=look, key=key, placeholder=NO_NUMBER)


def show_cells(table: pd.DataFrame, **look: Any) -> None:  # what st.dataframe takes
    """A table on the screen whose cells may be texts of any length: a browser gets the first of each, and a line says so."""
    n_cut, sent = 0, table.copy(deep=False)
    for place in range(table.shape[1]):
        column = table.iloc[:, place]
        if pd.api.types.is_numeric_dtype(column):
            continue
        long = [isinstance(cell, str) and len(cell) > _MOST_SENT for cell in column]
        if any(long):
            n_cut += sum(long)
            sent.isetitem(
                place, [f"{cell[:_MOST_SENT]}…" if far else cell for cell, far in zip(column, long, strict=True)]
            )
    st.dataframe(sent, **look)
    if n_cut:
        st.caption(
            f"{count(n_cut, 'cell')} of this table {'have' if n_cut > 1 else 'has'} more than {_MOST_SENT:,} characters: "
            "the rest is not shown."
        )


def by_first(table: pd.DataFrame) -> pd.DataFrame:
    """``table`` with its first column as the names of its rows."""
    return table.set_index(table.columns[0]).rename_axis(None)


@st.fragment
def folded_table(
    label: str,
    make: Callable[[], pd.DataFrame],
    *,
    key: str,
    icon: str = ":material/table:",
    hide_index: bool = True,
) -> None:
    """A table behind a line, made and sent when it is opened: a browser needs long to draw its first table.

    Opening it runs nothing of the page but this.
    """
    box = st.expander(label, OPEN_AT_FIRST, icon=icon, key=f"{key}_folded", on_change="rerun")
    with box:
        if box.open:
            with problems_shown():
                show_table(make(), hide_index=hide_index)
