"""The report of everything that is computed for the current choice: the figures of all pages in one file."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from backend import ModelInfo
from pages._kit.charts.base import short_model
from pages._kit.flow.gather import Found, figures_of, visits_of
from pages._kit.show.export import origin
from pages._kit.show.finding import Finding
from pages._kit.show.naming import file_stem, without_paths
from pages._kit.show.wording import count
from pages._kit.state.gathering import gathered
from pages._kit.state.model_field import chosen_names
from pages._kit.state.selection import NO_LABEL, Selection
from pages._kit.state.session import plain
from pages._kit.state.view import view
from pages.training.report.files import Section, html_report, section_of

HOW = (
    "One file with every figure that is stored for the choice in the sidebar, with its caption, where it comes from, and what is undefined "
    "in it and why. It opens without the dashboard and without a network. Nothing is computed for it: run on a page what is to be in it. "
    "Pages stand as they open, with each of their views and, where they show one model, for each model."
)
_MODEL = "{model}"  # in a variant: the key of a box, of which every model is taken
PAGES: Mapping[str, Sequence[Mapping[str, Sequence[Any]]]] = {
    "start": (),
    "similarity": (
        {"similarity_view": ["Along depth"]},
        {
            "similarity_mode": ["Within one model"],
            "similarity_first": [_MODEL],
            "similarity_view": ["Matrix", "Along depth"],
        },
        {"similarity_mode": ["Difference of two models"], "similarity_view": ["Matrix", "Along depth"]},
        {"similarity_mode": ["All models"]},
    ),
    "projection": ({"projection_method": ["tsne", "umap"]},),
    "profiles": (),
    "components": ({"components_model": [_MODEL]}, {"components_view": ["Tuned against base"]}),
    "rogue": (
        {"rogue_model": [_MODEL], "rogue_view": ["One layer", "All layers", "Norm weights"]},
        {"rogue_view": ["Overlap"]},
    ),
    "threshold": ({"threshold_model": [_MODEL]},),
    "ablation": ({"ablation_model": [_MODEL], "inner_wanted": [False, True]},),
    "neurons": ({"neurons_model": [_MODEL], "neurons_view": ["One layer", "All layers"]},),
    "component_accuracy": ({"component_model": [_MODEL]},),
    "clusters": ({"clusters_model": [_MODEL]},),
    "probes": ({"probes_model": [_MODEL]},),
    "movement": ({"movement_kind": ["All layers"]},),
    "report": ({"report_slow": [True]},),
}
_DYNAMICS = {"dynamics": ({"dynamics_view": ["Intrinsic dimension", "CKA", "Rogue", "Labels", "Map"]},)}
_KEPT = (
    "before",
    "series",
    "report_base",
    "report_tuned",
    "report_layer",
)  # choices on pages that say what is compared
_MADE = "_report_of_everything"


def everything_view(here: Selection) -> None:
    """The button, then what the file has, what it has not, and the file."""
    if gathered() is not None:
        return
    st.caption(HOW)
    query = _query(here)
    if st.button("Make the report", key="everything_make", type="primary", icon=":material/auto_stories:"):
        figures = _figures(here.models, query)
        st.session_state[_MADE] = query, figures, report_file(here, figures)
    made, found, file = st.session_state.get(_MADE, ("", [], b""))
    if made != query:
        return
    n_figures = sum(len(one.findings) for one in found)
    if not n_figures:
        st.info("No figure is stored for this choice yet: press Run on a page first.", icon=":material/info:")
        return
    listed = ", ".join(f"{plain(one.title)} ({len(one.findings)})" for one in found if one.findings)
    missing = ", ".join(plain(one.title) for one in found if not one.findings)
    st.markdown(f"{count(n_figures, 'figure')}: {listed}." + (f" Nothing is stored of: {missing}." if missing else ""))
    st.download_button(
        "HTML report",
        file,
        f"{_stem(here)}.html",
        "text/html",
        key="everything_html",
        on_click="ignore",
        icon=":material/web:",
        help="All these figures in one file that opens without the dashboard and without a network.",
    )


def _figures(models: Sequence[ModelInfo], query: str) -> list[Found]:
    """The figures of all pages, with a bar that says which page is looked at."""
    kept = {key: st.session_state[key] for key in _KEPT if key in st.session_state}
    pages = {**PAGES, **(_DYNAMICS if kept.get("series") else {})}
    names = [info.spec.name for info in models]
    named = {page: [_with_models(one, names) for one in variants] for page, variants in pages.items()}
    visits = [replace(visit, choices={**kept, **visit.choices}) for visit in visits_of(named)]
    bar = st.progress(0.0, text="Looking for figures")
    found = figures_of(
        visits,
        query,
        lambda place, title: bar.progress(place / len(visits), text=f"Looking for figures: {plain(title)}"),
    )
    bar.empty()
    return found


def _with_models(variant: Mapping[str, Sequence[Any]], names: Sequence[str]) -> dict[str, Sequence[Any]]:
    return {key: names if list(values) == [_MODEL] else values for key, values in variant.items()}


def _query(here: Selection) -> str:
    """The choice as an address, as far as the pages have been drawn."""
    own = "report_"  # fields of this page, which the pages that are visited begin with by themselves
    words = {key: value for key, value in view().words.items() if not key.startswith(own)}
    words |= {"model": chosen_names(), "texts": [_texts(here)], "label": [here.label or NO_LABEL]}
    if here.pooling != "words":
        words["pooling"] = [here.pooling]
    return urlencode(words, doseq=True)


def _stem(here: Selection) -> str:
    about = ("+".join(short_model(info.spec.name) for info in here.models), _texts(here))
    return file_stem(Finding("everything-computed", "", None, "", pd.DataFrame(), about=about))


def _texts(here: Selection) -> str:
    return here.texts.shown_name if here.texts is not None else ""


def report_file(here: Selection, found: Sequence[Found]) -> bytes:
    """The file: the choice in words, then page by page its figures, each with all that belongs to it."""
    sections: list[Section] = []
    for one in found:
        for finding in one.findings:
            part = section_of(finding, square=finding.aspect is not None, origins=True)
            sections.append(replace(part, title=f"{one.title}: {part.title}"))
    models = " and ".join(short_model(info.spec.name) for info in here.models)
    pages = ", ".join(one.title for one in found if one.findings)
    missing = ", ".join(one.title for one in found if not one.findings)
    notes = [f"Figures of {pages}." + (f" Nothing was stored of {missing}." if missing else "")]
    results = {result.fingerprint: result for one in found for finding in one.findings for result in finding.results}
    abouts = [part for one in found for finding in one.findings for part in finding.about]
    whole = Finding("report", "", None, "", pd.DataFrame(), results=list(results.values()), about=abouts)
    page = html_report(
        f"Everything computed: {models} on {_texts(here)}, pooling {here.pooling}",
        sections,
        [*notes, *origin(list(results.values()))],
    )
    return without_paths(page, whole).encode()
