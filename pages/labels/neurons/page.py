"""Neurons: which few dimensions tell the classes apart, and how much each dimension knows alone."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from backend import AnalysisSpec, ModelInfo, NeuronsResult, Result, compared
from pages._kit.charts.base import short_model
from pages._kit.flow.controls import params_form
from pages._kit.flow.paper import paper_choice
from pages._kit.flow.progress import run_panel
from pages._kit.show.export import downloads
from pages._kit.show.findings import PAIRED, heading, provenance, reasons, share_of_chance, undefined_note
from pages._kit.show.plot import Frames, plot
from pages._kit.state.labelled import choose_layer, choose_model, label_ready
from pages._kit.state.pair import in_order
from pages._kit.state.selection import Selection, ready
from pages._kit.state.session import plain, workbench
from pages.labels.neurons.charts import (
    DEPTH_CAPTION,
    SINGLES_CAPTION,
    VALUES_CAPTION,
    depth_chart,
    singles_histogram,
    values_histogram,
)

WHAT = "How few dimensions does it take to separate the classes?"
HOW = (
    "Dimensions are chosen one after the other by cross-validation on the training texts, and judged on the test texts. "
    "If one, five or as many dimensions as there are classes do as well as all, the rest is redundant for these labels."
)
ONE, DEPTH = "One layer", "All layers"
NO_OTHER = "(none)"
TRAIN, TEST = "Training rows", "Test rows"


def choose_other(models: Sequence[ModelInfo], model: ModelInfo) -> ModelInfo | None:
    """A second model to stand beside the first, such as its base; no widget where there is none."""
    others = {info.spec.name: info for info in models if info is not model}
    if not others:
        return None
    names = [NO_OTHER, *others]
    name = st.selectbox(
        "Compare with",
        names,
        index=1,
        format_func=lambda name: name if name == NO_OTHER else short_model(name),
        key="neurons_other",
        persist_state="session",
        width=260,
        help="A second model, such as the base that the first was tuned from.",
    )
    return others.get(name)


def spec_of(
    here: Selection, info: ModelInfo, layers: str | Sequence[int], label: str, params: dict[str, Any]
) -> AnalysisSpec:
    """What is asked of one model."""
    return workbench().analysis("neurons", models=[info], layers=layers, label=label, params=params, **here.rows)


def accuracy_table(results: Sequence[Result[NeuronsResult]]) -> pd.DataFrame:
    """Their table 3: one row a model, test accuracy with all, one, five and as many dimensions as classes."""
    rows = []
    for result in results:
        values, source = result.values, result.sources[0]
        lines = [("labels", values.test_accuracy)]
        if len(values.control_accuracy):
            lines.append(("shuffled", values.control_accuracy))
            lines.append(("shuffled, ± std", values.control_accuracy_std))
        for name, table in lines:
            n_classes = values.split.n_used
            sizes = ("all dimensions", "best 1", "best 5") + (
                () if n_classes == 5 else (f"best {n_classes} (classes)",)
            )
            row: dict[str, Any] = {
                "model": short_model(source.model),
                "layer": source.layer_names[0],
                "labels": name,
                "largest class": values.split.majority,
            }
            rows.append(row | dict(zip(sizes, table[0], strict=False)))
    return pd.DataFrame(rows)


def chosen_table(result: Result[NeuronsResult]) -> pd.DataFrame:
    """The dimensions in the order chosen, with what each knows alone."""
    values = result.values
    dims = values.dimensions[0]
    columns: dict[str, Any] = {
        "place": np.arange(1, len(dims) + 1),
        "dimension": dims,
        "cross-validated with those above": values.cross_validated[0],
    }
    if len(values.control_cross_validated):
        columns["the same, shuffled labels"] = values.control_cross_validated[0]
        columns["shuffled, ± std"] = values.control_cross_validated_std[0]
    columns["test accuracy alone"] = values.single_test[0][dims]
    columns["candidates"] = np.where(values.screened[0], "most promising", "all")
    return pd.DataFrame(columns)


def percent(table: pd.DataFrame) -> dict[str, Any]:
    """All columns of fractions, in percent."""
    columns = [name for name in table.columns if table[name].dtype.kind == "f"]
    return {name: st.column_config.NumberColumn(format="percent") for name in columns}


def show_singles(result: Result[NeuronsResult], key: str) -> go.Figure:
    """Their figure 6, with a line that moves inside the chart."""
    values, source = result.values, result.sources[0]
    control = values.control_single_test[0] if len(values.control_single_test) else None
    figure, line = singles_histogram(values.single_test[0], control, values.split.majority, n_test=values.split.n_test)
    frames = Frames("Line at", line.names, [[ends] for ends in line.ends], line.captions, line.initial)
    alt = f"Test accuracy of each of {values.n_dims} dimensions alone, {source.layer_names[0]} of {source.model}"
    view = f"{source.model} {source.layer_names[0]} {values.split.classes[:3]}"
    plot(
        figure, key=f"neurons_singles_{key}", alt=alt, height=400, view=view, frames=frames, file_name="single-neurons"
    )
    return figure


def show_values(result: Result[NeuronsResult], key: str, train: bool) -> None:
    """Their figure 5: the best dimension by class, with the fitted borders."""
    values, source = result.values, result.sources[0]
    dim = int(values.dimensions[0, 0])
    counts = (values.train_counts if train else values.test_counts)[0]
    cuts = list(zip(values.cut_value.tolist(), values.cut_below.tolist(), values.cut_above.tolist(), strict=True))
    figure = values_histogram(values.edges[0], counts, values.split.classes, cuts, dim=dim)
    alt = f"Values of dimension {dim} by class, {source.layer_names[0]} of {source.model}"
    view = f"{source.model} {source.layer_names[0]} {dim} {train}"
    plot(figure, key=f"neurons_values_{key}", alt=alt, height=420, view=view, file_name="best-neuron")


def wrong_table(result: Result[NeuronsResult], texts: Sequence[str]) -> pd.DataFrame:
    """The texts on the wrong side of the best dimension's borders, most wrong first."""
    values = result.values
    classes = values.split.classes
    return pd.DataFrame(
        {
            "row": values.wrong_text + 1,
            "text": [texts[row] for row in values.wrong_text],
            "class": [classes[k] for k in values.wrong_class],
            "on the side of": [classes[k] for k in values.wrong_guess],
            "value": values.wrong_value,
            "margin": values.wrong_margin,
        }
    )


