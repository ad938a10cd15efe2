"""Explorer: any metric there is, those of users' own included, with the form that it describes and its numbers as they are."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from backend import Metric, ModelInfo, Result, TextSetInfo, number_label, value_words
from pages._kit.charts.base import short_model
from pages._kit.charts.depth import Series, profile_lines
from pages._kit.flow.controls import params_form
from pages._kit.flow.progress import run_panel
from pages._kit.show.columns import folded_table
from pages._kit.show.finding import Finding, elsewhere, said_once, show
from pages._kit.show.findings import heading, reasons
from pages._kit.show.wording import count, set_names
from pages._kit.state import ask
from pages._kit.state.labelled import choose_model
from pages._kit.state.selection import Selection, ready
from pages._kit.state.session import plain, workbench
from pages.geometry.explorer.against import show_against
from pages.geometry.explorer.charts import field_heatmap, place_line
from pages.geometry.explorer.lesson import EXPLORER
from pages.geometry.explorer.numbers import MOST_AXES, Floats, Numbers, long_table, numbers_of

WHAT = "What does any metric say about these texts, and how do two of them go together?"
HOW = (
    "Choose a metric, then which of its numbers to show: one number per layer is a line over depth, a table of numbers a heat "
    "map, and the form under Settings holds the metric's parameters. Metrics that have a page of their own are drawn better there; your own metrics "
    "are here."
)
CAPTION = (
    "An axis with as many places as there are layers is read as the layers, in order; other places count from 1. "
    "A × marks an undefined number. The colours of a heat map go from the least to the largest number in it."
)
EMPTY = "This metric has no list of numbers that could be drawn. Its numbers are below and in the files."
NONE = "none"
VIEWS = ("One metric", "One against another")


def choose_metric() -> Metric:
    """One row of the table of metrics; its name is in the address."""
    known = workbench().metrics()
    name = ask.selectbox(
        "Metric",
        list(known),
        format_func=lambda name: known[name].title if name in known else name,
        key="metric",
        width=320,
    )
    return known[name if name in known else next(iter(known))]


def models_for(row: Metric, models: Sequence[ModelInfo]) -> list[ModelInfo]:
    """As many of the sidebar's models as the metric takes, in the order that it takes them."""
    if row.scope in ("layer", "stack"):
        return [choose_model(models, "explorer_model")]
    taken = models[:2] if row.scope == "pair" else models
    if len(taken) < len(models):
        st.caption(f"This metric takes two models: the first two of the {len(models)} in the sidebar.")
    found, note = workbench().directed(row.name, taken)
    if note:
        st.caption(plain(note))
    return list(found)


def choose_basis(row: Metric, here: Selection) -> TextSetInfo | None:
    """A second text set, for a metric that fits something on other texts than it looks at."""
    if not row.basis:
        return None
    own = None if here.texts is None else here.texts.spec.table
    infos = workbench().text_sets()
    others = {info.shown_name: info for info in infos if info.spec.table != own}
    chosen = ask.selectbox(
        "Fitted on", [NONE, *others], format_func=set_names(infos), key=f"explorer_{row.name}_basis", width=420
    )
    return others.get(chosen)


def show_single(result: Result, numbers: Numbers) -> None:
    """The fields that are one number or one text."""
    rows = [(number_label(name), _said(result, name, value)) for name, value in numbers.single.items()]
    if rows:
        st.dataframe(pd.DataFrame(rows, columns=["number", "value"]), hide_index=True, width="content")


def _said(result: Result, name: str, value: Any) -> str:
    """One value in words, with the reason where it is undefined."""
    why = " ".join(reasons(result, name).values())
    return f"undefined: {why}" if why else "none" if value is None else value_words(name, value)


def choose_field(row: Metric, numbers: Numbers) -> tuple[str, tuple[int, ...]]:
    """One field that can be drawn, and the place on its first axis where it has three."""
    names = list(numbers.drawn)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = ask.selectbox("Number", names, format_func=number_label, key=f"explorer_{row.name}_field", width=420)
        at: tuple[int, ...] = ()
        ticks = numbers.ticks(name)
        if numbers.drawn[name].ndim == MOST_AXES:
            label = "Layer" if ticks[0] == list(numbers.layers) else "Place"
            places = range(len(ticks[0]))
            at = (ask.select_slider(label, places, 0, format_func=ticks[0].__getitem__, key=f"explorer_{row.name}_at"),)
    return name, at


