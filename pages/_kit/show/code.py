"""The menu "Code" below a figure: the command and the Python that compute its results, ready to copy."""

from collections.abc import Sequence

import streamlit as st

from backend import Result
from pages._kit.show.naming import is_path
from pages._kit.state.session import problems_shown, workbench

MOST_WRITTEN = 6  # analyses of one figure
_OPENING = "The code is being written …"


@st.fragment
def code_menu(key: str, results: Sequence[Result], stem: str) -> None:
    """The menu "Code" of the figure ``key``, whose saved files are called ``stem``; opening it runs nothing of the page."""
    box = st.popover("Code", icon=":material/code:", type="tertiary", key=f"{key}_code", on_change="rerun")
    with box:
        if not box.open:
            st.text(_OPENING)
            return
        with problems_shown():
            _write(results, stem)


def _write(results: Sequence[Result], stem: str) -> None:
    commands, python, n_left = code_of(results)
    if commands:
        st.caption("On the command line:")
        st.code("\n".join(commands), language="bash", wrap_lines=True)
    if python:
        st.caption("In a notebook:")
        st.code(python, language="python", wrap_lines=True)
    if any(is_path(source.model) for result in results for source in result.sources):
        st.caption("It names the folder of a local model by its full path: on another machine, write the path there.")
    if n_left:
        st.caption(f"The figure has {n_left:,} more, which the saved file runs too.")
    st.caption("With the file that Save offers as JSON and recipe:")
    st.code(f"python -m backend run {stem}.json", language="bash", wrap_lines=True)


def code_of(results: Sequence[Result]) -> tuple[list[str], str, int]:
    """Commands, and one piece of Python, for the first of ``results``; and how many are left to their recipes."""
    bench = workbench()
    specs = {result.fingerprint: bench.from_recipe(result.recipe) for result in results}
    forms = [form for form in map(bench.written, list(specs.values())[:MOST_WRITTEN]) if form is not None]
    python = "".join(
        form.python if place == 0 else form.python.splitlines()[-1] + "\n" for place, form in enumerate(forms)
    )
    return [form.command for form in forms if form.command], python, len(specs) - len(forms)