def show_layer(result: Result[NeuronsResult], here: Selection, key: str, train: bool) -> go.Figure | None:
    """Everything about one layer of one model."""
    values, source = result.values, result.sources[0]
    st.subheader(plain(f"{short_model(source.model)}, {source.layer_names[0]}"))
    if values.dimensions[0, 0] < 0:
        st.info(f"There is nothing to choose from: {plain(reasons(result, 'cross_validated')[(0, 0)])}.")
        return None
    st.markdown("**Every dimension alone**")
    figure = show_singles(result, key)
    st.caption(SINGLES_CAPTION)
    best = int(values.dimensions[0, 0])
    st.markdown(f"**The best dimension, {best}, by class**")
    show_values(result, key, train)
    st.caption(VALUES_CAPTION)
    n_wrong, n_test = int(values.n_wrong[0]), values.split.n_test
    listed = len(values.wrong_text)
    more = "" if listed == n_wrong else f"; the {listed} furthest on it are listed"
    with st.expander(f"Texts on the wrong side: {n_wrong:,} of {n_test:,} test rows", icon=":material/rule:"):
        st.caption(
            f"Most wrong first{more}. Margin: the logit of the text's class minus the highest other, in nats. Rows "
            "count from 1."
        )
        assert here.texts is not None
        st.dataframe(wrong_table(result, workbench().text_set(here.texts).texts), hide_index=True)
    with st.expander("Dimensions in the order chosen", icon=":material/format_list_numbered:"):
        table = chosen_table(result)
        st.dataframe(table, hide_index=True, column_config=percent(table))
    return figure


