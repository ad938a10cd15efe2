"""Selection: any one number per layer of the selected texts, beside the rest, all, and as many drawn at random."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from backend import AnalysisSpec, PartTask, Result, SampleTask, TextSetInfo, other_rows
from pages._kit.charts.base import short_model
from pages._kit.charts.depth import CAPTION, Series, profile_lines
from pages._kit.flow.controls import params_form
from pages._kit.flow.progress import run_panel
from pages._kit.show.columns import folded_table
from pages._kit.show.finding import Finding, said_once, show
from pages._kit.show.findings import heading, reasons
from pages._kit.show.kept import drawn_once
from pages._kit.show.measures import MEASURES, LayerMeasure
from pages._kit.show.wording import count
from pages._kit.state import ask
from pages._kit.state.chosen import chosen_rows
from pages._kit.state.labelled import ONE_MODEL, choose_model
from pages._kit.state.selection import Selection, ready
from pages._kit.state.session import end_page, plain, problems_shown, workbench
from pages.geometry.selection.lesson import SELECTION

WHAT = "Do the selected texts differ from the rest?"
HOW = (
    "Select texts on a map, by a search or by a column; then compare them here with all other texts. Many of these numbers depend on "
    "how many texts there are, so as many texts drawn at random are beside them: what differs from those is not a matter of number."
)
NOTHING = (
    "Nothing is selected. Press Select above to find texts by their words or by a column, or draw a lasso on the map of "
    "Projection; then compare them here with the rest."
)
SELECTED, RANDOM, REST, ALL = "selected", "as many at random", "the rest", "all"
Parts = Mapping[str, PartTask | SampleTask]


def choose_measure() -> LayerMeasure:
    """One number a layer."""
    names = [measure.name for measure in MEASURES]
    name = ask.selectbox("Measure", names, key="selection_measure", width=300)
    return MEASURES[names.index(name)]


def parts_of(texts: TextSetInfo, rows: tuple[int, ...], seed: int) -> Parts:
    """The text sets that the comparison needs beside the whole."""
    bench, others = workbench(), other_rows(rows, texts.spec.n_rows)
    return {
        SELECTED: bench.part_task(texts, rows),
        RANDOM: bench.sample_task(
            texts, len(rows), by="random", seed=seed, name=f"{texts.spec.name}, {len(rows):,} at random"
        ),
        REST: bench.part_task(texts, others, said="not selected"),
    }


def parts_there(parts: Parts) -> dict[str, TextSetInfo] | None:
    """The text sets, if all of them are stored; else the button that makes them."""
    bench = workbench()
    stored = {info.spec.table for info in bench.text_sets()}
    found = {name: bench.peek(task) for name, task in parts.items()}
    there = {name: info for name, info in found.items() if info is not None and info.spec.table in stored}
    if len(there) == len(parts):
        return there
    listed = ", ".join(f"'{task.name}'" for task in parts.values())
    st.caption(plain(f"The comparison needs three text sets, which are kept on the page Texts: {listed}."))
    if st.button("Make the text sets", key="selection_parts_run", type="primary", icon=":material/content_cut:"):
        with problems_shown():
            for task in parts.values():
                bench.wait(task)
            st.rerun()
    return None


def specs_for(
    measure: LayerMeasure, sets: Mapping[str, TextSetInfo], here: Selection, params: dict[str, Any]
) -> tuple[dict[str, AnalysisSpec], str]:
    """One analysis for each set of texts, and the model."""
    model = choose_model(here.models, "selection_model", about=ONE_MODEL)
    shared = {**here.rows, "layers": here.layers, "params": params}
    specs = {
        name: workbench().analysis(measure.metric, models=[model], **{**shared, "texts": info})
        for name, info in sets.items()
    }
    return specs, short_model(model.spec.name)


def line_of(measure: LayerMeasure, name: str, place: int, result: Result, row_name: str) -> Series:
    """The line of one set of texts; the random ones have the band, of what as few texts spread."""
    values, source = result.values, result.sources[0]
    band = name == RANDOM
    return Series(
        f"{name} ({count(source.n_rows, row_name)})",
        source.layer_names,
        getattr(values, measure.field),
        low=getattr(values, f"{measure.field}_low", None) if band else None,
        high=getattr(values, f"{measure.field}_high", None) if band else None,
        undefined={index[0]: reason for index, reason in reasons(result, measure.field).items()},
        place=place,
    )


def table_of(measure: LayerMeasure, found: Mapping[str, Result]) -> pd.DataFrame:
    """One row for each layer and set of texts."""
    rows = [
        {"layer": layer, "of": name, "rows": result.sources[0].n_rows, measure.field: float(value)}
        | {
            end: float(getattr(result.values, end)[place])
            for end in (f"{measure.field}_low", f"{measure.field}_high")
            if name == RANDOM and getattr(result.values, end, None) is not None
        }
        for name, result in found.items()
        for place, (layer, value) in enumerate(
            zip(result.sources[0].layer_names, getattr(result.values, measure.field), strict=True)
        )
    ]
    return pd.DataFrame(rows)


def draw(measure: LayerMeasure, found: Mapping[str, Result], model: str, row_name: str) -> None:
    """All sets of texts in one figure."""
    lines = [line_of(measure, name, place, result, row_name) for place, (name, result) in enumerate(found.items())]
    known = any(np.isfinite(line.values).any() for line in lines)
    banded = any(line.low is not None and np.isfinite(line.low).any() for line in lines)
    parts = (measure.meant(row_name), measure.bias if banded else "", CAPTION.replace("one model", "one set of texts"))
    with said_once(beside="selection"):
        show(
            Finding(
                key="selection_profile",
                title=f"{measure.name} of the selection and of the rest in {model}",
                figure=drawn_once(profile_lines, lines, y_title=measure.axis) if known else None,
                caption=" ".join(filter(None, parts)),
                table=lambda: table_of(measure, found),
                results=list(found.values()),
                fields=[measure.field],
                crosses=True,
                height=400,
                view=f"{measure.field} {model}",
            )
        )
        folded_table("Table", lambda: table_of(measure, found), key="selection_table")


heading("Selection", WHAT, HOW, SELECTION)
here = ready()
rows = chosen_rows()
assert here.texts is not None
if not rows or len(rows) == here.texts.spec.n_rows:
    st.info(NOTHING if not rows else "All texts are selected, so there is no rest.", icon=":material/highlight_alt:")
    end_page()
with st.container(horizontal=True, vertical_alignment="bottom"):
    measure = choose_measure()
    box = st.popover("Settings", icon=":material/tune:")
with box:
    params = params_form(workbench().metrics()[measure.metric].params, f"selection_{measure.metric}")
sets = parts_there(parts_of(here.texts, rows, here.seed))
if sets is not None:
    specs, model = specs_for(measure, {**sets, ALL: here.texts}, here, params)
    results = run_panel(list(specs.values()), "selection")
    if results is not None:
        draw(measure, dict(zip(specs, results, strict=True)), model, here.row_name)
