"""All runs beside each other: one table, as a file, and the ways to rename and to delete one; and from a run to the pages that look at it."""

import math
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from backend import POOLINGS, RECIPES, EmbedscopeError, RunForecast, RunInfo, points_text
from pages._kit.charts.base import short_model
from pages._kit.flow.costs import FIRST_GUESS, seconds_words
from pages._kit.show import wording
from pages._kit.show.columns import show_table
from pages._kit.show.export import cells_of
from pages._kit.show.finding import Finding, show
from pages._kit.show.links import page_file
from pages._kit.show.typeset import csv_text
from pages._kit.state.model_field import DEFAULT_MODEL, choose_models, chosen_names
from pages._kit.state.session import plain, show_problem, workbench
from pages._kit.state.view import forget, note, set_value, start_value

REPORT = page_file("training/report")
OWN = "own"
_OPEN = "_finetune_open_report"
ALL_RUNS, NEW_RUN = "finetune_all_runs", "finetune_new_run"  # what a link opens
_DELETED, _RENAMED, _NEW_NAME = "_finetune_deleted", "_finetune_renamed", "finetune_rename_to"
NEXT = "_finetune_next"  # the run to be shown in the next run of the page


def recipe_name(info: RunInfo) -> str:
    """The name of a run's recipe; "own" where it is no paper's any more."""
    return next((name for name, recipe in RECIPES.items() if recipe == info.recipe), OWN)


def runs_table(infos: Sequence[RunInfo]) -> pd.DataFrame:
    """One row a run, the newest first: what it was made from, how long it took, how good it is."""
    rows = [
        {
            "run": info.name,
            "state": info.state,
            "base": short_model(info.base),
            "text set": info.texts,
            "label": info.label,
            "recipe": recipe_name(info),
            "epochs": info.recipe.epochs,
            "rows a step": info.recipe.n_together,
            "learning rate": info.recipe.learning_rate,
            "seed": info.recipe.seed,
            "training rows": info.n_train,
            "steps": info.steps[-1] if info.steps else 0,
            "steps planned": info.total_steps,
            "largest class": info.majority,
            "frozen base": info.frozen,
            "fine-tuned": info.accuracy,
            "gain": info.gain,
            "judged on (rows)": info.n_test,
            "fine-tuned, test rows": info.test_accuracy,
            "minutes": info.seconds / 60,
        }
        for info in infos
    ]
    return pd.DataFrame(rows)


def accuracies_table(infos: Sequence[RunInfo]) -> pd.DataFrame:
    """One row a run that has saved a step: a head on the frozen base against the fine-tuned model, on the same rows."""
    rows = [
        {
            "text set": info.texts,
            "label": info.label,
            "classes": len(info.classes),
            "base": short_model(info.base),
            "run": info.name,
            "frozen base": info.frozen,
            "fine-tuned": info.accuracy,
            "gain": info.gain,
            "largest class": info.majority,
            "judged on (rows)": info.n_test,
        }
        for info in infos
        if info.steps
    ]
    return pd.DataFrame(rows)


def show_accuracies(infos: Sequence[RunInfo]) -> None:
    """Table 2 of Matton & de Oliveira over the runs made here, with its files."""
    table = accuracies_table(infos)
    if not len(table):
        return
    show(
        Finding(
            key="finetune_accuracies",
            title="Pretrained against fine-tuned",
            figure=None,
            tabular=True,
            caption=(
                "Frozen base: a linear head on the base's own last layer; fine-tuned: the whole model; both on the same rows (Matton and "
                "de Oliveira, table 2). Runs that are judged on other rows cannot be compared by these accuracies."
            ),
            table=table,
            documents=lambda: [{"runs": [plain_run(info) for info in infos if info.steps]}],
            about=("runs", "fine-tuning"),
            name="fine-tuning-accuracies",
        )
    )


def plain_run(info: RunInfo) -> dict[str, object]:
    """What the JSON file of the table says of a run; None where a number is not known."""
    numbers = {"frozen": info.frozen, "accuracy": info.accuracy, "gain": info.gain, "majority": info.majority}
    known = {name: None if math.isnan(value) else value for name, value in numbers.items()}
    return {"run": info.name, "base": short_model(info.base), "texts": info.texts, "n_test": info.n_test, **known}


def csv_file(table: pd.DataFrame) -> bytes:
    """The table for a spreadsheet; what is not known is empty."""
    return csv_text(*cells_of(table)).encode("utf-8-sig")


def opened_by_link(key: str, what: str) -> bool:
    """Whether a link asks for ``what`` with the field ``key``; it is folded away otherwise."""

    def read(words: Sequence[str]) -> bool:
        if words[-1:] not in (["true"], ["false"]):
            raise ValueError
        return list(words)[-1] == "true"

    opened = start_value(key, what, False, read, lambda value: isinstance(value, bool))
    note(key, opened, ["true" if opened else "false"])
    return opened


def all_runs(infos: Sequence[RunInfo], *, opened: bool = False) -> None:
    """The table of all runs, folded away unless it is ``opened``, with its file."""
    with st.expander(f"All runs ({len(infos)})", icon=":material/table_chart:", expanded=opened):
        show_accuracies(infos)
        table = runs_table(infos)
        show_table(table, key="finetune_runs")
        st.caption(
            "Frozen base: a linear head on the base's own last layer. Gain: fine-tuned less frozen base, on the same rows. Runs that "
            "are judged on other rows cannot be compared by these accuracies."
        )
        st.download_button(
            "CSV",
            lambda: csv_file(table),
            "fine-tuning-runs.csv",
            "text/csv",
            key="finetune_runs_csv",
            type="tertiary",
            icon=":material/table:",
            help="The table of all runs.",
        )


