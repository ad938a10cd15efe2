"""Papers: each figure and table of the four papers as a link to the page that draws it, with the paper's numbers beside ours."""

from collections.abc import Sequence

import streamlit as st

from backend import PAPER_ROWS, PAPERS, rows_of
from pages._kit.show.findings import heading
from pages._kit.state import ask
from pages._kit.state.selection import current, show_open
from pages._kit.state.session import plain
from pages._kit.state.view import asked_for, note, set_value, start_value, value_of
from pages.training.papers.choice import choice_of, choose_series, say_choice
from pages.training.papers.detail import show_detail
from pages.training.papers.rows import MEANS, line, state_of

WHAT = "Where is each figure of the papers, and does it look the same here?"
HOW = (
    "A line for each figure and table. The link draws it with the models and texts of the sidebar and the settings of the paper; the name of a "
    "figure opens its details: the paper's own numbers beside ours, a sentence of the paper and whether ours agrees, the command, what it takes, "
    "and the link with the paper's own models and texts."
)
OPENED, PAPER = "papers_row", "papers_paper"


def turn(key: str) -> None:
    """Open a row, or close it."""
    set_value(OPENED, "" if value_of(OPENED, "") == key else key)


def take_paper_of_row() -> None:
    """Of an address that asks for a row and says nothing of its paper, take the paper that has the row."""
    key = asked_for(OPENED)
    for row in PAPER_ROWS:
        if row.key == key and not asked_for(PAPER):
            set_value(PAPER, row.paper)


def opened_row(keys: Sequence[str]) -> str:
    """The key of the row that is open, kept in the address; empty where none is."""

    def read(words: Sequence[str]) -> str:
        word = words[-1] if words else ""
        if word and word not in keys:
            raise ValueError
        return word

    key = start_value(OPENED, "the row", "", read, lambda word: word in ("", *keys))
    note(OPENED, key, [key])
    return key


heading("Papers", WHAT, HOW)
here = current()
take_paper_of_row()
paper = ask.segmented_control(
    "Paper", list(PAPERS), default=next(iter(PAPERS)), key=PAPER, label_visibility="collapsed"
)
rows = rows_of(paper)
publication = PAPERS[paper]
about = f"{publication.authors}, {publication.year}" if publication.year else publication.authors
address = f" [{plain(publication.shown_address)}]({publication.address})" if publication.address else ""
st.caption(f"**{plain(publication.title)}.** {plain(about)}.{address}")
over_steps = [row for row in rows if row.of == "series"]
series = choose_series(over_steps) if over_steps else None
if here.problem:
    show_open(here)
chosen = choice_of(here, series)
key = opened_row([row.key for row in rows])
with st.container(key="papers_table", gap=None):
    for row in rows:
        state = state_of(row, chosen)
        line(row, state, opened=row.key == key, toggle=turn)
        if row.key == key:
            show_detail(row, state, chosen)
st.caption(MEANS)
if chosen is not None:
    say_choice(chosen)
