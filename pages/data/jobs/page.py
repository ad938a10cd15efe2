"""Jobs: everything that runs or ran on the backend service, with progress, errors and Cancel."""

import streamlit as st

from backend import LOOK_UPS, NOBODY, JobStatus
from pages._kit.flow.progress import show_progress, waiting
from pages._kit.show import wording
from pages._kit.show.findings import heading
from pages._kit.state import ask, login
from pages._kit.state.session import plain, service_may_be_lost, show_problem, workbench
from pages.data.jobs.link import link_of, titled

SHOWN = 50
WHOSE = " Your jobs are listed. Who looks after the instance sees that there are others, and may cancel them, but not what they are about."
BADGES = {
    "queued": ("queued", ":material/schedule:", "gray"),
    "running": ("running", ":material/play_circle:", "blue"),
    "done": ("done", ":material/check_circle:", "green"),
    "failed": ("failed", ":material/error:", "red"),
    "cancelled": ("cancelled", ":material/stop_circle:", "orange"),
}


def show_job(status: JobStatus) -> None:
    """One job: what it is, where it stands, and what to do about it."""
    state = "queued" if status.place and status.active else status.state  # between two of its steps
    name, icon, color = BADGES.get(state, (state, "", "gray"))
    with st.container(border=True, gap="small", key=f"job_{status.id}"):
        st.markdown(f"**{plain(_capital(titled(status)))}** &nbsp; :{color}-badge[{icon} {name}]")
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(plain(f"{times(status)}{f' · {waiting(status)}' if status.place else ''}"), width="stretch")
            show_link(status)
            if status.active:
                stop = workbench().cancel
                st.button("Cancel", key=f"cancel_{status.id}", on_click=stop, args=(status.id,), type="tertiary")
        if status.active and not status.place:
            show_progress(status, title=False)
        if status.state == "failed":
            show_problem(status.error or "It failed without an error message.", status.hint)


def show_link(status: JobStatus) -> None:
    """The way to the figure: drawn, or being made, with the choice that the job was started by."""
    link = link_of(status.choice) if status.choice is not None else None
    if link is not None:
        label = "Show the figure" if status.state == "done" else "Open the page"
        with st.container(key=f"figure_{status.id}", width="content"):
            st.page_link(link.file, label=label, query_params=link.query, icon=":material/arrow_forward:")


def _capital(title: str) -> str:
    return title[:1].upper() + title[1:]


def times(status: JobStatus) -> str:
    """When the job was asked for and how long it took."""
    began = status.started or status.created
    parts = [f"{'asked for' if status.started is None else 'started'} {wording.age(began)}"]
    if status.started is not None and status.finished is not None:
        parts.append(f"took {wording.duration(status.finished - status.started)}")
    return " · ".join(parts)


def show_all(*, small: bool) -> bool:
    """Draw the list, with the pages' own look-ups if ``small``; True while something in it works."""
    everything = workbench().jobs()
    folded = [job for job in everything if job.kind in LOOK_UPS]
    jobs = [job for job in everything if small or job.kind not in LOOK_UPS or job.active]
    if not jobs:
        rest = f" {wording.count(len(folded), 'look-up')} folded away." if folded else ""
        st.info(f"No job yet. Choose a page, such as Overview, and press Run.{rest}", icon=":material/checklist:")
    for status in jobs[:SHOWN]:
        show_job(status)
    if len(jobs) > SHOWN:
        st.caption(f"The newest {SHOWN} of {len(jobs):,} jobs.")
    return any(status.active for status in jobs)


def show_damage() -> None:
    """What of the cache was damaged and set aside, if anything was, and what is wrong with the records of jobs."""
    health = workbench().health()
    if trouble := health.get("trouble"):
        st.warning(plain(trouble), icon=":material/healing:")
    if left_out := health.get("left out"):
        st.caption(plain(f"Left out: {left_out}."))
    if said := health.get("set aside"):
        st.warning(
            plain(
                f"Damaged entries of the cache were set aside: {said}. Activations and results are computed again when "
                "they are needed; a text set has to be added again."
            ),
            icon=":material/healing:",
        )


@st.fragment(run_every=1.0)
def live(*, small: bool) -> None:
    """The list, drawn again each second until nothing works any more."""
    with service_may_be_lost():
        if not show_all(small=small):
            st.rerun()


heading(
    "Jobs",
    "What runs, what waits, and what came of it.",
    "Jobs continue when you close the tab, and they are shared: a second request for the same result joins the running job."
    + (WHOSE if login.person() != NOBODY else ""),
)
show_damage()
also_small = ask.toggle("Also show look-ups, cost estimates and files read", key="jobs_small")
if any(status.active for status in workbench().jobs()):
    live(small=also_small)
else:
    st.button("Refresh", key="jobs_refresh", icon=":material/refresh:")
    show_all(small=also_small)
