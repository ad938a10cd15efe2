"""Every page, opened by Ben with links to what is Ada's: what stands on it is what stands there for things that do not exist."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from backend import TextSetSpec, asked_by, asked_through
from backend.bench.workbench import Workbench
from pages._kit.state import chosen, login, session
from tests.service.things import ADA, BEN, SECRET, Things, absent, same_but_for_names

APP = Path(__file__).resolve().parents[2] / "app.py"
KINDS = (
    "alert", "error", "warning", "info", "success", "markdown", "caption", "text", "title", "header", "subheader",
    "selectbox", "multiselect", "dataframe", "arrow_data_frame", "table", "radio", "button", "toggle", "expander", "text_input", "number_input",
)  # fmt: skip


@pytest.fixture
def as_ben(front: Workbench, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The dashboard in this process, before the service, for sessions that say whose they are."""
    monkeypatch.setattr(session, "_open", lambda: front)
    with asked_through(login.person):
        yield


@pytest.fixture(scope="module")
def known(front: Workbench) -> None:
    """Ben has looked minilm up before, so that no page waits for it."""
    with asked_by(BEN):
        front.model("minilm")


def links(of: Things, own: TextSetSpec) -> list[dict[str, Any]]:
    """Addresses that lead to somebody's things in every way that a link can."""
    models = [f"vectors:{of.vectors}", f"run:{of.run}", str(of.runs / of.run)]
    return [
        {"texts": of.table, "model": models, chosen.KEY: "1-3"},
        {
            "texts": own.table, "model": ["minilm", *models[:2]], chosen.KEY: f"kept-{of.selection}", "series": f"run:{of.run}",
            "run": of.run, "component_basis": of.table, "explorer_threshold_basis": of.table,
        },
    ]  # fmt: skip


def said(page: str, query: dict[str, Any]) -> str:
    """Everything that stands on a page for Ben."""
    at = AppTest.from_file(str(APP), default_timeout=120)
    at.session_state[login.GIVEN] = BEN
    for name, value in query.items():
        at.query_params[name] = value
    at.run()
    if page != "data/overview":
        at.switch_page(f"pages/{page}/page.py").run()
    assert not at.exception
    return "\n".join(str(element.proto) for kind in KINDS for element in at.get(kind)).replace("\\", "")  # of Markdown


@pytest.mark.parametrize("page", re.findall(r'"([a-z]+/[a-z_]+)"', APP.read_text("utf-8")))
def test_a_link_to_what_is_anothers_is_like_one_to_nothing(
    page: str,
    as_ben: None,
    known: None,
    ada: Things,
    bens: TextSetSpec,
) -> None:
    nothing = absent(ada)
    for real, unreal in zip(links(ada, bens), links(nothing, bens), strict=True):
        found, missing = said(page, real), said(page, unreal)
        assert SECRET not in found and "xylophonist" not in found and ADA.id not in found
        assert same_but_for_names(found, ada) == same_but_for_names(missing, nothing)
        assert "not shared with you" in found
