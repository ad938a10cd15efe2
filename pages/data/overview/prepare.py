"""Prepare all: what every page draws first for the current choice, computed as one job."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from backend import AnalysisSpec, Cost, JobStatus, Prepared, PrepareTask, fingerprint
from pages._kit.charts.base import short_model
from pages._kit.flow.costs import time_words
from pages._kit.flow.gather import Asked, asked_by
from pages._kit.flow.progress import watch
from pages._kit.flow.tour import as_they_open, query_of, shown_texts
from pages._kit.show.wording import count
from pages._kit.state.gathering import gathered
from pages._kit.state.selection import Selection
from pages._kit.state.session import plain, show_problem, workbench

HOW = (
    "What each page draws as it opens, for the choice in the sidebar, in one job. Afterwards every page draws at once. "
    "What is stored already is not computed again. Other views and settings of a page are computed once you choose them there."
)
_PLANNED = "_planned_for_all_pages"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked of each page for the choice ``here`` in the sidebar, and what it was said to take."""

    here: Selection
    asked: tuple[Asked, ...]
    task: PrepareTask | None
    cost: Cost | None

    @property
    def drawn(self) -> list[Asked]:
        """The pages that draw something for this choice."""
        return [one for one in self.asked if one.analyses]

    def pages_of(self, spec: AnalysisSpec) -> str:
        """The pages that need an analysis."""
        return " and ".join(one.title for one in self.asked if spec in one.analyses)


def prepare_panel(here: Selection) -> None:
    """The button, then the job's progress with Cancel, then what is prepared, and what is not and why."""
    if gathered() is not None:
        return
    with st.container(key="prepare_panel"):
        st.subheader("Every page")
        st.caption(HOW)
        place = st.empty()
        if st.button("Prepare all", key="prepare_all", icon=":material/playlist_play:"):
            with place:
                plan = _planned(here)
            st.session_state[_PLANNED] = plan
            if plan.task is not None:
                workbench().start(plan.task)
            st.rerun()
        known: Plan | None = st.session_state.get(_PLANNED)
        if known is not None and known.here == here:
            _show(known)


def _planned(here: Selection) -> Plan:
    """What all pages ask for; a bar says which is looked at."""
    visits = as_they_open()
    bar = st.progress(0.0, text="Looking at the pages")
    asked = asked_by(
        visits,
        query_of(here),
        lambda at, title: bar.progress(at / len(visits), text=f"Looking at the pages: {plain(title)}"),
    )
    bench = workbench()
    specs = tuple(dict.fromkeys(spec for one in asked for spec in one.analyses))
    missing = [spec for spec in specs if bench.peek(spec) is None]
    title = f"every page of {' and '.join(short_model(info.spec.name) for info in here.models)} on {shown_texts(here)}"
    task = PrepareTask(specs, title) if missing else None
    return Plan(here, tuple(asked), task, bench.cost(missing) if missing else None)


def _show(plan: Plan) -> None:
    bench = workbench()
    status = None if plan.task is None else bench.status(fingerprint(plan.task))
    if status is not None and status.active:
        if plan.cost is not None:
            st.caption(
                f":material/schedule: {count(len(plan.task.analyses) if plan.task else 0, 'analysis', 'analyses')} of "
                f"{count(len(plan.drawn), 'page')}, in all {time_words(plan.cost)}."
            )
        watch([status.id], key="prepare")
        return
    _say_end(status)
    failed = _failed(plan, bench.peek(plan.task) if plan.task is not None else None)
    left = {spec for one in plan.drawn for spec in one.analyses if bench.peek(spec) is None}
    ready = [one.title for one in plan.drawn if not left.intersection(one.analyses)]
    if ready:
        st.markdown(f":material/check_circle: Prepared: {plain(', '.join(ready))}.")
    said = [f"- **{plain(title)}**: {why}" for title, why in _why_not(plan, failed)]
    if said:
        st.markdown("Not prepared:\n" + "\n".join(said))


def _say_end(status: JobStatus | None) -> None:
    if status is not None and status.state == "failed":
        show_problem(status.error or "It failed without an error message.", status.hint)
    elif status is not None and status.state == "cancelled":
        st.info("It was cancelled. What was done is kept; Prepare all does the rest.", icon=":material/stop_circle:")


def _failed(plan: Plan, found: Prepared | None) -> list[tuple[str, str]]:
    """The pages that lack an analysis which could not be done, and why, in Markdown."""
    if found is None or plan.task is None:
        return []
    specs = plan.task.analyses
    return [(plan.pages_of(specs[one.place]), plain(one.reason)) for one in found.failed if one.place < len(specs)]


def _why_not(plan: Plan, failed: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Every page that is not prepared for a reason that is known: what it said of the choice, or what the job met."""
    lacking = [(one.title, one.said[0]) for one in plan.asked if not one.analyses and one.said]
    return [*lacking, *failed]
