"""What a chart adds to the View: the frame of its slider, what is selected in it, and where it is zoomed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from backend import NOBODY, InvalidRequest, row_runs
from pages._kit.state import login
from pages._kit.state.session import plain, workbench
from pages._kit.state.view import gone_back, note, view
from pages._kit.state.zoom import Zoom, read_zoom, spell_zoom, stated_zoom

MOST_SELECTED_CHARS = (
    2000  # of a selection in an address: some 400 scattered points; a longer one is kept by its digest
)
MOST_IDS = 1_000_000
_FRAMES = "_frames_of_charts"
_KEPT = "kept-"  # and the digest of a selection
_RANGE = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Start:
    """What an address asks of a chart; ``stamp`` counts such addresses, so that the browser follows each of them once."""

    stamp: int = 0
    frame: int | None = None
    ids: tuple[int, ...] = ()
    cell: tuple[int, int, int] | None = None
    zoom: Zoom | None = None  # None: as it is; empty: the whole figure

    @property
    def as_sent(self) -> dict[str, Any]:
        """For the browser; empty where no address asked for anything."""
        if not self.stamp:
            return {}
        return {"stamp": self.stamp, "frame": self.frame, "ids": self.ids, "cell": self.cell, "zoom": self.zoom}


def asked_start(key: str, names: Sequence[str] | None, select: str) -> Start:
    """What the address asks of the chart ``key`` with frames of these names, or what the one before did."""
    place, asked = f"_start_of_{key}", view().asked
    last: Start = st.session_state.get(place, Start())
    words = {what: asked.pop(f"{key}_{what}", None) for what in ("frame", "points", "cell", "zoom")}
    if words["zoom"] is None and gone_back() and view().kept.get(f"{key}_zoom"):
        words["zoom"] = [""]  # an entry of the history without a zoom is of the whole figure
    if all(one is None for one in words.values()):
        return last
    frame = names.index(words["frame"][-1]) if names and words["frame"] and words["frame"][-1] in names else None
    ids = asked_rows(f"{key}_points", words["points"][-1]) if select == "points" and words["points"] else ()
    cell = _cell(words["cell"][-1]) if select == "cells" and words["cell"] else None
    if words["frame"] and frame is None:
        view().gone[f"{key}_frame"] = f"The link asks for '{words['frame'][-1][:80]}' on a slider, which is not there."
    zoom = read_zoom(words["zoom"][-1]) if words["zoom"] else None
    if words["zoom"] and zoom is None:
        zoom = {}
        _lost(f"{key}_zoom", {}, "The link asks for a zoom that cannot be read, so the figure is drawn whole.")
    start = Start(last.stamp + 1, frame, ids, cell, zoom)
    st.session_state[place] = start
    return start


def last_shown(key: str, n_frames: int, otherwise: int) -> tuple[dict[str, tuple[float, ...]], int]:
    """Where the chart ``key`` is zoomed, and which of its frames it shows (``otherwise``, where that is not known), before it is drawn
    in this run."""
    now, stated = view(), st.session_state.get(key)
    told: Any = stated if stated is not None and hasattr(stated, "get") else {}  # the state of Streamlit's component
    zoom = stated_zoom(told.get("zoom")) or dict(now.kept.get(f"{key}_zoom") or {})
    frame = told.get("frame", now.kept.get(f"{key}_frame"))
    return zoom, frame if isinstance(frame, int) and 0 <= frame < n_frames else otherwise


def note_frame(key: str, names: Sequence[str], frame: int) -> None:
    """Put the frame on show into the View, by its name."""
    note(f"{key}_frame", frame, [names[frame]])


def remember_frame(key: str, shows: str, frame: int) -> None:
    """Keep which frame the chart ``key`` is at, for as long as it ``shows`` the same, as the browser does."""
    st.session_state.setdefault(_FRAMES, {})[key, shows] = frame


def remembered_frame(key: str, shows: str) -> int | None:
    """The frame at which the chart ``key`` was when it was last on the page, before the browser, which shows it again, says so.

    Without it a page that is come back to would first stand in the history with another frame.
    """
    found: int | None = st.session_state.get(_FRAMES, {}).get((key, shows))
    return found


def followed(key: str, start: Start, begun: object) -> bool:
    """Whether the browser has drawn what the last address asked for: it says so once, and forgets it with the page."""
    place = f"_begun_{key}"
    if begun == start.stamp:
        st.session_state[place] = begun
    return not start.stamp or st.session_state.get(place) == start.stamp


def note_points(key: str, ids: Sequence[object]) -> None:
    """Put the selected points into the View."""
    rows = sorted({number for number in ids if isinstance(number, int)})
    note(f"{key}_points", rows, [rows_word(f"{key}_points", rows)])


def rows_word(key: str, rows: Sequence[int]) -> str:
    """Ascending rows as an address has them under ``key``; of more than it holds, the digest under which they are kept."""
    spelled = spell_rows(rows)
    return spelled if len(spelled) <= MOST_SELECTED_CHARS else _kept_word(key, rows, spelled)


def _kept_word(key: str, rows: Sequence[int], spelled: str) -> str:
    """The word for a selection that is kept, which is done once; empty, and said, where it cannot be kept."""
    place = f"_kept_rows_of_{key}"
    known: tuple[str, str] = st.session_state.get(place, ("", ""))
    if known[0] != spelled:
        try:
            known = spelled, f"{_KEPT}{workbench().keep_rows(rows)}"
        except InvalidRequest as problem:
            st.caption(f":material/link_off: A link to this page leaves out the selection. {plain(problem.message)}")
            return ""
        st.session_state[place] = known
    return known[1]


def asked_rows(key: str, word: str) -> tuple[int, ...]:
    """The rows that an address asks for under ``key``; none, which is said, where it has a digest that is not kept here."""
    if not word.startswith(_KEPT):
        return spelled_rows(word)
    rows = workbench().kept_rows(word.removeprefix(_KEPT))
    if rows is None:
        here = "no longer stored here" if login.person() == NOBODY else "not shared with you, or no longer here"
        _lost(key, [], f"The selection of this link is {here}, so nothing is selected.")
    return rows or ()


def _lost(key: str, instead: object, sentence: str) -> None:
    """Say what of an address cannot be had; the chart says what it has instead, which is no choice of anybody's."""
    view().kept[key], view().gone[key] = instead, sentence


