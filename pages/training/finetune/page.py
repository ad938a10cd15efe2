"""Fine-tune: train a model on the chosen texts and labels, watch it, and take its checkpoints to the other pages."""

import re
from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from backend import (
    RECIPES,
    EmbedscopeError,
    JobStatus,
    Recipe,
    RunInfo,
    TextSetInfo,
    number_text,
    run_called,
    run_document,
)
from pages._kit.charts.base import short_model
from pages._kit.flow.controls import params_form
from pages._kit.flow.ownership import show_owner
from pages._kit.flow.progress import show_progress
from pages._kit.show import wording
from pages._kit.show.columns import show_table
from pages._kit.show.finding import Finding, show
from pages._kit.show.findings import heading
from pages._kit.state import ask, selection
from pages._kit.state.labelled import choose_model, label_missing, say_no_model
from pages._kit.state.selection import Selection
from pages._kit.state.session import plain, service_may_be_lost, show_problem, workbench
from pages._kit.state.view import set_value
from pages.training.finetune.charts import CAPTION, course_chart, course_table
from pages.training.finetune.runs import (
    ALL_RUNS,
    NEW_RUN,
    NEXT,
    all_runs,
    change_buttons,
    next_pages,
    open_report_if_asked,
    opened_by_link,
    say_deleted,
    say_forecast,
    say_renamed,
    shown_gain,
)

WHAT = "Train a model on your labels, and keep its checkpoints."
HOW = (
    "The model in the sidebar gets a classification head, and both are trained on the chosen texts. The steps that are saved, close "
    "together at the beginning and then one per epoch, form a series: Dynamics shows how the geometry changes along it, "
    "Report what is different at the end."
)
NAMES = {
    "gptology": "gptology: GPTology (batches of 4 x 32, 10 epochs)",
    "matton": "matton: Matton & de Oliveira (slanted triangle, lower layers slower, early stopping)",
    "zhou": "zhou: Zhou & Srikumar (3e-5, warm-up, 10 epochs)",
    "zhou-base": "zhou-base: the same, 3 epochs",
}
BADGES = {
    "running": ":blue-badge[:material/play_circle: running]",
    "done": ":green-badge[:material/check_circle: done]",
    "stopped": ":orange-badge[:material/stop_circle: stopped]",
    "failed": ":red-badge[:material/error: failed]",
}
SHOWN = "run"  # in the address too
POLL_SECONDS = 1.0
DIVERGED = "diverged"
_NOT_SHORT = ("epochs", "learning_rate", "seed")


def suggested(base: str, texts: str, recipe: str) -> str:
    """A name for a run that no other has."""
    parts = (short_model(base).rpartition("/")[2], texts.rpartition("/")[2].partition(".")[0], recipe)
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", "-".join(parts)).strip("-.")[:60] or "run"
    taken = {info.name for info in workbench().runs()}
    return next(
        one for number in range(1, len(taken) + 2) if (one := name if number == 1 else f"{name}-{number}") not in taken
    )


def new_run(here: Selection, label: str) -> None:
    """The form for a run, and its button."""
    model = choose_model(here.models, "finetune_model", label="Base model")
    assert here.texts is not None
    if model.is_given:
        say_no_model(model, "Fine-tuning trains a model")
        return
    if not workbench().settings.finetune:
        st.info("Fine-tuning is switched off on this instance. Ask whoever runs it (EMBEDSCOPE_FINETUNE).")
        return
    st.caption(
        f"{plain(short_model(model.spec.name))} ({wording.parameters(model.n_parameters)} parameters) on "
        f"{wording.count(here.texts.spec.n_rows, here.row_name)} of {plain(here.texts.spec.name)}, labels: the column "
        f"'{plain(label)}'."
    )
    name = ask.selectbox(
        "Recipe",
        list(RECIPES),
        format_func=lambda one: NAMES.get(one, one),
        key="finetune_recipe",
    )
    recipe = RECIPES[name]
    with st.container(horizontal=True):
        values = params_form(Recipe, f"finetune_{name}", only=_NOT_SHORT, values=recipe)
    with st.expander("All settings of the recipe", icon=":material/tune:"):
        rest = [field for field in Recipe.__dataclass_fields__ if field not in _NOT_SHORT]
        values |= params_form(Recipe, f"finetune_{name}", only=rest, values=recipe)
    about = f"{model.spec.commit}-{here.texts.spec.table}-{name}-{len(workbench().runs())}"
    run_name = ask.text_input(
        "Name of the run",
        value=suggested(model.spec.name, here.texts.spec.name, name),
        key=f"finetune_name_{about}",
        max_chars=80,
        help="Its model is then called run:NAME everywhere, a step of it run:NAME@step-00128.",
    ).strip()
    say_cost(run_name, model.spec.name, here.texts, label, recipe, values)
    if st.button("Fine-tune", key="finetune_start", type="primary", icon=":material/play_arrow:"):
        start(run_name, model.spec.name, here.texts, label, recipe, values)