def show_drawn(row: Metric, result: Result, numbers: Numbers, name: str, at: tuple[int, ...]) -> None:
    """One field as a figure: a line over the layers or over places, or a heat map."""
    ticks = numbers.ticks(name)
    values, ticks = numbers.drawn[name][at], ticks[len(at) :]
    why = {index[len(at) :]: said for index, said in reasons(result, name).items() if index[: len(at)] == at}
    models = [short_model(model) for model in dict.fromkeys(source.model for source in result.sources)]
    where = f", {numbers.ticks(name)[0][at[0]]}" if at else ""
    figure, table = _drawn(numbers, name, values, ticks, why, models)
    show(
        Finding(
            key="explorer",
            title=f"{row.title}, {number_label(name)}{where}: {', '.join(models)}",
            figure=figure,
            caption=CAPTION,
            table=table,
            results=[result],
            fields=[name],
            expected=elsewhere(*at),
            crosses=True,
            name=f"{row.name}_{name}",
            layer=where.removeprefix(", "),
            height=420,
            view=f"{row.name} {name} {values.shape}",
        )
    )


def _drawn(
    numbers: Numbers,
    name: str,
    values: Floats,
    ticks: Sequence[Sequence[str]],
    why: Mapping[tuple[int, ...], str],
    models: Sequence[str],
) -> tuple[go.Figure, pd.DataFrame]:
    """The figure of a field, and its numbers as a table."""
    label = number_label(name)
    if numbers.by_layer(name):
        line = Series(
            ", ".join(models), numbers.layers, values, undefined={index[0]: said for index, said in why.items()}
        )
        return profile_lines([line], y_title=label), pd.DataFrame({"layer": list(numbers.layers), label: values})
    if values.ndim == 1:
        return place_line(values, title=label), pd.DataFrame({"place": range(1, len(values) + 1), label: values})
    titles = [
        f"Layer of {model}" if list(names) == list(layers) else "Place"
        for names, layers, model in zip(
            ticks, (numbers.layers, numbers.other_layers), (models[0], models[-1]), strict=True
        )
    ]
    figure = field_heatmap(values, *ticks, title=label, row_title=titles[0], column_title=titles[1], undefined=why)
    table = pd.DataFrame(values, columns=list(ticks[1]))
    table.insert(0, "layer" if titles[0] != "Place" else "place", list(ticks[0]), allow_duplicates=True)
    return figure, table


def show_result(row: Metric, result: Result) -> None:
    """Everything that a result holds, as far as it can be shown without knowing what it means."""
    numbers = numbers_of(result)
    field = choose_field(row, numbers) if numbers.drawn else None
    with said_once(beside="explorer" if field else ""):
        if field:
            show_drawn(row, result, numbers, *field)
        else:
            show_files(row, result, numbers)
        show_single(result, numbers)
        layered = numbers.table()
        if len(layered.columns) > 1:
            folded_table("Every number of one per layer", lambda: layered, key="explorer_layered")
        if numbers.rest:
            listed = "; ".join(
                f"{number_label(name)} ({shape}{_gaps(result, name)})" for name, shape in numbers.rest.items()
            )
            st.caption(f"Only in the JSON file: {plain(listed)}.")


def show_files(row: Metric, result: Result, numbers: Numbers) -> None:
    """The files of a result in which nothing can be drawn."""
    models = ", ".join(dict.fromkeys(short_model(source.model) for source in result.sources))
    show(
        Finding(
            key="explorer",
            title=f"{row.title}: {models}",
            figure=None,
            caption="",
            table=lambda: long_table(result, numbers),
            results=[result],
            empty=EMPTY,
            name=row.name,
        )
    )


def _gaps(result: Result, name: str) -> str:
    """Why some numbers of a field are undefined, at most three reasons."""
    why = list(dict.fromkeys(gap.reason for gap in result.undefined if gap.field == name))
    more = f", and {count(len(why) - 3, 'more reason')}" if len(why) > 3 else ""
    return f"; undefined in part: {', '.join(why[:3])}{more}" if why else ""


def show_one(here: Selection, line: DeltaGenerator) -> None:
    """One metric: which, its form, and its numbers; the first fields go into ``line``."""
    with line:
        row = choose_metric()
        models = models_for(row, here.models)
        with st.popover("Settings", icon=":material/tune:"):
            params = params_form(row.params, f"explorer_{row.name}")
            basis = choose_basis(row, here)
    label = None if row.labels == "no" else here.label
    spec = workbench().analysis(
        row.name, models=models, layers=here.layers, label=label, params=params, basis=basis, **here.rows
    )
    found = run_panel([spec], "explorer")
    if found is not None:
        show_result(row, found[0])


heading("Explorer", WHAT, HOW, EXPLORER)
here = ready()
line = st.container(horizontal=True, vertical_alignment="bottom")
with line:
    view = ask.segmented_control("Show", VIEWS, default=VIEWS[0], key="explorer_view")
if view == VIEWS[0]:
    show_one(here, line)
else:
    show_against(here, line)
