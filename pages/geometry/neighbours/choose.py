"""What the page Neighbours asks for: the row that is looked at, the model, and how distances are taken."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from backend import EmbedscopeError, ModelInfo, TextTable
from pages._kit.flow.controls import params_form
from pages._kit.show import wording
from pages._kit.state import ask
from pages._kit.state.chosen import chosen_rows
from pages._kit.state.selection import Selection
from pages._kit.state.session import end_page, plain, show_problem, workbench

MOST_HITS = 200
MOST_CHARS = 1000  # of a typed text: an address holds it
_MOST_SHOWN = 300


@st.cache_resource(show_spinner=False, max_entries=32)
def _found(digest: str, query: str) -> npt.NDArray[np.int64]:
    """The rows that match, kept for the next run; the digest is of their content, so it cannot go stale."""
    return workbench().search_texts(digest, query)


def settings(metric: str, only: Sequence[str]) -> dict[str, Any]:
    """The parameters of a metric, behind a button; those that all parts of the page have keep their value from one to the next."""
    with st.popover("Settings", icon=":material/tune:"):
        return params_form(workbench().metrics()[metric].params, "neighbours", only=only)


def choose_row(here: Selection, table: TextTable) -> int:
    """The number of a row, from 0: the first that is selected, one that a search found, or one that is named."""
    assert here.texts is not None
    if (chosen := chosen_rows()) and ask.toggle(
        "Follow the selection",
        value=True,
        key="neighbours_follow",
        help=f"Looks at the first {here.row_name} that is selected, on a map or in a search. Off: choose a row here.",
    ):
        return chosen[0]
    query = ask.text_input(
        f"Find a {here.row_name}",
        key="neighbours_find",
        max_chars=200,
        type="search",
        placeholder='Words, or a "quoted phrase"',
        width=230,
    )
    if query.strip():
        try:
            return _choose_hit(table, _found(here.texts.spec.table, query), here.row_name)
        except EmbedscopeError as error:
            show_problem(error.message, error.hint)
            end_page()
    number = ask.number_input(
        "Row",
        key="neighbours_row",
        value=1,
        min_value=1,
        max_value=len(table),
        step=1,
        width=130,
        help=wording.ROWS_COUNT,
    )
    return int(number) - 1


def _choose_hit(table: TextTable, rows: npt.NDArray[np.int64], row_name: str) -> int:
    if not len(rows):
        st.info(f"No {row_name} matches. Use fewer words, or clear the search.", icon=":material/search_off:")
        end_page()
    numbers = [int(row) + 1 for row in rows[:MOST_HITS]]
    shown = table.shown
    first = f"the first {MOST_HITS:,} of {len(rows):,} matches" if len(rows) > MOST_HITS else ""
    label = f"Row ({first or wording.count(len(rows), 'match', 'matches')})"
    chosen = ask.selectbox(
        label, numbers, format_func=_named(shown), key="neighbours_hit", width=360, help=wording.ROWS_COUNT
    )
    return chosen - 1


def _named(shown: Sequence[str]) -> Callable[[int], str]:
    return lambda number: f"{number:,}: {shown[number - 1][:80]}"


def choose_text() -> str:
    """The text that is typed; empty while there is none."""
    return ask.text_input(
        "Text",
        key="neighbours_text",
        max_chars=MOST_CHARS,
        placeholder="Type any text and press Enter",
        width=440,
        help="The model reads it in one forward pass, with the pooling of the sidebar. It is no part of the text set; like a "
        "search it stands in the page's address, and in the title of the job.",
    ).strip()


def choose_layer(model: ModelInfo, names: Sequence[str], numbers: Sequence[int]) -> int:
    """The place of one of the layers that are shown, the last block to begin with."""
    if len(names) == 1:
        return 0
    places = range(len(names))
    first = list(numbers).index(model.last_block(tuple(numbers)))
    key = f"neighbours_layer_{len(names)}"
    return int(ask.select_slider("Layer", places, first, format_func=names.__getitem__, key=key, width=260))


def say_text(lead: str, label: str | None, text: str) -> None:
    """Which text is looked at, with its label, on a line or two."""
    short = text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN].rstrip() + "…"
    parts = [f"**{plain(lead)}**", *([plain(label)] if label else []), plain(short)]
    st.markdown(" · ".join(parts))
