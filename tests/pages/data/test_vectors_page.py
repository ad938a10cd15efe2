"""Own vectors on the page Models: looked at, given their texts, saved, chosen, deleted; an error keeps what is there."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from streamlit.testing.v1 import AppTest

import backend
from pages._kit.state import session
from pages.data.models import vectors
from tests.pages.data.test_shell_pages import words

APP = str(Path(__file__).resolve().parents[3] / "app.py")
ROWS = np.random.default_rng(0).normal(size=(2, 9, 6)).astype(np.float32)


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[AppTest, Any]]:
    """The tab of own vectors, over a text set of nine rows."""
    monkeypatch.setenv("EMBEDSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("EMBEDSCOPE_BACKEND", raising=False)
    bench = backend.open_workbench()
    bench.add_texts([f"text {place}" for place in range(9)], name="nine")
    monkeypatch.setattr(session, "_open", lambda: bench)
    at = AppTest.from_file(APP, default_timeout=120)
    at.query_params["models_view"] = "Own vectors"
    at.run()
    yield at.switch_page("pages/data/models/page.py").run(), bench
    bench.close()


def npy(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def upload(at: AppTest, name: str, content: bytes) -> AppTest:
    at.file_uploader(key="vectors_file").upload(name, content).run()
    for _ in range(3):
        at.run()
    assert not at.exception
    return at


def box(at: AppTest, kind: str, start: str) -> Any:
    return next(one for one in getattr(at, kind) if str(one.key).startswith(start))


def press(at: AppTest, key: str) -> AppTest:
    at.button(key=key).click().run()
    for _ in range(3):
        at.run()
    assert not at.exception
    return at


def test_a_file_is_looked_at_given_its_texts_and_saved(page: tuple[AppTest, Any]) -> None:
    at, bench = page
    upload(at, "mine.npy", npy(ROWS))
    said = words(at)
    assert "npy · 2 layers · 9 rows · 6 dimensions · float32" in said.replace("\\", "")
    chosen = box(at, "selectbox", "vectors_texts_")
    assert chosen.value.startswith("nine"), "the set with as many rows comes first"
    chosen.set_value("sentiment").run()
    assert any("9 rows, the text set 'sentiment' has 440" in error.value.replace("\\", "") for error in at.error)
    assert at.button(key="vectors_save").disabled
    box(at, "selectbox", "vectors_texts_").set_value(chosen.options[0]).run()
    box(at, "text_input", "vectors_name_").set_value("a name").run()
    at.button(key="vectors_save").click().run()
    assert any("Vectors cannot be called" in error.value.replace("\\", "") for error in at.error)
    assert box(at, "selectbox", "vectors_texts_").value.startswith("nine"), "what was chosen is still there"
    box(at, "text_input", "vectors_name_").set_value("mine").run()
    press(at, "vectors_save")
    assert "Saved vectors:mine" in words(at).replace("\\", "")
    (info,) = bench.vector_sets()
    assert (info.name, info.n_dims, info.layer_names) == ("mine", 6, ("layer 0", "layer 1"))


def test_a_broken_file_says_why_and_the_next_one_is_read(page: tuple[AppTest, Any]) -> None:
    at, _bench = page
    upload(at, "broken.npy", npy(np.where(np.arange(9)[:, None] == 3, np.nan, ROWS[0])))
    assert any("in row 4" in error.value.replace("\\", "") for error in at.error)
    upload(at, "good.npy", npy(ROWS[0]))
    assert not at.error and "1 layer · 9 rows" in words(at)


def test_a_parquet_file_brings_its_texts(page: tuple[AppTest, Any]) -> None:
    at, bench = page
    stream = io.BytesIO()
    columns = {"text": [f"some text {place}" for place in range(9)], "label": list("aabbaabba")}
    columns |= {
        name: pa.array(rows.tolist(), pa.list_(pa.float32())) for name, rows in zip(("x", "y"), ROWS, strict=True)
    }
    pq.write_table(pa.table(columns), stream)
    upload(at, "table.parquet", stream.getvalue())
    assert box(at, "selectbox", "vectors_texts_").value == "The file's own texts"
    box(at, "multiselect", "vectors_layers_").set_value(["y"]).run()
    press(at, "vectors_save")
    (info,) = bench.vector_sets()
    assert info.layer_names == ("y",) and bench.text_set(info.texts).columns["label"] == tuple("aabbaabba")
    model = bench.model("vectors:table")
    assert bench.compute("threshold", model=model, texts=bench.text_set_info(info.texts.table)).sources[0].n_dims == 6


def test_the_buttons_choose_them_with_their_texts_and_delete_them(page: tuple[AppTest, Any], monkeypatch) -> None:
    at, bench = page
    bench.add_vectors(ROWS, name="mine", texts="nine")
    at.run()
    state: dict[str, Any] = {"vectors_use": {"row": 0, "label": "Use"}}
    chosen: list[Any] = []
    with monkeypatch.context() as patch:
        patch.setattr(vectors.st, "session_state", state)
        patch.setattr(vectors.model_field, "choose_models", lambda names: chosen.append(list(names)))
        patch.setattr(vectors, "_choose_their_texts", lambda info: chosen.append(info.texts.name))
        patch.setattr(vectors, "workbench", lambda: bench)
        vectors.choose_row("vectors_use", ["mine"])
        assert chosen == [["vectors:mine"], "nine"]
        state["vectors_delete"] = {"row": 0, "label": "Delete"}
        vectors.choose_row("vectors_delete", ["mine"])
    at.session_state["_vectors_to_delete"] = state["_vectors_to_delete"]
    at.run()
    at.button(key="vectors_delete_confirm").click().run()
    assert not at.exception and bench.vector_sets() == []


def test_the_sub_layers_of_a_model_become_vectors_that_can_be_chosen(page: tuple[AppTest, Any]) -> None:
    at, bench = page
    at.selectbox(key="sub_layers_pooling").set_value("cls").run()
    at.button(key="sub_layers_start").click().run()
    at.run()
    assert not at.exception
    info = next(one for one in bench.vector_sets() if "sublayers" in one.name)
    assert info.layer_names[1] == "block 1, attention" and info.name.endswith("sentiment-cls")
    assert f"Saved vectors:{info.name}" in " ".join(one.value for one in at.success).replace("\\", "")
