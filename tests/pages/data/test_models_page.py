"""The page Models: what lies below the roots is listed, searched and chosen without typing a path."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import backend
from pages._kit.state import session
from pages.data.models import local
from tests.models.tiny import bert_config, save
from tests.pages.data.test_shell_pages import words

APP = str(Path(__file__).resolve().parents[3] / "app.py")


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    """The page Models over two models and a series of two steps below one root."""
    root = tmp_path / "root"
    for name in ("first-encoder", "second-encoder", "training/step-00000", "training/step-00032"):
        save(root / name, bert_config())
    monkeypatch.setenv("EMBEDSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("EMBEDSCOPE_MODEL_ROOTS", str(root))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("EMBEDSCOPE_BACKEND", raising=False)
    bench = backend.open_workbench()
    monkeypatch.setattr(session, "_open", lambda: bench)
    at = AppTest.from_file(APP, default_timeout=120).run()
    yield at.switch_page("pages/data/models/page.py").run()
    bench.close()


def listed(at: AppTest) -> list[tuple[str, str]]:
    """Last part of the name and kind of every line of the list."""
    table = next((table.value for table in at.dataframe if "Kind" in table.value), None)
    return (
        []
        if table is None
        else [(Path(name).name, kind) for name, kind in zip(table["Name"], table["Kind"], strict=True)]
    )


def test_local_models_are_listed_and_searched(page: AppTest) -> None:
    assert not page.exception
    everything = [("first-encoder", "model"), ("second-encoder", "model"), ("training", "series, 2 checkpoints")]
    assert listed(page) == everything and "3 local models, series and runs" in words(page)
    page.text_input(key="models_local_search").set_value("SECOND enc").run()
    assert listed(page) == everything[1:2] and "1 of 3" in words(page)
    page.text_input(key="models_local_search").set_value("series").run()
    assert listed(page) == everything[2:]
    page.text_input(key="models_local_search").set_value("nothing").run()
    assert not page.exception and "Nothing matches" in words(page)


def test_a_button_of_the_list_chooses_the_model(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    state: dict[str, Any] = {"model": ["minilm"]}
    monkeypatch.setattr(local.st, "session_state", state)
    names = ["/models/a", "/models/b"]
    state["models_local_add"] = {"row": 1, "label": "Add"}
    local.choose_row("models_local_add", names)
    assert state["model"] == ["minilm", "/models/b"]
    local.choose_row("models_local_add", names)
    assert state["model"] == ["minilm", "/models/b"], "it is there already"
    state["models_local_use"] = {"row": 0, "label": "Use"}
    local.choose_row("models_local_use", names)
    assert state["model"] == ["/models/a"]
    state["models_local_use"] = {"row": 7, "label": "Use"}
    local.choose_row("models_local_use", names)
    assert state["model"] == ["/models/a"], "a line that is gone"


def test_facts_call_a_local_folder_by_its_end(page: AppTest, tmp_path: Path) -> None:
    first, second = (str(tmp_path / "root" / name) for name in ("first-encoder", "second-encoder"))
    page.multiselect(key="model").set_value([first, second]).run()
    assert list(page.dataframe[0].value.columns[1:]) == ["root/first-encoder", "root/second-encoder"]
    twins = [str(save(tmp_path / "root" / name / "root" / "twin", bert_config())) for name in ("one", "two")]
    page.multiselect(key="model").set_value(twins).run()
    assert list(page.dataframe[0].value.columns[1:]) == twins, "the same ending twice: the whole path"


def test_without_roots_the_page_says_how_to_set_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EMBEDSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("EMBEDSCOPE_MODEL_ROOTS", raising=False)
    monkeypatch.delenv("EMBEDSCOPE_BACKEND", raising=False)
    bench = backend.open_workbench()
    monkeypatch.setattr(session, "_open", lambda: bench)
    at = AppTest.from_file(APP, default_timeout=120).run()
    at.switch_page("pages/data/models/page.py").run()
    assert not at.exception and "EMBEDSCOPE_MODEL_ROOTS=/path/to/models make run" in words(at)
    bench.close()


def test_the_open_tab_is_in_the_address_and_opens_again(page: AppTest) -> None:
    assert page.session_state["_view"].words["models_view"] == ["Chosen"]
    page.session_state["models_view"] = "Look up a name"
    page.run()
    assert page.session_state["_view"].words["models_view"] == ["Look up a name"]
    for asked, opened in (("Local models and runs", "Local models and runs"), ("None such", "Chosen")):
        at = AppTest.from_file(APP, default_timeout=120)
        at.query_params["models_view"] = asked
        at.run()
        at.switch_page("pages/data/models/page.py").run()
        assert not at.exception and at.session_state["models_view"] == opened
        assert ("models_view" in at.session_state["_view"].gone) == (asked != opened)


def test_first_and_last_of_a_series_are_compared_from_the_earlier_to_the_later(page: AppTest) -> None:
    series = next(name for name in page.dataframe[1].value["Name"] if name.endswith("training"))
    page.text_input(key="models_name").set_value(series).run()
    page.button(key="models_series_ends").click().run()
    steps = [f"{series}/step-00000", f"{series}/step-00032"]
    assert page.session_state["model"][-2:] == steps
    for order in (steps, steps[::-1]):
        page.multiselect(key="model").set_value(order).run()
        page.switch_page("pages/geometry/components/page.py").run()
        page.segmented_control(key="components_view").set_value("Tuned against base").run()
        assert not page.exception
        assert "Before: training/step-00000. After: training/step-00032." in words(page).replace("*", "")
    page.button(key="components_ratio_run").click().run()
    assert not page.exception and page.get("plotly_chart")
    made = [job.choice for job in session._open().jobs() if job.choice and job.choice.metrics == ("variance_ratio",)]
    assert [choice.models for choice in made] == [(steps[1], steps[0])], "the later step over the earlier one"
