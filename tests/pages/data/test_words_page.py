"""Words on the pages: a CoNLL-U file is uploaded, its task chosen, and every page then pools by words."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import backend
from pages._kit.state import session
from tests.pages.data.test_shell_pages import words
from tests.textsets.conllu_text import SMALL, word

APP = str(Path(__file__).resolve().parents[3] / "app.py")


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[AppTest, Any]]:
    """The dashboard over an empty cache, run once, and the workbench behind it."""
    monkeypatch.setenv("EMBEDSCOPE_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("EMBEDSCOPE_BACKEND", raising=False)
    bench = backend.open_workbench()
    monkeypatch.setattr(session, "_open", lambda: bench)
    yield AppTest.from_file(APP, default_timeout=120).run(), bench
    bench.close()


def test_a_conllu_file_is_saved_for_a_task_and_pooled_by_words(app: tuple[AppTest, Any]) -> None:
    at, bench = app
    at.switch_page("pages/data/texts/page.py").run()
    at.file_uploader(key="add_file").upload("small.conllu", SMALL.encode()).run()
    assert not at.exception
    assert "9 words" in words(at) and "multiword" in words(at)
    assert not [box for box in at.selectbox if box.key.startswith("add_column")], "no column is to be chosen"
    assert not [toggle for toggle in at.toggle if toggle.key in ("add_header", "add_clean")]
    at.selectbox(key="add_task_conllu").set_value("deprel").run()
    assert "7 word pairs" in words(at) and "2 roots" in words(at)
    at.button(key="add_save").click().run()
    assert not at.exception
    assert "with 7 word pairs" in words(at)
    info = bench.text_set_info("small")
    assert (info.spec.unit, info.label) == ("word_pair", "deprel")
    assert at.sidebar.get("button_group")[0].proto.disabled, "rows of words have a pooling of their own"
    assert "side by side" in "".join(caption.value for caption in at.sidebar.caption)
    at.switch_page("pages/geometry/profiles/page.py").run()
    assert not at.exception and "This run:" in words(at)


def test_a_broken_line_is_said_with_its_number(app: tuple[AppTest, Any]) -> None:
    at, _ = app
    at.switch_page("pages/data/texts/page.py").run()
    at.file_uploader(key="add_file").upload("broken.conllu", word(1, "a", head=4).encode()).run()
    assert not at.exception
    assert "Line 1: the head is word 4" in words(at) and "column HEAD" in words(at)
