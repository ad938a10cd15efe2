"""Other names for the classes of a text set: the dialog on the Texts page."""

import streamlit as st

from backend import RenameClassesTask, TextSetInfo
from pages._kit.show.wording import count
from pages._kit.state.session import plain, show_problem
from pages.data.texts.adding import save_as
from pages.data.texts.rows import loaded

_MOST_CHARS = 200  # of a class
MOST_RENAMED = 150  # classes of a column: more fields than that are no form
_HEIGHT = 320  # pixels of the fields before they scroll


def renamable(info: TextSetInfo) -> dict[str, list[str]]:
    """The columns whose classes can be renamed, the label first, with the classes of each, the most frequent first."""
    return _renamable(info.spec.table, info.label)


@st.cache_resource(show_spinner=False, max_entries=8)
def _renamable(digest: str, label: str | None) -> dict[str, list[str]]:
    """Counted once for a text set, which the page draws again at every click."""
    table = loaded(digest)
    columns = [name for name in (label, *table.columns) if name is not None and name != table.split]
    found = {name: list(table.class_counts(name)) for name in dict.fromkeys(columns)}
    short = {name for name, classes in found.items() if all(len(one) <= _MOST_CHARS for one in classes)}
    return {name: classes for name, classes in found.items() if 0 < len(classes) <= MOST_RENAMED and name in short}


@st.dialog("Rename classes")
def rename_classes(info: TextSetInfo) -> None:
    """The form, until its button is pressed."""
    task = rename_form(info)
    if task is not None:
        save_as(task, pressed=True)
        st.rerun()


def rename_form(info: TextSetInfo) -> RenameClassesTask | None:
    """A field for each class, a name for the text set that has the new names, and the button."""
    columns = renamable(info)
    key = info.spec.table[:8]
    column = st.selectbox("Column", list(columns), key=f"rename_column_{key}")
    names = {}
    with st.container(height=_HEIGHT if len(columns[column]) > 4 else "content", border=False):
        for place, old in enumerate(columns[column]):
            field = st.text_input(plain(old), value=old, key=f"rename_{key}_{column}_{place}", max_chars=_MOST_CHARS)
            names[old] = field.strip()
    changed = {old: new for old, new in names.items() if new != old}
    name = st.text_input(
        "Name of the text set", value=f"{info.spec.name}, renamed"[:80], key=f"rename_name_{key}", max_chars=80
    ).strip()
    st.caption("It becomes a text set of its own. The texts stay the same, so no model reads them again.")
    if not all(changed.values()) or not name:
        show_problem("A name is empty.", "Write one, or leave the class as it is.")
        return None
    task = RenameClassesTask(info.spec.table, name, column, tuple(changed), tuple(changed.values()))
    words = f"Rename {count(len(changed), 'class', 'classes')}" if changed else "Rename"
    pressed = st.button(words, key="rename_save", type="primary", disabled=not changed)
    return task if pressed else None
