"""Neighbours: the nearest texts of a text in the full space, layer by layer, and which texts have other neighbours now."""

import streamlit as st

from backend import AnalysisSpec, ModelInfo, Neighbours, TextTable
from pages._kit.flow.progress import run_panel
from pages._kit.show.finding import said_once
from pages._kit.show.findings import heading
from pages._kit.state import ask
from pages._kit.state.labelled import choose_model, say_no_model
from pages._kit.state.selection import Selection, ready
from pages._kit.state.session import end_page, workbench
from pages.geometry.neighbours.choose import choose_layer, choose_row, choose_text, say_text, settings
from pages.geometry.neighbours.lesson import NEIGHBOURS
from pages.geometry.neighbours.map import show_on_map
from pages.geometry.neighbours.moved import moved_view
from pages.geometry.neighbours.of_one import OneText, show_neighbours

WHAT = "Which texts lie next to a text, in which layer, and which texts have other neighbours after fine-tuning?"
HOW = (
    "Neighbours are found in the full space, exactly, not on a map. Choose a row or type a text to see its nearest texts in each "
    "layer, and at which rank they are in the others; or compare two layers or models, to see which texts kept their neighbours. For the paths of "
    "whole labels see the page Movement."
)
MAP_HELP = (
    "The text and its neighbours on the first two principal components of the layer; a typed text is projected on them."
)
CHOSEN, TYPED, MOVED = "chosen", "typed", "moved"
VIEWS = {CHOSEN: "Of a chosen {}", TYPED: "Of a typed text", MOVED: "Which {}s moved"}


def choose_view(here: Selection) -> str:
    """What to show; rows that are words cannot be typed."""
    unit = here.row_name
    views = [CHOSEN, TYPED, MOVED] if unit == "text" else [CHOSEN, MOVED]
    return ask.segmented_control(
        "Neighbours",
        views,
        default=CHOSEN,
        format_func=lambda view: VIEWS[view].format(unit),
        key="neighbours_view",
        label_visibility="collapsed",
    )


def require_rows(here: Selection) -> None:
    """Ends the page where rows are tokens."""
    if here.tokens is not None:
        st.info(
            "This page needs one row per text, but the pooling is tokens. Choose mean, last or cls in the sidebar.",
            icon=":material/tune:",
        )
        end_page()


def require_readable(model: ModelInfo, here: Selection, text: str) -> None:
    """Ends the page where there is no text to read, or nothing that could read it."""
    if model.is_given:
        say_no_model(model, "A typed text is read by a model")
        end_page()
    if here.postprocess:
        st.info(
            "A typed text cannot be post-processed with the others. Remove the steps under Rows in the sidebar.",
            icon=":material/tune:",
        )
        end_page()
    if not text:
        st.info("Type a text above to see which texts of the set lie nearest to it.", icon=":material/keyboard:")
        end_page()


def one_view(here: Selection, table: TextTable, typed: bool) -> None:
    """The neighbours of a row, or of a typed text, in one layer, and their ranks in all."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = choose_text() if typed else ""
        row = -1 if typed else choose_row(here, table)
        model = choose_model(here.models, "neighbours_model")
        numbers = range(len(model.layer_names)) if isinstance(here.layers, str) else here.layers
        place = choose_layer(model, [model.layer_names[number] for number in numbers], numbers)
        params = settings("neighbours", ("k", "metric"))
    if typed:
        require_readable(model, here, text)
    column = None if here.label is None or typed else table.columns[here.label][row]
    say_text("Typed" if typed else f"Row {row + 1:,}", column, text or table.shown[row])
    spec = asked(model, here, {**params, "text": text} if typed else {**params, "row": row + 1})
    found = run_panel([spec], "neighbours", Neighbours)
    if found is not None:
        whose = "the typed text" if typed else f"row {row + 1:,}"
        one = OneText(found[0], place, table, here, whose)
        with said_once():
            show_neighbours(one)
            if one.places and ask.toggle("On the map", key="neighbours_on_map", help=MAP_HELP):
                show_on_map(one, model, text)


def asked(model: ModelInfo, here: Selection, params: dict[str, object]) -> AnalysisSpec:
    """What is asked of the model."""
    name = "neighbours_of_text" if "text" in params else "neighbours"
    return workbench().analysis(name, models=[model], layers=here.layers, params=params, **here.rows)


heading("Neighbours", WHAT, HOW, NEIGHBOURS)
here = ready()
require_rows(here)
assert here.texts is not None
table = workbench().text_set(here.texts)
view = choose_view(here)
if view == MOVED:
    moved_view(here, table)
else:
    one_view(here, table, view == TYPED)