def show_one(results: list[Result[NeuronsResult]], here: Selection) -> None:
    """Table, charts and lists of one layer of one model or two."""
    table, n_test = accuracy_table(results), results[0].values.split.n_test
    st.dataframe(table, hide_index=True, column_config=percent(table))
    st.caption(
        "Test accuracy with all dimensions, the best one, the best five, and as many as there are classes; shuffled is "
        "the control with shuffled labels. The dimensions were chosen without the test rows. An accuracy over "
        f"{n_test:,} texts may be off by {results[0].values.sampling_error:.0%} either way. {PAIRED}"
    )
    for result in results:
        st.caption(plain(_against_all(result)))
    if len(results) > 1:
        st.caption(plain(_between(results)))
    rows = st.segmented_control("Values of", [TEST, TRAIN], default=TEST, required=True, key="neurons_rows")
    figures = []
    for place, (column, result) in enumerate(zip(st.columns(len(results)), results, strict=True)):
        with column:
            figures.append(show_layer(result, here, str(place), rows == TRAIN))
    undefined_note(results, ["test_accuracy", "cross_validated"])
    provenance(results)
    drawn = next((figure for figure in figures if figure is not None), None)
    if drawn is not None:
        title = f"Salient neurons of {results[0].sources[0].model}"
        downloads(
            "neurons",
            "neurons",
            table=every_dimension(results),
            results=results,
            figure=drawn,
            title=title,
            caption=SINGLES_CAPTION,
        )


def _against_all(result: Result[NeuronsResult]) -> str:
    """McNemar's p of few dimensions against all, of one model's layer."""
    values = result.values
    sizes = ("the best 1", "the best 5") + (() if values.split.n_used == 5 else (f"the best {values.split.n_used}",))
    known = [(name, p) for name, p in zip(sizes, values.against_all[0, 1:], strict=False) if np.isfinite(p)]
    listed = ", ".join(f"{name} p {share_of_chance(p)}" for name, p in known)
    return f"{short_model(result.sources[0].model)}, against all dimensions on the same test rows: {listed or 'undefined'}."


def _between(results: Sequence[Result[NeuronsResult]]) -> str:
    """The two models with all, one, five and as many dimensions as classes, row by row."""
    sizes = ("all dimensions", "the best 1", "the best 5", f"the best {results[0].values.split.n_used}")
    said = []
    for place, name in enumerate(sizes):
        found = compared(results[0], results[1], place)
        if isinstance(found, str):
            return f"Between the two models: {found}."
        if place < 3 or results[0].values.split.n_used != 5:
            said.append(f"{name} {100 * found.difference:+.1f} points (p {share_of_chance(found.p)})")
    names = [short_model(result.sources[0].model) for result in results]
    return f"From {names[0]} to {names[1]}, on the same test rows: {', '.join(said)}."


def depth_rows(result: Result[NeuronsResult]) -> tuple[list[str], list[list[Any]]]:
    """The numbers of the chart over depth: accuracies, McNemar's p against all dimensions, and the control's."""
    values = result.values
    sizes = ("all", "best 1", "best 5", f"best {values.split.n_used} (classes)")
    fields = [("test accuracy", values.test_accuracy), ("p against all", values.against_all)]
    if len(values.control_accuracy):
        fields += [("shuffled labels", values.control_accuracy), ("shuffled, ± std", values.control_accuracy_std)]
    columns = ["layer", "best dimension", *(f"{name}, {size}" for name, _ in fields for size in sizes)]
    rows = [
        [name, int(dim) if dim >= 0 else None, *(float(table[layer, i]) for _, table in fields for i in range(4))]
        for layer, (name, dim) in enumerate(zip(result.sources[0].layer_names, values.dimensions[:, 0], strict=True))
    ]
    return columns, rows


