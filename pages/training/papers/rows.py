"""The table of one paper: a line for each figure and table, with the way to the page that draws it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from backend import (
    Address,
    EmbedscopeError,
    PaperChoice,
    PaperRow,
    Part,
    address_of,
    found_of,
    lacking,
    parts_of,
)
from pages._kit.charts.base import short_model
from pages._kit.show.links import page_file
from pages._kit.state.session import plain, workbench
from pages._kit.state.view import ANEW

READY, OPEN, CANNOT, PAGE = (
    f":material/{name}:" for name in ("check_circle", "radio_button_unchecked", "block", "description")
)
MEANS = (
    f"{READY} computed, {OPEN} to be computed, {CANNOT} not with this choice, {PAGE} a page where nothing is computed"
)
WIDTHS = (1.4, 5.2, 2.0)  # of a line: its name, what it shows, its links
PAGES = {"finetune": "Fine-tune"}  # of which the last part of the address is not the name
MOST_LINKS = 3  # of one line; the others are in the row's detail


@dataclass(frozen=True, slots=True)
class State:
    """How a row stands for a choice: its parts, each with its address and whether all its results are there; else why there are none."""

    parts: tuple[Part, ...] = ()
    addresses: tuple[Address, ...] = ()
    ready: tuple[bool, ...] = ()
    why_not: str = ""

    @property
    def icon(self) -> str:
        """The sign of the state."""
        if self.why_not:
            return CANNOT
        if not self.parts:
            return PAGE
        return READY if all(self.ready) else OPEN


def state_of(row: PaperRow, chosen: PaperChoice | None) -> State:
    """Where a row stands; nothing is computed for it."""
    if chosen is None:
        return State(why_not="The choice in the sidebar is not complete.")
    bench = workbench()
    if not row.steps:
        return State(addresses=(address_of(bench, row, chosen, None),))
    if why := lacking(row, chosen):
        return State(why_not=why)
    try:
        parts = parts_of(bench, row, chosen)
    except EmbedscopeError as error:
        return State(why_not=f"{error.message} {error.hint}")
    if not parts:
        return State(
            why_not="None of these models was made from another of them: choose a model and the one tuned from it."
        )
    ready = tuple(None not in found_of(bench, part) for part in parts)
    return State(parts, tuple(address_of(bench, row, chosen, part) for part in parts), ready)


def line(row: PaperRow, state: State, *, opened: bool, toggle: Callable[[str], None]) -> None:
    """One line of the table."""
    with st.container(key=f"papers_line_{row.key}"):
        name, shows, way = st.columns(WIDTHS, gap="small", vertical_alignment="center")
        with name:
            st.button(
                f"{state.icon} {row.heading}",
                key=f"papers_open_{row.key}",
                type="tertiary",
                width="content",
                on_click=toggle,
                args=(row.key,),
                help="Close its details." if opened else "Open its details: numbers, commands, what differs.",
            )
        shows.markdown(f":small[{plain(row.shows)}]")
        with way:
            if state.why_not:
                st.button(
                    "Why not?",
                    key=f"papers_why_{row.key}",
                    type="tertiary",
                    icon=CANNOT,
                    on_click=toggle,
                    args=(row.key,),
                    help=f"{plain(state.why_not)} Press to {'close' if opened else 'open'} the details.",
                )
            else:
                links(row, state, most=MOST_LINKS)


def links(row: PaperRow, state: State, *, most: int) -> None:
    """The ways to the page that draws a row, one for each group of models that it shows together; none where there is no part."""
    several = len(state.addresses) > 1
    for place, address in enumerate(state.addresses[:most]):
        label = (
            group_words(state.parts[place])
            if several
            else PAGES.get(row.page_name) or row.page_name.replace("_", " ").capitalize()
        )
        with st.container(key=f"papers_link_{row.key}_{place}_{most}", width="content"):
            link(address, label)
    if len(state.addresses) > most:
        st.markdown(f":small[and {len(state.addresses) - most} more]", width="content")


def link(address: Address, label: str, *, icon: str = ":material/arrow_forward:") -> None:
    """A link to a page with every word of an address; all else on it is at its default."""
    words = {key: list(value) for key, value in address.words.items()}
    st.page_link(page_file(address.page), label=label, query_params={**words, ANEW: "true"}, icon=icon)


def group_words(part: Part) -> str:
    """The models of a part, by their short names."""
    names = [short_model(info.spec.name) for info in part.group.models]
    plainer = [name.partition("@")[0] if name.startswith("run:") else name for name in names]  # a link has little room
    return " + ".join(_shortened(plainer if len(set(plainer)) == len(names) else names))


def _shortened(names: Sequence[str]) -> Sequence[str]:
    return names if len(names) < 3 else [names[0], f"{len(names) - 1} more"]
