"""The menu below a figure: its pictures, its table and its numbers as files, all made when the menu is opened.

``st.download_button`` can also make a file when it is pressed; but every run of the page forgets the file that was on
offer before it, so that a second press soon after a first one, which starts such a run, would bring nothing. Here a file
exists before its button does, and a press asks the server for nothing but the file.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from pages._kit.show.plot import component_available, picture_buttons
from pages._kit.state.session import problems_shown

_MAKING = "The files are being made …"
_MODE_BAR = "A picture: by the camera in the figure's tool bar."


@dataclass(frozen=True, slots=True)
class File:
    """A file on offer: the button's label and help, the file's name and media type, and what makes it."""

    label: str
    name: str
    mime: str
    make: Callable[[], bytes]
    help: str


@dataclass(frozen=True, slots=True)
class Group:
    """Files that belong together, under one word; ``pictures_of`` is the key of a chart whose SVG and PNG come first."""

    name: str
    files: Sequence[File]
    pictures_of: str = ""
    note: str = ""


@st.fragment
def save_menu(key: str, groups: Callable[[], Sequence[Group]]) -> None:
    """The menu "Save" of the figure ``key``. Opening it runs nothing of the page but this."""
    box = st.popover("Save", icon=":material/download:", type="tertiary", key=f"{key}_save", on_change="rerun")
    with box:
        if not box.open:
            st.text(_MAKING)
            return
        with problems_shown():
            for group in groups():
                _offer(key, group)


def _offer(key: str, group: Group) -> None:
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.markdown(f":small[**{group.name}**]", width=64)
        if group.pictures_of:
            picture_buttons(group.pictures_of)
        for file in group.files:
            st.download_button(
                file.label,
                file.make(),
                file.name,
                file.mime,
                key=f"{key}_{file.name.rpartition('.')[2]}",
                on_click="ignore",
                help=file.help,
            )
    if group.pictures_of and not component_available():
        st.caption(_MODE_BAR)
    if group.note:
        st.caption(group.note)
