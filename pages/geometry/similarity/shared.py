"""Layers compared by the nearest neighbours that their texts share: the matrix beside CKA, and its line along depth."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from backend import ModelInfo, NeighbourOverlap, Result, number_text
from pages._kit.charts.base import short_model
from pages._kit.charts.layer_pairs import Reasons, cka_diagonal, cka_heatmap
from pages._kit.flow.controls import params_form
from pages._kit.flow.progress import run_panel
from pages._kit.show.columns import by_first, folded_table
from pages._kit.show.finding import Finding, said_once, show
from pages._kit.show.findings import reasons
from pages._kit.show.kept import drawn_once
from pages._kit.show.plot import ChartSelection
from pages._kit.state.selection import Selection
from pages._kit.state.session import workbench
from pages.geometry.similarity.cell import HINT, Cell, describe, side_by_side
from pages.geometry.similarity.views import DIAGONAL, WITHIN, undrawn

NAME, FILE = "Shared neighbours", "similarity-shared-neighbours"


def shared_settings() -> dict[str, Any]:
    """How neighbours are found, behind a button."""
    with st.popover("Settings", icon=":material/tune:"):
        return params_form(workbench().metrics()["neighbour_overlap"].params, "similarity_neighbours")


def shared_panel(mode: str, models: Sequence[ModelInfo], here: Selection, params: dict[str, Any], view: str) -> None:
    """The comparison of one model's layers, or of two models', by shared neighbours."""
    spec = workbench().analysis("neighbour_overlap", models=models, params=params, layers=here.layers, **here.rows)
    found = run_panel([spec], "similarity", NeighbourOverlap)
    if found is None:
        return
    shared = SharedNeighbours(mode, found[0], (models[0], models[-1]))
    with said_once():
        if view == DIAGONAL:
            show(shared.depth())
        else:
            _matrix(shared, here)
    folded_table("Table", lambda: by_first(shared.table()), key="similarity_shared_table", hide_index=False)


def _matrix(shared: "SharedNeighbours", here: Selection) -> None:
    row = st.container(horizontal=True)
    with row.container(width=640):
        chosen = show(shared.matrix())
    cell = shared.clicked(chosen)
    with row.container(width=240):
        if cell is None:
            st.caption(HINT)
        else:
            describe(cell)
    if cell is not None:
        side_by_side(cell, here)


@dataclass(frozen=True, slots=True, eq=False)
class SharedNeighbours:
    """What there is to show of ``neighbour_overlap``; ``models`` are those of the rows and of the columns."""

    mode: str
    result: Result[NeighbourOverlap]
    models: tuple[ModelInfo, ModelInfo]

    @property
    def names(self) -> tuple[Sequence[str], Sequence[str]]:
        """The names of the matrix's rows and columns."""
        return self.result.sources[0].layer_names, self.result.sources[-1].layer_names

    @property
    def title(self) -> str:
        """What is compared with what."""
        models = dict.fromkeys(short_model(source.model) for source in self.result.sources)
        return f"{NAME}, {self.mode.lower()}: {' and '.join(models)}"

    @property
    def chance(self) -> str:
        """What unrelated layers share, in words."""
        return number_text(self.result.values.by_chance, "share")

    @property
    def named(self) -> str:
        """The name of the axis, which says where neighbours are approximate."""
        about = self.result.values.approximate
        return f"{NAME} ({about})" if about else NAME

    @property
    def search(self) -> str:
        """The sentence of a caption on neighbours that are approximate."""
        about = self.result.values.approximate
        return f" Neighbours are {about}." if about else ""

    def reasons(self) -> Reasons:
        """Why cells are undefined, by (row, column)."""
        return {(index[0], index[1]): why for index, why in reasons(self.result, "overlap").items()}

    def table(self) -> pd.DataFrame:
        """The matrix: a row for each layer, named in the first column, and a column for each layer of the other model."""
        rows, columns = self.names
        table = pd.DataFrame(self.result.values.overlap, columns=[f"overlap, {name}" for name in columns])
        table.insert(0, "layer", list(rows))
        return table

    def matrix(self) -> Finding:
        """All pairs of layers."""
        values, (rows, columns) = self.result.values, self.names
        y_name, x_name = (source.model for source in (self.result.sources[0], self.result.sources[-1]))
        return Finding(
            key=f"similarity_shared_{self.mode}",
            title=self.title,
            figure=drawn_once(
                cka_heatmap,
                values.overlap,
                columns,
                rows,
                self.reasons(),
                x_name=x_name,
                y_name=y_name,
                value_name="shared",
                unit="share",
                note="; ".join(filter(None, (f"by chance {self.chance}", values.approximate))),
            ),
            caption=f"Each cell is the share of its {values.k} nearest neighbours that a text has in both layers, in the full space, on average "
            f"over the texts (mutual nearest-neighbour alignment, Huh et al. 2024). Unrelated layers share {self.chance} by chance. "
            f"A grey cell with × is undefined.{self.search}",
            table=self.table,
            results=[self.result],
            fields=["overlap"],
            crosses=True,
            name=FILE,
            alt=f"Shared neighbours of {len(rows)} layers of {y_name} with {len(columns)} layers of {x_name}, from 0 to 1",
            height=450,
            aspect=0.9,
            view=f"{y_name} {x_name} {values.overlap.shape}",
            select="cells",
        )

    def depth(self) -> Finding:
        """The line over depth: layers of the same number where there are two models, else each layer and the next."""
        overlap, (rows, _) = self.result.values.overlap, self.names
        if self.mode == WITHIN:
            values, names = np.diagonal(overlap, 1), [f"{a} and {b}" for a, b in pairwise(rows)]
            how = "Each layer with the next one: a dip is where the model gives the texts other neighbours."
        else:
            values = np.diagonal(overlap)
            names = list(rows[: len(values)])
            how = "The layers with the same number in both models, from the embedding output on." + undrawn(
                overlap.shape
            )
        known = bool(np.isfinite(values).any())
        chance = self.result.values.by_chance
        return Finding(
            key="similarity_shared_depth",
            title=f"{self.title}, along depth",
            figure=drawn_once(cka_diagonal, values, names, value_name=self.named, unit="share", chance=chance)
            if known
            else None,
            caption=f"{how} The dashed line is what unrelated layers share by chance, {self.chance}.{self.search}",
            table=pd.DataFrame(
                {"layers" if self.mode == WITHIN else "layer": names, "overlap": values, "overlap by chance": chance}
            ),
            results=[self.result],
            fields=["overlap"],
            empty="There is nothing to draw: fewer than two layers, or every value is undefined.",
            name=f"{FILE}-depth",
            alt="Shared neighbours along depth",
            height=420,
            view=self.mode,
        )

    def clicked(self, chosen: ChartSelection) -> Cell | None:
        """The cell of a click; None where nothing was clicked, or the click was on a larger matrix."""
        values, at = self.result.values, chosen.cell
        if at is None or at[0] >= values.overlap.shape[0] or at[1] >= values.overlap.shape[1]:
            return None
        layers = (self.result.sources[0].layers[at[0]], self.result.sources[-1].layers[at[1]])
        return Cell(
            self.models,
            layers,
            float(values.overlap[at]),
            self.reasons().get(at, ""),
            values.by_chance,
            NAME,
            "share",
        )
