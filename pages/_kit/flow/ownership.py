"""Whose something is, beside it; for its owner the field that shares it with everyone on the instance."""

from collections.abc import Mapping

import streamlit as st

from backend import NOBODY, EmbedscopeError
from pages._kit.state import login
from pages._kit.state.session import show_problem, workbench

_REFUSED = "_sharing_refused"


def show_owner(kind: str, key: str) -> None:
    """Whose it is, where people log in: ``kind`` and ``key`` as in a Belonging. Nothing where nobody has to."""
    person = login.person()
    if person == NOBODY:
        return
    if _REFUSED in st.session_state:
        show_problem(*st.session_state.pop(_REFUSED))
    owned = next((one.owned for one in workbench().belongings() if (one.kind, one.key) == (kind, key)), None)
    if owned is None:
        st.caption("Everyone's on this instance.")
    elif person.id in owned.owners:
        field = f"share_{kind}_{key}"
        st.session_state[field] = person.id in owned.shared_by
        st.toggle("Share with everyone here", key=field, on_change=_share, args=(kind, key, field))
    else:
        st.text(f"Shared with everyone here by {', '.join(owned.shared_by)}.")  # Markdown would make links of addresses


def show_owners(kind: str, named: Mapping[str, str]) -> None:
    """Whose several things are, by their keys and names, folded away; nothing where nobody has to log in."""
    if login.person() == NOBODY or not named:
        return
    with st.expander("Whose they are, and sharing", icon=":material/group:"):
        for key, name in named.items():
            with st.container(horizontal=True, vertical_alignment="center"):
                st.text(name, width=240)
                show_owner(kind, key)


def _share(kind: str, key: str, field: str) -> None:
    try:
        workbench().share(kind, key, bool(st.session_state[field]))
    except EmbedscopeError as error:
        st.session_state[_REFUSED] = error.message, error.hint
