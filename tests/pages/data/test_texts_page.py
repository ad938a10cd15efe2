"""The page Texts: its rows are searched to the last one; which of two sets of one name goes is the one that is shown."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import backend
from pages._kit.state import session
from tests.pages.data.test_shell_pages import words

APP = str(Path(__file__).resolve().parents[3] / "app.py")


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[AppTest, Any]]:
    """The page Texts over an empty cache, and the workbench behind it."""
    monkeypatch.setenv("EMBEDSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("EMBEDSCOPE_BACKEND", raising=False)
    bench = backend.open_workbench()
    monkeypatch.setattr(session, "_open", lambda: bench)
    at = AppTest.from_file(APP, default_timeout=120).run()
    yield at.switch_page("pages/data/texts/page.py").run(), bench
    bench.close()


def rows(at: AppTest) -> list[int]:
    """The numbers of the rows on show."""
    tables = [table.value for table in at.dataframe if "row" in table.value]
    return [] if not tables else tables[0]["row"].tolist()


def test_a_word_that_only_row_9000_has_is_found(page: tuple[AppTest, Any], tmp_path: Path) -> None:
    at, bench = page
    lines = "".join(f"{'a needle' if row == 9_000 else f'hay {row}'},{'ab'[row % 2]}\n" for row in range(1, 10_002))
    (tmp_path / "hay.csv").write_text("text,label\n" + lines)
    info = bench.read_texts(tmp_path / "hay.csv", text="text", label="label", name="hay")
    at.run()
    at.selectbox(key="texts_shown").set_value(info.shown_name).run()
    assert "10,001 texts" in words(at) and rows(at) == list(range(1, 101))
    at.session_state["texts_page"] = 101  # the last one
    at.run()
    assert rows(at) == [10_001]
    at.text_input(key="texts_search").set_value("needle").run()
    assert not at.exception
    assert rows(at) == [9_000] and "1 of 10,001 texts matches." in words(at)
    at.text_input(key="texts_search").set_value('"hay 77" b').run()
    assert rows(at) == [row for row in range(1, 10_002) if str(row).startswith("77") and row % 2]
    at.text_input(key="texts_search").set_value("^hay [12]$").run()
    assert not rows(at) and "No row matches" in words(at)
    at.toggle(key="texts_search_expression").set_value(True).run()
    assert rows(at) == [1, 2] and "2 of 10,001 texts match." in words(at)
    at.text_input(key="texts_search").set_value("(hay").run()
    assert not at.exception and "cannot be read" in words(at)


def test_what_a_search_found_is_selected_combined_and_shown_alone(page: tuple[AppTest, Any]) -> None:
    at, bench = page
    table = bench.text_set("sentiment")
    held = {word: [row for row, text in enumerate(table.texts) if word in text.lower()] for word in ("great", "film")}
    assert all(held.values()) and not any(toggle.key == "texts_selected" for toggle in at.toggle)
    at.text_input(key="texts_search").set_value("great").run()
    assert at.button(key="texts_select").label == f"Select the {len(held['great'])} matches of great"
    at.button(key="texts_select").click().run()
    at.segmented_control(key="chosen_how").set_value("add").run()
    at.text_input(key="texts_search").set_value("film").run()
    assert at.button(key="texts_select").label.startswith("Add the ")
    at.button(key="texts_select").click().run()
    both = sorted({*held["great"], *held["film"]})
    assert at.session_state["_view"].kept["chosen"] == both
    at.toggle(key="texts_selected").set_value(True).run()
    assert rows(at) == [row + 1 for row in held["film"]]
    at.text_input(key="texts_search").set_value("").run()
    assert not at.exception and rows(at) == [row + 1 for row in both]
    at.button(key="chosen_clear").click().run()
    assert len(rows(at)) == 100 and at.session_state["_view"].kept["chosen_how"] == "replace"


def test_of_two_sets_of_one_name_the_one_on_show_is_deleted(page: tuple[AppTest, Any], tmp_path: Path) -> None:
    at, bench = page
    two = []
    for word in ("older", "newer"):
        (tmp_path / f"{word}.csv").write_text("text\n" + "".join(f"The {word} row {row}\n" for row in range(4)))
        two.append(bench.read_texts(tmp_path / f"{word}.csv", text="text", name="same"))
    at.run()
    at.selectbox(key="texts_shown").set_value(two[0].shown_name).run()
    at.button(key="texts_delete").click().run()
    assert any(two[0].shown_name in text.value for text in at.text), "the question says which one"
    at.button(key="texts_delete_confirm").click().run()
    assert not at.exception
    assert [info for info in bench.text_sets() if not info.builtin] == [two[1]]


TABLE = b"id,sentence,mood,source\n" + b"".join(b"%d,A fine day number %d,up,b%d\n" % (i, i, i % 2) for i in range(6))


def upload(at: AppTest, name: str, content: bytes) -> AppTest:
    return at.file_uploader(key="add_file").upload(name, content).run()


def columns(at: AppTest) -> dict[str, Any]:
    """The fields that say which column is what, by the word in their key."""
    fields = [*at.selectbox, *at.multiselect]
    return {field.key.split("_")[2]: field for field in fields if (field.key or "").startswith("add_column_")}


def test_every_column_of_an_upload_is_kept_unless_it_is_left_out(page: tuple[AppTest, Any]) -> None:
    at, bench = page
    upload(at, "days.csv", TABLE)
    columns(at)["text"].select("sentence")
    columns(at)["label"].select("mood").run()
    assert columns(at)["less"].options == ["id", "source"] and columns(at)["less"].value == []
    at.button(key="add_save").click().run()
    assert not at.exception
    assert set(bench.text_set_info("days").columns) == {"mood", "id", "source"}
    at.button(key="add_another").click().run()
    upload(at, "other.csv", TABLE)
    columns(at)["text"].select("sentence").run()
    columns(at)["less"].select("id").run()
    at.button(key="add_save").click().run()
    assert set(bench.text_set_info("other").columns) == {"mood", "source"}


def test_the_header_toggle_follows_the_file(page: tuple[AppTest, Any]) -> None:
    at, bench = page
    upload(at, "days.csv", TABLE)
    assert at.toggle(key="add_header").value is True
    upload(at, "bare.csv", TABLE.partition(b"\n")[2])
    assert not at.exception and at.toggle(key="add_header").value is False
    assert columns(at)["text"].options == ["0", "1", "2", "3"]
    at.toggle(key="add_header").set_value(True).run()
    assert columns(at)["text"].options == ["0", "A fine day number 0", "up", "b0"] and "5 rows" in words(at)
    at.toggle(key="add_header").set_value(False).run()
    at.button(key="add_save").click().run()
    assert set(bench.text_set_info("bare").columns) == {"0", "2", "3"}


def test_what_was_chosen_is_there_again_after_a_refusal(page: tuple[AppTest, Any]) -> None:
    at, _ = page
    upload(at, "days.csv", TABLE)
    columns(at)["text"].select("mood")
    columns(at)["label"].select("source").run()
    columns(at)["less"].select("id").run()
    name = next(field for field in at.text_input if (field.key or "").startswith("add_name_"))
    name.set_value("my days").run()
    at.selectbox(key="add_format").select("Parquet").run()
    assert "does not begin with PAR1" in words(at) and not columns(at)
    at.selectbox(key="add_format").select("Detect").run()
    assert {key: field.value for key, field in columns(at).items() if key in ("text", "label", "less")} == {
        "text": "mood",
        "label": "source",
        "less": ["id"],
    }
    assert next(field for field in at.text_input if (field.key or "").startswith("add_name_")).value == "my days"


def test_a_file_called_as_a_built_in_set_is_offered_another_name(page: tuple[AppTest, Any]) -> None:
    at, bench = page
    upload(at, "topics.csv", TABLE)
    assert next(field for field in at.text_input if (field.key or "").startswith("add_name_")).value == "topics-2"
    at.button(key="add_save").click().run()
    assert bench.text_set_info("topics-2").spec.n_rows


def test_classes_are_renamed_in_a_set_of_its_own(page: tuple[AppTest, Any]) -> None:
    at, bench = page
    at.selectbox(key="texts_shown").set_value("sentiment").run()
    at.button(key="texts_rename").click().run()
    assert not at.exception and at.button(key="rename_save").disabled
    form = AppTest.from_function(_renaming, default_timeout=60).run()  # AppTest closes a dialog at every run
    next(field for field in form.text_input if field.label == "positive").set_value("good").run()
    assert form.button(key="rename_save").label == "Rename 1 class"
    form.button(key="rename_save").click().run()
    assert not form.exception
    task = form.session_state["task"]
    at.session_state["_saving_text_set"] = task
    bench.start(task)
    at.run()
    at.run()
    info = bench.text_set_info("sentiment, renamed")
    assert set(info.classes) == {"good", "negative"}
    assert at.selectbox(key="texts_shown").value == info.shown_name == at.selectbox(key="texts").value
    assert "positive is now good" in words(at)


def _renaming() -> None:
    import streamlit as st

    from pages._kit.state.session import workbench
    from pages.data.texts.renaming import rename_form

    st.session_state["task"] = rename_form(workbench().text_set_info("sentiment"))


def test_two_columns_make_one_text(page: tuple[AppTest, Any]) -> None:
    at, bench = page
    upload(at, "days.csv", b"title,body,label\nOne,first,a\nTwo,second,b\n")
    columns(at)["text"].select("title").run()
    columns(at)["joined"].select("body").run()
    at.button(key="add_save").click().run()
    assert not at.exception
    info = bench.text_set_info("days")
    assert bench.text_set(info.spec.table).texts == ("One\nfirst", "Two\nsecond")


def test_the_set_on_show_and_the_page_of_its_rows_are_in_the_address(page: tuple[AppTest, Any]) -> None:
    at, _ = page
    at.selectbox(key="texts_shown").set_value("topics").run()
    at.session_state["texts_page"] = 2
    at.run()
    assert not at.exception and rows(at)[0] == 101
    drawn = at.session_state["_view"].drawn
    assert drawn["texts_shown"] == ["topics"] and drawn["texts_page"] == ["2"]
    other = AppTest.from_file(APP, default_timeout=120)
    other.query_params["texts_shown"], other.query_params["texts_page"] = "topics", "2"
    other = other.run().switch_page("pages/data/texts/page.py")
    other.query_params["texts_shown"], other.query_params["texts_page"] = "topics", "2"
    other.run()
    assert other.selectbox(key="texts_shown").value == "topics" and rows(other)[0] == 101


def test_a_browser_gets_the_beginning_of_long_texts_alone(page: tuple[AppTest, Any]) -> None:
    at, bench = page
    long = "word " * 19_000
    lines = "".join(f'{{"text": "{row} {long}", "note": "{long}", "label": "{"ab"[row % 2]}"}}\n' for row in range(60))
    upload(at, "long.jsonl", lines.encode())
    assert not at.exception and _sent(at) < 400_000
    info = bench.add_texts([f"{row} {long}" for row in range(60)], name="long")
    at.run()
    at.selectbox(key="texts_shown").set_value(info.shown_name).run()
    assert not at.exception and len(rows(at)) == 60
    table = next(table.value for table in at.dataframe if "row" in table.value)
    assert set(table["text"].str.len()) == {2_001} and table["text"].str.endswith("…").all()
    assert "60 cells of this table have more than 2,000 characters" in words(at)
    assert _sent(at) < 400_000


def _sent(at: AppTest) -> int:
    """The bytes of all elements on the page."""
    return sum(node.proto.ByteSize() for node in at._tree if hasattr(getattr(node, "proto", None), "ByteSize"))
