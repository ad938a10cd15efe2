"""What every page starts from: the one workbench of this process, and errors shown as a message with a remedy."""

import gc
import re
import string
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import streamlit as st
from streamlit.runtime.scriptrunner import StopException, get_script_run_ctx

import backend
from backend import EmbedscopeError, ServiceError, ServiceLost, visible
from pages._kit.state.login import say_who_asks
from pages._kit.state.view import view

if TYPE_CHECKING:
    from backend.bench.workbench import Workbench

_LISTS = "_lists_of_this_run"
# What Markdown takes for an address: a name of a model at a commit or step has no dot after its @, and stays as it is to be copied
_ADDRESS = re.compile(r"(?<=http)(?=s?://)|(?<=www)(?=\.)|(?<=[\w.+-])(?=@[\w-]+\.[\w-])", re.IGNORECASE)
_NO_WIDTH = "\u2060"  # word joiner: no line is broken there either
_LOOK_SECONDS = 1.5  # between two looks whether a lost service is there again
_PUNCTUATION = str.maketrans({mark: f"\\{mark}" for mark in string.punctuation})


@st.cache_resource(show_spinner=False)
def freeze_once() -> bool:
    """Take everything that is loaded by now out of the garbage collector's rounds (Streamlit collects at each rerun)."""
    import pandas  # noqa: F401 - loaded now, so that they are frozen too
    import plotly.graph_objects  # noqa: F401
    import pyarrow.compute  # noqa: F401 - else the first search waits for it

    gc.collect()
    gc.freeze()
    return True


_LENT: list["Workbench"] = []


def lend(bench: "Workbench") -> None:
    """Let the pages of this process use ``bench``: where no dashboard runs, and they are run for their figures alone."""
    _LENT[:] = [bench]


@st.cache_resource(show_spinner=False)
def _open() -> "Workbench":
    if _LENT:
        return _LENT[0]
    if not backend.read_settings().backend:  # without a service every analysis would run, and freeze, the dashboard
        raise ServiceError(
            "The dashboard was started without its backend service.",
            "Start both with 'make run', or name a running service in EMBEDSCOPE_BACKEND.",
        )
    say_who_asks()
    return backend.open_workbench()


def look_anew() -> None:
    """At the start of a run of the whole app: lists that were asked for in the run before are asked for again, once."""
    st.session_state[_LISTS] = {}


def workbench() -> "Workbench":
    """The workbench of this process; raises ServiceError while the backend service cannot be reached.

    In a run of the whole app it asks for each list once; a fragment that runs by itself asks whenever it wants to know.
    """
    lists = st.session_state.get(_LISTS)
    return _open() if lists is None or _by_itself() else _open().asking_once(lists)


def _by_itself() -> bool:
    """Whether a fragment runs, and not the whole app."""
    context = get_script_run_ctx(suppress_warning=True)
    return context is None or bool(context.fragment_ids_this_run)


def plain(text: str) -> str:
    """``text`` so that Markdown shows it as it is: nothing in it is a link, a colour, a formula or a heading.

    A bare address is found behind all escapes, so a character of no width stands in it; characters that nobody sees are
    written out, for some would turn round the words behind them.
    """
    return _ADDRESS.sub(_NO_WIDTH, visible(text)).translate(_PUNCTUATION).replace("\n", " ").replace("\r", " ")


def show_problem(message: str, hint: str = "") -> None:
    """Show what happened and what to do about it; both may hold words of the user's and are shown as they are."""
    st.error(plain(message) + (f"\n\n{plain(hint)}" if hint else ""), icon=":material/error:")


def end_page() -> NoReturn:
    """End the page here; what belongs to every page, such as its address, is still drawn, which ``st.stop`` would forbid."""
    raise StopException


@contextmanager
def problems_shown() -> Iterator[None]:
    """Within this block an EmbedscopeError becomes its message and hint on the page instead of a traceback."""
    try:
        yield
    except ServiceLost as error:
        view().lost = True
        _say_lost(error)
        _until_it_answers()
    except ServiceError as error:
        show_problem(error.message, error.hint or "Start it with 'make run', then try again.")
        if st.button("Try again", key="service_retry", icon=":material/refresh:"):
            st.rerun()
    except EmbedscopeError as error:
        show_problem(error.message, error.hint)


@contextmanager
def service_may_be_lost() -> Iterator[None]:
    """Within this block, in a fragment that runs by itself: where the service does not answer, the whole page says so."""
    try:
        yield
    except ServiceLost as error:
        if _by_itself():
            st.rerun()
        _say_lost(error)


def _say_lost(error: ServiceLost) -> None:
    show_problem(error.message, error.hint)
    st.caption(
        ":material/sync: This page goes on by itself as soon as the service answers. Finished results are kept; a job "
        "that was running has to be run again."
    )


@st.fragment(run_every=_LOOK_SECONDS)
def _until_it_answers() -> None:
    """Draw the page again once the service answers."""
    try:
        workbench().health()
    except ServiceLost:
        return
    except ServiceError:
        pass  # it answers, and the page says what
    if _by_itself():
        st.rerun()
