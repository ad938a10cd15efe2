"""Clusters: whether convex hulls of the labels overlap, how far apart they are, and how that changes over layers."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from backend import DirectProbeResult, Document, LabelChange, Result, label_changes, result_document
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
    least_chart,
    similarity_chart,
)
from pages._kit.charts.layer_pairs import cka_heatmap
from pages._kit.flow.controls import params_form
from pages._kit.flow.paper import paper_choice
from pages._kit.flow.progress import run_panel
from pages._kit.show import lessons as lessons
from pages._kit.show.columns import show_table
from pages._kit.show.finding import Finding, elsewhere, said_once, show
from pages._kit.show.findings import heading, reasons
from pages._kit.show.kept import drawn_once
from pages._kit.show.row_files import with_cells
from pages._kit.show.text_rows import list_rows
from pages._kit.show.wording import ROWS_COUNT, count
from pages._kit.state import ask
from pages._kit.state.labelled import choose_model, choose_other, label_ready, say_classes
from pages._kit.state.pair import change_name, ordered
from pages._kit.state.selection import ready
from pages._kit.state.session import plain, workbench
from pages.labels.clusters.choose import select_cluster
from pages.labels.clusters.tables import (
    counts_table,
    distance_table,
    filled,
    of_model,
    other_name,
    own_name,
)

WHAT = "Do the regions of the labels overlap?"
HOW = (
    "Texts of one label are merged into clusters for as long as their convex hull holds no part of another label's "
    "(DirectProbe). The distances between the clusters then describe the layout of the labels, without any classifier."
)
COMPARE = "Compare the arrangement of the labels with the same layer of this model, over the same texts."
MOST_TEXTS = 500


def show_counts(result: Result[DirectProbeResult]) -> None:
    """Clusters against labels over depth, and how much of it chance would give."""
    values, source = result.values, result.sources[0]
    table = counts_table(result)
    show(
        Finding(
            key="clusters_count",
            title=f"Clusters of {source.model}",
            figure=drawn_once(count_chart, values, source.layer_names, own_name(result), other_name(result)),
            caption=COUNT_CAPTION,
            table=table,
            results=[result],
            fields=["n_clusters", "test_n_clusters", "other_n_clusters"],
            alt=f"Number of clusters in {len(source.layer_names)} layers of {source.model}, beside {values.n_labels} labels",
            height=370,
            view=source.model,
        )
    )
    if values.counts_say_nothing:
        st.warning(
            "Here the number of clusters says nothing: there are so few rows for so many dimensions that random labels "
            "would be separable as well. Look at the distances, and at accuracies (Probes).",
            icon=":material/warning:",
        )
    show_table(table)


def before_and_after(result: Result[DirectProbeResult], layer: int) -> tuple[Floats, Floats]:
    """Each label's least distance in one layer of the model before and of the one after, (n_labels,) each."""
    own, others = result.values.minimum[layer], result.values.other_minimum[layer]
    assert order is not None
    return (own, others) if order.before is model else (others, own)


def changes_of(result: Result[DirectProbeResult], layer: int) -> tuple[LabelChange, ...]:
    """How each label's least distance in one layer differs between the model before and the one after."""
    assert order is not None
    return label_changes(result, layer, first_is_before=order.before is model)


def change_document(result: Result[DirectProbeResult], layer: int) -> Document:
    """The result as JSON, with the changes of one layer beside it."""
    found = {
        "layer": result.sources[0].layer_names[layer],
        "changes": [asdict(one) for one in changes_of(result, layer)],
    }
    return {"label_changes": found, **result_document(result)}


def show_distances(result: Result[DirectProbeResult]) -> None:
    """The matrix of one layer, and each label's least distance over all."""
    names = result.sources[0].layer_names
    st.subheader("Distances between labels")
    layer = len(names) - 1
    if len(names) > 1:
        key = f"clusters_layer_{len(names)}"
        layer = int(ask.select_slider("Layer", range(len(names)), layer, format_func=names.__getitem__, key=key))
    show_matrix(result, layer)
    show_split(result, layer)
    show_least(result)
    show_change(result, layer)
    show_table(least_table(result, layer))


