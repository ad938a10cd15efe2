"""The menu "Select" in the head of every page: find rows by words or by a column, and save, keep or change what is selected.

It is a fragment: what is written and chosen in it runs nothing of the page, until rows are selected.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import streamlit as st

from backend import EmbedscopeError, TextSetInfo, column_numbers, other_rows
from pages._kit.flow.ownership import show_owner
from pages._kit.show.chosen_use import use_selection
from pages._kit.show.wording import count, row_name
from pages._kit.state.chosen import Chosen, choose_rows, chosen, how_to_choose
from pages._kit.state.selection import Selection
from pages._kit.state.session import plain, problems_shown, show_problem, workbench

Ints = npt.NDArray[np.int64]
KEY = "chosen_menu"
WORDS = "Words"
MOST_VALUES = 500  # of a column, on offer
MISSING = "(empty)"
VERBS = {"replace": "Select", "add": "Add", "keep only": "Keep only", "take away": "Take away"}
FIND, SAVED, USE = "Find", "Saved", "Use"
_OPENING = "…"
_SAVED_AS = "_selection_saved_as"
_WAYS = {"add": "Add them", "keep only": "Keep only these", "take away": "Take them away"}


@st.fragment
def select_menu(here: Selection) -> None:
    """The button "Select" and what opens below it; nothing where there is no text set."""
    texts = here.texts
    if texts is None:
        return
    box = st.popover("Select", icon=":material/highlight_alt:", type="tertiary", key=KEY, on_change="rerun")
    with box:
        if not box.open:
            st.text(_OPENING)
            return
        with problems_shown():
            views = [FIND, SAVED, *([USE] if chosen() else [])]
            view = st.segmented_control(
                "What", views, default=FIND, required=True, key=f"{KEY}_view", label_visibility="collapsed"
            )
            if view == USE and chosen():
                use_selection(here, texts, chosen(), KEY)
                return
            (_saved if view == SAVED else _find)(texts)
            if chosen():
                _change(texts, chosen())


def choose_now(rows: Sequence[int], how: str = "replace", *, story: str = "", name: str = "") -> None:
    """Select rows from a fragment: the whole page is run again with them."""
    choose_rows(rows, how, story=story, name=name)
    st.rerun()


def select_button(rows: Sequence[int], which: str, key: str) -> None:
    """A button of a page that selects ``rows``, called ``which`` ("12 texts wrong at 5 removed"), as the strip says it does."""
    how = how_to_choose()
    st.button(
        f"{VERBS[how]} the {which}",
        key=key,
        icon=":material/highlight_alt:",
        disabled=not len(rows),
        on_click=choose_rows,
        args=(list(rows), how),
        kwargs={"story": which},
    )


def offer_rows(found: Ints, texts: TextSetInfo, story: str, key: str) -> None:
    """Buttons that select the rows that were found, and, where some are selected, add them, keep only them or take them away."""
    them = count(len(found), row_name(texts.spec.unit))
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if st.button(
            f"Select the {them}" if len(found) else f"No {row_name(texts.spec.unit)} to select",
            key=key,
            type="primary",
            disabled=not len(found),
        ):
            choose_now(found.tolist(), story=story)
        for how, label in _WAYS.items() if chosen() and len(found) else ():
            if st.button(label, key=f"{key}_{how}"):
                choose_now(found.tolist(), how, story=story)


def _find(texts: TextSetInfo) -> None:
    """Rows by the words in them or by a column."""
    way = st.selectbox("Rows by", [WORDS, *texts.columns], key=f"{KEY}_way", width="stretch")
    try:
        found, story = _by_words(texts) if way == WORDS else _by_column(texts, way)
    except EmbedscopeError as error:
        show_problem(error.message, error.hint)
        return
    if found is not None:
        offer_rows(found, texts, story, f"{KEY}_found")


def _by_words(texts: TextSetInfo) -> tuple[Ints | None, str]:
    query = st.text_input(
        "Words",
        key=f"{KEY}_words",
        max_chars=200,
        placeholder='Words, or a "quoted phrase", in any cell',
        label_visibility="collapsed",
    )
    expression = st.toggle("Regular expression", key=f"{KEY}_expression")
    if not query.strip():
        return None, ""
    kind = "the expression" if expression else "the search"
    return workbench().search_texts(texts, query, expression=expression), f"{kind} {query}"


def _by_column(texts: TextSetInfo, column: str) -> tuple[Ints | None, str]:
    table = workbench().text_set(texts)
    numbers = column_numbers(table.columns[column])
    if numbers is not None:
        with st.container(horizontal=True):
            low = st.number_input("From", value=None, key=f"{KEY}_low", placeholder="any", width=150)
            high = st.number_input("To", value=None, key=f"{KEY}_high", placeholder="any", width=150)
        if low is None and high is None:
            return None, ""
        ends = f"{'' if low is None else f'from {low:g} '}{'' if high is None else f'up to {high:g}'}".strip()
        return workbench().filter_texts(texts, column, low=low, high=high), f"{column} {ends}"
    counts = table.class_counts(column)
    known: list[str | None] = [*list(counts)[:MOST_VALUES], *([None] if None in table.columns[column] else [])]
    if len(counts) > MOST_VALUES:
        st.caption(f"The {MOST_VALUES} most frequent of {len(counts):,} values; for others search for words.")
    values = st.multiselect(
        "Values",
        known,
        key=f"{KEY}_values_{column}",
        format_func=lambda value: (
            MISSING if value is None else f"{value} ({counts[value]:,})" if value in counts else value
        ),
        placeholder="One or more values",
        label_visibility="collapsed",
    )
    if not values:
        return None, ""
    named = ", ".join(MISSING if value is None else value for value in values[:5]) + (" …" if len(values) > 5 else "")
    return workbench().filter_texts(texts, column, values=values), f"{column}: {named}"


def _saved(texts: TextSetInfo) -> None:
    """The selections that were saved of this text set."""
    known = {one.name: one for one in workbench().saved_rows(texts)}
    if not known:
        st.caption("Nothing is saved yet. Select some rows, then save them under a name.")
        return
    name = st.selectbox(
        "Saved",
        list(known),
        key=f"{KEY}_saved",
        format_func=lambda name: f"{name} ({known[name].n_rows:,})" if name in known else name,
        label_visibility="collapsed",
    )
    one = known[name if name in known else next(iter(known))]
    if one.story:
        st.caption(plain(one.story))
    show_owner("selections", f"{texts.spec.table}/{one.name}")
    with st.container(horizontal=True, gap="small"):
        if st.button("Select them", key=f"{KEY}_choose", type="primary"):
            choose_now(one.rows, story=one.story, name=one.name)
        for how, label in _WAYS.items() if chosen() else ():
            if st.button(label, key=f"{KEY}_choose_{how}"):
                choose_now(one.rows, how, story=f"'{one.name}'")
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        new = st.text_input(
            "Another name", key=f"{KEY}_new", max_chars=100, label_visibility="collapsed", placeholder="Another name"
        )
        if st.button("Rename", key=f"{KEY}_rename") and new.strip():
            workbench().rename_rows(texts, one.name, new)
            st.rerun()
        if st.button("Delete", key=f"{KEY}_delete", icon=":material/delete:"):
            workbench().forget_rows(texts, one.name)
            st.rerun()


def _change(texts: TextSetInfo, found: Chosen) -> None:
    """What can be done with the selection itself."""
    st.divider()
    st.markdown(f"**{len(found.rows):,} selected**{f': {plain(found.story)}' if found.story else ''}")
    with st.container(horizontal=True, gap="small"):
        if st.button("Invert", key=f"{KEY}_invert", help="Select all others instead."):
            choose_now(
                other_rows(found.rows, texts.spec.n_rows), story=f"not ({found.story})" if found.story else "inverted"
            )
        if st.button("Clear", key=f"{KEY}_clear"):
            choose_now(())
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        name = st.text_input(
            "Name",
            found.name,
            key=f"{KEY}_name",
            max_chars=100,
            label_visibility="collapsed",
            placeholder="A name for it",
        )
        # Never greyed out: the press that leaves the field would be lost on a button that it only then turns on
        pressed = st.button("Save", key=f"{KEY}_save", icon=":material/bookmark:")
    if pressed and not name.strip():
        st.caption("Write a name for the selection, then press Save.")
    elif pressed:
        saved = workbench().save_rows(texts, name, found.rows, story=found.story)
        st.session_state[_SAVED_AS] = saved.name
        choose_now(saved.rows, story=saved.story, name=saved.name)
    elif found.name and found.name == name and st.session_state.get(_SAVED_AS) == found.name:
        st.caption(f":material/bookmark_added: Saved as '{plain(found.name)}'. It is under Saved.")
