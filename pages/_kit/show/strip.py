"""The strip below the head of a page: how many texts are selected, of which classes, and what can be done with them."""

import streamlit as st

from backend import HOWS, TextSetInfo
from pages._kit.show.wording import count, row_name
from pages._kit.state import ask
from pages._kit.state.chosen import HOW, Chosen, choose_rows, chosen, how_to_choose, story_words
from pages._kit.state.session import plain, workbench

NEXT = {
    "replace": "The next selection replaces it",
    "add": "The next selection is added",
    "keep only": "The next selection keeps only what is in both",
    "take away": "The next selection is taken away",
}
_HOW_HELP = (
    "What the next selection does to this one: it takes its place, is added (or), keeps only what both have (and), or is taken "
    "away (not)."
)
_MOST_CLASSES = 4
_STYLE = (
    "<style>.st-key-chosen_strip button {min-height: 0; padding-top: 0; padding-bottom: 0}"
    " .st-key-chosen_strip :is(p, button) {font-size: 0.875rem}</style>"
)


def selection_strip(texts: TextSetInfo | None, label: str | None, said: str) -> None:
    """The shared choice in words (``said``), and on the same line the selection, where anything is selected."""
    found = chosen()
    if texts is None or not found:
        if said:
            st.caption(plain(said))
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="chosen_strip"):
        st.html(_STYLE)  # as high as a line of words, so that nothing below moves
        if said:
            st.caption(plain(said), width="content")
        st.markdown(
            f"**{chosen_words(found, texts)}**{_classes(found, texts, label)}",
            width="content",
            help=story_words(found) or None,
        )
        with st.popover(NEXT[how_to_choose()], type="tertiary", key="chosen_next"):
            ask.segmented_control(
                "What the next selection does",
                HOWS,
                default=HOWS[0],
                key=HOW,
                format_func=str.capitalize,
                help=_HOW_HELP,
            )
        st.button(
            "Clear", key="chosen_clear", icon=":material/close:", type="tertiary", on_click=choose_rows, args=((),)
        )


def chosen_words(found: Chosen, texts: TextSetInfo) -> str:
    """``47 of 440 texts selected``, after the name of one that was saved, as Markdown."""
    named = f"{plain(found.name)}: " if found.name else ""
    return f"{named}{len(found.rows):,} of {count(texts.spec.n_rows, row_name(texts.spec.unit))} selected"


def _classes(found: Chosen, texts: TextSetInfo, label: str | None) -> str:
    """How many of them each class has, the largest first, as Markdown."""
    table = workbench().text_set(texts)
    if label is None or label not in table.columns:
        return ""
    counts = table.class_counts(label, found.rows)
    parts = [f"{plain(name)} {number:,}" for name, number in list(counts.items())[:_MOST_CLASSES]]
    more = (
        [f"{count(len(counts) - _MOST_CLASSES, 'more class', 'more classes')}"] if len(counts) > _MOST_CLASSES else []
    )
    return f" · {', '.join(parts + more)}" if parts else ""