def note_zoom(key: str, zoom: Zoom) -> None:
    """Put where the chart is zoomed into the View; a whole figure has nothing there."""
    note(f"{key}_zoom", dict(zoom), [spell_zoom(zoom)])
    if not zoom:
        del view().drawn[f"{key}_zoom"]


def note_cell(key: str, cell: tuple[int, int, int] | None) -> None:
    """Put the selected cell into the View: trace, row and column."""
    note(f"{key}_cell", cell, ["" if cell is None else ".".join(map(str, cell))])


def spell_rows(rows: Sequence[int]) -> str:
    """Sorted numbers as an address has them: ``3-7.12``."""
    return ".".join(str(first) if first == last else f"{first}-{last}" for first, last in row_runs(rows))


def spelled_rows(word: str) -> tuple[int, ...]:
    """The numbers of ``spell_rows``; what is none of them, and what comes beyond a million of them, is passed over."""
    found: list[int] = []
    for part in word.split("."):
        match = _RANGE.fullmatch(part)
        if match:
            first, last = int(match[1]), int(match[2] or match[1])
            found += range(first, min(last, first + MOST_IDS - len(found)) + 1)
        if len(found) >= MOST_IDS:
            break
    return tuple(found[:MOST_IDS])


def _cell(word: str) -> tuple[int, int, int] | None:
    parts = word.split(".")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 7 for part in parts):
        return None
    return int(parts[0]), int(parts[1]), int(parts[2])
