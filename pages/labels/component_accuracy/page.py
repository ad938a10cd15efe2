"""Component accuracy: how many principal components of a layer it takes to know the labels."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from backend import ComponentAccuracy, ModelInfo, Result, TextSetInfo, band_ends
from pages._kit.flow.controls import params_form
from pages._kit.flow.paper import paper_choice
from pages._kit.flow.progress import run_panel
from pages._kit.show.columns import show_table
from pages._kit.show.finding import Finding, said_once, show
from pages._kit.show.findings import (
    PAIRED,
    heading,
    holders,
    sampling_error_words,
)
from pages._kit.show.wording import set_names
from pages._kit.state import ask
from pages._kit.state.labelled import ONE_MODEL, choose_layer, choose_model, label_ready, say_classes
from pages._kit.state.selection import Selection, ready
from pages._kit.state.session import workbench
from pages.labels.component_accuracy.charts import CAPTION, SAMPLE_CAPTION, component_accuracy_chart, sample_chart

WHAT = "How many directions does it take to separate the classes?"
HOW = (
    "A linear classifier is fitted on the first principal components of the training texts and judged on the test "
    "texts. If few components do as well as all dimensions, the classes lie along the strongest directions."
)
NONE = "(none)"


def choose_basis(here: Selection, model: ModelInfo) -> TextSetInfo | None:
    """The text set of the general basis: any but the one in the sidebar; none where only that one has vectors."""
    assert here.texts is not None
    if model.is_given:
        st.caption("Without general texts: imported vectors are of their own texts alone.", width="content")
        return None
    others = {info.spec.table: info for info in workbench().text_sets() if info.spec.digest != here.texts.spec.digest}
    options = [NONE, *others]
    named = set_names(others.values())
    general = next((digest for digest, info in others.items() if info.builtin and info.spec.name == "general"), NONE)
    chosen = ask.selectbox(
        "General texts",
        options,
        index=options.index(general),
        format_func=lambda digest: named(others[digest].shown_name) if digest in others else digest,
        key="component_basis",
        width=180,
        help="A second basis is fitted on these texts: do the directions of general language also know the labels?",
    )
    return others.get(chosen)


def show_all(result: Result[ComponentAccuracy], row_name: str) -> None:
    """Both charts and the table."""
    values = result.values
    error = sampling_error_words(values.sampling_error, values.split.n_test, row_name, holders(values.split))
    with said_once(beside="accuracy"):
        show_components(result, error)
        if not np.isfinite(values.in_domain[0]).any():
            return
        show_sizes(result, error)
        st.subheader("The numbers")
        show_table(table(values))


def show_components(result: Result[ComponentAccuracy], error: str) -> None:
    """Accuracy against the number of components."""
    values, source = result.values, result.sources[0]
    name = source.layer_names[0]
    own = " The model's own head, which was trained in another way, is a diamond." if values.own_head[0] else ""
    show(
        Finding(
            key="component_accuracy_chart",
            title=f"Accuracy by component, {name}",
            figure=component_accuracy_chart(values, 0) if np.isfinite(values.in_domain[0]).any() else None,
            caption=f"{CAPTION} All dimensions: a fitted head of the same kind.{own} {error} {PAIRED}",
            table=lambda: file_table(values),
            results=[result],
            fields=["in_domain", "full"],
            empty="There is nothing to draw: in this layer all texts have the same vector.",
            name="component_accuracy",
            alt=f"Test accuracy against the number of principal components, {name} of {source.model}",
            height=430,
            view=f"{source.model} {name} {values.n_dims}",
        )
    )


def show_sizes(result: Result[ComponentAccuracy], error: str) -> None:
    """Accuracy against the rows that the basis is fitted on."""
    values, source = result.values, result.sources[0]
    st.subheader("How many rows does a basis need?")
    show(
        Finding(
            key="component_sample_chart",
            title=f"Accuracy with {values.sample_components} components by rows of the basis, {source.layer_names[0]}",
            figure=sample_chart(values, 0),
            caption=f"{SAMPLE_CAPTION} Here: {values.sample_components} components. {error}",
            table=lambda: sizes_table(values),
            results=[result],
            fields=["sample_in_domain", "sample_general"],
            name="component_sample",
            alt=f"Test accuracy with {values.sample_components} components against the rows of the basis",
            height=380,
            view=f"{source.model} {source.layer_names[0]} {values.n_dims}",
        )
    )


def file_table(values: ComponentAccuracy) -> pd.DataFrame:
    """The table with the ends of the bands."""
    ends: dict[str, Any] = {}
    for name, mean, std in (
        ("random dimensions", values.random[0], values.random_std[0]),
        ("shuffled labels", values.control[0], values.control_std[0]),
    ):
        ends[f"{name}, low"], ends[f"{name}, high"] = band_ends(mean, std)
    return table(values).assign(**ends)


def sizes_table(values: ComponentAccuracy) -> pd.DataFrame:
    """One row for each number of rows that the bases are fitted on."""
    return pd.DataFrame(
        {
            "rows of the basis": values.sample_sizes,
            "components": values.sample_components,
            "these texts": values.sample_in_domain[0],
            "general texts": values.sample_general[0],
        }
    )


def table(values: ComponentAccuracy) -> pd.DataFrame:
    """One row for each number of components."""
    return pd.DataFrame(
        {
            "components": values.n_components,
            "these texts": values.in_domain[0],
            "p (against all dimensions)": values.in_domain_p[0],
            "general texts": values.general[0],
            "random dimensions": values.random[0],
            "± std": values.random_std[0],
            "shuffled labels": values.control[0],
            "shuffled, ± std": values.control_std[0],
            "all dimensions": np.full(len(values.n_components), values.fitted[0]),
            **({"own head": np.full(len(values.n_components), values.full[0])} if values.own_head[0] else {}),
        }
    )


heading("Component accuracy", WHAT, HOW)
here = ready()
label = label_ready(here)
with st.container(horizontal=True, vertical_alignment="bottom"):
    model = choose_model(here.models, "component_model", about=ONE_MODEL)
    layer = choose_layer(model, "component_layer")
    basis = choose_basis(here, model)
    paper = paper_choice(["component_accuracy"], here, model, "component_accuracy")
with paper.box:
    params = params_form(
        workbench().metrics()["component_accuracy"].params, **paper.form("component_accuracy", "component_accuracy")
    )
paper.say(here, {"component_accuracy": params}, layers=[layer], basis=None if basis is None else basis.spec.name)
spec = workbench().analysis(
    "component_accuracy", models=[model], layers=[layer], label=label, params=params, basis=basis, **here.rows
)
say_classes(label)
found = run_panel([spec], "component_accuracy", ComponentAccuracy)
if found is not None:
    show_all(found[0], here.row_name)
