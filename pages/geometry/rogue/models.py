"""All layers of all models of the sidebar in one figure of the page Rogue: a column for each model, a row for each layer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from backend import Result, RogueResult
from pages._kit.charts.base import short_model
from pages._kit.show.columns import show_table
from pages._kit.show.finding import Finding, said_once, show
from pages._kit.show.kept import drawn_once
from pages._kit.state import ask
from pages._kit.state.chosen import chosen_rows
from pages.geometry.rogue.marks import named
from pages.geometry.rogue.model_charts import (
    EACH,
    GRID_CAPTION,
    ONE_A_LAYER,
    ONE_FOR_ALL,
    SCALES,
    Column,
    models_grid,
    models_height,
)
from pages.geometry.rogue.rankings import SHORT
from pages.geometry.rogue.tables import dimensions_table

MOST_LAYERS = 12
ONE_MODEL = "The spikes of the selected texts are drawn in the views of one model alone."


def choose_scale(n_models: int) -> str:
    """Which panels share a value scale; of one model each has its own to begin with, of several all have one."""
    options = [ONE_FOR_ALL, ONE_A_LAYER, EACH] if n_models > 1 else [ONE_FOR_ALL, EACH]
    return str(
        ask.selectbox(
            "Value scale",
            options,
            index=0 if n_models > 1 else 1,
            key="rogue_scale",
            width=130,  # beside the view and the score there is room for no more
            help="On one scale the heights of spikes compare, and small ones are flat; on its own a panel shows its shape.",
        )
    )


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """The result of one model and the layers of it that are drawn (places in the result)."""

    result: Result[RogueResult]
    layers: Sequence[int]

    @property
    def column(self) -> Column:
        """What the chart draws of it."""
        values, source = self.result.values, self.result.sources[0]
        return Column(
            short_model(source.model),
            [source.layer_names[layer] for layer in self.layers],
            [np.stack([sides[layer] for sides in values.drawn_range]) for layer in self.layers],
            [named(self.result, layer, count=1) for layer in self.layers],
        )

    def table(self) -> pd.DataFrame:
        """One row for each layer that is drawn and each dimension, with the ends of the band."""
        low, high = (sides[list(self.layers)] for sides in self.result.values.drawn_range)
        found = dimensions_table(self.result, self.layers)
        found.insert(0, "model", short_model(self.result.sources[0].model))
        return found.assign(**{"lowest drawn": low.ravel(), "highest drawn": high.ravel()})


def spread_layers(n_layers: int) -> list[int]:
    """At most ``MOST_LAYERS`` of the layers, evenly apart, the first and the last among them."""
    places = np.linspace(0, n_layers - 1, min(n_layers, MOST_LAYERS)).round().astype(int)
    return sorted({int(place) for place in places})


def show_models(results: Sequence[Result[RogueResult]], scale: str) -> None:
    """The figure, and which dimension leads in each of its panels."""
    shown = [Shown(result, spread_layers(len(result.sources[0].layers))) for result in results]
    columns = [one.column for one in shown]
    names = ", ".join(column.title for column in columns)
    left = [
        f"{len(one.layers)} of {len(one.result.sources[0].layers)} layers of {column.title}"
        for one, column in zip(shown, columns, strict=True)
        if len(one.layers) < len(one.result.sources[0].layers)
    ]
    some = f" Drawn are {', '.join(left)}, evenly apart; choose others under Layers in the sidebar." if left else ""
    if chosen_rows():
        st.caption(f":material/info: {ONE_MODEL}")
    with said_once():
        show(
            Finding(
                key="rogue_all_models",
                title=f"Dimensions of all layers, {names}",
                figure=drawn_once(models_grid, columns, scale=scale, ranking=SHORT[results[0].values.by]),
                caption=f"{GRID_CAPTION} {SCALES[scale]}{some}",
                table=lambda: pd.concat([one.table() for one in shown], ignore_index=True),
                results=list(results),
                fields=["variance", "score"],
                name="rogue-models",
                alt=f"Range of the activations on every dimension in {len(columns[0].layers)} layers of {names}",
                height=models_height(max(len(column.layers) for column in columns)),
                view=f"{names} {scale} {[column.layers for column in columns]}",
            )
        )
        st.subheader("The dimension of highest variance")
        show_table(pd.concat([_leading(result) for result in results], ignore_index=True))


def _leading(result: Result[RogueResult]) -> pd.DataFrame:
    """One row a layer: the dimension of highest variance, what it holds of all variance, and how many are rogue."""
    values, source = result.values, result.sources[0]
    dims = values.principal
    at = np.arange(len(dims)), np.maximum(dims, 0)
    mean, variance = (np.where(dims >= 0, one[at], np.nan) for one in (values.mean, values.variance))
    return pd.DataFrame(
        {
            "model": short_model(source.model),
            "layer": list(source.layer_names),
            "dimension": pd.array([int(dim) if dim >= 0 else None for dim in dims], "Int64"),
            "share of the variance": values.principal_share,
            "its variance": variance,
            "its mean": mean,
            "rogue dimensions": values.n_rogue,
        }
    )
