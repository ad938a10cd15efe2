"""The neighbours of one text: their ranks over depth, and a table of them in one layer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from backend import Neighbours, Result, TextTable
from pages._kit.charts.base import short_model
from pages._kit.show.finding import Finding, elsewhere, show
from pages._kit.show.kept import drawn_once
from pages._kit.show.row_files import with_cells
from pages._kit.show.text_rows import list_rows
from pages._kit.show.wording import ROWS_COUNT
from pages._kit.state.chosen import choose_rows, how_to_choose
from pages._kit.state.selection import Selection
from pages._kit.state.session import plain
from pages._kit.state.view import set_value
from pages.geometry.neighbours.charts import MOST_LINES, RANKS_CAPTION, ranks_chart


@dataclass(frozen=True, slots=True, eq=False)
class OneText:
    """The neighbours of one text in the layer at place ``layer``; ``whose`` says whose, such as "row 12"."""

    result: Result[Neighbours]
    layer: int
    table: TextTable
    here: Selection
    whose: str

    @property
    def layer_name(self) -> str:
        """The layer whose neighbours are followed."""
        return self.result.sources[0].layer_names[self.layer]

    @property
    def metric(self) -> str:
        """How distances are taken."""
        return str(self.result.recipe["params"]["metric"])

    @property
    def places(self) -> list[int]:
        """Where the neighbours in this layer, the nearest first, stand among the listed rows; none where it is undefined."""
        listed = self.result.values.listed.tolist()
        return [listed.index(row) for row in self.result.values.nearest[self.layer].tolist() if row >= 0]

    def rows(self, places: Sequence[int], numbers: Mapping[str, Any]) -> pd.DataFrame:
        """The listed rows at these places: of each the ``numbers`` (of which "row" gets its row, from 1), label, text, other columns."""
        texts = self.result.values.text_index[list(places)].tolist()
        known = dict(numbers) | {"row": [text + 1 for text in texts]}
        return pd.DataFrame(with_cells(known, self.table, texts, label=self.here.label, text=self.here.row_name))

    def nearest(self) -> pd.DataFrame:
        """The neighbours in this layer, the nearest first."""
        places = self.places
        distances = self.result.values.distance[self.layer][: len(places)]
        return self.rows(places, {"rank": range(1, len(places) + 1), "row": None, "distance": distances})

    def ranks(self) -> pd.DataFrame:
        """The same neighbours, with the rank of each in every layer."""
        values, places = self.result.values, self.places
        names = self.result.sources[0].layer_names
        ranks = {name: pd.Series(values.ranks[i, places]).astype("Int64") for i, name in enumerate(names)}
        return self.rows(places, {"row": None, **ranks})

    def drawn(self) -> pd.DataFrame:
        """One row for each layer and neighbour: the numbers of the figure."""
        values, places = self.result.values, self.places[:MOST_LINES]
        names = self.result.sources[0].layer_names
        columns: dict[str, Any] = {
            "layer": [name for name in names for _ in places],
            "row": None,
            "rank": pd.Series(values.ranks[:, places].ravel()).astype("Int64"),
        }
        return self.rows([place for _ in names for place in places], columns)

    def over_depth(self) -> Finding:
        """The ranks over depth."""
        values, source, places = self.result.values, self.result.sources[0], self.places
        drawn = places[:MOST_LINES]
        numbers = values.text_index[drawn].tolist()
        texts = [self.table.shown[number] for number in numbers]
        names = [f"{number + 1:,}: {text}" for number, text in zip(numbers, texts, strict=True)]
        which = f"The {values.k:,} nearest {self.here.row_name}s" if len(places) == len(drawn) else "The nearest ones"
        model = short_model(source.model)
        return Finding(
            key="neighbours_ranks",
            title=f"Neighbours of {self.whose} in {self.layer_name} of {model}, and their ranks in every layer",
            figure=drawn_once(
                ranks_chart, values.ranks[:, drawn], source.layer_names, names, texts, values.k, values.n_others
            )
            if drawn
            else None,
            caption=f"{which} in {self.layer_name}, and their rank among all {values.n_others:,} in every layer"
            f" ({self.metric.capitalize()} distance). {RANKS_CAPTION}",
            table=self.drawn,
            results=[self.result],
            fields=["ranks"],
            expected=(lambda gap: False) if drawn else elsewhere(self.layer),
            empty=f"{self.layer_name} has no neighbours to show.",
            name="neighbours",
            layer=self.layer_name,
            alt=f"Ranks of the {len(drawn)} nearest {self.here.row_name}s of {self.whose} over {len(source.layer_names)} layers",
            height=400,
            view=f"{source.model} {self.whose} {self.layer}",
        )


def show_neighbours(one: OneText) -> None:
    """Ranks over depth beside the neighbours in the chosen layer; then their ranks as a table."""
    left, right = st.columns([6, 5])
    with left:
        show(one.over_depth())
    with right:
        if not one.places:  # the figure's place says why
            return
        st.markdown(f"**Nearest in {plain(one.layer_name)}**")
        nearest, rows = one.nearest(), one.result.values.text_index[one.places].tolist()
        list_rows(rows, lambda places: nearest.iloc[places], key="neighbours_nearest")
        st.caption(f"Exact, in the full space, among all {one.result.values.n_others:,}. {ROWS_COUNT}")
        _offer_selection(one)
    with st.expander("Ranks in every layer", icon=":material/table:"):
        ranks = one.ranks()
        list_rows(rows, lambda places: ranks.iloc[places], key="neighbours_every")


def _offer_selection(one: OneText) -> None:
    """A button that selects the neighbours on all pages; the text that is looked at stays."""
    rows = one.result.values.text_index[one.places].tolist()
    st.button(
        f"Select the {len(rows):,} nearest",
        key="neighbours_select_nearest",
        icon=":material/highlight_alt:",
        on_click=_select,
        args=(rows, one.result.values.text, f"the {len(rows):,} nearest to {one.whose} in {one.layer_name}"),
    )


def _select(rows: Sequence[int], text: int, story: str) -> None:
    choose_rows(rows, how_to_choose(), story=story)
    if text >= 0:  # else the page would go on to the first of those that are selected now
        set_value("neighbours_follow", False)
        set_value("neighbours_find", "")
        set_value("neighbours_row", text + 1)
