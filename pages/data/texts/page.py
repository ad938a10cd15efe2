"""Texts: the text sets that are here, their first rows, and the way to add or delete one."""

from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from backend import EmbedscopeError, TextSetInfo
from pages._kit.charts.base import shortened
from pages._kit.flow.ownership import show_owner
from pages._kit.show import wording
from pages._kit.show.beside import two_columns
from pages._kit.show.findings import heading
from pages._kit.state import ask, selection
from pages._kit.state.session import plain, show_problem, workbench
from pages._kit.state.view import set_value
from pages.data.texts import adding
from pages.data.texts.adding import say_notices
from pages.data.texts.renaming import renamable, rename_classes
from pages.data.texts.rows import loaded, show_rows

_REFUSED = "_deletion_refused"
MOST_LINES = 5  # of the list before it scrolls, so that rows are on the first screen


def overview_table(text_sets: list[TextSetInfo]) -> dict[str, list[Any]]:
    """The list of text sets as columns."""
    return {
        "Name": [info.spec.name for info in text_sets],
        "Rows": [info.spec.n_rows for info in text_sets],
        "Label": [info.label or "" for info in text_sets],
        "Classes": [", ".join(info.classes[:6]) + (" …" if len(info.classes) > 6 else "") for info in text_sets],
        "Kind": [_kind(info) for info in text_sets],
        "From": ["built in" if info.builtin else wording.age(info.created) for info in text_sets],
        "Digest": ["" if info.builtin else info.spec.table[:8] for info in text_sets],
    }


def _kind(info: TextSetInfo) -> str:
    if info.spec.unit != "text":
        return f"{wording.row_name(info.spec.unit)}s"
    return "pairs" if info.has_pairs else "single texts"


def show_set(info: TextSetInfo, name: str, beside: DeltaGenerator) -> None:
    """One text set: the buttons that choose or delete it go ``beside`` its name; what it holds and its rows below."""
    table = loaded(info.spec.table)
    with beside:
        st.button("Use this text set", key="texts_use", on_click=selection.choose_texts, args=(name,), type="primary")
        with st.popover("Use part of the rows", icon=":material/content_cut:"):
            adding.part_form(info, info.spec.name)
        if renamable(info) and st.button("Rename classes …", key="texts_rename", icon=":material/edit:"):
            rename_classes(info)
        if not info.builtin and st.button("Delete …", key="texts_delete", icon=":material/delete:"):
            confirm_delete(info, name)
    if not info.builtin:
        show_owner("texts", info.spec.table)
    if info.spec.sample:
        st.caption(plain(f"A sample: {info.spec.sample}."))
    say_notices(info.notices)
    if info.label is not None:
        counted = table.class_counts(info.label)
        parts = [f"{shortened(value, 60)} ({number:,})" for value, number in list(counted.items())[:12]]
        st.text(f"Labels in column '{info.label}': {', '.join(parts)}" + (" …" if len(counted) > 12 else ""))
    show_rows(info)


@st.dialog("Delete this text set?")
def confirm_delete(info: TextSetInfo, name: str) -> None:
    """Ask before a text set goes, and say what goes with it."""
    st.text(f"{name}: {wording.count(info.spec.n_rows, wording.row_name(info.spec.unit))}")
    st.write("Its activations and results are deleted too. This cannot be undone.")
    own = [one.name for one in workbench().vector_sets() if one.texts.digest == info.spec.digest]
    if own:
        st.write(f"Own vectors stay ({plain(', '.join(own))}), and fit again once the same texts are added.")
    if st.button("Delete it", key="texts_delete_confirm", type="primary", on_click=_delete, args=(info.spec.table,)):
        st.rerun()


def _delete(table: str) -> None:
    """Delete the text set with this digest: its name may be another's too. A refusal is said in the next run."""
    try:
        workbench().delete_text_set(table)
    except EmbedscopeError as error:
        st.session_state[_REFUSED] = error.message, error.hint
    adding.forget(table)


heading("Texts", "Your text sets: upload, paste or fetch one, and look at its rows.", "")
if _REFUSED in st.session_state:
    show_problem(*st.session_state.pop(_REFUSED))
everything = workbench().text_sets()
names = {info.shown_name: info for info in everything}
saved = adding.confirmed()
if adding.just_saved():
    set_value("texts_view", "Rows")  # of what was saved
rows_tab, add_tab = ask.tabs(["Rows", "Add a text set"], key="texts_view")
with add_tab:
    adding.add_section(saved=saved)
with rows_tab, two_columns("texts") as left:
    with left.taken():
        st.dataframe(
            overview_table(everything),
            key="texts_list",
            hide_index=True,
            height="content" if len(everything) <= MOST_LINES else 36 * (MOST_LINES + 1),
            alt="Text sets",
        )
        adding.follow_renaming()
        adding.show_saved(names)
        here = selection.current().texts
        first = list(names).index(here.shown_name) if here in everything else 0
        line = st.container(horizontal=True, vertical_alignment="center")
        with line:
            shown = ask.selectbox(
                "Text set",
                list(names),
                index=first,
                format_func=wording.set_names(everything),
                key=adding.SHOWN,
                label_visibility="collapsed",
                width="stretch",
            )
    if shown in names:
        show_set(names[shown], shown, line)
