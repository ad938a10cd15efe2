"""Neurons: which few dimensions tell the classes apart, and how much each dimension knows alone."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from backend import (
    AnalysisSpec,
    ModelInfo,
    NeuronsResult,
    Result,
    chance_text,
    compared,
    count_by_accuracy,
    merge_classes,
    number_text,
    points_text,
)
from pages._kit.charts.base import short_model, titled
from pages._kit.flow.controls import params_form
from pages._kit.flow.paper import paper_choice
from pages._kit.flow.progress import run_panel
from pages._kit.show.columns import folded_table, show_table
from pages._kit.show.finding import Finding, said_once, show
from pages._kit.show.findings import PAIRED, heading, reasons
from pages._kit.show.kept import drawn_once
from pages._kit.show.panels import model_panels
from pages._kit.show.plot import Frames
from pages._kit.show.shared_axes import with_shared_axes
from pages._kit.show.text_rows import list_rows
from pages._kit.state import ask
from pages._kit.state.labelled import choose_beside, choose_layer, choose_model, label_ready, layer_in, say_classes
from pages._kit.state.pair import in_order
from pages._kit.state.selection import Selection, ready
from pages._kit.state.session import plain, workbench
from pages.labels.neurons.charts import (
    DEPTH_CAPTION,
    LINE_CAPTION,
    MOST_CLASSES,
    SINGLES_CAPTION,
    VALUES_CAPTION,
    depth_chart,
    singles_histogram,
    values_histogram,
)
from pages.labels.neurons.lesson import NEURONS
from pages.labels.neurons.tables import (
    accuracy_table,
    chosen_table,
    depth_table,
    dimensions_table,
    singles_table,
    values_table,
    wrong_table,
)

WHAT = "How few dimensions does it take to separate the classes?"
HOW = (
    "Dimensions are chosen one after the other by cross-validation on the training texts, and judged on the test texts. "
    "If one, five or as many dimensions as there are classes do as well as all, the rest is redundant for these labels."
)
ONE, DEPTH = "One layer", "All layers"
OTHER = "A second model, such as the base that the first was tuned from."
TRAIN, TEST = "Training rows", "Test rows"


def spec_of(
    here: Selection, info: ModelInfo, layers: str | Sequence[int], label: str, params: dict[str, Any]
) -> AnalysisSpec:
    """What is asked of one model."""
    return workbench().analysis("neurons", models=[info], layers=layers, label=label, params=params, **here.rows)


def singles(result: Result[NeuronsResult], key: str, beside: bool) -> Finding:
    """Their figure 6, with a line that moves inside the chart; ``beside`` that of another model it bears its own's name."""
    values, source = result.values, result.sources[0]
    control = values.control_single_test[0] if len(values.control_single_test) else None
    counts = count_by_accuracy(values.single_test[0], control, n_test=values.split.n_test)
    figure, line = singles_histogram(counts, values.split.majority)
    if beside:
        titled(figure, short_model(source.model))
    return Finding(
        key=f"neurons_singles_{key}",
        title=f"Test accuracy of single dimensions, {source.layer_names[0]} of {source.model}",
        figure=figure,
        caption=f"{SINGLES_CAPTION} {LINE_CAPTION}",
        table=lambda: singles_table(result, counts),
        results=[result],
        name="single-neurons",
        alt=f"Test accuracy of each of {values.n_dims} dimensions alone, {source.layer_names[0]} of {source.model}",
        height=320 if beside else 400,
        view=f"{source.model} {source.layer_names[0]} {values.split.classes[:3]}",
        frames=Frames("Line at", line.names, [], line.captions, line.initial, cursor=line.places),
    )


def nothing(result: Result[NeuronsResult], key: str) -> Finding:
    """Why there is nothing to choose from in a layer."""
    source = result.sources[0]
    return Finding(
        key=f"neurons_nothing_{key}",
        title=f"Salient neurons, {source.layer_names[0]} of {source.model}",
        figure=None,
        caption="",
        table=lambda: dimensions_table(result),
        results=[result],
        fields=["cross_validated"],
        empty="There is nothing to choose from:",
        name="neurons",
    )


