"""One object for a figure, and one call that shows it with everything that belongs beside it.

How a page uses it::

    chosen = show(
        Finding(
            key="clusters_least",              # of the chart on the page, and what the files are called
            title=f"Minimum distances in {model}",
            figure=least_chart(...),           # None where there is nothing to draw; ``empty`` is then said instead
            caption=LEAST_CAPTION,             # plain text, names of users in it as they are: show() escapes it
            table=lambda: least_rows(result),  # the numbers that THIS figure draws, one row each or one column a line
            results=[result],                  # where they come from: provenance, notes, JSON and recipe, file names
            fields=["distances"],              # the fields of the results that the figure draws
            view=..., height=..., select=..., frames=..., alt=...,  # as in plot(); chosen is what plot() returns
        )
    )

Drawn are, from top to bottom: the figure, its caption, what is undefined in ``fields`` and why, provenance and notes,
and the downloads. A page with several figures wraps them in ``with said_once():``; then provenance and notes of all of
them come once, where the block ends (or, with ``said_once(below_each=True)``, below the first figure that they are about), and
a reason that was given under one figure is not listed again under the next. A figure of one layer names it (``layer``) and leaves out the gaps of others (``expected=elsewhere(place)``). A figure whose
numbers are in no ``Result`` gives ``documents`` for the JSON file and ``about`` (model, text set) for the file names.
"""

import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from backend import Result, SeriesInfo, Undefined, result_document
from pages._kit.charts.base import short_model
from pages._kit.show.export import csv_text, html_page, json_text, origin, part_of
from pages._kit.show.findings import provenance, reasons_over_steps, say_undefined, undefined_reasons
from pages._kit.show.plot import ChartSelection, Frames, Select, plot
from pages._kit.state.gathering import gathered
from pages._kit.state.session import plain

NOTHING = "There is nothing to draw: every number is undefined."
MOST_NAMED = 2  # models in a file's name
_PART_CHARS = 48  # of a file's name
_RECIPE_HELP = "The whole result, with the recipe that computes it again: `python -m backend run recipe.json`."


def _whole(_: Undefined) -> bool:
    return False


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """A figure with its numbers and where they come from.

    ``title``, ``caption`` and ``alt`` (the title, if empty) are plain text; ``shared`` is what a page says once for several figures,
    and so stands in the files alone. ``table`` holds the numbers that the figure draws,
    or makes them when they are asked for. ``fields`` are those of ``results`` that are drawn; a gap for which ``expected`` is true
    is not said, and ``crosses`` says that the figure marks gaps ×. ``name`` (the key, if empty), ``layer`` and ``about``
    (model and text set, where no result says them) make the names of files. ``documents`` make the JSON file, where that is not
    one document for each result. Results of the checkpoints of a ``series`` are spoken of together, under its name.
    ``height`` ... ``frames`` are those of ``plot``.
    """

    key: str
    title: str
    figure: go.Figure | None
    caption: str
    table: pd.DataFrame | Callable[[], pd.DataFrame]
    results: Sequence[Result] = ()
    fields: Sequence[str] = ()
    expected: Callable[[Undefined], bool] = _whole
    crosses: bool = False
    shared: str = ""
    empty: str = NOTHING
    name: str = ""
    layer: str = ""
    about: Sequence[str] = ()
    series: SeriesInfo | None = None
    documents: Callable[[], Sequence[dict[str, Any]]] | None = None
    alt: str = ""
    height: int = 480
    aspect: float | None = None
    view: str = ""
    select: Select = "none"
    frames: Frames | None = None

    def numbers(self) -> pd.DataFrame:
        """The table; of a part of a text set with a column that says which part."""
        table = self.table() if callable(self.table) else self.table
        part = part_of(self.results)
        return table.assign(texts=part) if part else table

    def gaps(self) -> list[str]:
        """Why numbers that the figure would draw do not exist, each reason once."""
        reasons = undefined_reasons if self.series is None else reasons_over_steps
        return reasons(self.results, self.fields, self.expected)


def elsewhere(*at: int | None) -> Callable[[Undefined], bool]:
    """Whether a gap is of another place of the result, such as another layer, than ``at`` (for ``Finding.expected``).

    ``at`` has the first indices of what is drawn, None where all are.
    """
    return lambda gap: any(one is not None and one != other for one, other in zip(at, gap.index, strict=False))


@dataclass(slots=True)
class _Said:
    below_each: bool
    results: dict[str, Result] = field(default_factory=dict)
    reasons: set[str] = field(default_factory=set)
    lines: set[str] = field(default_factory=set)
    series: SeriesInfo | None = None


_SAID: ContextVar[_Said | None] = ContextVar("said", default=None)


@contextmanager
def said_once(*, below_each: bool = False, also: Sequence[Result] = ()) -> Iterator[None]:
    """Within this block provenance and notes are said once: of all findings at its end, or of each what is new.

    ``also`` are results that are said at its end, whether a finding draws them or not.
    """
    block = _Said(below_each, {result.fingerprint: result for result in also})
    token = _SAID.set(block)
    try:
        yield
    finally:
        _SAID.reset(token)
    provenance(list(block.results.values()), series=block.series)