def say_cost(name: str, model: str, texts: TextSetInfo, label: str, recipe: Recipe, changes: dict[str, Any]) -> None:
    """What the run will take, before it starts; nothing while the form says something that cannot be (Fine-tune tells)."""
    bench = workbench()
    try:
        task = bench.finetuning(name, model=model, texts=texts, label=label, recipe=recipe, changes=changes)
        say_forecast(bench.forecast(task))
    except EmbedscopeError as error:
        st.caption(f":material/info: {plain(error.message)} {plain(error.hint)}")


def start(name: str, model: str, texts: TextSetInfo | str, label: str, recipe: Recipe, changes: dict[str, Any]) -> None:
    """Begin a run, or go on with it, and show it from now on."""
    bench = workbench()
    try:
        task = bench.finetuning(name, model=model, texts=texts, label=label, recipe=recipe, changes=changes)
        status = bench.start(task)
    except EmbedscopeError as error:
        show_problem(error.message, error.hint)
        return
    st.session_state["_finetune_job"] = status.id
    st.session_state[NEXT] = name
    st.rerun()


def resume(info: RunInfo) -> None:
    """Go on with an interrupted run from its last saved step."""
    start(info.name, info.base, info.table, info.label, info.recipe, {})


def waiting() -> JobStatus | None:
    """The run that was started and has no folder yet, or that could not begin; None otherwise."""
    job_id = st.session_state.get("_finetune_job")
    status = workbench().status(job_id) if job_id else None
    if status is None or any(info.task == job_id for info in workbench().runs()):
        return None
    return status


@st.fragment(run_every=POLL_SECONDS)
def watch_beginning(job_id: str) -> None:
    """Until the run has a folder: where its job stands."""
    with service_may_be_lost():
        status = workbench().status(job_id)
        if status is None or not status.active or any(info.task == job_id for info in workbench().runs()):
            st.rerun()
            return
        show_progress(status)


def show_beginning() -> None:
    """The job that has not come to its first step, or why it did not."""
    status = waiting()
    if status is None:
        return
    if status.active:
        watch_beginning(status.id)
        st.caption("The base is looked at first: a head on it, frozen, is what training has to beat.")
    elif status.state == "failed":
        show_problem(status.error or "It failed without an error message.", status.hint)


def choose_run(infos: list[RunInfo]) -> RunInfo:
    """The run that is shown: the one of the link or just started, else the newest."""
    names = [info.name for info in infos]
    wanted = st.session_state.pop(NEXT, None)
    if wanted in names:
        set_value(SHOWN, wanted)
    about = {info.name: f"{info.name} · {short_model(info.base)} on {info.texts}" for info in infos}

    def read(words: Sequence[str]) -> str:
        word = words[-1] if words else ""
        found = run_called(infos, word)
        return ask.one_of(names, str, word if found is None else found.name)

    chosen = ask.selectbox("Run", names, key=SHOWN, read=read, format_func=lambda one: about.get(one, one))
    return infos[names.index(chosen)]


def show_run(info: RunInfo) -> None:
    """One run: where it stands, its course, its numbers, and what can be done with it."""
    status = workbench().status(info.task)
    if status is not None and status.active:
        live(info.name, info.task)
    else:
        if info.state == "failed":
            show_problem(info.error or "It failed without an error message.", info.hint)
        draw(info)
        show_owner("runs", info.name)
        ended(info)


@st.fragment(run_every=POLL_SECONDS)
def live(name: str, job_id: str) -> None:
    """A run that works, drawn again each second; the page is drawn anew when it ends."""
    with service_may_be_lost():
        _draw_live(name, job_id)


def _draw_live(name: str, job_id: str) -> None:
    bench = workbench()
    status = bench.status(job_id)
    if status is None or not status.active:
        st.rerun()
        return
    show_progress(status)
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Cancel", key="finetune_cancel", icon=":material/stop_circle:"):
            bench.cancel(job_id)
        st.caption("Saved steps are kept, and the run can be resumed. It continues if you leave this page.")
    info = next((one for one in bench.runs() if one.name == name), None)
    if info is not None:
        draw(info)


