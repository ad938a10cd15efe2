"""The report of everything that is computed for the current choice: the figures of all pages in one file."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import streamlit as st

from backend import ModelInfo
from pages._kit.charts.base import short_model
from pages._kit.flow.gather import Found, figures_of
from pages._kit.flow.tour import every_view, query_of, shown_texts
from pages._kit.show.export import origin
from pages._kit.show.finding import Finding
from pages._kit.show.naming import file_stem, without_paths
from pages._kit.show.wording import count, pooled
from pages._kit.state.gathering import gathered
from pages._kit.state.selection import Selection
from pages._kit.state.session import plain
from pages.training.report.files import Section, html_report, section_of

HOW = (
    "One file with every figure that is stored for the choice in the sidebar, with its caption, where it comes from, and what is undefined "
    "in it and why. It opens without the dashboard and without a network. Nothing is computed for it: what is to be in it must have been run. "
    "Pages stand as they open, with each of their views and, where they show one model, for each model; other settings of a page are left out. "
    "Prepare all on Overview computes what the pages open with, and not their other views: run those on their pages."
)
_MADE = "_report_of_everything"


def everything_view(here: Selection) -> None:
    """The button, then what the file has, what it has not, and the file."""
    if gathered() is not None:
        return
    st.caption(HOW)
    query = query_of(here)
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
    visits = every_view(models)
    bar = st.progress(0.0, text="Looking for figures")
    found = figures_of(
        visits,
        query,
        lambda place, title: bar.progress(place / len(visits), text=f"Looking for figures: {plain(title)}"),
    )
    bar.empty()
    return found


def _stem(here: Selection) -> str:
    about = ("+".join(short_model(info.spec.name) for info in here.models), shown_texts(here))
    return file_stem(Finding("everything-computed", "", None, "", pd.DataFrame(), about=about))


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
        f"Everything computed: {models} on {shown_texts(here)}, {pooled(here.pooling)}",
        sections,
        [*notes, *origin(list(results.values()))],
    )
    return without_paths(page, whole).encode()