def every_dimension(results: Sequence[Result[NeuronsResult]]) -> tuple[list[str], list[list[Any]]]:
    """One row for each model, layer and dimension: its accuracy alone, and its place among the chosen."""
    rows: list[list[Any]] = []
    for result in results:
        values, source = result.values, result.sources[0]
        for layer, name in enumerate(source.layer_names):
            place = {int(dim): at + 1 for at, dim in enumerate(values.dimensions[layer])}
            for dim in range(values.n_dims):
                train, test = float(values.single_train[layer, dim]), float(values.single_test[layer, dim])
                rows.append([source.model, name, dim, train, test, place.get(dim)])
    return ["model", "layer", "dimension", "training accuracy", "test accuracy", "chosen as number"], rows


def show_depth(result: Result[NeuronsResult]) -> None:
    """Accuracy over depth of one model."""
    values, source = result.values, result.sources[0]
    control = values.control_accuracy if len(values.control_accuracy) else None
    why = {index[0]: reason for index, reason in reasons(result, "cross_validated").items()}
    n_classes = values.split.n_used
    figure = depth_chart(values.test_accuracy, control, source.layer_names, n_classes, why)
    alt = f"Test accuracy with few dimensions over {len(source.layer_names)} layers of {source.model}"
    view = f"{source.model} {source.layer_names}"
    plot(figure, key="neurons_depth", alt=alt, height=440, view=view, file_name="neurons-depth")
    st.caption(DEPTH_CAPTION)
    table = pd.DataFrame(
        {
            "layer": source.layer_names,
            "best dimension": [None if dim < 0 else int(dim) for dim in values.dimensions[:, 0]],
            "all dimensions": values.test_accuracy[:, 0],
            "best 1": values.test_accuracy[:, 1],
            "best 5": values.test_accuracy[:, 2],
        }
    ).astype({"best dimension": "Int64"})
    if n_classes != 5:
        table[f"best {n_classes} (classes)"] = values.test_accuracy[:, 3]
    st.dataframe(table, hide_index=True, column_config=percent(table))
    undefined_note([result], ["test_accuracy", "cross_validated"])
    provenance([result])
    downloads(
        "neurons_depth",
        "neurons-depth",
        table=depth_rows(result),
        results=[result],
        figure=figure,
        title=f"Salient neurons of {source.model} over depth",
        caption=DEPTH_CAPTION,
    )


heading("Neurons", WHAT, HOW)
here = ready()
label = label_ready(here)
with st.container(horizontal=True, vertical_alignment="bottom"):
    view = st.segmented_control(
        "View", [ONE, DEPTH], default=ONE, required=True, key="neurons_view", persist_state="session"
    )
    model = choose_model(here.models, "neurons_model")
    layer = choose_layer(model, "neurons_layer") if view == ONE else None
    other = choose_other(here.models, model) if view == ONE else None
paper = paper_choice(["neurons"], here, model, "neurons")
with paper.box:
    params = params_form(workbench().metrics()["neurons"].params, **paper.form("neurons", "neurons"))
paper.say(here, {"neurons": params}, layers=None if layer is None else [layer])
st.caption(f"Classes: the column '{plain(label)}'.")
if layer is None:
    found = run_panel([spec_of(here, model, here.layers, label, params)], "neurons_depth", NeuronsResult)
    if found is not None:
        show_depth(found[0])
else:
    both = [model] if other is None else in_order([info for info in here.models if info in (model, other)]).models
    specs = [spec_of(here, info, [min(layer, len(info.layer_names) - 1)], label, params) for info in both]
    found = run_panel(specs, "neurons", NeuronsResult)
    if found is not None:
        show_one(found, here)
