"""The figures of a report, a section each: drawn on the page, and returned for the downloaded file."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from backend import (
    CkaResult,
    DirectProbeResult,
    NeighbourOverlap,
    ReportPlan,
    Result,
    RogueOverlapResult,
    TextTable,
    ThresholdResult,
    VarianceRatioResult,
    cka_difference,
    cka_difference_document,
    common_components,
    label_changes,
    layer_rows,
    moved_rows,
    number_text,
    result_of,
    values_of,
)
from pages._kit.charts.base import MUTED, short_model
from pages._kit.charts.clusters import TWO_CAPTION, change_chart
from pages._kit.charts.depth import Series, profile_lines
from pages._kit.charts.layer_pairs import cka_heatmap, difference_heatmap
from pages._kit.charts.spectrum import ratio_caption, variance_ratio_chart
from pages._kit.charts.threshold import majority_line, margin_name
from pages._kit.show.columns import show_table
from pages._kit.show.export import cells_of
from pages._kit.show.finding import Finding, elsewhere, show
from pages._kit.show.findings import holders, reasons, sampling_error_words
from pages._kit.show.row_files import with_cells
from pages._kit.show.text_rows import list_rows
from pages._kit.state.session import plain
from pages.training.report.files import Section, section_of

Found = Mapping[str, Result]
SIMILARITY = "Which layers changed"
KEPT = "What each layer kept"
DIFFERENCE = "After minus before"
DIMENSIONS = "Which dimensions lead"
COMPONENTS = "How the variance is distributed"
ACCURACIES = "What the layers know about the labels"
LABELS = "How far apart the labels lie"
MOVED = "Which {}s moved"
MAP_WIDTH = 400
MAPS_CAPTION = (
    "CKA of layer against layer, of the model before and of the model after, from 0 (unrelated) to 1 (the same geometry). "
    "Their difference is after minus before: blue where layers have become less alike, red where more; its scale goes as far as "
    "the largest change, at least to 0.01."
)
KEPT_CAPTION = (
    "Each layer before against the same layer after, on the same texts: its geometry (CKA), its leading dimensions, and the "
    "nearest neighbours of each text. 1: as it was. Layers that fine-tuning leaves alone stay near 1."
)
UNITS = "In units of the activations: a model whose vectors have become longer has larger distances all over."
LEAST_CAPTION = (
    "Each label's distance to the label nearest to it, before and after. Named are the three whose distance grew most (or fell "
    "least, where all fell) and the three whose distance grew least (or fell most); labels that tie with one outside their three "
    f"bear no rank. The others are grey. {UNITS}"
)
MOVED_CAPTION = (
    "Share of the nearest neighbours before that are among the nearest neighbours after, in the full space of the layer, not on a "
    "map of it; the rows that kept least come first. Rows count from 1."
)


def similarity(found: Found) -> list[Section]:
    """The CKA matrices and their difference, and what each layer kept."""
    st.subheader(SIMILARITY)
    row = st.container(horizontal=True)
    maps = _maps(found)
    for title, finding in maps.items():
        with row.container(width=MAP_WIDTH):
            st.markdown(f"**{title}**")
            show(finding)
    st.caption(MAPS_CAPTION)
    kept = _kept(found)
    show(kept)
    parts = [section_of(finding, square=True) for finding in maps.values()]
    return [*parts[:-1], replace(parts[-1], caption=MAPS_CAPTION), section_of(kept)]


def _maps(found: Found) -> dict[str, Finding]:
    """CKA of the layers with each other before, after, and the one minus the other."""
    before, after = (result_of(found[part], CkaResult) for part in ("cka_base", "cka_tuned"))
    names, change = before.sources[0].layer_names, cka_difference(before, after).matrix
    figures = {
        title: (one.values.matrix, cka_heatmap(one.values.matrix, names, names, _cells(one)), [one])
        for title, one in (("Before", before), ("After", after))
    }
    gaps = {**_cells(after), **_cells(before)}
    figures[DIFFERENCE] = (change, difference_heatmap(change, names, names, gaps), [before, after])
    return {
        title: Finding(
            key=f"report_cka_{place}",
            title=f"{SIMILARITY}: {title.lower()}",
            figure=figure,
            caption="",
            shared=MAPS_CAPTION,
            table=pd.DataFrame({"layer": list(names)} | dict(zip(names, matrix.T, strict=True))),
            results=results,
            fields=["matrix"],
            crosses=True,
            documents=(lambda: [cka_difference_document(before, after)]) if title == DIFFERENCE else None,
            name=f"report-cka-{title.lower().replace(' ', '-')}",
            alt=f"CKA of {len(names)} layers with each other: {title.lower()}",
            height=400,
            aspect=0.95,
            view=str(names),
        )
        for place, (title, (matrix, figure, results)) in enumerate(figures.items())
    }


def _cells(result: Result) -> dict[tuple[int, int], str]:
    return {(at[0], at[1]): reason for at, reason in reasons(result, "matrix").items()}


def _kept(found: Found) -> Finding:
    """CKA, common rogue dimensions and kept neighbours, layer by layer."""
    names = found["cka"].sources[0].layer_names
    neighbours = values_of(found["neighbours"], NeighbourOverlap)
    chance = float(neighbours.by_chance)
    rows = layer_rows(found)
    lines = (
        ("cka", "matrix", "geometry (CKA)", [row.cka for row in rows]),
        (
            "rogue_overlap",
            "matrix",
            f"top {values_of(found['rogue_overlap'], RogueOverlapResult).top} dimensions",
            [row.rogue_overlap for row in rows],
        ),
        ("neighbours", "overlap", f"{neighbours.k} nearest neighbours", [row.neighbours_kept for row in rows]),
    )
    series, gaps = [], []
    for place, (part, field, name, kept) in enumerate(lines):
        why = {at[0]: reason for at, reason in reasons(found[part], field).items() if at[0] == at[1]}
        series.append(Series(name, names, np.array(kept, np.float64), undefined=why, place=place))
        gaps.append(field)
    lowest = min(0.0, *(float(np.nanmin(one.values, initial=0.0)) for one in series))
    figure = profile_lines(series, y_title="Kept (CKA, or share in common)", y_range=(lowest - 0.03, 1.03))
    figure.add_hline(y=chance, line={"color": MUTED, "dash": "dot", "width": 1})
    margin_name(figure, chance, "neighbours,<br>by chance", MUTED, shift=8)
    return Finding(
        key="report_kept",
        title=KEPT,
        figure=figure,
        caption=KEPT_CAPTION,
        table=pd.DataFrame({"layer": list(names)} | {one.name: one.values for one in series}),
        results=[found[part] for part, *_ in lines],
        fields=gaps,
        expected=lambda gap: len(gap.index) > 1 and gap.index[0] != gap.index[1],
        crosses=True,
        name="report-kept",
        alt=f"What {len(names)} layers kept",
        height=400,
        view=str(names),
    )


def dimensions(plan: ReportPlan, found: Found) -> list[Section]:
    """The table of the layers: principal rogue dimensions, overlaps, leading components."""
    st.subheader(DIMENSIONS)
    frame = pd.DataFrame([_layer_cells(row) for row in layer_rows(found)])
    whole = ("highest variance, before", "highest variance, after", "components gained")
    frame = frame.astype(dict.fromkeys(whole, "Int64"))
    show_table(frame)
    values = values_of(found["rogue_overlap"], RogueOverlapResult)
    caption = (
        f"Top {values.top} in common: share of the {values.top} dimensions of highest variance that both models have; by chance "
        f"{number_text(values.chance, 'share')}. Highest variance: the index of the one dimension that varies most over all rows. Components gained: leading "
        "principal components before the first whose share of the variance fell."
    )
    st.caption(caption)
    return [Section(DIMENSIONS, caption, table=cells_of(frame))]


def _layer_cells(row: Any) -> dict[str, Any]:
    cells = {
        "layer": row.layer,
        "highest variance, before": row.principal_before,
        "highest variance, after": row.principal_after,
        "top in common": row.rogue_overlap,
        "components gained": row.components_gained,
        "CKA": row.cka,
        "neighbours kept": row.neighbours_kept,
    }
    floats = ("top in common", "CKA", "neighbours kept")
    return {name: float("nan") if value is None and name in floats else value for name, value in cells.items()}


def components(plan: ReportPlan, found: Found) -> list[Section]:
    """The ratio of explained variances in the layer of the summary."""
    st.subheader(COMPONENTS)
    result = result_of(found["variance_ratio"], VarianceRatioResult)
    values, source = result.values, result.sources[0]
    at, layer = source.layers.index(plan.layer), plan.base.layer_names[plan.layer]
    n_components = common_components(result.sources)
    n_classes = _n_classes(found)
    shown = values.ratio.shape[1]
    known = bool(np.isfinite(values.ratio[at]).any())
    figure = variance_ratio_chart(
        values.ratio[[at]],
        [layer],
        [int(values.n_above_one[at])],
        n_classes=n_classes if n_classes is not None and n_classes <= shown else None,
        n_components=n_components,
        models=(plan.tuned.spec.name, plan.base.spec.name),
    )
    finding = Finding(
        key="report_ratio",
        title=f"{COMPONENTS}: {layer}",
        figure=figure if known else None,
        caption=ratio_caption(shown, n_components, n_classes, marked=bool(values.n_above_one[at] > 0)),
        table=pd.DataFrame({"component": range(1, shown + 1), "after over before": values.ratio[at]}),
        results=[result],
        fields=["ratio"],
        expected=elsewhere(at),
        empty=f"There is nothing to draw: {layer} has no variance in one of the models.",
        name="report-variance-ratio",
        layer=layer,
        alt=f"Explained variance after over before, of {shown} components in {layer}",
        height=400,
        view=f"{layer} {shown}",
    )
    show(finding)
    return [section_of(finding)] if known else []


def _n_classes(found: Found) -> int | None:
    return int(values_of(found["threshold_base"], ThresholdResult).split.n_used) if "threshold_base" in found else None


def accuracies(found: Found, row_name: str) -> list[Section]:
    """Accuracy of the highest-variance dimension and of all dimensions over depth, before and after."""
    st.subheader(ACCURACIES)
    series = []
    for place, (part, name) in enumerate((("threshold_base", "before"), ("threshold_tuned", "after"))):
        result = result_of(found[part], ThresholdResult)
        why = {at[0]: reason for at, reason in reasons(result, "accuracy").items()}
        names = result.sources[0].layer_names
        values = result.values
        series += [
            Series(f"all dimensions, {name}", names, values.fitted_accuracy, undefined=why, place=place),
            Series(f"highest variance, {name}", names, values.accuracy, undefined=why, place=place, style=2),
        ]
    figure = profile_lines(series, y_title="Test accuracy (share of texts)", y_range=(0, 1.03), unit="accuracy")
    of = values_of(found["threshold_base"], ThresholdResult)
    majority_line(figure, of.split.majority)
    finding = Finding(
        key="report_accuracy",
        title=ACCURACIES,
        figure=figure,
        caption=(
            "Share of the test rows whose class is found from all dimensions of a layer by a fitted head (solid) and by a cut through the dimension of "
            f"highest variance over the training rows (dotted), before and after. {sampling_error_words(of.sampling_error, of.split.n_test, row_name, holders(of.split))}"
        ),
        table=pd.DataFrame({"layer": list(names)} | {one.name: one.values for one in series}),
        results=[found["threshold_base"], found["threshold_tuned"]],
        fields=["accuracy", "fitted_accuracy"],
        crosses=True,
        name="report-accuracy",
        alt="Accuracy over depth, before and after",
        height=440,
        view=str(names),
    )
    show(finding)
    return [section_of(finding)]


def labels(plan: ReportPlan, found: Found) -> list[Section]:
    """Each label's least distance before and after, and the table of it."""
    st.subheader(LABELS)
    result = result_of(found["clusters"], DirectProbeResult)
    values = result.values
    changes = label_changes(result)
    columns = ["label", "before", "after", "change", "distance"]
    rows = [[one.label, one.before, one.after, one.change, one.verdict] for one in changes]
    table = pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[1:4], "float64"))
    models = (f"before: {short_model(plan.base.spec.name)}", f"after: {short_model(plan.tuned.spec.name)}")
    known = bool(np.isfinite(np.array([values.other_minimum[0], values.minimum[0]])).any())
    figure = change_chart(values.other_minimum[0], values.minimum[0], models, values.split.classes) if known else None
    finding = Finding(
        key="report_least",
        title=LABELS,
        figure=figure,
        caption=LEAST_CAPTION if len(changes) > 2 else f"{TWO_CAPTION} {UNITS}",
        table=table,
        results=[result],
        fields=["minimum", "other_minimum"],
        name="report-label-distances",
        layer=result.sources[0].layer_names[0],
        alt=f"Minimum distance of {len(changes)} labels before and after",
        height=420,
        view=str(values.split.classes),
    )
    show(finding)
    show_table(table)
    parts = [section_of(finding)] if known else []
    return [*parts, Section("Each label", table=(columns, rows))]


