"""What a run will take, in words: texts, tokens, disk, the forward pass and the computation after it, and how sure that is."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from backend import ActivationSpec, AnalysisSpec, Cost
from pages._kit.show import wording
from pages._kit.state.session import plain

if TYPE_CHECKING:
    from backend.bench.workbench import Workbench

FIRST_GUESS = "a first guess: nothing like it has been measured here yet"


def say_cost(bench: "Workbench", cost: Cost, specs: Sequence[AnalysisSpec]) -> None:
    """The line above Run."""
    counted = "; token counts include special tokens, which pass through the model too" if cost.n_tokens else ""
    again = not cost.n_texts and any(bench.metrics()[spec.metric].network for spec in specs)
    line = cost_sentence(cost, specs) + (" The network is then run again, as described above." if again else "")
    st.caption(line, help=plain(cost.note + counted) or None)


def cost_sentence(cost: Cost, specs: Sequence[AnalysisSpec] = ()) -> str:
    """What a run will take, in one line of Markdown."""
    if not cost.n_texts:
        left = f": {work_left(specs)}" if specs else ""
        time = f"; {time_words(cost)}" if cost.metric_seconds else ""
        return (
            "The activations are already in the cache, so no forward pass is needed. What is left is the computation"
            f"{left}{time}."
        )
    parts = [
        f"{'' if cost.counted else 'about '}{_texts(cost, specs)}",
        f"{'' if cost.counted else 'about '}{wording.count(cost.n_tokens, 'token')}",
        f"{wording.size(cost.n_bytes)} on disk",
        f"{_about(cost.seconds)} for the forward pass",
    ]
    if cost.n_truncated:
        parts.append(f"{cost.n_truncated:,} longer than the limit, to be truncated")
    if cost.metric_seconds:
        parts += [f"{_about(cost.metric_seconds)} for the computation", f"in all {time_words(cost)}"]
    return ":material/schedule: This run: " + " · ".join(parts)


def _texts(cost: Cost, specs: Sequence[AnalysisSpec]) -> str:
    """How many texts pass through the model; of a set in which some are alike, that those are passed once."""
    n_rows = max((wanted.texts.n_rows for spec in specs for wanted in spec.inputs), default=0)
    unit = {wanted.texts.unit for spec in specs for wanted in spec.inputs}
    if unit == {"text"} and cost.counted and cost.n_texts < n_rows:
        return f"{cost.n_texts:,} of {wording.count(n_rows, 'text')} (the others have the same tokens as one of these)"
    return wording.count(cost.n_texts, "text")


def time_words(cost: Cost) -> str:
    """The whole time with its spread: "about 12 s (8 to 20 s)"; says where it is a first guess."""
    whole = seconds_words(cost.whole_seconds, cost.low, cost.high)
    return whole if cost.measured else f"{whole}, {FIRST_GUESS}"


def seconds_words(seconds: float, low: float, high: float) -> str:
    """A time with its spread: "about 12 s (8 to 20 s)"."""
    return f"{_about(seconds)}{_spread(low, high)}"


def work_left(specs: Sequence[AnalysisSpec]) -> str:
    """What the metrics of ``specs`` still have to go through: "2 metrics, 7 layers of 440 rows each"."""
    names = dict.fromkeys(spec.metric for spec in specs)
    inputs = dict.fromkeys(wanted for spec in specs for wanted in spec.inputs)
    rows = dict.fromkeys(_row_words(wanted) for wanted in inputs)
    return f"{wording.count(len(names), 'metric')}, {wording.count(len(inputs), 'layer')} of {' or '.join(rows)}"


def _row_words(wanted: ActivationSpec) -> str:
    texts = wording.count(wanted.texts.n_rows, "text")
    if wanted.pooling != "tokens":
        return wording.count(wanted.texts.n_rows, "row")
    if wanted.tokens is None or wanted.tokens.limit is None:
        return f"all token vectors of {texts}"
    return f"up to {wanted.tokens.limit:,} token vectors"


def _about(seconds: float) -> str:
    said = wording.duration(seconds)
    return said if seconds < 1 else f"about {said}"


def _spread(least: float, most: float) -> str:
    low, high = wording.duration(least), wording.duration(most)
    if most < 1 or low == high:
        return ""
    if least < 1:
        return f" (up to {high})"
    number, unit = low.split(" ", 1)
    same = unit == high.split(" ", 1)[-1] and " " not in unit
    return f" ({number if same else low} to {high})"
