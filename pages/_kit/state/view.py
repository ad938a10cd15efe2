"""The View: everything that makes a screen, as one table of words that an address can hold.

Every choice on a page is made by a field of ``ask`` (or by a chart, with its frame and its selection) and has a key. The View
keeps the value of each key while the session lasts, and says what stands in the address: all that is drawn, defaults too.
An address is read when a session begins, when a link leads to a page, and when Back or Forward is pressed; at any other
time the session decides and the address follows (``address.js`` writes it).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlencode

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

T = TypeVar("T")
MOST_KEYS = 80
MOST_WORDS = 40  # of one key
MOST_CHARS = 4000  # of one word
ANEW = "anew"  # in a link within the dashboard: what else it does not name is at its default, as in a new session
_VIEW = "_view"
_KEY = re.compile(r"[A-Za-z_][\w. -]{0,80}")


@dataclass(slots=True)
class View:
    """What this session shows: the values of all choices, and the words of those that are drawn.

    ``kept`` has the last value of each key, whatever the page; ``asked`` the words of an address that no field has taken
    yet; ``drawn`` the words of what the page has drawn in this run, in the order of the page; ``seen_on`` the keys that each
    page has drawn so far; ``gone`` a sentence for each part of an address that could not be had. ``before`` is what the page had
    drawn before the service was ``lost``: until it answers nothing goes out of the address.
    """

    kept: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, list[str]] = field(default_factory=dict)
    drawn: dict[str, list[str]] = field(default_factory=dict)
    before: dict[str, list[str]] = field(default_factory=dict)
    lost: bool = False
    gone: dict[str, str] = field(default_factory=dict)
    seen_on: dict[str, set[str]] = field(default_factory=dict)
    page: str | None = None
    asked_of: str | None = None
    seen: str = ""
    by_history: bool = False
    slot: Any = None  # where the page's head has a place for the button that copies the address

    @property
    def words(self) -> dict[str, list[str]]:
        """All that the address says: what is drawn, and what was asked of this page and may still come, with a result."""
        asked = self.asked if self.page == self.asked_of else {}
        drawn = {**self.before, **self.drawn} if self.lost else self.drawn
        return {**drawn, **{key: words for key, words in asked.items() if key not in drawn}}

    @property
    def query(self) -> str:
        """The same as the query of an address, without the question mark."""
        return urlencode(self.words, doseq=True, safe="/:@")  # so that names of models can be read in it


def view() -> View:
    """The View of this session."""
    found: View = st.session_state.setdefault(_VIEW, View())
    return found


def begin(page: str) -> None:
    """At the start of a run of the whole app: read the address where it, and not the session, says what to show."""
    now = view()
    address = {key: st.query_params.get_all(key) for key in st.query_params}
    seen = urlencode(address, doseq=True)
    turned = page != now.page
    context = get_script_run_ctx(suppress_warning=True)
    now.by_history = bool(getattr(context, "is_history_navigation", False))
    if turned:
        now.gone = {}
    if now.page is None or now.by_history or (turned and seen != now.seen):
        if address.pop(ANEW, None) and now.page is not None:
            for key in now.seen_on.get(page, ()):
                forget(key)
        now.asked |= _clean(address)
        now.asked_of, now.gone = page, {}
    if turned or not now.lost:
        now.before = {} if turned else now.drawn
    now.page, now.seen, now.drawn, now.slot, now.lost = page, seen, {}, None, False


def _clean(address: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """What of an address can be a View at all; an address may hold anything."""
    kept = [(key, words) for key, words in address.items() if _KEY.fullmatch(key)]
    return {key: [word[:MOST_CHARS] for word in words[:MOST_WORDS]] for key, words in kept[:MOST_KEYS]}


def start_value(
    key: str, label: str, default: T, read: Callable[[Sequence[str]], T], fits: Callable[[object], bool]
) -> T:
    """What a field begins with: the address's words if it asks for any, else the session's value, else ``default``.

    ``read`` turns words into a value and raises ValueError, with a sentence or without, where there is no such value.
    The value is put into the session, so that the field has it. It is given to the field as its default too: a browser
    that draws the field late begins with that.
    """
    now = view()
    words = now.asked.pop(key, None)
    if words is not None:
        try:
            value = read(words)
        except ValueError as problem:
            now.gone[key] = str(problem) or f"The link asks for {label} '{', '.join(words)[:80]}', which is not there."
        else:
            now.gone.pop(key, None)
            st.session_state[key] = value
            return value
    if key in st.session_state and fits(st.session_state[key]):
        found: T = st.session_state[key]
        return found
    value = now.kept[key] if key in now.kept and fits(now.kept[key]) else default
    st.session_state[key] = value
    return value


def note(key: str, value: object, words: Sequence[str]) -> None:
    """What a field says now. In a fragment, whose run ends before the address is written, a change runs the whole page."""
    now = view()
    changed = key in now.kept and now.kept[key] != value
    if changed:
        now.gone.pop(key, None)
    now.kept[key], now.drawn[key] = value, list(words)
    now.seen_on.setdefault(now.page or "", set()).add(key)
    if changed and _in_fragment():
        st.rerun()


def gone_back() -> bool:
    """Whether this is the run of the whole app that Back or Forward has asked for."""
    return view().by_history and not _in_fragment()


def _in_fragment() -> bool:
    context = get_script_run_ctx(suppress_warning=True)
    return context is not None and bool(context.fragment_ids_this_run)


def value_of(key: str, default: T) -> T:
    """The value of a choice, drawn in this run or not."""
    found: T = st.session_state.get(key, view().kept.get(key, default))
    return found


def asked_for(key: str) -> str:
    """The word that the address has for a key, while no field has taken it; empty where there is none."""
    return next(iter(view().asked.get(key, [])), "")


def asked_words(key: str) -> list[str]:
    """Take the words that the address has for a key, which no field has taken; none where there are none."""
    return view().asked.pop(key, [])


def set_value(key: str, value: object) -> None:
    """Make a choice by code: for callbacks, and before the field is drawn."""
    now = view()
    now.asked.pop(key, None)
    now.kept[key] = value
    st.session_state[key] = value


def ask_next(key: str, words: Sequence[str]) -> None:
    """Make a choice in the next run, in the words of an address; for code that runs after the field is drawn."""
    view().asked[key] = list(words)


def forget(key: str) -> None:
    """Let a field begin with its default again; for callbacks."""
    now = view()
    now.asked.pop(key, None)
    now.kept.pop(key, None)
    st.session_state.pop(key, None)
