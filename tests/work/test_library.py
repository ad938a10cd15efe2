"""The text sets that are there: found by digest and by name, deleted with what was made from them."""

from pathlib import Path

import pytest

from backend import InvalidRequest, Settings, TextSetError, TextTable
from backend.bench.wiring import open_store
from backend.bench.workbench import Workbench
from backend.textsets.builtin import BUILTIN
from backend.work.library import Library

TABLE = TextTable("mine", ("one", "two", "three"), columns={"kind": ("a", "b", "a")}, label="kind")


@pytest.fixture
def library(settings: Settings) -> Library:
    return Library(open_store(settings))


def test_the_built_in_sets_come_first_and_what_is_saved_twice_is_there_once(library: Library) -> None:
    first, again = library.save(TABLE), library.save(TABLE)
    assert first.spec == again.spec
    assert [info.spec.name for info in library.infos()] == [*BUILTIN, "mine"]


def test_a_set_is_found_by_digest_name_and_spec(library: Library, settings: Settings) -> None:
    info = library.save(TABLE)
    for which in (info.spec.table, "mine", info.spec):
        table = library.table(which)
        assert (table.name, table.texts, table.columns, table.label) == ("mine", TABLE.texts, TABLE.columns, "kind")
    assert Library(open_store(settings)).spec(info.spec) == info.spec, "by a process that has not read it yet"
    assert library.info("mine").classes == ("a", "b")


def test_what_is_not_there_is_refused_by_name(library: Library) -> None:
    info = library.save(TABLE)
    with pytest.raises(InvalidRequest, match="no text set"):
        library.info("nobody's")
    with pytest.raises(InvalidRequest, match="no column 'tag'") as refused:
        library.label_spec(info.spec, "tag")
    assert "kind" in refused.value.hint
    library.delete(info.spec.table)
    with pytest.raises(TextSetError, match="not in the store"):
        library.table(info.spec)


def test_a_file_that_holds_other_rows_than_its_digest_is_set_aside(library: Library, settings: Settings) -> None:
    info, other = library.save(TABLE), library.save(TextTable("mine", ("other", "rows")))
    store = open_store(settings)
    text = store.get_texts(other.spec.table)
    assert text is not None
    store.put_texts(info.spec.table, text, {})
    with pytest.raises(TextSetError, match="is damaged"):
        Library(store).table(info.spec)


def test_deleting_a_text_set_deletes_what_was_made_from_it(bench: Workbench, reviews: Path) -> None:
    texts = bench.read_texts(reviews, text="text", label="label")
    same_texts = bench.read_texts(reviews, text="text", name="again")
    spec = bench.analysis("cka", models=[bench.model("minilm")], texts=texts)
    bench.wait(spec)
    assert bench.delete_text_set(texts.spec.table) == 0, "another set has the same texts"
    assert bench.peek(spec) is not None
    assert bench.delete_text_set(same_texts.spec.table) == 7 * 3 + 1
    assert bench.peek(spec) is None and not bench.is_cached(spec.inputs)
    with pytest.raises(TextSetError, match="built in"):
        bench.delete_text_set("sentiment")
