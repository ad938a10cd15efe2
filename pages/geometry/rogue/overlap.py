"""The view Overlap of Rogue: how many leading dimensions two layers share, and which dimensions the models share."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from backend import ModelInfo, Result, RogueOverlapResult, SharedRogueResult, number_text
from pages._kit.charts.base import short_model
from pages._kit.charts.layer_pairs import cka_heatmap
from pages._kit.flow.progress import run_panel
from pages._kit.show.finding import Finding, said_once, show
from pages._kit.show.findings import reasons
from pages._kit.show.wording import count
from pages._kit.state import ask
from pages._kit.state.pair import ordered, say_order
from pages._kit.state.selection import Selection
from pages._kit.state.session import plain, workbench
from pages.geometry.rogue.rankings import RANKINGS, ranked

MAP_WIDTH = 580


def choose_other(models: Sequence[ModelInfo], model: ModelInfo) -> list[ModelInfo]:
    """The model to compare with, the first other one of the same width at first; empty for the same model."""
    rest = [info for info in models if info is not model]
    others = [info for info in rest if info.n_dims == model.n_dims]
    chosen = ""
    if others:
        names = [*(info.spec.name for info in others), ""]
        chosen = ask.selectbox(
            "Compare with",
            names,
            format_func=lambda name: short_model(name) if name else "the same model",
            key="rogue_other",
            width=260,
        )
    wider = [f"{short_model(info.spec.name)} has {info.n_dims:,}" for info in rest if info.n_dims != model.n_dims]
    if wider:
        st.caption(
            f":material/info: {plain(short_model(model.spec.name))} has {model.n_dims:,} dimensions, "
            f"{plain(', '.join(wider))}: dimensions of models of different width do not correspond, so their overlap is not "
            "defined."
        )
    return [info for info in others if info.spec.name == chosen]


def show_overlap(here: Selection, model: ModelInfo, by: str) -> None:
    """The map of two models' layers, then the dimensions that all models of one width share."""
    top = _show_map(here, model, by)
    alike = _alike(here, model)
    if top is not None and len(alike) > 1:
        show_shared(here, alike, by, top)


def _show_map(here: Selection, model: ModelInfo, by: str) -> int | None:
    """How many leading dimensions two layers share, within a model or between two of the same width; of how many, once it is there."""
    pair = [model, *choose_other(here.models, model)]
    if len(pair) > 1:
        order = ordered([info for info in here.models if info in pair])
        say_order(order)
        pair = list(order.models)
    result = ranked("rogue_overlap", RogueOverlapResult, pair, here, by)
    if result is None:
        return None
    values, first, second = result.values, result.sources[0], result.sources[-1]
    why = {(index[0], index[1]): reason for index, reason in reasons(result, "matrix").items()}
    names_x, names_y = second.layer_names, first.layer_names
    figure = cka_heatmap(
        values.matrix,
        names_x,
        names_y,
        why,
        x_name=second.model,
        y_name=first.model,
        value_name="overlap",
        unit="share",
    )
    caption = (
        f"Each cell is the share of the {values.top} dimensions leading by {RANKINGS[values.by]} that two layers have in "
        f"common, from 0 to 1."
    )
    if values.within:
        caption += " The diagonal is 1 by construction: there a layer is compared with itself."
    table = pd.DataFrame(values.matrix, columns=list(names_x))
    corner = "layer" if values.within else f"layer of {first.model} (row) and {second.model} (column)"
    table.insert(0, corner, list(names_y))
    models = f"{first.model} and {second.model}"
    with said_once(), st.container(width=MAP_WIDTH):  # the map is square: wider, its colour bar would stand far away
        show(
            Finding(
                key="rogue_overlap_map",
                title=f"Overlap of rogue dimensions: {' and '.join(dict.fromkeys((first.model, second.model)))}",
                figure=figure,
                caption=caption,
                table=table,
                results=[result],
                fields=["matrix"],
                crosses=True,
                unit="share",
                name="rogue-overlap",
                alt=f"Share of the {values.top} leading dimensions that layers of {models} have in common",
                height=520,
                aspect=0.9,
                view=f"{first.model} {second.model}",
            )
        )
    return values.top


def _alike(here: Selection, model: ModelInfo) -> list[ModelInfo]:
    """The models of the sidebar that are as wide as ``model``."""
    return [info for info in here.models if info.n_dims == model.n_dims]


def show_shared(here: Selection, models: Sequence[ModelInfo], by: str, top: int) -> None:
    """Dimension by dimension: in which models it leads; then each pair of models against chance."""
    st.subheader("Dimensions that models share")
    params = {"by": by, "top": top}
    spec = workbench().analysis("shared_rogue", models=models, layers=here.layers, params=params, **here.rows)
    found = run_panel([spec], "rogue_shared", SharedRogueResult)
    if found is None:
        return
    values = found[0].values
    names = [short_model(source.model) for source in found[0].sources]
    chance = number_text(values.expected_in[1])
    with said_once():
        show(
            Finding(
                key="rogue_shared_dims",
                title=f"Leading dimensions of {', '.join(names)}",
                figure=None,
                tabular=True,
                caption=(
                    f"The {values.top} dimensions leading by {RANKINGS[by]} in the last layer on show of each model, those that lead in most "
                    "models first; rank: the place among them, empty where a dimension does not lead. By chance "
                    f"{chance} dimensions would lead in two models or more, of {count(values.n_dims, 'dimension')}."
                ),
                table=lambda: _dims_table(found[0], names),
                results=found,
                name="rogue-shared",
            )
        )
        show(
            Finding(
                key="rogue_shared_pairs",
                title=f"Leading dimensions that two of {', '.join(names)} share",
                figure=None,
                tabular=True,
                caption=(
                    f"p: how likely two independent choices of {values.top} of {values.n_dims:,} dimensions share as many or more "
                    f"(hypergeometric; on average they share {number_text(values.expected)}). A small p says that the models are not "
                    "independent, which models tuned from one base never are."
                ),
                table=lambda: _pairs_table(found[0], names),
                results=found,
                fields=["p"],
                name="rogue-shared-pairs",
            )
        )


def _dims_table(result: Result[SharedRogueResult], names: Sequence[str]) -> pd.DataFrame:
    """One row for each dimension that leads in some model."""
    values = result.values
    columns: dict[str, object] = {"dimension": values.dims, "in how many models": values.n_models}
    for place, name in enumerate(names):
        columns[f"rank in {name}"] = pd.Series(values.rank[place], dtype="Int64").where(values.rank[place] > 0)
        columns[f"layers of {name} (of {values.n_layers[place]})"] = values.n_in_layers[place]
    return pd.DataFrame(columns)


def _pairs_table(result: Result[SharedRogueResult], names: Sequence[str]) -> pd.DataFrame:
    """One row for each pair of models."""
    values = result.values
    known = pd.Series(values.shared, dtype="Int64").where(values.shared >= 0)
    return pd.DataFrame(
        {
            "model": [names[a] for a, _ in values.pairs.tolist()],
            "and": [names[b] for _, b in values.pairs.tolist()],
            "shared": known,
            "of": values.top,
            "by chance": values.expected,
            "p": values.p,
        }
    )
