"""Probes: how well trained classifiers tell the labels from each layer, beside the clusters of the labels."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from backend import (
    AnalysisSpec,
    DirectProbeResult,
    ModelInfo,
    ProbingResult,
    Result,
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
from pages._kit.state.labelled import choose_all_or_one, choose_model, label_ready, say_classes
from pages._kit.state.pair import in_order
from pages._kit.state.selection import Selection, ready
from pages._kit.state.session import plain, workbench
from pages.labels.probes.charts import CAPTION, MODELS_CAPTION, Probed, models_chart, probe_chart
from pages.labels.probes.tables import file_table, numbers_table, paper_table

Layers = str | tuple[int, ...]
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
COMPARE = (
    'The same probes on the layers of this model, over the same texts and the same rows. Or "All models": the last layer on show of every '
    "model of the sidebar, in one figure and one table."
)
FIELDS = ["accuracy", "accuracy_std", "train_std"]


def asked(
    here: Selection, metric: str, info: ModelInfo, layers: Layers, label: str, params: dict[str, Any]
) -> AnalysisSpec:
    """What is asked of one model."""
    return workbench().analysis(metric, models=[info], layers=layers, label=label, params=params, **here.rows)


def last_on_show(here: Selection, info: ModelInfo) -> Layers:
    """The last of the sidebar's layers in a model, which may have fewer."""
    most = len(info.layer_names) - 1
    return (most if isinstance(here.layers, str) else min(most, max(here.layers)),)


def draw(results: Sequence[Result[ProbingResult]], row_name: str, *, every: bool) -> None:
    """Accuracy over depth; of ``every`` model in its last layer."""
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
            key="probes_models" if every else "probes_profile",
            title=f"Classifier probes on {names}",
            figure=drawn_once(models_chart if every else probe_chart, probed),
            caption=f"{MODELS_CAPTION if every else CAPTION} {error}",
            table=lambda: file_table(results),
            results=results,
            fields=FIELDS,
            crosses=True,
            name="probes",
            alt=f"Test accuracy of a network and a linear probe "
            f"{'in the last layer' if every else f'over {len(probed[0].layers)} layers'} of {names}",
            height=430 if len(results) == 1 else 460,
            view=names,
        )
    )


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


def show_all(results: Sequence[Result[ProbingResult]], row_name: str, *, every: bool) -> None:
    """Profile, or the models side by side, and the table."""
    with said_once(beside="probes"):
        draw(results, row_name, every=every)
        st.subheader("The numbers")
        if len(results) == 2:
            st.caption(plain(between(results)))
        shown = numbers_table(results).drop(columns=["hidden 1", "hidden 2", "L2 weight"])
        show_table(shown, columns=special())


def show_paper_table(
    here: Selection,
    models: Sequence[tuple[ModelInfo, Layers]],
    label: str,
    params: dict[str, Any],
    probes: Sequence[Result[ProbingResult]] | None,
) -> None:
    """The clusters of the same rows, run from here, and both in one table."""
    st.subheader("Clusters and accuracy")
    st.caption(TABLES_HOW)
    shared = {name: params[name] for name in ("test_share", "test_split", "drop_single", "control", "max_rows")}
    specs = [asked(here, "direct_probe", info, layers, label, shared) for info, layers in models]
    clusters = run_panel(specs, "probes_clusters", DirectProbeResult, run_label="Find the clusters")
    if not clusters and not probes:
        return
    found_in: list[Result] = [*(probes or ()), *(clusters or ())]
    infos = [info for info, _ in models]
    names = " and ".join(short_model(info.spec.name) for info in infos)
    show(
        Finding(
            key="probes_table",
            title=f"Clusters, accuracy, and training against test rows, of {names}",
            figure=None,
            tabular=True,
            caption=SIMILARITY_HOW,
            table=paper_table(infos, probes, clusters),
            results=found_in,
            fields=["n_clusters", "train_test"] if clusters else [],
            name="probes-table",
        )
    )


heading("Probes", WHAT, HOW, lessons.PROBES)
here = ready()
label = label_ready(here)
with st.container(horizontal=True, vertical_alignment="bottom"):
    model = choose_model(here.models, "probes_model")
    beside = choose_all_or_one(here, model, "probes_other", COMPARE)
    paper = paper_choice(["probing"], here, model, "probes")
every = beside is None
infos = in_order(here.models if beside is None else [info for info in here.models if info in (model, *beside)]).models
models = [(info, last_on_show(here, info) if every else here.layers) for info in infos]
with paper.box:
    params = params_form(workbench().metrics()["probing"].params, **paper.form("probing", "probes"))
paper.say(here, {"probing": params})
specs = [asked(here, "probing", info, layers, label, params) for info, layers in models]
say_classes(label, alone=len(here.models) == 1)
found = run_panel(specs, "probes", ProbingResult)
if found is not None:
    show_all(found, here.row_name, every=every)
show_paper_table(here, models, label, params, found)
