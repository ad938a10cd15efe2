"""Long work as a page shows it: what it costs, Run, progress with Cancel, and the result when it is there.

The result is looked for first: where it is there, nobody is asked where its job stands. Where it is not there and the
job is done, it is looked for once more, so that a job that ended between the two shows its result. Only queued and
running jobs are ever watched, so a result that was evicted offers Run again and never reruns the page for ever.
"""

import re
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, TypeVar, overload

import streamlit as st

from backend import (
    ActivationSpec,
    AnalysisSpec,
    BatchTask,
    Cost,
    EstimateTask,
    JobStatus,
    ModelSpec,
    Request,
    Result,
    fingerprint,
    number_text,
    result_of,
)
from pages._kit.flow.by_itself import busy, starts_by_itself
from pages._kit.flow.costs import say_cost
from pages._kit.show import wording
from pages._kit.state.gathering import asked_for, gathered
from pages._kit.state.session import plain, service_may_be_lost, show_problem, workbench

if TYPE_CHECKING:
    from backend.bench.workbench import Workbench

Answer = TypeVar("Answer")

POLL_SECONDS = 0.5
_OF_SEVERAL = re.compile(r"\d+ of \d+, ")  # a stage of one of several analyses, whose count is in hundredths of each
_ASKED = "_tasks_asked_for"
LAPSED_SECONDS = 60.0


@overload
def run_panel(
    specs: Sequence[AnalysisSpec], key: str, of: type[Answer], *, run_label: str = "Run"
) -> list[Result[Answer]] | None: ...
@overload
def run_panel(
    specs: Sequence[AnalysisSpec], key: str, of: type[Answer], *, run_label: str = "Run", partial: Literal[True]
) -> list[Result[Answer] | None] | None: ...
@overload
def run_panel(specs: Sequence[AnalysisSpec], key: str, *, run_label: str = "Run") -> list[Result] | None: ...
@overload
def run_panel(
    specs: Sequence[AnalysisSpec], key: str, *, run_label: str = "Run", partial: Literal[True]
) -> list[Result | None] | None: ...
def run_panel(
    specs: Sequence[AnalysisSpec], key: str, of: type[object] = object, *, run_label: str = "Run", partial: bool = False
) -> Sequence[Result[object] | None] | None:
    """The results of ``specs`` in their order, or None while they are not all there (then the panel shows the rest).

    Results that are stored come at once, with no button. Otherwise the panel shows the cost and a Run button, then
    progress with Cancel, then, if it went wrong, the reason and Run again. What is surely cheap starts by itself. A job that somebody else started for the
    same thing is joined. With ``partial`` the list comes as soon as one result is there, None in the open places.
    ``of`` is the class of their values, where it is one for all; raises InvalidRequest for another.
    """
    bench = workbench()
    looks = [_look(bench, spec) for spec in specs]
    results = [None if found is None else result_of(found, of) for found, _ in looks]
    statuses = [status for _, status in looks]
    missing = [i for i, result in enumerate(results) if result is None]
    asked_for(specs)
    if not missing:
        return results
    part = partial and len(missing) < len(specs)  # is drawn by the caller, so the button is for what its figure lacks
    if gathered() is not None:
        return results if part else None
    with st.container(key=f"{key}_panel"):
        active = [status for i in missing if (status := statuses[i]) is not None and status.active]
        if active:
            watch([status.id for status in active], key=key)
        else:
            _offer(
                bench,
                [specs[i] for i in missing],
                [statuses[i] for i in missing],
                key,
                "Run the rest" if part else run_label,
            )
    return results if part else None


def batch_panel(task: BatchTask, key: str, *, run_label: str = "Run") -> tuple[Result, ...] | None:
    """The results of a batch in the order of its analyses, or None while they are not all there.

    As ``run_panel``, with one job, one bar and one Cancel for all of them. What was done before a cancel or a failure is
    kept: the button then does the rest. The cost is that of one model, taken times the models still to be run.
    """
    bench = workbench()
    results, status = _look(bench, task)
    asked_for(task.analyses)
    if results is not None or gathered() is not None:
        return results
    with st.container(key=f"{key}_panel"):
        if status is not None and status.active:
            watch([status.id], key=key)
        else:
            _offer_batch(bench, task, status, key, run_label)
    return None


