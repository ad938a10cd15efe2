"""Two models, before and after: which of the sidebar's, in the one order that every page has, and how that is known."""

from collections.abc import Sequence

import streamlit as st

from backend import ModelInfo, Ordered
from pages._kit.charts.base import short_model
from pages._kit.state import ask
from pages._kit.state.session import plain, workbench
from pages._kit.state.view import asked_for, value_of

BEFORE = "before"  # the key in the address of the model that comes first where nobody can tell


def in_order(models: Sequence[ModelInfo]) -> Ordered:
    """``models`` from before to after; where it is not known, as the address says, or in the order of the sidebar."""
    wish = asked_for(BEFORE) or value_of(BEFORE, "")
    names = [info.spec.name for info in models]
    before = next((name for name in names if wish in (name, short_model(name))), "")
    found: Ordered = workbench().in_order(models, before=before)
    return found


def choose_pair(models: Sequence[ModelInfo], key: str) -> Ordered | None:
    """Two of the sidebar's models, in order; None (and what to do) where one is chosen twice."""
    names = [info.spec.name for info in models]
    pair = list(models[:2])
    if len(models) > 2:
        boxes = [
            ask.selectbox(
                label,
                names,
                index=place,
                format_func=short_model,
                key=f"{key}_{word}",
                width=220,
            )
            for place, (label, word) in enumerate((("Compare", "first"), ("with", "second")))
        ]
        pair = [models[names.index(name)] for name in boxes]
    if pair[0] is pair[1]:
        st.info("Choose two different models, one before and one after.", icon=":material/compare:")
        return None
    return ordered(pair)


def ordered(pair: Sequence[ModelInfo]) -> Ordered:
    """Two models in order; where nothing tells which was first, a box that does, kept in the address."""
    found = workbench().in_order(pair)
    if not found.known:
        names = [info.spec.name for info in found.models]
        ask.selectbox(
            "Before",
            names,
            format_func=short_model,
            key=BEFORE,
            width=220,
            help=f"{found.reason} Choose the one that came first.",
        )
        found = in_order(pair)
    return found


def say_order(found: Ordered) -> None:
    """Which model is before and which after, and how that is known."""
    st.caption(f":material/history: {order_words(found)}")


def order_words(found: Ordered) -> str:
    """Which model is before and which after, and how that is known, in Markdown."""
    before, after = (plain(short_model(info.spec.name)) for info in (found.before, found.after))
    return f"Before: **{before}**. After: **{after}**. {plain(found.reason)}"


def change_name(found: Ordered) -> str:
    """What a difference of the two is: "after minus before", by name."""
    return f"{short_model(found.after.spec.name)} minus {short_model(found.before.spec.name)}"
