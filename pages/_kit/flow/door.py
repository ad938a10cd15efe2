"""What stands in the place of a page for whoever may not see it yet, and the line in the sidebar for whoever may."""

from pathlib import Path

import streamlit as st

from backend import NOBODY, read_settings
from pages._kit.state.login import LOOPBACK, Visitor, way
from pages._kit.state.session import show_problem

_LINK = st.components.v2.component(
    "embedscope_door", js=Path(__file__).with_name("door.js").read_text(encoding="utf-8"), isolate_styles=False
)


def show_door(found: Visitor) -> None:
    """Say why nothing is shown, and offer to log in, or to log out again."""
    _, middle, _ = st.columns([1, 2, 1])
    with middle:
        st.title("Embedscope", anchor=False)
        if found.problem:
            show_problem(found.problem, found.hint)
        elif found.ask:
            st.markdown("Log in to see the text sets, models and results of this instance.")
        if found.ask:
            _LINK(data={"outside": True}, key="door", height="content")
            if st.button("Log in", type="primary", icon=":material/login:", key="log_in"):
                st.login()
        elif way(read_settings()) == "oidc":
            st.button("Log out", icon=":material/logout:", key="log_out", on_click=st.logout)


def show_who(found: Visitor) -> None:
    """At the end of the sidebar: who has logged in, and the way out; where nobody had to, what that means."""
    person = found.person
    if person is None:
        return
    with st.sidebar:
        if person != NOBODY:
            role = ", who looks after this instance" if person.admin else ""
            st.text(f"Logged in as {person.name}{role}.")  # Markdown would make a link of an address
            if way(read_settings()) == "oidc":
                st.button("Log out", icon=":material/logout:", key="log_out", on_click=st.logout, type="tertiary")
                _LINK(data={"outside": False}, key="door", height="content")
        elif st.get_option("server.address") not in LOOPBACK:
            st.caption(
                ":material/lock_open: There is no login: anyone who reaches this address sees and may change everything."
            )
