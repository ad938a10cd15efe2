"""What the job of an analysis has of its result so far, for a page that draws it until the result is there. It is no result."""

from typing import TypeVar

import streamlit as st

from backend import AnalysisSpec, JobStatus, Result, fingerprint, result_of
from pages._kit.flow.progress import run_panel
from pages._kit.state.gathering import gathered
from pages._kit.state.session import service_may_be_lost, workbench

EVERY_SECONDS = 0.5  # it is asked for, until there is something
_KEPT = "_early_results"
Values = TypeVar("Values")


def result_or_early(spec: AnalysisSpec, key: str, of: type[Values]) -> tuple[Result[Values] | None, bool]:
    """The result of ``spec`` as by ``run_panel``, or what its job has of it already; and whether it is no more than that.

    While the job has nothing the page asks again, and runs anew when there is something.
    """
    with st.container():  # what is below keeps its place when the progress goes, and the chart is not made anew
        found = run_panel([spec], key, of)
    if found is not None or gathered() is not None:
        st.session_state.pop(_KEPT, None)
        return (None if found is None else found[0]), False
    job = _going_on(spec)
    early = _asked(spec, job)
    if early is not None:
        return result_of(early, of), True
    if job is not None:
        _await(spec)
    return None, False


def _going_on(spec: AnalysisSpec) -> JobStatus | None:
    job = workbench().status(fingerprint(spec))
    return job if job is not None and job.active else None


def _asked(spec: AnalysisSpec, job: JobStatus | None) -> Result | None:
    """What ``job`` has; it stays as it is, so that it is asked for until it comes, once for each try of the job."""
    if job is None:
        st.session_state.pop(_KEPT, None)
        return None
    now = job.id, job.created
    kept = st.session_state.get(_KEPT)
    if kept is not None and kept[0] == now:
        found: Result = kept[1]
        return found
    early = workbench().early(spec)
    if early is not None:
        st.session_state[_KEPT] = now, early
    return early


@st.fragment(run_every=EVERY_SECONDS)
def _await(spec: AnalysisSpec) -> None:
    with service_may_be_lost():
        if _asked(spec, _going_on(spec)) is not None:
            st.rerun()
