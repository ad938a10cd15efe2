"""The panel, on demand, that asks whether an intrinsic dimension depends on how many rows there are."""

import numpy as np
import pandas as pd
import streamlit as st

from backend import DimensionScale, Result, value_words
from pages._kit.charts.base import short_model
from pages._kit.flow.controls import params_form
from pages._kit.flow.progress import run_panel
from pages._kit.show.finding import Finding, show
from pages._kit.show.kept import drawn_once
from pages._kit.state import ask
from pages._kit.state.selection import Selection
from pages._kit.state.session import workbench
from pages.geometry.profiles.scale_charts import scale_caption, scale_chart

ALL_LAYERS = -1


def scale_panel(here: Selection) -> None:
    """A switch; behind it the estimate of one layer, or of all, from ever fewer rows."""
    wanted = ask.toggle(
        "Does the dimension depend on the number of rows?",
        key="scale_wanted",
        help="Estimates it again from half of the rows, a quarter, and so on.",
    )
    if not wanted:
        return
    with st.container(horizontal=True):
        model = here.models[0]
        if len(here.models) > 1:
            names = [info.spec.name for info in here.models]
            name = ask.selectbox("Model", names, format_func=short_model, key="scale_model", width=220)
            model = here.models[names.index(name)]
        numbers = list(range(len(model.layer_names))) if here.layers == "all" else [int(n) for n in here.layers]
        last = model.last_block(numbers)
        layer = ask.selectbox(
            "Layer",
            [ALL_LAYERS, *numbers],
            index=numbers.index(last) + 1,
            format_func=lambda number: "all layers" if number == ALL_LAYERS else model.layer_names[number],
            key=f"scale_layer_{len(model.layer_names)}",
            width=220,
        )
    with st.expander("Settings", icon=":material/tune:"):
        params = params_form(workbench().metrics()["dimension_scale"].params, "scale")
    layers = tuple(numbers) if layer == ALL_LAYERS else (layer,)
    spec = workbench().analysis("dimension_scale", models=[model], layers=layers, params=params, **here.rows)
    found = run_panel([spec], "scale", DimensionScale)
    if found is not None:
        _show(found[0], int(params["n_sizes"]))


def _show(result: Result[DimensionScale], n_sizes: int) -> None:
    values, source = result.values, result.sources[0]
    name, sizes = value_words("estimator", values.estimator), values.sizes
    known = bool(np.isfinite(values.mean).any())
    show(
        Finding(
            key="scale_chart",
            title=f"Intrinsic dimension ({name}) of {source.model} against the number of rows",
            figure=drawn_once(scale_chart, sizes, values.limit, values.mean, values.std, source.layer_names)
            if known
            else None,
            caption=scale_caption(values, n_sizes=n_sizes),
            table=lambda: _table(result),
            results=[result],
            fields=["mean"],
            name="profiles-dimension-scale",
            alt=f"Intrinsic dimension ({values.estimator}) of {source.model} from {sizes[0]:,} to {sizes[-1]:,} rows",
            height=420,
            view=f"{source.model} {values.estimator}",
        )
    )


def _table(result: Result[DimensionScale]) -> pd.DataFrame:
    """One row for each layer and number of rows."""
    values, names = result.values, result.sources[0].layer_names
    return pd.DataFrame(
        {
            "layer": np.repeat(names, len(values.sizes)),
            "rows": np.tile(values.sizes, len(names)),
            "mean": values.mean.ravel(),
            "std": values.std.ravel(),
            "most that so many rows can show": np.tile(values.limit, len(names)),
        }
    )
