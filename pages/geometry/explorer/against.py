"""One metric's numbers against another's: each point a layer of a model, or a model."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from backend import Metric, Result, complete_layers, mean_over_layers, number_label, number_text, rank_correlation
from pages._kit.charts.base import SYMBOLS, base_figure, colour, safe, short_model, with_legend
from pages._kit.flow.controls import params_form
from pages._kit.flow.progress import run_panel
from pages._kit.show.finding import Finding, show
from pages._kit.show.wording import count
from pages._kit.state import ask
from pages._kit.state.selection import Selection
from pages._kit.state.session import workbench
from pages.geometry.explorer.numbers import numbers_of

POINTS = {"layers": "A layer of a model", "models": "A model (mean over its layers)"}
FIRST = {"x": "anisotropy", "y": "threshold"}
CAPTION = "Layers of one model depend on one another, so it says how the two go together here, and is no test."


@dataclass(frozen=True, slots=True)
class Axis:
    """A metric of one model, and its result for each model of the sidebar."""

    row: Metric
    results: Sequence[Result]

    def fields(self) -> list[str]:
        """The fields of one number per layer in every result."""
        held = [numbers_of(result) for result in self.results]
        return [name for name in held[0].drawn if all(name in one.drawn and one.by_layer(name) for one in held)]

    def values(self, field: str) -> list[np.ndarray]:
        """The numbers of each model's layers."""
        return [np.asarray(getattr(result.values, field), np.float64) for result in self.results]


def show_against(here: Selection, line: DeltaGenerator) -> None:
    """Two metrics, a field of each, and the points; the first fields go into ``line``."""
    known = {name: row for name, row in workbench().metrics().items() if _usable(row, here)}
    with line:
        rows = [_choose(known, axis) for axis in ("x", "y")]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        fields_here = st.container(horizontal=True, width="content")
        unit = ask.selectbox(
            "Each point is", list(POINTS), format_func=POINTS.__getitem__, key="explorer_points", width=230
        )
        with st.popover("Settings", icon=":material/tune:"):
            given = [
                params_form(row.params, f"explorer_{axis}_{row.name}") for axis, row in zip("xy", rows, strict=True)
            ]
    specs = [
        workbench().analysis(
            row.name,
            models=[model],
            layers=here.layers,
            label=None if row.labels == "no" else here.label,
            params=params,
            **here.rows,
        )
        for row, params in zip(rows, given, strict=True)
        for model in here.models
    ]
    found = run_panel(specs, "explorer")
    if found is None:
        return
    half = len(here.models)
    axes = [Axis(rows[0], found[:half]), Axis(rows[1], found[half:])]
    fields = [axis.fields() for axis in axes]
    for axis, names in zip(axes, fields, strict=True):
        if not names:
            st.info(f"{axis.row.title} has no number for each layer. Choose another metric.", icon=":material/tune:")
            return
    with fields_here:
        chosen = [
            ask.selectbox(
                words,
                names,
                index=_accuracy(names),
                format_func=number_label,
                key=f"explorer_{axis}_{row.name}_field",
                width=230,
            )
            for words, axis, row, names in zip(("Across", "Up"), "xy", rows, fields, strict=True)
        ]
    _show_points(axes, chosen, unit)


def _accuracy(names: Sequence[str]) -> int:
    """Where an accuracy stands among the fields, which is what people look for first; else the first."""
    return next((place for place, name in enumerate(names) if "accuracy" in name), 0)


def _usable(row: Metric, here: Selection) -> bool:
    """Whether a metric looks at one model, and has the labels that it needs."""
    return row.scope == "stack" and not row.network and (row.labels != "required" or here.label is not None)


def _choose(known: dict[str, Metric], axis: str) -> Metric:
    first = FIRST[axis] if FIRST[axis] in known else next(iter(known))
    words = {"x": "Across", "y": "Up"}[axis]
    name = ask.selectbox(
        f"{words}, metric",
        list(known),
        index=list(known).index(first),
        format_func=lambda name: known[name].title if name in known else name,
        key=f"explorer_{axis}",
        width=260,
    )
    return known[name]


def _show_points(axes: Sequence[Axis], fields: Sequence[str], unit: str) -> None:
    points = points_of(axes, fields, unit)
    names = [f"{axis.row.title}: {number_label(field)}" for axis, field in zip(axes, fields, strict=True)]
    correlation = rank_correlation(points["x"], points["y"])
    said = f"undefined ({correlation.why})" if correlation.why else number_text(correlation.rho)
    show(
        Finding(
            key="explorer",
            title=f"{names[1]} against {names[0]}, rank correlation {said} of {count(correlation.n, 'point')}",
            figure=scatter(points, names),
            caption=f"Spearman's rank correlation: {said}, {count(correlation.n, 'point')}. {CAPTION}"
            + (f" {_left_out(axes, fields)}" if unit == "models" else ""),
            table=points.rename(columns={"x": names[0], "y": names[1]}),
            results=[result for axis in axes for result in axis.results],
            fields=list(fields),
            name=f"{axes[1].row.name}_{fields[1]}_against_{axes[0].row.name}_{fields[0]}",
            height=430,
            view=f"{axes[0].row.name} {axes[1].row.name} {fields} {unit}",
        )
    )


def points_of(axes: Sequence[Axis], fields: Sequence[str], unit: str) -> pd.DataFrame:
    """One row a point: model, layer, x and y; of a model the means over the layers where both are defined."""
    rows = []
    for first, second, source in zip(
        *(axis.values(field) for axis, field in zip(axes, fields, strict=True)),
        (result.sources[0] for result in axes[0].results),
        strict=True,
    ):
        name = short_model(source.model)
        if unit == "layers":
            rows += [(name, *point) for point in zip(source.layer_names, first, second, strict=True)]
        else:
            both = complete_layers(np.stack([first, second]))
            x, y = mean_over_layers(np.stack([first, second])[:, both])
            rows.append((name, f"mean of {len(both)} layers", x, y))
    return pd.DataFrame(rows, columns=["model", "layer", "x", "y"])


def _left_out(axes: Sequence[Axis], fields: Sequence[str]) -> str:
    held = [
        np.stack(pair)
        for pair in zip(*(axis.values(field) for axis, field in zip(axes, fields, strict=True)), strict=True)
    ]
    missing = [one.shape[1] - len(complete_layers(one)) for one in held]
    return "Means leave out layers where one of the two is undefined." if any(missing) else ""


def scatter(points: pd.DataFrame, names: Sequence[str]) -> go.Figure:
    """The points, a colour and a symbol for each model."""
    figure = base_figure(x_title=safe(names[0]), y_title=safe(names[1]))
    for place, (model, rows) in enumerate(points.groupby("model", sort=False)):
        figure.add_scatter(
            x=rows["x"],
            y=rows["y"],
            mode="markers",
            name=safe(str(model)),
            text=[safe(layer) for layer in rows["layer"]],
            marker={"color": colour(place), "symbol": SYMBOLS[place % len(SYMBOLS)], "size": 9},
            hovertemplate=f"<b>{safe(str(model))}</b>, %{{text}}<br>%{{x:.4g}}, %{{y:.4g}}<extra></extra>",
        )
    return with_legend(figure)
