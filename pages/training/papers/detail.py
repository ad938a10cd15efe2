"""A row of the table, opened: the paper's numbers beside ours, the ways to have it, what it takes, and what differs."""

import pandas as pd
import streamlit as st

from backend import (
    AGREES,
    DISAGREES,
    ESTIMATED_FROM,
    PRESETS,
    Ours,
    PaperChoice,
    PaperRow,
    ResolveTask,
    commands_of,
    estimate_words,
    fingerprint,
    found_of,
    general_commands,
    ours_of,
    ours_words,
    own_address,
    own_words,
    recorded,
)
from pages._kit.charts.base import short_model
from pages._kit.flow.progress import run_panel
from pages._kit.state.session import plain, workbench
from pages.training.papers.rows import State, group_words, link, links

MOST_COMMANDS = 6
MOST_RECORDED = 3
VERDICTS = {AGREES: (":material/thumb_up:", "green"), DISAGREES: (":material/thumb_down:", "red")}


def show_detail(row: PaperRow, state: State, chosen: PaperChoice | None) -> None:
    """Everything about a row."""
    with st.container(border=True, key=f"papers_detail_{row.key}"):
        if row.absent:
            st.info(plain(row.absent), icon=":material/info:")
        if row.claim:
            rule = plain(row.rule[0].upper() + row.rule[1:])
            st.markdown(f"The paper says ({row.said_at}) that {plain(row.claim)}. :small[:gray[{rule}.]]")
        left, right = st.columns(2)
        with left:
            _numbers(row, state)
        with right:
            _ways(row, state, chosen)
        _differences(row)


def _numbers(row: PaperRow, state: State) -> None:
    """The paper's numbers, ours for this choice, and those recorded."""
    if row.printed:
        st.markdown("**The paper's numbers**")
        st.table(pd.DataFrame(row.printed, columns=["of", "as printed"]).set_index("of"))
    else:
        st.caption("The paper prints no numbers of it.")
    if state.parts:
        st.markdown("**Ours, for this choice**")
    for place, part in enumerate(state.parts):
        found = [result for result in found_of(workbench(), part) if result is not None]
        if len(found) == len(part.asked):
            _ours(ours_of(row, part, found), group_words(part))
        else:
            st.caption(plain(group_words(part)))
            run_panel(part.specs, f"papers_{row.key}_{place}")
    about, records = recorded()
    if lines := [ours_words(record) for record in records.get(row.key, ())[:MOST_RECORDED]]:
        st.markdown("**Recorded**", help=f"Of {plain(about)}")
        st.caption("  \n".join(map(plain, lines)))


def _ours(ours: Ours, whose: str) -> None:
    """The verdict, and the numbers as a table."""
    icon, color = VERDICTS.get(ours.verdict, (":material/visibility:", "gray"))
    st.markdown(f":{color}-badge[{icon} {ours.verdict}] {plain(whose)}")
    if ours.caveat:
        st.caption(f":material/info: {plain(ours.caveat)}")
    judged = dict(ours.by_model)
    rows = [(_whose(one.model, judged), one.name, one.text) for one in ours.numbers]
    st.table(pd.DataFrame(rows, columns=["model", "number", "value"]).set_index("model"))


def _whose(model: str, judged: dict[str, str]) -> str:
    """Of which models a number is, and whether the paper's sentence holds for it, where each is judged for itself."""
    names = " and ".join(map(short_model, model.split(" and "))) if model else "all"
    return f"{names} ({judged[model]})" if len(judged) > 1 and model in judged else names


def _ways(row: PaperRow, state: State, chosen: PaperChoice | None) -> None:
    """The links, the commands and the estimate: of this choice, and of the paper's own."""
    st.markdown("**With this choice**")
    if state.why_not:
        st.info(plain(state.why_not), icon=":material/block:")
    else:
        links(row, state, most=len(state.addresses))
    commands = _commands(row, state, chosen)
    st.code("\n".join(commands[:MOST_COMMANDS]), language="bash", wrap_lines=True)
    if len(commands) > MOST_COMMANDS:
        st.caption(f"And {len(commands) - MOST_COMMANDS} more, of the other models.")
    st.markdown("**With the paper's own models and texts**")
    _own(row)


def _commands(row: PaperRow, state: State, chosen: PaperChoice | None) -> list[str]:
    if chosen is None or not state.parts:
        return general_commands(row)
    return [command for part in state.parts for command in commands_of(workbench(), row, chosen, part)]


def _own(row: PaperRow) -> None:
    """The link with the paper's own, whether the hub gives its first model, and what one GPU would take."""
    with st.container(key=f"papers_own_{row.key}", width="content"):
        link(own_address(row), "Open with the paper's own", icon=":material/menu_book:")
    st.caption(plain(own_words(row)))
    if row.own.models:
        st.caption(_reached(row.own.models[0]))
    if row.steps:
        st.caption(f"On one GPU: {plain(estimate_words(row))}.", help=ESTIMATED_FROM)


def _reached(name: str) -> str:
    """Whether the hub gives a model here, as far as that is known; it is asked once."""
    bench, task = workbench(), ResolveTask(name)
    if bench.peek(task) is not None:
        return f":material/cloud_done: {plain(name)} can be had here."
    status = bench.status(fingerprint(task)) or bench.start(task)
    if status.state == "failed":
        return f":material/cloud_off: {plain(status.error)} {plain(status.hint)}"
    return f":material/cloud_sync: {plain(name)} is being looked up: open the row again in a moment."


def _differences(row: PaperRow) -> None:
    """Why ours may differ, and what the paper leaves open."""
    presets = [PRESETS[metric] for metric in row.metrics]
    unlike = [*row.differs, *(reason for preset in presets for reason in preset.unlike)]
    left = [*row.open, *(reason for preset in presets for reason in preset.open)]
    if unlike:
        st.caption(f"**Reasons for a difference.** {plain('; '.join(dict.fromkeys(unlike)))}.")
    if left:
        st.caption(f"**Left open by the paper.** {plain('; '.join(dict.fromkeys(left)))}.")