def by_class(result: Result[NeuronsResult], key: str, train: bool) -> Finding:
    """Their figure 5: the best dimension by class, with the fitted borders."""
    values, source = result.values, result.sources[0]
    dim, edges, classes = int(values.dimensions[0, 0]), values.edges[0], values.split.classes
    lines = merge_classes((values.train_counts if train else values.test_counts)[0], MOST_CLASSES).filled()
    cuts = list(zip(values.cut_value.tolist(), values.cut_below.tolist(), values.cut_above.tolist(), strict=True))
    return Finding(
        key=f"neurons_values_{key}",
        title=f"Dimension {dim} by class, {source.layer_names[0]} of {source.model}",
        figure=drawn_once(values_histogram, edges, lines, classes, cuts, dim=dim),
        caption=VALUES_CAPTION,
        table=lambda: values_table(result, lines, edges, train=train),
        results=[result],
        name="best-neuron",
        alt=f"Values of dimension {dim} by class, {source.layer_names[0]} of {source.model}",
        height=400,
        view=f"{source.model} {source.layer_names[0]} {dim} {train}",
    )


def show_lists(result: Result[NeuronsResult], here: Selection, place: str) -> None:
    """The texts on the wrong side of the best dimension, and the dimensions, each behind a line; ``place`` tells models apart."""
    values = result.values
    n_wrong, n_test, listed = int(values.n_wrong[0]), values.split.n_test, len(values.wrong_text)
    more = "" if listed == n_wrong else f"; the {listed} furthest on it are listed"
    with st.expander(f"Texts on the wrong side: {n_wrong:,} of {n_test:,} test rows", icon=":material/rule:"):
        st.caption(
            f"Most wrong first{more}. Margin: the logit of the text's class minus the highest other, in nats. Rows "
            "count from 1."
        )
        assert here.texts is not None and here.label is not None
        wrong = wrong_table(result, workbench().text_set(here.texts), here.label)
        list_rows((wrong["row"] - 1).tolist(), lambda places: wrong.iloc[places], key="neurons_wrong")
    folded_table(
        "Dimensions in the order chosen",
        lambda: chosen_table(result),
        key=f"neurons_chosen_{place}",
        icon=":material/format_list_numbered:",
    )
    folded_table(f"All {values.n_dims:,} dimensions", lambda: dimensions_table(result), key=f"neurons_every_{place}")


def show_accuracies(results: Sequence[Result[NeuronsResult]]) -> None:
    """The table of accuracies with its files, and what of it is significant."""
    st.subheader("Accuracy with few dimensions")
    n_test, may_be_off = results[0].values.split.n_test, results[0].values.sampling_error
    show(
        Finding(
            key="neurons_accuracies",
            title="Accuracy with few dimensions",
            figure=None,
            tabular=True,
            caption="Test accuracy with all dimensions, the best one, the best five, and as many as there are classes; shuffled is "
            "the control with shuffled labels. The dimensions were chosen without the test rows. An accuracy over "
            f"{n_test:,} texts may be off by {number_text(may_be_off, 'share')} either way. {PAIRED}",
            table=lambda: accuracy_table(results),
            results=results,
            fields=["test_accuracy"],
            name="neurons-accuracies",
        )
    )
    for result in results:
        st.caption(plain(_against_all(result)))
    for other in results[1:]:
        st.caption(plain(_between(results[0], other)))


def known(result: Result[NeuronsResult]) -> bool:
    """Whether there was anything to choose from in the layer."""
    return int(result.values.dimensions[0, 0]) >= 0


def show_panels(results: list[Result[NeuronsResult]]) -> None:
    """How many dimensions reach which accuracy, a panel for each model, and the table of accuracies."""
    show(
        model_panels(
            [singles(one, "all", False) if known(one) else nothing(one, "all") for one in results],
            key="neurons_singles_all",
            title="Test accuracy of single dimensions",
            caption=SINGLES_CAPTION,
        )
    )
    show_accuracies(results)


def show_one(results: list[Result[NeuronsResult]], here: Selection) -> None:
    """Charts, table and lists of one layer of one model or two, side by side."""
    places = list(enumerate(results))
    beside = len(results) > 1
    findings = [singles(one, str(at), beside) if known(one) else nothing(one, str(at)) for at, one in places]
    for finding, column in zip(with_shared_axes(findings), st.columns(len(results)), strict=True):
        with column:
            show(finding)
    show_accuracies(results)
    places = [(place, result) for place, result in places if known(result)]
    if not places:
        return
    st.subheader("The best dimension by class")
    rows = ask.segmented_control("Values of", [TEST, TRAIN], default=TEST, key="neurons_rows")
    findings = with_shared_axes([by_class(result, str(place), rows == TRAIN) for place, result in places])
    for (place, result), finding, column in zip(places, findings, st.columns(len(places)), strict=True):
        with column:
            if beside:
                st.markdown(f"**{plain(short_model(result.sources[0].model))}**")
            show(finding)
            show_lists(result, here, str(place))


