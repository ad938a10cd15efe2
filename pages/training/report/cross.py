"""The cross-task view of a report: fine-tuned on one task, looked at on the text sets of others."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from backend import CrossTaskRow, ModelInfo, TextSetInfo, cross_task_document, cross_task_rows, plan_cross_task
from pages._kit.charts.base import short_model
from pages._kit.flow.controls import params_form
from pages._kit.flow.progress import batch_panel
from pages._kit.show.columns import show_table
from pages._kit.show.export import cells_of, origin
from pages._kit.show.findings import provenance, say_undefined, undefined_reasons
from pages._kit.show.wording import set_names
from pages._kit.state import ask
from pages._kit.state.selection import Selection
from pages._kit.state.session import workbench
from pages.training.report.files import Section, report_downloads

HOW = (
    "Fine-tuning on one task can push the labels of another apart, or together (Zhou and Srikumar, section 4.4, table 5). Choose "
    "text sets with labels: for each, how many labels moved away from their nearest and how many came nearer in this layer, the "
    "mean change, and how well a network trained on the frozen vectors predicts the labels."
)
CAPTION = (
    "Grew and shrank count the labels whose distance to the nearest other label grew or shrank; the mean change is over all "
    "labels, in units of the activations (training rows): a model whose vectors have become longer has larger distances all over. Accuracy: networks of two hidden layers on the test rows, mean and "
    "standard deviation over their trainings; its change is row by row on the same test rows, ± half the 95 % interval."
)
FIELDS = ["minimum", "other_minimum", "accuracy"]
PARAMS = ("grid", "n_seeds", "max_rows", "test_share", "drop_single")
MOST_SETS = 12


def cross_view(here: Selection, base: ModelInfo, tuned: ModelInfo) -> None:
    """The table of one pair over several text sets."""
    st.caption(HOW)
    chosen = _choose_sets(here)
    layer = _choose_layer(base)
    with st.expander("Settings", icon=":material/tune:"):
        params = params_form(workbench().metrics()["probing"].params, "report_cross", only=PARAMS)
    if not chosen:
        st.info("Choose at least one text set with labels.", icon=":material/label:")
        return
    rows = {name: value for name, value in here.rows.items() if name not in ("texts", "tokens", "pooling")}
    pooling = here.pooling if here.pooling in ("cls", "last", "mean") else None
    task = plan_cross_task(workbench(), base, tuned, sets=chosen, layer=layer, params=params, pooling=pooling, **rows)
    if workbench().peek(task) is None:
        st.caption("Minutes for each text set and model: the networks are searched for and trained on every one.")
    results = batch_panel(task, "report_cross")
    if results is None:
        return
    found = cross_task_rows(results, [label for _, label in chosen])
    table = cross_table(found)
    show_table(table)
    st.caption(CAPTION)
    say_undefined(undefined_reasons(results, FIELDS), results)
    provenance(results)
    title = f"Across tasks: {short_model(base.spec.name)} and {short_model(tuned.spec.name)}"
    report_downloads(
        "report_cross",
        "cross-task",
        title=title,
        table=table,
        results=results,
        document=lambda: cross_task_document(found, results),
        sections=[Section(f"In {base.layer_names[layer]}", CAPTION, table=cells_of(table))],
        notes=origin(results),
    )


def _choose_sets(here: Selection) -> list[tuple[TextSetInfo, str]]:
    """The text sets with a label column, of those that are there; the sidebar's, with its label, to begin with."""
    infos = workbench().text_sets()
    options = {info.shown_name: info for info in infos if info.label}
    assert here.texts is not None
    own = here.texts.shown_name
    if here.label is not None:
        options[own] = here.texts
    picked = ask.multiselect(
        "Text sets",
        list(options),
        format_func=set_names(infos),
        default=[own] if own in options else [],
        max_selections=MOST_SETS,
        select_all=False,
        key="report_sets",
        help="Sets with a label column. The one in the sidebar goes by the label chosen there, the others by their own.",
    )
    sets = []
    for name in picked:
        info = options.get(name)
        label = here.label if name == own and here.label is not None else info.label if info is not None else None
        if info is not None and label is not None:
            sets.append((info, label))
    return sets


def _choose_layer(info: ModelInfo) -> int:
    numbers = list(range(len(info.layer_names)))
    key = f"report_cross_layer_{len(numbers)}"
    chosen = ask.selectbox(
        "Layer",
        numbers,
        index=len(numbers) - 1,
        format_func=info.layer_names.__getitem__,
        key=key,
        width=200,
    )
    return chosen if chosen in numbers else numbers[-1]


def cross_table(rows: Sequence[CrossTaskRow]) -> pd.DataFrame:
    """One row a text set, in the form of the paper's table 5."""
    cells: list[dict[str, Any]] = [
        {
            "text set": row.texts,
            "label": row.label,
            "labels": row.n_labels,
            "grew": row.n_grew,
            "shrank": row.n_shrank,
            "mean change": row.average_change,
            "accuracy before": row.accuracy_before,
            "± before": row.accuracy_before_std,
            "accuracy after": row.accuracy_after,
            "± after": row.accuracy_after_std,
            "change of accuracy": row.accuracy_change,
            "± of the change": row.accuracy_change_error,
            "largest class": row.majority,
            "test rows": row.n_test,
        }
        for row in rows
    ]
    floats = ["mean change", "accuracy before", "± before", "accuracy after", "± after"]
    floats += ["change of accuracy", "± of the change", "largest class"]
    return pd.DataFrame(cells).astype(dict.fromkeys(floats, "float64"))
