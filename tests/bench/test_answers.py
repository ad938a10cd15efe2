"""Results and tables of texts are decoded once in a process, and missed at once when they are gone; lists are asked for once."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend import Settings, open_workbench
from backend.bench.workbench import Workbench
from backend.forms.codec import Codec
from backend.jobs.client import ClientExecutor
from backend.store import Store
from backend.store.remembered import Remembered
from tests.models.tiny import SEGMENTS, bert_config, save

TEXTS = ["a dog", "a cat", "a cow in a field", "two dogs"]


@pytest.fixture
def spec(bench: Workbench, tmp_path: Path) -> Any:
    model = bench.model(str(save(tmp_path / "model", bert_config(), model_input_names=SEGMENTS)))
    return bench.analysis("cka", models=[model], texts=bench.add_texts(TEXTS), pooling="mean")


def test_a_result_is_decoded_once_and_cannot_be_changed(
    bench: Workbench, spec: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = bench.wait(spec)
    monkeypatch.setattr(Codec, "result_from_parts", lambda *parts: pytest.fail("it was decoded again"))
    again = bench.peek(spec)
    assert again is not None and again.values.matrix is first.values.matrix
    with pytest.raises(ValueError, match="read-only"):
        again.values.matrix[0] = np.nan


def test_a_result_that_another_process_deletes_or_writes_anew_is_noticed(
    bench: Workbench, spec: Any, settings: Settings
) -> None:
    first, other = bench.wait(spec), open_workbench(settings)
    other._store.forget_result(first.fingerprint)
    assert bench.peek(spec) is None
    again = other.wait(spec)
    found = bench.peek(spec)
    assert found is not None and found.seconds == again.seconds != first.seconds
    other.close()


def test_what_is_remembered_is_bounded_and_of_one_state_of_a_file() -> None:
    kept: Remembered[str] = Remembered(10)
    kept.keep("large", (1, 11, 0), "large")
    kept.keep("none", None, "none")
    assert kept.get("large", (1, 11, 0)) is None and kept.get("none", None) is None
    for key in "ab":
        kept.keep(key, (1, 5, 0), key)
    assert kept.get("a", (1, 5, 0)) == "a"
    kept.keep("c", (1, 5, 0), "c")
    assert kept.get("b", (1, 5, 0)) is None, "b was used longest ago"
    assert kept.get("a", (1, 5, 1)) is None, "another state of the file"
    assert kept.get("a", (1, 5, 0)) is None and kept.get("c", (1, 5, 0)) == "c"


def test_lists_are_asked_for_once_until_something_changes(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    text_sets = bench._executor.text_sets
    monkeypatch.setattr(bench._executor, "text_sets", lambda: asked.append("text sets") or text_sets())
    once = bench.asking_once({})
    assert once.text_sets() == once.text_sets() and len(asked) == 1
    assert bench.text_sets() and len(asked) == 2, "the workbench itself always asks"
    info = once.add_texts(["one", "two"])
    assert info in once.text_sets()
    once.delete_text_set(info.spec.table)
    assert info not in once.text_sets()


def test_a_client_has_the_built_in_texts_and_decodes_a_stored_set_once(
    bench: Workbench, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = bench.add_texts(TEXTS)
    store = Store(settings.cache, budget=settings.cache_bytes)
    client = ClientExecutor(store, bench._codec, address="http://127.0.0.1:9", token="")
    builtin = next(one for one in bench.text_sets() if one.builtin)
    assert client.text_table(builtin.spec.table).texts == bench.text_set(builtin).texts
    assert client.text_table(info.spec.table) is client.text_table(info.spec.table)
    bench.delete_text_set(info.spec.table)
    monkeypatch.setattr(client, "_ask", lambda method, path: pytest.fail(f"asks for {path}"))
    with pytest.raises(pytest.fail.Exception, match=info.spec.table):
        client.text_table(info.spec.table)
    client.close()
