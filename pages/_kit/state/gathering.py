"""Whether a page is run for its figures alone, with nobody looking: then it draws, starts and offers nothing."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from backend import AnalysisSpec

GATHERED = "_gathered"
ASKED = "_gathered_analyses"


def gathered() -> dict[str, Any] | None:  # figures by their keys; what a Finding is, the room of figures knows
    """Where the figures of this run are put, by their keys; None where a browser looks at the page."""
    found: dict[str, Any] | None = st.session_state.get(GATHERED)
    return found


def asked_for(specs: Sequence[AnalysisSpec]) -> None:
    """Note what a page draws from, where it is run to learn that."""
    asked: list[AnalysisSpec] | None = st.session_state.get(ASKED)
    if asked is not None:
        asked += specs
