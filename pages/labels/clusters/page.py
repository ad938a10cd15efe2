"""Clusters: whether convex hulls of the labels overlap, how far apart they are, and how that changes over layers."""

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from backend import Result
from pages._kit.charts.base import Floats, short_model, titled
from pages._kit.charts.clusters import (
    CHANGE_CAPTION,
    COUNT_CAPTION,
    LEAST_CAPTION,
    MATRIX_CAPTION,
    SIMILARITY_CAPTION,
    TWO_CAPTION,
    change_chart,
    count_chart,
    distance_matrix,
    growth,
    least_chart,
    similarity_chart,
)
from pages._kit.charts.layer_pairs import cka_heatmap
from pages._kit.flow.controls import params_form
from pages._kit.flow.paper import paper_choice
from pages._kit.flow.progress import run_panel
from pages._kit.show.export import downloads
from pages._kit.show.findings import heading, provenance, reasons, undefined_note
from pages._kit.show.plot import plot
from pages._kit.show.wording import ROWS_COUNT, count
from pages._kit.state.labelled import choose_model, choose_other, label_ready, random_labels_too
from pages._kit.state.pair import change_name, ordered, say_order
from pages._kit.state.selection import ready
from pages._kit.state.session import plain, workbench

WHAT = "Do the regions of the labels overlap?"
HOW = (
    "Texts of one label are merged into clusters for as long as their convex hull holds no part of another label's "
    "(DirectProbe). The distances between the clusters then describe the layout of the labels, without any classifier."
)
COMPARE = "How alike do the labels lie in the same layer of this model, over the same texts?"
MOST_TEXTS = 500
FIELDS = [
    "n_clusters",
    "test_n_clusters",
    "distances",
    "train_test",
    "other_train_test",
    "similarity",
    "other_n_clusters",
    "across",
]


def show_counts(result: Result) -> go.Figure:
    """Clusters against labels over depth, and how much of it chance would give."""
    values, source = result.values, result.sources[0]
    figure = count_chart(values, source.layer_names, own_name(result), other_name(result))
    alt = f"Number of clusters in {len(source.layer_names)} layers of {source.model}, beside {values.n_labels} labels"
    plot(figure, key="clusters_count", alt=alt, height=380, view=source.model, file_name="clusters")
    st.caption(COUNT_CAPTION)
    if says_nothing(values):
        st.warning(
            "Here the number of clusters says nothing: there are so few rows for so many dimensions that labels put on them at "
            "random are apart as well. Look at the distances, and at accuracies (Probes).",
            icon=":material/warning:",
        )
    return figure


def other_name(result: Result) -> str:
    """The second model, short; empty where there is none."""
    return short_model(result.sources[1].model) if len(result.sources) > 1 else ""


def own_name(result: Result) -> str:
    """The first model, short, where there are two: what is of one of them alone bears its name."""
    return short_model(result.sources[0].model) if len(result.sources) > 1 else ""


def of_model(name: str, model: str) -> str:
    """A column's name with its model, where there is one to be named."""
    return f"{name}, {model}" if model else name


def before_and_after(result: Result, layer: int) -> tuple[Floats, Floats]:
    """Each label's least distance in one layer of the model before and of the one after, (n_labels,) each."""
    own, others = result.values.minimum[layer], result.values.other_minimum[layer]
    assert order is not None
    return (own, others) if order.before is model else (others, own)


def says_nothing(values: Any) -> bool:
    """Whether all labels are apart in a layer in which (nearly) all random ones are too."""
    return bool(np.any((values.n_clusters == values.n_labels) & (random_labels_too(values.control_apart))))


def counts_table(result: Result) -> pd.DataFrame:
    """One row for each layer: the paper's tables 2 and 3."""
    values = result.values
    columns: dict[str, Any] = {
        "layer": list(result.sources[0].layer_names),
        "labels": values.n_labels,
        "clusters": values.n_clusters,
        "pairs of labels apart": values.apart,
        "the same, labels shuffled": values.control_apart,
        "shuffled, ± std": values.control_apart_std,
        "test labels": values.test_n_labels,
        "test clusters": values.test_n_clusters,
        "train against test": values.train_test,
        "rows left out": values.conflict.sum(axis=1),
    }
    of_texts, own = ("layer", "labels", "test labels"), own_name(result)
    columns = {name if name in of_texts else of_model(name, own): column for name, column in columns.items()}
    if len(values.other_n_clusters):
        same = min(values.across.shape)
        blank = np.full(len(values.n_clusters) - same, np.nan)
        other = other_name(result)
        columns[f"clusters, {other}"] = np.r_[values.other_n_clusters[:same], blank]
        columns[f"train against test, {other}"] = np.r_[values.other_train_test[:same], blank]
        columns[f"alike with {other}"] = np.r_[np.diagonal(values.across), blank]
    return pd.DataFrame(columns)