def _look(bench: "Workbench", task: Request[Answer]) -> tuple[Answer | None, JobStatus | None]:
    """The result of ``task``; while it is not there, where its job stands."""
    if (result := bench.peek(task)) is not None:
        return result, None
    status = bench.status(fingerprint(task))
    return (bench.peek(task) if status is not None and status.state == "done" else None), status


def _offer_batch(bench: "Workbench", task: BatchTask, status: JobStatus | None, key: str, run_label: str) -> None:
    missing = [spec for spec in task.analyses if bench.peek(spec) is None]
    n_there = len(task.analyses) - len(missing)
    if status is not None and status.state == "failed":
        show_problem(*_reason(status))
    elif status is not None and status.state == "cancelled":
        st.info("It was cancelled.", icon=":material/stop_circle:")
    elif status is not None and status.state == "done":
        _show_ended(status)
    if n_there:
        stay = "is stored already and stays" if n_there == 1 else "are stored already and stay"
        st.caption(f"{n_there:,} of {wording.count(len(task.analyses), 'result')} {stay}.")
    cost_line = st.container()
    again = status is not None and status.state in ("failed", "cancelled")
    label = "Run the rest" if n_there else "Run again" if again else run_label
    pressed = st.button(label, key=f"{key}_run", type="primary", icon=":material/play_arrow:")
    with cost_line:
        cost = None if pressed else _cost(bench, missing, key, _of_last_model(bench, missing))
        by_itself = starts_by_itself(bench, cost, [status], key, [fingerprint(task)])
    if pressed or by_itself:
        bench.start(task)
        st.rerun()


def _cost(bench: "Workbench", specs: Sequence[AnalysisSpec], key: str, inputs: Sequence[ActivationSpec]) -> Cost | None:
    """Say what ``specs`` will take; None while the tokens of ``inputs`` are counted, which nobody waits for behind other work."""
    cost = bench.cost(specs)
    if not cost.counted and inputs and not busy(bench):
        if obtain(EstimateTask(tuple(inputs)), f"{key}_cost", what="Estimating the cost from a small sample") is None:
            return None
        cost = bench.cost(specs)
    say_cost(bench, cost, specs)
    return cost


def _of_last_model(bench: "Workbench", missing: Sequence[AnalysisSpec]) -> tuple[ActivationSpec, ...]:
    """What is missing of the last model that lacks anything: to count for each of a series would load them all."""
    by_model: dict[ModelSpec, dict[ActivationSpec, None]] = {}
    for spec in missing:
        for wanted in spec.inputs:
            if not bench.is_cached([wanted]):
                by_model.setdefault(wanted.model, {})[wanted] = None
    return tuple(next(reversed(by_model.values()), ()))


def obtain(task: Request[Answer], key: str, *, what: str, otherwise: Callable[[], bool] | None = None) -> Answer | None:
    """The result of a small ``task``, started without being asked; None while it is not there.

    ``what`` says what is going on ("Reading the file"). A task that failed in this session is shown with its reason and
    a Try again button; it is not started again by itself. One that was done some time ago, and whose answer no longer holds, is. ``otherwise`` may show something better than the failure: it
    returns whether it did.
    """
    bench = workbench()
    job_id = fingerprint(task)
    result, status = _look(bench, task)
    if result is not None or gathered() is not None:
        return result
    asked: dict[str, float] = st.session_state.setdefault(_ASKED, {})
    now = time.monotonic()
    # What a name stands for is looked up again after some minutes; a result that is gone at once would be asked for for ever
    lapsed = status is not None and status.state == "done" and now - asked.get(job_id, now) > LAPSED_SECONDS
    if status is None or (not status.active and (job_id not in asked or lapsed)):
        status = bench.start(task)
        asked[job_id] = now
    asked.setdefault(job_id, now)
    if status.active:
        watch([job_id], key=key, what=what)
        return None
    if (result := bench.peek(task)) is not None:
        return result
    if otherwise is not None and otherwise():
        return None
    with st.container(key=f"{key}_problem"):
        show_problem(*_reason(status))
        if st.button("Try again", key=f"{key}_retry", icon=":material/refresh:"):
            bench.start(task)
            st.rerun()
    return None


