"""Explorer: any metric there is, those of users' own included, with the form that it describes and its numbers as they are."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from backend import Metric, ModelInfo, Result, TextSetInfo
from pages._kit.charts.base import short_model
from pages._kit.charts.depth import Series, profile_lines
from pages._kit.flow.controls import params_form
from pages._kit.flow.progress import run_panel
from pages._kit.show.columns import show_table
from pages._kit.show.finding import Finding, show
from pages._kit.show.findings import heading, reasons
from pages._kit.show.wording import count
from pages._kit.state import ask
from pages._kit.state.labelled import choose_model
from pages._kit.state.selection import Selection, ready
from pages._kit.state.session import plain, workbench
from pages.geometry.explorer.numbers import Numbers, long_table, name_of, numbers_of

WHAT = "What does any one metric say about these texts?"
HOW = (
    "Choose a metric: the form shows its parameters, the table its numbers, and anything with one number per layer is drawn "
    "over depth. Metrics that have a page of their own are drawn better there; your own metrics are here."
)
CAPTION = (
    "A list with as many entries as there are layers is read as one number per layer. "
    "A × at the bottom marks an undefined one."
)
EMPTY = (
    "This metric has no list with one number for each layer, so there is no line to draw. Its numbers are in the files."
)
NONE = "none"


def choose_metric() -> Metric:
    """One row of the table of metrics; its name is in the address."""
    known = workbench().metrics()
    name = ask.selectbox(
        "Metric",
        list(known),
        format_func=lambda name: known[name].title if name in known else name,
        key="metric",
        width=420,
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
    others = {info.shown_name: info for info in workbench().text_sets() if info.spec.table != own}
    chosen = ask.selectbox("Fitted on", [NONE, *others], key=f"explorer_{row.name}_basis", width=420)
    return others.get(chosen)


def show_single(result: Result, numbers: Numbers) -> None:
    """The fields that are one number or one text."""
    rows = [(name_of(name), _said(result, name, value)) for name, value in numbers.single.items()]
    if rows:
        st.dataframe(pd.DataFrame(rows, columns=["number", "value"]), hide_index=True, width="content")


def _said(result: Result, name: str, value: Any) -> str:
    """One value in words, with the reason where it is undefined."""
    why = " ".join(reasons(result, name).values())
    return f"undefined: {why}" if why else "none" if value is None else str(value)


def show_layers(row: Metric, result: Result, numbers: Numbers) -> None:
    """One field over depth, and all of them as a table."""
    names = list(numbers.layered)
    field = ask.selectbox("Over depth", names, format_func=name_of, key=f"explorer_{row.name}_field", width=260)
    name = field if field in names else names[0]
    models = ", ".join(dict.fromkeys(short_model(source.model) for source in result.sources))
    why = {index[0]: reason for index, reason in reasons(result, name).items()}
    line = Series(models, numbers.layers, numbers.layered[name], undefined=why)
    show(
        Finding(
            key="explorer",
            title=f"{row.title}, {name_of(name)}: {models}",
            figure=profile_lines([line], y_title=name_of(name)),
            caption=CAPTION,
            table=numbers.table,
            results=[result],
            fields=[name],
            crosses=True,
            name=f"{row.name}_{name}",
            height=420,
            view=f"{row.name} {name} {numbers.layers}",
        )
    )
    show_table(numbers.table())


def show_result(row: Metric, result: Result) -> None:
    """Everything that a result holds, as far as it can be shown without knowing what it means."""
    numbers = numbers_of(result)
    if numbers.layered:
        show_layers(row, result, numbers)
    else:
        show_files(row, result, numbers)
    show_single(result, numbers)
    if numbers.rest:
        files = "JSON file" if numbers.layered else "files"
        listed = "; ".join(f"{name_of(name)} ({shape}{_gaps(result, name)})" for name, shape in numbers.rest.items())
        st.caption(f"Only in the {files}: {plain(listed)}.")


def show_files(row: Metric, result: Result, numbers: Numbers) -> None:
    """The files of a result that has no number for each layer, and so no figure here."""
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


heading("Explorer", WHAT, HOW)
here = ready()
with st.container(horizontal=True, vertical_alignment="bottom"):
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
