"""Texts: the text sets that are here, their first rows, and the way to add or delete one."""

from collections import Counter
from typing import Any

import streamlit as st

from backend import TextSetInfo, TextTable
from pages._kit.show import wording
from pages._kit.state import selection
from pages._kit.state.session import plain, workbench
from pages.data.texts import adding

SHOWN_ROWS = 200


def overview_table(text_sets: list[TextSetInfo]) -> dict[str, list[Any]]:
    """The list of text sets as columns."""
    return {
        "Name": [info.shown_name for info in text_sets],
        "Rows": [info.spec.n_rows for info in text_sets],
        "Label": [info.label or "" for info in text_sets],
        "Classes": [", ".join(info.classes[:6]) + (" …" if len(info.classes) > 6 else "") for info in text_sets],
        "Kind": [_kind(info) for info in text_sets],
        "From": ["built in" if info.builtin else wording.age(info.created) for info in text_sets],
    }


def _kind(info: TextSetInfo) -> str:
    if info.spec.unit != "text":
        return f"{wording.row_name(info.spec.unit)}s"
    return "pairs" if info.has_pairs else "single texts"


@st.cache_resource(show_spinner=False, max_entries=8)
def loaded(digest: str) -> TextTable:
    """The rows of a text set, kept for the next rerun; the digest is of their content, so it cannot go stale."""
    return workbench().text_set(digest)


def show_set(info: TextSetInfo, name: str) -> None:
    """One text set: what it holds, its first rows, and the buttons that choose or delete it."""
    table = loaded(info.spec.table)
    with st.container(horizontal=True):
        st.button("Use this text set", key="texts_use", on_click=selection.choose_texts, args=(name,), type="primary")
        if not info.builtin and st.button("Delete …", key="texts_delete", icon=":material/delete:"):
            confirm_delete(info, name)
    if info.spec.sample:
        st.caption(plain(f"A sample: {info.spec.sample}."))
    with st.expander("Use part of the rows", icon=":material/content_cut:"):
        adding.part_form(info, info.spec.name)
    for notice in info.notices:
        st.warning(plain(notice), icon=":material/info:")
    if info.label is not None:
        counted = Counter(cell for cell in table.columns[info.label] if cell is not None)
        parts = [f"{value} ({number:,})" for value, number in counted.most_common(12)]
        st.text(f"Labels in column '{info.label}': {', '.join(parts)}" + (" …" if len(counted) > 12 else ""))
    unit = wording.row_name(info.spec.unit)
    rows: dict[str, Any] = {unit: table.shown[:SHOWN_ROWS]}  # a word is shown in its sentence, marked
    if table.pairs is not None:
        rows["second text"] = table.pairs[:SHOWN_ROWS]
    rows |= {column: cells[:SHOWN_ROWS] for column, cells in table.columns.items() if column not in rows}
    st.dataframe(rows, key="texts_rows", height=360, column_config={unit: st.column_config.TextColumn(width="large")})
    if len(table) > SHOWN_ROWS:
        st.caption(f"The first {SHOWN_ROWS} of {wording.count(len(table), unit)}.")


@st.dialog("Delete this text set?")
def confirm_delete(info: TextSetInfo, name: str) -> None:
    """Ask before a text set goes, and say what goes with it."""
    st.text(f"{name}: {wording.count(info.spec.n_rows, wording.row_name(info.spec.unit))}")
    st.write("Its activations and results are deleted too. This cannot be undone.")
    if st.button("Delete it", key="texts_delete_confirm", type="primary"):
        workbench().delete_text_set(info.spec.table)
        adding.forget(info.spec.table)
        st.rerun()


st.title("Texts")
everything = workbench().text_sets()
names = {info.shown_name: info for info in everything}
st.dataframe(overview_table(everything), key="texts_list", hide_index=True, height="content")

st.subheader("Add a text set")
adding.add_section()

st.subheader("Look at the rows")
adding.show_saved(names)
here = selection.current().texts
if here in everything:
    st.session_state.setdefault(adding.SHOWN, here.shown_name)
shown = st.selectbox("Text set", list(names), key=adding.SHOWN, label_visibility="collapsed")
if shown in names:
    show_set(names[shown], shown)
