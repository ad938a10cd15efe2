"""Threshold: how well a single dimension of each layer tells the classes, beside the full representation."""

from typing import Any

import plotly.graph_objects as go
import streamlit as st

from backend import (
    ModelInfo,
    Result,
    ThresholdResult,
    number_text,
)
from pages._kit.charts.threshold import CAPTION, HISTOGRAM_CAPTION, class_histogram, threshold_profile
from pages._kit.flow.controls import params_form
from pages._kit.flow.paper import paper_choice
from pages._kit.flow.progress import run_panel
from pages._kit.show import lessons as lessons
from pages._kit.show.columns import folded_table
from pages._kit.show.finding import Finding, said_once, show
from pages._kit.show.findings import (
    PAIRED,
    heading,
    holders,
    reasons,
    sampling_error_words,
)
from pages._kit.show.kept import drawn_once
from pages._kit.state import ask
from pages._kit.state.labelled import ONE_MODEL, choose_model, label_ready, say_classes
from pages._kit.state.selection import Selection, ready
from pages._kit.state.session import plain, workbench
from pages.labels.threshold.chosen import CAPTION as CHOSEN_CAPTION
from pages.labels.threshold.chosen import chosen_table, chosen_values, with_chosen
from pages.labels.threshold.table import file_table, histogram_table, screen_table

WHAT = "Does one dimension alone know the classes?"
HOW = (
    "In each layer the dimension of highest variance (or one that you name) is cut where the training texts come apart "
    "best, and the cuts are evaluated on the test texts. Close to the line of all dimensions: that one dimension carries the labels."
)
TABLE_CAPTION = (
    "Accuracies over the test rows, but for the column of the training rows. Cut: the dimension's line in intervals, each of one class. "
    "Fitted head: softmax regression, on that one dimension and on all, which p compares."
)
TRAIN, TEST = "Training texts", "Test texts"


def what_is_cut(params: dict[str, Any]) -> str:
    """The name of the dimension in legends."""
    return "highest-variance dimension" if params["dimension"] < 0 else f"dimension {params['dimension']}"


def draw_profile(result: Result[ThresholdResult], params: dict[str, Any], row_name: str) -> None:
    """Accuracy over depth."""
    values, source = result.values, result.sources[0]
    names = source.layer_names
    undefined = {at[0]: why for at, why in reasons(result, "accuracy").items()}
    error = sampling_error_words(values.sampling_error, values.split.n_test, row_name, holders(values.split))
    show(
        Finding(
            key="threshold_profile",
            title=f"Threshold on one dimension of {source.model}",
            figure=drawn_once(threshold_profile, values, names, undefined, what=what_is_cut(params)),
            caption=f"{CAPTION} {error} {PAIRED}",
            table=lambda: file_table(result),
            results=[result],
            fields=["accuracy"],
            crosses=True,
            alt=f"Test accuracy of one dimension and of all dimensions over {len(names)} layers of {source.model}",
            height=420,
            view=f"{source.model} {names}",
        )
    )


def choose_layer(result: Result[ThresholdResult]) -> int:
    """The position of the layer whose histogram is shown: the last one to begin with, not the one best on the test texts."""
    names = result.sources[0].layer_names
    if len(names) == 1:
        return 0
    key = f"threshold_layer_{len(names)}"
    return int(ask.select_slider("Layer", range(len(names)), len(names) - 1, format_func=names.__getitem__, key=key))


def draw_histogram(result: Result[ThresholdResult], here: Selection, model: ModelInfo) -> None:
    """The dimension of one layer by class, with its cuts."""
    values, source = result.values, result.sources[0]
    st.subheader("The dimension by class")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        layer = choose_layer(result)
        rows = ask.segmented_control("Rows", [TEST, TRAIN], default=TEST, key="threshold_rows")
    name = source.layer_names[layer]
    if values.dimension[layer] < 0:
        st.info(f"There is nothing to cut in {plain(name)}: {plain(reasons(result, 'accuracy')[(layer,)])}.")
        return
    train = rows == TRAIN
    figure = drawn_once(class_histogram, values, layer, train=train)
    chosen = chosen_values(here, model, result, layer, train=train)
    if chosen is not None and here.texts is not None:
        figure = go.Figure(figure)
        with_chosen(figure, chosen, workbench().text_set(here.texts).shown)
    show(
        Finding(
            key="threshold_histogram",
            title=f"Dimension {values.dimension[layer]} in {name} of {source.model}, by class",
            figure=figure,
            caption=" ".join(
                [HISTOGRAM_CAPTION, *([] if chosen is None else [CHOSEN_CAPTION]), intervals(values, layer)]
            ),
            table=lambda: chosen_table(histogram_table(result, layer, train=train), chosen),
            results=[result],
            layer=name,
            alt=f"Histogram of dimension {values.dimension[layer]} in {name} of {source.model}, by class",
            height=420,
            view=f"{source.model} {name} {values.dimension[layer]}",
        )
    )


def intervals(values: ThresholdResult, layer: int) -> str:
    """The intervals of one layer in words, where they are few enough to be read."""
    classes = [values.split.classes[number] for number in values.interval_classes[layer]]
    cuts = [number_text(cut) for cut in values.thresholds[layer]]
    if not cuts:
        return f"No cut does better than calling everything '{classes[0]}'."
    if len(cuts) > 8:
        return f"{len(classes)} intervals."
    parts = [f"'{classes[0]}' up to {cuts[0]}"]
    parts += [f"'{name}' up to {cut}" for name, cut in zip(classes[1:-1], cuts[1:], strict=True)]
    return f"Here: {', '.join(parts)}, '{classes[-1]}' above."


def show_all(result: Result[ThresholdResult], params: dict[str, Any], here: Selection, model: ModelInfo) -> None:
    """Profile, histogram and table."""
    draw_profile(result, params, here.row_name)
    draw_histogram(result, here, model)
    folded_table("The numbers", lambda: screen_table(result), key="threshold_numbers")
    st.caption(TABLE_CAPTION)


heading("Threshold", WHAT, HOW, lessons.THRESHOLD)
here = ready()
label = label_ready(here)
with st.container(horizontal=True, vertical_alignment="bottom"):
    model = choose_model(here.models, "threshold_model", about=ONE_MODEL)
    paper = paper_choice(["threshold"], here, model, "threshold")
with paper.box:
    params = params_form(workbench().metrics()["threshold"].params, **paper.form("threshold", "threshold"))
paper.say(here, {"threshold": params})
spec = workbench().analysis("threshold", models=[model], layers=here.layers, label=label, params=params, **here.rows)
say_classes(label)
found = run_panel([spec], "threshold", ThresholdResult)
if found is not None:
    with said_once(beside="threshold"):
        show_all(found[0], params, here, model)