def show_matrix(result: Result[DirectProbeResult], layer: int) -> None:
    """The distances of all pairs of labels in one layer."""
    values, source = result.values, result.sources[0]
    classes, name, distances = values.split.classes, source.layer_names[layer], values.distances[layer]
    known = bool(np.isfinite(distances).any())
    show(
        Finding(
            key="clusters_matrix",
            title=f"Distances between labels in {name} of {source.model}",
            figure=drawn_once(distance_matrix, values.pairs, distances, classes, own_name(result)) if known else None,
            caption=MATRIX_CAPTION,
            table=lambda: distance_table(result, layer),
            results=[result],
            fields=["distances"],
            expected=elsewhere(layer),
            empty="No two labels have a distance in this layer.",
            layer=name,
            alt=f"Distances between {len(classes)} labels in {name} of {source.model}",
            height=min(820, 300 + 22 * len(classes)),
            view=str(classes),
        )
    )


def show_least(result: Result[DirectProbeResult]) -> None:
    """Each label's least distance over the layers."""
    values, source = result.values, result.sources[0]
    classes, names = values.split.classes, source.layer_names
    st.subheader("Distance of each label to its nearest")
    show(
        Finding(
            key="clusters_least",
            title=f"Minimum distance of each label in {source.model}",
            figure=drawn_once(least_chart, values.minimum, names, classes, own_name(result)),
            caption=LEAST_CAPTION if len(classes) > 2 else TWO_CAPTION,
            table=pd.DataFrame(
                {
                    "layer": np.repeat(names, len(classes)),
                    "label": list(classes) * len(names),
                    of_model("minimum distance", own_name(result)): values.minimum.ravel(),
                }
            ),
            results=[result],
            fields=["minimum"],
            alt=f"Minimum distance of each of {len(classes)} labels over the layers of {source.model}",
            height=420,
            view=f"{source.model} {classes}",
        )
    )


def show_change(result: Result[DirectProbeResult], layer: int) -> None:
    """With a second model, each label's least distance in one layer of it and of the first."""
    values = result.values
    if layer >= len(values.other_minimum):
        return
    assert order is not None
    before, after = (short_model(info.spec.name) for info in order.models)
    name, classes = result.sources[0].layer_names[layer], values.split.classes
    own, others = before_and_after(result, layer)
    how = CHANGE_CAPTION if len(classes) > 2 else TWO_CAPTION
    show(
        Finding(
            key="clusters_change",
            title=f"Minimum distance of each label in {name}, from {before} to {after}",
            figure=drawn_once(change_chart, own, others, (f"before: {before}", f"after: {after}"), classes),
            caption=f"{name}, from {before} to {after}. {how}",
            table=lambda: least_table(result, layer),
            results=[result],
            fields=["minimum", "other_minimum"],
            expected=elsewhere(layer),
            documents=lambda: [change_document(result, layer)],
            layer=name,
            alt=f"Minimum distance of each of {len(classes)} labels in {name} of {before} and of {after}",
            height=420,
            view=f"{before} {after} {layer}",
        )
    )


def least_table(result: Result[DirectProbeResult], layer: int) -> pd.DataFrame:
    """Each label's least distance in one layer and its change over depth, and against the second model."""
    values = result.values
    own = own_name(result)
    grown = of_model("change, first to last layer", own)
    columns: dict[str, Any] = {
        "label": list(values.split.classes),
        of_model("minimum distance", own): values.minimum[layer],
        grown: values.growth,
    }
    if layer < len(values.other_minimum):
        assert order is not None
        changes = {one.label: one.change for one in changes_of(result, layer)}
        columns[f"minimum distance, {other_name(result)}"] = values.other_minimum[layer]
        columns[f"change, {change_name(order)}"] = pd.Series(map(changes.get, values.split.classes), dtype="float64")
    return pd.DataFrame(columns).sort_values(grown, ascending=False, kind="stable")