def column_formats(own: str, other: str) -> dict[str, Any]:
    """Shares in percent, correlations with three digits, counts whole; ``own`` and ``other`` are the models, of two."""
    percent, number = st.column_config.NumberColumn(format="percent"), st.column_config.NumberColumn(format="%.3f")
    whole = st.column_config.NumberColumn(format="%d")
    formats = {
        "pairs of labels apart": percent,
        "the same, labels shuffled": percent,
        "shuffled, ± std": percent,
        "train against test": number,
        "clusters": whole,
        "test clusters": whole,
    }
    named = {of_model(name, model): form for model in (own, other) for name, form in formats.items()}
    return {**named, f"alike with {other}": number}


def show_distances(result: Result) -> None:
    """The matrix of one layer, and each label's least distance over all."""
    values, source = result.values, result.sources[0]
    classes, names = values.split.classes, source.layer_names
    st.subheader("Distances between labels")
    layer = len(names) - 1
    if len(names) > 1:
        key = f"clusters_layer_{len(names)}"
        layer = int(st.select_slider("Layer", range(len(names)), layer, format_func=names.__getitem__, key=key))
    if np.isfinite(values.distances[layer]).any():
        figure = distance_matrix(values.pairs, values.distances[layer], classes, own_name(result))
        alt = f"Distances between {len(classes)} labels in {names[layer]} of {source.model}"
        height = min(820, 300 + 22 * len(classes))
        plot(figure, key="clusters_matrix", alt=alt, height=height, view=str(classes), file_name="label-distances")
        st.caption(MATRIX_CAPTION)
    else:
        st.info("No two labels have a distance in this layer; the reasons stand below.")
    show_split(result, layer)
    st.subheader("Each label's distance to its nearest")
    figure = least_chart(values.minimum, names, classes, own_name(result))
    alt = f"Least distance of each of {len(classes)} labels over the layers of {source.model}"
    plot(
        figure, key="clusters_least", alt=alt, height=420, view=f"{source.model} {classes}", file_name="least-distance"
    )
    st.caption(LEAST_CAPTION if len(classes) > 2 else TWO_CAPTION)
    show_change(result, layer)
    st.dataframe(least_table(result, layer), hide_index=True)


def show_change(result: Result, layer: int) -> None:
    """With a second model, each label's least distance in one layer of it and of the first."""
    values = result.values
    if layer >= len(values.other_minimum):
        return
    assert order is not None
    before, after = (short_model(info.spec.name) for info in order.models)
    name = result.sources[0].layer_names[layer]
    models = (f"before: {before}", f"after: {after}")
    figure = change_chart(*before_and_after(result, layer), models, values.split.classes)
    alt = f"Least distance of each of {len(values.split.classes)} labels in {name} of {before} and of {after}"
    view = f"{before} {after} {layer}"
    how = CHANGE_CAPTION if len(values.split.classes) > 2 else TWO_CAPTION
    plot(figure, key="clusters_change", alt=alt, height=420, view=view, file_name="least-distance-change")
    st.caption(f"{plain(name)}, from {plain(before)} to {plain(after)}. {how}")


def least_table(result: Result, layer: int) -> pd.DataFrame:
    """Each label's least distance in one layer and its change over depth, and against the second model."""
    values = result.values
    own = own_name(result)
    grown = of_model("change, first to last layer", own)
    columns: dict[str, Any] = {
        "label": list(values.split.classes),
        of_model("least distance", own): values.minimum[layer],
        grown: growth(values.minimum),
    }
    if layer < len(values.other_minimum):
        assert order is not None
        before, after = before_and_after(result, layer)
        columns[f"least distance, {other_name(result)}"] = values.other_minimum[layer]
        columns[f"change, {change_name(order)}"] = after - before
    return pd.DataFrame(columns).sort_values(grown, ascending=False, kind="stable")


