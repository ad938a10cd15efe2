"""A dashboard that was not started again with its service: it is of another version, and says so until it is."""

import contextlib

import streamlit as st

from backend import EmbedscopeError, __version__
from pages._kit.state import session


def say_newer() -> None:
    """Say that the service is of another version than this dashboard, where it is."""
    with contextlib.suppress(EmbedscopeError):  # the page says it where the service cannot be reached
        version = session.workbench().service_version
        if version != __version__:
            st.warning(
                f"The service is version {session.plain(version)} now, this dashboard {__version__}. Reload the page; "
                "where this is said again, start the dashboard again, too: until then some figures may not be found.",
                icon=":material/update:",
            )
