"""Which texts moved between two layers, of one model or of two: how many neighbours each kept, and which it had and has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from backend import ModelInfo, MovedTexts, Ordered, Result, TextTable, number_text
from pages._kit.charts.base import short_model, shortened
from pages._kit.flow.progress import run_panel
from pages._kit.show.finding import Finding, said_once, show
from pages._kit.show.row_files import with_cells
from pages._kit.show.text_rows import list_rows
from pages._kit.show.wording import ROWS_COUNT, count
from pages._kit.state import ask
from pages._kit.state.chosen import choose_rows, how_to_choose
from pages._kit.state.labelled import choose_model
from pages._kit.state.pair import choose_pair, say_order
from pages._kit.state.selection import Selection
from pages._kit.state.session import end_page, plain, workbench
from pages.geometry.neighbours.charts import KEPT_CAPTION, kept_chart
from pages.geometry.neighbours.choose import settings

MODELS, LAYERS = "Two models", "Two layers of one model"
MOVED, STAYED = "Moved most", "Moved least"
MOST_ROWS, MOST_SELECTED = 500, 20
_MOST_CHARS = 60  # of a neighbour in a list
_KEPT_HELP = "Share of its nearest neighbours that a text still has, in the full space; the mean over all texts."


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """Two layers: the models (one or two), and the places of the layers among those chosen in the sidebar."""

    models: Sequence[ModelInfo]
    places: tuple[int, int]
    names: tuple[str, str]
    order: Ordered | None = None


def choose_sides(here: Selection) -> Sides:
    """What is compared with what; ends the page where that is a layer with itself."""
    compare = LAYERS
    if len(here.models) > 1:
        compare = ask.segmented_control("Between", [MODELS, LAYERS], default=MODELS, key="neighbours_compare")
    order = None
    if compare == MODELS:
        order = choose_pair(here.models, "neighbours_pair")
        if order is None:
            end_page()
        models = list(order.models)
    else:
        models = [choose_model(here.models, "neighbours_moved_model")]
    first = _layer(models[0], here, "From layer", "neighbours_layer", last=order is not None)
    second = _layer(models[-1], here, "to layer", "neighbours_other_layer", last=True)
    if order is None and first[0] == second[0]:
        st.info("Choose two different layers, or add a second model in the sidebar.", icon=":material/compare:")
        end_page()
    names = [
        f"{short_model(model.spec.name)}, {name}"
        for model, (_, name) in zip((models[0], models[-1]), (first, second), strict=True)
    ]
    return Sides(models, (first[0], second[0]), (names[0], names[1]), order)


def _layer(model: ModelInfo, here: Selection, label: str, key: str, *, last: bool) -> tuple[int, str]:
    """A layer of those in the sidebar, by its place among them, and its name."""
    numbers = list(range(len(model.layer_names))) if isinstance(here.layers, str) else list(here.layers)
    names = [model.layer_names[number] for number in numbers]
    place = ask.selectbox(
        label,
        range(len(numbers)),
        index=numbers.index(model.last_block(numbers)) if last else 0,
        format_func=names.__getitem__,
        key=key,
        width=130,
    )
    return place, names[place]


def moved_view(here: Selection, table: TextTable) -> None:
    """The choices, the figure, and the texts in the order of what they kept."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        sides = choose_sides(here)
        params = settings("moved_texts", ("k", "metric", "max_rows"))
    if sides.order is not None:
        say_order(sides.order)
    params |= {"layer": sides.places[0], "other_layer": sides.places[1]}
    spec = workbench().analysis("moved_texts", models=sides.models, layers=here.layers, params=params, **here.rows)
    found = run_panel([spec], "neighbours_moved", MovedTexts)
    if found is None:
        return
    moved = Moved(found[0], table, here, sides.names)
    with said_once():
        left, right = st.columns([5, 2])
        with left:
            show(moved.kept())
        if moved.known:
            with right:
                moved.say()
            moved.list_texts()


