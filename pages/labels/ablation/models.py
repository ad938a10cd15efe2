"""Ablation of all models of the sidebar at once: the curves of the head, a panel for each model on the same axes."""

from collections.abc import Sequence

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from backend import AblationResult, ModelInfo, Result
from pages._kit.charts.base import short_model
from pages._kit.flow.controls import params_form
from pages._kit.flow.paper import paper_choice
from pages._kit.flow.progress import run_panel
from pages._kit.show.columns import folded_table
from pages._kit.show.finding import Finding, said_once, show
from pages._kit.show.findings import holders, sampling_error_words
from pages._kit.show.panels import model_panels
from pages._kit.state.labelled import choose_layer, layer_in, say_classes
from pages._kit.state.selection import Selection
from pages._kit.state.session import workbench
from pages.labels.ablation.charts import CAPTION, NO_CURVES, accuracy_chart, curves_of, how_words
from pages.labels.ablation.tables import curves_table

ONE = "Slider, geometry and map are shown of one model: choose it in the box above."


def models_panel(here: Selection, models: Sequence[ModelInfo], label: str, row: DeltaGenerator) -> None:
    """The choices, Run, and the figure of all ``models``; ``row`` is the container of the controls."""
    with row:
        layer = choose_layer(models[0], "ablation_layer")
        paper = paper_choice(["ablation"], here, models[0], "ablation")
    with paper.box:
        params = params_form(workbench().metrics()["ablation"].params, **paper.form("ablation", "ablation"))
    paper.say(here, {"ablation": params}, layers=[layer])
    specs = [
        workbench().analysis(
            "ablation",
            models=[info],
            layers=layer_in(info, layer),
            label=label,
            params=params,
            **here.rows,
        )
        for info in models
    ]
    say_classes(label)
    found = run_panel(specs, "ablation", AblationResult, partial=True)
    if found is not None:
        _show([result for result in found if result is not None], here.row_name)


def _show(results: Sequence[Result[AblationResult]], row_name: str) -> None:
    values = results[0].values
    error = sampling_error_words(values.sampling_error, values.split.n_test, row_name, holders(values.split))
    how = [(short_model(one.sources[0].model), how_words(one.values)) for one in results]
    alike = len({words for _, words in how}) == 1
    said = how[0][1] if alike else " ".join(f"{name}: {words}" for name, words in how)
    finding = model_panels(
        [_curves(one) for one in results],
        key="ablation_curves_all",
        title="Ablation at the head",
        caption=f"{CAPTION} {said} {error}",
    )
    with said_once():
        show(finding)
        st.caption(f":material/info: {ONE}")
        folded_table("The numbers", finding.numbers, key="ablation_all")


def _curves(result: Result[AblationResult]) -> Finding:
    """The accuracies of one model without the slider."""
    values, source = result.values, result.sources[0]
    curves = curves_of(values)
    known = bool(np.isfinite(values.accuracy[0]).any())
    return Finding(
        key="ablation_curves",
        title=f"Ablation at the head, {source.layer_names[0]} of {source.model}",
        figure=accuracy_chart(curves, values) if known else None,
        caption="",
        table=lambda: curves_table(curves, values),
        results=[result],
        fields=["accuracy", "chosen_accuracy"],
        empty=NO_CURVES,
        view=f"{source.layer_names[0]} {values.n_dims}",
    )
