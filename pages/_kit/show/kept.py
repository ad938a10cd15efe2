"""Figures, kept with what the browser is sent of them for as long as they are made of the same.

A page runs again at each click, and most clicks leave its figures as they are: a selection, a field of another figure, a page left
and entered again, a link that a colleague opens. Most charts are drawn by ``drawn_once``, which asks their arguments. What a map of
many points is made of is told by one word, ``made_of``; "" stands for a figure that is not kept. Whoever changes a kept figure
changes a copy of it: it is shared by all sessions.
"""

from collections.abc import Callable, Hashable
from hashlib import blake2b
from typing import Any, ParamSpec, TypeVar

import plotly.graph_objects as go
import streamlit as st

from pages._kit.show.contents import Untold, contents_of
from pages._kit.show.frames import Frames

MOST_KEPT = 4  # figures, of which one of 100,000 points in 12 layers takes about 30 MB
MOST_CHARTS = 48  # charts of a few lines or cells, of some 100 KB each
Drawn = tuple[go.Figure, Frames | None]
P = ParamSpec("P")
T = TypeVar("T")


def made_of(*parts: Hashable) -> str:
    """One word for all ``parts``, in this process: another one as soon as one of them is another."""
    return blake2b(repr([part if isinstance(part, str) else hash(part) for part in parts]).encode()).hexdigest()


def kept_figure(word: str, make: Callable[[], Drawn]) -> Drawn:
    """The figure that ``make`` draws, drawn once."""
    return _figure(word, make) if word else make()


def kept_bytes(word: str, make: Callable[[], bytes]) -> bytes:
    """What ``make`` writes of a figure, written once."""
    return _bytes(word, make) if word else make()


def drawn_once(make: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
    """What ``make`` returns for these arguments, a figure mostly; made once for as long as the arguments hold the same.

    ``make`` is a function of its arguments alone. What it returns is shared. Where the contents of an argument cannot be told it is
    made anew.
    """
    try:
        word = contents_of(make, given, named)
    except Untold:
        return make(*given, **named)
    made: T = _made(word, lambda: make(*given, **named))
    return made


def word_of(figure: go.Figure) -> str:
    """The word under which a figure is kept that ``drawn_once`` drew; "" for any other, such as a copy."""
    return str(getattr(figure, _WORD, ""))


def kept_chart(word: str, make: Callable[[], bytes]) -> bytes:
    """What ``make`` writes of a chart, written once."""
    return _chart_bytes(word, make) if word else make()


_WORD = "_embedscope_word"


@st.cache_resource(max_entries=MOST_CHARTS, show_spinner=False)
def _made(word: str, _make: Callable[[], Any]) -> Any:
    made = _make()
    if isinstance(made, go.Figure):
        setattr(made, _WORD, word)
    return made


@st.cache_resource(max_entries=MOST_CHARTS, show_spinner=False)
def _chart_bytes(word: str, _make: Callable[[], bytes]) -> bytes:
    return _make()


@st.cache_resource(max_entries=MOST_KEPT, show_spinner=False)
def _figure(word: str, _make: Callable[[], Drawn]) -> Drawn:
    return _make()


@st.cache_resource(max_entries=MOST_KEPT, show_spinner=False)
def _bytes(word: str, _make: Callable[[], bytes]) -> bytes:
    return _make()
