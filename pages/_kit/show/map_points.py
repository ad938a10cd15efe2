"""What the points of a map look like and say: their colours in each place of the slider, their hovers, their column in the table."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from backend import Projection, TextTable, scale_ends
from pages._kit.charts.base import Floats
from pages._kit.charts.classes import class_sizes
from pages._kit.charts.hovers import text_hovers, token_hovers
from pages._kit.charts.maps import Projection as Drawn
from pages._kit.show.colouring import Colouring, turn_class


@dataclass(frozen=True, slots=True, eq=False)
class MapPoints:
    """The points of a map ``values`` over the rows of ``table``, coloured by ``colouring``."""

    values: Projection
    table: TextTable
    colouring: Colouring

    @property
    def classes(self) -> list[str | None] | None:
        """The class of each point; None where the colours are of numbers, or of nothing."""
        labels = self.colouring.labels
        return None if labels is None else [labels[text] for text in self.values.text_index]

    @property
    def on_class(self) -> Callable[[str], None] | None:
        """What a click on a class of the legend does; None where no field says which classes have colours."""
        return partial(turn_class, self.colouring.key) if self.colouring.key else None

    @property
    def numbers(self) -> Floats | None:
        """The number of each point: (n_points,), or (n_places, n_points) where places differ; None for classes."""
        if self.colouring.of_vectors:
            return self.values.norms
        numbers = self.colouring.numbers
        return None if numbers is None else numbers[self.values.text_index]

    def made_of(self) -> tuple[Hashable, ...]:
        """All that these points are drawn from: where they lie, what they are, and their colours."""
        values, colours = self.values, self.colouring
        numbers = None if self.numbers is None else self.numbers.tobytes()
        classes = None if colours.labels is None else tuple(colours.labels)
        looks = (colours.name, classes, numbers, colours.of_vectors, colours.chosen, colours.ends)
        return (*self._words(), values.row_index.tobytes(), values.coords.tobytes(), looks)

    def _words(self) -> tuple[Hashable, ...]:
        return (
            self.table.texts,
            tuple(self.table.columns.items()),
            self.table.spans,
            self.values.text_index.tobytes(),
            self.values.token_index.tobytes(),
            self.values.tokens,
            self.values.token_spans.tobytes(),
        )

    def hovers(self) -> list[str]:
        """What the hover of each point says, but for what it is coloured by."""
        said = self.colouring.name if self.classes is not None or self.numbers is not None else ""
        return _hovers(self, hash(self._words()), said)

    def _hovers(self) -> list[str]:
        values, table, colours = self.values, self.table, self.colouring
        if (values.token_index >= 0).any():
            return token_hovers(table.texts, values.text_index, values.token_index, values.tokens, values.token_spans)
        said = {colours.name} if colours.labels is not None or colours.numbers is not None else set()
        facts = {name: cells for name, cells in table.columns.items() if name not in said}
        return text_hovers(table.shown, values.text_index, facts)

    def documents(self) -> list[str]:
        """The words of each point by which its region is named: its text, or the word or token that it is."""
        values, table = self.values, self.table
        if values.tokens:
            return [token.removeprefix("##") for token in values.tokens]
        if table.spans is None:
            return [table.texts[text] for text in values.text_index]
        return [table.texts[text][table.spans[text][0] : table.spans[text][1]] for text in values.text_index]

    def looks(self, place: int) -> dict[str, Any]:
        """How the points look in one place: what ``projection_scatter`` takes beside coordinates and axes."""
        numbers, colours = self.numbers, self.colouring
        shown = numbers[place] if numbers is not None and numbers.ndim > 1 else numbers
        return {
            "hovers": self.hovers(),
            "labels": self.classes,
            "chosen": colours.chosen,
            "order": None if colours.labels is None else list(class_sizes(colours.labels)),
            "numbers": shown,
            "ends": scale_ends(shown) if shown is not None and colours.of_vectors else colours.ends,
            "name": colours.name,
        }

    def frame_colours(self, drawn: Drawn) -> tuple[dict[int, Floats], list[tuple[float, float]]]:
        """Where each place has numbers of its own: those of the trace of numbers, and the ends of the scale of each place."""
        numbers = self.numbers
        if numbers is None or numbers.ndim == 1 or drawn.measured is None:
            return {}, []
        ends = [scale_ends(one) or (0.0, 1.0) for one in numbers]
        return {drawn.measured: numbers[:, drawn.rows[drawn.measured]]}, ends

    def column(self, known: dict[str, Any]) -> dict[str, Any]:
        """What the points are coloured by as a column, one entry for each place and point, beside those that are ``known``.

        Nothing where that is a column of the text set, which is among them.
        """
        colours, n_places = self.colouring, len(self.values.coords)
        numbers, classes = self.numbers, self.classes
        if (numbers is None and classes is None) or colours.name in self.table.columns:
            return {}
        name = colours.name.lower() if colours.of_vectors else colours.name
        name = f"{name} (colour)" if name in known else name
        if numbers is None:
            return {name: (classes or []) * n_places}
        return {name: np.tile(numbers, n_places) if numbers.ndim == 1 else np.ravel(numbers)}


@st.cache_resource(max_entries=4, show_spinner=False)
def _hovers(_points: MapPoints, shown: int, said: str) -> list[str]:
    """Those of `MapPoints.hovers`, kept: nothing but the colours changes from run to run."""
    return _points._hovers()
