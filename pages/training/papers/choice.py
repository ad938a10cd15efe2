"""What the rows of the papers are to be of: the sidebar's models and texts, and a series of checkpoints."""

from collections.abc import Sequence

import streamlit as st

from backend import GENERAL, OtherTask, PaperChoice, PaperRow, SeriesInfo, learned_from, runs_of_tasks
from pages._kit.flow.progress import obtain
from pages._kit.state import ask
from pages._kit.state.model_field import AT_MOST, is_name, local_series, run_series, series_task
from pages._kit.state.selection import Selection
from pages._kit.state.session import workbench


def choose_series(rows: Sequence[PaperRow]) -> SeriesInfo | None:
    """The series of the field that Dynamics has too, for those ``rows``; None while there is none, or while it is looked up."""
    name = ask.named(
        "Series",
        [*run_series(), *local_series()],
        fits=is_name,
        placeholder="Folder of checkpoints, or owner/name@step*",
        key="series",
        width=420,
        help="For the rows over steps: a folder with one subfolder per checkpoint, hub revisions that match a pattern "
        "(`EleutherAI/pythia-160m@step*`), or a fine-tuning run (`run:name`). Type it and press Enter.",
    )
    if name is None or not is_name(name):
        st.caption(f"To have {', '.join(row.place for row in rows)}, choose a series of checkpoints here.")
        return None
    what = f"Looking up the checkpoints of {name}"
    found: SeriesInfo | None = obtain(series_task(str(name)), "papers_series", what=what)
    return found


def choice_of(here: Selection, series: SeriesInfo | None) -> PaperChoice | None:
    """The sidebar's choice as the rows take it; None while it is not complete."""
    if here.problem or here.texts is None:
        return None
    general = workbench().text_set_info(GENERAL)
    tasks = _tasks(here, series) if series is not None else ()
    return PaperChoice(here.models, here.texts, general, here.label, series, AT_MOST, here.seed, tasks)


def _tasks(here: Selection, series: SeriesInfo) -> tuple[OtherTask, ...]:
    """The tasks of the other runs in the sidebar, each with the texts that it learned from; those being looked up are left out."""
    bench, found = workbench(), []
    for run in runs_of_tasks(bench, here.models, series):
        name, texts = f"run:{run.name}", learned_from(run, bench.text_sets())
        task = series_task(name)
        steps: SeriesInfo | None = obtain(task, f"papers_{run.name}", what=f"Looking up the checkpoints of {name}")
        if steps is not None and texts is not None:
            found.append(OtherTask(steps, texts, run.label))
    return tuple(found)


def say_choice(chosen: PaperChoice) -> None:
    """One line on what the links are of."""
    st.caption(
        "Links and commands are of the models, texts and label in the sidebar, with pooling, layers and settings as in the paper; "
        f"rows about general text read the set {chosen.general.spec.name}."
    )