def show(finding: Finding) -> ChartSelection:
    """Draw a figure with caption, gaps, origin and downloads; returns what is selected in it."""
    chosen = ChartSelection()
    if (figures := gathered()) is not None:
        figures[finding.key] = finding
        return chosen
    if finding.figure is not None:
        chosen = plot(
            finding.figure,
            key=finding.key,
            alt=finding.alt or finding.title,
            height=finding.height,
            aspect=finding.aspect,
            view=finding.view,
            select=finding.select,
            frames=finding.frames,
            file_name=file_stem(finding),
        )
        if finding.caption:
            st.caption(plain(finding.caption))
    block = _SAID.get() or _Said(below_each=True)
    _say_gaps(finding, block)
    if block.below_each:
        provenance(finding.results, block.lines, finding.series)
    else:
        block.series = finding.series
        block.results |= {result.fingerprint: result for result in finding.results}
    _offer(finding)
    return chosen


def _say_gaps(finding: Finding, block: _Said) -> None:
    """What is undefined and why; reasons that stand above already in few words."""
    why = finding.gaps()
    new = [reason for reason in why if reason not in block.reasons]
    block.reasons |= set(why)
    if finding.figure is None:
        say_undefined(why, finding.results, lead=finding.empty)
        if not why:
            st.info(plain(finding.empty))
    elif new:
        say_undefined(new, finding.results, crosses=finding.crosses)
    elif why:
        crosses = "marked × and " if finding.crosses else ""
        st.caption(f"Numbers that are undefined, for reasons given above, are {crosses}left out here as well.")


def _offer(finding: Finding) -> None:
    """The downloads of one figure; a file is made when its button is pressed. SVG and PNG are made by the chart itself."""
    stem = file_stem(finding)
    recipe = bool(finding.results)
    with st.container(horizontal=True, key=f"{finding.key}_downloads", gap="small"):
        st.download_button(
            "CSV",
            lambda: csv_file(finding),
            f"{stem}.csv",
            "text/csv",
            key=f"{finding.key}_csv",
            type="tertiary",
            icon=":material/table:",
            help="The numbers of this figure as a table.",
        )
        st.download_button(
            "Parquet",
            lambda: parquet_file(finding),
            f"{stem}.parquet",
            "application/vnd.apache.parquet",
            key=f"{finding.key}_parquet",
            type="tertiary",
            icon=":material/table_rows:",
            help="The same table with types and every digit: `pandas.read_parquet`.",
        )
        st.download_button(
            "JSON and recipe" if recipe else "JSON",
            lambda: json_file(finding),
            f"{stem}.json",
            "application/json",
            key=f"{finding.key}_json",
            type="tertiary",
            icon=":material/data_object:",
            help=_RECIPE_HELP if recipe else "All that this figure is drawn from.",
        )
        if finding.figure is None:
            return
        st.download_button(
            "HTML figure",
            lambda: html_file(finding),
            f"{stem}.html",
            "text/html",
            key=f"{finding.key}_html",
            type="tertiary",
            icon=":material/web:",
            help="The interactive figure in one file that opens without the dashboard and without a network (5 MB). "
            "SVG and PNG are in the figure's tool bar.",
        )


def file_stem(finding: Finding) -> str:
    """What the files of a figure are called: the figure, its models, the text set and the layer, where known."""
    sources = [source for result in finding.results for source in result.sources]
    models = list(dict.fromkeys(short_model(source.model) for source in sources))
    if finding.series is not None:
        models = [short_model(finding.series.name)]
    if len(models) > MOST_NAMED:
        models = [models[0], f"{len(models) - 1} more"]
    layers = {source.layer_names for source in sources}
    alone = next(iter(layers))[0] if len(layers) == 1 and len(next(iter(layers))) == 1 else ""
    texts = dict.fromkeys(source.texts for source in sources)
    about = [models, list(texts)] if sources else [[part] for part in finding.about]
    parts = [[finding.name or finding.key], *about, [finding.layer or alone]]
    return "_".join(filter(None, ("+".join(map(_slug, part)) for part in parts)))


def _slug(text: str) -> str:
    """Text that is safe in a file's name on every system; letters of all languages stay."""
    return re.sub(r"[^\w.+]+|_+", "-", text)[:_PART_CHARS].strip("-.")


def csv_file(finding: Finding) -> bytes:
    """The table as CSV with a byte order mark, for spreadsheets; formulas are defused, undefined numbers are empty."""
    table = finding.numbers()
    cells = table.astype(object).where(table.notna(), None)
    return csv_text(list(map(str, table.columns)), list(cells.itertuples(index=False, name=None))).encode("utf-8-sig")


def parquet_file(finding: Finding) -> bytes:
    """The table as Parquet, the types kept; undefined numbers are NaN."""
    out = io.BytesIO()
    table = finding.numbers()
    table.set_axis(list(map(str, table.columns)), axis=1).to_parquet(out, index=False, engine="pyarrow")
    return out.getvalue()


def json_file(finding: Finding) -> bytes:
    """The results with their recipes, or the finding's own documents."""
    make = finding.documents
    documents = [result_document(result) for result in finding.results] if make is None else make()
    return json_text(documents).encode()


def html_file(finding: Finding) -> bytes:
    """The figure as one file, with its caption, what is undefined in it, and where it comes from."""
    assert finding.figure is not None
    notes = [*(f"Undefined: {reason}" for reason in finding.gaps()), *origin(finding.results, finding.series)]
    caption = " ".join(filter(None, (finding.caption, finding.shared)))
    return html_page(finding.figure, title=finding.title, caption=caption, notes=notes).encode()
