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
and the menu with its files. A page with several figures wraps them in ``with said_once():``; then provenance and notes of all of
them come once, where the block ends (or, with ``said_once(below_each=True)``, below the first figure that they are about), and
a reason that was given under one figure is not listed again under the next. With ``said_once(beside=KEY)`` what follows the first figure
stands beside it where the screen is wide. A figure of one layer names it (``layer``) and leaves out the gaps of others (``expected=elsewhere(place)``). A figure whose
numbers are in no ``Result`` gives ``documents`` for the JSON file and ``about`` (model, text set) for the file names.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from backend import Result, SeriesInfo, Undefined
from pages._kit.show.beside import FirstPlace, two_columns
from pages._kit.show.code import code_menu
from pages._kit.show.columns import show_table
from pages._kit.show.export import with_part
from pages._kit.show.files import groups_of
from pages._kit.show.findings import provenance, reasons_over_steps, say_undefined, undefined_reasons
from pages._kit.show.naming import file_stem, title_lines
from pages._kit.show.plot import ChartSelection, Frames, Select, plot
from pages._kit.show.saving import save_menu
from pages._kit.show.sharing import Shared
from pages._kit.state.gathering import gathered
from pages._kit.state.session import plain
from pages._kit.state.zoom import Zoom

NOTHING = "There is nothing to draw: every number is undefined."


def _whole(_: Undefined) -> bool:
    return False


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """A figure with its numbers and where they come from.

    ``title``, ``caption`` and ``alt`` (the title, if empty) are plain text; ``shared`` is what a page says once for several figures,
    and so stands in the files alone. ``table`` holds the numbers that the figure draws,
    or makes them when they are asked for. ``fields`` are those of ``results`` that are drawn; a gap for which ``expected`` is true
    is not said, and ``crosses`` says that the figure marks gaps ×. ``unit`` is that of columns of numbers whose names do not say it. ``name`` (the key, if empty), ``layer`` and ``about``
    (model and text set, where no result says them) make the names of files. ``documents`` make the JSON file, where that is not
    one document for each result. Results of the checkpoints of a ``series`` are spoken of together, under its name.
    ``height`` ... ``frames`` and ``made_of`` are those of ``plot``, and ``chosen`` is its ``shared``. What a paper has as a table is
    ``tabular``: the table stands on the page in the place of a figure, its ``columns`` as in ``show_table``.
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
    unit: str = "number"
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
    on_class: Callable[[str], None] | None = None
    chosen: Shared | None = None
    made_of: str = ""
    tabular: bool = False
    columns: dict[str, Any] | None = None

    def numbers(self) -> pd.DataFrame:
        """The table; of a part of a text set with a column that says which part."""
        return with_part(self.table() if callable(self.table) else self.table, self.results)

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
    first: FirstPlace = field(default_factory=FirstPlace)


_SAID: ContextVar[_Said | None] = ContextVar("said", default=None)


@contextmanager
def said_once(*, below_each: bool = False, also: Sequence[Result] = (), beside: str = "") -> Iterator[None]:
    """Within this block provenance and notes are said once: of all findings at its end, or of each what is new.

    ``also`` are results that are said at its end, whether a finding draws them or not. With ``beside``, a key, the first figure has on
    wide screens all the rest of the block at its side; whatever the block draws before it comes after it, too.
    """
    with two_columns(beside) as first:
        block = _Said(below_each, {result.fingerprint: result for result in also}, first=first)
        token = _SAID.set(block)
        try:
            yield
        finally:
            _SAID.reset(token)
        provenance(list(block.results.values()), series=block.series)


def show(finding: Finding) -> ChartSelection:
    """Draw a figure with caption, gaps, origin and the menu of its files; returns what is selected in it."""
    if (figures := gathered()) is not None:
        figures[finding.key] = finding
        return ChartSelection()
    block = _SAID.get() or _Said(below_each=True)
    with block.first.taken():
        return _show(finding, block)


def _show(finding: Finding, block: _Said) -> ChartSelection:
    chosen = ChartSelection()
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
            shared=finding.chosen,
            on_class=finding.on_class,
            made_of=finding.made_of,
            file_name=file_stem(finding),
            title=title_lines(finding),
        )
    elif finding.tabular:
        show_table(finding.numbers(), columns=finding.columns, key=finding.key)
    if finding.caption and (finding.tabular or finding.figure is not None):
        st.caption(plain(finding.caption))
    _say_gaps(finding, block)
    if block.below_each:
        provenance(finding.results, block.lines, finding.series)
    else:
        block.series = finding.series
        block.results |= {result.fingerprint: result for result in finding.results}
    _offer(finding, chosen.frame, chosen.zoom)
    return chosen


def _say_gaps(finding: Finding, block: _Said) -> None:
    """What is undefined and why; reasons that stand above already in few words."""
    why = finding.gaps()
    new = [reason for reason in why if reason not in block.reasons]
    block.reasons |= set(why)
    if finding.figure is None and not finding.tabular:
        say_undefined(why, finding.results, lead=finding.empty)
        if not why:
            st.info(plain(finding.empty))
    elif new:
        say_undefined(new, finding.results, crosses=finding.crosses)
    elif why:
        crosses = "marked × and " if finding.crosses else ""
        st.caption(f"Numbers that are undefined, for reasons given above, are {crosses}left out here as well.")


def _offer(finding: Finding, frame: int | None, zoom: Zoom) -> None:
    """The menus below the figure, whose page of its own opens at ``frame``, where the figure is zoomed."""
    with st.container(horizontal=True, gap="small", key=f"{finding.key}_menus"):
        save_menu(finding.key, lambda: groups_of(finding, frame, zoom))
        if finding.results:
            code_menu(finding.key, finding.results, file_stem(finding))