@dataclass(frozen=True, slots=True, eq=False)
class Moved:
    """The result of ``moved_texts`` with the texts; ``names`` are the two layers in words."""

    result: Result[MovedTexts]
    table: TextTable
    here: Selection
    names: tuple[str, str]

    @property
    def known(self) -> bool:
        """Whether both layers have neighbours."""
        return bool(np.isfinite(self.result.values.mean))

    def counts(self) -> pd.DataFrame:
        """The numbers of the figure: of each share of kept neighbours the texts, counted and by chance."""
        values, unit = self.result.values, self.here.row_name
        shares = np.arange(values.k + 1) / values.k
        return pd.DataFrame(
            {
                "neighbours kept": shares,
                f"{unit}s that keep so many": values.counts,
                f"{unit}s by chance": values.expected,
            }
        )

    def kept(self) -> Finding:
        """How many texts keep how many of their neighbours."""
        values, (first, second) = self.result.values, self.names
        return Finding(
            key="neighbours_kept",
            title=f"Neighbours kept from {first} to {second}",
            figure=kept_chart(values, self.here.row_name) if self.known else None,
            caption=f"From {first} to {second}. {KEPT_CAPTION.format(self.here.row_name)}",
            table=self.counts,
            results=[self.result],
            fields=["mean"],
            name="which-texts-moved",
            alt=f"Numbers of {self.here.row_name}s by the share of their neighbours that they keep from {first} to {second}",
            height=360,
            view=f"{first} {second} {values.k}",
        )

    def say(self) -> None:
        """The mean beside its chance level, and how many texts keep no more than chance would leave them."""
        values = self.result.values
        n = len(values.row_index)
        lines = [
            ("Kept on average", number_text(values.mean, "share"), _KEPT_HELP),
            ("By chance", number_text(values.by_chance, "share"), "What two unrelated layers would share."),
            (
                "No more than by chance",
                f"{values.n_within_chance:,} of {n:,}",
                f"{self.here.row_name.capitalize()}s that keep at most {number_text(values.chance_limit, 'share')}; with unrelated "
                "neighbours 19 of 20 would.",
            ),
        ]
        with st.container(key="neighbours_moved_numbers", gap=None):
            for name, number, meaning in lines:
                st.markdown(f"{name} **{number}**", help=meaning)
        self.select_most()

    def select_most(self) -> None:
        """A button that selects the texts that kept least, on all pages."""
        places = self.order(MOVED)[:MOST_SELECTED]
        which = f"{count(len(places), self.here.row_name)} that moved most"
        st.button(
            f"Select the {len(places):,} most moved",
            key="neighbours_select",
            icon=":material/highlight_alt:",
            on_click=choose_rows,
            args=(self.result.values.text_index[places].tolist(), how_to_choose()),
            kwargs={"story": f"the {which}, from {self.names[0]} to {self.names[1]}"},
            help="They are selected on every page: on maps, in tables, and as a text set of their own. Of equal ones the first rows.",
        )

    def order(self, kind: str) -> list[int]:
        """Places of the texts, by what they kept: the least first, or the most."""
        kept = self.result.values.overlap
        return [int(place) for place in np.argsort(-kept if kind == STAYED else kept, kind="stable")]

    def rows(self, places: Sequence[int]) -> pd.DataFrame:
        """What each of these texts kept, and its neighbours before and after."""
        values, shown = self.result.values, self.table.shown
        texts = values.text_index[list(places)].tolist()
        columns: dict[str, Any] = {
            "row": [text + 1 for text in texts],
            "neighbours kept": values.overlap[list(places)],
            "p": values.p[list(places)],
        }
        whose = zip(("before", "after"), (values.before_texts, values.after_texts), strict=True)
        beside = {
            name: [[_short(text, shown) for text in lists[place].tolist()] for place in places] for name, lists in whose
        }
        cells = with_cells(columns, self.table, texts, label=self.here.label, text=self.here.row_name, more=beside)
        return pd.DataFrame(cells)

    def list_texts(self) -> None:
        """The texts in order, and one of them with both lists side by side."""
        unit = self.here.row_name
        kind = ask.segmented_control("Order", [MOVED, STAYED], default=MOVED, key="neighbours_order")
        whole, texts = self.order(kind), self.result.values.text_index
        order = whole[:MOST_ROWS]
        wide = {name: st.column_config.ListColumn(name, width="medium") for name in ("before", "after")}
        wide[unit] = st.column_config.TextColumn(unit, width="medium")
        list_rows(
            texts[whole].tolist(),
            lambda places: self.rows([whole[place] for place in places]),
            key="neighbours_moved_rows",
            most=MOST_ROWS,
            columns=wide,
        )
        n = len(self.result.values.row_index)
        part = f"The first {len(order):,} of {count(n, unit)} (all are in the figure's JSON file)"
        st.caption(
            f"{part if len(order) < n else f'All {count(n, unit)}'}; before and after are the neighbours in "
            f"{plain(self.names[0])} and in {plain(self.names[1])}, the nearest first. p is the probability that unrelated neighbours share "
            f"as many. {ROWS_COUNT}"
        )
        shown = self.table.shown
        place = ask.selectbox(
            f"Neighbours of one {unit}",
            order,
            format_func=lambda one: _short(int(texts[one]), shown, 90),
            key=f"neighbours_moved_one_{n}",
        )
        self.side_by_side(place)

    def side_by_side(self, place: int) -> None:
        """Both lists of one text; those that are in both are marked."""
        values = self.result.values
        lists = values.before_texts[place].tolist(), values.after_texts[place].tolist()
        for at, (column, name, mine) in enumerate(zip(st.columns(2), self.names, lists, strict=True)):
            with column:
                st.markdown(f"**{plain(name)}**")
                known = {
                    "rank": range(1, len(mine) + 1),
                    "row": [text + 1 for text in mine],
                    "in both": [text in lists[1 - at] for text in mine],
                }
                cells = with_cells(known, self.table, mine, label=self.here.label, text=self.here.row_name)
                table = pd.DataFrame(cells)
                list_rows(mine, table.iloc.__getitem__, key=f"neighbours_moved_{('before', 'after')[at]}")


def _short(text: int, shown: Sequence[str], n_chars: int = _MOST_CHARS) -> str:
    """A text by its row, from 1, and how it begins."""
    return f"{text + 1:,}: {shortened(shown[text], n_chars)}"
