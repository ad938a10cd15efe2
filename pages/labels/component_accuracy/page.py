"""Component accuracy: how many principal components of a layer it takes to know the labels."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from backend import ComponentAccuracy, ModelInfo, Result, TextSetInfo, band_ends
from pages._kit.charts.base import short_model, titled
from pages._kit.flow.controls import params_form
from pages._kit.flow.paper import paper_choice
from pages._kit.flow.progress import run_panel
from pages._kit.show import lessons as lessons
from pages._kit.show.columns import show_table
from pages._kit.show.finding import Finding, said_once, show
from pages._kit.show.findings import (
    PAIRED,
    heading,
    holders,
    sampling_error_words,
)
from pages._kit.show.kept import drawn_once
from pages._kit.show.panels import model_panels
from pages._kit.show.shared_axes import with_shared_axes
from pages._kit.show.wording import set_names
from pages._kit.state import ask
from pages._kit.state.labelled import choose_beside, choose_layer, choose_model, label_ready, layer_in, say_classes
from pages._kit.state.pair import in_order
from pages._kit.state.selection import Selection, ready
from pages._kit.state.session import workbench
from pages.labels.component_accuracy.charts import (
    CAPTION,
    SAMPLE_CAPTION,
    all_samples_chart,
    component_accuracy_chart,
    sample_chart,
)

WHAT = "How many directions does it take to separate the classes?"
HOW = (
    "A linear classifier is fitted on the first principal components of the training texts and judged on the test "
    "texts. If few components do as well as all dimensions, the classes lie along the strongest directions."
)
NONE = "(none)"
OTHER = "A second model beside it, such as the one before fine-tuning: the same layer, or its last."


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


def errors_of(results: Sequence[Result[ComponentAccuracy]], row_name: str) -> list[str]:
    """How far the accuracies of each may be off."""
    return [
        sampling_error_words(one.values.sampling_error, one.values.split.n_test, row_name, holders(one.values.split))
        for one in results
    ]


def show_panels(results: Sequence[Result[ComponentAccuracy]], row_name: str) -> None:
    """Both charts with a panel for each model, and the table of all."""
    errors = errors_of(results, row_name)
    places = list(enumerate(zip(results, errors, strict=True)))
    known = [(at, one, error) for at, (one, error) in places if np.isfinite(one.values.in_domain[0]).any()]
    own = (
        " The model's own head, which was trained in another way, is a diamond."
        if any(one.values.own_head[0] for one in results)
        else ""
    )
    with said_once():
        show(
            model_panels(
                [components(one, error, at, False) for at, (one, error) in places],
                key="component_accuracy_chart_all",
                title="Accuracy by component",
                caption=f"{CAPTION} All dimensions: a fitted head of the same kind.{own} {errors[0]} {PAIRED}",
            )
        )
        if not known:
            return
        st.subheader("How many rows does a basis need?")
        n_components = known[0][1].values.sample_components
        show(
            model_panels(
                [sizes(one, error, at, False) for at, one, error in known],
                key="component_sample_chart_all",
                title=f"Accuracy with {n_components} components by rows of the basis",
                caption=f"{SAMPLE_CAPTION} Here: {n_components} components. {errors[0]}",
            )
        )
        st.subheader("The numbers")
        show_table(pd.concat([of_model(one, table(one.values), True) for _, one, _ in known], ignore_index=True))


def show_all(results: Sequence[Result[ComponentAccuracy]], row_name: str) -> None:
    """Both charts and the table; of two models side by side."""
    beside = len(results) > 1
    errors = errors_of(results, row_name)
    known = [np.isfinite(one.values.in_domain[0]).any() for one in results]
    with said_once(beside="" if beside else "accuracy"):  # two models stand side by side already
        _side_by_side(
            [components(one, error, at, beside) for at, (one, error) in enumerate(zip(results, errors, strict=True))]
        )
        if not any(known):
            return
        st.subheader("How many rows does a basis need?")
        drawn = [(at, one, error) for at, (one, error) in enumerate(zip(results, errors, strict=True)) if known[at]]
        _side_by_side([sizes(one, error, at, beside) for at, one, error in drawn])
        for at, one, error in drawn:
            if one.values.all_in_domain.shape[2]:
                show(every_size(one, error, at))
        st.subheader("The numbers")
        show_table(pd.concat([of_model(one, table(one.values), beside) for _, one, _ in drawn], ignore_index=True))


def _side_by_side(findings: Sequence[Finding]) -> None:
    if len(findings) == 1:
        show(findings[0])
        return
    for finding, column in zip(with_shared_axes(findings), st.columns(len(findings)), strict=True):
        with column:
            show(finding)


def of_model(result: Result[ComponentAccuracy], numbers: pd.DataFrame, beside: bool) -> pd.DataFrame:
    """``numbers`` with the model before them, where there is another."""
    if beside:
        numbers.insert(0, "model", short_model(result.sources[0].model))
    return numbers


def components(result: Result[ComponentAccuracy], error: str, at: int, beside: bool) -> Finding:
    """Accuracy against the number of components."""
    values, source = result.values, result.sources[0]
    name = source.layer_names[0]
    own = " The model's own head, which was trained in another way, is a diamond." if values.own_head[0] else ""
    figure = component_accuracy_chart(values, 0) if np.isfinite(values.in_domain[0]).any() else None
    if figure is not None and beside:
        titled(figure, short_model(source.model))
    return Finding(
        key=f"component_accuracy_chart_{at}" if beside else "component_accuracy_chart",
        title=f"Accuracy by component, {name} of {source.model}" if beside else f"Accuracy by component, {name}",
        figure=figure,
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


def sizes(result: Result[ComponentAccuracy], error: str, at: int, beside: bool) -> Finding:
    """Accuracy against the rows that the basis is fitted on."""
    values, source = result.values, result.sources[0]
    figure = sample_chart(values, 0)
    if beside:
        titled(figure, short_model(source.model))
    return Finding(
        key=f"component_sample_chart_{at}" if beside else "component_sample_chart",
        title=f"Accuracy with {values.sample_components} components by rows of the basis, {source.layer_names[0]}"
        + (f" of {source.model}" if beside else ""),
        figure=figure,
        caption=f"{SAMPLE_CAPTION} Here: {values.sample_components} components. {error}",
        table=lambda: sizes_table(values),
        results=[result],
        fields=["sample_in_domain", "sample_general"],
        name="component_sample",
        alt=f"Test accuracy with {values.sample_components} components against the rows of the basis",
        height=380,
        view=f"{source.model} {source.layer_names[0]} {values.n_dims}",
    )


def every_size(result: Result[ComponentAccuracy], error: str, at: int) -> Finding:
    """Accuracy against the rows that the basis is fitted on, with every number of components."""
    values, source = result.values, result.sources[0]
    return Finding(
        key=f"component_all_samples_{at}",
        title=f"Accuracy with all numbers of components by rows of the basis, {source.layer_names[0]} of {source.model}",
        figure=drawn_once(all_samples_chart, values, 0),
        caption=f"One line for each number of components, dark to light. {SAMPLE_CAPTION} {error}",
        table=lambda: every_size_table(values),
        results=[result],
        fields=["all_in_domain", "all_general"],
        expected=lambda gap: len(gap.index) > 1,  # more components than the basis has rows
        name="component_samples",
        alt=f"Test accuracy with {len(values.n_components)} numbers of components against the rows of the basis",
        height=460,
        view=f"{source.model} {source.layer_names[0]} {values.n_dims} every",
    )


def every_size_table(values: ComponentAccuracy) -> pd.DataFrame:
    """One row for each number of rows that the bases are fitted on and each number of components."""
    sizes, counts = values.sample_sizes, values.n_components
    return pd.DataFrame(
        {
            "rows of the basis": np.repeat(sizes, len(counts)),
            "components": np.tile(counts, len(sizes)),
            "these texts": values.all_in_domain[0].ravel(),
            "general texts": values.all_general[0].ravel(),
        }
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


heading("Component accuracy", WHAT, HOW, lessons.COMPONENT_ACCURACY)
here = ready()
label = label_ready(here)
with st.container(horizontal=True, vertical_alignment="bottom"):
    model = choose_model(here.models, "component_model")
    layer = choose_layer(model, "component_layer")
    shown = choose_beside(here, model, "component_other", OTHER)
    basis = choose_basis(here, model)
    paper = paper_choice(["component_accuracy"], here, model, "component_accuracy")
with paper.box:
    params = params_form(
        workbench().metrics()["component_accuracy"].params, **paper.form("component_accuracy", "component_accuracy")
    )
paper.say(here, {"component_accuracy": params}, layers=[layer], basis=None if basis is None else basis.spec.name)
several = len(shown) > 2
models = list(in_order(shown).models) if len(shown) == 2 else shown
specs = [
    workbench().analysis(
        "component_accuracy",
        models=[info],
        layers=layer_in(info, layer),
        label=label,
        params=params,
        basis=None if info.is_given else basis,
        **here.rows,
    )
    for info in models
]
say_classes(label)
if several:
    some = run_panel(specs, "component_accuracy", ComponentAccuracy, partial=True)
    if some is not None:
        show_panels([one for one in some if one is not None], here.row_name)
else:
    found = run_panel(specs, "component_accuracy", ComponentAccuracy)
    if found is not None:
        show_all(found, here.row_name)