def draw(info: RunInfo) -> None:
    """Badge, numbers and the course of a run."""
    st.markdown(f"**{plain(info.name)}** &nbsp; {BADGES.get(info.state, '')}")
    numbers(info)
    log = workbench().run_log(info.name)
    if not log:
        return
    show(
        Finding(
            key="finetune_course",
            title=f"Course of the run {info.name}: {info.base} on {info.texts}",
            figure=course_chart(info, log),
            caption=CAPTION,
            table=lambda: course_table(info, log),
            name=f"run-{info.name}",
            about=(info.base, info.texts),
            documents=lambda: [run_document(info, log)],
            alt=f"Loss and accuracy of the run {info.name} over {info.total_steps:,} steps",
            height=520,
            view=info.name,
        )
    )


def numbers(info: RunInfo) -> None:
    """Accuracy before and after on the same rows."""
    rows = wording.count(info.n_test, "row")
    on = f"{rows} ({plain(info.judged_on)})" if info.judged_on else rows
    with st.container(horizontal=True):
        st.metric("Largest class", number_text(info.majority, "accuracy"), help="The accuracy of always guessing it.")
        reads = f"A linear head on the base's own last layer, pooling {info.frozen_pooling or '-'}, fitted on the training rows."
        st.metric("Head on the frozen base", number_text(info.frozen, "accuracy"), help=reads)
        name = (
            "Fine-tuned" if info.state == "done" else "Best saved step" if info.recipe.patience else "Last saved step"
        )
        st.metric(
            name,
            number_text(info.accuracy, "accuracy"),
            shown_gain(info.gain),
            delta_color="normal" if info.gain else "off",
            delta_arrow="auto" if info.gain else "off",
            help=f"At step {info.step:,}." if info.steps else None,
        )
        if info.test_accuracy == info.test_accuracy:
            about = f"On {info.n_final:,} rows that were not used to choose a step; head on the frozen base {number_text(info.test_frozen, 'accuracy')}."
            st.metric("Fine-tuned, test rows", number_text(info.test_accuracy, "accuracy"), help=about)
    judged = f"Accuracy on {on}"
    if info.n_train:
        judged += f"; trained on {wording.count(info.n_train, 'row')}"
    if info.frozen_pooling != "mean" and info.frozen_mean == info.frozen_mean:
        judged += f". A head on the frozen base with mean pooling has an accuracy of {number_text(info.frozen_mean, 'accuracy')}"
    so_far = " so far" if info.state == "running" else ""
    st.caption(f"{judged}. Device: {plain(info.device)}. {wording.duration(info.seconds)} of training{so_far}.")


def ended(info: RunInfo) -> None:
    """What stands below a run that does not work: why it ended, its steps, and where to go from here."""
    if info.state in ("stopped", "failed") and DIVERGED not in info.error:  # the same recipe would diverge again
        last = f"from step {info.steps[-1]:,} of {info.total_steps:,}" if info.steps else "from the beginning"
        st.button(
            f"Resume {last}",
            key="finetune_resume",
            icon=":material/play_arrow:",
            on_click=_ask_resume,
            args=(info.name,),
        )
    if info.steps:
        next_pages(info)
        st.subheader("Saved steps")
        table = pd.DataFrame(
            {
                "step": info.steps,
                "epoch": info.epochs,
                "accuracy": info.accuracies,
                "loss": info.losses,
                "model": [f"run:{info.name}@step-{step:05d}" for step in info.steps],
            }
        )
        show_table(table, key="finetune_steps")
    change_buttons(info)
    for note in info.notes:
        st.caption(f":material/info: {plain(note)}")
    with st.expander("Recipe, base and data", icon=":material/receipt_long:"):
        st.json(
            {
                "base": info.base,
                "commit": info.commit,
                "texts": info.texts,
                "table": info.table,
                "label": info.label,
                "classes": list(info.classes),
                "recipe": {name: getattr(info.recipe, name) for name in Recipe.__dataclass_fields__},
                "versions": info.versions,
                "folder": info.folder,
            }
        )


def _ask_resume(name: str) -> None:
    st.session_state["_finetune_resume"] = name


open_report_if_asked()
heading("Fine-tune", WHAT, HOW)
say_deleted()
say_renamed()
asked = st.session_state.pop("_finetune_resume", None)
runs, table_opened = workbench().runs(), opened_by_link(ALL_RUNS, "the table of all runs")
form_opened = opened_by_link(NEW_RUN, "the form for a run")
for one in runs:
    if one.name == asked:
        resume(one)
show_beginning()
with st.expander("New run", icon=":material/add:", expanded=form_opened or (not runs and not table_opened)):
    here = selection.current()
    if here.problem:
        selection.show_open(here)
    elif not label_missing(here) and here.label is not None:
        new_run(here, here.label)
if runs:
    all_runs(runs, opened=table_opened)
    show_run(choose_run(runs))
elif waiting() is None:
    st.caption(
        "No run yet. On the command line: `python -m backend finetune --texts reviews.csv --text text --label label --name mine`."
    )