def watch(job_ids: Sequence[str], *, key: str, what: str = "") -> None:
    """Show the progress of jobs that work, and rerun the page when one of them ends. ``what`` hides bar and Cancel."""
    _watch(tuple(job_ids), key, what)


@st.fragment(run_every=POLL_SECONDS)
def _watch(job_ids: tuple[str, ...], key: str, what: str) -> None:
    with service_may_be_lost():
        _show_watched(job_ids, key, what)


def _show_watched(job_ids: tuple[str, ...], key: str, what: str) -> None:
    bench = workbench()
    statuses = [bench.status(job_id) for job_id in job_ids]
    working = [status for status in statuses if status is not None and status.active]
    if len(working) < len(job_ids):
        st.rerun()
    if what:
        st.caption(f":material/hourglass_top: {plain(what)} …")
        return
    for status in working:
        show_progress(status)
    if st.button("Cancel", key=f"{key}_cancel", icon=":material/stop_circle:"):
        for status in working:
            bench.cancel(status.id)
    st.caption("It continues if you leave this page or close the tab; the result will be here when you come back.")


def waiting(status: JobStatus) -> str:
    """Its place in the queue, and what is done before it."""
    before = f"after: {status.waits_for}" if status.waits_for else "a worker takes it next"
    return (
        f"Place {status.place:,} in the queue; {before if status.place == 1 else f'now running: {status.waits_for}'}."
    )


def show_progress(status: JobStatus, *, title: bool = True) -> None:
    """One job's bar: its title (if wanted), stage, share and time left; where it waits for a worker, for whose work."""
    if status.place:
        st.caption(f":material/hourglass: {f'**{plain(status.title)}**: ' if title else ''}{plain(waiting(status))}")
        return
    about = f"**{plain(status.title)}**: " if title else ""
    st.progress(_share(status), text=about + plain(course(status)))


def course(status: JobStatus) -> str:
    """Where a job is in its work, in words: its stage, how much of it is done, and how long it takes or what has the turn."""
    parts = [status.stage or ("waiting in the queue" if status.state == "queued" else "starting")]
    if status.total:
        several = _OF_SEVERAL.match(status.stage)
        parts.append(number_text(_share(status), "share") if several else f"{status.done:,} of {status.total:,}")
    if status.waits_for:
        parts.append(f"stands still while this has its turn: {status.waits_for}")
    elif status.eta_seconds is not None:
        parts.append(f"{wording.duration(status.eta_seconds)} left")
    return ", ".join(parts)


def _share(status: JobStatus) -> float:
    return min(max(status.done / status.total, 0.0), 1.0) if status.total else 0.0


def _offer(
    bench: "Workbench", specs: list[AnalysisSpec], statuses: list[JobStatus | None], key: str, run_label: str
) -> None:
    ended = [status for status in statuses if status is not None and status.state in ("failed", "cancelled", "done")]
    for status in {(one.state, one.error): one for one in ended}.values():  # what several have in common is said once
        _show_ended(status)
    cost_line = st.container()
    label = "Run again" if ended else run_label
    pressed = st.button(label, key=f"{key}_run", type="primary", icon=":material/play_arrow:")
    with cost_line:
        inputs = tuple(dict.fromkeys(wanted for spec in specs for wanted in spec.inputs))
        cost = None if pressed else _cost(bench, specs, key, inputs)
        by_itself = starts_by_itself(bench, cost, statuses, key, [fingerprint(spec) for spec in specs])
    if pressed or by_itself:
        for spec in specs:
            bench.start(spec)
        st.rerun()


def _show_ended(status: JobStatus) -> None:
    if status.state == "failed":
        show_problem(*_reason(status))
    elif status.state == "cancelled":
        st.info("It was cancelled. Press Run again to start over.", icon=":material/stop_circle:")
    else:
        st.info(
            "The result is no longer in the cache: old entries are removed to make room for new ones.",
            icon=":material/info:",
        )


def _reason(status: JobStatus) -> tuple[str, str]:
    if status.state == "cancelled":
        return "It was cancelled.", "Try again to start it once more."
    if status.state == "done":
        return "The result is no longer in the cache.", "Try again to compute it once more."
    return status.error or "It failed without an error message.", status.hint or "See the log of the backend service."
