"""The report of one pair over one text set: what is asked for, the summary, the figures behind it, the downloads."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from backend import (
    SPLIT_FIELDS,
    ModelInfo,
    ReportPlan,
    Result,
    SummaryRow,
    ThresholdResult,
    number_texts,
    plan_report,
    report_document,
    summary_rows,
    values_of,
)
from pages._kit.charts.base import short_model
from pages._kit.flow.controls import params_form
from pages._kit.flow.progress import batch_panel
from pages._kit.show.export import origin
from pages._kit.show.finding import said_once
from pages._kit.show.findings import say_undefined, split_warnings, undefined_reasons
from pages._kit.state import ask
from pages._kit.state.rows import pairing_warning
from pages._kit.state.selection import Selection
from pages._kit.state.session import plain, workbench
from pages.training.report import sections as sections
from pages.training.report.files import Section, report_downloads

MEANING = "what it means, and where it is in the papers"
COLUMNS = ("", "before", "after", "difference", MEANING)
SLOW = "Slow label metrics"
SLOW_HELP = (
    "DirectProbe (clusters and distances of the labels) and the search for the best dimensions, in the layer of the summary. With "
    "384 dimensions on 2 cores: about a minute on 440 texts. On thousands of texts whose labels overlap DirectProbe merges "
    "clusters one by one, for many minutes."
)
LISTED = ["n_clusters", "other_n_clusters", "test_accuracy"]


def pair_view(here: Selection, base: ModelInfo, tuned: ModelInfo) -> None:
    """Everything about one pair on the sidebar's text set."""
    plan = _plan(here, base, tuned)
    pairing_warning([base, tuned], here.tokens)
    results = batch_panel(plan.task, "report")
    if results is not None:
        _show(here, plan, plan.named(results))


def _plan(here: Selection, base: ModelInfo, tuned: ModelInfo) -> ReportPlan:
    assert here.texts is not None
    names = base.layer_names if here.layers == "all" else [base.layer_names[int(number)] for number in here.layers]
    label = None if here.tokens is not None else here.label
    with st.container(horizontal=True, vertical_alignment="bottom"):
        layer = ask.selectbox("Layer of the summary", names, index=len(names) - 1, key="report_layer", width=200)
        slow = ask.checkbox(SLOW, key="report_slow", help=SLOW_HELP, disabled=label is None)
    split: dict[str, Any] = {}
    order = ""
    if label is not None:
        with st.expander("Settings", icon=":material/tune:"):
            form = workbench().metrics()["threshold"].params
            split = params_form(form, "report", only=SPLIT_FIELDS)
            if base.labels or tuned.labels:
                order = params_form(form, "report", only=("classes",))["classes"]
        st.caption(f"Classes: the column '{plain(label)}'.")
    elif here.tokens is not None:
        st.caption("Without the part about labels: tokens have none. The pooling mean, last or cls has one row a text.")
    else:
        st.caption("Without the part about labels: no label column is chosen in the sidebar.")
    return plan_report(
        workbench(),
        base,
        tuned,
        label=label,
        layers=here.layers,
        layer=base.layer_names.index(layer) if layer in names else None,
        heavy=bool(slow) and label is not None,
        split=split,
        classes=order,
        **here.rows,
    )


def _show(here: Selection, plan: ReportPlan, found: Mapping[str, Result]) -> None:
    """Summary, figures, notes and downloads."""
    assert here.texts is not None
    results = list(found.values())
    rows = summary_rows(found, plan.layer)
    layer = plan.base.layer_names[plan.layer]
    st.subheader(f"In short: {plain(layer)}")
    st.table(summary_table(rows, grey=True).set_index(""))
    st.caption(
        "Before and after are the two models above. For a number that compares both, before is the first model compared "
        "with itself. A dash means that the number does not exist. Accuracies are over test rows: no fit has seen them, and as far "
        "as their files say neither model was trained on them."
    )
    for doubt in split_warnings(results):
        st.warning(plain(doubt), icon=":material/warning:")
    _say_head(plan, found)
    drawn = [Section(f"In short: {layer}", table=(COLUMNS, summary_table(rows).values.tolist()))]
    table = workbench().text_set(here.texts)
    with said_once(also=results):
        drawn += sections.similarity(found)
        drawn += sections.dimensions(plan, found)
        drawn += sections.components(plan, found)
        if plan.label is not None:
            drawn += sections.accuracies(found, here.row_name)
        if "clusters" in found:
            drawn += sections.labels(plan, found)
        drawn += sections.moved(plan, found, table, here.row_name)
        st.subheader("Where the numbers come from")
        say_undefined(undefined_reasons(results, LISTED), results)
    names = f"{short_model(plan.base.spec.name)} and {short_model(plan.tuned.spec.name)}"
    report_downloads(
        "report",
        "report",
        title=f"Before and after: {names} on {here.texts.spec.name}",
        table=csv_table(rows),
        results=results,
        document=lambda: report_document(plan, results),
        sections=drawn,
        notes=[*([plan.reversed] if plan.reversed else []), *origin(results)],
    )


def _say_head(plan: ReportPlan, found: Mapping[str, Result]) -> None:
    """Where the tuned model has a head that this pooling or layer does not reach, say how to have it judged."""
    if not plan.tuned.labels or "threshold_tuned" not in found:
        return
    if not values_of(found["threshold_tuned"], ThresholdResult).own_head.any():
        st.info(
            f"{plain(short_model(plan.tuned.spec.name))} has a head of its own, which is not used here: it reads the last layer in "
            f"the pooling {'last' if plan.tuned.family == 'decoder' else 'cls'}, and only for the classes it was trained on. The "
            "papers' accuracies are those of such heads.",
            icon=":material/tune:",
        )


def summary_table(rows: Sequence[SummaryRow], *, grey: bool = False) -> pd.DataFrame:
    """The summary as words; with ``grey`` as Markdown, the papers in grey and everything else as it is."""
    lines = []
    for row in rows:
        meaning = row.meaning or f"Undefined: {row.reason}."
        numbers = number_texts(row.before, row.after, row.difference, row.unit)
        if grey:
            lines.append([plain(row.title), *numbers, f"{plain(meaning)} :gray[{plain(row.reference)}]"])
        else:
            lines.append([row.title, *numbers, f"{meaning} [{row.reference}]"])
    return pd.DataFrame(lines, columns=list(COLUMNS))


def csv_table(rows: Sequence[SummaryRow]) -> pd.DataFrame:
    """The summary with its numbers as they are."""
    fields = ["key", "title", "before", "after", "difference", "unit", "p", "meaning", "reference", "reason"]
    return pd.DataFrame([[getattr(row, field) for field in fields] for row in rows], columns=fields)
