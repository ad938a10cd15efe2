"""Whether a page is run for its figures alone, with nobody looking: then it draws, starts and offers nothing."""

from typing import Any

import streamlit as st

GATHERED = "_gathered"


def gathered() -> dict[str, Any] | None:  # figures by their keys; what a Finding is, the room of figures knows
    """Where the figures of this run are put, by their keys; None where a browser looks at the page."""
    found: dict[str, Any] | None = st.session_state.get(GATHERED)
    return found
