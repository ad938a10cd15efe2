"""Probes: how well trained classifiers tell the labels from each layer, beside the clusters of the labels."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from backend import (
    DirectProbeResult,
    ModelInfo,
    ProbingResult,
    Result,
    band_ends,
    compared_networks,
    points_text,
)
from pages._kit.charts.base import short_model
from pages._kit.flow.controls import params_form
from pages._kit.flow.paper import paper_choice
from pages._kit.flow.progress import run_panel
from pages._kit.show import lessons as lessons
from pages._kit.show.columns import show_table
from pages._kit.show.finding import Finding, said_once, show
from pages._kit.show.findings import (
    heading,
    holders,
    reasons,
    sampling_error_words,
)
from pages._kit.show.kept import drawn_once
from pages._kit.state.labelled import choose_model, choose_other, label_ready, say_classes
from pages._kit.state.pair import in_order
from pages._kit.state.selection import Selection, ready
from pages._kit.state.session import plain, workbench
from pages.labels.probes.charts import CAPTION, Probed, probe_chart

WHAT = "What can a classifier learn about the labels from each layer alone?"
HOW = (
    "Networks of two hidden layers, chosen on the training texts, are trained from several starts on frozen activations, with a "
    "linear classifier beside them. Far above the faint lines of shuffled labels: the layer knows the labels. Where the "
    "network is above the linear probe, it knows them in a form that is not linear."
)
TABLES_HOW = (
    "The form of tables 2 to 4 of Zhou and Srikumar: a representation is linear for the labels where the convex hulls of the "
    "training texts need no more clusters than there are labels. Fewer clusters and a higher accuracy after "
    "fine-tuning mean a simpler arrangement of the labels. With few texts in many dimensions everything is linear; the notes below say so."
)
SIMILARITY_HOW = (
    "Accuracy: on the test rows. Training against test: the correlation of the distances between labels in the training rows and in "
    "the test rows; it needs three labels that lie in a cluster each, and falls where fine-tuning sets the two apart."
)
COMPARE = "The same probes on the layers of this model, over the same texts and the same rows."
FIELDS = ["accuracy", "accuracy_std", "train_std"]
OF_PROBES = {
    "training accuracy": "train_accuracy",
    "± std, training": "train_std",
    "accuracy": "accuracy",
    "± std": "accuracy_std",
}
LINEAR = {"yes": "yes", "no": "no", "random": "yes, but so are random labels", "": ""}


def draw(results: Sequence[Result[ProbingResult]], row_name: str) -> None:
    """Accuracy over depth."""
    probed = [
        Probed(
            short_model(result.sources[0].model) if len(results) > 1 else "",
            result.values,
            result.sources[0].layer_names,
            {at[0]: why for at, why in reasons(result, "accuracy").items()},
        )
        for result in results
    ]
    names = " and ".join(result.sources[0].model for result in results)
    of = results[0].values
    error = sampling_error_words(of.sampling_error, of.n_test_used, row_name, holders(of.split))
    show(
        Finding(
            key="probes_profile",
            title=f"Classifier probes on {names}",
            figure=drawn_once(probe_chart, probed),
            caption=f"{CAPTION} {error}",
            table=lambda: file_table(results),
            results=results,
            fields=FIELDS,
            crosses=True,
            name="probes",
            alt=f"Test accuracy of a network and a linear probe over {len(probed[0].layers)} layers of {names}",
            height=430 if len(results) == 1 else 460,
            view=names,
        )
    )


def setting(values: ProbingResult, layer: int) -> str:
    """The network that was used in one layer, in a few characters."""
    if not values.hidden[layer].all():
        return ""
    one, two = values.hidden[layer]
    return f"{one} x {two}, L2 {values.weight[layer]:.0e}"


def numbers_table(results: Sequence[Result[ProbingResult]]) -> pd.DataFrame:
    """One row for each layer of each model."""
    parts = []
    for result in results:
        values, source = result.values, result.sources[0]
        layers = range(len(source.layer_names))
        columns: dict[str, Any] = {"model": short_model(source.model)} if len(results) > 1 else {}
        columns |= {
            "layer": list(source.layer_names),
            "test accuracy": values.accuracy,
            "± std": values.accuracy_std,
            "training accuracy": values.train_accuracy,
            "± std, training": values.train_std,
            "network": [setting(values, layer) for layer in layers],
            "hidden 1": values.hidden[:, 0],
            "hidden 2": values.hidden[:, 1],
            "L2 weight": values.weight,
            "linear, test": values.linear_accuracy,
            "linear, training": values.linear_train,
            "selectivity": values.selectivity,
            "selectivity, linear": values.linear_selectivity,
            "shuffled labels": values.control_accuracy,
            "shuffled, ± std": values.control_std,
            "shuffled, linear": values.linear_control,
            "shuffled, linear, ± std": values.linear_control_std,
            "chosen at": values.held_accuracy,
            "trainings": values.n_fits,
            "not converged": values.n_unconverged,
        }
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def file_table(results: Sequence[Result[ProbingResult]]) -> pd.DataFrame:
    """The numbers with the ends of the band."""
    numbers = numbers_table(results).drop(columns="network")
    low, high = band_ends(numbers["test accuracy"], numbers["± std"].fillna(0))
    return numbers.assign(low=low, high=high)


def between(results: Sequence[Result[ProbingResult]]) -> str:
    """The networks of the two models in the last layer that both have, row by row."""
    shared = [name for name in results[0].sources[0].layer_names if name in results[1].sources[0].layer_names]
    if not shared or results[0].sources[0].layer_names != results[1].sources[0].layer_names:
        return ""
    found = compared_networks(results[0], results[1], len(shared) - 1)
    if found is None:
        return "The two models were evaluated on different test rows, so they are not compared."
    names = [short_model(result.sources[0].model) for result in results]
    return (
        f"{shared[-1]}, from {names[0]} to {names[1]}: {points_text(*found)} for the networks (95 %, row "
        "by row on the same test rows)."
    )


def special() -> dict[str, Any]:
    """The columns that need a word of explanation."""
    return {
        "chosen at": st.column_config.NumberColumn(
            format="percent",
            step=0.001,
            help="The chosen network's accuracy in the search, on training texts held out for it: too high.",
        )
    }


def clusters_of(
    clusters: Result[DirectProbeResult] | None, model: str, layer: str
) -> tuple[int | None, float, str, float]:
    """Labels and clusters of the training rows in a layer of a model, whether it is linear, and how alike the labels lie in training
    and test rows; None, NaN and "" where unknown."""
    for side, source in enumerate(clusters.sources if clusters is not None else ()):
        if clusters is not None and source.model == model and layer in source.layer_names:
            values, at = clusters.values, source.layer_names.index(layer)
            counts = values.other_n_clusters if side else values.n_clusters
            alike = values.other_train_test if side else values.train_test
            return values.n_labels, float(counts[at]), LINEAR[values.linear(at, other=bool(side))], float(alike[at])
    return None, float("nan"), "", float("nan")


def paper_table(
    models: Sequence[ModelInfo],
    probes: Sequence[Result[ProbingResult]] | None,
    clusters: Result[DirectProbeResult] | None,
) -> pd.DataFrame:
    """Representation against linear?, clusters, accuracy and similarity: what is not there yet stays empty."""
    rows = []
    for place, info in enumerate(models):
        result = probes[place] if probes else None
        for layer in _layers(info, result, clusters):
            n_labels, n_clusters, linear, alike = clusters_of(clusters, info.spec.name, layer)
            at = result.sources[0].layer_names.index(layer) if result is not None else -1
            rows.append(
                {
                    "representation": short_model(info.spec.name),
                    "layer": layer,
                    "linear?": linear,
                    "labels": n_labels,
                    "clusters": n_clusters,
                    **{
                        name: float(getattr(result.values, field)[at]) if result is not None else float("nan")
                        for name, field in OF_PROBES.items()
                    },
                    "training against test (similarity)": alike,
                }
            )
    return pd.DataFrame(rows).astype({"labels": "Int64"})


def _layers(
    info: ModelInfo, result: Result[ProbingResult] | None, clusters: Result[DirectProbeResult] | None
) -> Sequence[str]:
    if result is not None:
        return result.sources[0].layer_names
    found = [source for source in clusters.sources if source.model == info.spec.name] if clusters is not None else []
    return found[0].layer_names if found else ()


def show_all(results: Sequence[Result[ProbingResult]], row_name: str) -> None:
    """Profile and table."""
    with said_once(beside="probes"):
        draw(results, row_name)
        st.subheader("The numbers")
        if len(results) > 1:
            st.caption(plain(between(results)))
        shown = numbers_table(results).drop(columns=["hidden 1", "hidden 2", "L2 weight"])
        show_table(shown, columns=special())


def show_paper_table(
    here: Selection,
    models: Sequence[ModelInfo],
    label: str,
    params: dict[str, Any],
    probes: Sequence[Result[ProbingResult]] | None,
) -> None:
    """The clusters of the same rows, run from here, and both in one table."""
    st.subheader("Clusters and accuracy")
    st.caption(TABLES_HOW)
    shared = {name: params[name] for name in ("test_share", "test_split", "drop_single", "control", "max_rows")}
    spec = workbench().analysis(
        "direct_probe", models=models[::-1], layers=here.layers, label=label, params=shared, **here.rows
    )
    found = run_panel([spec], "probes_clusters", DirectProbeResult, run_label="Find the clusters")
    clusters = found[0] if found else None
    if clusters is None and not probes:
        return
    found_in: list[Result] = [*(probes or ()), *([clusters] if clusters is not None else [])]
    names = " and ".join(short_model(info.spec.name) for info in models)
    show(
        Finding(
            key="probes_table",
            title=f"Clusters, accuracy, and training against test rows, of {names}",
            figure=None,
            tabular=True,
            caption=SIMILARITY_HOW,
            table=paper_table(models, probes, clusters),
            results=found_in,
            fields=["n_clusters", "other_n_clusters", "train_test", "other_train_test"] if clusters is not None else [],
            name="probes-table",
        )
    )


heading("Probes", WHAT, HOW, lessons.PROBES)
here = ready()
label = label_ready(here)
with st.container(horizontal=True, vertical_alignment="bottom"):
    model = choose_model(here.models, "probes_model")
    other = choose_other(here, model, "probes_other", COMPARE)
    paper = paper_choice(["probing"], here, model, "probes")
models = [model] if other is None else list(in_order([info for info in here.models if info in (model, other)]).models)
with paper.box:
    params = params_form(workbench().metrics()["probing"].params, **paper.form("probing", "probes"))
paper.say(here, {"probing": params})
specs = [
    workbench().analysis("probing", models=[one], layers=here.layers, label=label, params=params, **here.rows)
    for one in models
]
say_classes(label, alone=len(here.models) == 1)
found = run_panel(specs, "probes", ProbingResult)
if found is not None:
    show_all(found, here.row_name)
show_paper_table(here, models, label, params, found)
