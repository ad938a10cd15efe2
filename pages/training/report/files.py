"""What can be taken away from a report: its summary as CSV, all of it as JSON with the recipes, as one HTML page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from backend import NO_NUMBER, Document, Result
from pages._kit.charts.base import for_paper
from pages._kit.show.columns import cell_text
from pages._kit.show.export import cells_of, json_text, origin, with_part
from pages._kit.show.files import PATHS, document_without_paths, typeset_files
from pages._kit.show.finding import Finding
from pages._kit.show.findings import undefined_reasons
from pages._kit.show.naming import without_paths
from pages._kit.show.saving import File, Group, save_menu
from pages._kit.show.standalone import words
from pages._kit.show.typeset import csv_text

Table = tuple[Sequence[str], Sequence[Sequence[Any]]]
_CONFIG = {"displaylogo": False, "showSendToCloud": False, "responsive": True}
_STYLE = (
    "body{font-family:Helvetica,Arial,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1f2430}"
    "table{border-collapse:collapse;margin:1rem 0}td,th{border-bottom:1px solid #ddd;padding:.35rem .6rem;text-align:left;"
    "vertical-align:top}p.caption{color:#555;font-size:.9rem}"
)


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """One part of a report: a heading, a figure or a table or both, and how to read it; a ``square`` figure is kept narrow.

    ``notes`` are lines below it.
    """

    title: str
    caption: str = ""
    figure: go.Figure | None = None
    table: Table | None = None
    square: bool = False
    notes: Sequence[str] = ()


def section_of(finding: Finding, *, square: bool = False, origins: bool = False) -> Section:
    """A figure as a part of a report's file, with what is undefined in it; with ``origins`` also where it comes from."""
    why = undefined_reasons(finding.results, finding.fields, finding.expected)
    notes = tuple(f"Undefined: {reason}" for reason in why)
    caption = finding.caption if finding.tabular or finding.figure is not None else finding.empty
    if origins:
        caption = " ".join(filter(None, (caption, finding.shared)))
        notes = (*notes, *origin(finding.results))
    table = cells_of(finding.numbers()) if finding.tabular else None
    return Section(finding.title, caption, finding.figure, table, square=square, notes=notes)


def report_downloads(
    key: str,
    name: str,
    *,
    title: str,
    table: pd.DataFrame,
    results: Sequence[Result],
    document: Callable[[], Document],
    sections: Sequence[Section],
    notes: Sequence[str],
) -> None:
    """The menu "Save" of a report; ``table`` is the summary of ``results``.

    Folders of local models are called by their names in all its files, but in the recipes, which need their paths to run.
    """
    json_help = f"The numbers, and the recipe of every analysis: `python -m backend run {name}.json` computes them again. {PATHS}"
    html_help = "The report in one file that opens without the dashboard and without a network (5 MB)."

    def groups() -> list[Group]:
        whole = Finding(name, title, None, "", table, results=results)
        page = without_paths(html_report(title, sections, notes), whole).encode()
        numbers = json_text([document_without_paths(document(), whole)]).encode()
        files = [
            File("HTML report", f"{name}.html", "text/html", lambda: page, html_help),
            File("JSON and recipes", f"{name}.json", "application/json", lambda: numbers, json_help),
        ]
        columns, rows = cells_of(with_part(table, results))
        cells = (
            columns,
            [[without_paths(cell, whole) if isinstance(cell, str) else cell for cell in row] for row in rows],
        )
        csv = csv_text(*cells).encode("utf-8-sig")
        summary = File("CSV", f"{name}.csv", "text/csv", lambda: csv, "The summary above.")
        return [Group("Report", files), Group("Table", [summary, *typeset_files(name, cells, [title])])]

    save_menu(key, groups)


def html_report(title: str, sections: Sequence[Section], notes: Sequence[str] = ()) -> str:
    """A report as one HTML page, plotly.js inside it once; all words are escaped."""
    parts, script = [], True
    for section in sections:
        parts.append(f"<h2>{words(section.title)}</h2>")
        if section.table is not None:
            parts.append(_table(*section.table))
        if section.figure is not None:
            figure = for_paper(section.figure)
            chart = figure.to_html(full_html=False, include_plotlyjs=script, config=_CONFIG, default_height=460)
            parts.append(f'<div style="max-width:34rem">{chart}</div>' if section.square else chart)
            script = False
        if section.caption:
            parts.append(f'<p class="caption">{words(section.caption)}</p>')
        parts += [f'<p class="caption">{words(line)}</p>' for line in section.notes]
    parts += [f"<p>{words(line)}</p>" for line in notes]
    name = words(title)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}</title><style>{_STYLE}</style></head>'
        f"<body><h1>{name}</h1>{''.join(parts)}</body></html>"
    )


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    head = "".join(f"<th>{words(str(name))}</th>" for name in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{words(_cell(*cell))}</td>" for cell in zip(columns, row, strict=True)) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(column: str, value: Any) -> str:
    if value is None:
        return NO_NUMBER
    return cell_text(column, value) if isinstance(value, float) else str(value)
