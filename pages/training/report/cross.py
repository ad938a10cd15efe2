"""The cross-task view of a report: models fine-tuned on one task each, looked at on the text sets of others."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from backend import (
    CrossTaskRow,
    InvalidRequest,
    ModelInfo,
    TextSetInfo,
    check_pair,
    cross_task_document,
    cross_task_rows,
    plan_cross_task,
)
from pages._kit.charts.base import short_model
from pages._kit.flow.controls import params_form
from pages._kit.flow.progress import batch_panel
from pages._kit.show.columns import show_table
from pages._kit.show.export import cells_of, origin
from pages._kit.show.findings import provenance, say_undefined, undefined_reasons
from pages._kit.show.wording import set_names
from pages._kit.state import ask
from pages._kit.state.pair import in_order
from pages._kit.state.selection import Selection
from pages._kit.state.session import plain, workbench
from pages.training.report.files import Section, report_downloads

HOW = (
    "Fine-tuning on one task can push the labels of another apart, or together (Zhou and Srikumar, section 4.4, table 5). Choose "
    "the models that were fine-tuned, and text sets with labels: for each, how many labels moved away from their nearest and how many came "
    "nearer in this layer, the mean change, and how well a network trained on the frozen vectors predicts the labels."
)
CAPTION = (
    "Grew and shrank count the labels whose distance to the nearest other label grew or shrank; the mean change is over all "
    "labels, in units of the activations (training rows): a model whose vectors have become longer has larger distances all over. Accuracy: networks of two hidden layers on the test rows, mean and "
    "standard deviation over their trainings; its change is row by row on the same test rows, ± half the 95 % interval."
)
FIELDS = ["minimum", "other_minimum", "accuracy"]
PARAMS = ("grid", "n_seeds", "max_rows", "test_share", "drop_single")
MOST_SETS = 12
AS_IT_IS = "none (as it is)"


def cross_view(here: Selection) -> None:
    """The table of a model and those tuned from it, over one text set or several."""
    st.caption(HOW)
    models = _choose_models(here.models)
    if models is None:
        return
    base, tuned = models
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
    table = cross_table(found, base.spec.name)
    show_table(table)
    st.caption(CAPTION)
    say_undefined(undefined_reasons(results, FIELDS), results)
    provenance(results)
    title = f"Across tasks: {short_model(base.spec.name)} and {', '.join(short_model(one.spec.name) for one in tuned)}"
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


def _choose_models(models: Sequence[ModelInfo]) -> tuple[ModelInfo, list[ModelInfo]] | None:
    """The model before any fine-tuning, and those tuned from it; None where there are none, with the reason."""
    if len(models) < 2:
        st.info(
            "This table needs two models or more: choose the one before fine-tuning and those after it under Models in the sidebar.",
            icon=":material/compare:",
        )
        return None
    models = in_order(models).models
    by_name = {info.spec.name: info for info in models}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        base = by_name[ask.selectbox("Before", list(by_name), format_func=short_model, key="report_base", width=280)]
        fitting, unfit = [], {}
        for name, info in by_name.items():
            try:
                check_pair(base, info)
            except InvalidRequest as error:
                unfit[name] = error.message
            else:
                fitting += [name] if info is not base else []
        picked = ask.multiselect(
            "After",
            fitting,
            default=fitting,
            format_func=short_model,
            key="report_tuned_several",
            placeholder="Models tuned from it",
            help="A row for each: the models of the sidebar whose layers and dimensions are those of the model before.",
        )
    for why in unfit.values():
        st.caption(f":material/info: Left out: {plain(why)}")
    if not picked:
        st.info("Choose at least one model that was tuned from the one before.", icon=":material/compare:")
        return None
    tuned = [by_name[name] for name in picked]
    turned = [found for one in tuned if (found := workbench().in_order([base, one])).known and found.before is not base]
    for found in turned:
        st.warning(
            f"The other way round: {plain(short_model(found.before.spec.name))} is before, {plain(short_model(base.spec.name))} after. "
            f"{plain(found.reason)}",
            icon=":material/swap_horiz:",
        )
    return base, tuned


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


def cross_table(rows: Sequence[CrossTaskRow], base: str) -> pd.DataFrame:
    """The paper's table 5: for each text set the model ``base`` as it is, then a row for each fine-tuned model."""
    cells: list[dict[str, Any]] = []
    seen: set[tuple[str, str]] = set()
    for row in rows:
        if (row.texts, row.label) not in seen:
            seen.add((row.texts, row.label))
            cells.append(
                _shared(row, short_model(base), AS_IT_IS)
                | {"accuracy": row.accuracy_before, "±": row.accuracy_before_std, **_of_test(row)}
            )
        cells.append(
            _shared(row, short_model(row.tuned), short_model(base))
            | {
                "grew": row.n_grew,
                "shrank": row.n_shrank,
                "stayed": row.n_same,
                "mean change": row.average_change,
                "accuracy": row.accuracy_after,
                "±": row.accuracy_after_std,
                "change of accuracy": row.accuracy_change,
                "± of the change": row.accuracy_change_error,
                **_of_test(row),
            }
        )
    floats = ["mean change", "accuracy", "±", "change of accuracy", "± of the change", "largest class"]
    counts = ["grew", "shrank", "stayed"]
    columns = ["text set", "label", "labels", "model", "compared with", *counts, *floats, "test rows"]
    return pd.DataFrame(cells, columns=columns).astype(
        dict.fromkeys(floats, "float64") | dict.fromkeys(counts, "Int64")
    )


def _shared(row: CrossTaskRow, model: str, compared: str) -> dict[str, Any]:
    return {
        "text set": row.texts,
        "label": row.label,
        "labels": row.n_labels,
        "model": model,
        "compared with": compared,
    }


def _of_test(row: CrossTaskRow) -> dict[str, Any]:
    return {"largest class": row.majority, "test rows": row.n_test}
