"""Which series of checkpoints a page shows, and which of its steps; kept in the address."""

import re
from collections.abc import Sequence

import streamlit as st

from backend import SeriesInfo
from pages._kit.flow.progress import obtain
from pages._kit.show.wording import count
from pages._kit.state import ask, pinned
from pages._kit.state.model_field import AT_MOST, MOST_NAME_CHARS, is_name, local_series, run_series, series_task
from pages._kit.state.session import end_page, plain, workbench

MOST_STEPS = 64
_KNOWN = "_known_series"
_CHANGED = (
    "{name} now has other checkpoints, or other weights in them, than the link's ({then} then, {now} now): what is drawn is of the "
    "present ones."
)


def choose_series() -> SeriesInfo:
    """The series of the address or of the field, without the checkpoints that cannot be used; else the page ends here."""
    known: dict[str, None] = st.session_state.setdefault(_KNOWN, {})
    names = known_series()
    pinned.take("series")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = ask.named(
            "Series",
            names,
            fits=is_name,
            placeholder="Folder of checkpoints, or owner/name@step*",
            key="series",
            width=420,
            help="A folder with one subfolder per checkpoint (checkpoint-500, step-00128), hub revisions that match a pattern "
            "(`EleutherAI/pythia-160m@step*`), or a fine-tuning run (`run:name`). Type it and press Enter.",
        )
        at_most, steps, problem = _steps()
    if name is None or not str(name).strip():
        _explain()
        end_page()
    if not is_name(name):
        st.error(f"The name of a series has up to {MOST_NAME_CHARS} printable characters.", icon=":material/error:")
        end_page()
    if problem:
        st.error(plain(problem), icon=":material/error:")
        end_page()
    task = series_task(str(name), steps=steps, at_most=at_most)
    found: SeriesInfo | None = obtain(task, "dynamics_series", what=f"Looking up the checkpoints of {name}")
    pinned.settle("series", [name], {} if found is None else {name: found.identity}, _CHANGED)
    if found is None:
        end_page()
    known[str(name)] = None
    _say(found, steps)
    return found


def known_series() -> list[str]:
    """The names of the series that can be chosen: the runs made here, those below the roots, and those that this session has found."""
    known: dict[str, None] = st.session_state.setdefault(_KNOWN, {})
    return list(dict.fromkeys([*run_series(), *local_series(), *known]))


def _steps() -> tuple[int, tuple[int, ...], str]:
    """At most how many checkpoints; or these steps; and what is wrong with what was written."""
    at_most = ask.number_input(
        "At most",
        min_value=2,
        max_value=MOST_STEPS,
        value=AT_MOST,
        step=1,
        key="at_most",
        width=130,
        help="Maximum number of checkpoints, spread evenly over the logarithm of the step, always including the first and the last.",
    )
    text = ask.text_input(
        "Steps",
        "",
        key="steps",
        max_chars=500,
        placeholder="spread",
        width=180,
        help="Only these steps, such as `0, 512, 2745`; empty: spread over the run.",
    )
    steps = parse_steps(text)
    problem = f"Steps: '{text[:40]}' cannot be read. Write whole numbers: 0, 512, 2745." if steps is None else ""
    if steps is not None and len(steps) > MOST_STEPS:
        problem = f"Steps: {len(steps):,} are more than {MOST_STEPS}."
    whole = isinstance(at_most, int) and 2 <= at_most <= MOST_STEPS
    return at_most if whole else AT_MOST, steps or (), problem


def parse_steps(text: str) -> tuple[int, ...] | None:
    """Whole numbers with commas or spaces between them, sorted; empty for none, None where it cannot be read."""
    parts = [part for part in re.split(r"[,;\s]+", text.strip()) if part]
    if not all(re.fullmatch(r"\d{1,12}", part, re.ASCII) for part in parts):
        return None
    return tuple(sorted({int(part) for part in parts}))


def _explain() -> None:
    st.info(
        "Name a series of checkpoints above: a folder of them, revisions on the hub that match a pattern, or a fine-tuning "
        "run. The texts, the pooling, the layers, the label and the seed come from the sidebar; its models are not used.",
        icon=":material/timeline:",
    )
    roots = workbench().model_roots()
    if roots:
        st.caption("Folders can be opened below these roots:")
        st.code("\n".join(roots), language=None)


def _say(found: SeriesInfo, steps: Sequence[int]) -> None:
    """What was taken of what there is; broken checkpoints are named, and left out only when that is asked for."""
    left = (
        ""
        if steps or len(found.members) + len(found.broken) >= found.n_found
        else (f" of {found.n_found:,}, spread evenly over the logarithm of the step")
    )
    listed = ", ".join(f"{step:,}" for step in found.steps)
    st.caption(f"{count(len(found.members), 'checkpoint')}{left}: steps {listed}.")
    if not found.broken:
        return
    lines = "".join(f"\n- step {item.step:,}: {plain(item.reason.rstrip('.'))}" for item in found.broken)
    st.warning(f"{count(len(found.broken), 'checkpoint')} cannot be used:\n{lines}", icon=":material/broken_image:")
    leave = ask.toggle("Leave them out", key="leave_out", help="Continue with the others.")
    if not leave:
        end_page()
