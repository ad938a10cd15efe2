"""Jobs: everything that runs or ran on the backend service, with progress, errors and Cancel."""

import streamlit as st

from backend import JobStatus
from pages._kit.flow.progress import show_progress
from pages._kit.show import wording
from pages._kit.state.session import plain, show_problem, workbench

SHOWN = 50
SMALL = (
    "ResolveTask",
    "SeriesTask",
    "EstimateTask",
)  # asked by the pages themselves: of interest where one works or failed
BADGES = {
    "queued": ("queued", ":material/schedule:", "gray"),
    "running": ("running", ":material/play_circle:", "blue"),
    "done": ("done", ":material/check_circle:", "green"),
    "failed": ("failed", ":material/error:", "red"),
    "cancelled": ("cancelled", ":material/stop_circle:", "orange"),
}


def show_job(status: JobStatus) -> None:
    """One job: what it is, where it stands, and what to do about it."""
    name, icon, color = BADGES.get(status.state, (status.state, "", "gray"))
    with st.container(border=True, key=f"job_{status.id}"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"**{plain(status.title)}** &nbsp; :{color}-badge[{icon} {name}]", width="content")
            st.caption(times(status), width="content")
        if status.active:
            show_progress(status, title=False)
            st.button("Cancel", key=f"cancel_{status.id}", on_click=workbench().cancel, args=(status.id,))
        if status.state == "failed":
            show_problem(status.error or "It failed without an error message.", status.hint)


def times(status: JobStatus) -> str:
    """When the job was asked for and how long it took."""
    parts = [f"started {wording.age(status.created)}"]
    if status.started is not None and status.finished is not None:
        parts.append(f"took {wording.duration(status.finished - status.started)}")
    return " · ".join(parts)


def show_all(*, small: bool) -> bool:
    """Draw the list, with the pages' own look-ups if ``small``; True while something in it works."""
    everything = workbench().jobs()
    jobs = [job for job in everything if small or job.kind not in SMALL or job.state not in ("done", "cancelled")]
    if not jobs:
        st.info("No job yet. Press Run on any page.", icon=":material/checklist:")
    for status in jobs[:SHOWN]:
        show_job(status)
    if len(jobs) > SHOWN:
        st.caption(f"The newest {SHOWN} of {len(jobs):,} jobs.")
    return any(status.active for status in jobs)


def show_damage() -> None:
    """What of the cache was damaged and set aside, if anything was."""
    said = workbench().health().get("set aside")
    if said:
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
    if not show_all(small=small):
        st.rerun()


st.title("Jobs")
st.caption(
    "Jobs continue when you close the tab, and they are shared: a second request for the same result joins the running job."
)
show_damage()
also_small = st.toggle("Also show look-ups and cost estimates", key="jobs_small", persist_state="session")
if any(status.active for status in workbench().jobs()):
    live(small=also_small)
else:
    st.button("Refresh", key="jobs_refresh", icon=":material/refresh:")
    show_all(small=also_small)
