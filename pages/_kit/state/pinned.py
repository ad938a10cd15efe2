"""Names in an address that say the very weights: ``minilm@53aa51172d14`` is a name with the first digits of its commit.

A field asks for names, as people type them. What an address has behind them is taken off before the field is drawn
(``take``), and put behind them again once it is known what they stand for (``settle``).
"""

import re
from collections.abc import Mapping, Sequence

import streamlit as st

from pages._kit.state.view import view

DIGITS = 12
_PINNED = re.compile(rf"(.+)@([0-9a-f]{{{DIGITS}}})?", re.DOTALL)


def parted(word: str) -> tuple[str, str]:
    """The name in a word of an address, and the digits behind it; empty where it has none."""
    match = _PINNED.fullmatch(word)
    return (match[1], match[2] or "") if match else (word, "")


def pinned(name: str, identity: str) -> str:
    """A name as an address has it; one that only looks like a name with digits, and has no ``identity`` yet, ends in @."""
    return f"{name}@{identity[:DIGITS]}" if identity or parted(name) != (name, "") else name


def take(key: str) -> None:
    """Leave the names alone of what an address asks of the field ``key``, and keep what it says of their weights."""
    asked = view().asked
    if key in asked:
        words = [parted(word) for word in asked[key]]
        asked[key] = [name for name, _ in words]
        st.session_state[_place(key)] = {name: digits for name, digits in words if digits}


def settle(key: str, names: Sequence[str], known: Mapping[str, str], changed: str) -> None:
    """Put what ``names`` stand for into the address, and say of each where that is not what the link had.

    ``known`` has the identity of those that were looked up; ``changed`` is the sentence, with {name}, {then} and {now} in it.
    """
    now, pins = view(), st.session_state.setdefault(_place(key), {})
    for place in [place for place in now.gone if place.startswith(f"{key} ") and place[len(key) + 1 :] not in names]:
        del now.gone[place]  # it is no longer chosen
    for name in names:
        then = pins.pop(name, "") if name in known else ""
        if then and not known[name].startswith(then):
            now.gone[f"{key} {name}"] = changed.format(name=name, then=then, now=known[name][:DIGITS])
    now.drawn[key] = [pinned(name, known.get(name) or pins.get(name, "")) for name in names] or [""]


def _place(key: str) -> str:
    return f"_weights_of_{key}"