def show_split(result: Result, layer: int) -> None:
    """Which labels are in pieces, and the texts outside the largest piece; then those that were left out."""
    values, name = result.values, plain(result.sources[0].layer_names[layer])
    name += f" of {plain(own_name(result))}" if own_name(result) else ""
    outside, conflict = np.flatnonzero(values.outside[layer]), np.flatnonzero(values.conflict[layer])
    st.subheader("Texts that make a label split")
    if not len(outside) and not len(conflict):
        st.caption(f"None: in {name} every label is one cluster.")
        return
    assert here.texts is not None
    texts, classes = workbench().text_set(here.texts).shown, values.split.classes
    numbers = values.row_index
    pieces = np.bincount(values.clusters[layer][values.clusters[layer] >= 0])
    split = {classes[label] for label in values.row_label[outside]}
    st.caption(
        f"In {name} {count(len(split), 'label')} of {values.n_labels} {'is' if len(split) == 1 else 'are'} in pieces: "
        f"{plain(', '.join(sorted(split)[:12]))}. The texts outside the largest piece of their label ({ROWS_COUNT[:-1].lower()}):"
    )
    chosen = np.concatenate([conflict, outside])[:MOST_TEXTS]
    cluster = values.clusters[layer][chosen]
    st.dataframe(
        pd.DataFrame(
            {
                "row": numbers[chosen] + 1,
                "label": [classes[label] for label in values.row_label[chosen]],
                "cluster": [str(number) if number >= 0 else "left out" for number in cluster],
                "texts in it": [int(pieces[number]) if number >= 0 else None for number in cluster],
                "text": [texts[row] for row in numbers[chosen]],
            }
        ),
        hide_index=True,
    )
    more = len(outside) + len(conflict) - len(chosen)
    if more > 0:
        st.caption(f"{more:,} more are in the JSON file.")
    if len(conflict):
        st.caption("Left out: a text of another label has the same vector, so that nothing can split the two.")


def distance_rows(result: Result) -> list[list[Any]]:
    """Every distance of two labels: of the training and of the test rows, and of the second model where there is one."""
    values, classes = result.values, result.values.split.classes
    first, other = result.sources[0], result.sources[-1]
    parts = [(first, values.split.train_name, values.distances), (first, values.split.test_name, values.test_distances)]
    if len(values.other_distances):
        parts.append((other, values.split.train_name, values.other_distances))
    return [
        [short_model(source.model), rows, name, classes[a], classes[b], float(distance)]
        for source, rows, distances in parts
        for name, line in zip(source.layer_names, distances, strict=True)
        for (a, b), distance in zip(values.pairs, line, strict=True)
    ]


def show_similarity(result: Result) -> None:
    """Spatial similarity: training against test, tuned against base, layer against layer."""
    values, source = result.values, result.sources[0]
    names = source.layer_names
    st.subheader("How alike the labels lie")
    lines = [(f"training against test rows, {short_model(source.model)}", values.train_test)]
    if len(values.other_n_clusters):
        other = short_model(result.sources[1].model)
        lines.append((f"training against test rows, {other}", values.other_train_test[: len(names)]))
        lines.append((f"{short_model(source.model)} against {other}, layer by layer", np.diagonal(values.across)))
    if any(np.isfinite(line).any() for _, line in lines):
        figure = similarity_chart(lines, names)
        alt = f"Spatial similarity over the layers of {source.model}"
        plot(figure, key="clusters_alike", alt=alt, height=360, view=str(names), file_name="spatial-similarity")
    if not np.isfinite(values.similarity).any():
        st.info("Two labels have one distance, and a correlation needs three: add texts of a third label.")
        return
    why = {(index[0], index[1]): reason for index, reason in reasons(result, "similarity").items()}
    figure = cka_heatmap(values.similarity, names, names, why, value_name="similarity")
    if own_name(result):
        titled(figure, own_name(result))
    alt = f"Spatial similarity of {len(names)} layers of {source.model} with each other"
    plot(figure, key="clusters_layers", alt=alt, height=480, view=str(names), file_name="layer-similarity")
    st.caption(SIMILARITY_CAPTION)


heading("Clusters", WHAT, HOW)
here = ready()
label = label_ready(here)
with st.container(horizontal=True, vertical_alignment="bottom"):
    model = choose_model(here.models, "clusters_model")
    other = choose_other(here, model, "clusters_other", COMPARE)
    order = ordered([info for info in here.models if info in (model, other)]) if other is not None else None
paper = paper_choice(["direct_probe"], here, model, "clusters")
with paper.box:
    params = params_form(workbench().metrics()["direct_probe"].params, **paper.form("direct_probe", "clusters"))
paper.say(here, {"direct_probe": params})
spec = workbench().analysis(
    "direct_probe",
    models=[model] if other is None else [model, other],
    layers=here.layers,
    label=label,
    params=params,
    **here.rows,
)
with st.container(horizontal=True):
    st.caption(f"Classes: the column '{plain(label)}'.", width="content")
    if order is not None:
        say_order(order)
found = run_panel([spec], "clusters")
if found is not None:
    result = found[0]
    figure = show_counts(result)
    table = counts_table(result)
    st.dataframe(table, hide_index=True, column_config=column_formats(own_name(result), other_name(result)))
    show_distances(result)
    show_similarity(result)
    undefined_note(found, FIELDS)
    provenance(found)
    rows = distance_rows(result)
    downloads(
        "clusters",
        "clusters",
        table=(["model", "rows", "layer", "label", "other label", "distance"], rows),
        results=found,
        figure=figure,
        title=f"Clusters of {result.sources[0].model}",
        caption=COUNT_CAPTION,
    )
