"""What belongs beside a figure: how many rows it stands on, the notes of the metric, why a number is undefined."""

from collections import Counter
from collections.abc import Callable, MutableSet, Sequence
from dataclasses import replace

import numpy as np
import streamlit as st

from backend import (
    Result,
    SeriesInfo,
    Source,
    SplitInfo,
    Undefined,
    points_text,
)
from pages._kit.charts.base import short_model
from pages._kit.show.choosing import select_menu
from pages._kit.show.strip import selection_strip
from pages._kit.show.teaching import Teaching, help_menu
from pages._kit.show.wording import count, pooled
from pages._kit.state.address import slot
from pages._kit.state.selection import current, in_words
from pages._kit.state.session import plain


def heading(title: str, what: str, how: str, teaching: Teaching | None = None, *, models: bool = True) -> None:
    """The head of a page: its title, how to read it (folded away, with ``teaching`` where it has examples), and the shared choice.

    ``models`` is whether the page shows those of the shared choice.
    """
    here = current()
    with st.container(horizontal=True, vertical_alignment="center", key="heading"):
        st.title(title, width="content")
        with st.container(width="content"):
            help_menu(what, how, teaching)
        select_menu(here)
        slot()
    selection_strip(here.texts, here.label, in_words(here, models=models))


def reasons(result: Result, field: str) -> dict[tuple[int, ...], str]:
    """Why each undefined number of ``field`` is undefined, by its index."""
    return gaps_of(result.undefined, field, np.shape(getattr(result.values, field)))


def gaps_of(undefined: Sequence[Undefined], field: str, shape: Sequence[int]) -> dict[tuple[int, ...], str]:
    """The reasons among ``undefined`` for the numbers of ``field``, by index; an entry covers all that begins with its own."""
    found = {}
    for gap in undefined:
        if gap.field == field:
            for rest in np.ndindex(*shape[len(gap.index) :]):
                found[(*gap.index, *rest)] = gap.reason
    return found


def provenance(
    results: Sequence[Result], said: MutableSet[str] | None = None, series: SeriesInfo | None = None
) -> None:
    """Where the figure came from: model, rows, dimensions, pooling, truncation; then the notes of its metrics.

    Lines in ``said`` are left out, and those that are said now are put there. The checkpoints of a ``series`` are said
    in one line.
    """
    said = set() if said is None else said
    sources = source_lines(results, series)
    doubts = split_warnings(results)
    notes = [note for note in notes_of(results) if not note.endswith(doubts)]
    for line in dict.fromkeys(sources):
        if line not in said:
            st.caption(plain(line))
    for doubt in doubts:
        if doubt not in said:
            st.warning(plain(doubt), icon=":material/warning:")
    _say_notes([note for note in notes if note not in said])
    said |= {*sources, *doubts, *notes}


def _say_notes(notes: Sequence[str]) -> None:
    """The notes one below the other; of many the first, and the rest folded, so that the files below are not far off."""
    shown = notes if len(notes) <= MOST_NOTES + 1 else notes[:MOST_NOTES]
    for note in shown:
        st.caption(f":material/info: {plain(note)}")
    if len(shown) < len(notes):
        with st.expander(count(len(notes) - len(shown), "more note"), icon=":material/info:"):
            for note in notes[len(shown) :]:
                st.caption(plain(note))


def split_warnings(results: Sequence[Result]) -> tuple[str, ...]:
    """What makes these results doubtful: rows that a model may have been trained on."""
    splits = [getattr(result.values, "split", None) for result in results]  # of a movement it is a split's name
    own = [result.values for result in results]
    return tuple(dict.fromkeys(doubt for one in (*splits, *own) for doubt in getattr(one, "warnings", ())))


def notes_of(results: Sequence[Result]) -> list[str]:
    """The notes of several results, each once; where models differ in them, with the models that they are about."""
    about = {id(result): tuple(dict.fromkeys(source.model for source in result.sources)) for result in results}
    if len(set(about.values())) < 2:
        return list(dict.fromkeys(note for result in results for note in result.notes))
    said: dict[tuple[str, str], list[tuple[str, ...]]] = {}
    for result in results:
        for note in result.notes:
            said.setdefault((result.metric, note), []).append(about[id(result)])
    lines: dict[str, None] = {}
    for (metric, note), who in said.items():
        asked = {about[id(result)] for result in results if result.metric == metric}
        each = "Every model" if all(len(models) == 1 for models in asked) else "Every comparison"
        names = [" with ".join(map(short_model, models)) for models in dict.fromkeys(who)]
        lines[f"{each if len(asked) > 1 and set(who) == asked else ', '.join(names)}: {note}"] = None
    return list(lines)