def moved(plan: ReportPlan, found: Found, texts: TextTable, row_name: str) -> list[Section]:
    """The rows that kept least of their neighbours; the table on the screen has all columns of the text set, the report the label alone."""
    title = MOVED.format(row_name)
    st.subheader(title)
    result = result_of(found["neighbours"], NeighbourOverlap)
    rows = moved_rows(result, plan.layer)
    layer = plain(plan.base.layer_names[plan.layer])
    at = result.sources[0].layers.index(plan.layer)
    if not rows:
        st.info(
            f"Nothing is known of {layer}: {plain(reasons(result, 'overlap').get((at, at), 'it has no neighbours'))}."
        )
        return []
    caption = (
        f"{MOVED_CAPTION} The mean over {len(result.values.row_index):,} rows is "
        f"{number_text(result.values.overlap[at, at], 'share')}; unrelated spaces share "
        f"{number_text(result.values.by_chance, 'share')} by chance."
    )
    listed = [one.text for one in rows]
    known = {"row": [row + 1 for row in listed], "neighbours kept": [one.kept for one in rows]}
    table = pd.DataFrame(with_cells(known, texts, listed, label=plan.label))
    list_rows(listed, table.iloc.__getitem__, key="report_moved")
    st.caption(caption)
    short = table.iloc[:, : list(table.columns).index("text") + 1]
    return [Section(title, caption, table=cells_of(short))]
