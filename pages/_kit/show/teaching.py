"""How to read a page, for somebody who has not read the papers: its question, what yes and no look like, and what fools it.

The two examples are drawn from formulas by the page's own charts, when the help is open and not before.
"""

from collections.abc import Callable
from dataclasses import dataclass

import plotly.graph_objects as go
import streamlit as st

from pages._kit.show.plot import plot
from pages._kit.state.gathering import gathered

_WIDTH, _HEIGHT = 650, 320  # pixels
_MADE_UP = "Both are drawn from formulas, to show the shapes; no model was asked."


@dataclass(frozen=True, slots=True)
class Example:
    """What the figure looks like: in a sentence, and drawn by ``make``."""

    says: str
    make: Callable[[], go.Figure]


@dataclass(frozen=True, slots=True)
class Teaching:
    """The ``question`` of a page, how it looks where the answer is yes and where it is no, and what ``fools`` the reader."""

    question: str
    yes: Example
    no: Example
    fools: str
    height: int = _HEIGHT


@st.fragment
def help_menu(what: str, how: str, teaching: Teaching | None) -> None:
    """The button "How to read this". Opening it runs nothing of the page but this."""
    box = st.popover(
        "How to read this",
        icon=":material/help:",
        type="tertiary",
        key="how_to_read",
        on_change="ignore" if teaching is None else "rerun",
    )
    with box:
        st.markdown(f"{what}\n\n{how}".strip())
        if teaching is not None and box.open and gathered() is None:
            _show(teaching)


def _show(teaching: Teaching) -> None:
    with st.container(width=_WIDTH):
        st.markdown(f"**{teaching.question}**")
        examples = (("Yes", teaching.yes), ("No", teaching.no))
        for (word, example), side in zip(examples, st.columns(2), strict=True):
            with side:
                plot(
                    example.make(),
                    key=f"teaching_{word.lower()}",
                    alt=f"{word}: {example.says}",
                    height=teaching.height,
                    view=teaching.question,
                )
                st.markdown(f"**{word}:** {example.says}")
        st.caption(_MADE_UP)
        st.markdown(f"**What fools it.** {teaching.fools}")
