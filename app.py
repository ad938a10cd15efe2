"""The dashboard's entry point: the table of pages and the sidebar they share."""

import streamlit as st

from pages._kit.flow.door import show_door, show_who
from pages._kit.show.links import MARK, page_file
from pages._kit.state import address, login, newer, selection, session, view

PAGES = {
    "Data": [
        ("data/overview", "Overview", "A first look: similarity, projection and profile of one model in one run."),
        ("data/texts", "Texts", "Your text sets: upload, paste or fetch one, and look at its rows."),
        ("data/models", "Models", "Facts about each model, and how to name one."),
        ("data/jobs", "Jobs", "Running and finished jobs: progress, errors, Cancel."),
    ],
    "Geometry": [
        ("geometry/similarity", "Similarity (CKA)", "CKA between all layers of one model or of two."),
        ("geometry/projection", "Projection (t-SNE, UMAP)", "PCA, t-SNE or UMAP of a layer: one point per text."),
        (
            "geometry/profiles",
            "Profiles (anisotropy, TwoNN)",
            "Anisotropy, average cosine and intrinsic dimension over depth.",
        ),
        ("geometry/components", "Components (PCA)", "Variance by principal component; fine-tuned against base."),
        ("geometry/rogue", "Rogue dimensions", "Dimensions whose values stand out from all others, layer by layer."),
        (
            "geometry/neighbours",
            "Neighbours",
            "The nearest texts of a text in the full space, layer by layer, and which texts moved.",
        ),
        ("geometry/selection", "Selection", "The selected texts against the rest: any one number per layer."),
        ("geometry/explorer", "Explorer", "Any metric with its settings and numbers, including your own metrics."),
    ],
    "Labels": [
        ("labels/threshold", "Threshold", "What one dimension knows about the labels, layer by layer."),
        ("labels/ablation", "Ablation", "What a head still gets right when dimensions are removed."),
        (
            "labels/neurons",
            "Neurons (salient)",
            "Which few dimensions separate the classes, and what each knows alone.",
        ),
        (
            "labels/component_accuracy",
            "Component accuracy",
            "What the leading principal components know about the labels.",
        ),
        (
            "labels/clusters",
            "Clusters (DirectProbe)",
            "Whether the regions of the labels overlap, and how far apart they are.",
        ),
        ("labels/probes", "Probes (MLP, linear)", "How well trained classifiers predict the labels, layer by layer."),
        (
            "labels/movement",
            "Movement (centroids)",
            "How far the labels' centroids move over the layers and from base to fine-tuned.",
        ),
    ],
    "Training": [
        ("training/finetune", "Fine-tune", "Train a model on your labels; its checkpoints form a series."),
        ("training/dynamics", "Dynamics", "How the geometry changes over the checkpoints of a training run."),
        ("training/report", "Report", "Before and after fine-tuning: a pair of models on one page."),
        (
            "training/papers",
            "Papers",
            "Each figure and table of the papers: the link that draws it, and its numbers beside ours.",
        ),
    ],
}


def page(path: str, title: str, about: str) -> st.Page:
    """One row of the table as a page; its address is the name of its folder.

    Without an icon: Streamlit makes the icon the favicon too, and fetches it from a font server on the internet.
    """
    address = path.rpartition("/")[2]
    return st.Page(
        page_file(path),
        title=title,
        url_path="start" if address == "overview" else address,  # the first page's own address is the root
        default=address == "overview",
        help=about,
    )


def no_page() -> None:
    """Stands at /overview, which Streamlit would call missing: it serves the first page at the root alone."""


table = {section: [page(*row) for row in rows] for section, rows in PAGES.items()}
table["Data"].append(st.Page(no_page, title="Overview", url_path="overview", visibility="hidden"))
found = login.enter()
chosen = st.navigation(table, position="hidden" if found.person is None else "top")
if chosen.url_path == "overview":  # before any widget takes its value from the address, which goes along
    st.switch_page(
        page_file(PAGES["Data"][0][0]), query_params={key: st.query_params.get_all(key) for key in st.query_params}
    )
st.set_page_config(
    page_title=f"{chosen.title} · Embedscope", page_icon=str(MARK), layout="wide", initial_sidebar_state=340
)
st.logo(str(MARK.with_name("wordmark.svg")), size="large", icon_image=str(MARK))
if found.person is None:
    show_door(found)
    st.stop()
session.freeze_once()
session.look_anew()
view.begin(chosen.url_path)
told = st.container(key="told")
try:
    with session.problems_shown():
        selection.sidebar()
        show_who(found)
        chosen.run()
finally:
    with told:
        address.say_gone()
        newer.say_newer()
    address.settle()
