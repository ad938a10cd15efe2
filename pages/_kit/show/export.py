"""What can be taken away from a page: the table as CSV, the result with its recipe as JSON, the figure as one HTML file."""

import csv
import html
import io
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from backend import Result, SeriesInfo, result_document, safe_cell
from pages._kit.charts.base import for_paper
from pages._kit.show.findings import notes_of, source_lines

_HTML_CONFIG = {"displaylogo": False, "showSendToCloud": False, "responsive": True}


def downloads(
    key: str,
    name: str,
    *,
    table: tuple[Sequence[str], Sequence[Sequence[object]]],
    results: Sequence[Result],
    figure: go.Figure,
    title: str,
    caption: str = "",
    documents: Sequence[dict[str, Any]] | None = None,
) -> None:
    """Three buttons for one figure: its numbers (CSV), its results with their recipes (JSON), the figure itself (HTML).

    A file is made when its button is pressed. ``table`` is the column names and the rows; ``name`` starts the file names.
    ``documents`` are what the JSON file holds, where that is not one document for each result.
    """
    if documents is None:
        documents = [result_document(result) for result in results]
    notes = origin(results)
    table = with_sample(table, results)
    with st.container(horizontal=True, key=f"{key}_downloads"):
        st.download_button(
            "CSV",
            lambda: csv_text(*table).encode("utf-8-sig"),
            f"{name}.csv",
            "text/csv",
            key=f"{key}_csv",
            icon=":material/table:",
            help="The numbers of the figure as a table.",
        )
        st.download_button(
            "JSON and recipe",
            lambda: json_text(documents).encode(),
            f"{name}.json",
            "application/json",
            key=f"{key}_json",
            icon=":material/data_object:",
            help="The whole result, with the recipe that computes it again: `python -m backend run recipe.json`.",
        )
        st.download_button(
            "HTML figure",
            lambda: html_page(figure, title=title, caption=caption, notes=notes).encode(),
            f"{name}.html",
            "text/html",
            key=f"{key}_html",
            icon=":material/web:",
            help="The interactive figure in one file that opens without the dashboard and without a network (5 MB).",
        )


def origin(results: Sequence[Result], series: SeriesInfo | None = None) -> list[str]:
    """Where numbers came from, line by line, for a file: models (or their ``series``) and texts, notes, seeds, commits."""
    sources = source_lines(results, series)
    seeds = ", ".join(str(seed) for seed in dict.fromkeys(result.seed for result in results))
    commits = [f"{source.model} is commit {source.commit}" for result in results for source in result.sources]
    return list(dict.fromkeys([*sources, *notes_of(results), *([f"Seed {seeds}"] if seeds else []), *commits]))


def with_sample(
    table: tuple[Sequence[str], Sequence[Sequence[object]]], results: Sequence[Result]
) -> tuple[Sequence[str], Sequence[Sequence[object]]]:
    """``table`` with a column that says which part of a text set its numbers are of; as it is for whole ones."""
    part = part_of(results)
    if not part:
        return table
    columns, rows = table
    return [*columns, "texts"], [[*row, part] for row in rows]


def part_of(results: Sequence[Result]) -> str:
    """Which part of a text set results are of; empty for whole ones."""
    return "; ".join(dict.fromkeys(s.sample for result in results for s in result.sources if s.sample))


def csv_text(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table as CSV; text that a spreadsheet would run as a formula is defused with a leading apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([_cell(name) for name in columns])
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return safe_cell(value)
    if isinstance(value, float | np.floating):
        return repr(float(value)) if np.isfinite(value) else ""
    return "" if value is None else value


def json_text(documents: Sequence[dict[str, Any]]) -> str:
    """One result as an object, several as a list."""
    whole = documents[0] if len(documents) == 1 else list(documents)
    return json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False)


def html_page(figure: go.Figure, *, title: str, caption: str = "", notes: Sequence[str] = ()) -> str:
    """The figure as one HTML file with plotly.js inside, its caption and its notes below it."""
    chart = for_paper(figure).to_html(full_html=False, include_plotlyjs=True, config=_HTML_CONFIG)
    below = "".join(f"<p>{html.escape(line)}</p>" for line in (caption, *notes) if line)
    style = "body{font-family:Helvetica,Arial,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1f2430}"
    name = html.escape(title)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}</title><style>{style}</style></head>'
        f"<body><h1>{name}</h1>{chart}{below}</body></html>"
    )
