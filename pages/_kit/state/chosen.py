"""The selection: rows of the chosen text set, one for all pages, and part of the View.

Rows are numbers from 0 in the text set's own order, whatever the model, layer or map. How a page reads and changes them::

    rows = chosen_rows()                              # () where nothing is selected
    st.button("Select them", on_click=choose_rows, args=(found,), kwargs={"story": "the search 'good'"})

``choose_rows`` is for callbacks, which run before the page does; code that runs later calls ``st.rerun`` after it. A selection
holds as long as its text set is chosen; it is there again when that set is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import streamlit as st

from backend import HOWS, TextSetInfo, combine_rows
from pages._kit.state.chart_state import asked_rows, rows_word
from pages._kit.state.session import plain
from pages._kit.state.view import note, set_value, value_of, view

KEY = "chosen"  # in an address
HOW = "chosen_how"
_KEPT = "_chosen"
_MOST_SETS = 20  # text sets whose selection is remembered
FROM_LINK = "a link"


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is selected: ``rows`` in ascending order of the text set whose table has the digest ``table``, and how it came about."""

    table: str = ""
    rows: tuple[int, ...] = ()
    story: str = ""
    name: str = ""  # of one that was saved, or chosen of those

    def __bool__(self) -> bool:
        return bool(self.rows)


@dataclass(slots=True)
class _Memory:
    of: dict[str, Chosen] = field(default_factory=dict)  # by the digest of the table, the latest last
    table: str = ""
    n_rows: int = 0


def chosen() -> Chosen:
    """The selection in the text set that is chosen now; of no row where nothing is selected."""
    memory = _memory()
    return memory.of.get(memory.table, Chosen(memory.table))


def chosen_rows() -> tuple[int, ...]:
    """The selected rows of the chosen text set, from 0, ascending; none where nothing is selected."""
    return chosen().rows


def choose_rows(rows: Sequence[int], how: str = "replace", *, story: str = "", name: str = "") -> None:
    """Make ``rows`` the selection, or add, keep or take away (HOWS); for callbacks. ``story`` says how they were found."""
    memory, before = _memory(), chosen()
    known = [int(row) for row in rows if 0 <= row < memory.n_rows]
    found = combine_rows(before.rows, known, how)
    _keep(Chosen(memory.table, found, _told(before.story if before else "", story, how), name))
    view().asked.pop(KEY, None)
    if not found:
        set_value(HOW, HOWS[0])


def how_to_choose() -> str:
    """How what a reader selects next goes together with what is selected: one of HOWS."""
    how: str = value_of(HOW, HOWS[0])
    return how if how in HOWS and chosen() else HOWS[0]


def settle_rows(texts: TextSetInfo | None) -> None:
    """Once the text set is known: take from the address which rows are selected, and put them there."""
    memory, now = _memory(), view()
    words = now.asked.pop(KEY, None)
    if texts is None:
        memory.table = ""
        return
    memory.table, memory.n_rows = texts.spec.table, texts.spec.n_rows
    lost = ""
    if words is not None and "texts" not in now.gone:  # else they are rows of another text set
        asked = asked_rows(KEY, words[-1] if words else "")
        rows = tuple(row for row in asked if row < memory.n_rows)
        if len(rows) < len(asked):
            lost = f"The link selects rows that the text set '{texts.spec.name}' does not have. They are left out."
        if rows != chosen().rows:
            _keep(Chosen(memory.table, rows, FROM_LINK))
    note(KEY, list(chosen_rows()), [rows_word(KEY, chosen_rows())])
    if lost:
        now.gone[KEY] = lost


def story_words(found: Chosen) -> str:
    """How a selection came about, as Markdown; empty where nobody knows."""
    parts = ([f"saved as '{found.name}'"] if found.name else []) + ([found.story] if found.story else [])
    return plain(" · ".join(parts))


def _memory() -> _Memory:
    memory: _Memory = st.session_state.setdefault(_KEPT, _Memory())
    return memory


def _keep(found: Chosen) -> None:
    memory = _memory()
    memory.of.pop(found.table, None)
    memory.of[found.table] = found
    for table in list(memory.of)[:-_MOST_SETS]:
        del memory.of[table]


_JOINED = {"add": "and", "keep only": "of these only", "take away": "without"}
_LONGEST_STORY = 300


def _told(before: str, story: str, how: str) -> str:
    """How rows that came about so were changed so."""
    told = story if how == "replace" or not before else f"{before}, {_JOINED[how]} {story}"
    return told if len(told) <= _LONGEST_STORY else f"… {told[-_LONGEST_STORY:]}"