def shown_gain(gain: float) -> str | None:
    """The gain over the frozen base in points as ``st.metric`` takes it, for which only what begins with a hyphen is a loss."""
    return points_text(gain).replace("−", "-") if gain == gain else None


def say_forecast(found: RunForecast) -> None:
    """What a run will take: rows, updates, time as far as it is known, and disk; and whether so few updates are worth while."""
    by = f"by what the run {plain(found.known_from)} took" if found.known_from else FIRST_GUESS
    parts = [
        f"{wording.count(found.n_train, 'training row')}, {found.n_test:,} to judge by ({plain(found.judged_on)})",
        f"{wording.count(found.n_steps, 'update')} of the weights, {found.n_in_epoch:,} an epoch",
        f"{seconds_words(found.seconds, found.low, found.high)}, {by}",
        f"{wording.size(found.n_bytes)} on disk for {wording.count(found.n_saved, 'saved step')}, and up to "
        f"{wording.size(found.n_bytes_resume)} while it trains",
    ]
    st.caption(":material/schedule: This run: " + " · ".join(parts))
    if found.warning:
        st.warning(plain(found.warning), icon=":material/warning:")


@st.dialog("Delete this run?")
def confirm_delete(info: RunInfo) -> None:
    """Ask before a run goes, and say what goes with it."""
    st.text(f"{info.name}: {short_model(info.base)} on {info.texts}")
    saved = wording.count(len(info.steps), "saved step")
    st.write(f"Its log and {saved} are deleted; results about its models stay. This cannot be undone.")
    if st.button("Delete it", key="finetune_delete_confirm", type="primary", on_click=delete, args=(info.name,)):
        st.rerun()


def delete(name: str) -> None:
    """Delete a run, and take its model and those of its steps out of the shared models; for the button's callback."""
    try:
        workbench().delete_run(name)
    except EmbedscopeError as error:
        st.session_state[_DELETED] = name, error
        return
    st.session_state[_DELETED] = name, None
    names = chosen_names()
    left = [one for one in names if one.partition("@")[0] != f"run:{name}"]
    if left != names:
        choose_models(left or [DEFAULT_MODEL])


def say_deleted() -> None:
    """Which run was deleted just now, or why it was not."""
    name, error = st.session_state.pop(_DELETED, ("", None))
    if error is not None:
        show_problem(error.message, error.hint)
    elif name:
        st.success(f"The run {plain(name)} was deleted.", icon=":material/delete:")


@st.dialog("Rename this run")
def ask_name(info: RunInfo) -> None:
    """Ask for another name; a refusal is said here, so that what was typed stays."""
    st.text(f"{info.name}: {short_model(info.base)} on {info.texts}")
    st.text_input("New name", info.name, max_chars=80, key=_NEW_NAME)
    st.caption("Models and links that have the former name still lead to this run.")
    if st.button("Rename it", key="finetune_rename_confirm", type="primary", on_click=rename, args=(info.name,)):
        if st.session_state[_RENAMED][2] is None:
            st.rerun()
        say_renamed()


def rename(name: str) -> None:
    """Call a run as was typed, in the shared models too; for the button's callback."""
    new = str(st.session_state.get(_NEW_NAME, name)).strip()
    try:
        workbench().rename_run(name, new)
    except EmbedscopeError as error:
        st.session_state[_RENAMED] = name, new, error
        return
    st.session_state[_RENAMED], st.session_state[NEXT] = (name, new, None), new
    was, names = f"run:{name}", chosen_names()
    choose_models([one.replace(was, f"run:{new}", 1) if one.partition("@")[0] == was else one for one in names])


def say_renamed() -> None:
    """Which run was renamed just now, or why it was not."""
    was, name, error = st.session_state.pop(_RENAMED, ("", "", None))
    if error is not None:
        show_problem(error.message, error.hint)
    elif name != was:
        st.success(f"The run {plain(was)} is called {plain(name)} now.", icon=":material/edit:")


def next_pages(info: RunInfo) -> None:
    """The ways from a run to the pages that look at it, and out of the list."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.page_link(
            page_file("training/dynamics"),
            label="Watch its geometry change: Dynamics",
            query_params={"series": f"run:{info.name}"},
            icon=":material/timeline:",
        )
        st.button(
            "Compare base and tuned",
            key="finetune_pair",
            icon=":material/compare_arrows:",
            on_click=compare,
            args=(info,),
            help=f"Opens Report on both models{_pooled(info)}.",
        )


def change_buttons(info: RunInfo) -> None:
    """The buttons that ask for another name, and whether a run is to be deleted."""
    with st.container(horizontal=True):
        renames = st.button("Rename …", key="finetune_rename", icon=":material/edit:")
        deletes = st.button("Delete …", key="finetune_delete", icon=":material/delete:")
    if renames:
        ask_name(info)
    elif deletes:
        confirm_delete(info)


def _pooled(info: RunInfo) -> str:
    return (
        f", with the pooling {info.frozen_pooling} that the tuned head reads" if info.frozen_pooling in POOLINGS else ""
    )


def compare(info: RunInfo) -> None:
    """Choose base and tuned model, and the pooling that its head reads, and open the report; for the button's callback."""
    choose_models([info.base, info.model])
    if info.frozen_pooling in POOLINGS:  # rows that are words have a pooling of their own
        set_value("pooling", info.frozen_pooling)
    for key in ("report_base", "report_tuned"):  # an earlier choice on that page would stay
        forget(key)
    st.session_state[_OPEN] = True


def open_report_if_asked() -> None:
    """Go to the report, if the button was pressed."""
    if st.session_state.pop(_OPEN, False):
        st.switch_page(REPORT)