def show_split(result: Result[DirectProbeResult], layer: int) -> None:
    """Which labels are in pieces, and the texts outside the largest piece; then those that were left out."""
    values, name = result.values, plain(result.sources[0].layer_names[layer])
    name += f" of {plain(own_name(result))}" if own_name(result) else ""
    outside, conflict = np.flatnonzero(values.outside[layer]), np.flatnonzero(values.conflict[layer])
    st.subheader("Texts that split a label")
    select_cluster(result, layer, here.row_name)
    if not len(outside) and not len(conflict):
        st.caption(f"None: in {name} every label is one cluster.")
        return
    assert here.texts is not None
    texts, numbers = workbench().text_set(here.texts), values.row_index
    split = values.labels_in_pieces(layer)
    st.caption(
        f"In {name} {count(len(split), 'label')} of {values.n_labels} {'is' if len(split) == 1 else 'are'} in pieces: "
        f"{plain(', '.join(split[:12]))}. The texts outside the largest piece of their label ({ROWS_COUNT[:-1].lower()}):"
    )
    listed = np.concatenate([conflict, outside])

    def table(places: list[int]) -> pd.DataFrame:
        at = listed[places]
        cluster = values.clusters[layer][at]
        known = {
            "row": numbers[at] + 1,
            "cluster": [str(number) if number >= 0 else "left out" for number in cluster],
            "texts in it": [int(size) or None for size in values.cluster_size[layer][at]],
        }
        return pd.DataFrame(with_cells(known, texts, numbers[at].tolist(), label=here.label))

    more = list_rows(numbers[listed].tolist(), table, key="clusters_split", most=MOST_TEXTS)
    if more > 0:
        st.caption(f"{more:,} more are in the JSON file.")
    if len(conflict):
        st.caption("Left out: a text of another label has the same vector, so nothing can separate the two.")


def show_similarity(result: Result[DirectProbeResult]) -> None:
    """Spatial similarity: training against test, tuned against base, layer against layer."""
    values, source = result.values, result.sources[0]
    names = source.layer_names
    st.subheader("Similarity of the labels' arrangement")
    lines = [(f"training against test rows, {short_model(source.model)}", values.train_test)]
    if len(values.other_n_clusters):
        other = short_model(result.sources[1].model)
        lines.append((f"training against test rows, {other}", values.other_train_test[: len(names)]))
        lines.append((f"{short_model(source.model)} against {other}, layer by layer", np.diagonal(values.across)))
    if any(np.isfinite(line).any() for _, line in lines):
        show(
            Finding(
                key="clusters_alike",
                title=f"Spatial similarity over the layers of {source.model}",
                figure=drawn_once(similarity_chart, lines, names),
                caption="",
                table=pd.DataFrame({"layer": names} | {name: filled(line, len(names)) for name, line in lines}),
                results=[result],
                fields=["train_test", "other_train_test", "across"],
                height=360,
                view=str(names),
            )
        )
    if not np.isfinite(values.similarity).any():
        st.info("Two labels have one distance, and a correlation needs three: add texts of a third label.")
        return
    show_layers(result)


def show_layers(result: Result[DirectProbeResult]) -> None:
    """How alike the labels lie in each two layers."""
    values, source = result.values, result.sources[0]
    names = source.layer_names
    why = {(index[0], index[1]): reason for index, reason in reasons(result, "similarity").items()}
    figure = cka_heatmap(values.similarity, names, names, why, value_name="similarity")
    if own_name(result):
        titled(figure, own_name(result))
    table = pd.DataFrame(values.similarity, columns=list(names))
    table.insert(0, of_model("layer", own_name(result)), list(names))
    show(
        Finding(
            key="clusters_layers",
            title=f"Spatial similarity of the layers of {source.model}",
            figure=figure,
            caption=SIMILARITY_CAPTION,
            table=table,
            results=[result],
            fields=["similarity"],
            crosses=True,
            alt=f"Spatial similarity of {len(names)} layers of {source.model} with each other",
            height=480,
            view=str(names),
        )
    )


heading("Clusters", WHAT, HOW, lessons.CLUSTERS)
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
say_classes(label, order, alone=len(here.models) == 1)
found = run_panel([spec], "clusters", DirectProbeResult)
if found is not None:
    with said_once(beside="clusters"):
        show_counts(found[0])
        show_distances(found[0])
        show_similarity(found[0])