def _against_all(result: Result[NeuronsResult]) -> str:
    """McNemar's p of few dimensions against all, of one model's layer."""
    values = result.values
    sizes = ("the best 1", "the best 5") + (() if values.split.n_used == 5 else (f"the best {values.split.n_used}",))
    known = [(name, p) for name, p in zip(sizes, values.against_all[0, 1:], strict=False) if np.isfinite(p)]
    listed = ", ".join(f"{name} p {chance_text(p)}" for name, p in known)
    return f"{short_model(result.sources[0].model)}, against all dimensions on the same test rows: {listed or 'undefined'}."


def _between(first: Result[NeuronsResult], other: Result[NeuronsResult]) -> str:
    """The two models with all, one, five and as many dimensions as classes, row by row."""
    sizes = ("all dimensions", "the best 1", "the best 5", f"the best {first.values.split.n_used}")
    names, said = [short_model(result.sources[0].model) for result in (first, other)], []
    for place, name in enumerate(sizes):
        found = compared(first, other, place)
        if isinstance(found, str):
            return f"From {names[0]} to {names[1]}: {found}."
        if place < 3 or first.values.split.n_used != 5:
            said.append(f"{name} {points_text(found.difference)} (p {chance_text(found.p)})")
    return f"From {names[0]} to {names[1]}, on the same test rows: {', '.join(said)}."


def show_depth(result: Result[NeuronsResult]) -> None:
    """Accuracy over depth of one model."""
    values, source = result.values, result.sources[0]
    control = values.control_accuracy if len(values.control_accuracy) else None
    why = {index[0]: reason for index, reason in reasons(result, "cross_validated").items()}
    table = depth_table(result)
    show(
        Finding(
            key="neurons_depth",
            title=f"Salient neurons of {source.model} over depth",
            figure=drawn_once(depth_chart, values.test_accuracy, control, source.layer_names, values.split.n_used, why),
            caption=DEPTH_CAPTION,
            table=table,
            results=[result],
            fields=["test_accuracy", "cross_validated"],
            crosses=True,
            name="neurons-depth",
            alt=f"Test accuracy with few dimensions over {len(source.layer_names)} layers of {source.model}",
            height=440,
            view=f"{source.model} {source.layer_names}",
        )
    )
    show_table(table)


heading("Neurons", WHAT, HOW, NEURONS)
here = ready()
label = label_ready(here)
with st.container(horizontal=True, vertical_alignment="bottom"):
    view = ask.segmented_control("View", [ONE, DEPTH], default=ONE, key="neurons_view")
    model = choose_model(here.models, "neurons_model")
    layer = choose_layer(model, "neurons_layer") if view == ONE else None
    shown = choose_beside(here, model, "neurons_other", OTHER) if view == ONE else [model]
    paper = paper_choice(["neurons"], here, model, "neurons")
with paper.box:
    params = params_form(workbench().metrics()["neurons"].params, **paper.form("neurons", "neurons"))
paper.say(here, {"neurons": params}, layers=None if layer is None else [layer])
say_classes(label)
if layer is None:
    found = run_panel([spec_of(here, model, here.layers, label, params)], "neurons_depth", NeuronsResult)
    if found is not None:
        with said_once(beside="neurons_depth"):
            show_depth(found[0])
else:
    models = list(in_order(shown).models) if len(shown) == 2 else shown
    specs = [spec_of(here, info, layer_in(info, layer), label, params) for info in models]
    if len(shown) > 2:
        some = run_panel(specs, "neurons", NeuronsResult, partial=True)
        if some is not None:
            with said_once():
                show_panels([one for one in some if one is not None])
    else:
        found = run_panel(specs, "neurons", NeuronsResult)
        if found is not None:
            with said_once(beside="neurons" if len(found) == 1 else ""):  # two models stand side by side already
                show_one(found, here)