def sampling_error_words(error: float, n_test: int, row_name: str = "text", runs: Sequence[str] = ()) -> str:
    """How far chance may move an accuracy on ``n_test`` rows, by the result's ``error``, as a sentence, in percentage points.

    ``runs`` are those that had held the test rows out of their training.
    """
    by = f", held out by {' and '.join(runs)}" if runs else ""
    return f"Sampling error of an accuracy: at most {points_text(0.0, error).removeprefix('±0.0 ')} (95 %, {count(n_test, f'test {row_name}')}{by})."


MOST_NOTES = 5  # below a figure, before the rest is folded
PAIRED = (
    "Two accuracies on the same rows are compared by the rows that only one of them gets right (McNemar's exact test, p): below "
    "0.05 the difference is significant."
)


def holders(split: SplitInfo) -> tuple[str, ...]:
    """The runs whose own held-out rows are the test rows of ``split``."""
    return split.runs if split.held_out else ()


def source_lines(results: Sequence[Result], series: SeriesInfo | None = None) -> list[str]:
    """All stacks of activations behind ``results``, each in a line; the checkpoints of a ``series`` alike in one."""
    sources = [source for result in results for source in result.sources]
    if series is not None:
        steps = ", ".join(f"{step:,}" for step in series.steps)
        name = f"{short_model(series.name)} at steps {steps}"
        sources = [replace(source, model=name) for source in sources]
    called = Counter(short_model(name) for name in {source.model for source in sources})
    names = {source.model: short_model(source.model) for source in sources if called[short_model(source.model)] == 1}
    return list(dict.fromkeys(_line(replace(one, model=names.get(one.model, one.model))) for one in sources))


def _line(source: Source) -> str:
    parts = [
        f"{source.model} on {source.texts}",
        f"n = {source.n_rows:,} rows of {source.n_dims:,} dimensions",
        pooled(source.pooling),
    ]
    if source.n_truncated:
        parts.append(f"{count(source.n_truncated, 'text')} truncated to {source.max_length:,} tokens")
    if source.n_empty:
        parts.append(f"{count(source.n_empty, 'empty text')}")
    if source.postprocess:
        parts.append(f"after {', '.join(source.postprocess)}")
    return " · ".join(parts)


def undefined_reasons(
    results: Sequence[Result], fields: Sequence[str], expected: Callable[[Undefined], bool] = lambda _: False
) -> list[str]:
    """Why numbers of these fields do not exist, each reason once; without what is ``expected``."""
    gaps = [gap for result in results for gap in result.undefined if gap.field in fields and not expected(gap)]
    return list(dict.fromkeys(gap.reason for gap in gaps))


def reasons_over_steps(
    results: Sequence[Result], fields: Sequence[str], expected: Callable[[Undefined], bool] = lambda _: False
) -> list[str]:
    """The same of the checkpoints of a series: without the model, which differs at every step, and with how often."""
    gaps = [(result, gap) for result in results for gap in result.undefined if gap.field in fields]
    times = Counter(bare_reason(result, gap.reason) for result, gap in gaps if not expected(gap))
    return [f"{reason.rstrip('.')} ({count(number, 'time')})" for reason, number in times.items()]


def bare_reason(result: Result, reason: str) -> str:
    """A reason without the model and the layer before it, which differ at every step."""
    for source in result.sources:
        for name in (source.model, short_model(source.model)):
            for layer in source.layer_names:
                reason = reason.removeprefix(f"{name}, {layer}: ")
    return reason


def say_undefined(why: Sequence[str], results: Sequence[Result], *, crosses: bool = False, lead: str = "") -> None:
    """A box with these reasons, at most six of them, after ``lead`` if that is not the usual; nothing where there is none."""
    if not why:
        return
    listed = "".join(f"\n- {plain(reason)}" for reason in why[:6])
    more = f"\n- and {count(len(why) - 6, 'more reason')}" if len(why) > 6 else ""
    pooled = {source.pooling for result in results for source in result.sources}
    first = any("embedding" in reason and "identical" in reason for reason in why) and "cls" in pooled
    because = (
        "\n\nBefore the first block no token has seen any other, so the first one ([CLS]) is the same vector in every "
        "text. The pooling mean or last has no such gap."
    )
    left_out = f"Some numbers are undefined. They are {'marked × and ' if crosses else ''}left out, not drawn as 0:"
    st.info(f"{plain(lead) or left_out}\n{listed}{more}{because if first else ''}")
