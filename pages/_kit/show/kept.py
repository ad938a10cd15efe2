"""Figures of many points, kept with what the browser is sent of them for as long as they are made of the same.

A page runs again at each click, and most clicks leave its map as it is: a selection, a field of another figure, a page left and
entered again. What a figure is made of is told by one word, ``made_of``; "" stands for a figure that is not kept. Whoever
changes a kept figure changes a copy of it: it is shared by all sessions.
"""

from collections.abc import Callable, Hashable
from hashlib import blake2b

import plotly.graph_objects as go
import streamlit as st

from pages._kit.show.frames import Frames

MOST_KEPT = 4  # figures, of which one of 100,000 points in 12 layers takes about 30 MB
Drawn = tuple[go.Figure, Frames | None]


def made_of(*parts: Hashable) -> str:
    """One word for all ``parts``, in this process: another one as soon as one of them is another."""
    return blake2b(repr([part if isinstance(part, str) else hash(part) for part in parts]).encode()).hexdigest()


def kept_figure(word: str, make: Callable[[], Drawn]) -> Drawn:
    """The figure that ``make`` draws, drawn once."""
    return _figure(word, make) if word else make()


def kept_bytes(word: str, make: Callable[[], bytes]) -> bytes:
    """What ``make`` writes of a figure, written once."""
    return _bytes(word, make) if word else make()


@st.cache_resource(max_entries=MOST_KEPT, show_spinner=False)
def _figure(word: str, _make: Callable[[], Drawn]) -> Drawn:
    return _make()


@st.cache_resource(max_entries=MOST_KEPT, show_spinner=False)
def _bytes(word: str, _make: Callable[[], bytes]) -> bytes:
    return _make()
