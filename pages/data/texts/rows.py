"""The rows of a text set: a search over all of them, and one page of those that match."""

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st

from backend import EmbedscopeError, TextSetInfo, TextTable, combine_rows
from pages._kit.show import wording
from pages._kit.show.choosing import select_button
from pages._kit.show.columns import show_cells
from pages._kit.show.row_files import row_cells
from pages._kit.state import ask, selection
from pages._kit.state.chosen import chosen_rows
from pages._kit.state.session import show_problem, workbench
from pages._kit.state.view import set_value

PER_PAGE = 100
_PAGE = "texts_page"
_STYLE = (
    "<style>.st-key-texts_rows [data-testid=stElementToolbarButton]:has([aria-label=Search]) {display: none}</style>"
)


@st.cache_resource(show_spinner=False, max_entries=8)
def loaded(digest: str) -> TextTable:
    """The rows of a text set, kept for the next rerun; the digest is of their content, so it cannot go stale."""
    return workbench().text_set(digest)


@st.cache_resource(show_spinner=False, max_entries=32)
def found(digest: str, query: str, expression: bool) -> npt.NDArray[np.int64]:
    """The rows that match, kept for the next page of them."""
    return workbench().search_texts(digest, query, expression=expression)


def show_rows(info: TextSetInfo) -> None:
    """The search field, how many rows match, and the page of them that is asked for."""
    table, unit = loaded(info.spec.table), wording.row_name(info.spec.unit)
    matching = _search(info)
    if matching is None:
        return
    here = selection.current().texts
    own = here is not None and here.spec.table == info.spec.table  # of another set nothing is selected
    chosen = chosen_rows() if own else ()
    searched = bool(st.session_state.get("texts_search", "").strip())
    with st.container(horizontal=True, vertical_alignment="center"):
        if searched and own and len(matching):
            found = wording.count(len(matching), "match", "matches")
            select_button(matching.tolist(), f"{found} of {st.session_state['texts_search'].strip()}", "texts_select")
        only = bool(chosen) and ask.toggle("Selected only", key="texts_selected", on_change=_first_page)
    if only:
        matching = np.array(combine_rows(matching.tolist(), chosen, "keep only"), np.int64)
    n_pages = max(1, -(-len(matching) // PER_PAGE))
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        whole = wording.count(len(table), unit)
        verb = " and are selected" * only if searched else "selected"
        verb = f"{'matches' if len(matching) == 1 else 'match'}{verb}" if searched else verb
        st.markdown(
            f"**{len(matching):,} of {whole} {verb}.**" if searched or only else f"**{whole}**", width="content"
        )
        # with the width of its content it hides pages that there is room for
        page = ask.pagination(n_pages, key=_PAGE, width=120 + 48 * min(n_pages, 7)) if n_pages > 1 else 1
    if not len(matching):
        st.info("No row matches. Use fewer words, or clear the search.", icon=":material/search_off:")
        return
    shown = matching[(page - 1) * PER_PAGE : page * PER_PAGE]
    st.html(_STYLE)  # the table's own search knows this page alone
    show_cells(
        pd.DataFrame(row_cells(table, shown.tolist())),
        key="texts_rows",
        hide_index=True,
        height=360 if len(shown) > 8 else "content",
        column_config={
            "row": st.column_config.NumberColumn(format="localized", width="small", pinned=True),
            unit: st.column_config.TextColumn(width="large"),
        },
        alt="Rows of the text set",
    )
    if n_pages > 1:
        first = (page - 1) * PER_PAGE
        of = "matches" if searched else "rows"
        st.caption(f"{of.capitalize()} {first + 1:,} to {first + len(shown):,} of {len(matching):,}.")


def _search(info: TextSetInfo) -> npt.NDArray[np.int64] | None:
    """The rows that the search leaves; None where it cannot be read, which is said."""
    with st.container(horizontal=True, vertical_alignment="center"):
        query = ask.text_input(
            "Search all rows",
            key="texts_search",
            type="search",
            placeholder='Search all rows: words, or a "quoted phrase"',
            icon=":material/search:",
            label_visibility="collapsed",
            max_chars=200,
            on_change=_first_page,
            width="stretch",
        )
        expression = ask.toggle(
            "Regular expression",
            key="texts_search_expression",
            on_change=_first_page,
            help="Without it a row matches where it holds every word, in its text or in a column. With it the search is "
            "one pattern, such as `^(no|not) `, in the syntax of RE2. Capital and small letters count as the same.",
        )
    try:
        return found(info.spec.table, query or "", expression)
    except EmbedscopeError as error:
        show_problem(error.message, error.hint)
        return None


def _first_page() -> None:
    set_value(_PAGE, 1)
