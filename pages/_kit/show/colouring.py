"""What the points of a map are coloured by: a column of the text set, a length, or the norms of the vectors."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import streamlit as st

from backend import TextTable, column_numbers, scale_ends, text_lengths
from pages._kit.charts.base import Floats
from pages._kit.charts.classes import class_sizes
from pages._kit.state import ask
from pages._kit.state.view import set_value, value_of

LABEL, NOTHING, NORM = "label", "none", "norm"
_COLUMN = "column:"
_LENGTHS = {"characters": "Characters", "words": "Words"}
NORM_NAME = "Norm of the vector"
_HELP = "A column of the text set, how long the texts are, or how long the vectors of the layer on show are. Numbers have a scale."
_CLASSES_HELP = (
    "The classes that keep their colours; all others are grey. Type to search, or click classes in the "
    "legend. With none chosen, all have colours."
)


@dataclass(frozen=True, slots=True, eq=False)
class Colouring:
    """Colours for the rows of a text set: classes or numbers, one a row, or (``of_vectors``) the norms of their vectors.

    ``name`` is what they are of, empty where all points are alike; ``chosen`` are the classes that have a colour (all, if empty),
    which the field ``key`` says, if there is one.
    """

    name: str = ""
    labels: Sequence[str | None] | None = None
    numbers: Floats | None = None
    of_vectors: bool = False
    chosen: tuple[str, ...] = ()
    key: str = ""

    @property
    def ends(self) -> tuple[float, float] | None:
        """Where the scale of the numbers begins and ends."""
        return None if self.numbers is None else scale_ends(self.numbers)


def by_column(table: TextTable, column: str | None, chosen: Sequence[str] = ()) -> Colouring:
    """The classes of a column, or what it measures; no colours for None."""
    if column is None:
        return Colouring()
    numbers = column_numbers(table.columns[column])
    if numbers is not None:
        return Colouring(column, None, numbers)
    return Colouring(column, table.columns[column], None, chosen=tuple(chosen))


def choose_colours(
    table: TextTable, label: str | None, key: str, more: Mapping[str, Callable[[], Colouring]] | None = None
) -> Colouring:
    """The fields for colour and, where it is one of classes, for the classes that keep theirs; what they say.

    ``more`` are further colours by what they are called.
    """
    further = more or {}
    options = [*([] if label is None else [LABEL]), *(f"{_COLUMN}{name}" for name in table.columns if name != label)]
    options += [*_LENGTHS, NORM, *further, NOTHING]

    def words(option: str) -> str:
        if option == LABEL:
            return f"Label: {label}"
        known = {**{unit: f"Length in {unit}" for unit in _LENGTHS}, NORM: NORM_NAME, NOTHING: "Nothing"}
        return known.get(option) or option.removeprefix(_COLUMN)

    index = 0 if label is not None else options.index(NOTHING)
    option = ask.selectbox("Colour", options, index=index, format_func=words, key=f"{key}_colour", help=_HELP)
    if option in _LENGTHS:
        return Colouring(_LENGTHS[option], None, text_lengths(table.texts, option))
    if option in further:
        return further[option]()
    if option == NORM:
        return Colouring(NORM_NAME, of_vectors=True)
    column = label if option == LABEL else None if option == NOTHING else option.removeprefix(_COLUMN)
    found = by_column(table, column)
    if found.labels is None or column is None:
        return found
    sizes = class_sizes(found.labels)
    chosen = ask.multiselect(
        "Classes",
        list(sizes),
        format_func=lambda name: f"{name} ({sizes[name]:,})",
        key=f"{key}_classes",
        placeholder=f"All {len(sizes):,}",
        help=_CLASSES_HELP,
    )
    return replace(by_column(table, column, chosen), key=f"{key}_classes")


def turn_class(key: str, name: str) -> None:
    """A class of the legend is clicked: it gets its colour, or loses it again; without a ``name``, all have theirs."""
    chosen = list(value_of(key, list[str]()))
    set_value(key, [one for one in chosen if one != name] if name in chosen else [*chosen, name] if name else [])


def say_scale(colouring: Colouring | None) -> None:
    """How far the scale of numbers goes, where there is one."""
    if colouring is not None and (colouring.numbers is not None or colouring.of_vectors):
        layer = " of the layer on show" if colouring.of_vectors else ""
        st.caption(f"The colours go from the 1st to the 99th percentile{layer}.")
