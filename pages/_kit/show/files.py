"""The files of a figure: its table in four forms, its results with their recipes, and the figure as a page of its own."""

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import plotly.graph_objects as go

from backend import result_document
from pages._kit.charts.base import short_model
from pages._kit.show.export import cells_of, json_text, origin
from pages._kit.show.naming import file_stem, is_path, model_paths, title_lines, without_paths
from pages._kit.show.plot import chart_document, frame_slug
from pages._kit.show.saving import File, Group
from pages._kit.show.sharing import mark_chosen
from pages._kit.show.standalone import figure_page
from pages._kit.show.typeset import csv_text, latex_text, markdown_text
from pages._kit.show.wording import count
from pages._kit.state.zoom import WHOLE, Zoom, zoomed

if TYPE_CHECKING:
    from pages._kit.show.finding import Finding

MOST_TYPESET = 2000  # rows of a table for reading
PATHS = "Folders of local models are called by their names; their full paths are in the recipe alone, which needs them."
_HTML_HELP = "The interactive figure in one file that opens without the dashboard and without a network (5 MB)."


def groups_of(finding: "Finding", frame: int | None, zoom: Zoom) -> list[Group]:
    """All that a figure can be saved as; the page of its own opens at ``frame``, where the figure is zoomed."""
    stem, files = file_stem(finding), []
    if finding.figure is not None:
        name = "-".join(filter(None, (stem, _frame_name(finding, frame))))
        files.append(File("HTML", f"{name}.html", "text/html", lambda: html_file(finding, frame, zoom), _HTML_HELP))
    pictures = [Group("Figure", files, pictures_of=finding.key)] if files else []
    recipe = bool(finding.results)
    json_help = (
        f"The whole result, with the recipe that computes it again: `python -m backend run {stem}.json`. {PATHS}"
        if recipe
        else "All that this figure is drawn from."
    )
    json_label = "JSON and recipe" if recipe else "JSON"
    numbers = File(json_label, f"{stem}.json", "application/json", lambda: json_file(finding), json_help)
    return [*pictures, _tables(finding, stem), Group("Numbers", [numbers])]


def _tables(finding: "Finding", stem: str) -> Group:
    every_digit = "The same table with types and every digit: `pandas.read_parquet`."
    files = [
        File("CSV", f"{stem}.csv", "text/csv", lambda: csv_file(finding), "The numbers of this figure as a table."),
        File(
            "Parquet", f"{stem}.parquet", "application/vnd.apache.parquet", lambda: parquet_file(finding), every_digit
        ),
    ]
    n_rows = len(finding.numbers())
    if n_rows > MOST_TYPESET:
        note = f"Markdown and LaTeX: tables of up to {count(MOST_TYPESET, 'row')}; this one has {n_rows:,}."
        return Group("Table", files, note=note)
    return Group("Table", [*files, *typeset_files(stem, cells_of(_named(finding)), title_lines(finding), finding.unit)])


def typeset_files(
    stem: str, table: tuple[Sequence[str], Sequence[Sequence[object]]], title: Sequence[str], unit: str = "number"
) -> list[File]:
    """A table (its columns and rows) below its ``title``, for reading: Markdown and LaTeX."""
    short = "The table for a text, numbers as on the page"

    def markdown() -> bytes:
        return markdown_text(*table, title=title, unit=unit).encode()

    def latex() -> bytes:
        return latex_text(*table, title=title, label=stem, unit=unit).encode()

    return [
        File("Markdown", f"{stem}.md", "text/markdown", markdown, f"{short}."),
        File("LaTeX", f"{stem}.tex", "text/x-tex", latex, f"{short}; it needs booktabs."),
    ]


def _frame_name(finding: "Finding", frame: int | None) -> str:
    return "" if finding.frames is None or frame is None else frame_slug(finding.frames, frame)


def csv_file(finding: "Finding") -> bytes:
    """The table as CSV with a byte order mark, for spreadsheets; formulas are defused, undefined numbers are empty."""
    return csv_text(*cells_of(_named(finding))).encode("utf-8-sig")


def parquet_file(finding: "Finding") -> bytes:
    """The table as Parquet, the types kept; undefined numbers are NaN."""
    out = io.BytesIO()
    table = _named(finding)
    table.set_axis(list(map(str, table.columns)), axis=1).to_parquet(out, index=False, engine="pyarrow")
    return out.getvalue()


def _named(finding: "Finding") -> pd.DataFrame:
    """The table with models by their short names, where they are names of folders; texts are left as they are."""
    table, paths = finding.numbers(), model_paths(finding)
    if not paths:
        return table
    names = {path: without_paths(path, finding) for path in paths}
    table = table.replace(names) if table.isin(paths).any(axis=None) else table
    return table.set_axis([without_paths(str(name), finding) for name in table.columns], axis=1)


def json_file(finding: "Finding") -> bytes:
    """The results with their recipes, or the finding's own documents."""
    make = finding.documents
    documents = [result_document(result) for result in finding.results] if make is None else make()
    return json_text([document_without_paths(document, finding) for document in documents]).encode()


def document_without_paths(part: Any, finding: "Finding", key: str = "") -> Any:  # Any: JSON
    """``part`` of a document with the folders of models by their names, but in a recipe, which needs the path to run."""
    if isinstance(part, dict):
        return {
            name: value if name == "recipe" else document_without_paths(value, finding, name)
            for name, value in part.items()
        }
    if isinstance(part, list):
        return [document_without_paths(item, finding, key) for item in part]
    if not isinstance(part, str):
        return part
    named = key in ("model", "name", "series") and is_path(part)
    return short_model(part).lstrip("/") if named else without_paths(part, finding)


def html_file(finding: "Finding", frame: int | None = None, zoom: Zoom = WHOLE, library: str = "") -> bytes:
    """The figure as one file, opened at ``frame`` and ``zoom``, with its caption, what is undefined in it, and its origin.

    ``library`` is a file beside it with plotly.js, which is in the file itself where none is named."""
    assert finding.figure is not None
    frames, title = finding.frames, title_lines(finding)
    if frames is not None:
        initial = frames.initial if frame is None else frame
        frames = replace(frames, label=frames.label or "Step", initial=initial, link="", follows=False)
    figure, below = zoomed(finding.figure, zoom), list(_below(finding))
    if finding.chosen is not None and len(finding.chosen.ids):
        figure = go.Figure(figure)  # the one on the page has its selection from elsewhere
        mark_chosen(figure, finding.chosen)
        below.insert(1, f"What is selected stands out ({len(finding.chosen.ids):,}); all other points are faint.")
    document = chart_document(
        figure,
        alt=finding.alt or finding.title,
        height=finding.height,
        aspect=finding.aspect,
        frames=frames,
        file_name=file_stem(finding),
        title=title,
    )
    return figure_page(without_paths(document, finding), title=title, below=below, library=library).encode()


def _below(finding: "Finding") -> Sequence[str]:
    caption = " ".join(filter(None, (finding.caption, finding.shared)))
    lines = [caption, *(f"Undefined: {reason}" for reason in finding.gaps()), *origin(finding.results, finding.series)]
    return [without_paths(line, finding) for line in lines]
