"""Where the View meets the browser: the address of the page, and the button that copies it."""

from pathlib import Path

import streamlit as st

from pages._kit.state.session import plain
from pages._kit.state.view import view

_HERE = Path(__file__).parent
_COMPONENT = st.components.v2.component(
    "embedscope_address",
    css=(_HERE / "address.css").read_text(encoding="utf-8"),
    js=(_HERE / "address.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)
_HELP = "Copies the address of this page: models, texts and every setting, defaults too."


def slot() -> None:
    """Keep a place for the button in the head of the page; without one it comes at the end."""
    view().slot = st.container(key="address", width="content")


def settle() -> None:
    """At the end of a run of the whole app: say what a link asked for in vain, and let the address say what is shown."""
    now = view()
    with now.slot if now.slot is not None else st.container(key="address", width="content"):
        stated = {"query": now.query, "settle": now.by_history, "label": "Copy link", "done": "Copied", "help": _HELP}
        _COMPONENT(key="copy_link", data=stated, height="content")


def say_gone() -> None:
    """Each part of a link that could not be had, in a sentence of its own."""
    for sentence in view().gone.values():
        st.warning(plain(sentence), icon=":material/link_off:")
